//! `Accept-Encoding` (RFC 9110 §12.5.3): which content coding of a representation to send.
//!
//! 1. Every member gives a coding its weight, 0 to 1 (§12.4.2); `*` gives it to all codings that are not named.
//! 2. The coding on offer with the highest weight wins; on equal weights, the one that is liked most here: by default, the one that is
//!    usually smallest.
//! 3. Where nothing else is acceptable, the answer is identity, even if that was refused too: §12.5.3 leaves the choice
//!    between that and a 406, and a reader who gets a page is better off than one who gets an error.

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

use super::{members, quality};

/// How the bytes of a representation are coded (§8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ContentCoding {
    /// Not at all.
    Identity,
    /// RFC 1952
    Gzip,
    /// RFC 8878
    Zstd,
    /// RFC 7932
    Brotli,
    /// Zstandard with a dictionary that the client has (RFC 9842 §5).
    DictionaryZstd,
    /// Brotli with a dictionary that the client has (RFC 9842 §4).
    DictionaryBrotli,
}

impl ContentCoding {
    /// All that anybody can decode, the most liked first: usually the smallest.
    pub(crate) const LIKED: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// Its registered name, as `Content-Encoding` says it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::DictionaryZstd => "dcz",
            Self::DictionaryBrotli => "dcb",
        }
    }

    /// The value of `Content-Encoding`; `None` for identity, which is never named there (§8.4).
    pub(crate) fn as_value(self) -> Option<HeaderValue> {
        (self != Self::Identity).then(|| HeaderValue::from_static(self.as_str()))
    }

    /// What the name of a coded file ends with, beside the original: `.gz`, `.zst`, `.br`; nothing for those that are never kept so.
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Identity | Self::DictionaryZstd | Self::DictionaryBrotli => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
            Self::Brotli => ".br",
        }
    }
}

/// The content codings on offer for a representation. Identity is always on offer, whether it is a member or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CodingSet(u8);

impl CodingSet {
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn contains(self, coding: ContentCoding) -> bool {
        self.0 & (1 << coding as u8) != 0
    }

    pub(crate) const fn remove(&mut self, coding: ContentCoding) {
        self.0 &= !(1 << coding as u8);
    }

    /// As bits, to be kept in an atomic; [`CodingSet::from_bits`] reads them back.
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    pub(crate) const fn insert(&mut self, coding: ContentCoding) {
        self.0 |= 1 << coding as u8;
    }
}

impl FromIterator<ContentCoding> for CodingSet {
    fn from_iter<I: IntoIterator<Item = ContentCoding>>(codings: I) -> Self {
        let mut set = Self::default();
        codings.into_iter().for_each(|coding| set.insert(coding));
        set
    }
}

/// The content coding to send, of those on offer, the most liked first.
///
/// A request without the field, or with an empty one, gets identity: the first is content with anything, but is most
/// likely a simple program; the second wants no coding.
pub(crate) fn negotiate(headers: &HeaderMap, offered: &[ContentCoding]) -> ContentCoding {
    Accepted::by(headers)
        .best(offered.iter().copied().collect(), offered)
        .map_or(ContentCoding::Identity, |(_, coding)| coding)
}

/// What a client accepts.
#[derive(Default)]
pub(crate) struct Accepted(Weights);

/// How much a client likes a coding, in thousandths; more than none.
pub(crate) type Weight = u16;

impl Accepted {
    pub(crate) fn by(headers: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        for line in headers.get_all(ACCEPT_ENCODING) {
            accepted.read(line.as_bytes());
        }
        accepted
    }

    /// A line of the field; all of them together are one list.
    pub(crate) fn read(&mut self, line: &[u8]) {
        members(line).for_each(|member| self.0.read(member));
    }

    /// The coding on offer that the client likes best, at equal weights the one that comes first in `order`; `None` when it likes it less
    /// than identity.
    pub(crate) fn best(
        &self,
        offered: CodingSet,
        order: &[ContentCoding],
    ) -> Option<(Weight, ContentCoding)> {
        let least = self.0.of(ContentCoding::Identity).max(1);
        let mut best: Option<(Weight, ContentCoding)> = None;
        for &coding in order.iter().filter(|&&coding| offered.contains(coding)) {
            let weight = self.0.of(coding);
            if weight >= best.map_or(least, |(best, _)| best + 1) {
                best = Some((weight, coding));
            }
        }
        best
    }
}

/// What the field says, in thousandths; `None` where it says nothing.
#[derive(Default)]
struct Weights {
    named: [Option<u16>; 6],
    /// `*`
    others: Option<u16>,
}

impl Weights {
    /// Reads one member: `codings [ weight ]`. A member that is malformed, or names a coding we do not know, is passed over.
    fn read(&mut self, member: &[u8]) {
        let (name, weight) = match member.iter().position(|&byte| byte == b';') {
            None => (member, Some(1000)),
            Some(semicolon) => (
                member[..semicolon].trim_ascii_end(),
                quality::parse(member[semicolon + 1..].trim_ascii()),
            ),
        };
        let Some(weight) = weight else { return };
        let place = match name {
            b"*" => &mut self.others,
            name => match coding_named(name) {
                Some(coding) => &mut self.named[coding as usize],
                None => return,
            },
        };
        // A coding that is named twice has the lower weight: once refused is refused.
        *place = Some(place.map_or(weight, |before| before.min(weight)));
    }

    /// A coding that the field does not speak of is not acceptable. Identity is, but liked less than all that is named, and
    /// with no weight it loses to any.
    fn of(&self, coding: ContentCoding) -> Weight {
        let others = match coding {
            // Nobody means them by `*`: they are of use to those only who name them.
            ContentCoding::DictionaryBrotli | ContentCoding::DictionaryZstd => None,
            _ => self.others,
        };
        self.named[coding as usize].or(others).unwrap_or(0)
    }
}

/// Names of codings are case-insensitive, and `x-gzip` is `gzip` (§8.4.1, §8.4.1.3).
fn coding_named(name: &[u8]) -> Option<ContentCoding> {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    match name.len() {
        2 if is("br") => Some(ContentCoding::Brotli),
        3 if is("dcb") => Some(ContentCoding::DictionaryBrotli),
        3 if is("dcz") => Some(ContentCoding::DictionaryZstd),
        4 if is("gzip") => Some(ContentCoding::Gzip),
        4 if is("zstd") => Some(ContentCoding::Zstd),
        6 if is("x-gzip") => Some(ContentCoding::Gzip),
        8 if is("identity") => Some(ContentCoding::Identity),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::headers;
    use super::ContentCoding::{Brotli, DictionaryBrotli, DictionaryZstd, Gzip, Identity, Zstd};
    use super::*;

    fn check(cases: &[(&[&str], &[ContentCoding], ContentCoding)]) {
        for (values, offered, expected) in cases {
            let lines: Vec<_> = values
                .iter()
                .map(|&value| (ACCEPT_ENCODING, value))
                .collect();
            let mut liked = ContentCoding::LIKED.to_vec();
            liked.retain(|coding| offered.contains(coding));
            assert_eq!(
                negotiate(&headers(&lines), &liked),
                *expected,
                "{values:?} {offered:?}"
            );
        }
    }

    const ALL: &[ContentCoding] = &[Identity, Gzip, Zstd, Brotli];

    /// RFC 9110 §12.5.3: its examples.
    #[test]
    fn the_examples_of_the_rfc() {
        check(&[
            (&["compress, gzip"], ALL, Gzip),
            (&[""], ALL, Identity),
            (&["*"], ALL, Brotli),
            (&["compress;q=0.5, gzip;q=1.0"], ALL, Gzip),
            (&["gzip;q=1.0, identity; q=0.5, *;q=0"], ALL, Gzip),
        ]);
    }

    #[test]
    fn without_the_field_or_without_an_offer_nothing_is_coded() {
        check(&[
            (&[], ALL, Identity),
            (&["gzip, br"], &[], Identity),
            (&["gzip, br"], &[Identity], Identity),
            (&["gzip, br, identity;q=0"], &[], Identity),
        ]);
    }

    #[test]
    fn the_highest_weight_wins_and_then_the_smallest_coding() {
        check(&[
            (&["gzip, deflate, br, zstd"], ALL, Brotli),
            (&["gzip, deflate, br, zstd"], &[Gzip, Zstd], Zstd),
            (&["gzip, deflate, br, zstd"], &[Gzip], Gzip),
            (&["br;q=0.9, gzip"], ALL, Gzip),
            (&["br;q=0.001, gzip;q=0.002, zstd;q=0.001"], ALL, Gzip),
            (&["gzip;q=0.5, zstd;q=0.5, br;q=0.5"], ALL, Brotli),
            // Identity too has its weight, if it is given one.
            (&["identity, gzip;q=0.5"], ALL, Identity),
            (&["identity;q=0.5, gzip;q=0.5"], ALL, Gzip),
            (&["gzip;q=0.001"], ALL, Gzip),
        ]);
    }

    #[test]
    fn at_equal_weights_the_most_liked_coding_wins() {
        let cases: [(&str, &[ContentCoding], ContentCoding, Weight); 9] = [
            ("br, zstd, gzip", &[Gzip, Brotli, Zstd], Gzip, 1000),
            ("gzip;q=0.5, br;q=0.5", &[Zstd, Gzip, Brotli], Gzip, 500),
            ("*", &[Zstd, Brotli], Zstd, 1000),
            // Liking decides nothing where the client has said more.
            ("gzip;q=0.5, br;q=0.6", &[Gzip, Brotli], Brotli, 600),
            ("gzip;q=0, br", &[Gzip, Brotli], Brotli, 1000),
            ("identity, gzip;q=0.5", &[Gzip], Identity, 0),
            ("identity;q=0.5, gzip;q=0.5", &[Gzip], Gzip, 500),
            ("identity;q=0", &[Gzip], Identity, 0),
            // Nobody is sent what needs a dictionary without having named it.
            ("*", &[DictionaryBrotli, DictionaryZstd], Identity, 0),
        ];
        for (value, order, coding, weight) in cases {
            let accepted = Accepted::by(&headers(&[(ACCEPT_ENCODING, value)]));
            let offered = order.iter().copied().collect();
            let best = accepted.best(offered, order);
            let expected = (weight > 0).then_some((weight, coding));
            assert_eq!(best, expected, "{value} {order:?}");
        }
    }

    #[test]
    fn what_is_refused_or_not_offered_is_never_sent() {
        check(&[
            (&["gzip;q=0"], ALL, Identity),
            (&["gzip;q=0.000, br;q=0.0"], ALL, Identity),
            (&["deflate, compress, foo"], ALL, Identity),
            (&["br"], &[Gzip, Zstd], Identity),
            (&["gzip, gzip;q=0"], ALL, Identity),
            (&["gzip;q=0, x-gzip"], ALL, Identity),
            // Nothing acceptable is left, and nothing worse is done than to send the plain bytes.
            (&["identity;q=0"], ALL, Identity),
            (&["identity;q=0, foo"], ALL, Identity),
            (&["*;q=0"], ALL, Identity),
        ]);
    }

    #[test]
    fn a_star_speaks_for_all_that_are_not_named() {
        check(&[
            (&["*, br;q=0"], ALL, Zstd),
            (&["*;q=0, gzip"], ALL, Gzip),
            (&["*;q=0.5, gzip;q=0.6"], ALL, Gzip),
            (&["gzip;q=0.2, *;q=0.5"], &[Gzip], Identity),
            (&["gzip, identity;q=0.1, *;q=0"], &[Brotli], Identity),
            (&["identity;q=0, *"], &[Gzip], Gzip),
        ]);
    }

    #[test]
    fn names_have_no_case_and_several_lines_are_one_list() {
        check(&[
            (&["GZIP"], ALL, Gzip),
            (&["X-Gzip"], ALL, Gzip),
            (&["gzip", "br"], ALL, Brotli),
            (&["gzip;q=0.5", "br;q=0.1"], ALL, Gzip),
            (&[",, gzip ,,"], ALL, Gzip),
            (&["gzip;Q=0.5, br ; q=0.6"], ALL, Brotli),
            (&["br\t;\tq=1"], ALL, Brotli),
        ]);
    }

    #[test]
    fn a_malformed_member_is_passed_over() {
        let members = [
            "br;q",
            "br;q=",
            "br;q=2",
            "br;q=1.1",
            "br;q=1.001",
            "br;q=0.1234",
            "br;q=.5",
            "br;q=-1",
            "br;q=0,5",
            "br;q=00",
            "br;q =1",
            "br;q= 1",
            "br;q=1;x=y",
            "br;x=1",
            "br;",
            "br q=1",
            "brx",
            "b r",
            "br;q=1e0",
            "br;q=\"1\"",
            ";q=1",
        ];
        for member in members {
            // The comma of `0,5` ends the first member: `br;q=0` is well-formed then, and a refusal.
            check(&[(&[&format!("gzip;q=0.1, {member}")], ALL, Gzip)]);
        }
    }

    #[test]
    fn a_set_has_what_was_put_in() {
        let mut set = CodingSet::default();
        assert!(set.is_empty());
        set.insert(Brotli);
        set.insert(Gzip);
        assert!(set.contains(Brotli) && set.contains(Gzip) && !set.contains(Zstd));
        set.remove(Brotli);
        assert!(!set.contains(Brotli) && set == CodingSet::from_iter([Gzip]));
    }

    #[test]
    fn identity_is_never_named_in_content_encoding() {
        assert_eq!(Identity.as_value(), None);
        assert_eq!(Brotli.as_value().unwrap(), "br");
        assert_eq!(
            ALL.iter()
                .map(|coding| coding.extension())
                .collect::<String>(),
            ".gz.zst.br"
        );
    }
}

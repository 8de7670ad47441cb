//! What the parsers of foreign input promise, whatever the input: `proptest` asks on every test run, `cargo fuzz` (in
//! `fuzz/`) for as long as it is let. No part of the library: it is compiled for these two only.

#![allow(clippy::missing_panics_doc, reason = "panics are the answer")]

mod coding;
mod exchange;

use bytes::BytesMut;
use http::header::{ACCEPT_ENCODING, IF_NONE_MATCH, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::header::accept_encoding::{ContentCoding, negotiate};
use crate::header::entity_tag::{EntityTag, EntityTagList};
use crate::header::forwarded::{ForwardedField, TrustedProxies};
use crate::header::framing::RequestBody;
use crate::header::host::Host;
use crate::header::range::{ByteRange, RangeSet, resolve};
use crate::http1::head::{self, HeadLimits, Taken};
use crate::http1::plain::PlainGet;
use crate::observe::plain::HeadUse;
use crate::server::proxy_protocol::parse::{self as proxy_protocol, LONGEST, Parsed};
use crate::static_files::path::RelativePath;

pub use coding::{coded_dictionary, coded_stream};
pub use exchange::{chunked, exchange};

/// A path is inside the docroot, made of names, and decoded exactly once.
pub fn path(input: &[u8]) {
    let Ok(raw) = str::from_utf8(input) else {
        return;
    };
    let Ok(path) = RelativePath::parse(raw) else {
        return;
    };

    let relative = raw.strip_prefix('/').unwrap_or(raw);
    assert_eq!(
        path.as_str().as_bytes(),
        decode(relative.as_bytes()),
        "decoded exactly once"
    );
    assert!(
        !path.as_str().starts_with('/') && !path.as_str().contains("//"),
        "an empty segment"
    );
    assert!(
        path.as_str()
            .split('/')
            .all(|segment| segment != "." && segment != ".."),
        "a dot segment"
    );
    assert!(
        !path
            .as_str()
            .contains(|char: char| char == '\\' || char.is_ascii_control())
    );
    assert_eq!(
        path.as_str().matches('/').count(),
        relative.matches('/').count(),
        "an escaped slash"
    );

    assert_eq!(path.asks_for_directory(), path.file_name().is_none());
    if let Some(extension) = path.extension() {
        assert!(
            path.file_name()
                .is_some_and(|name| name.len() > extension.len() + 1 && name.ends_with(extension))
        );
    }
}

/// The head of a request is read alike however it arrives: in one piece, or in two that the first byte splits.
pub fn head(input: &[u8]) {
    let limits = HeadLimits {
        odd_names: crate::config::OddNames::Drop,
        size: 512,
        count: 16,
    };
    let Some((&place, request)) = input.split_first() else {
        return;
    };
    let verdict = |received: &mut BytesMut| {
        let mut plain = None;
        let look = |request: PlainGet<'_>| {
            plain = Some((
                request.host.to_owned(),
                request.path.to_owned(),
                request.closes,
            ));
            None::<()>
        };
        let taken = head::take(received, limits, HeadUse::Nothing, Some(look));
        taken.map(|head| {
            head.map(|taken| {
                let Taken::Head(head) = taken else {
                    panic!("nothing was ready");
                };
                if let Some((host, path, closes)) = &plain {
                    let said = head.parts.headers["host"].as_bytes();
                    let said = Host::parse(said).expect("a plain request has a sound host");
                    assert_eq!((said.name(), head.parts.uri.path()), (&**host, &**path));
                    assert!(head.keeps_alive != *closes && head.body == RequestBody::None);
                }
                assert!(head.parts.headers.len() <= limits.count, "too many fields");
                let fields: Vec<_> = head.parts.headers.into_iter().collect();
                (head.parts.method, head.parts.uri, fields, head.body)
            })
        })
    };
    let mut whole = BytesMut::from(request);
    let at_once = verdict(&mut whole);

    let split = usize::from(place).min(request.len());
    let mut pieces = BytesMut::from(&request[..split]);
    let in_pieces = match verdict(&mut pieces) {
        Ok(None) => {
            pieces.extend_from_slice(&request[split..]);
            verdict(&mut pieces)
        }
        early => {
            pieces.extend_from_slice(&request[split..]);
            early
        }
    };
    assert_eq!(at_once, in_pieces, "another verdict");
    if at_once.is_ok() {
        assert_eq!(whole, pieces, "another rest");
    }
}

/// Ranges are within the representation, apart from each other, and never more than one copy of it. The first eight bytes
/// are the complete length.
pub fn range(input: &[u8]) {
    let Some((length, value)) = input.split_first_chunk() else {
        return;
    };
    let complete_length = u64::from_le_bytes(*length);
    let Some(headers) = headers(&RANGE, value) else {
        return;
    };

    let ranges = match resolve(&headers, complete_length) {
        RangeSet::Whole | RangeSet::Unsatisfiable => return,
        RangeSet::Single(range) => vec![range],
        RangeSet::Multiple(ranges) => ranges,
    };
    assert!(
        ranges
            .iter()
            .all(|range| range.start < range.end && range.end <= complete_length)
    );
    assert!(ranges.iter().copied().map(ByteRange::length).sum::<u64>() <= complete_length);
    let mut sorted = ranges;
    sorted.sort_by_key(|range| range.start);
    assert!(
        sorted.is_sorted_by(|one, next| one.end < next.start),
        "apart from each other"
    );
}

/// What matches strongly matches weakly, nothing matches that is not in the list, and our own tag alone always does. The
/// first byte is the length of our own tag, which follows it; then comes the list.
pub fn entity_tag(input: &[u8]) {
    let Some((&length, rest)) = input.split_first() else {
        return;
    };
    let Some((opaque, list)) = rest.split_at_checked(usize::from(length)) else {
        return;
    };
    let opaque: String = opaque
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .copied()
        .map(char::from)
        .collect();
    let (strong, weak) = (EntityTag::strong(&opaque), EntityTag::weak(&opaque));
    assert_eq!(strong.to_weak(), weak);

    for own in [&strong, &weak] {
        let headers = HeaderMap::from_iter([(IF_NONE_MATCH, own.as_value().clone())]);
        let alone = EntityTagList::parse(&headers, &IF_NONE_MATCH).expect("the field is present");
        assert!(alone.contains(|tag| own.weak_eq(tag)));
        assert_eq!(alone.contains(|tag| own.strong_eq(tag)), !own.is_weak());
    }

    let Some(headers) = headers(&IF_NONE_MATCH, list) else {
        return;
    };
    let Some(parsed) = EntityTagList::parse(&headers, &IF_NONE_MATCH) else {
        return;
    };
    if matches!(parsed, EntityTagList::Any) {
        return;
    }
    let (strongly, weakly) = (
        parsed.contains(|tag| strong.strong_eq(tag)),
        parsed.contains(|tag| strong.weak_eq(tag)),
    );
    assert!(weakly || !strongly);
    assert_eq!(weakly, parsed.contains(|tag| weak.weak_eq(tag)));
    assert!(!parsed.contains(|tag| weak.strong_eq(tag)));
    let sent = strong.as_value().as_bytes();
    assert!(!weakly || list.windows(sent.len()).any(|window| window == sent));
}

/// The coding that is sent is on offer, and was not refused. The first byte is the set on offer.
pub fn accept_encoding(input: &[u8]) {
    let Some((&bits, value)) = input.split_first() else {
        return;
    };
    let offered: Vec<ContentCoding> = (0..)
        .zip(ContentCoding::LIKED)
        .filter(|(bit, _)| bits >> bit & 1 == 1)
        .map(|(_, coding)| coding)
        .collect();
    let Some(headers) = headers(&ACCEPT_ENCODING, value) else {
        return;
    };

    let sent = negotiate(&headers, &offered);
    if sent == ContentCoding::Identity {
        return;
    }
    assert!(offered.contains(&sent));
    // A reading of its own, without white space and case.
    let plain = |member: &[u8]| {
        let dense = member.iter().filter(|byte| !byte.is_ascii_whitespace());
        dense
            .map(|&byte| char::from(byte.to_ascii_lowercase()))
            .collect::<String>()
    };
    let members: Vec<_> = value
        .split(|byte| b"\n,".contains(byte))
        .map(plain)
        .collect();
    let name = sent.as_str();
    assert!(
        members
            .iter()
            .any(|member| member.contains(name) || member.starts_with('*')),
        "asked for"
    );
    let refusals = [
        format!("{name};q=0"),
        format!("{name};q=0.0"),
        format!("{name};q=0.000"),
    ];
    assert!(
        !members.iter().any(|member| refusals.contains(member)),
        "refused"
    );
}

/// A host is in lower case, has no character that a URI or a log could stumble over, and reads the same the next time.
pub fn host(input: &[u8]) {
    let Ok(host) = Host::parse(input) else { return };
    let name = host.name();
    assert!(!name.is_empty() && name.len() <= 253);
    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()
        || byte.is_ascii_digit()
        || b"-_.:[]".contains(&byte)));
    assert!(!name.starts_with('.') && !name.ends_with('.') && !name.contains(".."));
    assert_eq!(
        name.contains(':'),
        name.starts_with('[') && name.ends_with(']')
    );
    assert_ne!(host.port(), Some(0));

    let again = Host::parse(name.as_bytes()).expect("a name is a host");
    assert_eq!((again.name(), again.port()), (name, None));
}

/// Once there is a verdict about the header of the PROXY protocol, no further byte changes it; so it does not matter how they arrive.
pub fn proxy_protocol(input: &[u8]) {
    let at_once = proxy_protocol::parse(input);
    for length in 0..input.len() {
        let early = proxy_protocol::parse(&input[..length]);
        assert!(
            early == Parsed::Incomplete || early == at_once,
            "{length} bytes: {early:?}, all: {at_once:?}"
        );
    }
    if let Parsed::Header { consumed, .. } = at_once {
        assert!(consumed <= input.len() && consumed <= LONGEST);
        let exact = proxy_protocol::parse(&input[..consumed]);
        assert_eq!(exact, at_once, "what follows does not count");
        let short = proxy_protocol::parse(&input[..consumed - 1]);
        assert_eq!(short, Parsed::Incomplete, "no byte is too many");
    }
}

/// What a client sends never decides who it is taken for: that is what the trusted proxy adds to the right of it.
pub fn forwarded(input: &[u8]) {
    let mut trusted = TrustedProxies::default();
    trusted.networks.add("10.0.0.0/8").expect("a network");
    let peer = "10.0.0.1:1".parse().ok();
    for (name, field, member) in [
        (
            "x-forwarded-for",
            ForwardedField::XForwardedFor,
            "192.0.2.1",
        ),
        ("forwarded", ForwardedField::Forwarded, "for=192.0.2.1"),
    ] {
        trusted.field = field;
        let name = HeaderName::from_static(name);
        let Some(mut sent) = headers(&name, input) else {
            return;
        };
        trusted.client(peer, &sent);
        let same_line = [input, b", ", member.as_bytes()].concat();
        let same_line = headers(&name, &same_line).expect("it was good before");
        sent.append(name, HeaderValue::from_static(member));
        for added in [sent, same_line] {
            let client = trusted.client(peer, &added).address;
            assert_eq!(client, "192.0.2.1:0".parse().ok(), "{added:?}");
        }
    }
}

/// One field of one line or, at each line feed, more; `None` when no message could carry it.
fn headers(name: &HeaderName, value: &[u8]) -> Option<HeaderMap> {
    let lines = value.split(|&byte| byte == b'\n');
    lines
        .map(|line| Some((name.clone(), HeaderValue::from_bytes(line).ok()?)))
        .collect()
}

/// The plainest way to decode escapes.
fn decode(path: &[u8]) -> Vec<u8> {
    let Some(place) = path.iter().position(|&byte| byte == b'%') else {
        return path.to_vec();
    };
    let digits = str::from_utf8(&path[place + 1..place + 3]).expect("the digits of an escape");
    let byte = u8::from_str_radix(digits, 16).expect("the digits of an escape");
    [&path[..place], &[byte], &decode(&path[place + 3..])].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Any bytes at all, and bytes that look right at the first glance.
    fn like(pattern: &'static str) -> impl Strategy<Value = Vec<u8>> {
        let close = proptest::string::bytes_regex(pattern).expect("a valid pattern");
        prop_oneof![1 => any::<Vec<u8>>(), 9 => close]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn path(input in like(r"(/|[a-z.]{0,3}|%2[eEfF5]|%5[cC]|%c3%a9|%[0-9a-f]{2}|%|\.|\\)*")) {
            super::path(&input);
        }

        #[test]
        fn range(
            length in prop_oneof![0..2000_u64, any::<u64>()],
            value in like(r"(bytes|BYTES|items)=(([0-9]{0,4}|[0-9]{18,21})-([0-9]{0,4}|[0-9]{18,21})[, ]{1,2}){0,12}[0-9]{0,3}-[0-9]{0,4}"),
        ) {
            super::range(&[&length.to_le_bytes()[..], &value].concat());
        }

        #[test]
        fn entity_tag(opaque in "[ab]{1,2}", list in like(r#"(((W/)?"[ab,W/ \\]{0,2}"|\*|x|)[ ,\n\t]{0,2}){0,6}"#)) {
            let length = [u8::try_from(opaque.len()).unwrap()];
            super::entity_tag(&[&length[..], opaque.as_bytes(), &list].concat());
        }

        #[test]
        fn accept_encoding(
            offered in 0..8_u8,
            value in like(r"((gzip|x-gzip|BR|br|zstd|identity|\*|foo)( ?; ?[qQ]=(0|1|0\.[0-9]{0,4}|1\.0{0,3}|2))?[, \n]{1,2}){0,6}"),
        ) {
            super::accept_encoding(&[&[offered][..], &value].concat());
        }

        #[test]
        fn head(
            place in any::<u8>(),
            request in like(r"(\r\n)?(GET|POST|x) (/[a-z#]{0,3}|\*) HTTP/1\.[019](\r\n|\n)(([A-Za-z-]{1,9}|Host|Content-Length|Transfer-Encoding|Connection):? ?([a-z0-9,]{0,5}|chunked|close|\x00|\r)(\r\n|\r\n|\n|\r\n )){0,4}\r\n[a-z]{0,9}"),
        ) {
            super::head(&[&[place][..], &request].concat());
        }

        #[test]
        fn chunked(
            place in any::<u8>(),
            body in like(r"((5|05|5 |\+5|[0-9a-fA-F]{0,2})(;[a-z]{1,2}(=([a-z]{1,2}|\x22[a-z;\\]{0,3}\x22?))?)?(\r\n|\r\n|\n|\r)(hello\r\n|hello\r\n|hello|\x00)){0,3}0(\r\n|;x\r\n|\n)([A-Za-z-]{1,6}:? ?[a-z]{0,3}(\r\n|\n)){0,2}\r\n[a-z]{0,9}"),
        ) {
            super::chunked(&[&[place][..], &body].concat());
        }

        #[test]
        fn exchange(
            place in any::<u8>(),
            conversation in like(r"((GET|POST|HEAD|PUT) (/[a-z#]{0,2}|http://x/) HTTP/1\.[0011]\r\nHost: x\r\n(([A-Za-z_-]{1,9}|Connection|Expect):? ?([a-z0-9,]{0,5}|close|keep-alive|100-continue|\x00)(\r\n|\r\n|\n)){0,2}(\r\n|Content-Length: [56]\r\n\r\nhello|Transfer-Encoding: chunked\r\n\r\n(5(;a)?(\r\n|\r\n|\r\n|\n)hello\r\n){0,2}0\r\n(X-Sum: 1\r\n)?\r\n)){1,3}"),
        ) {
            super::exchange(&[&[place][..], &conversation].concat());
        }

        #[test]
        fn forwarded(value in like(r#"((for|by|proto|host)?=?"?(10\.0\.0\.[0-9]|[0-9]{1,3}|unknown|_x|\[::1\]|::|https)?"?(:[0-9_]{0,5})?[;,\n\\]? ?){0,5}"#)) {
            super::forwarded(&value);
        }

        #[test]
        fn proxy_protocol(value in like(r"PROXY (TCP4|TCP6|UNKNOWN) [0-9a-f.: \r\n]{0,110}|\r\n\r\n\x00\r\nQUIT\n[\x20-\x22][\x00\x11\x21\x31]\x00[\x00-\x40][\x00-\x05]{0,80}")) {
            super::proxy_protocol(&value);
        }

        #[test]
        fn host(value in like(r"([a-zA-Z0-9_-]{0,3}\.?|\[[0-9a-f:]{0,9}\]|[@/, %]){0,4}(:[0-9]{0,6})?")) {
            super::host(&value);
        }
    }

    proptest! {
        // Coders are slow.
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn coded_stream(input in proptest::collection::vec(any::<u8>(), 0..2000)) {
            super::coded_stream(&input);
        }

        /// Few different bytes, so that much repeats, across the end of the dictionary too.
        #[test]
        fn coded_dictionary(part in any::<u8>(), input in proptest::collection::vec(0_u8..3, 0..600)) {
            super::coded_dictionary(&[&[part][..], &input].concat());
        }
    }
}

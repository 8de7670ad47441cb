//! The rules of HTTP fields: pure functions on values, no I/O, no async.
//!
//! Every rule cites the section of RFC 9110 (or the RFC it names) that it implements, and every parser keeps three habits:
//! it is near free when its field is absent, it does not allocate in the common case, and it never repairs what it cannot
//! read: the rule's own answer to a malformed value (ignore it, refuse it, match nothing) is stated where it is taken.

pub(crate) mod accept_encoding;
pub(crate) mod entity_tag;
pub(crate) mod host;
pub(crate) mod http_date;
pub(crate) mod media_type;
pub(crate) mod multipart;
pub(crate) mod precondition;
pub(crate) mod range;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The value of a field that may appear once: `None` when it is absent, and when it is repeated, for then no line is more
/// right than another (RFC 9110 §5.3).
fn only_line<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    lines.next().is_none().then_some(line)
}

/// The members of a comma-separated list whose members hold no quoted text, without the white space around them; empty
/// members are skipped, as a recipient must (RFC 9110 §5.6.1.2).
fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

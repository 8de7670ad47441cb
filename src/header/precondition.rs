//! Preconditions (RFC 9110 §13): whether a request still makes sense, given what the client holds.
//!
//! The order is that of §13.2.2, and the numbers in [`evaluate`] are its numbers:
//! 1. `If-Match`
//! 2. `If-Unmodified-Since`, when there is no `If-Match`
//! 3. `If-None-Match`
//! 4. `If-Modified-Since`, when there is no `If-None-Match`, for GET and HEAD
//! 5. `If-Range`, when there is `Range`: [`if_range_holds`]
//!
//! All of them are for a request that would otherwise succeed: a missing file stays 404 (§13.2.1).

use std::time::SystemTime;

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, Method};

use super::entity_tag::{EntityTag, EntityTagList};
use super::{http_date, only_line};

/// What is known of the representation that would be sent: exactly what its `ETag` and `Last-Modified` will say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Validators<'a> {
    pub(crate) entity_tag: Option<&'a EntityTag>,
    /// In whole seconds, as HTTP writes it.
    pub(crate) last_modified: Option<SystemTime>,
}

/// What follows from a request's preconditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// Answer as if there were none.
    Proceed,
    /// 304: the client holds this representation already.
    NotModified,
    /// 412: the representation is not the one that the client spoke of.
    Failed,
}

/// Evaluates all preconditions but `If-Range`.
pub(crate) fn evaluate(
    method: &Method,
    headers: &HeaderMap,
    validators: Validators<'_>,
) -> Precondition {
    // §13.2.1: methods that select no representation have no preconditions.
    if matches!(*method, Method::CONNECT | Method::OPTIONS | Method::TRACE) {
        return Precondition::Proceed;
    }
    let reads = matches!(*method, Method::GET | Method::HEAD);

    if let Some(list) = EntityTagList::parse(headers, &IF_MATCH) {
        // 1. Strong comparison: the client is about to rely on every byte (§13.1.1).
        if !list.contains(|tag| {
            validators
                .entity_tag
                .is_some_and(|ours| ours.strong_eq(tag))
        }) {
            return Precondition::Failed;
        }
    } else if changed_after(headers, &IF_UNMODIFIED_SINCE, validators) == Some(true) {
        // 2.
        return Precondition::Failed;
    }

    if let Some(list) = EntityTagList::parse(headers, &IF_NONE_MATCH) {
        // 3. Weak comparison: what the client holds is as good as ours (§13.1.2).
        if list.contains(|tag| validators.entity_tag.is_some_and(|ours| ours.weak_eq(tag))) {
            return if reads {
                Precondition::NotModified
            } else {
                Precondition::Failed
            };
        }
    } else if reads && changed_after(headers, &IF_MODIFIED_SINCE, validators) == Some(false) {
        // 4.
        return Precondition::NotModified;
    }
    Precondition::Proceed
}

/// Step 5: whether the ranges asked for are of the representation that the client holds a part of (§13.1.5); true when it did
/// not ask. When it is false, the whole representation is sent. Without `Range` the question must not be put.
///
/// An entity tag holds by strong comparison. A date holds when it is our `Last-Modified` exactly and is a strong validator
/// (§8.8.2.2). Which files changed twice within one second nobody knows, so this is what is taken for it: our own entity
/// tag is not weak, for it is weak as long as the file is so young that it may change again within that second. That the
/// client's copy was made later than that second is for the client to know before it sends a date at all (§13.1.5).
pub(crate) fn if_range_holds(headers: &HeaderMap, validators: Validators<'_>) -> bool {
    if !headers.contains_key(IF_RANGE) {
        return true;
    }
    let Some(line) = only_line(headers, &IF_RANGE) else {
        return false;
    };
    let (sent, tag) = (line.as_bytes(), validators.entity_tag);
    if sent.ends_with(b"\"") {
        return tag.is_some_and(|ours| ours.strong_eq(sent));
    }
    let settled = tag.is_none_or(|ours| !ours.is_weak());
    settled
        && validators.last_modified.is_some()
        && http_date::parse(sent) == validators.last_modified
}

/// Whether the representation changed after the date in the field `name`; `None` when the field does not count: it is
/// absent, is not one date, or we know no date to compare it with (§13.1.3, §13.1.4).
fn changed_after(
    headers: &HeaderMap,
    name: &HeaderName,
    validators: Validators<'_>,
) -> Option<bool> {
    let line = only_line(headers, name)?;
    let last_modified = validators.last_modified?;
    Some(last_modified > http_date::parse(line.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use http::Method;
    use http::header::RANGE;

    use super::super::tests::headers;
    use super::Precondition::{Failed, NotModified, Proceed};
    use super::*;

    const OLDER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const CURRENT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NEWER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn last_modified() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    /// The answer for a representation with the tag `"x"` and the date [`CURRENT`].
    fn answer(method: &Method, lines: &[(HeaderName, &str)]) -> Precondition {
        let tag = EntityTag::strong("x");
        let validators = Validators {
            entity_tag: Some(&tag),
            last_modified: Some(last_modified()),
        };
        evaluate(method, &headers(lines), validators)
    }

    fn check(cases: &[(&[(HeaderName, &str)], Precondition)]) {
        for (lines, expected) in cases {
            for method in [Method::GET, Method::HEAD] {
                assert_eq!(answer(&method, lines), *expected, "{method} {lines:?}");
            }
        }
    }

    #[test]
    fn a_request_without_preconditions_proceeds() {
        check(&[
            (&[], Proceed),
            (&[(RANGE, "bytes=0-4"), (IF_RANGE, "\"miss\"")], Proceed),
        ]);
    }

    /// §13.1.1
    #[test]
    fn if_match_wants_the_very_same_bytes() {
        check(&[
            (&[(IF_MATCH, "\"x\"")], Proceed),
            (&[(IF_MATCH, "\"a\", \"x\"")], Proceed),
            (&[(IF_MATCH, "*")], Proceed),
            (&[(IF_MATCH, "\"miss\"")], Failed),
            (&[(IF_MATCH, "W/\"x\"")], Failed),
            (&[(IF_MATCH, "")], Failed),
            (&[(IF_MATCH, "x")], Failed),
        ]);
    }

    /// §13.1.4
    #[test]
    fn if_unmodified_since_counts_without_if_match_only() {
        check(&[
            (&[(IF_UNMODIFIED_SINCE, OLDER)], Failed),
            (&[(IF_UNMODIFIED_SINCE, CURRENT)], Proceed),
            (&[(IF_UNMODIFIED_SINCE, NEWER)], Proceed),
            (
                &[(IF_UNMODIFIED_SINCE, "Sunday, 06-Nov-94 08:49:36 GMT")],
                Failed,
            ),
            (
                &[(IF_MATCH, "\"x\""), (IF_UNMODIFIED_SINCE, OLDER)],
                Proceed,
            ),
            (
                &[(IF_MATCH, "\"miss\""), (IF_UNMODIFIED_SINCE, NEWER)],
                Failed,
            ),
            (&[(IF_UNMODIFIED_SINCE, "not a date")], Proceed),
            (
                &[(IF_UNMODIFIED_SINCE, OLDER), (IF_UNMODIFIED_SINCE, OLDER)],
                Proceed,
            ),
        ]);
    }

    /// §13.1.2
    #[test]
    fn if_none_match_is_content_with_the_same_meaning() {
        check(&[
            (&[(IF_NONE_MATCH, "\"x\"")], NotModified),
            (&[(IF_NONE_MATCH, "\"a\", \"x\", \"y\"")], NotModified),
            (&[(IF_NONE_MATCH, "\"a\",\"x\"")], NotModified),
            (&[(IF_NONE_MATCH, "W/\"x\"")], NotModified),
            (&[(IF_NONE_MATCH, "*")], NotModified),
            (&[(IF_NONE_MATCH, "\"miss\"")], Proceed),
            (&[(IF_NONE_MATCH, "")], Proceed),
            (
                &[(IF_NONE_MATCH, "\"x\""), (RANGE, "bytes=0-4")],
                NotModified,
            ),
        ]);
        assert_eq!(answer(&Method::POST, &[(IF_NONE_MATCH, "\"x\"")]), Failed);
        assert_eq!(
            answer(&Method::POST, &[(IF_NONE_MATCH, "\"miss\"")]),
            Proceed
        );
    }

    /// §13.1.3
    #[test]
    fn if_modified_since_counts_without_if_none_match_only() {
        check(&[
            (&[(IF_MODIFIED_SINCE, OLDER)], Proceed),
            (&[(IF_MODIFIED_SINCE, CURRENT)], NotModified),
            (&[(IF_MODIFIED_SINCE, NEWER)], NotModified),
            (
                &[(IF_MODIFIED_SINCE, "Sunday, 06-Nov-94 08:49:37 GMT")],
                NotModified,
            ),
            (
                &[(IF_MODIFIED_SINCE, "Sun Nov  6 08:49:37 1994")],
                NotModified,
            ),
            (
                &[(IF_NONE_MATCH, "\"miss\""), (IF_MODIFIED_SINCE, CURRENT)],
                Proceed,
            ),
            (
                &[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, OLDER)],
                NotModified,
            ),
            (&[(IF_MODIFIED_SINCE, "not a date")], Proceed),
            (&[(IF_MODIFIED_SINCE, ""), (RANGE, "bytes=0-4")], Proceed),
            (
                &[(IF_MODIFIED_SINCE, CURRENT), (IF_MODIFIED_SINCE, CURRENT)],
                Proceed,
            ),
        ]);
        for method in [Method::POST, Method::PUT, Method::OPTIONS] {
            assert_eq!(answer(&method, &[(IF_MODIFIED_SINCE, CURRENT)]), Proceed);
        }
    }

    /// §13.2.2
    #[test]
    fn preconditions_are_evaluated_in_order() {
        check(&[
            (&[(IF_NONE_MATCH, "\"x\""), (IF_MATCH, "\"miss\"")], Failed),
            (
                &[(IF_NONE_MATCH, "\"x\""), (IF_MATCH, "\"x\"")],
                NotModified,
            ),
            (
                &[(IF_MODIFIED_SINCE, CURRENT), (IF_UNMODIFIED_SINCE, OLDER)],
                Failed,
            ),
            (
                &[(IF_MODIFIED_SINCE, CURRENT), (IF_UNMODIFIED_SINCE, CURRENT)],
                NotModified,
            ),
        ]);
    }

    /// §13.2.1
    #[test]
    fn methods_that_select_nothing_have_no_preconditions() {
        for method in [Method::OPTIONS, Method::TRACE, Method::CONNECT] {
            assert_eq!(answer(&method, &[(IF_MATCH, "\"miss\"")]), Proceed);
            assert_eq!(answer(&method, &[(IF_NONE_MATCH, "*")]), Proceed);
        }
    }

    #[test]
    fn a_representation_without_validators_fits_no_tag_and_no_date() {
        let cases: &[(HeaderName, &str, Precondition)] = &[
            (IF_MATCH, "\"x\"", Failed),
            (IF_MATCH, "*", Proceed),
            (IF_NONE_MATCH, "\"x\"", Proceed),
            (IF_NONE_MATCH, "*", NotModified),
            (IF_MODIFIED_SINCE, NEWER, Proceed),
            (IF_UNMODIFIED_SINCE, OLDER, Proceed),
        ];
        for (name, value, expected) in cases {
            let headers = headers(&[(name.clone(), value)]);
            let found = evaluate(&Method::GET, &headers, Validators::default());
            assert_eq!(found, *expected, "{name}: {value}");
        }
    }

    /// §13.1.5
    #[test]
    fn if_range_holds_for_strong_validators_only() {
        let strong = EntityTag::strong("x");
        let weak = EntityTag::weak("x");
        let cases: &[(&[&str], Option<&EntityTag>, bool)] = &[
            (&[], Some(&strong), true),
            (&["\"x\""], Some(&strong), true),
            (&["\"miss\""], Some(&strong), false),
            (&["W/\"x\""], Some(&strong), false),
            (&["\"x\""], Some(&weak), false),
            (&["W/\"x\""], Some(&weak), false),
            (&["\"x\""], None, false),
            (&[CURRENT], Some(&strong), true),
            (&["Sun Nov  6 08:49:37 1994"], Some(&strong), true),
            (&[CURRENT], None, true),
            // The file may change again within the second that the date names.
            (&[CURRENT], Some(&weak), false),
            (&[OLDER], Some(&strong), false),
            (&[NEWER], Some(&strong), false),
            // One validator, not a list.
            (&["\"x\", \"y\""], Some(&strong), false),
            (&["\"y\", \"x\""], Some(&strong), false),
            (&["*"], Some(&strong), false),
            (&[""], Some(&strong), false),
            (&["x"], Some(&strong), false),
            (&["\"x\"", "\"x\""], Some(&strong), false),
        ];
        for &(values, entity_tag, expected) in cases {
            let lines: Vec<_> = values.iter().map(|&value| (IF_RANGE, value)).collect();
            let validators = Validators {
                entity_tag,
                last_modified: Some(last_modified()),
            };
            let found = if_range_holds(&headers(&lines), validators);
            assert_eq!(found, expected, "{values:?} {entity_tag:?}");
        }
        let no_date = Validators::default();
        assert!(!if_range_holds(
            &headers(&[(IF_RANGE, "not a date")]),
            no_date
        ));
    }
}

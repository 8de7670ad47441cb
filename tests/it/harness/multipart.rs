//! `multipart/byteranges` (RFC 9110 §14.6), read strictly.

use super::check::content_range;
use super::response::Response;

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) media_type: Option<String>,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) complete: u64,
    pub(crate) content: Vec<u8>,
}

/// The boundary and the parts of a 206 in several parts.
#[track_caller]
pub(crate) fn parts(response: &Response) -> (String, Vec<Part>) {
    let media_type = response.field("Content-Type");
    let boundary = media_type
        .split_once("boundary=")
        .unwrap_or_else(|| panic!("a boundary: {response:?}"))
        .1;
    let boundary = boundary.trim_matches('"');
    assert!(
        (1..=70).contains(&boundary.len()),
        "the boundary's length (RFC 2046 §5.1.1): {response:?}"
    );
    let body = &response.body;
    let delimiter = format!("--{boundary}").into_bytes();
    // The first delimiter may begin the body, or a line of its own after a preamble of nothing.
    let mut rest = body.strip_prefix(b"\r\n").unwrap_or(body);
    rest = rest
        .strip_prefix(&*delimiter)
        .unwrap_or_else(|| panic!("a first delimiter: {response:?}"));
    let mut parts = Vec::new();
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        let head_end =
            find(after, b"\r\n\r\n").unwrap_or_else(|| panic!("a part's head: {response:?}"));
        let head = std::str::from_utf8(&after[..head_end]).expect("a part's head is ASCII");
        let content = &after[head_end + 4..];
        let next = [b"\r\n", &*delimiter].concat();
        let end =
            find(content, &next).unwrap_or_else(|| panic!("a closing delimiter: {response:?}"));
        parts.push(part(head, &content[..end]));
        rest = &content[end + next.len()..];
    }
    assert!(
        rest == b"--\r\n" || rest == b"--",
        "the end of the last part, and nothing after it: {response:?}"
    );
    (boundary.to_owned(), parts)
}

fn part(head: &str, content: &[u8]) -> Part {
    let value = |name: &str| {
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    let range =
        value("Content-Range").unwrap_or_else(|| panic!("no Content-Range in the part {head:?}"));
    let (first, last, complete) =
        content_range(&range).unwrap_or_else(|| panic!("a Content-Range: {range}"));
    assert_eq!(
        content.len() as u64,
        last - first + 1,
        "the part holds what {range} says"
    );
    Part {
        media_type: value("Content-Type"),
        first,
        last,
        complete,
        content: content.to_owned(),
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

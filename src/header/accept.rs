//! The `Accept` field (RFC 9110 §12.5.1), for the media types that a server of files has a choice about: HTML and JSON.

use http::HeaderValue;

use super::quality;

/// Whether the client names `text/html` as something it takes. Browsers do so for pages; tools that take anything (`*/*`) do not.
pub(crate) fn names_html<'v>(accept: impl IntoIterator<Item = &'v HeaderValue>) -> bool {
    accept
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .filter_map(parse_member)
        .any(|(range, quality)| quality > 0 && range.eq_ignore_ascii_case(b"text/html"))
}

/// Whether a listing goes out as JSON: the client names `application/json`, and likes it better than `text/html` or, where it
/// likes them equally, means HTML only by a wildcard (`application/json, text/plain, */*`, as programs send it).
///
/// A browser never names JSON, `curl` and `*/*` have no preference: they get HTML.
pub(crate) fn prefers_json<'v>(accept: impl IntoIterator<Item = &'v HeaderValue>) -> bool {
    let mut json = None;
    let mut html = MostSpecific::default();
    for line in accept {
        // RFC 9110 §5.6.1: a list may have empty members. No media type or quality value has a quoted comma in it; in
        // any other parameter such a comma makes two members that match nothing.
        for member in line.as_bytes().split(|&byte| byte == b',') {
            let Some((range, quality)) = parse_member(member) else {
                continue;
            };
            if range.eq_ignore_ascii_case(b"application/json") {
                json = json.max(Some(quality));
            }
            html.consider(range, quality);
        }
    }
    json.is_some_and(|quality| {
        quality > html.quality || (quality == html.quality && quality > 0 && !html.is_named())
    })
}

/// The quality of `text/html`: the most specific range that matches it decides, not the highest quality.
#[derive(Default)]
struct MostSpecific {
    precision: u8,
    quality: u16,
}

impl MostSpecific {
    fn is_named(&self) -> bool {
        self.precision == 3
    }

    fn consider(&mut self, range: &[u8], quality: u16) {
        let precision = match range {
            b"*/*" => 1,
            _ if range.eq_ignore_ascii_case(b"text/*") => 2,
            _ if range.eq_ignore_ascii_case(b"text/html") => 3,
            _ => return,
        };
        if precision > self.precision {
            *self = MostSpecific { precision, quality };
        } else if precision == self.precision {
            self.quality = self.quality.max(quality);
        }
    }
}

/// One member of the list: its media range without parameters, and its quality in thousandths (1000 when absent).
/// `None` when the quality value is malformed: the member is ignored.
fn parse_member(member: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = member.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
    let range = parts.next()?;
    for parameter in parts {
        if let [b'q' | b'Q', b'=', ..] = parameter {
            return Some((range, quality::parse(parameter)?));
        }
    }
    Some((range, 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers(lines: &[&'static str]) -> bool {
        let values: Vec<HeaderValue> = lines
            .iter()
            .map(|line| HeaderValue::from_static(line))
            .collect();
        prefers_json(&values)
    }

    #[test]
    fn json_is_sent_only_to_clients_that_name_it_and_like_it_better() {
        for accept in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json, text/html;q=0.9",
            "text/html;q=0.5, application/json;q=0.501",
            "application/json, text/*;q=0.1, */*;q=0.1",
            "application/json;q=0.2, text/html;q=0, */*;q=0.9",
            ", ,application/json",
            "application/json;q=0.001",
            "application/json, */*",
            "application/json, text/plain, */*",
            "application/json, text/*",
        ] {
            assert!(prefers(&[accept]), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "application/*",
            "text/html",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json, text/html",
            "application/json;q=0.9, */*",
            "application/json;q=0",
            "application/json;q=0, */*;q=0",
            "application/json;q=0, text/html;q=0",
            "application/json;q=1.5",
            "application/json;q=0.1234, text/html;q=0.1",
            "application/json;q=, text/html;q=0.1",
            "application/json-patch+json",
            "application/json;q=0.5, text/*;q=0.1, text/html",
        ] {
            assert!(!prefers(&[accept]), "{accept}");
        }
    }

    #[test]
    fn html_is_named_or_it_is_not() {
        let names = |accept| names_html([&HeaderValue::from_static(accept)]);
        for accept in ["text/html", "*/*, Text/HTML;q=0.1", "text/html;level=1"] {
            assert!(names(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/*",
            "text/html;q=0",
            "text/html-like",
            "application/json",
        ] {
            assert!(!names(accept), "{accept}");
        }
    }

    #[test]
    fn every_field_line_counts() {
        assert!(prefers(&["text/html;q=0.5", "application/json"]));
        assert!(!prefers(&["application/json;q=0.5", "text/html"]));
        assert!(!prefers(&[]));
    }
}

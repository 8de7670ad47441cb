//! The built-in error answer, for a rejection that no page of the site covers. Pure: a status in, a body out.
//!
//! The page says the status, its standard reason, one sentence that helps the person who meets it, and what the request is known by, for whoever
//! looks into it. It says nothing else of the request, and nothing of the server's version.

use std::fmt::Write;

use http::StatusCode;

use crate::observe::request_id::RequestId;

/// The `Content-Security-Policy` of [`html`]: nothing runs and nothing is loaded but the one inline style sheet,
/// allowed by its hash, and a `data:` icon.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
     style-src 'sha256-mp0YPY5GQ56J+N7a2Wf8Owl8X0Kpli07BjYIssopUaw='; \
     img-src data:; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("error_body/error.css");

/// The same gate as in a listing. Without an icon a browser asks for `/favicon.ico`, and meets the next error.
const ICON: &str = "data:image/svg+xml,%3Csvg%20xmlns=%22http://www.w3.org/2000/svg%22%20viewBox=%220%200%2016%2016%22%3E\
    %3Cpath%20fill=%22%231f6f5c%22%20d=%22M0%202h16v3H0zM2%206h3v9H2zm9%200h3v9h-3z%22/%3E%3C/svg%3E";

/// The error as a small HTML page, in UTF-8.
pub(crate) fn html(status: StatusCode, id: &RequestId) -> String {
    let code = status.as_u16();
    let reason = reason(status);
    let mut page = String::with_capacity(STYLE.len() + 1024);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{code} {reason}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <link rel=\"icon\" href='{ICON}'>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1><span>{code}</span> {reason}</h1>\n<p>{}</p>\n<p class=\"id\">Request {}</p>\n</main>\n</body>\n</html>\n",
        explanation(status),
        escaped(id),
    )
    .expect("writing to a String cannot fail");
    page
}

/// The error as two lines of plain text: `404 Not Found`, and `request` with its id.
pub(crate) fn text(status: StatusCode, id: &RequestId) -> String {
    format!("{} {}\nrequest {id}\n", status.as_u16(), reason(status))
}

/// Ours are digits; a client's own is any visible ASCII.
fn escaped(id: &RequestId) -> String {
    let id = id.to_string();
    id.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// The reason of RFC 9110 §15; `Error` for a code that has none registered.
fn reason(status: StatusCode) -> &'static str {
    // RFC 9110 §15.5.14 and §15.5.17 renamed two that the table of the `http` crate has by their older names.
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        StatusCode::RANGE_NOT_SATISFIABLE => "Range Not Satisfiable",
        _ => status.canonical_reason().unwrap_or("Error"),
    }
}

/// What happened and what a person can do, in one or two short sentences.
fn explanation(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => {
            "The server could not make sense of this request. Check the address, or go back and try again."
        }
        401 => "This page is only for those who sign in.",
        403 => "This page exists for others, but it may not be shown to you.",
        404 => {
            "There is nothing at this address. It may have moved, or the link may have a mistake in it."
        }
        405 => "This address can be read, but it does not accept what was sent to it.",
        408 => "The request took too long to arrive. Try again.",
        410 => "What was here has been removed for good.",
        412 => {
            "The file is no longer the one that the request was made for. Load it anew and try again."
        }
        413 => "What was sent is larger than this server accepts.",
        414 => "The address is longer than this server accepts.",
        416 => "The requested part lies beyond the end of the file. Load it anew from the start.",
        421 => {
            "This server does not answer for that host name on this connection. Open the page in a new window."
        }
        429 => "Too many requests came in a short time. Wait a moment before the next one.",
        431 => {
            "The request carried more header data than this server accepts. Clearing this site’s cookies may help."
        }
        500 => "Something went wrong on the server. It is not your doing; try again later.",
        501 => "This server does not know how to do what was asked of it.",
        502 => "The application behind this server gave no usable answer. Try again in a moment.",
        503 => "The service is busy or under repair. Try again in a moment.",
        504 => "The application behind this server did not answer in time. Try again in a moment.",
        _ if status.is_client_error() => "The server cannot answer this request as it was made.",
        _ => "The server could not complete this request. Try again later.",
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// As a client may have sent it.
    fn id() -> RequestId {
        RequestId::Sent(http::HeaderValue::from_static("<4711>"))
    }

    fn every_error() -> impl Iterator<Item = StatusCode> {
        (400..=599).map(|code| StatusCode::from_u16(code).unwrap())
    }

    #[test]
    fn text_is_two_lines() {
        assert_eq!(
            text(StatusCode::NOT_FOUND, &id()),
            "404 Not Found\nrequest <4711>\n"
        );
        assert_eq!(
            text(StatusCode::PAYLOAD_TOO_LARGE, &id()),
            "413 Content Too Large\nrequest <4711>\n"
        );
        assert_eq!(
            text(StatusCode::from_u16(599).unwrap(), &id()),
            "599 Error\nrequest <4711>\n"
        );
    }

    #[test]
    fn every_page_shows_its_code_and_reason_and_a_sentence() {
        for status in every_error() {
            let page = html(status, &id());
            let (code, reason) = (status.as_u16(), reason(status));
            assert!(
                page.contains(&format!("<title>{code} {reason}</title>")),
                "{code}"
            );
            assert!(
                page.contains(&format!("<h1><span>{code}</span> {reason}</h1>")),
                "{code}"
            );
            assert!(page.contains("Request &lt;4711&gt;"), "{code}");
            assert!(explanation(status).ends_with('.'), "{code}");
            assert!(!explanation(status).contains(['<', '&']), "{code}");
        }
    }

    #[test]
    fn common_statuses_have_a_sentence_of_their_own() {
        let general = [
            explanation(StatusCode::IM_A_TEAPOT),
            explanation(StatusCode::from_u16(599).unwrap()),
        ];
        for code in [
            400, 403, 404, 405, 408, 412, 413, 414, 416, 421, 431, 500, 501, 502, 503, 504,
        ] {
            assert!(
                !general.contains(&explanation(StatusCode::from_u16(code).unwrap())),
                "{code}"
            );
        }
    }

    #[test]
    fn a_page_loads_nothing_and_names_no_server() {
        let page = html(StatusCode::NOT_FOUND, &id());
        for absent in [
            "<script",
            "http://",
            "https://",
            "@import",
            "url(",
            "style=\"",
            env!("CARGO_PKG_NAME"),
            "Daemun",
        ] {
            assert!(
                !page
                    .replace("xmlns=%22http://www.w3.org/2000/svg%22", "")
                    .contains(absent),
                "{absent}"
            );
        }
    }

    #[test]
    fn the_policy_allows_exactly_the_style_sheet_that_is_sent() {
        let expected = format!("style-src 'sha256-{}'", base64(&Sha256::digest(STYLE)));
        assert!(
            CONTENT_SECURITY_POLICY.contains(&expected),
            "the style sheet changed: CONTENT_SECURITY_POLICY needs {expected}"
        );
        assert!(html(StatusCode::NOT_FOUND, &id()).contains(&format!("<style>{STYLE}</style>")));
    }

    fn base64(bytes: &[u8]) -> String {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let bits = chunk
                .iter()
                .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte))
                << (8 * (3 - chunk.len()));
            for index in 0..4 {
                let sextet = (bits >> (18 - 6 * index)) & 63;
                text.push(if index <= chunk.len() {
                    char::from(ALPHABET[sextet as usize])
                } else {
                    '='
                });
            }
        }
        text
    }
}

//! The status page: a document, a style sheet and the modules of a script, all within the program.
//!
//! Nothing is loaded from elsewhere, and its policy forbids it. What it shows comes from `/events`, `/explain/ID` and
//! `/configuration`, and is only ever set as text: paths and hosts of requests are written by strangers.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

const DOCUMENT: &str = include_str!("page/page.html");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, media type, content.
const PARTS: [(&str, &str, &str); 10] = [
    ("page.css", STYLE, include_str!("page/page.css")),
    ("page.js", SCRIPT, include_str!("page/page.js")),
    ("attention.js", SCRIPT, include_str!("page/attention.js")),
    ("charts.js", SCRIPT, include_str!("page/charts.js")),
    ("dom.js", SCRIPT, include_str!("page/dom.js")),
    ("format.js", SCRIPT, include_str!("page/format.js")),
    ("inside.js", SCRIPT, include_str!("page/inside.js")),
    ("requests.js", SCRIPT, include_str!("page/requests.js")),
    ("traffic.js", SCRIPT, include_str!("page/traffic.js")),
    ("upstreams.js", SCRIPT, include_str!("page/upstreams.js")),
];

/// The page at `/`, and what it consists of beneath `/page/`.
pub(super) fn router() -> Router {
    Router::new()
        .route("/", get(document))
        .route("/page/{name}", get(part))
}

async fn document() -> Response {
    let fields = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    (fields, DOCUMENT).into_response()
}

async fn part(Path(name): Path<String>) -> Response {
    let found = PARTS.iter().find(|(known, ..)| *known == name);
    found.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |(_, media_type, content)| ([(CONTENT_TYPE, *media_type)], *content).into_response(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in double quotes after `before`.
    fn quoted<'t>(text: &'t str, before: &str) -> Vec<&'t str> {
        let after = text.split(before).skip(1);
        after.filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn whatever_the_page_refers_to_is_served() {
        let is_served = |name: &str| PARTS.iter().any(|(known, ..)| *known == name);
        let names = [quoted(DOCUMENT, "\"page/"), quoted(DOCUMENT, "from \"./")].concat();
        assert!(names.len() >= 2, "{names:?}");
        for name in names {
            assert!(is_served(name), "{name}");
        }
        let mut imports = 0;
        for (module, _, content) in PARTS {
            for name in quoted(content, "from \"./") {
                assert!(is_served(name), "{module} imports {name}");
                imports += 1;
            }
        }
        assert!(imports >= 10, "{imports}");
    }

    #[test]
    fn nothing_is_set_but_as_text_and_nothing_comes_from_elsewhere() {
        for (name, _, content) in PARTS {
            for forbidden in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "@import",
                "url(",
                "//cdn",
                "https://",
            ] {
                assert!(!content.contains(forbidden), "{name}: {forbidden}");
            }
        }
        for forbidden in [
            " style=\"",
            " onclick",
            "src=\"http",
            "href=\"http",
            "<style",
            "<script>",
        ] {
            assert!(!DOCUMENT.contains(forbidden), "{forbidden}");
        }
    }
}

//! Media types of files (RFC 9110 §8.3.1): what a name's extension says, and which of them are worth compressing.

use http::HeaderValue;

/// What nothing is known of (RFC 2046 §4.5.1).
const UNKNOWN: &str = "application/octet-stream";

/// Where today's registrations, or the needs of browsers, differ from the general table; and what most sites are made of.
const BY_EXTENSION: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    // RFC 9239: one type for all JavaScript; browsers refuse modules without it.
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("cjs", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("svg", "image/svg+xml"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
    ("woff2", "font/woff2"),
    ("otf", "font/otf"),
    ("avif", "image/avif"),
    ("webp", "image/webp"),
    ("jxl", "image/jxl"),
    ("m4a", "audio/mp4"),
    ("md", "text/markdown; charset=utf-8"),
    // The file itself declares its encoding, and a charset here would overrule it (RFC 7303 §3).
    ("xml", "application/xml"),
    ("xsl", "application/xslt+xml"),
    // RFC 9512
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("toml", "application/toml"),
    // Video is served as such; TypeScript source is read by compilers, which do not ask.
    ("ts", "video/mp2t"),
    // A coded file that is asked for by its own name is that file: no Content-Encoding (§8.4). Brotli has no media type.
    ("gz", "application/gzip"),
    ("tgz", "application/gzip"),
    ("zst", "application/zstd"),
    ("br", UNKNOWN),
];

/// Types that are text in all but name, or hold their data uncompressed, besides `text/*`, `*+json` and `*+xml`.
const COMPRESSIBLE: &[&str] = &[
    "application/ecmascript",
    "application/geo+json-seq",
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/json5",
    "application/jsonl",
    "application/rtf",
    "application/sql",
    "application/toml",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-httpd-php",
    "application/x-javascript",
    "application/x-ndjson",
    "application/x-perl",
    "application/x-sh",
    "application/x-tex",
    "application/xml",
    "application/xml-dtd",
    "application/yaml",
    "application/font-sfnt",
    "application/x-font-ttf",
    "font/collection",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/vnd.microsoft.icon",
    "image/x-icon",
    "image/x-portable-bitmap",
    "image/x-portable-graymap",
    "image/x-portable-pixmap",
    "model/gltf-binary",
    "model/obj",
    "model/stl",
];

/// The media type of a file, by its extension (without the dot, in any case). Text is taken for UTF-8.
pub(crate) fn by_extension(extension: Option<&str>) -> HeaderValue {
    let Some(extension) = extension else {
        return HeaderValue::from_static(UNKNOWN);
    };
    if let Some((_, known)) = BY_EXTENSION
        .iter()
        .find(|(known, _)| extension.eq_ignore_ascii_case(known))
    {
        return HeaderValue::from_static(known);
    }
    match mime_guess::from_ext(extension).first_raw() {
        None => HeaderValue::from_static(UNKNOWN),
        Some(text) if text.starts_with("text/") => {
            HeaderValue::try_from(format!("{text}; charset=utf-8"))
                .expect("a registered media type is visible ASCII")
        }
        Some(other) => HeaderValue::from_static(other),
    }
}

/// Whether a representation of this type usually gets much smaller by compression.
///
/// Media that carry their own compression (images, video, archives, WOFF) are not; neither is `text/event-stream`, whose
/// events must not wait for a compressor to have enough of them.
pub(crate) fn is_compressible(media_type: &HeaderValue) -> bool {
    let value = media_type.as_bytes();
    let end = value
        .iter()
        .position(|&byte| byte == b';')
        .unwrap_or(value.len());
    let essence = value[..end].trim_ascii();
    let is = |known: &&str| essence.eq_ignore_ascii_case(known.as_bytes());
    let begins = |prefix: &str| {
        essence
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    let ends = |suffix: &str| {
        let start = essence.len().saturating_sub(suffix.len());
        essence[start..].eq_ignore_ascii_case(suffix.as_bytes())
    };
    if begins("text/") {
        return !is(&"text/event-stream");
    }
    ends("+json") || ends("+xml") || COMPRESSIBLE.iter().any(is)
}

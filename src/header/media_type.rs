//! Media types of files (RFC 9110 §8.3.1): what a name's extension says, and which of them are worth compressing.

use std::borrow::Cow;

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
    // RFC 8081
    ("woff2", "font/woff2"),
    ("woff", "font/woff"),
    ("otf", "font/otf"),
    ("avif", "image/avif"),
    ("webp", "image/webp"),
    ("jxl", "image/jxl"),
    ("m4a", "audio/mp4"),
    ("md", "text/markdown; charset=utf-8"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("toml", "application/toml"),
    ("jsonl", "application/jsonl"),
    ("ndjson", "application/x-ndjson"),
    // RFC 8216 §4
    ("m3u8", "application/vnd.apple.mpegurl"),
    // Video is served as such; TypeScript source is read by compilers, which do not ask.
    ("ts", "video/mp2t"),
    ("obj", "model/obj"),
    ("stl", "model/stl"),
    ("rpm", "application/x-rpm"),
    // A coded file that is asked for by its own name is that file: no Content-Encoding (§8.4). Brotli has no media type.
    ("gz", "application/gzip"),
    ("tgz", "application/gzip"),
    ("svgz", "application/gzip"),
    ("zst", "application/zstd"),
    ("br", UNKNOWN),
];

/// Types that are text in all but name, or hold their data uncompressed, besides `text/*`, `*+json` and `*+xml`.
const COMPRESSIBLE: &[&str] = &[
    "application/ecmascript",
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/json5",
    "application/jsonl",
    "application/n-triples",
    "application/postscript",
    "application/rtf",
    "application/toml",
    "application/vnd.apple.mpegurl",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-httpd-php",
    "application/x-javascript",
    "application/x-ndjson",
    "application/x-perl",
    "application/x-sh",
    "application/x-sql",
    "application/x-tex",
    "application/xml",
    "application/xml-dtd",
    "application/yaml",
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
        // The file itself declares its encoding, and a charset here would overrule it (RFC 7303 §3).
        Some("text/xml") => HeaderValue::from_static("application/xml"),
        Some(text) if text.starts_with("text/") => {
            HeaderValue::try_from(format!("{text}; charset=utf-8"))
                .expect("a registered media type is visible ASCII")
        }
        Some(other) => HeaderValue::from_static(other),
    }
}

/// Media types that are worth compressing: those that usually get much smaller by it.
///
/// Media that carry their own compression (images, video, archives, WOFF) do not; neither is `text/event-stream` ever compressed, whose
/// events must not wait for a compressor to have enough of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaTypes(Box<[Pattern]>);

/// In lower case, without parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `application/json`
    Exact(Cow<'static, str>),
    /// `text/*`: what it begins with, slash included.
    Begins(Cow<'static, str>),
    /// `*+json`: what it ends with, plus sign included.
    Ends(Cow<'static, str>),
}

impl Pattern {
    /// Reads `text/*`, `*+json` or `application/json`, in any case; `None` for everything else, parameters included.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        if let Some(suffix) = text.strip_prefix("*+") {
            return is_token(suffix).then(|| Self::Ends(text[1..].to_owned().into()));
        }
        let (kind, subtype) = text.split_once('/')?;
        if !is_token(kind) || kind.contains('*') {
            return None;
        }
        if subtype == "*" {
            return Some(Self::Begins(format!("{kind}/").into()));
        }
        (is_token(subtype) && !subtype.contains('*')).then(|| Self::Exact(text.clone().into()))
    }
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    let is_token_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

impl Default for MediaTypes {
    fn default() -> Self {
        let exact = COMPRESSIBLE.iter().map(|of| Pattern::Exact((*of).into()));
        let kinds = [
            Pattern::Begins("text/".into()),
            Pattern::Ends("+json".into()),
            Pattern::Ends("+xml".into()),
        ];
        Self(kinds.into_iter().chain(exact).collect())
    }
}

impl FromIterator<Pattern> for MediaTypes {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
    }
}

impl IntoIterator for MediaTypes {
    type Item = Pattern;
    type IntoIter = std::vec::IntoIter<Pattern>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_vec().into_iter()
    }
}

impl MediaTypes {
    /// Whether one of them is that of a `Content-Type`.
    pub(crate) fn contains(&self, media_type: &HeaderValue) -> bool {
        let value = media_type.as_bytes();
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let essence = value[..end].trim_ascii();
        let is = |known: &str| essence.eq_ignore_ascii_case(known.as_bytes());
        !is("text/event-stream")
            && self.0.iter().any(|pattern| match pattern {
                Pattern::Exact(known) => is(known),
                Pattern::Begins(prefix) => essence
                    .get(..prefix.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes())),
                Pattern::Ends(suffix) => {
                    let start = essence.len().saturating_sub(suffix.len());
                    essence[start..].eq_ignore_ascii_case(suffix.as_bytes())
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_gives_its_media_type_of_today() {
        let cases = [
            (Some("html"), "text/html; charset=utf-8"),
            (Some("htm"), "text/html; charset=utf-8"),
            (Some("HTML"), "text/html; charset=utf-8"),
            (Some("css"), "text/css; charset=utf-8"),
            (Some("txt"), "text/plain; charset=utf-8"),
            (Some("csv"), "text/csv; charset=utf-8"),
            (Some("js"), "text/javascript; charset=utf-8"),
            (Some("mjs"), "text/javascript; charset=utf-8"),
            (Some("cjs"), "text/javascript; charset=utf-8"),
            (Some("json"), "application/json"),
            (Some("map"), "application/json"),
            (Some("wasm"), "application/wasm"),
            (Some("webmanifest"), "application/manifest+json"),
            (Some("svg"), "image/svg+xml"),
            (Some("xml"), "application/xml"),
            (Some("xsl"), "application/xml"),
            (Some("xhtml"), "application/xhtml+xml"),
            (Some("md"), "text/markdown; charset=utf-8"),
            (Some("png"), "image/png"),
            (Some("jpg"), "image/jpeg"),
            (Some("ico"), "image/x-icon"),
            (Some("avif"), "image/avif"),
            (Some("jxl"), "image/jxl"),
            (Some("webp"), "image/webp"),
            (Some("woff2"), "font/woff2"),
            (Some("woff"), "font/woff"),
            (Some("ttf"), "font/ttf"),
            (Some("otf"), "font/otf"),
            (Some("mp4"), "video/mp4"),
            (Some("webm"), "video/webm"),
            (Some("mp3"), "audio/mpeg"),
            (Some("ts"), "video/mp2t"),
            (Some("pdf"), "application/pdf"),
            (Some("zip"), "application/zip"),
            (Some("gz"), "application/gzip"),
            (Some("svgz"), "application/gzip"),
            (Some("zst"), "application/zstd"),
            (Some("br"), "application/octet-stream"),
            (Some("bin"), "application/octet-stream"),
            (Some("nonsense"), "application/octet-stream"),
            (Some("caf\u{e9}"), "application/octet-stream"),
            (Some(""), "application/octet-stream"),
            (None, "application/octet-stream"),
        ];
        for (extension, expected) in cases {
            assert_eq!(by_extension(extension), expected, "{extension:?}");
        }
    }

    #[test]
    fn the_reference_names_all_that_is_compressed() {
        let reference = include_str!("../../docs/configuration.md");
        let line = reference
            .lines()
            .find(|line| line.contains("**`media_types`** (array"));
        let line = line.expect("the key is described");
        for (kind, name) in COMPRESSIBLE
            .iter()
            .filter_map(|known| known.split_once('/'))
        {
            assert!(line.contains(&format!("`{kind}/`: ")), "{kind}");
            assert!(line.contains(&format!("`{name}`")), "{kind}/{name}");
        }
    }

    #[test]
    fn only_what_gets_smaller_is_compressed() {
        let cases = [
            ("text/html; charset=utf-8", true),
            ("TEXT/PLAIN", true),
            ("text/event-stream", false),
            ("application/json", true),
            ("application/json ; charset=utf-8", true),
            ("application/manifest+json", true),
            ("application/ld+JSON", true),
            ("application/xml", true),
            ("application/rss+xml", true),
            ("image/svg+xml", true),
            ("application/wasm", true),
            ("font/ttf", true),
            ("font/otf", true),
            ("application/vnd.ms-fontobject", true),
            ("image/x-icon", true),
            ("font/woff2", false),
            ("image/png", false),
            ("image/jpeg", false),
            ("video/mp4", false),
            ("application/zip", false),
            ("application/gzip", false),
            ("application/pdf", false),
            ("application/octet-stream", false),
            ("application/jsonx", false),
            ("application/octet-stream; profile=+json", false),
            ("", false),
            (";", false),
        ];
        for (media_type, expected) in cases {
            let media_type = HeaderValue::from_static(media_type);
            assert_eq!(
                MediaTypes::default().contains(&media_type),
                expected,
                "{media_type:?}"
            );
        }
    }
    #[test]
    fn patterns_are_a_kind_a_suffix_or_one_type() {
        let types =
            ["Text/*", "*+JSON", "application/Wasm"].map(|text| Pattern::parse(text).expect(text));
        let types = MediaTypes::from_iter(types);
        let cases = [
            ("text/html; charset=utf-8", true),
            ("TEXT/x-made-up", true),
            ("text", false),
            ("textual/html", false),
            ("application/ld+json", true),
            ("application/json", false),
            ("application/wasm", true),
            ("application/wasmx", false),
            ("application/xml", false),
            // Whatever is configured.
            ("text/event-stream", false),
        ];
        for (media_type, expected) in cases {
            let value = HeaderValue::from_static(media_type);
            assert_eq!(types.contains(&value), expected, "{media_type}");
        }
        for text in [
            "",
            "*",
            "*/*",
            "text",
            "text/",
            "/html",
            "text/h*",
            "te*t/html",
            "*/html",
            "*+",
            "*json",
            "text/html; charset=utf-8",
            "text/html ",
            "a/b/c",
            "caf\u{e9}/x",
        ] {
            assert_eq!(Pattern::parse(text), None, "{text:?}");
        }
    }
}

//! How content is compressed.

use serde::Deserialize;

use super::{Number, Size, Switch, Text, Texts};

/// `[compression]`: how content is compressed; whether it is, each site and route says with `compress`.
///
/// A file is compressed when it is first asked for by a client that accepts it, and what came of it is held in memory (`cache`) for those
/// who ask later. A coding that saves less than a twentieth is not used. Files beside it (`app.js.br`, see `sidecars`) come first.
///
/// Answers of an application are compressed as they pass, where a route says `compress = true`. Where an answer holds a secret (a CSRF token)
/// beside what a client sent (a search), do not: from the length of many such answers an attacker can guess the secret (BREACH).
/// Event streams, partial content, what is coded already and what says `no-transform` are left as they are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Compression {
    /// The content codings that are made: `"br"`, `"zstd"`, `"gzip"`. Of those that a client likes best, it gets the one that stands first.
    /// `[]`: none.
    /// Default: `["br", "zstd", "gzip"]`.
    pub(crate) codings: Option<Texts>,
    /// The media types that are worth it: `"text/html"`, `"text/*"`, `"*+json"`; `"default"` stands for the built-in list: `text/*`,
    /// `*+json`, `*+xml`; of `application/`: `ecmascript`, `graphql`, `javascript`, `json`, `json5`, `jsonl`, `n-triples`, `postscript`, `rtf`,
    /// `toml`, `vnd.apple.mpegurl`, `vnd.ms-fontobject`, `wasm`, `x-httpd-php`, `x-javascript`, `x-ndjson`, `x-perl`, `x-sh`, `x-sql`, `x-tex`,
    /// `xml`, `xml-dtd`, `yaml`; of `font/`: `collection`, `otf`, `ttf`; of `image/`: `bmp`, `vnd.microsoft.icon`, `x-icon`,
    /// `x-portable-bitmap`, `x-portable-graymap`, `x-portable-pixmap`; of `model/`: `gltf-binary`, `obj`, `stl`. `text/event-stream` is never
    /// compressed.
    /// Default: `["default"]`.
    pub(crate) media_types: Option<Texts>,
    /// What is smaller is sent as it is.
    /// Default: `"256B"`.
    pub(crate) smallest: Option<Size>,
    /// Files larger than this are compressed as they are sent, each time anew.
    /// Default: `"16MiB"`.
    pub(crate) largest: Option<Size>,
    /// How many files are compressed at a time while clients wait for them. Their threads yield to those that serve.
    /// Default: one for each core that the process may use.
    pub(crate) threads: Option<Number>,
    /// Whether files that are asked for often are compressed once more, as well as can be, when there is time.
    /// Default: `true`.
    pub(crate) improve: Option<Switch>,
    /// Most memory for former versions of files, against which new ones are compressed for clients that still have them (RFC 9842), see
    /// `dictionary`. `0`: nothing is compressed so.
    /// Default: `"64MiB"`.
    pub(crate) dictionary_memory: Option<Size>,
    /// The largest file that is kept for that.
    /// Default: `"8MiB"`.
    pub(crate) dictionary_largest: Option<Size>,
    /// A folder in which former versions are kept over restarts; relative to the configuration file. It must exist, be writable for the
    /// server, and lie outside of all docroots. It grows to
    /// sixteen times `dictionary_memory`; then the oldest go.
    /// Default: none; they are kept in memory only.
    pub(crate) dictionary_folder: Option<Text>,
}

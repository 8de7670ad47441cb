//! A site.

use serde::Deserialize;

use super::{Entries, Number, Route, Switch, Text, Time};

/// `[[site]]`: a virtual host: what is served, and how, to those who ask for one of its `hosts`.
///
/// The most exact host wins: a full name before `*.example.com` (longer before shorter), and a site without `hosts` takes what is left.
/// A file without any `[[site]]` serves the folder `public` beside it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Site {
    /// Host names that the site answers to: `"example.com"`, `"*.example.com"` (one or more labels before the dot, not `example.com`
    /// itself), or `"*"` (any). Ports are left out.
    /// Default: every host.
    pub(crate) hosts: Vec<Text>,
    /// The folder whose files are served; relative to the configuration file.
    /// Default: none; the site then has only what its routes say.
    pub(crate) docroot: Option<Text>,
    /// How paths are read, for all routes of the site: `"plain"`, as they are; `"servlet"`, as Tomcat, WildFly and other servlet containers
    /// do, which leave `;parameters` of segments out when they look for what answers. Set it when one of them answers here: otherwise a
    /// route for `/admin/` could be passed by.
    /// Default: `"plain"`.
    pub(crate) dialect: Option<Text>,
    /// File names that answer for a directory; the first that exists is sent.
    /// Default: `["index.html"]`.
    pub(crate) index: Option<Vec<Text>>,
    /// Whether `/page` is answered with the file `page.html`.
    /// Default: `false`.
    pub(crate) clean_urls: Option<bool>,
    /// For single-page applications: the file, relative to the docroot, that answers when a person navigates to a path where there is no
    /// file. Requests for anything but a page, such as a missing script, stay 404.
    /// Default: none.
    pub(crate) spa: Option<Text>,
    /// Whether a directory without an index file is listed (as HTML, or as JSON to those who ask for it); otherwise it is 404.
    /// Default: `false`.
    pub(crate) listing: Option<bool>,
    /// Most entries that a listing shows.
    /// Default: `10000`.
    pub(crate) listing_limit: Option<Number>,
    /// Whether names that begin with a dot (`.env`, `.git`) are served; `/.well-known/` always is (RFC 8615).
    /// Default: `false`.
    pub(crate) hidden: Option<bool>,
    /// Which symbolic links are followed: `"within-root"`, those that lead to a place beneath the docroot; `"deny"`, none; `"follow"`,
    /// all, wherever they lead. The docroot itself may always be a link.
    /// Default: `"within-root"`.
    pub(crate) symlinks: Option<Text>,
    /// Whether `app.js.br`, `app.js.zst` and `app.js.gz`, when not older than `app.js`, are sent in its place to clients that accept them.
    /// Default: `true`.
    pub(crate) sidecars: Option<bool>,
    /// Whether files without such a file beside them are compressed by the server, see `[compression]`.
    /// Default: `true`.
    pub(crate) compress: Option<Switch>,
    /// Which files serve as dictionaries (RFC 9842): a client that has one is sent a later version as what has changed in it.
    /// `"fingerprinted"`, those with a fingerprint in their name (`app.3f9a1c7b.js`), each for the same name with another one; `"off"`, none;
    /// or a pattern such as `"/data/*.json"`, in which `*` stands for any characters: all files at such paths, each for all of them. Browsers use one
    /// only while they need not ask for it again, so such files want a `cache_control` with `max-age`. Pages of other origins are never sent
    /// what depends on it.
    /// Default: `"fingerprinted"`.
    pub(crate) dictionary: Option<Text>,
    /// `Cache-Control` for every file of the site; the answer of `spa` to paths without a file is always `no-cache`.
    /// Default: by outcome. Files with a fingerprint in their name (`app.3f9a1c7b.js`) are `public, max-age=31536000, immutable`, all
    /// else is `no-cache`.
    pub(crate) cache_control: Option<Text>,
    /// Origins whose scripts may read the responses (CORS): `["https://example.com"]`, or `["*"]` for any.
    /// Default: none.
    pub(crate) cors: Option<Vec<Text>>,
    /// How long browsers are to ask for the site over TLS only (`Strict-Transport-Security`, RFC 6797): `"365d"`. Sent on every response
    /// over TLS, and never on others. A browser cannot be told otherwise before that time is over: begin with a short one. `"0s"` takes
    /// it back.
    /// Default: none.
    pub(crate) hsts: Option<Time>,
    /// Whether `hsts` holds for all names below the site's hosts as well.
    /// Default: `false`.
    pub(crate) hsts_subdomains: Option<Switch>,
    /// Whether browsers may take the site into the list that they ship with; it needs `hsts_subdomains` and at least `"365d"`.
    /// Default: `false`.
    pub(crate) hsts_preload: Option<Switch>,
    /// Whether plain HTTP requests are sent on to the same path and query over TLS, with 308. Those for `/.well-known/acme-challenge/`
    /// are answered, because certificates are issued by it. The site needs `hosts`: a request must not choose where it is sent.
    /// Default: `false`.
    pub(crate) https_redirect: Option<Switch>,
    /// The port that `https_redirect` leads to, as clients see it.
    /// Default: that of the first listener with `tls = true`; without one, `443`.
    pub(crate) https_port: Option<Number>,
    /// Fields set on every response of the site, errors included; a table of names and values.
    /// Default: none.
    pub(crate) headers: Entries,
    /// Media types by file-name extension, over the built-in table: `glb = "model/gltf-binary"`.
    /// Default: none.
    pub(crate) media_types: Entries,
    /// Pages for error statuses, as paths in the docroot: `404 = "/errors/404.html"`.
    /// Default: the nearest `404.html` on the way up from the path asked for, else a short text.
    pub(crate) error_pages: Entries,
    pub(crate) route: Vec<Route>,
}

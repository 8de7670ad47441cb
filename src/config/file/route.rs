//! A route of a site.

use serde::Deserialize;

use super::{Entries, Number, Statuses, Switch, Text, Texts};

/// `[[site.route]]`: what is different for some paths of the site above it.
///
/// The most exact path wins, wherever it stands in the file: `=/exact`, then the longest prefix, then the longest ending; only the
/// prefix `/` comes after endings. A route has at most one of `docroot`, `upstream`, `redirect`, `respond` and `health`, but for `docroot`
/// beside `upstream`; without any, the site's own docroot serves it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    /// The paths meant: `"/api/"`, a prefix of whole segments (`/api`, `/api/x`, not `/apix`); `"=/robots.txt"`, exactly this path;
    /// `"*.php"`, by ending.
    /// Required.
    pub(crate) path: Text,
    /// The methods meant: `["GET", "POST"]`; `HEAD` goes with `GET`. Two routes may have the same path when no method is in both.
    /// Default: any.
    pub(crate) methods: Option<Texts>,
    /// The application that answers: the name of an `[upstream.NAME]`, or a server by itself, such as `"http://127.0.0.1:3000"`; see
    /// there. With a `docroot`, files that exist there are served (for GET and HEAD), and the rest is forwarded.
    /// Default: none.
    pub(crate) upstream: Option<Text>,
    /// A folder of its own for these paths; relative to the configuration file. The other settings of static files are the site's,
    /// but for `spa`.
    /// Default: none.
    pub(crate) docroot: Option<Text>,
    /// Whether the prefix in `path` is taken off before the file is looked for, or the request forwarded: with `path = "/docs/"`,
    /// `/docs/a.html` is then `a.html` in the docroot, and `/a.html` for the application; otherwise `docs/a.html`. What the application
    /// says of its own paths (`Location`, the path of cookies …) is put beneath the prefix again; `X-Forwarded-Prefix` tells it.
    /// Default: `false`.
    pub(crate) strip_prefix: Option<bool>,
    /// What takes the place of the prefix in forwarded requests: with `path = "/api/"` and `"/v2/"`, `/api/x` is `/v2/x` for the application.
    /// Default: none.
    pub(crate) rewrite_prefix: Option<Text>,
    /// The `Host` that the application is told: `"client"`, the one that the client asked for; `"server"`, that of the server's address; or
    /// a host to be told always.
    /// Default: `"client"`.
    pub(crate) host: Option<Text>,
    /// Fields set on forwarded requests, over those of the client; a table of names and values.
    /// Default: none.
    #[serde(default)]
    pub(crate) request_headers: Entries,
    /// Whether `Forwarded` (RFC 7239) is sent as well as `X-Forwarded-For` and its like.
    /// Default: `false`.
    pub(crate) forwarded: Option<Switch>,
    /// Whether paths with an encoded slash or backslash (`%2F`, `%5C`) are forwarded, as they are; otherwise they are refused, as some
    /// applications take them for others than the path was judged by.
    /// Default: `false`.
    pub(crate) encoded_slashes: Option<Switch>,
    /// Fields of the application's answers that clients do not get: `["X-Powered-By", "Server"]`.
    /// Default: none.
    pub(crate) hide_headers: Option<Texts>,
    /// Statuses of the application whose answers are replaced by the site's error pages: `[404, 502, 503]`, or `true` for all from 400 on.
    /// Default: none.
    pub(crate) intercept_errors: Option<Statuses>,
    /// A folder with files that the application may have sent in its place, by `X-Accel-Redirect` or `X-Sendfile`; relative to the
    /// configuration file. Ranges, validators and cache policy are those of files.
    /// Default: none; such answers are errors.
    pub(crate) accel_root: Option<Text>,
    /// What the paths in `X-Accel-Redirect` begin with; it is taken off, and the rest is looked for in `accel_root`.
    /// Default: `"/"`.
    pub(crate) accel_prefix: Option<Text>,
    /// Whether content is compressed, see `[compression]`: the files at these paths, and the answers of the application. Beware of secrets
    /// in its answers (BREACH), see there.
    /// Default: for files, what the site says; for answers of an application, `false`.
    pub(crate) compress: Option<Switch>,
    /// Which of the files at these paths serve as dictionaries; as in the site.
    /// Default: the site's.
    pub(crate) dictionary: Option<Text>,
    /// Where to send the client instead: a path (`"/new/{rest}"`) or a URL (`"https://example.com{path}"`). `{path}` is the path asked
    /// for, `{rest}` what follows the prefix, `{host}` the host asked for, without its port. The query is kept, unless the target has one.
    /// Default: none.
    pub(crate) redirect: Option<Text>,
    /// A fixed response: its body.
    /// Default: none.
    pub(crate) respond: Option<Text>,
    /// An answer for those who check the server: `"alive"`, always `ok`; `"ready"`, `ok` as long as the server is not on its way out and each
    /// application that a route leads to has a server that is not known to be out, else 503 with the reasons, one a line.
    /// Default: none.
    pub(crate) health: Option<Text>,
    /// Status of the `redirect` (301, 302, 303, 307 or 308) or of the fixed response (a final status that may have a body).
    /// Default: `302` for `redirect`, `200` for `respond`.
    pub(crate) status: Option<Number>,
    /// `Content-Type` of the fixed response.
    /// Default: `"text/plain; charset=utf-8"`.
    pub(crate) media_type: Option<Text>,
    /// `Cache-Control` for the files and the fixed response at these paths; errors and redirects never have a long life.
    /// Default: the site's.
    pub(crate) cache_control: Option<Text>,
    /// Fields set on the responses to these paths, over the site's; a table of names and values.
    /// Default: none.
    #[serde(default)]
    pub(crate) headers: Entries,
    /// How many of the answers below 400 at these paths share a record in the access log: with `100`, one of a hundred is logged; with `0`, none,
    /// which suits a path that is asked for every second to see how the server is. Answers from 400 on always are.
    /// Default: `1`, all of them.
    pub(crate) log_sample: Option<Number>,
}

impl Route {
    /// A route that forwards, with nothing else to say.
    pub(crate) fn forwarding(path: Text, upstream: Text) -> Self {
        Self {
            path,
            methods: None,
            upstream: Some(upstream),
            docroot: None,
            strip_prefix: None,
            rewrite_prefix: None,
            host: None,
            request_headers: Entries::default(),
            forwarded: None,
            encoded_slashes: None,
            hide_headers: None,
            intercept_errors: None,
            accel_root: None,
            accel_prefix: None,
            compress: None,
            dictionary: None,
            redirect: None,
            respond: None,
            health: None,
            status: None,
            media_type: None,
            cache_control: None,
            headers: Entries::default(),
            log_sample: None,
        }
    }
}

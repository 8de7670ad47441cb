//! The configuration file as written: one flat struct a table, one field a key, and for each key its documentation.
//!
//! Nothing is judged here but the shape. `docs/configuration.md` is made from the doc comments below: the first words of a struct's
//! comment are its table's header, a field's comment tells what the key does, in which unit, and its default.

use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

/// A string.
pub(crate) type Text = Spanned<String>;
/// A whole number.
pub(crate) type Number = Spanned<i64>;
/// A number of bytes.
pub(crate) type Size = Spanned<Quantity>;
/// A length of time.
pub(crate) type Time = Spanned<Quantity>;
/// `true` or `false`.
pub(crate) type Switch = Spanned<bool>;

/// Top level: the keys before the first table.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    /// Worker threads; each accepts connections of its own and serves them on one core.
    /// Default: one for each core that the process may use.
    pub(crate) workers: Option<Number>,
    /// Proxies whose word is taken for who the client is: addresses and networks (`"192.0.2.1"`, `"10.0.0.0/8"`, `"fd00::/8"`),
    /// `"private"` (`10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`, `fd00::/8`, `127.0.0.0/8`, `::1`), `"unix"` (whoever may open a Unix socket
    /// that the server listens on). When one of them asks, the client is the rightmost address in `X-Forwarded-For`, or in `Forwarded`
    /// (RFC 7239), that is not trusted itself; an entry that cannot be read ends the search. Nobody else is believed.
    /// Default: none; the client is whoever opened the connection.
    pub(crate) trusted_proxies: Option<Vec<Text>>,
    /// The field in which trusted proxies name the client: `"x-forwarded-for"` (with the scheme in `X-Forwarded-Proto`) or
    /// `"forwarded"`. Name the one that your proxies write: they may pass the other on as the client made it up.
    /// Default: `X-Forwarded-For`; in a request without it, `Forwarded`.
    pub(crate) client_address_from: Option<Text>,
    /// The user, by name or number, that the process becomes once its sockets are bound and its logs open; for a server that is started
    /// by root. What is opened again later (a log after its rotation, changed certificates, the docroots) must be open to this user.
    /// Default: none; the process stays who it is.
    pub(crate) user: Option<Text>,
    /// The group, by name or number, that goes with `user`. The user's other groups are taken on too.
    /// Default: the user's own.
    pub(crate) group: Option<Text>,
    /// Whether the kernel (Landlock, Linux 5.13) is to keep the process from every file it does not need: docroots, and the folders of
    /// the configuration and of certificates, with all beneath them, can be read, the folders of the access log and of Unix sockets
    /// written; nothing can be run. `"off"`; `"on"`, as far as the kernel is able; `"required"`, or the server does not start. The fence
    /// stands until the process ends: a new docroot, or one in another's place, needs a restart, and so does a new version of the program.
    /// Default: `"off"`, as folders that are replaced at each deployment are common.
    pub(crate) sandbox: Option<Text>,
    pub(crate) listen: Vec<Spanned<Listen>>,
    pub(crate) certificate: Vec<Spanned<Certificate>>,
    pub(crate) tls: Tls,
    pub(crate) site: Vec<Spanned<Site>>,
    pub(crate) cache: Cache,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
}

/// `[[listen]]`: an address to accept connections on, once for each address.
///
/// Without one, the server listens on `127.0.0.1:8080`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listen {
    /// `"8080"` or `"localhost:8080"`: this machine only. `":8080"` or `"*:8080"`: every IPv4 interface. `"192.0.2.1:8080"`,
    /// `"[::1]:8080"`: this address. `"[::]:8080"`: every IPv6 interface. `"unix:/run/daemun.sock"`: a Unix socket. Port 0: a free port
    /// that the system chooses. `"unix:@daemun"`: an abstract Unix socket, which has no file and no permissions (Linux). `"systemd"`: the
    /// sockets that systemd opened for the service; `"systemd:web"`: those with `FileDescriptorName=web`.
    /// Required.
    pub(crate) address: Text,
    /// Whether TLS is spoken here, with the certificates of all `[[certificate]]`. Clients choose between HTTP/2 and HTTP/1.1 (ALPN).
    /// Default: `false`.
    pub(crate) tls: Option<Switch>,
    /// Whether connections begin with a header of the PROXY protocol, version 1 or 2, that names the client; TLS comes after it.
    /// Connections without one, or from an address that is not in `proxy_protocol_from`, are closed.
    /// Default: `false`.
    pub(crate) proxy_protocol: Option<bool>,
    /// Who may send that header, written as `trusted_proxies` is. For a Unix socket, whoever can open it.
    /// Default: `trusted_proxies`.
    pub(crate) proxy_protocol_from: Option<Vec<Text>>,
    /// Permissions of a Unix socket, in octal: `"0660"`. Whoever can write to it can connect.
    /// Default: what the process's umask leaves.
    pub(crate) mode: Option<Text>,
    /// Owner of a Unix socket, by name or number.
    /// Default: the user that starts the server.
    pub(crate) owner: Option<Text>,
    /// Group of a Unix socket, by name or number.
    /// Default: the group of the user that starts the server.
    pub(crate) group: Option<Text>,
}

/// `[[certificate]]`: a certificate and its key, once for each.
///
/// A client gets the one that is for the name it asks for (SNI): an exact name before a wildcard. Of two for the same name, such as one
/// with an ECDSA key and one with an RSA key, it gets the one that it can verify, the faster before the slower. The first in the file
/// is the default. Files that have changed are taken into use by themselves, see `revalidate`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Certificate {
    /// The file with the certificate and its chain, the server's own first, in PEM; relative to the configuration file.
    /// Required.
    pub(crate) cert: Text,
    /// The file with the private key, in PEM and without a passphrase; relative to the configuration file.
    /// Required.
    pub(crate) key: Text,
}

/// `[tls]`: how TLS is spoken, on all listeners with `tls = true`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    /// The oldest version that is spoken: `"1.2"` or `"1.3"`.
    /// Default: `"1.2"`.
    pub(crate) min_version: Option<Text>,
    /// What becomes of clients that ask for a name without a certificate, or for no name: `"default"`, they get the first certificate;
    /// `"refuse"`, the handshake ends with the alert `unrecognized_name`, and who asks by address learns nothing of the sites here.
    /// Default: `"default"`.
    pub(crate) unknown_names: Option<Text>,
    /// The certificates of the authorities that issue those of clients, in PEM; relative to the configuration file. Read with the
    /// configuration, and not again when it changes by itself. Revocation lists are not looked at.
    /// Default: none.
    pub(crate) client_ca: Option<Text>,
    /// Whether clients show a certificate: `"off"`, none is asked for; `"optional"`, they may, and the handshake fails with a bad one;
    /// `"required"`, they must. It holds for every site: no site can be reached around it by another name.
    /// Default: required with a `client_ca`, else off.
    pub(crate) client_auth: Option<Text>,
    /// How long a client may take for the handshake; clients that take a connection and say nothing are cut off.
    /// Default: `"10s"`.
    pub(crate) handshake_timeout: Option<Time>,
    /// Most handshakes under way at a time, from a client's first whole message on: against those that begin many to have the server
    /// compute. More wait for their turn, which does not count towards their time; while they do, those that have begun have a second
    /// only to go on.
    /// Default: `1000`.
    pub(crate) handshakes: Option<Number>,
    /// How often the files of certificates are looked at for changes. A pair is checked first: one that does not match, or that has
    /// expired, is refused with an error in the log, and the old one stays in use.
    /// Default: `"10s"`.
    pub(crate) revalidate: Option<Time>,
    /// Whether the secrets of all connections are appended to the file that the environment variable `SSLKEYLOGFILE` names: for looking
    /// at recorded traffic while something is searched for, and never otherwise.
    /// Default: `false`.
    pub(crate) key_log: Option<bool>,
}

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

/// `[[site.route]]`: what is different for some paths of the site above it.
///
/// The most exact path wins, wherever it stands in the file: `=/exact`, then the longest prefix, then the longest ending; only the
/// prefix `/` comes after endings. A route has at most one of `docroot`, `redirect` and `respond`; without any, the site's own docroot
/// serves it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    /// The paths meant: `"/api/"`, a prefix of whole segments (`/api`, `/api/x`, not `/apix`); `"=/robots.txt"`, exactly this path;
    /// `"*.php"`, by ending.
    /// Required.
    pub(crate) path: Text,
    /// A folder of its own for these paths; relative to the configuration file. The other settings of static files are the site's,
    /// but for `spa`.
    /// Default: none.
    pub(crate) docroot: Option<Text>,
    /// Whether the prefix in `path` is taken off before the file is looked for: with `path = "/docs/"`, `/docs/a.html` is then `a.html`
    /// in the docroot, otherwise `docs/a.html`.
    /// Default: `false`.
    pub(crate) strip_prefix: Option<bool>,
    /// Where to send the client instead: a path (`"/new/{rest}"`) or a URL (`"https://example.com{path}"`). `{path}` is the path asked
    /// for, `{rest}` what follows the prefix, `{host}` the host asked for, without its port. The query is kept, unless the target has one.
    /// Default: none.
    pub(crate) redirect: Option<Text>,
    /// A fixed response: its body.
    /// Default: none.
    pub(crate) respond: Option<Text>,
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
}

/// `[cache]`: files held in memory.
///
/// A changed file is served changed on the very next request, unless `revalidate` says otherwise.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cache {
    /// Most memory for files and their compressed forms; `0` holds nothing.
    /// Default: `"256MiB"`.
    pub(crate) memory: Option<Size>,
    /// The largest file that is held; larger ones are streamed from the disk.
    /// Default: `"1MiB"`.
    pub(crate) file: Option<Size>,
    /// How long a held file is trusted before the disk is asked again whether it has changed.
    /// Default: `"0s"`, ask at each request.
    pub(crate) revalidate: Option<Time>,
}

/// `[limits]`: what a client may take.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// How long a client may take to send the head of a request.
    /// Default: `"10s"`.
    pub(crate) header_timeout: Option<Time>,
    /// How long a connection may stay open between two requests.
    /// Default: `"75s"`.
    pub(crate) keep_alive_timeout: Option<Time>,
    /// Most bytes in the head of a request; at least 8 KiB, at most 1 MiB.
    /// Default: `"32KiB"`.
    pub(crate) header_size: Option<Size>,
    /// Most fields in the head of a request.
    /// Default: `100`.
    pub(crate) header_count: Option<Number>,
    /// Most bytes in the body of a request; more is answered with 413. An application decides what it does with the rest; static files
    /// take no bodies at all.
    /// Default: `"1GiB"`.
    pub(crate) body_size: Option<Size>,
    /// How long a client may pause while it sends the body of a request (against slow bodies, R.U.D.Y.).
    /// Default: `"30s"`.
    pub(crate) body_timeout: Option<Time>,
    /// Least bytes a second of a request's body, after a first `body_timeout`; time in which the application does not read is not counted.
    /// `0`: any (against bodies sent byte by byte).
    /// Default: `500`.
    pub(crate) body_rate: Option<Size>,
    /// How long a client may take none of a response that is waiting for it (against slow readers and windows held at zero).
    /// Default: `"60s"`.
    pub(crate) write_timeout: Option<Time>,
    /// Request fields with `_` or `.` in their names, which many applications cannot tell from those with `-`: `"drop"` them, `"refuse"`
    /// the request, or `"pass"` them on (against forged `X_Forwarded_For`, `Remote_User` and the like).
    /// Default: `"drop"`.
    pub(crate) odd_names: Option<Text>,
    /// Most connections open at a time; more wait to be accepted. Each takes a descriptor; the program asks for all it may have.
    /// Default: `65536`.
    pub(crate) connections: Option<Number>,
    /// Most connections of one client address at a time (of IPv6, of a `/64`); more are closed at once. `0`: any number. Not the default,
    /// since everybody behind one proxy has one address.
    /// Default: `0`.
    pub(crate) connections_per_client: Option<Number>,
    /// Most requests on one connection of HTTP/1.1; the last answer says that it is closed. `0`: any number.
    /// Default: `0`.
    pub(crate) requests_per_connection: Option<Number>,
    /// How old a connection may become; a response under way is finished first. It lets clients find a server that was added behind the
    /// same name. `"0s"`: any age.
    /// Default: `"1h"`.
    pub(crate) connection_age: Option<Time>,
    /// How long open responses may take to end after the server was told to stop.
    /// Default: `"30s"`.
    pub(crate) drain_timeout: Option<Time>,
}

/// `[log]`: the access log.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// `"combined"`, the format of Apache and nginx; `"json"`, one object a line; `"off"`.
    /// Default: `"combined"` for the program, `"off"` for the library.
    pub(crate) access: Option<Text>,
    /// The file that records are appended to; relative to the configuration file.
    /// Default: standard output.
    pub(crate) file: Option<Text>,
}

/// A size or a time as written: a bare number, or a number with its unit.
#[derive(Clone, Debug)]
pub(crate) enum Quantity {
    Number(i64),
    Text(String),
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Quantity;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number with its unit in quotes, such as \"64KiB\" or \"10s\"")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Quantity, E> {
                Ok(Quantity::Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
                Ok(Quantity::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A table whose keys are free, such as field names; in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries(pub(crate) Vec<(Text, Text)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Entries;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries: Vec<(Text, Text)> = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                entries.sort_by_key(|(key, _)| key.span().start);
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

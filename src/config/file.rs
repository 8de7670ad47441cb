//! The configuration file as written: one flat struct a table, one field a key, and for each key its documentation.
//!
//! Nothing is judged here but the shape. `docs/configuration.md` is made from the doc comments of these files, in the order below: the
//! first words of a struct's comment are its table's header, a field's comment tells what the key does, in which unit, and its default.

mod admin;
mod compression;
mod limits;
mod listen;
mod route;
mod site;
mod upstream;
mod value;

use serde::Deserialize;
use toml::Spanned;

pub(crate) use self::{
    admin::Admin,
    compression::Compression,
    limits::{Cache, Limits, Log},
    listen::{Certificate, Listen, Tls},
    route::Route,
    site::Site,
    upstream::{Server, Upstream, Upstreams},
    value::{
        Entries, Fraction, Number, Quantity, Size, StatusList, Statuses, Switch, Text, Texts, Time,
    },
};

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
    /// The name servers that look up the servers of upstreams: `["192.0.2.53", "127.0.0.1:5353"]`.
    /// Default: those of the system.
    pub(crate) resolvers: Vec<Text>,
    pub(crate) listen: Vec<Spanned<Listen>>,
    pub(crate) certificate: Vec<Spanned<Certificate>>,
    pub(crate) tls: Tls,
    pub(crate) site: Vec<Spanned<Site>>,
    pub(crate) upstream: Upstreams,
    pub(crate) cache: Cache,
    pub(crate) compression: Compression,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
    pub(crate) admin: Admin,
}

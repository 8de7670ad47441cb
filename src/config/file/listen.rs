//! Where the server listens, and TLS.

use serde::Deserialize;

use super::{Number, Switch, Text, Time};

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

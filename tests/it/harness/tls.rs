//! Certificates, a server that shows them, and clients that look at them.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use daemun::{Config, ListenAddress, Listener, Server};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use tokio::sync::oneshot;

use super::{Client, Docroot, PATIENCE};

/// Issues certificates.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of a test");
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn issue(&self, names: &[&str]) -> Pair {
        self.issue_with(names, &rcgen::PKCS_ECDSA_P256_SHA256, |_| ())
    }

    pub(crate) fn issue_with(
        &self,
        names: &[&str],
        algorithm: &'static rcgen::SignatureAlgorithm,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair {
            cert: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Pair {
    /// Writes `NAME.pem` and `NAME.key`.
    pub(crate) fn write(&self, folder: &Path, name: &str) {
        fs::write(folder.join(format!("{name}.pem")), &self.cert).unwrap();
        fs::write(folder.join(format!("{name}.key")), &self.key).unwrap();
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()
    }

    fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

/// A server with listeners as its configuration has them, on two workers.
pub(crate) struct TlsServer {
    pub(crate) docroot: Docroot,
    /// In the order of the configuration.
    pub(crate) addresses: Vec<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    stopped: mpsc::Receiver<Result<(), String>>,
    thread: Option<JoinHandle<()>>,
}

impl TlsServer {
    /// One TLS listener, and a site with the standard docroot; `$TLS` in `config` is a folder that holds what `prepare` puts there.
    pub(crate) fn start(config: &str, prepare: impl FnOnce(&Path)) -> Self {
        let config = format!(
            "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = true\n{config}\n[[site]]\ndocroot = \"$ROOT\"\n"
        );
        Self::start_whole(&config, prepare, Server::new)
    }

    /// A whole configuration file, and what is made of it.
    pub(crate) fn start_whole(
        config: &str,
        prepare: impl FnOnce(&Path),
        server: impl FnOnce(&Config) -> Result<Server, daemun::ServeError> + Send + 'static,
    ) -> Self {
        let docroot = Docroot::standard();
        let folder = docroot.parent().join("tls");
        fs::create_dir(&folder).unwrap();
        prepare(&folder);
        let text = config
            .replace("$ROOT", docroot.root().to_str().unwrap())
            .replace("$TLS", folder.to_str().unwrap());
        let (stop, stop_asked) = oneshot::channel::<()>();
        let (tell_ready, ready) = mpsc::channel();
        let (tell_stopped, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let config = Config::parse(&text, Path::new("test.toml"))
                .unwrap_or_else(|error| panic!("{error}"));
            let listeners: Vec<_> = config
                .listen()
                .iter()
                .map(|listen| Listener::bind(listen).unwrap_or_else(|error| panic!("{error}")))
                .collect();
            let address = |listener: &Listener| match listener.local_address() {
                ListenAddress::Tcp(address) => address,
                other => panic!("{other}"),
            };
            tell_ready
                .send(listeners.iter().map(address).collect())
                .unwrap();
            let server = server(&config).unwrap_or_else(|error| panic!("{error}"));
            drop(config);
            let shutdown = async {
                stop_asked.await.ok();
            };
            let workers = 2.try_into().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let result = runtime.block_on(server.serve_with_workers(listeners, workers, shutdown));
            tell_stopped
                .send(result.map_err(|error| error.to_string()))
                .ok();
        });
        let addresses = ready.recv_timeout(PATIENCE).expect("the server starts");
        Self {
            docroot,
            addresses,
            stop: Some(stop),
            stopped,
            thread: Some(thread),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// The folder with the certificates.
    pub(crate) fn folder(&self) -> PathBuf {
        self.docroot.parent().join("tls")
    }

    pub(crate) fn begin_shutdown(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
    }

    #[track_caller]
    pub(crate) fn stop_within(&mut self, time: Duration) {
        self.begin_shutdown();
        assert_eq!(self.stopped.recv_timeout(time), Ok(Ok(())));
        self.thread.take();
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.begin_shutdown();
        if let Some(thread) = self.thread.take()
            && !std::thread::panicking()
        {
            self.stopped
                .recv_timeout(PATIENCE * 2)
                .expect("the server stops")
                .expect("in good order");
            thread.join().expect("the server does not panic");
        }
    }
}

/// What a client brings along; it keeps its sessions for the next connection.
#[derive(Clone)]
pub(crate) struct TlsClient(Arc<ClientConfig>);

impl TlsClient {
    pub(crate) fn trusting(authority: &Authority) -> Self {
        Self::with(authority, None, rustls::ALL_VERSIONS)
    }

    pub(crate) fn with(
        authority: &Authority,
        certificate: Option<&Pair>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        Self(Arc::new(match certificate {
            Some(pair) => builder
                .with_client_auth_cert(vec![pair.der()], pair.key_der())
                .unwrap(),
            None => builder.with_no_client_auth(),
        }))
    }

    /// The same, with something changed.
    pub(crate) fn but(&self, change: impl FnOnce(&mut ClientConfig)) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        change(&mut config);
        Self(Arc::new(config))
    }

    pub(crate) fn speaking(&self, protocols: &[&str]) -> Self {
        let protocols = protocols
            .iter()
            .map(|protocol| protocol.as_bytes().to_vec())
            .collect();
        self.but(|config| config.alpn_protocols = protocols)
    }

    /// Finishes the handshake for this name; an address names none to the server.
    pub(crate) fn try_connect(
        &self,
        address: SocketAddr,
        name: &str,
    ) -> Result<Client, std::io::Error> {
        self.try_connect_after(b"", address, name)
    }

    /// The same, with bytes before the handshake.
    pub(crate) fn try_connect_after(
        &self,
        first: &[u8],
        address: SocketAddr,
        name: &str,
    ) -> Result<Client, std::io::Error> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let tls = ClientConnection::new(Arc::clone(&self.0), name).unwrap();
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.write_all(first)?;
        Client::over_tls(stream, tls)
    }

    #[track_caller]
    pub(crate) fn connect(&self, address: SocketAddr, name: &str) -> Client {
        self.try_connect(address, name)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// What the server shows for a name.
    #[track_caller]
    pub(crate) fn shown(&self, address: SocketAddr, name: &str) -> CertificateDer<'static> {
        let client = self.connect(address, name);
        client.tls().peer_certificates().expect("a certificate")[0].clone()
    }
}

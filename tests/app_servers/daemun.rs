//! The program under test, in front of them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::client::Client;
use crate::process::{Recipe, Server};

/// A running gate. Dropping it ends it.
pub(crate) struct Daemun {
    server: Server,
}

impl Daemun {
    /// With the sites and upstreams of `config`.
    pub(crate) fn start(config: &str) -> Self {
        Self::with(config, |_| "tls = false\n".to_owned())
    }

    /// With a listener that speaks TLS; the second value is the file of the certificate, made for `localhost`.
    pub(crate) fn start_tls(config: &str) -> (Self, PathBuf) {
        let daemun = Self::with(config, |folder| {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
            fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
            "tls = true\n[[certificate]]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n".to_owned()
        });
        let certificate = daemun.server.recipe.folder.join("cert.pem");
        (daemun, certificate)
    }

    fn with(config: &str, listener: impl FnOnce(&Path) -> String) -> Self {
        let recipe = Recipe::new("daemun");
        let listener = listener(&recipe.folder);
        let text = format!(
            "[[listen]]\naddress = \"{}\"\n{listener}\n{config}",
            recipe.address()
        );
        fs::write(recipe.folder.join("daemun.toml"), text).unwrap();
        let folder = recipe.folder.clone();
        let recipe = recipe
            .run([
                program().as_str(),
                "-c",
                "daemun.toml",
                "--access-log",
                "off",
            ])
            .env("XDG_RUNTIME_DIR", folder);
        Self {
            server: recipe.start(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }
}

/// The file of the program: cargo's, or another build.
pub(crate) fn program() -> String {
    std::env::var("DAEMUN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_daemun").to_owned())
}

/// Everything to one upstream with these servers; more keys of the upstream behind them.
pub(crate) fn all_to(servers: &[&Server], more: &str) -> String {
    let servers: Vec<_> = servers
        .iter()
        .map(|server| server.address().to_string())
        .collect();
    format!(
        "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n[upstream.app]\nservers = {servers:?}\n{more}\n"
    )
}

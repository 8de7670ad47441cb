//! A folder as a web site: what `daemun ./public` does, as a program of your own.
//!
//! ```sh
//! cargo run --example static_site                    # http://127.0.0.1:8080
//! cargo run --example static_site -- 127.0.0.1:9000
//! ```
//!
//! The same as a configuration file: `daemun --config examples/static_site.toml`.

use std::error::Error;

use daemun::{Config, ListenAddress, Listener, Server};

const DOCROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/public");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args()
        .nth(1)
        .map(|address| address.parse::<ListenAddress>());
    let config = Config::builder()
        .docroot(DOCROOT)
        .clean_urls(true)
        .header("Referrer-Policy", "same-origin")
        .build()?;

    let listener = Listener::bind(&address.transpose()?.unwrap_or_default())?;
    println!("http://{}", listener.local_address());

    // A thread for each core; an embedder with a runtime of its own would call `serve`.
    let shutdown = async { drop(tokio::signal::ctrl_c().await) };
    Server::new(&config)?
        .serve_with_workers(vec![listener], config.workers(), shutdown)
        .await?;
    Ok(())
}

//! The `ServeDir` peer: what a Rust program gets with `tower_http::services::ServeDir` on `axum::serve`.

use std::net::Ipv4Addr;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

use crate::Result;

/// The first argument that makes this program the peer.
pub(crate) const WORD: &str = "serve-dir-peer";

/// Serves a folder on a port of the loopback address until it is stopped.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [folder, port] = arguments else {
        return Err("a folder and a port are needed".into());
    };
    let port = port.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        // As every other server here does.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        axum::serve(
            listener,
            Router::new().fallback_service(ServeDir::new(folder)),
        )
        .await?;
        Ok(())
    })
}

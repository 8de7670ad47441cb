//! An application in another process, within a router of your own: pages of this program, files, and everything beneath `/shop/` from
//! there. The application here is a thread that only plays another process.
//!
//! ```sh
//! cargo run --example proxy_in_axum                   # http://127.0.0.1:8080
//! cargo run --example proxy_in_axum -- 127.0.0.1:9000
//! curl -i http://127.0.0.1:8080/shop/basket           # what the application was told
//! ```

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::http::{HeaderMap, Uri};
use axum::response::Redirect;
use axum::routing::get;
use daemun::{Config, ListenAddress, Listener, Proxy, Server, StaticFiles, Upstream};

const PUBLIC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/public");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args()
        .nth(1)
        .map(|address| address.parse::<ListenAddress>());

    let application = play_application().await?;
    let upstream = Upstream::new(&format!("http://{application}"))?;

    let app = Router::new()
        .route("/hello", get(|| async { "Hello from this program\n" }))
        // The application knows nothing of `/shop`: it is told by `X-Forwarded-Prefix`, and its own addresses are mapped back.
        .nest_service("/shop", Proxy::new(upstream))
        .fallback_service(StaticFiles::new(PUBLIC));

    let config = Config::builder().docroot(PUBLIC).build()?;
    let listener = Listener::bind(&address.transpose()?.unwrap_or_default())?;
    println!("http://{}", listener.local_address());
    let shutdown = async { drop(tokio::signal::ctrl_c().await) };
    Server::with_app(&config, app)?
        .serve(vec![listener], shutdown)
        .await?;
    Ok(())
}

/// In real life: Tomcat, Node, gunicorn …
async fn play_application() -> Result<SocketAddr, Box<dyn Error>> {
    let application = Router::new()
        .route("/old", get(|| async { Redirect::to("/basket") }))
        .fallback(|uri: Uri, headers: HeaderMap| async move {
            let told = |name| headers.get(name).and_then(|value| value.to_str().ok());
            let prefix = told("x-forwarded-prefix").unwrap_or("none");
            let client = told("x-forwarded-for").unwrap_or("nobody");
            format!("{} beneath {prefix} for {client}\n", uri.path())
        });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, application).await });
    Ok(address)
}

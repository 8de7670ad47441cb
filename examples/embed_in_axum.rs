//! Files beside the routes of an axum program that has a server of its own.
//!
//! ```sh
//! cargo run --example embed_in_axum                  # http://127.0.0.1:8080
//! cargo run --example embed_in_axum -- 127.0.0.1:9000
//! ```

use std::error::Error;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use daemun::StaticFiles;
use tokio::net::TcpListener;

const DOCROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/public");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8080".to_owned());

    let app = Router::new()
        .route("/api/greeting/{name}", get(greeting))
        .nest_service("/site", StaticFiles::new(DOCROOT).clean_urls(true));

    let listener = TcpListener::bind(address).await?;
    println!("http://{}/site/", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn greeting(Path(name): Path<String>) -> String {
    format!("Hello, {name}\n")
}

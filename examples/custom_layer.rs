//! A layer of your own around everything that Daemun answers: here one that tells on standard error why a request was
//! refused, and how long each answer took to begin.
//!
//! ```sh
//! cargo run --example custom_layer                   # http://127.0.0.1:8080
//! cargo run --example custom_layer -- 127.0.0.1:9000
//! ```

use std::error::Error;
use std::time::Instant;

use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use daemun::{Config, ListenAddress, Listener, Rejection, Server};
use http::HeaderValue;

const DOCROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/public");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args()
        .nth(1)
        .map(|address| address.parse::<ListenAddress>());
    let config = Config::builder().docroot(DOCROOT).build()?;

    let app = daemun::router(&config).layer(middleware::from_fn(watch));

    let listener = Listener::bind(&address.transpose()?.unwrap_or_default())?;
    println!("http://{}", listener.local_address());
    let shutdown = async { drop(tokio::signal::ctrl_c().await) };
    Server::with_app(&config, app)?
        .serve(vec![listener], shutdown)
        .await?;
    Ok(())
}

async fn watch(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let begin = Instant::now();
    let mut response = next.run(request).await;
    if let Some(rejection) = response.extensions().get::<Rejection>() {
        eprintln!("{path}: {} {}", rejection.status(), rejection.reason());
    }
    let timing = format!("daemun;dur={:.3}", begin.elapsed().as_secs_f64() * 1e3);
    if let Ok(value) = HeaderValue::from_str(&timing) {
        response.headers_mut().insert("server-timing", value);
    }
    response
}

//! Files in front of an application that lives in the same program: the application has its routes, and Daemun answers
//! everything else as `front_of_app.toml` says.
//!
//! ```sh
//! cargo run --example front_of_app                   # http://127.0.0.1:8080
//! cargo run --example front_of_app -- 127.0.0.1:9000
//! ```
//!
//! For applications in processes of their own see `front_of_app/`: Tomcat, Node and gunicorn.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use daemun::{Config, ListenAddress, Listener, Server};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/front_of_app.toml");

/// All that the application knows.
#[derive(Clone, Default)]
struct Visits(Arc<AtomicU64>);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args()
        .nth(1)
        .map(|address| address.parse::<ListenAddress>());
    let config = Config::load(CONFIG)?;

    let app = Router::new()
        .route("/api/visits", get(visits))
        .with_state(Visits::default())
        // Routes win over the fallback: nothing in the configuration can hide the application.
        .fallback_service(daemun::router(&config));

    let listener = Listener::bind(&address.transpose()?.unwrap_or_default())?;
    println!("http://{}", listener.local_address());

    // The configuration's limits and access log hold for the application as well.
    let shutdown = async { drop(tokio::signal::ctrl_c().await) };
    Server::with_app(&config, app)?
        .serve(vec![listener], shutdown)
        .await?;
    Ok(())
}

async fn visits(State(Visits(count)): State<Visits>) -> String {
    format!("{}\n", count.fetch_add(1, Ordering::Relaxed) + 1)
}

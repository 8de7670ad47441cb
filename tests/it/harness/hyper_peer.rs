//! The same router behind another server: hyper as it comes. Only its leniency differs, and that is what it is asked for.

use std::net::SocketAddr;
use std::sync::mpsc;

use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::sync::oneshot;

use super::{Client, Journal, app};

pub(crate) struct HyperPeer {
    address: SocketAddr,
    /// Dropped, it ends the server.
    _stop: oneshot::Sender<()>,
}

impl HyperPeer {
    pub(crate) fn app() -> (Self, Journal) {
        let journal = Journal::default();
        let router = app(&journal);
        let (tell, ready) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                tokio::select! {
                    () = serve(router, &tell) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = ready.recv_timeout(super::PATIENCE).expect("it starts");
        let this = Self {
            address,
            _stop: stop,
        };
        (this, journal)
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }
}

async fn serve(router: axum::Router, tell: &mpsc::Sender<SocketAddr>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    tell.send(listener.local_addr().expect("an address"))
        .expect("the test waits");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .half_close(true)
                .serve_connection(TokioIo::new(stream), service),
        );
    }
}

//! `/events`: the status at once, and then each second, for as long as somebody looks on.
//!
//! Server-sent events (the HTML standard, §9.2): `event: status`, and the JSON in one line of `data`.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http_body::Frame;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::Asked;
use crate::server::Handle;

const EVERY: Duration = Duration::from_secs(1);

/// How soon a browser that lost the connection is to come back.
const RETRY: &str = "retry: 1000\n\n";

pub(super) async fn events(State(asked): State<Asked>) -> Response {
    let (tell, told) = mpsc::channel(1);
    tokio::spawn(tell_on(asked, tell));
    let body = Body::new(Told(told));
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// Ends with the client, with the server, or with whoever tells.
async fn tell_on(mut asked: Asked, tell: mpsc::Sender<Bytes>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let presence = asked.handle.presence();
    let mut before = RETRY;
    loop {
        tokio::select! {
            biased;
            () = tell.closed() => return,
            () = closed(&mut asked.open) => return,
            _ = ticks.tick() => {}
        }
        let has_ended = presence.has_ended();
        let Some(event) = event(before, &asked.handle) else {
            return;
        };
        before = "";
        // Who does not read what was told before is not told more, until then.
        tokio::select! {
            biased;
            () = closed(&mut asked.open) => return,
            sent = tell.send(event) => if sent.is_err() || has_ended { return },
        }
    }
}

async fn closed(open: &mut Option<watch::Receiver<()>>) {
    match open {
        Some(open) => while open.changed().await.is_ok() {},
        None => std::future::pending().await,
    }
}

fn event(before: &str, handle: &Handle) -> Option<Bytes> {
    let json = serde_json::to_string(&handle.status())
        .inspect_err(|error| tracing::error!(%error, "the status cannot be written"));
    Some(format!("{before}event: status\ndata: {}\n\n", json.ok()?).into())
}

/// What is told, as a body.
struct Told(mpsc::Receiver<Bytes>);

impl http_body::Body for Told {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let event = self.0.poll_recv(context);
        event.map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

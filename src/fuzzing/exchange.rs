//! What two servers make of the same bytes: ours and hyper's, before the same router.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body as _;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;

use crate::config::{Config, Limits};
use crate::http1::chunked::{Chunked, Piece};
use crate::http1::head::HeadLimits;
use crate::server::in_memory::{self, Client};

/// A request as the application saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    method: String,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    is_whole: bool,
}

type Journal = Arc<Mutex<Vec<Seen>>>;

/// A conversation is read alike in one piece and in two that the first byte splits; and what we take for requests, hyper takes for the
/// same ones.
pub fn exchange(input: &[u8]) {
    let Some((&place, bytes)) = input.split_first() else {
        return;
    };
    // The preface of HTTP/2 is another conversation.
    if bytes.starts_with(b"PRI ") {
        return;
    }
    let (first, rest) = bytes.split_at(usize::from(place).min(bytes.len()));
    let at_once = ours(vec![bytes.to_vec()]);
    assert_eq!(
        at_once,
        ours(vec![first.to_vec(), rest.to_vec()]),
        "in two pieces"
    );
    let theirs = hypers(bytes);
    for (index, own) in at_once.iter().enumerate() {
        if !own.is_whole {
            assert_eq!(
                index + 1,
                at_once.len(),
                "a request after one that broke off"
            );
            return;
        }
        assert_eq!(Some(own), theirs.get(index), "another request to hyper");
    }
}

/// A chunked body is the same however its bytes come; the first byte says where they are split.
pub fn chunked(input: &[u8]) {
    let Some((&place, bytes)) = input.split_first() else {
        return;
    };
    let place = usize::from(place).min(bytes.len());
    let at_once = decode(&[bytes]);
    let in_two = decode(&[&bytes[..place], &bytes[place..]]);
    let byte_by_byte = decode(&bytes.chunks(1).collect::<Vec<_>>());
    assert_eq!(at_once, in_two, "in two pieces");
    assert_eq!(at_once, byte_by_byte, "byte by byte");
}

#[derive(Debug, PartialEq, Eq)]
enum Decoded {
    Whole {
        body: Vec<u8>,
        trailers: HeaderMap,
        rest: usize,
    },
    Incomplete(Vec<u8>),
    Refused,
}

fn decode(pieces: &[&[u8]]) -> Decoded {
    let limits = HeadLimits {
        odd_names: crate::config::OddNames::Drop,
        size: 512,
        count: 16,
    };
    let (mut chunked, mut received, mut body) = (Chunked::new(), BytesMut::new(), Vec::new());
    for (index, piece) in pieces.iter().enumerate() {
        received.extend_from_slice(piece);
        loop {
            match chunked.decode(&mut received, limits) {
                Ok(Piece::Data(data)) => body.extend_from_slice(&data),
                Ok(Piece::Incomplete) => break,
                Ok(Piece::End(trailers)) => {
                    let later: usize = pieces[index + 1..].iter().map(|piece| piece.len()).sum();
                    let rest = received.len() + later;
                    return Decoded::Whole {
                        body,
                        trailers,
                        rest,
                    };
                }
                Err(_) => return Decoded::Refused,
            }
        }
    }
    Decoded::Incomplete(body)
}

fn ours(pieces: Vec<Vec<u8>>) -> Vec<Seen> {
    let (router, journal) = router();
    run(in_memory::serve(router, limits(), Client::new(pieces)));
    take(&journal)
}

fn hypers(bytes: &[u8]) -> Vec<Seen> {
    let (router, journal) = router();
    let client = TokioIo::new(Client::new(vec![bytes.to_vec()]));
    let connection = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .serve_connection(client, TowerToHyperService::new(router));
    run(async {
        // How it ends is no matter: what it saw is.
        drop(connection.await);
    });
    take(&journal)
}

fn limits() -> Limits {
    // Both sides see odd names as they are.
    let text = "[[site.route]]\npath = \"/\"\nrespond = \"\"\n[limits]\nodd_names = \"pass\"\n";
    let text = format!("[[site]]\n{text}");
    Config::parse(&text, Path::new("fuzz.toml"))
        .expect("a sound configuration")
        .limits
}

fn run(serving: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(serving);
}

fn router() -> (Router, Journal) {
    let journal = Journal::default();
    let seen_by = Arc::clone(&journal);
    let router = Router::new().fallback(move |request: Request| {
        let journal = Arc::clone(&seen_by);
        async move { note(&journal, request).await }
    });
    (router, journal)
}

async fn note(journal: &Journal, request: Request) {
    let (parts, mut body) = request.into_parts();
    let mut fields: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    fields.sort();
    let mut seen = Seen {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        fields,
        ..Seen::default()
    };
    let index = journal.lock().expect("one thread").len();
    journal.lock().expect("one thread").push(seen.clone());
    while let Some(frame) = next(&mut body).await {
        let Ok(frame) = frame else {
            return;
        };
        seen.body.extend(frame.into_data().unwrap_or_default());
    }
    seen.is_whole = true;
    journal.lock().expect("one thread")[index] = seen;
}

async fn next(body: &mut Body) -> Option<Result<http_body::Frame<Bytes>, axum::Error>> {
    std::future::poll_fn(|context| std::pin::Pin::new(&mut *body).poll_frame(context)).await
}

fn take(journal: &Journal) -> Vec<Seen> {
    std::mem::take(&mut *journal.lock().expect("one thread"))
}

//! Answers of applications, coded as they pass.
//!
//! 1. Whether an answer is coded at all: of a compressible type, whole, not coded yet, not to be left as it is, not an event stream.
//! 2. By which coding: the client's choice among ours.
//! 3. Its fields: what was said of the bytes that came holds no longer for those that are sent.
//! 4. Its body: coded as it passes (`coding::stream`).
//!
//! What a secret and what a client chose share one answer, its length tells of the secret (BREACH): only routes that ask for it are coded.

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HeaderName, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body::Body as _;

use crate::coding::stream;
use crate::config::CompressionConfig;
use crate::header::accept_encoding::negotiate;
use crate::static_files::body::Body;

/// Digests of the bytes that came (RFC 9530, and what was before it).
const OF_THE_BYTES: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// Steps 1 to 4.
pub(crate) fn compress(
    rules: &CompressionConfig,
    (method, asked): (&Method, &HeaderMap),
    response: Response<Body>,
) -> Response<Body> {
    if !is_eligible(rules, &response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let fields = &mut parts.headers;
    // Another client would be sent other bytes.
    if !varies(fields) {
        fields.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
    let coding = negotiate(asked, &rules.codings);
    let Some(name) = coding.as_value() else {
        return Response::from_parts(parts, body);
    };
    fields.insert(CONTENT_ENCODING, name);
    fields.remove(CONTENT_LENGTH);
    fields.remove(ACCEPT_RANGES);
    for name in OF_THE_BYTES {
        fields.remove(name);
    }
    weaken(fields);
    let body = match method {
        // It would have been coded as well.
        &Method::HEAD => body,
        _ => stream::coded(body, coding),
    };
    Response::from_parts(parts, body)
}

/// Step 1.
fn is_eligible(rules: &CompressionConfig, response: &Response<Body>) -> bool {
    let fields = response.headers();
    let has_content = match response.status() {
        StatusCode::NO_CONTENT
        | StatusCode::RESET_CONTENT
        | StatusCode::PARTIAL_CONTENT
        | StatusCode::NOT_MODIFIED => false,
        status => !status.is_informational(),
    };
    let length = fields.get(CONTENT_LENGTH).and_then(|of| of.to_str().ok());
    let length = length.and_then(|length| length.parse().ok());
    let length = length.or(response.body().size_hint().exact());
    has_content
        && !rules.codings.is_empty()
        && length.is_none_or(|length| length >= rules.smallest)
        && !fields.contains_key(CONTENT_ENCODING)
        && !fields.contains_key(CONTENT_RANGE)
        && !lists(fields, &CACHE_CONTROL, b"no-transform")
        && (fields.get(CONTENT_TYPE)).is_some_and(|of| rules.media_types.contains(of))
}

fn varies(fields: &HeaderMap) -> bool {
    lists(fields, &VARY, b"accept-encoding") || lists(fields, &VARY, b"*")
}

fn lists(fields: &HeaderMap, name: &HeaderName, member: &[u8]) -> bool {
    let lines = fields.get_all(name).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .any(|other| other.trim_ascii().eq_ignore_ascii_case(member))
}

/// RFC 9110 §8.8.3: a strong tag is for these very bytes; what it says of the content still holds.
fn weaken(fields: &mut HeaderMap) {
    let Some(tag) = fields.get(ETAG) else { return };
    if tag.as_bytes().starts_with(b"W/") {
        return;
    }
    let weak = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat());
    match weak {
        Ok(weak) => drop(fields.insert(ETAG, weak)),
        Err(_) => drop(fields.remove(ETAG)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read as _};
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use http_body::Frame;
    use http_body_util::BodyExt as _;

    use super::*;

    const TEXT: &str = "the same words again and again, ";

    fn answer(fields: &[(&str, &str)], body: Body) -> Response<Body> {
        let mut response = Response::builder();
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        response.body(body).unwrap()
    }

    fn rules() -> CompressionConfig {
        CompressionConfig::default()
    }

    fn asked(accepted: &str) -> HeaderMap {
        let mut fields = HeaderMap::new();
        fields.insert("accept-encoding", accepted.parse().unwrap());
        fields
    }

    fn decoded(coding: &str, coded: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match coding {
            "gzip" => flate2::read::GzDecoder::new(coded).read_to_end(&mut plain),
            "br" => brotli_decompressor::Decompressor::new(coded, 4096).read_to_end(&mut plain),
            _ => zstd::stream::read::Decoder::new(coded)
                .unwrap()
                .read_to_end(&mut plain),
        }
        .unwrap();
        plain
    }

    #[tokio::test]
    async fn each_coding_can_be_decoded_and_the_fields_tell_of_it() {
        let whole = TEXT.repeat(10_000);
        for coding in ["gzip", "br", "zstd"] {
            let fields = [
                ("content-type", "text/html; charset=utf-8"),
                ("content-length", "320000"),
                ("etag", "\"1\""),
                ("accept-ranges", "bytes"),
                ("repr-digest", "sha-256=:AA==:"),
            ];
            let response = answer(&fields, Body::memory(whole.clone()));
            let response = compress(&rules(), (&Method::GET, &asked(coding)), response);
            let fields = response.headers().clone();
            assert_eq!(fields["content-encoding"], coding);
            assert_eq!(fields["vary"], "accept-encoding");
            assert_eq!(fields["etag"], "W/\"1\"");
            for gone in ["content-length", "accept-ranges", "repr-digest"] {
                assert!(!fields.contains_key(gone), "{gone}");
            }
            let coded = response.into_body().collect().await.unwrap().to_bytes();
            assert!(coded.len() < whole.len() / 20, "{coding} {}", coded.len());
            assert!(decoded(coding, &coded) == whole.as_bytes(), "{coding}");
        }
    }

    #[test]
    fn what_is_not_to_be_coded_stays_as_it_is() {
        let long = "x".repeat(1000);
        let html = ("content-type", "text/html");
        let cases: [(&[(&str, &str)], &str); 7] = [
            (&[("content-type", "image/png")], &long),
            (&[], &long),
            (&[html], "short"),
            (&[html, ("content-encoding", "br")], &long),
            (&[html, ("cache-control", "public, No-Transform")], &long),
            (
                &[("content-type", "text/event-stream; charset=utf-8")],
                &long,
            ),
            (&[html, ("content-range", "bytes 0-999/2000")], &long),
        ];
        for (fields, body) in cases {
            let response = answer(fields, Body::memory(body.to_owned()));
            let response = compress(&rules(), (&Method::GET, &asked("gzip")), response);
            assert!(!response.headers().contains_key("vary"), "{fields:?}");
            assert_eq!(response.body().size_hint().exact(), Some(body.len() as u64));
        }
        // Nobody asked for a coding, but somebody else may.
        let response = answer(&[html], Body::memory(long));
        let response = compress(&rules(), (&Method::GET, &HeaderMap::new()), response);
        assert_eq!(response.headers()["vary"], "accept-encoding");
        assert!(!response.headers().contains_key("content-encoding"));
    }

    #[tokio::test]
    async fn nobody_waits_for_what_has_come() {
        for coding in ["gzip", "br", "zstd"] {
            let (send, receive) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
            let frames = received(receive);
            let response = answer(&[("content-type", "text/html")], Body::stream(frames));
            let mut body = compress(&rules(), (&Method::GET, &asked(coding)), response).into_body();
            send.send(Bytes::from_static(b"first ")).unwrap();
            let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
            send.send(Bytes::from_static(b"second")).unwrap();
            drop(send);
            let mut coded = first.to_vec();
            coded.extend(body.collect().await.unwrap().to_bytes());
            assert_eq!(decoded(coding, &coded), b"first second", "{coding}");
        }
    }

    /// What a channel brings, as a body.
    fn received(
        receive: tokio::sync::mpsc::UnboundedReceiver<Bytes>,
    ) -> impl http_body::Body<Data = Bytes, Error = io::Error> + Send {
        struct Received(tokio::sync::mpsc::UnboundedReceiver<Bytes>);
        impl http_body::Body for Received {
            type Data = Bytes;
            type Error = io::Error;

            fn poll_frame(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
                self.0
                    .poll_recv(context)
                    .map(|data| data.map(|data| Ok(Frame::data(data))))
            }
        }
        Received(receive)
    }
}

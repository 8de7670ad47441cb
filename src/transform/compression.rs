//! Answers of applications, coded as they pass.
//!
//! 1. Whether an answer is coded at all: of a compressible type, whole, not coded yet, not to be left as it is, not an event stream.
//! 2. By which coding: the client's choice among ours.
//! 3. Its fields: what was said of the bytes that came holds no longer for those that are sent.
//! 4. Its body: what came so far is sent when nothing more has come, so nobody waits for what is there.
//!
//! What a secret and what a client chose share one answer, its length tells of the secret (BREACH): only routes that ask for it are coded.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HeaderName, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body::{Body as _, Frame};

use crate::config::CompressionConfig;
use crate::header::accept_encoding::{ContentCoding, negotiate};
use crate::static_files::body::Body;

/// Coded bytes that are handed on at the latest, though more is there to be coded.
const PIECE: usize = 64 << 10;

/// Quick ones: somebody waits.
const GZIP: u32 = 5;
const BROTLI: u32 = 4;
const ZSTD: i32 = 3;

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
        _ => coded(body, coding),
    };
    Response::from_parts(parts, body)
}

/// Step 4.
pub(crate) fn coded(body: Body, coding: ContentCoding) -> Body {
    match Encoder::new(coding) {
        Ok(encoder) => Body::stream(Coded::new(body, encoder)),
        Err(error) => Body::stream(Coded::failed(body, error)),
    }
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

/// Writes coded bytes into a vector.
enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
}

impl Encoder {
    fn new(coding: ContentCoding) -> io::Result<Self> {
        Ok(match coding {
            ContentCoding::Brotli => Self::Brotli(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                4096,
                BROTLI,
                20,
            ))),
            ContentCoding::Zstd => Self::Zstd(Box::new(zstd::stream::write::Encoder::new(
                Vec::new(),
                ZSTD,
            )?)),
            ContentCoding::Gzip
            | ContentCoding::Identity
            | ContentCoding::DictionaryZstd
            | ContentCoding::DictionaryBrotli => {
                let level = flate2::Compression::new(GZIP);
                Self::Gzip(GzEncoder::new(Vec::new(), level))
            }
        })
    }

    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(data),
            Self::Brotli(encoder) => encoder.write_all(data),
            Self::Zstd(encoder) => encoder.write_all(data),
        }
    }

    /// What was written can be decoded from what was coded then.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Brotli(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }

    fn coded(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        }
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Brotli(encoder) => Ok(encoder.into_inner()),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

struct Coded {
    body: Body,
    /// None once all is coded.
    encoder: Option<Encoder>,
    error: Option<io::Error>,
    /// Something was written since the last flush.
    is_held: bool,
    trailers: Option<HeaderMap>,
}

impl Coded {
    fn new(body: Body, encoder: Encoder) -> Self {
        Self {
            body,
            encoder: Some(encoder),
            error: None,
            is_held: false,
            trailers: None,
        }
    }

    fn failed(body: Body, error: io::Error) -> Self {
        Self {
            body,
            encoder: None,
            error: Some(error),
            is_held: false,
            trailers: None,
        }
    }

    /// `None`: nothing to be handed on yet.
    fn take(&mut self, frame: Option<io::Result<Frame<Bytes>>>) -> io::Result<Option<Bytes>> {
        let Some(encoder) = &mut self.encoder else {
            return Ok(None);
        };
        match frame.transpose()?.map(Frame::into_data) {
            Some(Ok(data)) => {
                encoder.write(&data)?;
                self.is_held = true;
                let coded = encoder.coded();
                Ok((coded.len() >= PIECE).then(|| std::mem::take(coded).into()))
            }
            ended => {
                if let Some(Err(frame)) = ended {
                    self.trailers = frame.into_trailers().ok();
                }
                let coded = self.encoder.take().map(Encoder::finish).transpose()?;
                Ok(coded.filter(|coded| !coded.is_empty()).map(Bytes::from))
            }
        }
    }

    fn flush(&mut self) -> io::Result<Option<Bytes>> {
        let Some(encoder) = self.encoder.as_mut().filter(|_| self.is_held) else {
            return Ok(None);
        };
        encoder.flush()?;
        self.is_held = false;
        let coded = std::mem::take(encoder.coded());
        Ok((!coded.is_empty()).then(|| coded.into()))
    }
}

impl http_body::Body for Coded {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if let Some(error) = this.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        while this.encoder.is_some() {
            let coded = match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(frame) => this.take(frame),
                Poll::Pending => match this.flush() {
                    Ok(None) => return Poll::Pending,
                    flushed => flushed,
                },
            };
            if let Some(coded) = coded.transpose() {
                return Poll::Ready(Some(coded.map(Frame::data)));
            }
        }
        Poll::Ready(
            this.trailers
                .take()
                .map(|trailers| Ok(Frame::trailers(trailers))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none() && self.error.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

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

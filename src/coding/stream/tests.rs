use std::collections::VecDeque;
use std::io::Read as _;

use http_body_util::BodyExt as _;
use proptest::prelude::*;

use super::*;

/// Frames as they are given, and before each that is marked so, a while in which nothing comes.
struct Given(VecDeque<(bool, io::Result<Frame<Bytes>>)>, bool);

impl http_body::Body for Given {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.0.front().is_some_and(|next| next.0) && !self.1 {
            self.1 = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.1 = false;
        Poll::Ready(self.0.pop_front().map(|next| next.1))
    }
}

fn given(frames: impl IntoIterator<Item = (bool, Vec<u8>)>) -> Given {
    let frames = frames
        .into_iter()
        .map(|(waits, data)| (waits, Ok(Frame::data(data.into()))));
    Given(frames.collect(), false)
}

fn decoded(coding: ContentCoding, coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        ContentCoding::Gzip => flate2::read::GzDecoder::new(coded).read_to_end(&mut plain),
        ContentCoding::Brotli => {
            brotli_decompressor::Decompressor::new(coded, 4096).read_to_end(&mut plain)
        }
        _ => {
            let mut decoder = zstd::stream::read::Decoder::new(coded).unwrap();
            decoder.window_log_max(23).unwrap();
            decoder.read_to_end(&mut plain)
        }
    }
    .unwrap();
    plain
}

async fn all(body: Body) -> io::Result<Vec<u8>> {
    Ok(body.collect().await?.to_bytes().to_vec())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_whatever_pieces_it_comes_it_is_decoded_to_the_same_bytes(
        pieces in proptest::collection::vec((any::<bool>(), 0_usize..40_000, 1_u8..50), 0..12),
    ) {
        let pieces: Vec<(bool, Vec<u8>)> = pieces
            .into_iter()
            .map(|(waits, length, step)| {
                (waits, (0_u8..=250).cycle().map(|n| n % step).take(length).collect())
            })
            .collect();
        let whole: Vec<u8> = pieces.iter().flat_map(|piece| piece.1.clone()).collect();
        for coding in ContentCoding::LIKED {
            let body = coded(Body::stream(given(pieces.clone())), coding);
            let coded = runtime().block_on(all(body)).unwrap();
            prop_assert!(decoded(coding, &coded) == whole, "{coding:?}");
        }
    }
}

#[tokio::test]
async fn a_long_body_of_known_length_gets_small_in_a_window_that_clients_take() {
    let line = |n: u32| format!("line {n} of many\n").into_bytes();
    let whole: Vec<u8> = (0..700_000).flat_map(line).collect();
    for coding in ContentCoding::LIKED {
        let coded = all(coded(Body::memory(whole.clone()), coding))
            .await
            .unwrap();
        assert!(coded.len() < whole.len() / 4, "{coding:?} {}", coded.len());
        assert!(decoded(coding, &coded) == whole, "{coding:?}");
    }
}

/// Before the next piece is there, large or small.
#[tokio::test]
async fn what_has_come_is_sent_when_nothing_more_comes() {
    for coding in ContentCoding::LIKED {
        for length in [5, 20_000, 100_000] {
            let (send, receive) = tokio::sync::mpsc::unbounded_channel();
            let mut body = coded(Body::stream(Received(receive)), coding);
            let piece = vec![b'a'; length];
            let mut coded = Vec::new();
            for times in 1..=3 {
                send.send(Bytes::from(piece.clone())).unwrap();
                // All of it can be decoded: as much as is wanted comes from what has come.
                loop {
                    let frame = body.frame().await.unwrap().unwrap();
                    coded.extend(frame.into_data().unwrap());
                    if so_far(coding, &coded, length * times) {
                        break;
                    }
                }
            }
            drop(send);
            coded.extend(all(body).await.unwrap());
            assert_eq!(decoded(coding, &coded).len(), 3 * length, "{coding:?}");
        }
    }
}

fn so_far(coding: ContentCoding, coded: &[u8], length: usize) -> bool {
    let mut plain = vec![0; length];
    match coding {
        ContentCoding::Gzip => flate2::read::GzDecoder::new(coded).read_exact(&mut plain),
        ContentCoding::Brotli => {
            brotli_decompressor::Decompressor::new(coded, 4096).read_exact(&mut plain)
        }
        _ => zstd::stream::read::Decoder::new(coded)
            .unwrap()
            .read_exact(&mut plain),
    }
    .is_ok()
}

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

#[tokio::test]
async fn trailers_come_after_all_and_an_error_is_handed_on() {
    let trailers = HeaderMap::from_iter([(http::header::ETAG, "\"1\"".parse().unwrap())]);
    for (coding, length) in [(ContentCoding::Gzip, 10), (ContentCoding::Brotli, 50_000)] {
        let mut body = given([(false, vec![b'a'; length])]);
        let last = Frame::trailers(trailers.clone());
        body.0.push_back((true, Ok(last)));
        let body = coded(Body::stream(body), coding).collect().await.unwrap();
        assert_eq!(body.trailers(), Some(&trailers));
        assert_eq!(decoded(coding, &body.to_bytes()).len(), length);

        let mut body = given([(false, vec![b'a'; length])]);
        body.0.push_back((false, Err(io::Error::other("gone"))));
        let mut body = coded(Body::stream(body), coding);
        let error = loop {
            match body.frame().await.unwrap() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.to_string(), "gone");
        assert!(body.frame().await.is_none(), "nothing comes after it");
    }
}

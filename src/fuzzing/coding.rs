//! What is coded is decoded to the same bytes.

use std::io::Read as _;

use bytes::Bytes;

use crate::coding::decode::{decodes_to, decodes_with};
use crate::coding::encode::{Effort, encode_with_dictionary};
use crate::coding::stream::encoder::{Encoder, Then};
use crate::header::accept_encoding::ContentCoding;

/// A stream in pieces: each byte above 0xf0 ends one, an odd one is flushed.
pub fn coded_stream(input: &[u8]) {
    for coding in ContentCoding::LIKED {
        let mut encoder = Encoder::new(coding, None).expect("a coding for streams");
        let mut coded = Vec::new();
        for piece in input.split_inclusive(|&byte| byte > 0xf0) {
            let then = match piece.last() {
                Some(last) if last % 2 == 1 => Then::Flush,
                _ => Then::GoOn,
            };
            let (next, bytes) = encoder
                .code(&[Bytes::copy_from_slice(piece)], then)
                .expect("a coder takes everything");
            encoder = next.expect("it has not finished");
            coded.extend(bytes);
        }
        let (_, bytes) = encoder.code(&[], Then::Finish).expect("a whole stream");
        coded.extend(bytes);
        assert!(decodes_to(coding, &coded[..], input), "{coding:?}");
    }
}

/// The first byte tells how much of the rest is the dictionary.
pub fn coded_dictionary(input: &[u8]) {
    let Some((&part, rest)) = input.split_first() else {
        return;
    };
    let (dictionary, bytes) = rest.split_at(rest.len() * usize::from(part) / 255);
    let digest = [0; 32];
    for effort in [Effort::Quick, Effort::Best] {
        let coding = ContentCoding::DictionaryBrotli;
        // It may say that it cannot.
        if let Ok(coded) = encode_with_dictionary(coding, effort, bytes, dictionary, &digest) {
            assert!(decodes_with(dictionary, &coded[36..], bytes), "dcb");
        }
        let coding = ContentCoding::DictionaryZstd;
        let coded = encode_with_dictionary(coding, effort, bytes, dictionary, &digest);
        let coded = coded.expect("a coder takes everything");
        let mut decoder = zstd::stream::read::Decoder::with_ref_prefix(&coded[40..], dictionary)
            .expect("a decoder");
        let mut plain = Vec::new();
        decoder.read_to_end(&mut plain).expect("a whole stream");
        assert!(plain == bytes, "dcz");
    }
}

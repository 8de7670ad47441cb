//! Coded bytes made whole again, by decoders that are not the servers'.

use std::io::{self, Read as _};

/// What the `dcb` and `dcz` codings begin with, before the SHA-256 of the dictionary (RFC 9842 §4 and §5).
const DCB: &[u8] = &[0xFF, 0x44, 0x43, 0x42];
const DCZ: &[u8] = &[0x5E, 0x2A, 0x4D, 0x18, 0x20, 0x00, 0x00, 0x00];

/// A dictionary and its SHA-256.
pub(crate) struct Dictionary<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) digest: [u8; 32],
}

/// The content behind these bytes in this coding.
pub(crate) fn decode(
    coding: Option<&str>,
    bytes: &[u8],
    dictionary: Option<&Dictionary<'_>>,
) -> io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    match (coding, dictionary) {
        (None, _) => whole.extend_from_slice(bytes),
        (Some("gzip"), _) => {
            flate2::read::GzDecoder::new(bytes).read_to_end(&mut whole)?;
        }
        (Some("zstd"), _) => {
            let mut decoder = zstd::Decoder::new(bytes)?;
            decoder.window_log_max(WINDOW.ilog2())?;
            decoder.read_to_end(&mut whole)?;
        }
        (Some("br"), _) => {
            brotli_decompressor::Decompressor::new(bytes, BUFFER).read_to_end(&mut whole)?;
        }
        (Some("dcb"), Some(dictionary)) => {
            let stream = after_header(bytes, DCB, dictionary)?;
            let former = dictionary.bytes.to_vec().into();
            brotli_decompressor::Decompressor::new_with_custom_dict(stream, BUFFER, former)
                .read_to_end(&mut whole)?;
        }
        (Some("dcz"), Some(dictionary)) => {
            let stream = after_header(bytes, DCZ, dictionary)?;
            let mut decoder = zstd::Decoder::with_ref_prefix(stream, dictionary.bytes)?;
            let window = WINDOW.max(dictionary.bytes.len() * 5 / 4);
            decoder.window_log_max(window.next_power_of_two().ilog2())?;
            decoder.read_to_end(&mut whole)?;
        }
        (Some(other), _) => return Err(io::Error::other(format!("coding {other}"))),
    }
    Ok(whole)
}

const BUFFER: usize = 64 << 10;

/// What every client has room for (RFC 9659); with a dictionary, at least a quarter more than that one has (RFC 9842 §5).
const WINDOW: usize = 8 << 20;

fn after_header<'a>(
    bytes: &'a [u8],
    magic: &[u8],
    dictionary: &Dictionary<'_>,
) -> io::Result<&'a [u8]> {
    bytes
        .strip_prefix(magic)
        .and_then(|rest| rest.strip_prefix(&dictionary.digest))
        .ok_or_else(|| io::Error::other("another header than that of this dictionary"))
}

//! Coders that take bytes as they come.
//!
//! Somebody waits, and every answer is coded anew: the levels are low. Measured like those of whole files, in pieces of 16 KiB: gzip 5 leaves
//! 19.8 % at 69 MB/s, br 4 19.5 % at 40, zstd 5 19.1 % at 78.

use std::io;

use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::write::GzEncoder;

use crate::header::accept_encoding::ContentCoding;

const GZIP: u32 = 5;
const BROTLI: i32 = 4;
const ZSTD: i32 = 5;

/// Powers of two: more costs memory for every answer on its way, and gains little at these levels.
const BROTLI_WINDOW: u32 = 20;
const ZSTD_WINDOW: u32 = 20;

/// What follows the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// More bytes.
    GoOn,
    /// Nothing yet: all that was written can be decoded from what was coded.
    Flush,
    Finish,
}

/// Writes coded bytes into a vector.
pub(crate) enum Encoder {
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
}

impl Encoder {
    /// A length that is known saves memory; other than so many bytes are an error then.
    ///
    /// # Errors
    /// When there is no memory, and for the codings that are not made as a stream.
    pub(crate) fn new(coding: ContentCoding, length: Option<u64>) -> io::Result<Self> {
        Ok(match coding {
            ContentCoding::Gzip => {
                let level = flate2::Compression::new(GZIP);
                Self::Gzip(Box::new(GzEncoder::new(Vec::new(), level)))
            }
            ContentCoding::Brotli => {
                let window = length
                    .and_then(|length| (length + 16).checked_next_power_of_two())
                    .map_or(BROTLI_WINDOW, u64::ilog2);
                let settings = BrotliEncoderParams {
                    quality: BROTLI,
                    lgwin: window.clamp(17, BROTLI_WINDOW).cast_signed(),
                    ..BrotliEncoderParams::default()
                };
                let encoder = brotli::CompressorWriter::with_params(Vec::new(), 4096, &settings);
                Self::Brotli(Box::new(encoder))
            }
            ContentCoding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD)?;
                encoder.window_log(ZSTD_WINDOW)?;
                encoder.set_pledged_src_size(length)?;
                Self::Zstd(Box::new(encoder))
            }
            ContentCoding::Identity
            | ContentCoding::DictionaryZstd
            | ContentCoding::DictionaryBrotli => {
                return Err(io::Error::other("not a coding for streams"));
            }
        })
    }

    /// The coded bytes that there are so far, and the encoder, unless it has finished.
    pub(crate) fn code(
        mut self,
        pieces: &[Bytes],
        then: Then,
    ) -> io::Result<(Option<Self>, Vec<u8>)> {
        for piece in pieces {
            self.writer().write_all(piece)?;
        }
        match then {
            Then::GoOn => {}
            Then::Flush => self.writer().flush()?,
            Then::Finish => return Ok((None, self.finish()?)),
        }
        let coded = std::mem::take(match &mut self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        });
        Ok((Some(self), coded))
    }

    fn writer(&mut self) -> &mut dyn io::Write {
        match self {
            Self::Gzip(encoder) => encoder,
            Self::Brotli(encoder) => encoder,
            Self::Zstd(encoder) => encoder,
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

//! All bytes of a representation at once, in one content coding. Slow: never on a worker. The same bytes always give the same coded bytes.
//!
//! Measured on one core of a shared 2-core machine, over 4.1 MB of npm bundles and pages of the Rust documentation; the share of the bytes
//! that is left, the speed, and the time that 100 KiB of HTML take:
//!
//! |      | Quick                              | Best                              |
//! |------|------------------------------------|-----------------------------------|
//! | gzip | level 7:   19.4 %, 70 MB/s, 1.2 ms | level 12: 18.6 %, 3.1 MB/s, 16 ms |
//! | zstd | level 9:   18.0 %, 61 MB/s, 1.1 ms | level 19: 16.5 %, 3.0 MB/s, 17 ms |
//! | br   | quality 6: 17.6 %, 36 MB/s, 1.8 ms | quality 11: 15.5 %, 0.6 MB/s, 84 ms |
//!
//! Beside them: zlib's way at level 9 leaves 19.4 % at 23 MB/s, and zopfli 18.5 % at 0.2 MB/s, no better worth. Zstandard's level 22 in the
//! window that is allowed leaves 0.03 % less than 19; Brotli at 8 and 9 leaves 1.8 and 2.4 % less than at 6, in 1.6 and 3.6 times the time.

mod dictionary;

use std::io::{self, Write as _};

use brotli::enc::BrotliEncoderParams;
use libdeflater::{CompressionLvl, Compressor};
use zstd::zstd_safe::{CCtx, CParameter, SafeResult, compress_bound, get_error_name};

use crate::header::accept_encoding::ContentCoding;

/// How much time the bytes are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Somebody waits.
    Quick,
    /// It is done once, and sent often.
    Best,
}

impl Effort {
    fn of<T>(self, quick: T, best: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Best => best,
        }
    }
}

/// The bytes in this coding; [`ContentCoding::Identity`] gives them back.
///
/// # Errors
/// When the coder has no memory; for the codings that need a dictionary.
pub(crate) fn encode(coding: ContentCoding, effort: Effort, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match coding {
        ContentCoding::Gzip => gzip(effort, bytes),
        ContentCoding::Zstd => zstd(effort, bytes),
        ContentCoding::Brotli => brotli(effort, bytes),
        ContentCoding::Identity => Ok(bytes.to_vec()),
        ContentCoding::DictionaryBrotli | ContentCoding::DictionaryZstd => {
            Err(io::Error::other("a coding that needs a dictionary"))
        }
    }
}

/// The bytes in `dcb` or `dcz`, against a dictionary that the client holds; `digest` is its SHA-256.
///
/// # Errors
/// When the coder has no memory; for other codings; where `dcb` cannot tell these bytes by this dictionary: more than its window of 16 MiB, or
/// (rarely) of all 256 values.
pub(crate) fn encode_with_dictionary(
    coding: ContentCoding,
    effort: Effort,
    bytes: &[u8],
    dictionary: &[u8],
    digest: &[u8; 32],
) -> io::Result<Vec<u8>> {
    match coding {
        ContentCoding::DictionaryBrotli => dictionary::dcb(effort, bytes, dictionary, digest),
        ContentCoding::DictionaryZstd => dictionary::dcz(effort, bytes, dictionary, digest),
        _ => Err(io::Error::other("a coding without a dictionary")),
    }
}

/// No name, no time of modification.
fn gzip(effort: Effort, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let level = CompressionLvl::new(effort.of(7, 12));
    let mut encoder = Compressor::new(level.map_err(|_| io::Error::other("no such level"))?);
    let mut coded = vec![0; encoder.gzip_compress_bound(bytes.len())];
    let length = encoder
        .gzip_compress(bytes, &mut coded)
        .map_err(io::Error::other)?;
    coded.truncate(length);
    coded.shrink_to_fit();
    Ok(coded)
}

/// Level 19 is the last whose window is within the 8 MiB that clients have to take (RFC 9659 §3).
fn zstd(effort: Effort, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let level = CParameter::CompressionLevel(effort.of(9, 19));
    zstd_frame(&[level], &[], bytes)
}

/// One frame; that it tells its length lets a decoder take no more memory than it needs.
fn zstd_frame(settings: &[CParameter], prefix: &[u8], bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut coded = Vec::with_capacity(compress_bound(bytes.len()));
    let mut encoder = CCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
    for &setting in settings {
        done(encoder.set_parameter(setting))?;
    }
    if !prefix.is_empty() {
        done(encoder.ref_prefix(prefix))?;
    }
    done(encoder.compress2(&mut coded, bytes))?;
    coded.shrink_to_fit();
    Ok(coded)
}

fn done(result: SafeResult) -> io::Result<usize> {
    result.map_err(|code| io::Error::other(get_error_name(code)))
}

fn brotli(effort: Effort, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let settings = brotli_settings(effort.of(6, 11), bytes.len(), bytes.len());
    let mut encoder = brotli::CompressorWriter::with_params(Vec::new(), BUFFER, &settings);
    encoder.write_all(bytes)?;
    let mut coded = encoder.into_inner();
    coded.shrink_to_fit();
    Ok(coded)
}

const BUFFER: usize = 64 << 10;

/// The largest window that every decoder has (RFC 7932 §9.1), as a power of two.
const BROTLI_WINDOW: u32 = 24;

/// A window that all of `reach` fits into, where there is one. Below 2^17, the coder takes a way that is slower and leaves more.
fn brotli_settings(quality: i32, length: usize, reach: usize) -> BrotliEncoderParams {
    let window = (reach + 16).next_power_of_two().ilog2();
    BrotliEncoderParams {
        quality,
        lgwin: window.clamp(17, BROTLI_WINDOW).cast_signed(),
        size_hint: length,
        ..BrotliEncoderParams::default()
    }
}

#[cfg(test)]
mod tests;

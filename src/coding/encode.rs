//! All bytes of a representation at once, in one content coding. Slow: never on a worker.

use std::io::{self, Write as _};

use flate2::write::GzEncoder;

use crate::header::accept_encoding::ContentCoding;

/// How much time the bytes are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Somebody waits.
    Quick,
    /// It is done once, and sent often.
    Best,
}

/// The bytes in this coding; [`ContentCoding::Identity`] gives them back.
///
/// # Errors
/// When the coder has no memory.
pub(crate) fn encode(coding: ContentCoding, effort: Effort, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let is_quick = effort == Effort::Quick;
    match coding {
        ContentCoding::Gzip => {
            let level = flate2::Compression::new(if is_quick { 6 } else { 9 });
            let mut coder = GzEncoder::new(Vec::new(), level);
            coder.write_all(bytes)?;
            coder.finish()
        }
        ContentCoding::Zstd => zstd::stream::encode_all(bytes, if is_quick { 6 } else { 19 }),
        ContentCoding::Brotli => {
            let quality = if is_quick { 5 } else { 11 };
            let mut coder = brotli::CompressorWriter::new(Vec::new(), 1 << 16, quality, 22);
            coder.write_all(bytes)?;
            Ok(coder.into_inner())
        }
        ContentCoding::Identity
        | ContentCoding::DictionaryBrotli
        | ContentCoding::DictionaryZstd => Ok(bytes.to_vec()),
    }
}

/// The bytes in a coding that takes a dictionary, whose SHA-256 is `digest`.
///
/// # Errors
/// When the coder has no memory, and for codings that take no dictionary.
pub(crate) fn encode_with_dictionary(
    coding: ContentCoding,
    effort: Effort,
    bytes: &[u8],
    dictionary: &[u8],
    digest: &[u8; 32],
) -> io::Result<Vec<u8>> {
    if coding != ContentCoding::DictionaryZstd {
        return Err(io::Error::other("no coding with a dictionary"));
    }
    let mut coded = vec![0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0];
    coded.extend_from_slice(digest);
    let level = if effort == Effort::Quick { 6 } else { 19 };
    let mut coder = zstd::stream::Encoder::with_ref_prefix(coded, level, dictionary)?;
    let window = (bytes.len() + dictionary.len()).next_power_of_two().ilog2();
    coder.set_parameter(zstd::zstd_safe::CParameter::WindowLog(window.clamp(10, 23)))?;
    coder.write_all(bytes)?;
    coder.finish()
}

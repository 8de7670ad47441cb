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

//! Bytes told by what is new in them, to a client that holds a dictionary: most often the version before (RFC 9842).
//!
//! 1. What says that it is one, and of which dictionary it speaks: its SHA-256.
//! 2. The stream, in a window that the client is sure to have.
//!
//! What Brotli makes is decoded again before it is used: its coder of dictionaries is young.

use std::borrow::Cow;
use std::io;

use brotli::enc::StandardAlloc;
use zstd::zstd_safe::CParameter;

use super::super::decode;
use super::{BROTLI_WINDOW, BUFFER, Effort, brotli_settings, zstd_frame};
/// §4
const DCB: &[u8] = b"\xffDCB";

/// §5: a frame of Zstandard that decoders skip, 32 bytes long.
const DCZ: &[u8] = b"\x5e\x2a\x4d\x18\x20\x00\x00\x00";

/// The dictionary stands before the bytes; its content is never taken for one of Zstandard's own dictionaries.
pub(super) fn dcz(
    effort: Effort,
    bytes: &[u8],
    dictionary: &[u8],
    digest: &[u8; 32],
) -> io::Result<Vec<u8>> {
    let settings = [
        CParameter::CompressionLevel(effort.of(12, 19)),
        CParameter::WindowLog(dcz_window(bytes.len(), dictionary.len())),
    ];
    Ok([DCZ, digest, &zstd_frame(&settings, dictionary, bytes)?].concat())
}

/// As a power of two. All of the dictionary can be spoken of as long as the bytes are no more than the window (RFC 8878 §3.1.1.1.2); the
/// window has to be lower than the larger of 8 MiB and 1.25 times the dictionary, and of 128 MiB (RFC 9842 §5). It is no larger than the bytes.
fn dcz_window(length: usize, dictionary: usize) -> u32 {
    let limit = (dictionary + dictionary / 4).clamp(8 << 20, 128 << 20);
    let mut window = length.max(1 << 10).next_power_of_two().ilog2();
    while length.min(1 << window) >= limit {
        window -= 1;
    }
    window
}

/// The dictionary stands before the bytes in the same window, as far as it fits. A decoder counts distances beyond the first of the bytes
/// from the end of the dictionary: what is left out at its beginning is only not spoken of.
pub(super) fn dcb(
    effort: Effort,
    bytes: &[u8],
    dictionary: &[u8],
    digest: &[u8; 32],
) -> io::Result<Vec<u8>> {
    let room = ((1_usize << BROTLI_WINDOW) - 16).checked_sub(bytes.len());
    let room = room.ok_or_else(|| io::Error::other("larger than the window"))?;
    let dictionary = &dictionary[dictionary.len().saturating_sub(room)..];
    let bounded = bounded(dictionary, bytes)?;
    let reach = bytes.len() + bounded.len();
    let settings = brotli_settings(effort.of(8, 11), bytes.len(), reach);
    let mut coded = [DCB, digest].concat();
    brotli::BrotliCompressCustomIoCustomDict(
        &mut brotli::IoReaderWrapper(&mut &bytes[..]),
        &mut brotli::IoWriterWrapper(&mut coded),
        &mut vec![0; BUFFER],
        &mut vec![0; BUFFER],
        &settings,
        StandardAlloc::default(),
        &mut |_, _, _, _| (),
        &bounded,
        io::Error::from(io::ErrorKind::UnexpectedEof),
    )?;
    if !decode::decodes_with(dictionary, &coded[DCB.len() + digest.len()..], bytes) {
        return Err(io::Error::other("the coder made what is not decoded again"));
    }
    coded.shrink_to_fit();
    Ok(coded)
}

/// No copy may go on across the end of the dictionary: decoders refuse it, as the dictionary does not lie before the bytes there. The coder
/// takes care of that only mostly (version 9.1). So its dictionary ends with a byte that is nowhere among the bytes, and matches nothing;
/// or, where the last two of such a copy are not there, as it is.
fn bounded<'a>(dictionary: &'a [u8], bytes: &[u8]) -> io::Result<Cow<'a, [u8]>> {
    let (Some(&last), Some(&first)) = (dictionary.last(), bytes.first()) else {
        return Ok(dictionary.into());
    };
    if !bytes.windows(2).any(|pair| pair == [last, first]) {
        return Ok(dictionary.into());
    }
    let mut is_used = [false; 256];
    for &byte in bytes {
        is_used[usize::from(byte)] = true;
    }
    let unused = (0..=u8::MAX).find(|&byte| !is_used[usize::from(byte)]);
    let unused = unused.ok_or_else(|| io::Error::other("no byte to end the dictionary with"))?;
    Ok([&dictionary[..dictionary.len() - 1], &[unused]]
        .concat()
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9842 §5: lower than the limit, in powers of two where it is not the length itself.
    #[test]
    fn the_window_of_dcz_holds_the_bytes_within_what_the_client_has_to_take() {
        const MIB: usize = 1 << 20;
        let cases = [
            // length, dictionary, window
            (0, 0, 10),
            (1000, 100_000, 10),
            (1025, 100_000, 11),
            (300_000, 300_000, 19),
            (8 * MIB - 1, MIB, 23),
            (8 * MIB, MIB, 22),
            (16 * MIB, MIB, 22),
            (16 * MIB, 16 * MIB, 24),
            (16 * MIB, 12 * MIB, 23),
            (1 << 30, 1 << 30, 26),
        ];
        for (length, dictionary, window) in cases {
            assert_eq!(
                dcz_window(length, dictionary),
                window,
                "{length} {dictionary}"
            );
        }
    }
}

//! The coding of a file that is too large to be held in memory, from file to file.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};

use super::SidecarCoding;

/// Pieces between two looks at whether it is still wanted.
const CHUNK: usize = 64 << 10;

/// RFC 9659: what a client must be able to decode, 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The largest window of RFC 7932, 16 MiB.
const BROTLI_WINDOW_LOG: u32 = 24;

/// `go_on` is asked at every piece; its error ends the work.
pub(super) fn encode(
    coding: SidecarCoding,
    length: u64,
    from: &File,
    to: &File,
    go_on: impl Fn() -> io::Result<()>,
) -> io::Result<()> {
    let mut from = BufReader::with_capacity(CHUNK, from);
    let mut copy = |coder: &mut dyn Write| -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            go_on()?;
            match from.read(&mut chunk)? {
                0 => return Ok(()),
                read => coder.write_all(&chunk[..read])?,
            }
        }
    };
    let to = io::BufWriter::with_capacity(CHUNK, to);
    let mut to = match coding {
        SidecarCoding::Brotli => {
            let mut coder = brotli::CompressorWriter::new(to, CHUNK, 11, BROTLI_WINDOW_LOG);
            copy(&mut coder)?;
            // The last block; this coder has no other end that tells of an error.
            coder.into_inner()
        }
        SidecarCoding::Zstd => {
            let mut coder = zstd::stream::write::Encoder::new(to, 19)?;
            coder.window_log(ZSTD_WINDOW_LOG)?;
            coder.set_pledged_src_size(Some(length))?;
            copy(&mut coder)?;
            coder.finish()?
        }
        SidecarCoding::Gzip => {
            let mut coder = flate2::write::GzEncoder::new(to, flate2::Compression::best());
            copy(&mut coder)?;
            coder.finish()?
        }
    };
    to.flush()
}

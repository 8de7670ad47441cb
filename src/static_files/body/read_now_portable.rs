//! Without a way to ask whether a read would wait, every read of a file goes to the blocking pool.

use std::io;

use super::buffer::Buffer;
use crate::static_files::docroot::OpenFile;

/// The buffer back, to be filled where waiting harms nobody.
#[allow(
    clippy::unnecessary_wraps,
    reason = "the same shape as where it can fail"
)]
pub(super) fn read(
    _open: &OpenFile,
    buffer: Buffer,
    _offset: u64,
) -> io::Result<Result<Buffer, Buffer>> {
    Ok(Err(buffer))
}

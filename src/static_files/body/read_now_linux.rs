//! `preadv2(RWF_NOWAIT)`: what is in the page cache is there at once, what is not says so instead of waiting for the disk.

use std::io::{self, IoSliceMut};

use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::buffer::Buffer;
use crate::static_files::docroot::OpenFile;

/// The filled buffer, or (as the inner error) the empty one back when the read would have to wait.
pub(super) fn read(
    open: &OpenFile,
    mut buffer: Buffer,
    offset: u64,
) -> io::Result<Result<Buffer, Buffer>> {
    match preadv2(
        &open.file,
        &mut [IoSliceMut::new(buffer.space())],
        offset,
        ReadWriteFlags::NOWAIT,
    ) {
        Ok(length) => Ok(Ok(buffer.holds(length))),
        // Not in the page cache; or a file system that cannot tell.
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR | Errno::NOSYS) => Ok(Err(buffer)),
        Err(error) => Err(error.into()),
    }
}

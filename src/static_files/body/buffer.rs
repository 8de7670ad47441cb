//! Reused read buffers: each worker keeps a few, so a chunk costs neither an allocation nor clearing.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;

/// Bytes read at once: large enough that the system call does not matter, small enough to stay in the processor's cache
/// and to keep a slow reader cheap.
const CHUNK: usize = 128 << 10;

/// Buffers that a thread keeps for its next reads.
const KEPT: usize = 16;

thread_local! {
    static IDLE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A chunk of a file. Dropped, its memory goes back to the thread's idle buffers.
#[derive(Debug)]
pub(super) struct Buffer {
    memory: Vec<u8>,
    /// How much is wanted before the read, how much there is after it.
    length: usize,
}

impl Buffer {
    /// A buffer for the next `wanted` bytes, or as many of them as one chunk holds.
    pub(super) fn take(wanted: u64) -> Self {
        let length = usize::try_from(wanted).unwrap_or(CHUNK).min(CHUNK);
        let memory = IDLE
            .with_borrow_mut(Vec::pop)
            .unwrap_or_else(|| vec![0; CHUNK]);
        Self { memory, length }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.memory[..self.length]
    }

    pub(super) fn holds(mut self, length: usize) -> Self {
        self.length = length;
        self
    }

    /// Reads and waits for the disk.
    pub(super) fn fill(mut self, file: &File, offset: u64) -> io::Result<Self> {
        loop {
            match file.read_at(self.space(), offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return Ok(self.holds(read?)),
            }
        }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        // While a thread ends, its idle buffers may be gone already.
        let _ = IDLE.try_with(|idle| {
            let mut idle = idle.borrow_mut();
            if idle.len() < KEPT {
                idle.push(memory);
            }
        });
    }
}

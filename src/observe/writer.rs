//! The log's own thread: workers append to a buffer in memory, the thread takes the whole buffer and writes it.
//!
//! The place may be replaced on the way: what was appended before goes to the old one, what comes after to the new.
//!
//! A disk that stands still, or a terminal that was paused, costs records, never answers: beyond a bound they are counted and left
//! out, and the log says how many.

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What may wait to be written, in bytes.
const BOUND: usize = 8 << 20;

/// A record is written after this time at the latest (unless the place is slow).
const DELAY: Duration = Duration::from_millis(50);

/// So much is worth a write at once.
const BATCH: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// None when somebody else waits for it.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A writer whose last owner is not to wait for it: that may be a worker.
#[derive(Debug)]
pub(crate) struct Retired(JoinHandle<()>);

impl Retired {
    pub(crate) fn has_ended(&self) -> bool {
        self.0.is_finished()
    }

    /// Waits until everything is written; all that append must be gone.
    pub(crate) fn join(self) {
        // It can only have panicked, and has said so.
        let _ = self.0.join();
    }
}

type Place = Box<dyn Write + Send>;

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Told when there is a first record, a batch, another place, or the end.
    changed: Condvar,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Where to write from now on.
    next_place: Option<Place>,
    /// Records left out since the last write.
    lost: u64,
    has_ended: bool,
}

/// What there is to do once the lines are written.
enum Wait {
    GoesOn(Option<Place>),
    Ended,
}

impl Writer {
    pub(super) fn start(mut place: Place) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || {
                let mut lines = Vec::with_capacity(BATCH);
                loop {
                    let wait = of_thread.wait(&mut lines);
                    if let Err(error) = place.write_all(&lines).and_then(|()| place.flush()) {
                        tracing::error!(%error, "the access log could not be written");
                    }
                    lines.clear();
                    match wait {
                        Wait::GoesOn(None) => {}
                        Wait::GoesOn(Some(next)) => place = next,
                        Wait::Ended => break,
                    }
                }
            })?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// What is appended from now on goes there.
    pub(super) fn replace(&self, place: Place) {
        self.shared.lock().next_place = Some(place);
        self.shared.changed.notify_one();
    }

    /// Whoever drops it does not wait for what is left to be written.
    pub(super) fn retire(&self) -> Option<Retired> {
        self.thread().take().map(Retired)
    }

    fn thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends one line, which `write` forms in place.
    pub(super) fn append(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut waiting = self.shared.lock();
        if waiting.lines.len() >= BOUND {
            waiting.lost += 1;
            return;
        }
        let before = waiting.lines.len();
        write(&mut waiting.lines);
        let crossed = before < BATCH && waiting.lines.len() >= BATCH;
        drop(waiting);
        if before == 0 || crossed {
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for Writer {
    /// Everything that was appended is written before this returns, but for a retired one.
    fn drop(&mut self) {
        self.shared.lock().has_ended = true;
        self.shared.changed.notify_one();
        let thread = self.thread().take();
        if let Some(thread) = thread {
            Retired(thread).join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines and takes them.
    fn wait(&self, lines: &mut Vec<u8>) -> Wait {
        let waiting = self.lock();
        let waiting = self
            .changed
            .wait_while(waiting, |waiting| {
                waiting.lines.is_empty()
                    && waiting.lost == 0
                    && waiting.next_place.is_none()
                    && !waiting.has_ended
            })
            .unwrap_or_else(PoisonError::into_inner);
        // Something is there; give it company, so that a busy server makes few system calls.
        let (mut waiting, _) = self
            .changed
            .wait_timeout_while(waiting, DELAY, |waiting| {
                waiting.lines.len() < BATCH && waiting.next_place.is_none() && !waiting.has_ended
            })
            .unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut waiting.lines, lines);
        let lost = mem::take(&mut waiting.lost);
        let next_place = waiting.next_place.take();
        let has_ended = waiting.has_ended;
        drop(waiting);
        if lost > 0 {
            tracing::warn!(
                lost,
                "access records were left out: the place they are written to is too slow"
            );
        }
        if has_ended {
            Wait::Ended
        } else {
            Wait::GoesOn(next_place)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Place(mpsc::Sender<Vec<u8>>);

    impl Write for Place {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_was_appended_is_written_before_the_writer_is_gone() {
        let (sender, written) = mpsc::channel();
        let writer = Writer::start(Box::new(Place(sender))).unwrap();
        for number in 0..1000 {
            writer.append(|line| writeln!(line, "{number}").unwrap());
        }
        drop(writer);
        let all: Vec<u8> = written.iter().flatten().collect();
        let all = String::from_utf8(all).unwrap();
        assert!(all.lines().eq((0..1000).map(|number| number.to_string())));
    }

    #[test]
    fn another_place_takes_what_is_appended_after_it() {
        let (old, written_before) = mpsc::channel();
        let (new, written_after) = mpsc::channel();
        let writer = Writer::start(Box::new(Place(old))).unwrap();
        writer.append(|line| line.extend_from_slice(b"before\n"));
        writer.replace(Box::new(Place(new)));
        // Whoever takes the place over only does so after writing what was there.
        let before: Vec<u8> = written_before.iter().flatten().collect();
        writer.append(|line| line.extend_from_slice(b"after\n"));
        let retired = writer.retire().unwrap();
        drop(writer);
        retired.join();
        let after: Vec<u8> = written_after.iter().flatten().collect();
        assert_eq!(
            (&before[..], &after[..]),
            (&b"before\n"[..], &b"after\n"[..])
        );
    }

    #[test]
    fn a_place_that_stands_still_costs_records_and_no_waiting() {
        struct Stuck(mpsc::Receiver<()>, Arc<Mutex<usize>>);
        impl Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                *self.1.lock().unwrap() += bytes.len();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (allow, wait) = mpsc::channel::<()>();
        let total = Arc::new(Mutex::new(0));
        let writer = Writer::start(Box::new(Stuck(wait, Arc::clone(&total)))).unwrap();
        let line = [b'x'; 1 << 10];
        for _ in 0..(3 * BOUND / line.len()) {
            writer.append(|lines| lines.extend_from_slice(&line));
        }
        drop(allow);
        drop(writer);
        assert!(
            *total.lock().unwrap() <= 2 * (BOUND + line.len()),
            "bounded, whatever was appended"
        );
    }
}

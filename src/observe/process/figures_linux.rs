//! What Linux tells of a process, in `/proc/self`.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, RawDir, SeekFrom, openat, seek};
use rustix::time::{ClockId, clock_gettime};

/// What is not there is not told.
#[derive(Debug)]
pub(super) struct Figures {
    /// Read from its beginning, it is written anew.
    status: Option<File>,
    /// Two who read it at once would each see half of it.
    descriptors: Option<Mutex<OwnedFd>>,
}

impl Figures {
    pub(super) fn open() -> Self {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Self {
            status: File::open("/proc/self/status").ok(),
            descriptors: openat(CWD, "/proc/self/fd", flags, Mode::empty())
                .ok()
                .map(Mutex::new),
        }
    }

    pub(super) fn resident_bytes(&self) -> Option<u64> {
        let kibibytes: u64 = number_of(&self.status()?, "VmRSS:")?;
        Some(kibibytes * 1024)
    }

    pub(super) fn threads(&self) -> Option<u64> {
        number_of(&self.status()?, "Threads:")
    }

    pub(super) fn open_descriptors(&self) -> Option<u64> {
        let folder = self.descriptors.as_ref()?;
        let folder = folder.lock().unwrap_or_else(PoisonError::into_inner);
        seek(&*folder, SeekFrom::Start(0)).ok()?;
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut entries = RawDir::new(&*folder, &mut buffer);
        let mut count = 0;
        while let Some(entry) = entries.next() {
            // Not "." and "..".
            count += u64::from(entry.ok()?.file_name().to_bytes()[0] != b'.');
        }
        Some(count)
    }

    fn status(&self) -> Option<String> {
        // It is about half as long.
        let mut buffer = [0; 4096];
        let read = self.status.as_ref()?.read_at(&mut buffer, 0).ok()?;
        String::from_utf8(buffer[..read].to_vec()).ok()
    }
}

/// How long ago the process began.
pub(super) fn age() -> Option<Duration> {
    /// In which the kernel counts for whoever reads it, on every machine.
    const TICKS_A_SECOND: u64 = 100;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let began = Duration::from_millis(began(&stat)? * (1000 / TICKS_A_SECOND));
    let now = clock_gettime(ClockId::Boottime);
    let now = Duration::new(
        u64::try_from(now.tv_sec).ok()?,
        u32::try_from(now.tv_nsec).ok()?,
    );
    Some(now.saturating_sub(began))
}

/// The 22nd value, in ticks since the machine began. The second, a name, may have blanks and parentheses in it.
fn began(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

fn number_of<N: FromStr>(status: &str, name: &str) -> Option<N> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_counted_as_they_come_and_go() {
        let figures = Figures::open();
        let held: Vec<_> = (0..300).map(|_| File::open("/dev/null").unwrap()).collect();
        // Other tests have some of their own.
        let many = figures.open_descriptors().unwrap();
        assert!(many >= 300, "{many}");
        assert!(figures.open_descriptors().unwrap() >= 300, "once more");
        drop(held);
    }

    #[test]
    fn memory_and_threads_are_told() {
        let figures = Figures::open();
        assert!(figures.resident_bytes().unwrap() > 1 << 20);
        assert!(figures.threads().unwrap() >= 2);
    }

    #[test]
    fn a_name_does_not_keep_the_rest_from_being_read() {
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        assert_eq!(began(stat), Some(4242));
        assert_eq!(began("7 (a) S 1"), None);
        assert_eq!(number_of("Threads:\t12\n", "Threads:"), Some(12));
        assert_eq!(number_of::<u64>("Threads:\n", "Threads:"), None);
    }
}

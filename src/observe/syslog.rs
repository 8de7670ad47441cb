//! Records as messages of a system's log, one each.
//!
//! 1. Lines come in batches, from the log's own thread: that one may wait for a moment, no request ever does.
//! 2. Each is put behind a header: in datagrams to another machine that of RFC 5424, at this system's socket the one that `syslog(3)`
//!    writes, which is what journald reads there; when and where it was said is known to whoever has the socket.
//! 3. What is not taken in time is left out, and counted. Once something was, nothing is waited for until a message goes through again.

use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use memchr::memchr_iter;

use super::record;
use crate::config::SyslogTarget;

/// Facility `local7` (23), severity `info` (6); RFC 5424 §6.2.1.
const PRIORITY: &str = "<190>";

/// How long a message is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a datagram of IPv4 holds. The end of a longer record is cut off, not the record left out: nobody is to hide from the log by what
/// he sends.
const LONGEST: usize = 65_507;

/// What is left out is told this often at most.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// A place for records.
#[derive(Debug)]
pub(super) struct Syslog {
    socket: Socket,
    /// What stands behind the time in each header.
    header: String,
    message: Vec<u8>,
    is_stuck: bool,
    lost: Lost,
}

#[derive(Debug)]
enum Socket {
    /// By its path at each message: the log may be started again on the way.
    Unix(UnixDatagram, PathBuf),
    Udp(UdpSocket),
}

/// Messages left out.
#[derive(Debug, Default)]
struct Lost {
    untold: u64,
    told: Option<Instant>,
}

impl Syslog {
    /// # Errors
    /// When the system has no socket to give, or no way to the address.
    pub(super) fn open(target: &SyslogTarget) -> io::Result<Self> {
        let pid = std::process::id();
        let (socket, header) = match target {
            SyslogTarget::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_write_timeout(Some(PATIENCE))?;
                (
                    Socket::Unix(socket, path.clone()),
                    format!("daemun[{pid}]: "),
                )
            }
            SyslogTarget::Udp(address) => {
                let any: SocketAddr = match address {
                    SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                    SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
                };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                (
                    Socket::Udp(socket),
                    format!(" {} daemun {pid} access - ", host_name()),
                )
            }
        };
        Ok(Self {
            socket,
            header,
            message: Vec::new(),
            is_stuck: false,
            lost: Lost::default(),
        })
    }

    /// Steps 2 and 3.
    fn log(&mut self, record: &[u8]) {
        self.message.clear();
        self.message.extend_from_slice(PRIORITY.as_bytes());
        if let Socket::Udp(_) = self.socket {
            // RFC 5424 §6: the version, and the time.
            self.message.extend_from_slice(b"1 ");
            record::put_time(&mut self.message, SystemTime::now());
        }
        self.message.extend_from_slice(self.header.as_bytes());
        self.message.extend_from_slice(record);
        self.message.truncate(LONGEST);
        let is_sent = self.socket.send(&self.message).is_ok();
        if self.is_stuck == is_sent {
            self.is_stuck = !is_sent;
            // It only fails for what is no socket.
            let _ = self.socket.set_nonblocking(self.is_stuck);
        }
        self.lost.untold += u64::from(!is_sent);
    }
}

impl Socket {
    fn send(&self, message: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(socket, path) => socket.send_to(message, path),
            Self::Udp(socket) => match socket.send(message) {
                // What came back concerns a message before, and this one has not left.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => socket.send(message),
                sent => sent,
            },
        }
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Unix(socket, _) => socket.set_nonblocking(nonblocking),
            Self::Udp(socket) => socket.set_nonblocking(nonblocking),
        }
    }
}

impl Write for Syslog {
    /// Whole lines.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let mut start = 0;
        for end in memchr_iter(b'\n', lines) {
            self.log(&lines[start..end]);
            start = end + 1;
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(lost) = self.lost.take_due(Instant::now()) {
            tracing::warn!(
                lost,
                "access records were left out: the system's log did not take them"
            );
        }
        Ok(())
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        self.lost.told = None;
        // It cannot fail.
        let _ = self.flush();
    }
}

impl Lost {
    /// How many there are that nobody was told of, if it is time to tell.
    fn take_due(&mut self, now: Instant) -> Option<u64> {
        let is_due = self.told.is_none_or(|told| now - told >= TELL_AGAIN);
        if self.untold == 0 || !is_due {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

/// RFC 5424 §6.2.4: a dash when it is not known.
fn host_name() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    let is_sane =
        !name.is_empty() && name.len() <= 255 && name.bytes().all(|b| b.is_ascii_graphic());
    if is_sane {
        name.into_owned()
    } else {
        "-".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told_at_once_and_then_now_and_then() {
        let now = Instant::now();
        let mut lost = Lost::default();
        assert_eq!(lost.take_due(now), None);
        lost.untold = 3;
        assert_eq!(lost.take_due(now), Some(3));
        lost.untold = 2;
        assert_eq!(lost.take_due(now + TELL_AGAIN / 2), None);
        lost.untold += 1;
        assert_eq!(lost.take_due(now + TELL_AGAIN), Some(3));
        assert_eq!(lost.take_due(now + 3 * TELL_AGAIN), None);
    }

    /// The first message that finds the queue full waits, none of the others.
    #[test]
    fn a_log_that_stands_still_costs_messages_and_little_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let reader = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::open(&SyslogTarget::Unix(path)).unwrap();
        let begun = Instant::now();
        syslog.write_all(&b"record\n".repeat(10_000)).unwrap();
        // A bound of patience: waiting for each would take more than an hour.
        assert!(begun.elapsed() < Duration::from_secs(60));
        let left_out = syslog.lost.untold;
        assert!(left_out > 0 && left_out < 10_000, "{left_out}");
        reader.set_nonblocking(true).unwrap();
        let mut message = [0; 100];
        let mut read = 0;
        while let Ok(length) = reader.recv(&mut message) {
            assert!(message[..length].ends_with(b"]: record"));
            read += 1;
        }
        assert_eq!(read + left_out, 10_000);
        syslog.write_all(b"record\n").unwrap();
        assert_eq!(syslog.lost.untold, left_out, "it is taken again");
    }
}

//! A name server that knows what a test tells it (RFC 1035).

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is known of a name.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// Its addresses, and for how many seconds.
    Addresses(Vec<Ipv4Addr>, u32),
    /// Ports, weights and hosts of a service (RFC 2782), for a second.
    Services(Vec<(u16, u16, &'static str)>),
    /// The name server is in trouble.
    Trouble,
}

/// Names that are not known do not exist.
pub(crate) struct Dns {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    zone: Mutex<HashMap<String, Known>>,
    asked: AtomicUsize,
    is_stopping: AtomicBool,
}

impl Dns {
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a timeout");
        let shared = Arc::new(Shared::default());
        let address = socket.local_addr().expect("an address");
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let mut packet = [0; 1500];
            while !of_thread.is_stopping.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut packet) {
                    of_thread.asked.fetch_add(1, Ordering::Relaxed);
                    if let Some(answer) = answer(&packet[..length], &of_thread) {
                        socket.send_to(&answer, from).ok();
                    }
                }
            }
        });
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Questions so far.
    pub(crate) fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::Relaxed)
    }

    /// From now on; `None`: the name does not exist.
    pub(crate) fn tell(&self, name: &str, known: Option<Known>) {
        let mut zone = self.shared.zone.lock().unwrap();
        match known {
            Some(known) => drop(zone.insert(name.to_owned(), known)),
            None => drop(zone.remove(name)),
        }
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

const A: u16 = 1;
const SRV: u16 = 33;

fn answer(query: &[u8], shared: &Shared) -> Option<Vec<u8>> {
    let (name, end) = name(query, 12)?;
    let kind = u16::from_be_bytes([*query.get(end)?, *query.get(end + 1)?]);
    let known = shared.zone.lock().unwrap().get(&name).cloned();
    let (code, records) = match (&known, kind) {
        (None, _) => (3, Vec::new()),
        (Some(Known::Trouble), _) => (2, Vec::new()),
        (Some(Known::Addresses(addresses, ttl)), A) => {
            let records = addresses.iter();
            (0, records.map(|it| record(A, *ttl, &it.octets())).collect())
        }
        (Some(Known::Services(services)), SRV) => {
            let records = services.iter();
            (0, records.map(|it| record(SRV, 1, &service(it))).collect())
        }
        // Nothing of this kind.
        (Some(_), _) => (0, Vec::new()),
    };
    let count = u8::try_from(records.len()).ok()?;
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
    answer.extend_from_slice(query.get(12..end + 4)?);
    answer.extend(records.concat());
    Some(answer)
}

/// A name in lower case, and where it ends.
fn name(packet: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = packet.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
}

/// Of the name that was asked for.
fn record(kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut record = vec![0xc0, 12];
    record.extend(kind.to_be_bytes());
    record.extend([0, 1]);
    record.extend(ttl.to_be_bytes());
    record.extend(
        u16::try_from(data.len())
            .expect("a few bytes")
            .to_be_bytes(),
    );
    record.extend_from_slice(data);
    record
}

fn service(&(port, weight, host): &(u16, u16, &'static str)) -> Vec<u8> {
    let mut data = vec![0, 0];
    data.extend(weight.to_be_bytes());
    data.extend(port.to_be_bytes());
    for label in host.split('.') {
        data.push(u8::try_from(label.len()).expect("a short label"));
        data.extend_from_slice(label.as_bytes());
    }
    data.push(0);
    data
}

//! A name server of a few names.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;

#[derive(Clone, Debug)]
pub(super) enum Record {
    Address(IpAddr),
    /// Priority, weight, port, host.
    Service(u16, u16, u16, &'static str),
}

type Zone = HashMap<&'static str, (u32, Vec<Record>)>;

/// Names that it does not hold do not exist.
#[derive(Clone)]
pub(super) struct NameServer {
    pub(super) address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

impl NameServer {
    pub(super) async fn start() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        let server = Self {
            address: socket.local_addr().unwrap(),
            zone: Arc::default(),
        };
        let zone = Arc::clone(&server.zone);
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let answer = answer(&buffer[..length], &zone.lock().unwrap());
                let _ = socket.send_to(&answer, peer).await;
            }
        });
        server
    }

    pub(super) fn set(&self, name: &'static str, life: u32, records: Vec<Record>) {
        self.zone.lock().unwrap().insert(name, (life, records));
    }

    pub(super) fn addresses(&self, name: &'static str, life: u32, ips: &[&str]) {
        let record = |ip: &&str| Record::Address(ip.parse().unwrap());
        self.set(name, life, ips.iter().map(record).collect());
    }

    pub(super) fn forget(&self, name: &str) {
        self.zone.lock().unwrap().remove(name);
    }
}

/// RFC 1035 §4: the question comes back with what answers it.
fn answer(query: &[u8], zone: &Zone) -> Vec<u8> {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..=at + length]).to_lowercase());
        at += 1 + length;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let question = &query[12..at + 5];
    let held = zone.get(labels.join(".").as_str());
    let records = held.map_or(&[][..], |(_, records)| records);
    let answers: Vec<_> = records
        .iter()
        .filter_map(|record| data(record, kind))
        .collect();
    let mut message = Vec::from(&query[..2]);
    let code = if held.is_some() { 0 } else { 3 };
    message.extend([0x84, 0x80 | code, 0, 1, 0]);
    message.extend([u8::try_from(answers.len()).unwrap(), 0, 0, 0, 0]);
    message.extend(question);
    for data in answers {
        message.extend([0xc0, 12]);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        message.extend(held.map_or(0, |(life, _)| *life).to_be_bytes());
        message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        message.extend(data);
    }
    message
}

/// What a record says to a question of this kind.
fn data(record: &Record, kind: u16) -> Option<Vec<u8>> {
    match (record, kind) {
        (Record::Address(IpAddr::V4(ip)), 1) => Some(ip.octets().to_vec()),
        (Record::Address(IpAddr::V6(ip)), 28) => Some(ip.octets().to_vec()),
        (Record::Service(priority, weight, port, host), 33) => {
            let mut data = [priority, weight, port]
                .map(|number| number.to_be_bytes())
                .concat();
            for label in host.split('.').filter(|label| !label.is_empty()) {
                data.push(u8::try_from(label.len()).unwrap());
                data.extend(label.as_bytes());
            }
            data.push(0);
            Some(data)
        }
        _ => None,
    }
}

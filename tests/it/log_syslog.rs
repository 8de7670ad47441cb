//! Access records as messages of the system's log.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::time::SystemTime;

use serde_json::Value;

use crate::harness::{Docroot, PATIENCE, TestServer};

fn logging_to(docroot: Docroot, access: &str, syslog: &str) -> TestServer {
    TestServer::with_docroot(
        docroot,
        &format!("[log]\naccess = \"{access}\"\nsyslog = \"{syslog}\"\n"),
    )
}

fn text(message: &[u8]) -> String {
    String::from_utf8(message.to_vec()).unwrap_or_else(|error| panic!("{error}"))
}

/// RFC 5424 §6, as strictly as it is written: `<PRI>1 TIME HOST APP PID MSGID SD MSG`.
#[test]
fn another_machine_gets_a_message_of_rfc_5424_for_each_record() {
    let log = UdpSocket::bind("127.0.0.1:0").unwrap();
    log.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = log.local_addr().unwrap();
    let server = logging_to(Docroot::standard(), "json", &format!("udp:{address}"));
    for target in ["/t.bin", "/missing?x=%22"] {
        server.get(target, &[]);
        let mut message = vec![0; 65_536];
        let length = log.recv(&mut message).expect("a message for each request");
        let message = text(&message[..length]);
        let parts: Vec<&str> = message.splitn(8, ' ').collect();
        let [priority, time, host, app, pid, kind, data, record] = parts[..] else {
            panic!("eight parts: {message}");
        };
        assert_eq!(
            (priority, app, kind, data),
            ("<190>1", "daemun", "access", "-")
        );
        assert_eq!(pid, std::process::id().to_string());
        assert!(!host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic()));
        let form: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(form, "0000-00-00T00:00:00.000Z", "{message}");
        let record: Value = serde_json::from_str(record).expect("a record in JSON");
        assert_eq!(record["target"], target);
        assert!(!message.ends_with('\n'));
    }
}

/// What journald, rsyslog and busybox read at `/dev/log`.
#[test]
fn this_machine_s_log_gets_the_messages_that_programs_write_there() {
    let docroot = Docroot::standard();
    let path = docroot.parent().join("log");
    let log = UnixDatagram::bind(&path).unwrap();
    log.set_read_timeout(Some(PATIENCE)).unwrap();
    let server = logging_to(docroot, "combined", "unix:$PARENT/log");
    server.get("/t.bin", &[]).expect(200);
    let mut message = vec![0; 65_536];
    let length = log.recv(&mut message).expect("a message");
    let message = text(&message[..length]);
    let begin = format!("<190>daemun[{}]: 127.0.0.1 - - [", std::process::id());
    assert!(message.starts_with(&begin), "{message}");
    assert!(
        message.contains("\"GET /t.bin HTTP/1.1\" 200 1000 "),
        "{message}"
    );

    // It is started again, and another socket has its name.
    drop(log);
    std::fs::remove_file(&path).unwrap();
    server.get("/lost", &[]).expect(404);
    let log = UnixDatagram::bind(&path).unwrap();
    log.set_read_timeout(Some(std::time::Duration::from_millis(100)))
        .unwrap();
    let asked = SystemTime::now();
    let mut message = vec![0; 65_536];
    loop {
        server.get("/again", &[]).expect(404);
        match log.recv(&mut message) {
            Ok(length) => break assert!(text(&message[..length]).contains("404")),
            Err(error) => {
                assert!(
                    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                    "{error}"
                );
                assert!(asked.elapsed().unwrap() < PATIENCE, "no message");
            }
        }
    }
}

/// However it is stuffed, a request stands in the log.
#[test]
fn a_record_that_no_datagram_holds_is_cut() {
    let log = UdpSocket::bind("127.0.0.1:0").unwrap();
    log.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = log.local_addr().unwrap();
    let server = logging_to(Docroot::standard(), "json", &format!("udp:{address}"));
    let agent = format!("User-Agent: {}", "\"".repeat(20_000));
    server.get("/t.bin", &[&agent]).expect(200);
    let mut message = vec![0; 70_000];
    let length = log.recv(&mut message).expect("a message");
    assert_eq!(length, 65_507);
    assert!(text(&message[..length]).contains("\"target\":\"/t.bin\""));
}

//! The header of the PROXY protocol, versions 1 and 2 (haproxy's `proxy-protocol.txt`), as a function of the bytes received so far.
//!
//! However the bytes are cut into pieces, the verdict is the same; nothing is decoded before all of the header is there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::crc32c::crc32c;

/// §2.2: what version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// §2.1: what version 1 begins with.
const PROXY: &[u8] = b"PROXY ";
/// §2.1: the longest line, with its end.
const LONGEST_LINE: usize = 107;
/// The part of version 2 whose length is fixed.
const FIXED: usize = 16;
/// The longest header of version 2 that is taken. It may carry a certificate, but nobody needs the 64 KiB that could be announced.
pub(crate) const LONGEST: usize = 16 << 10;

/// What the bytes so far come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// More is needed.
    Incomplete,
    /// A header of so many bytes.
    Header { source: Source, consumed: usize },
    /// This is none, whatever follows.
    Malformed(Malformed),
}

/// Who the proxy speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The proxy itself: a check of its own (`LOCAL`).
    Proxy,
    /// A client of whom no address can be told: `UNKNOWN`, a unix socket, a protocol that is not TCP.
    Unknown,
    Address(SocketAddr),
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    NoHeader,
    Line,
    Version,
    Command,
    Family,
    TooLong,
    Addresses,
    Extensions,
    Checksum,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHeader => "there is none",
            Self::Line => "its line is malformed",
            Self::Version => "its version is unknown",
            Self::Command => "its command is unknown",
            Self::Family => "its address family or protocol is unknown",
            Self::TooLong => "it is too long",
            Self::Addresses => "it is too short for its addresses",
            Self::Extensions => "its extensions do not fit into it",
            Self::Checksum => "its checksum is wrong",
        })
    }
}

/// Judges the first bytes of a connection.
pub(crate) fn parse(received: &[u8]) -> Parsed {
    let judged = if begins(received, SIGNATURE) {
        version_2(received)
    } else if begins(received, PROXY) {
        version_1(received)
    } else {
        Err(Malformed::NoHeader)
    };
    match judged {
        Ok(Some((source, consumed))) => Parsed::Header { source, consumed },
        Ok(None) => Parsed::Incomplete,
        Err(why) => Parsed::Malformed(why),
    }
}

/// Whether these bytes, as far as they go, are those.
fn begins(received: &[u8], with: &[u8]) -> bool {
    let length = received.len().min(with.len());
    received[..length] == with[..length]
}

/// A verdict, with what is wrong as an error: `None` needs more.
type Judged = Result<Option<(Source, usize)>, Malformed>;

/// §2.1. `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n`
fn version_1(received: &[u8]) -> Judged {
    let within = &received[..received.len().min(LONGEST_LINE)];
    // A CR or an LF that stands alone is an error as soon as it is there, so that it does not matter how the bytes arrive.
    let Some(end) = within.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return match received.len() {
            LONGEST_LINE.. => Err(Malformed::Line),
            _ => Ok(None),
        };
    };
    match (received[end], received.get(end + 1)) {
        (b'\r', Some(b'\n')) if end + 2 <= LONGEST_LINE => {}
        (b'\r', None) if end + 2 <= LONGEST_LINE => return Ok(None),
        _ => return Err(Malformed::Line),
    }
    let source = line(&received[PROXY.len()..end]).ok_or(Malformed::Line)?;
    Ok(Some((source, end + 2)))
}

/// The line after `PROXY `, without its end.
fn line(line: &[u8]) -> Option<Source> {
    let line = str::from_utf8(line).ok()?;
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return Some(Source::Unknown);
    }
    let mut parts = line.split(' ');
    let read: fn(&str) -> Option<IpAddr> = match parts.next()? {
        "TCP4" => |text| Some(IpAddr::V4(text.parse().ok()?)),
        "TCP6" => |text| Some(IpAddr::V6(text.parse().ok()?)),
        _ => return None,
    };
    let source = read(parts.next()?)?;
    read(parts.next()?)?;
    let source_port = port(parts.next()?)?;
    port(parts.next()?)?;
    match parts.next() {
        None => Some(Source::Address(SocketAddr::new(source, source_port))),
        Some(_) => None,
    }
}

/// A decimal number without a sign or zeroes in front.
fn port(text: &str) -> Option<u16> {
    let is_canonical = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| is_canonical)
}

/// §2.2.
fn version_2(received: &[u8]) -> Judged {
    // Each fixed byte is judged as soon as it is there.
    let (Some(command), Some(family)) = (byte(received, 12, command)?, byte(received, 13, family)?)
    else {
        return Ok(None);
    };
    let Some(length) = received.get(14..FIXED) else {
        return Ok(None);
    };
    let whole = FIXED + usize::from(u16::from_be_bytes([length[0], length[1]]));
    if whole > LONGEST {
        return Err(Malformed::TooLong);
    }
    let Some(header) = received.get(..whole) else {
        return Ok(None);
    };
    if command == Command::Local {
        // The rest is skipped, whatever it is.
        return Ok(Some((Source::Proxy, whole)));
    }
    let rest = &header[FIXED..];
    let addresses = rest.get(..family.length).ok_or(Malformed::Addresses)?;
    extensions(header, FIXED + family.length)?;
    Ok(Some(((family.source)(addresses), whole)))
}

/// What the byte at this place means, if it is there.
fn byte<T>(
    received: &[u8],
    place: usize,
    meaning: fn(u8) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    received.get(place).copied().map(meaning).transpose()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Local,
    Proxy,
}

fn command(byte: u8) -> Result<Command, Malformed> {
    match (byte >> 4, byte & 0xf) {
        (2, 0) => Ok(Command::Local),
        (2, 1) => Ok(Command::Proxy),
        (2, _) => Err(Malformed::Command),
        _ => Err(Malformed::Version),
    }
}

/// How many bytes the addresses of a family take, and what they say.
struct Family {
    length: usize,
    source: fn(&[u8]) -> Source,
}

fn family(byte: u8) -> Result<Family, Malformed> {
    let is_stream = match byte & 0xf {
        1 => true,
        0 | 2 => false,
        _ => return Err(Malformed::Family),
    };
    let (length, source): (_, fn(&[u8]) -> Source) = match byte >> 4 {
        0 => (0, |_| Source::Unknown),
        1 => (12, ipv4),
        2 => (36, ipv6),
        3 => (216, |_| Source::Unknown),
        _ => return Err(Malformed::Family),
    };
    Ok(Family {
        length,
        // What came by datagrams was no connection of this server.
        source: if is_stream {
            source
        } else {
            |_| Source::Unknown
        },
    })
}

fn ipv4(addresses: &[u8]) -> Source {
    match addresses {
        [a, b, c, d, _, _, _, _, port @ ..] => address(Ipv4Addr::new(*a, *b, *c, *d).into(), port),
        _ => Source::Unknown,
    }
}

fn ipv6(addresses: &[u8]) -> Source {
    match addresses.split_first_chunk::<16>() {
        Some((source, rest)) => address(
            Ipv6Addr::from(*source).into(),
            rest.get(16..).unwrap_or_default(),
        ),
        None => Source::Unknown,
    }
}

fn address(ip: IpAddr, port: &[u8]) -> Source {
    match port {
        [high, low, ..] => Source::Address(SocketAddr::new(ip, u16::from_be_bytes([*high, *low]))),
        _ => Source::Unknown,
    }
}

/// §2.2: what follows the addresses; only the checksum is of interest (§2.2.3).
fn extensions(header: &[u8], mut at: usize) -> Result<(), Malformed> {
    const CRC32C: u8 = 0x03;
    while at < header.len() {
        let [kind, high, low] = *header
            .get(at..at + 3)
            .and_then(|start| start.first_chunk::<3>())
            .ok_or(Malformed::Extensions)?;
        let value = at + 3..at + 3 + usize::from(u16::from_be_bytes([high, low]));
        let bytes = header.get(value.clone()).ok_or(Malformed::Extensions)?;
        if kind == CRC32C {
            // Reckoned with zeroes in the place of the checksum itself.
            let reckoned = crc32c(&[&header[..value.start], &[0; 4], &header[value.end..]]);
            if bytes != reckoned.to_be_bytes() {
                return Err(Malformed::Checksum);
            }
        }
        at = value.end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(header: &[u8]) -> Result<String, Malformed> {
        match parse(header) {
            Parsed::Header { source, consumed } => {
                assert_eq!(consumed, header.len(), "{}", header.escape_ascii());
                Ok(match source {
                    Source::Proxy => "proxy".to_owned(),
                    Source::Unknown => "unknown".to_owned(),
                    Source::Address(address) => address.to_string(),
                })
            }
            Parsed::Malformed(why) => Err(why),
            Parsed::Incomplete => panic!("incomplete: {}", header.escape_ascii()),
        }
    }

    /// A header of version 2: command, family, what follows the length.
    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 0xdb, 0xf4, 1, 0xbb];

    #[test]
    fn a_line_of_version_1_is_taken_to_the_letter() {
        for (line, want) in [
            ("TCP4 192.0.2.1 192.0.2.2 56324 443", "192.0.2.1:56324"),
            ("TCP4 0.0.0.0 255.255.255.255 0 65535", "0.0.0.0:0"),
            ("TCP6 2001:db8::1 ::1 56324 443", "[2001:db8::1]:56324"),
            ("TCP6 ::ffff:192.0.2.1 ::1 1 2", "[::ffff:192.0.2.1]:1"),
            (
                "TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            ),
            ("UNKNOWN", "unknown"),
            ("UNKNOWN whatever \x00 \u{e9}", "unknown"),
            (
                "UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
                "unknown",
            ),
        ] {
            let header = format!("PROXY {line}\r\n");
            assert_eq!(source(header.as_bytes()).as_deref(), Ok(want), "{line}");
        }
        for line in [
            "",
            "TCP4",
            "TCP5 192.0.2.1 192.0.2.2 1 2",
            "tcp4 192.0.2.1 192.0.2.2 1 2",
            "UNKNOWNX",
            "TCP4 192.0.2.1 192.0.2.2 1",
            "TCP4 192.0.2.1 192.0.2.2 1 2 3",
            "TCP4 192.0.2.1 192.0.2.2 1 2 ",
            "TCP4  192.0.2.1 192.0.2.2 1 2",
            "TCP4 192.0.2.01 192.0.2.2 1 2",
            "TCP4 192.0.2.1 192.0.2.2 01 2",
            "TCP4 192.0.2.1 192.0.2.2 +1 2",
            "TCP4 192.0.2.1 192.0.2.2 1 65536",
            "TCP4 192.0.2.1 x 1 2",
            "TCP4 ::1 ::1 1 2",
            "TCP6 192.0.2.1 192.0.2.2 1 2",
            "TCP4 192.0.2.1 192.0.2.2 1 2\r",
            "TCP4 192.0.2.1 192.0.2.2 1 2\n",
        ] {
            let header = format!("PROXY {line}\r\n");
            let judged = parse(header.as_bytes());
            assert_eq!(judged, Parsed::Malformed(Malformed::Line), "{line:?}");
        }
    }

    #[test]
    fn a_line_may_not_be_longer_than_the_longest() {
        let endless = format!("PROXY UNKNOWN {}", "x".repeat(93));
        assert_eq!(endless.len(), LONGEST_LINE);
        assert_eq!(parse(&endless.as_bytes()[..106]), Parsed::Incomplete);
        assert_eq!(
            parse(endless.as_bytes()),
            Parsed::Malformed(Malformed::Line)
        );
        let longest = format!("{}\r\n", &endless[..105]);
        assert_eq!(source(longest.as_bytes()).as_deref(), Ok("unknown"));
        let longer = format!("{}\r\n", &endless[..106]);
        assert_eq!(parse(longer.as_bytes()), Parsed::Malformed(Malformed::Line));
    }

    #[test]
    fn version_2_tells_the_source() {
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).octets());
        v6[32..34].copy_from_slice(&4711_u16.to_be_bytes());
        let with_extension = [&V4[..], b"\x20\x00\x02xy\x04\x00\x00"].concat();
        for (header, want) in [
            (v2(0x21, 0x11, &V4), "192.0.2.1:56308"),
            (v2(0x21, 0x11, &with_extension), "192.0.2.1:56308"),
            (v2(0x21, 0x21, &v6), "[2001:db8::1]:4711"),
            (v2(0x21, 0x31, &[b'x'; 216]), "unknown"),
            (v2(0x21, 0x12, &V4), "unknown"),
            (v2(0x21, 0x00, &[]), "unknown"),
            (v2(0x20, 0x00, &[]), "proxy"),
            (v2(0x20, 0x11, &V4), "proxy"),
            (v2(0x20, 0x00, b"skipped whatever it is"), "proxy"),
        ] {
            let told = source(&header);
            assert_eq!(told.as_deref(), Ok(want), "{}", header.escape_ascii());
        }
    }

    #[test]
    fn what_version_2_does_not_allow_is_refused() {
        for (header, why) in [
            (v2(0x11, 0x11, &V4), Malformed::Version),
            (v2(0x31, 0x11, &V4), Malformed::Version),
            (v2(0x22, 0x11, &V4), Malformed::Command),
            (v2(0x21, 0x41, &V4), Malformed::Family),
            (v2(0x21, 0x13, &V4), Malformed::Family),
            (v2(0x21, 0x11, &V4[..11]), Malformed::Addresses),
            (v2(0x21, 0x21, &V4), Malformed::Addresses),
            (v2(0x21, 0x31, &V4), Malformed::Addresses),
            (v2(0x21, 0x11, &vec![0; 16 << 10]), Malformed::TooLong),
            (v2(0x20, 0x00, &vec![0; 65535]), Malformed::TooLong),
            (
                v2(0x21, 0x11, &[&V4[..], b"\x04\x00"].concat()),
                Malformed::Extensions,
            ),
            (
                v2(0x21, 0x11, &[&V4[..], b"\x04\xff\xff"].concat()),
                Malformed::Extensions,
            ),
            (
                v2(0x21, 0x11, &[&V4[..], b"\x03\x00\x04abcd"].concat()),
                Malformed::Checksum,
            ),
            (
                v2(0x21, 0x11, &[&V4[..], b"\x03\x00\x02ab"].concat()),
                Malformed::Checksum,
            ),
            (b"GET / HTTP/1.1\r\n".to_vec(), Malformed::NoHeader),
            (b"PRI * HTTP/2.0\r\n".to_vec(), Malformed::NoHeader),
            (b"\r\n\r\n\0\r\nQUIX".to_vec(), Malformed::NoHeader),
            (b"proxy TCP4".to_vec(), Malformed::NoHeader),
        ] {
            let shown: Vec<u8> = header.iter().copied().take(40).collect();
            assert_eq!(source(&header), Err(why), "{}", shown.escape_ascii());
        }
    }

    #[test]
    fn a_checksum_is_verified() {
        let mut header = v2(
            0x21,
            0x11,
            &[&V4[..], b"\x03\x00\x04\0\0\0\0", b"\x04\0\0"].concat(),
        );
        let checksum = crc32c(&[&header]).to_be_bytes();
        header[31..35].copy_from_slice(&checksum);
        assert_eq!(source(&header).as_deref(), Ok("192.0.2.1:56308"));
        header[16] ^= 1;
        assert_eq!(source(&header), Err(Malformed::Checksum));
    }
}

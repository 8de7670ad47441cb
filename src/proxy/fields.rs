//! Fields on their way through: of a request to a server, of an answer to a client.
//!
//! Between HTTP/1.1 and HTTP/1.1 they are lines that are copied; a map is made only where one is needed.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Where fields are put: lines of HTTP/1.1, or a map.
pub(crate) trait Sink {
    /// The name is a valid one in lower case, or as a server wrote it; the value is valid (RFC 9110 §5.5).
    fn put(&mut self, name: &[u8], value: &[u8]);
}

/// As lines, each with its end.
impl Sink for Vec<u8> {
    fn put(&mut self, name: &[u8], value: &[u8]) {
        self.reserve(name.len() + value.len() + 4);
        self.extend_from_slice(name);
        self.extend_from_slice(b": ");
        self.extend_from_slice(value);
        self.extend_from_slice(b"\r\n");
    }
}

impl Sink for HeaderMap {
    fn put(&mut self, name: &[u8], value: &[u8]) {
        // Both were judged when they were received.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            self.append(name, value);
        }
    }
}

/// The fields of a request to be sent, written as often as it is attempted.
pub(crate) trait WriteFields: Sync {
    fn write(&self, sink: &mut dyn Sink);

    /// Whether a `traceparent` is to be put behind them.
    fn takes_trace(&self) -> bool {
        false
    }
}

/// The fields of an answer as its server sent them.
#[derive(Clone, Debug)]
pub(crate) enum Fields {
    /// Received by HTTP/1.1: places in the head.
    Lines {
        head: Bytes,
        places: Vec<Place>,
    },
    Map(HeaderMap),
}

/// A field line in a head, which is smaller than 4 GiB: from the first byte to the one after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) name: (u32, u32),
    pub(crate) value: (u32, u32),
}

impl Default for Fields {
    fn default() -> Self {
        Self::Map(HeaderMap::new())
    }
}

impl Fields {
    /// Calls `tell` with each name, as it was written, and value.
    pub(crate) fn each<'f>(&'f self, mut tell: impl FnMut(&'f [u8], &'f [u8])) {
        match self {
            Self::Lines { head, places } => {
                let cut = |(from, to): (u32, u32)| &head[from as usize..to as usize];
                for place in places {
                    tell(cut(place.name), cut(place.value));
                }
            }
            Self::Map(map) => {
                for (name, value) in map {
                    tell(name.as_str().as_bytes(), value.as_bytes());
                }
            }
        }
    }

    /// The values of all lines with this name.
    pub(crate) fn all(&self, name: &HeaderName) -> Vec<&[u8]> {
        let mut values = Vec::new();
        self.each(|other, value| {
            if other.eq_ignore_ascii_case(name.as_str().as_bytes()) {
                values.push(value);
            }
        });
        values
    }

    /// The value of the first line with this name.
    pub(crate) fn first(&self, name: &HeaderName) -> Option<&[u8]> {
        let mut first = None;
        self.each(|other, value| {
            if first.is_none() && other.eq_ignore_ascii_case(name.as_str().as_bytes()) {
                first = Some(value);
            }
        });
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_a_map_read_alike() {
        let head = Bytes::from_static(b"HTTP/1.1 200 OK\r\nA: 1\r\nb: 2\r\na:3\r\n\r\n");
        let lines = Fields::Lines {
            head,
            places: vec![
                Place {
                    name: (17, 18),
                    value: (20, 21),
                },
                Place {
                    name: (23, 24),
                    value: (26, 27),
                },
                Place {
                    name: (29, 30),
                    value: (31, 32),
                },
            ],
        };
        let mut map = HeaderMap::new();
        lines.each(|name, value| map.put(name, value));
        for fields in [lines, Fields::Map(map)] {
            let a = HeaderName::from_static("a");
            assert_eq!(fields.all(&a), [b"1", b"3"]);
            assert_eq!(fields.first(&a), Some(&b"1"[..]));
            assert_eq!(fields.first(&HeaderName::from_static("c")), None);
        }
    }

    #[test]
    fn lines_have_their_ends() {
        let mut out = Vec::new();
        out.put(b"a", b"1");
        out.put(b"b", b"");
        assert_eq!(out, b"a: 1\r\nb: \r\n");
    }
}

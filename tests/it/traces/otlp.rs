//! As much of OTLP as a collector has to read, from the bytes: `opentelemetry/proto/trace/v1/trace.proto`.

use std::fmt::Write as _;

#[allow(clippy::struct_field_names, reason = "they are the protocol's")]
#[derive(Clone, Debug, Default)]
pub(super) struct Span {
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) parent_span_id: String,
    pub(super) name: String,
    /// 2: server, 3: client.
    pub(super) kind: u64,
    /// Since 1970, in nanoseconds.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) attributes: Vec<(String, Value)>,
    /// 2: an error.
    pub(super) status: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(u64),
}

impl Span {
    pub(super) fn attribute(&self, name: &str) -> Option<&Value> {
        let mut found = self.attributes.iter().filter(|(known, _)| known == name);
        let first = found.next().map(|(_, value)| value);
        assert!(found.next().is_none(), "{name} twice: {self:?}");
        first
    }
}

/// The spans of an `ExportTraceServiceRequest`.
pub(super) fn spans(request: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    for of_resource in messages(request, 1) {
        for of_scope in messages(of_resource, 2) {
            spans.extend(messages(of_scope, 2).map(span));
        }
    }
    spans
}

/// What is said of who sends.
pub(super) fn resource(request: &[u8]) -> Vec<(String, Value)> {
    let resources = messages(request, 1).flat_map(|of_resource| messages(of_resource, 1));
    let attributes = resources.flat_map(|resource| messages(resource, 1));
    attributes.map(attribute).collect()
}

fn span(message: &[u8]) -> Span {
    let mut span = Span::default();
    for (field, value) in Fields(message) {
        match (field, value) {
            (1, Field::Bytes(bytes)) => span.trace_id = hex(bytes),
            (2, Field::Bytes(bytes)) => span.span_id = hex(bytes),
            (4, Field::Bytes(bytes)) => span.parent_span_id = hex(bytes),
            (5, Field::Bytes(bytes)) => span.name = text(bytes),
            (6, Field::Number(kind)) => span.kind = kind,
            (7, Field::Number(start)) => span.start = start,
            (8, Field::Number(end)) => span.end = end,
            (9, Field::Bytes(bytes)) => span.attributes.push(attribute(bytes)),
            (15, Field::Bytes(bytes)) => {
                span.status = Fields(bytes)
                    .find_map(|(field, value)| match value {
                        Field::Number(code) if field == 3 => Some(code),
                        _ => None,
                    })
                    .unwrap_or(0);
            }
            _ => {}
        }
    }
    span
}

fn attribute(message: &[u8]) -> (String, Value) {
    let key = messages(message, 1).next().map(text).expect("a key");
    let value = messages(message, 2).next().expect("a value");
    match Fields(value).next() {
        Some((1, Field::Bytes(bytes))) => (key, Value::Text(text(bytes))),
        Some((3, Field::Number(number))) => (key, Value::Number(number)),
        other => panic!("{key}: {other:?}"),
    }
}

/// The fields of this number that hold bytes.
fn messages(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    Fields(message).filter_map(move |(field, value)| match value {
        Field::Bytes(bytes) if field == number => Some(bytes),
        _ => None,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn hex(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in bytes {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// The wire format of protocol buffers.
struct Fields<'m>(&'m [u8]);

#[derive(Debug)]
enum Field<'m> {
    Number(u64),
    Bytes(&'m [u8]),
}

impl Fields<'_> {
    fn varint(&mut self) -> u64 {
        let mut number = 0;
        for place in 0.. {
            let (&byte, rest) = self.0.split_first().expect("a whole message");
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                break;
            }
        }
        number
    }
}

impl<'m> Fields<'m> {
    fn take(&mut self, length: usize) -> &'m [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }
}

impl<'m> Iterator for Fields<'m> {
    type Item = (u64, Field<'m>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let tag = self.varint();
        let value = match tag & 7 {
            0 => Field::Number(self.varint()),
            1 => Field::Number(u64::from_le_bytes(self.take(8).try_into().expect("8"))),
            2 => {
                let length = usize::try_from(self.varint()).expect("a length");
                Field::Bytes(self.take(length))
            }
            5 => {
                let bytes = self.take(4).try_into().expect("4");
                Field::Number(u32::from_le_bytes(bytes).into())
            }
            other => panic!("wire type {other}"),
        };
        Some((tag >> 3, value))
    }
}

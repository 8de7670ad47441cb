//! A response as it came over the wire: fields in order, duplicates kept.

use std::fmt;

pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) version: String,
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    /// What was asked, for the message of a failing test.
    pub(crate) request: String,
}

pub(crate) struct Response {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    /// The trailer section of a chunked body, names in lower case.
    pub(crate) trailers: Vec<(String, String)>,
}

/// Where the body ends (RFC 9112 §6.3).
#[derive(Debug, PartialEq)]
pub(crate) enum Framing {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

impl Head {
    /// Takes a whole head apart, with no tolerance for anything RFC 9112 §4 and §5 do not give a server.
    #[track_caller]
    pub(crate) fn parse(text: &[u8], request: &[u8]) -> Self {
        let shown = text.escape_ascii().to_string();
        let text = std::str::from_utf8(text)
            .unwrap_or_else(|_| panic!("a head that is not UTF-8: {shown}"));
        let mut lines = text
            .strip_suffix("\r\n\r\n")
            .expect("a whole head")
            .split("\r\n");
        let status_line = lines.next().expect("split gives one");
        let (version, rest) = status_line
            .split_once(' ')
            .unwrap_or_else(|| panic!("a status line: {shown}"));
        assert!(
            version == "HTTP/1.1" || version == "HTTP/1.0",
            "the version: {shown}"
        );
        // The space after the code is there even without a reason phrase (§4).
        let (status, reason) = rest
            .split_once(' ')
            .unwrap_or_else(|| panic!("a status line: {shown}"));
        assert!(
            status.len() == 3 && reason.bytes().all(|byte| byte >= b' '),
            "the status line: {shown}"
        );
        let fields = lines
            .map(|line| {
                let (name, value) = line
                    .split_once(':')
                    .unwrap_or_else(|| panic!("a field line: {line:?} in {shown}"));
                assert!(
                    !name.is_empty() && name.bytes().all(is_token),
                    "the field name {name:?} in {shown}"
                );
                let value = value.trim_matches([' ', '\t']);
                assert!(
                    value
                        .bytes()
                        .all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)),
                    "the field {line:?}"
                );
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect();
        let shown_request = &request[..request.len().min(600)];
        Self {
            method: request
                .split(|&byte| byte == b' ')
                .next()
                .unwrap_or_default()
                .escape_ascii()
                .to_string(),
            version: version.to_owned(),
            status: status
                .parse()
                .unwrap_or_else(|_| panic!("a status: {shown}")),
            fields,
            request: shown_request.escape_ascii().to_string(),
        }
    }

    pub(crate) fn framing(&self) -> Framing {
        if self.method == "HEAD" || self.status < 200 || self.status == 204 || self.status == 304 {
            Framing::None
        } else if let Some(coding) = self.value("Transfer-Encoding") {
            assert_eq!(
                coding, "chunked",
                "the only transfer coding a client must know: {self:?}"
            );
            Framing::Chunked
        } else if let Some(length) = self.value("Content-Length") {
            Framing::Length(
                length
                    .parse()
                    .unwrap_or_else(|_| panic!("a Content-Length: {self:?}")),
            )
        } else {
            Framing::UntilClose
        }
    }

    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.fields
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The value of a field that may be there once.
    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let values = self.values(name);
        assert!(values.len() <= 1, "{name} {} times: {self:?}", values.len());
        values.first().copied()
    }

    /// True when a list field, on any of its lines, names this member.
    pub(crate) fn lists(&self, name: &str, member: &str) -> bool {
        self.values(name)
            .iter()
            .flat_map(|value| value.split(','))
            .any(|found| found.trim().eq_ignore_ascii_case(member))
    }
}

impl Response {
    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }

    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.head.value(name)
    }

    /// The value of a field that must be there.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> &str {
        self.head
            .value(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn entity_tag(&self) -> &str {
        self.field("ETag")
    }

    #[track_caller]
    pub(crate) fn content_length(&self) -> u64 {
        self.field("Content-Length").parse().expect("checked")
    }

    pub(crate) fn lists(&self, name: &str, member: &str) -> bool {
        self.head.lists(name, member)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Goes on only with this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.head.status, status, "{self:?}");
        self
    }

    /// Goes on only with one of these.
    #[track_caller]
    pub(crate) fn expect_any(self, statuses: &[u16]) -> Self {
        assert!(
            statuses.contains(&self.head.status),
            "expected one of {statuses:?}: {self:?}"
        );
        self
    }

    /// Goes on only with this body.
    #[track_caller]
    pub(crate) fn expect_body(self, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        assert!(
            self.body == body,
            "{} bytes expected, beginning with {}: {self:?}",
            body.len(),
            body[..body.len().min(60)].escape_ascii()
        );
        self
    }

    /// Goes on only with this value of the field, once.
    #[track_caller]
    pub(crate) fn expect_field(self, name: &str, value: &str) -> Self {
        assert_eq!(self.head.value(name), Some(value), "{name}: {self:?}");
        self
    }

    /// Goes on only without the field.
    #[track_caller]
    pub(crate) fn expect_no(self, name: &str) -> Self {
        assert!(
            self.head.values(name).is_empty(),
            "{name} is not for here: {self:?}"
        );
        self
    }

    /// True when a cache may hold this for more than an hour without asking.
    pub(crate) fn lives_long(&self) -> bool {
        self.head
            .values("Cache-Control")
            .iter()
            .flat_map(|value| value.split(','))
            .any(|directive| {
                let directive = directive.trim().to_ascii_lowercase();
                let age = directive
                    .strip_prefix("max-age=")
                    .or_else(|| directive.strip_prefix("s-maxage="));
                directive == "immutable"
                    || age.is_some_and(|seconds| {
                        seconds.parse::<u64>().map_or(true, |age| age > 3600)
                    })
            })
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nsent: {}\ngot:  {} {}",
            self.request, self.version, self.status
        )?;
        for (name, value) in &self.fields {
            writeln!(f, "      {name}: {value}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.head)?;
        writeln!(
            f,
            "      {} bytes: {}",
            self.body.len(),
            self.body[..self.body.len().min(300)].escape_ascii()
        )
    }
}

pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

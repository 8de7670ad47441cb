//! Header fields, media types and origins.

use http::{
    HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG,
        LAST_MODIFIED, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY,
    },
};

use super::Judge;
use crate::config::{
    Cors,
    error::{Problem, quoted},
    file::{Entries, Text},
};
use crate::header::media_type::is_token;

/// Fields whose truth the server alone knows: the framing of the message, the connection, the validators of what is sent, what it was
/// chosen by.
const OWN_FIELDS: [HeaderName; 11] = [
    CONNECTION,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    DATE,
    ETAG,
    LAST_MODIFIED,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    VARY,
];

impl Judge<'_> {
    /// The fields of a site. They are on errors and listings as well, so none of them may say what the content is.
    pub(super) fn site_fields(&mut self, written: &Entries) -> Vec<(HeaderName, HeaderValue)> {
        if let Some(name) = written
            .0
            .iter()
            .map(|(name, _)| name)
            .find(|name| name.get_ref().eq_ignore_ascii_case(CONTENT_TYPE.as_str()))
        {
            let problem =
                Problem::new("`Content-Type` would be set on every response, errors included");
            self.wrong(name, problem.help("write [site.media_types] for file-name extensions, or set it in a [site.route.headers]"));
        }
        self.fields(written)
    }

    /// Fields of responses, in the order of the file.
    pub(super) fn fields(&mut self, written: &Entries) -> Vec<(HeaderName, HeaderValue)> {
        self.named_fields(written, Self::field_name)
    }

    /// Fields whose names `judge` reads.
    pub(super) fn named_fields(
        &mut self,
        written: &Entries,
        judge: fn(&mut Self, &Text) -> Option<HeaderName>,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let mut fields: Vec<(HeaderName, HeaderValue)> = Vec::new();
        for (name_text, value_text) in &written.0 {
            let (Some(name), Some(value)) = (judge(self, name_text), self.field_value(value_text))
            else {
                continue;
            };
            if fields.iter().any(|(other, _)| *other == name) {
                let problem = Problem::new(format!("the field `{name}` is set twice"))
                    .help("join the values with a comma, or remove one of the two");
                self.wrong(name_text, problem);
            } else {
                fields.push((name, value));
            }
        }
        fields
    }

    pub(super) fn any_field_name(&mut self, written: &Text) -> Option<HeaderName> {
        let text = written.get_ref();
        let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
            Problem::new(format!("{} is not a field name", quoted(text)))
                .help("a name is letters, digits and `-`, such as `X-Frame-Options`")
        });
        self.located(written, name)
    }

    fn field_name(&mut self, written: &Text) -> Option<HeaderName> {
        let text = written.get_ref();
        let name = self.any_field_name(written)?;
        if name == CACHE_CONTROL {
            let problem =
                Problem::new("`Cache-Control` has a key of its own, which leaves errors alone");
            self.wrong(written, problem.help("write `cache_control = \"…\"`"));
            return None;
        }
        if OWN_FIELDS.contains(&name) {
            let problem = Problem::new(format!(
                "`{text}` cannot be set: the server alone knows its value"
            ));
            self.wrong(written, problem.help("remove it"));
            return None;
        }
        Some(name)
    }

    /// A field value: RFC 9110 §5.5, without the surrounding space that the RFC does not count to it.
    pub(super) fn field_value(&mut self, written: &Text) -> Option<HeaderValue> {
        let text = written.get_ref().trim_matches([' ', '\t']);
        let value = HeaderValue::from_str(text).map_err(|_| {
            Problem::new("this cannot be sent as a field value")
                .help("a value is one line of visible characters and spaces")
        });
        self.located(written, value)
    }

    pub(super) fn cache_control(&mut self, written: Option<&Text>) -> Option<HeaderValue> {
        let value = self.field_value(written?)?;
        if value.is_empty() {
            let problem = Problem::new("`Cache-Control` cannot be empty");
            self.wrong(written?, problem.help("remove it, or write `no-cache`"));
        }
        Some(value)
    }

    pub(super) fn media_type(&mut self, written: &Text) -> Option<HeaderValue> {
        let text = written.get_ref();
        let essence = text.split(';').next().unwrap_or(text).trim_end();
        if !essence
            .split_once('/')
            .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
        {
            let problem = Problem::new(format!("{} is not a media type", quoted(text)));
            self.wrong(
                written,
                problem.help("write a type and a subtype, such as `text/html; charset=utf-8`"),
            );
            return None;
        }
        self.field_value(written)
    }

    pub(super) fn media_type_entry(
        &mut self,
        extension: &Text,
        media_type: &Text,
    ) -> Option<(String, HeaderValue)> {
        let text = extension.get_ref();
        if text.is_empty() || text.contains(['.', '/', '\\']) {
            let problem = Problem::new(format!("{} is not a file-name extension", quoted(text)));
            self.wrong(
                extension,
                problem.help("write what follows the last dot: `glb`, not `.glb`"),
            );
            return None;
        }
        Some((text.to_ascii_lowercase(), self.media_type(media_type)?))
    }

    pub(super) fn cors(&mut self, written: &[Text]) -> Option<Cors> {
        if let Some(any) = written.iter().find(|origin| origin.get_ref() == "*") {
            if written.len() > 1 {
                let problem =
                    Problem::new("`*` allows every origin: it cannot stand beside others");
                self.wrong(
                    any,
                    problem.help("write `cors = [\"*\"]`, or only the origins meant"),
                );
            }
            return Some(Cors::Any);
        }
        let origins: Vec<_> = written
            .iter()
            .filter_map(|origin| self.origin(origin))
            .collect();
        (!origins.is_empty()).then_some(Cors::Origins(origins))
    }

    /// An origin as browsers send it (RFC 6454 §6.2): compared byte by byte, it must have no path, and no port that its scheme implies.
    fn origin(&mut self, written: &Text) -> Option<HeaderValue> {
        let text = written.get_ref();
        let wrong = |why: &str| Problem::new(format!("{} is not an origin: {why}", quoted(text)));
        let judged = match text.split_once("://") {
            None => Err(wrong("the scheme is missing").help("write `https://example.com`")),
            Some((scheme, host)) => {
                let is_host = !host.is_empty()
                    && host
                        .bytes()
                        .all(|b| b.is_ascii_graphic() && !b"/?#@*\\,".contains(&b));
                let default_port = matches!(scheme, "https")
                    .then_some(":443")
                    .or(matches!(scheme, "http").then_some(":80"));
                if let Some(shorter) = default_port.and_then(|port| text.strip_suffix(port)) {
                    Err(wrong("browsers leave out the port that the scheme implies")
                        .help(format!("write `{shorter}`")))
                } else if let Some(shorter) = text
                    .strip_suffix('/')
                    .filter(|_| host.matches('/').count() == 1)
                {
                    Err(wrong("an origin has no path").help(format!("write `{shorter}`")))
                } else if !is_host || !scheme.bytes().all(is_scheme_byte) || scheme.is_empty() {
                    Err(wrong("it is a scheme, a host and perhaps a port")
                        .help("write `https://example.com`, or `*` for any origin"))
                } else if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    Err(wrong("browsers send it in lower case")
                        .help(format!("write `{}`", text.to_ascii_lowercase())))
                } else {
                    Ok(())
                }
            }
        };
        self.located(written, judged)?;
        self.field_value(written)
    }
}

/// RFC 3986 §3.1.
fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)
}

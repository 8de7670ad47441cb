//! Which methods a route answers for.

use std::fmt;

use http::Method;

/// The `methods` of a route.
///
/// Of several routes that cover a path, the first in the order of patterns that answers for the method does; so the same pattern may
/// stand twice, if its methods are not the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Methods(
    /// Empty: any.
    Box<[Method]>,
);

impl Methods {
    /// Of the text of a configuration: methods as they are sent, in upper case (RFC 9110 §9.1: their case counts). None: any method.
    /// `Err` has the one that is not a method.
    pub(crate) fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, &'t str> {
        let mut methods = Vec::new();
        for text in texts {
            let is_usual = text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'));
            match Method::from_bytes(text.as_bytes()) {
                Ok(method) if is_usual => methods.push(method),
                _ => return Err(text),
            }
        }
        methods.dedup();
        Ok(Self(methods.into()))
    }

    /// None: any.
    pub(crate) fn new(methods: Vec<Method>) -> Self {
        Self(methods.into())
    }

    /// HEAD asks for what GET would answer, so it goes where GET goes (RFC 9110 §9.3.2).
    pub(crate) fn allow(&self, method: &Method) -> bool {
        self.0.is_empty()
            || self.0.contains(method)
            || *method == Method::HEAD && self.0.contains(&Method::GET)
    }

    /// Whether there is a method that both allow: then two routes with one pattern would be in each other's way.
    pub(crate) fn overlap(&self, other: &Self) -> bool {
        self.0.is_empty()
            || other.0.is_empty()
            || self.0.iter().any(|method| other.allow(method))
            || other.0.iter().any(|method| self.allow(method))
    }

    /// Whether any method is allowed.
    pub(crate) fn are_any(&self) -> bool {
        self.0.is_empty()
    }
}

/// As `Allow` has them.
impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, method) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{method}")?;
            if *method == Method::GET && !self.0.contains(&Method::HEAD) {
                f.write_str(", HEAD")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(texts: &[&'static str]) -> Methods {
        Methods::parse(texts.iter().copied()).unwrap()
    }

    #[test]
    fn a_route_answers_for_its_methods_and_head_goes_with_get() {
        for (texts, method, expected) in [
            (&[][..], "GET", true),
            (&[], "PROPFIND", true),
            (&["GET"], "GET", true),
            (&["GET"], "HEAD", true),
            (&["HEAD"], "GET", false),
            (&["GET"], "POST", false),
            (&["GET", "POST"], "POST", true),
            (&["POST"], "HEAD", false),
            (&["PROPFIND"], "PROPFIND", true),
            // Case counts.
            (&["GET"], "get", false),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(
                methods(texts).allow(&method),
                expected,
                "{texts:?} {method}"
            );
        }
    }

    #[test]
    fn what_no_request_could_have_is_no_method() {
        for text in ["get", "Get", "", "GET POST", "GET,POST", "*", "GÉT"] {
            assert_eq!(Methods::parse(["POST", text]), Err(text));
        }
    }

    #[test]
    fn two_sets_overlap_when_one_request_would_suit_both() {
        for (a, b, expected) in [
            (&["GET"][..], &["POST"][..], false),
            (&["GET"], &["GET", "POST"], true),
            (&["GET"], &["HEAD"], true),
            (&["HEAD"], &["POST"], false),
            (&[], &["POST"], true),
            (&[], &[], true),
        ] {
            assert_eq!(methods(a).overlap(&methods(b)), expected, "{a:?} {b:?}");
            assert_eq!(methods(b).overlap(&methods(a)), expected, "{b:?} {a:?}");
        }
    }

    #[test]
    fn they_are_told_as_allow_tells_them() {
        assert_eq!(methods(&["GET", "POST"]).to_string(), "GET, HEAD, POST");
        assert_eq!(methods(&["HEAD", "GET"]).to_string(), "HEAD, GET");
        assert_eq!(methods(&[]).to_string(), "");
        assert!(methods(&[]).are_any());
    }
}

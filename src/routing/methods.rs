//! Which methods a route answers for.

use http::Method;

/// The `methods` of a route.
///
/// Of several routes that cover a path, the first in the order of patterns that answers for the method does; so the same pattern may
/// stand twice, if its methods are not the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Methods(
    /// Empty: any.
    Box<[Method]>,
);

impl Methods {
    /// None: any.
    pub(super) fn new(methods: Vec<Method>) -> Self {
        Self(methods.into())
    }

    /// HEAD asks for what GET would answer, so it goes where GET goes (RFC 9110 §9.3.2).
    pub(super) fn allow(&self, method: &Method) -> bool {
        self.0.is_empty()
            || self.0.contains(method)
            || *method == Method::HEAD && self.0.contains(&Method::GET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            // Case counts (RFC 9110 §9.1).
            (&["GET"], "get", false),
        ] {
            let parse = |text: &&str| Method::from_bytes(text.as_bytes()).unwrap();
            let methods = Methods::new(texts.iter().map(parse).collect());
            assert_eq!(
                methods.allow(&parse(&method)),
                expected,
                "{texts:?} {method}"
            );
        }
    }
}

//! What becomes of a field of a request, by its name.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Of the connection that it came by, or the codec's: never goes on.
    Hop,
    /// The proxy says it itself.
    Own,
    /// What only a trusted peer is believed.
    Hearsay,
    Cookie,
    EndToEnd,
}

/// Of a name in lower case.
pub(super) fn of(name: &str) -> Fate {
    if memchr::memchr2(b'_', b'.', name.as_bytes()).is_some() {
        return of_alias(name);
    }
    // By length first: nearly every name is done with after a few comparisons.
    match name.len() {
        2 if name == "te" => Fate::Hop,
        3 if name == "via" => Fate::Own,
        4 if name == "host" => Fate::Hop,
        5 if name == "proxy" => Fate::Hop,
        6 if name == "cookie" => Fate::Cookie,
        6 if name == "expect" => Fate::Hop,
        7 if matches!(name, "upgrade" | "trailer") => Fate::Hop,
        9 if matches!(name, "forwarded" | "x-real-ip") => Fate::Own,
        9 if name == "client-ip" => Fate::Hearsay,
        10 if matches!(name, "connection" | "keep-alive") => Fate::Hop,
        11 if name == "x-client-ip" => Fate::Hearsay,
        12 if matches!(name, "max-forwards" | "x-request-id") => Fate::Own,
        13 if name == "x-rewrite-url" => Fate::Hearsay,
        14 if matches!(name, "content-length" | "http2-settings") => Fate::Hop,
        14 if matches!(name, "x-original-url" | "x-original-uri" | "true-client-ip") => {
            Fate::Hearsay
        }
        15 if name == "x-forwarded-for" => Fate::Own,
        15 if matches!(name, "x-request-start" | "x-original-host") => Fate::Hearsay,
        16 if matches!(name, "x-forwarded-host" | "x-forwarded-port") => Fate::Own,
        // Whom it is forwarded for, in the words of this or that service.
        16 if matches!(name, "cf-connecting-ip" | "fastly-client-ip") => Fate::Hearsay,
        17 if name == "transfer-encoding" => Fate::Hop,
        17 if name == "x-forwarded-proto" => Fate::Own,
        18 if name == "x-forwarded-prefix" => Fate::Own,
        19 if name == "x-cluster-client-ip" => Fate::Hearsay,
        _ if name.starts_with("x-forwarded-") => Fate::Hearsay,
        // Proxy-Authorization, Proxy-Connection, and what else was meant for this hop.
        _ if name.starts_with("proxy-") => Fate::Hop,
        _ => Fate::EndToEnd,
    }
}

/// `X_Forwarded_For` is `X-Forwarded-For` to applications behind the names of CGI: what could be taken for a field that is not the client's
/// to send never goes on.
fn of_alias(name: &str) -> Fate {
    let meant = name.replace(['_', '.'], "-");
    match of(&meant) {
        Fate::EndToEnd | Fate::Cookie => Fate::EndToEnd,
        Fate::Hop | Fate::Own | Fate::Hearsay => Fate::Hop,
    }
}

//! Step 1: what must hold of every request, whatever it asks for.

use http::request::Parts;
use http::{Method, Version, header};
use hyper::ext::Protocol;

use crate::header::framing;
use crate::header::host::Host;
use crate::rejection::Rejection;

/// A sound request names its host, but for HTTP/1.0, where none means the default site.
///
/// An application may know methods that nothing here does: what `is_forwardable` is for it to judge.
pub(super) fn check(request: &Parts, is_forwardable: bool) -> Result<Option<Host<'_>>, Rejection> {
    match check_method(&request.method) {
        Err(Rejection::METHOD_UNKNOWN) if is_forwardable => {}
        Err(Rejection::METHOD_NOT_ALLOWED) if is_forwardable && is_tunnel(request) => {}
        checked => checked?,
    }
    check_scheme(request)?;
    check_expectation(request)?;
    host(request)
}

/// RFC 9110 §7.4: what is named by another scheme is not here.
fn check_scheme(request: &Parts) -> Result<(), Rejection> {
    match request.uri.scheme_str() {
        None | Some("http" | "https") => Ok(()),
        Some(_) => Err(Rejection::TARGET_FORM),
    }
}

/// The same for a program's own router, whose methods are its own; but nothing here could make a tunnel of HTTP/1.1 (RFC 9110 §9.3.6).
pub(crate) fn check_for_router(request: &Parts) -> Result<(), Rejection> {
    if request.method == Method::CONNECT && request.version <= Version::HTTP_11 {
        return Err(Rejection::METHOD_UNKNOWN);
    }
    check_expectation(request)?;
    host(request).map(drop)
}

/// The same for a proxy in a router of some other server, which may not have looked at all of it.
pub(crate) fn check_for_proxy(request: &Parts) -> Result<(), Rejection> {
    check_framing(request)?;
    check(request, true).map(drop)
}

fn check_expectation(request: &Parts) -> Result<(), Rejection> {
    if request.headers.contains_key(header::EXPECT)
        && !request
            .headers
            .get_all(header::EXPECT)
            .iter()
            .all(|expectation| expectation.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    {
        return Err(Rejection::EXPECTATION);
    }
    Ok(())
}

/// For a request whose head somebody else has read: hyper takes a length beside `chunked`.
pub(super) fn check_framing(request: &Parts) -> Result<(), Rejection> {
    if request.version <= Version::HTTP_11 {
        framing::request_body(&request.headers, request.version)?;
    }
    Ok(())
}

/// Whether it asks for another protocol on a stream of HTTP/2 (RFC 8441 §4).
pub(crate) fn is_tunnel(request: &Parts) -> bool {
    request.method == Method::CONNECT
        && request.version == Version::HTTP_2
        && request.extensions.get::<Protocol>().is_some()
}

/// RFC 9110 §9.1: 501 for a method that nothing here knows, 405 for one that is known and never allowed.
pub(super) fn check_method(method: &Method) -> Result<(), Rejection> {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::DELETE
        | Method::OPTIONS
        | Method::PATCH => Ok(()),
        // CONNECT would make a tunnel, TRACE would show an attacker's script the fields it may not read.
        Method::CONNECT | Method::TRACE => Err(Rejection::METHOD_NOT_ALLOWED),
        _ if method.as_str().len() > 64 => Err(Rejection::METHOD_TOO_LONG),
        _ => Err(Rejection::METHOD_UNKNOWN),
    }
}

/// RFC 9112 §3.2: exactly one Host in HTTP/1.1; RFC 9113 §8.3.1: `:authority` and Host agree.
fn host(request: &Parts) -> Result<Option<Host<'_>>, Rejection> {
    let headers = &request.headers;
    let field = headers.get(header::HOST);
    // Only when some field is repeated at all can it be this one.
    let may_repeat = headers.len() > headers.keys_len();
    if may_repeat && headers.get_all(header::HOST).iter().nth(1).is_some() {
        return Err(Rejection::HOST_REPEATED);
    }
    let field = field
        .map(|field| Host::parse(field.as_bytes()).map_err(|_| Rejection::HOST_INVALID))
        .transpose()?;
    let Some(authority) = request.uri.authority() else {
        let is_needed = request.version != Version::HTTP_10;
        return if field.is_none() && is_needed {
            Err(Rejection::HOST_MISSING)
        } else {
            Ok(field)
        };
    };
    if field.is_none() && request.version == Version::HTTP_11 {
        return Err(Rejection::HOST_MISSING);
    }
    let target = Host::parse(authority.as_str().as_bytes()).map_err(|_| Rejection::HOST_INVALID)?;
    if let Some(field) = &field
        && (field.name() != target.name() || port(field, request) != port(&target, request))
    {
        return Err(Rejection::HOST_DIFFERS);
    }
    Ok(Some(target))
}

fn port(host: &Host<'_>, request: &Parts) -> u16 {
    host.port()
        .unwrap_or(if request.uri.scheme_str() == Some("https") {
            443
        } else {
            80
        })
}

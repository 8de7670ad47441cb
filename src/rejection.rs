//! A refused request: which status, and why. Inner code sets it, one outer layer renders it, the access log tells the reason.

use http::StatusCode;

use crate::static_files::path::PathRefusal;

/// Why a request was not served as asked, found in the extensions of the response.
///
/// The reason is a short, stable word for logs and metrics; it is never sent to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    status: StatusCode,
    reason: &'static str,
}

impl Rejection {
    // The request as such.
    pub(crate) const HOST_MISSING: Self = Self::new(StatusCode::BAD_REQUEST, "host-missing");
    pub(crate) const HOST_REPEATED: Self = Self::new(StatusCode::BAD_REQUEST, "host-repeated");
    pub(crate) const HOST_INVALID: Self = Self::new(StatusCode::BAD_REQUEST, "host-invalid");
    pub(crate) const HOST_DIFFERS: Self =
        Self::new(StatusCode::BAD_REQUEST, "host-differs-from-target");
    pub(crate) const TARGET_FORM: Self = Self::new(StatusCode::BAD_REQUEST, "target-form");
    pub(crate) const FRAMING: Self = Self::new(StatusCode::BAD_REQUEST, "message-framing");
    pub(crate) const HEAD: Self = Self::new(StatusCode::BAD_REQUEST, "malformed-head");
    pub(crate) const NOT_HTTP: Self = Self::new(StatusCode::BAD_REQUEST, "not-http");
    pub(crate) const LINE_END: Self = Self::new(StatusCode::BAD_REQUEST, "bare-line-feed");
    pub(crate) const CHUNK: Self = Self::new(StatusCode::BAD_REQUEST, "malformed-chunk");
    pub(crate) const BODY_INCOMPLETE: Self = Self::new(StatusCode::BAD_REQUEST, "body-incomplete");
    pub(crate) const ODD_NAME: Self = Self::new(StatusCode::BAD_REQUEST, "odd-field-name");
    pub(crate) const TIMED_OUT: Self = Self::new(StatusCode::REQUEST_TIMEOUT, "timed-out");
    pub(crate) const BODY_TOO_LARGE: Self =
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large");
    pub(crate) const TARGET_TOO_LONG: Self = Self::new(StatusCode::URI_TOO_LONG, "target-too-long");
    pub(crate) const FIELDS_TOO_LARGE: Self = Self::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "fields-too-large",
    );
    pub(crate) const VERSION: Self =
        Self::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "version-unknown");
    pub(crate) const METHOD_TOO_LONG: Self = Self::new(StatusCode::BAD_REQUEST, "method-too-long");
    pub(crate) const METHOD_UNKNOWN: Self =
        Self::new(StatusCode::NOT_IMPLEMENTED, "method-unknown");
    pub(crate) const METHOD_NOT_ALLOWED: Self =
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed");
    pub(crate) const TRANSFER_CODING: Self =
        Self::new(StatusCode::NOT_IMPLEMENTED, "transfer-coding-unknown");
    pub(crate) const EXPECTATION: Self =
        Self::new(StatusCode::EXPECTATION_FAILED, "expectation-unknown");
    pub(crate) const HOST_UNKNOWN: Self =
        Self::new(StatusCode::MISDIRECTED_REQUEST, "host-unknown");

    // What it asked for.
    pub(crate) const NOT_FOUND: Self = Self::new(StatusCode::NOT_FOUND, "not-found");
    pub(crate) const HIDDEN: Self = Self::new(StatusCode::NOT_FOUND, "hidden");
    pub(crate) const OUTSIDE_DOCROOT: Self = Self::new(StatusCode::NOT_FOUND, "outside-docroot");
    pub(crate) const NOT_A_FILE: Self = Self::new(StatusCode::NOT_FOUND, "not-a-file");
    pub(crate) const PERMISSION_DENIED: Self =
        Self::new(StatusCode::FORBIDDEN, "permission-denied");
    pub(crate) const PRECONDITION_FAILED: Self =
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition-failed");
    pub(crate) const RANGE_NOT_SATISFIABLE: Self =
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "range-not-satisfiable");

    // What an application is to answer.
    pub(crate) const NOT_SENDABLE: Self = Self::new(StatusCode::BAD_GATEWAY, "file-not-sendable");
    pub(crate) const UPSTREAM_UNUSABLE: Self =
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "upstream-unusable");

    // The server's own trouble.
    pub(crate) const IO: Self = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "i/o-error");
    pub(crate) const ANSWER: Self =
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unsendable-answer");
    pub(crate) const REPLACED: Self = Self::new(StatusCode::SERVICE_UNAVAILABLE, "file-replaced");
    pub(crate) const EXHAUSTED: Self =
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "out-of-descriptors");

    /// What the failure to look at or open a file means for the request.
    pub(crate) fn from_io(error: &std::io::Error) -> Self {
        use rustix::io::Errno;
        match Errno::from_io_error(error) {
            Some(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::INVAL) => {
                Self::NOT_FOUND
            }
            Some(Errno::XDEV | Errno::LOOP) => Self::OUTSIDE_DOCROOT,
            Some(Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP) => Self::NOT_A_FILE,
            Some(Errno::ACCESS | Errno::PERM) => Self::PERMISSION_DENIED,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Self::EXHAUSTED,
            _ => {
                tracing::error!(%error, "a file could not be read");
                Self::IO
            }
        }
    }

    /// What a path that cannot be served means for the request.
    pub(crate) fn from_path(refusal: PathRefusal) -> Self {
        let reason = match refusal {
            PathRefusal::BadEscape => "path-bad-escape",
            PathRefusal::NotUtf8 => "path-not-utf-8",
            PathRefusal::Control => "path-control-character",
            PathRefusal::Separator => "path-escaped-separator",
            PathRefusal::DotSegment => "path-dot-segment",
            PathRefusal::EmptySegment => "path-empty-segment",
            PathRefusal::TooLong => "path-too-long",
            PathRefusal::NonAscii => "path-raw-non-ascii",
        };
        Self::new(refusal.status(), reason)
    }

    pub(crate) const fn new(status: StatusCode, reason: &'static str) -> Self {
        Self { status, reason }
    }

    /// The status that the client was answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The reason in one short, stable word, such as `host-missing` or `outside-docroot`.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

//! From a request to what answers it: host → site → route → handler.
//!
//! 1. The request itself must be sound: one host, a known method, a target that names a path.
//! 2. Its host picks the site.
//! 3. Its path, decoded once, picks the route; the same decoded path is what the handler gets.
//! 4. A refusal is rendered as the site's error page, and the site's and route's fields are set.

mod cors;
mod encryption;
mod fixed;
mod forward;
mod gate;
mod health;
pub(crate) mod host;
mod methods;
pub(crate) mod path;
mod redirect;
mod rehearsal;
mod request;
mod requirements;
mod route;
mod site;
mod upstreams;

pub(crate) use gate::{Gate, GateService, Via, caller};
pub(crate) use health::told as readiness_text;
pub(crate) use host::HostPattern;
pub(crate) use path::PathPattern;
pub use rehearsal::rehearse;
pub(crate) use request::{check_for_proxy, check_for_router, is_tunnel};
pub(crate) use route::RouteLabel;

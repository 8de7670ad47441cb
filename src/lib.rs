//! Daemun: the front of a production site.

mod server;
mod routing;
mod static_files;
mod transform;
mod observe;
mod header;
mod config;
mod rejection;

pub use config::{AccessLog, Config, ConfigBuilder, ConfigError, ListenAddress};
pub use observe::{AccessLogLayer, AccessLogService, AccessRecorder, LoggedBody, LogFormat};
pub use rejection::Rejection;
pub use server::{Listener, ServeError, Server, router};
pub use static_files::body::Body;
pub use static_files::service::StaticFiles;
pub use static_files::settings::SymlinkPolicy;

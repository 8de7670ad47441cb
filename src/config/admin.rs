//! What a server tells about itself, and to whom.

use std::sync::Arc;

use super::ListenAddress;

/// The admin listener, and what is remembered for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AdminConfig {
    /// Whether requests are counted, and their stories kept. Default: yes.
    pub(crate) observes: bool,
    /// How many requests are remembered, over all workers. Default: 1,000.
    pub(crate) requests: usize,
    /// Where else than at the socket of the program it is told.
    pub(crate) listen: Vec<ListenAddress>,
    /// What whoever asks by TCP must know; none: everybody on this machine may ask.
    pub(crate) token: Option<Arc<str>>,
    /// Names, beside addresses and `localhost`, by which it may be asked for: others may be a page's that had its name lead here.
    pub(crate) hosts: Vec<String>,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            observes: true,
            requests: 1_000,
            listen: Vec::new(),
            token: None,
            hosts: Vec::new(),
        }
    }
}

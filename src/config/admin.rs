//! What a server tells about itself, and to whom.

use std::{fmt, path::PathBuf, sync::Arc};

use super::ListenAddress;
use super::error::Problem;

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
    pub(crate) token: Option<Token>,
    /// Where that is.
    pub(crate) token_file: Option<PathBuf>,
    /// Names, beside addresses and `localhost`, by which it may be asked for: others may be a page's that had its name lead here.
    pub(crate) hosts: Vec<String>,
}

/// A secret: it shows itself nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(Arc<str>);

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            observes: true,
            requests: 1_000,
            listen: Vec::new(),
            token: None,
            token_file: None,
            hosts: Vec::new(),
        }
    }
}

impl AdminConfig {
    /// These addresses in place of those of the file, if there are any.
    pub(super) fn listen_instead(&mut self, addresses: Vec<ListenAddress>) -> Result<(), Problem> {
        for address in &addresses {
            self.judge(address)?;
        }
        if !addresses.is_empty() {
            self.listen = addresses;
        }
        Ok(())
    }

    /// Whether an address may be listened on: whoever reaches it from another machine must know something.
    pub(super) fn judge(&self, address: &ListenAddress) -> Result<(), Problem> {
        match address {
            ListenAddress::Tcp(tcp) if !tcp.ip().is_loopback() && self.token.is_none() => {
                let problem = Problem::new(format!(
                    "other machines can ask at {address}, and would be told everything"
                ));
                Err(problem.help("listen on this machine only (`\"127.0.0.1:9180\"`), or have them know a secret: `token_file` in [admin]"))
            }
            ListenAddress::Systemd(_) => Err(Problem::new(
                "the admin listener takes no sockets from systemd",
            )
            .help("write an address: `\"127.0.0.1:9180\"` or `\"unix:/run/daemun/admin.sock\"`")),
            ListenAddress::Tcp(_) | ListenAddress::Unix(_) => Ok(()),
        }
    }
}

impl Token {
    /// Fewer characters could be guessed.
    const SHORTEST: usize = 16;
    /// More do not fit into a field beside others.
    const LONGEST: usize = 1024;

    /// The text of a token's file; what is wrong with it is told in words that go after "the token".
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        match text.len() {
            ..Self::SHORTEST => Err("has fewer than 16 characters"),
            Self::SHORTEST..=Self::LONGEST if text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Self(text.into()))
            }
            Self::SHORTEST..=Self::LONGEST => {
                Err("has characters other than visible ones of ASCII")
            }
            _ => Err("has more than 1024 characters"),
        }
    }

    #[cfg(test)]
    pub(crate) fn for_test(text: &str) -> Self {
        Self(text.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_enough_to_be_one_and_never_shown() {
        let token = Token::parse(" 0123456789abcdef\n").expect("a token");
        assert_eq!(token.as_bytes(), b"0123456789abcdef");
        assert_eq!(format!("{token:?}"), "Token");
        for (text, why) in [
            ("0123456789abcde", "fewer"),
            ("", "fewer"),
            ("0123456789 abcdef", "visible"),
            ("0123456789\nabcdef", "visible"),
            ("0123456789abcdefü", "visible"),
            (&*"x".repeat(1025), "more"),
        ] {
            let error = Token::parse(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}

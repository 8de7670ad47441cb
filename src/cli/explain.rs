//! `daemun explain`: why a request went as it did.

use std::{fmt::Write as _, process::ExitCode};

use clap::Args;

use super::{admin_client::AdminClient, ask::finish, control::TargetArgs};

pub(crate) const HELP: &str = "\
The id is in the answer's `X-Request-Id`, on the status page, and in what `daemun status` and
`daemun top` show. Only the last requests are remembered: see `requests` in [admin].

Without -c and --pid it is the server of `daemun.toml` in this folder, or else the only one that this user runs.";

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The request's id
    #[arg(value_name = "ID", required = true, num_args = 1)]
    words: Vec<String>,

    #[command(flatten)]
    target: TargetArgs,
}

pub(crate) fn run(args: &ExplainArgs) -> ExitCode {
    finish(told(args))
}

fn told(args: &ExplainArgs) -> Result<String, String> {
    let id = args.words.concat();
    let path = format!("/explain/{}", escaped(&id));
    let (code, body) = AdminClient::connect(&args.target)?.get(&path)?;
    match code {
        200 => Ok(body),
        _ => Err(body.trim_end().to_owned()),
    }
}

/// As a segment of a path (RFC 3986 §2.1): ids of clients may hold anything.
fn escaped(id: &str) -> String {
    let mut path = String::new();
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment() {
        for (id, path) in [
            ("0a1B-_~", "0a1B-_~"),
            ("../status", "%2E%2E%2Fstatus"),
            ("a b\r\n?#%", "a%20b%0D%0A%3F%23%25"),
            ("é", "%C3%A9"),
        ] {
            assert_eq!(escaped(id), path);
        }
    }
}

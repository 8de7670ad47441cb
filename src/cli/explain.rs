//! `daemun explain`: why a request went as it did, or how one would go.

use std::{fmt::Write as _, net::IpAddr, path::Path, process::ExitCode};

use clap::Args;
use daemun::Config;
use http::{HeaderName, HeaderValue, Method, Request, Uri};

use super::{CONFIG_FILE, admin_client::AdminClient, ask::finish, control::TargetArgs};

pub(crate) const HELP: &str = "\
Examples:
  daemun explain 5c0b8a1e6f2d4c7f9e3a1b2c3d4e5f60
                        the story of a request that the running server has answered
  daemun explain -c site.toml GET https://example.com/app.js -H 'Accept-Encoding: br'
                        what would be done with this one; nothing is sent

The id is in the `X-Request-Id` of errors, in the access log in JSON, on the status page, and in
what `daemun status` and `daemun top` show. Only the last requests are remembered: see `requests`
in [admin].

Without -c and --pid it is the server of `daemun.toml` in this folder, or else the only one that this user runs.";

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The id of a request that was answered; or the method and the URL of one that was not sent
    #[arg(value_names = ["ID | METHOD", "URL"], required = true, num_args = 1..=2)]
    words: Vec<String>,

    /// A field of the request that was not sent: "Name: value"
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    fields: Vec<String>,

    /// The address of the client that did not send it [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    client: Option<IpAddr>,

    #[command(flatten)]
    target: TargetArgs,
}

pub(crate) fn run(args: &ExplainArgs) -> ExitCode {
    finish(told(args))
}

fn told(args: &ExplainArgs) -> Result<String, String> {
    match &args.words[..] {
        [method, url] => return rehearsed(args, method, url),
        [url] if url.contains("://") => return rehearsed(args, "GET", url),
        _ if args.fields.is_empty() && args.client.is_none() => {}
        _ => {
            return Err(
                "a request that was answered has its fields\n  help: leave -H and --client out, or name a method and a URL".to_owned(),
            );
        }
    }
    let id = args.words.concat();
    let path = format!("/explain/{}", escaped(&id));
    let (code, body) = AdminClient::connect(&args.target)?.get(&path)?;
    match code {
        200 => Ok(body),
        _ => Err(body.trim_end().to_owned()),
    }
}

/// What would be done with a request that was not sent.
fn rehearsed(args: &ExplainArgs, method: &str, url: &str) -> Result<String, String> {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes())
        .map_err(|_| format!("`{method}` is no method\n  help: write it as GET"))?;
    *request.uri_mut() = absolute(url)?;
    for field in &args.fields {
        let (name, value) = field_line(field)?;
        request.headers_mut().append(name, value);
    }
    let file = args.target.config().unwrap_or(Path::new(CONFIG_FILE));
    let config = Config::load(file).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the system has no runtime to give: {error}"))?;
    Ok(runtime.block_on(daemun::rehearse(&config, request, args.client)))
}

fn absolute(url: &str) -> Result<Uri, String> {
    let wrong = || {
        format!("`{url}` is not the URL of a site\n  help: write it as https://example.com/path")
    };
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_named = uri.host().is_some_and(|host| !host.is_empty());
    (is_web && is_named).then_some(uri).ok_or_else(wrong)
}

fn field_line(field: &str) -> Result<(HeaderName, HeaderValue), String> {
    let parsed = field.split_once(':').and_then(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value.trim()).ok()?))
    });
    parsed
        .ok_or_else(|| format!("`{field}` is no field\n  help: write it as 'Accept-Encoding: br'"))
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
    fn urls_are_absolute_and_fields_have_names() {
        for url in ["http://a/", "https://a.example/b?c", "http://[::1]:8080/x"] {
            assert!(absolute(url).is_ok(), "{url}");
        }
        for url in ["/b", "a.example", "ftp://a/", "http://", "http:///x", "a b"] {
            assert!(absolute(url).unwrap_err().contains("help: "), "{url}");
        }
        let (name, value) = field_line("Accept-Encoding:  br, gzip ").unwrap();
        assert_eq!(
            (name.as_str(), value.as_bytes()),
            ("accept-encoding", &b"br, gzip"[..])
        );
        for field in ["br", ": x", "a b: c", "x: a\nb"] {
            assert!(field_line(field).is_err(), "{field}");
        }
    }

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

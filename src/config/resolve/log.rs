//! The access log and traces.

use std::net::{IpAddr, SocketAddr};

use http::Uri;

use super::Judge;
use crate::config::error::{Problem, quoted};
use crate::config::file::{self, Number, Text};
use crate::config::{AccessLog, LogConfig, Share, SyslogTarget, TracesConfig};
use crate::observe::traces;

/// The port of syslog over UDP (RFC 5426 §3.3).
const SYSLOG: u16 = 514;

/// Where collectors take traces, beneath their address (OTLP/HTTP).
const TRACES: &str = "/v1/traces";

/// Nobody needs to see fewer than one of so many.
const MOST_SHARING_A_RECORD: i64 = 1_000_000_000;

impl Judge<'_> {
    pub(super) fn log(&mut self, written: &file::Log, unset: AccessLog) -> LogConfig {
        let access = written.access.as_ref().and_then(|text| {
            let parsed = text.get_ref().parse().map_err(|_| {
                Problem::unknown_word("access log format", text.get_ref(), &AccessLog::NAMES)
            });
            self.located(text, parsed)
        });
        if let (Some(_), Some(syslog)) = (&written.file, &written.syslog) {
            let problem = Problem::new("records go to one place: there is a `file` already");
            self.wrong(syslog, problem.help("remove one of the two"));
        }
        LogConfig {
            access: access.unwrap_or(unset),
            file: written
                .file
                .as_ref()
                .map(|path| self.absolute(path.get_ref())),
            syslog: written.syslog.as_ref().and_then(|text| self.syslog(text)),
        }
    }

    fn syslog(&mut self, written: &Text) -> Option<SyslogTarget> {
        match self.located(written, syslog(written.get_ref()))? {
            SyslogTarget::Unix(path) => Some(SyslogTarget::Unix(self.base.join(path))),
            udp @ SyslogTarget::Udp(_) => Some(udp),
        }
    }

    pub(super) fn traces(&mut self, written: &file::Log) -> Option<TracesConfig> {
        let sample = written.trace_sample.as_ref();
        if let Some(share) = sample
            && !(0.0..=1.0).contains(share.get_ref())
        {
            let problem = Problem::new(format!("`trace_sample` cannot be {}", share.get_ref()));
            self.wrong(
                share,
                problem.help("write a number from `0.0`, none, to `1.0`, all"),
            );
        }
        let Some(text) = &written.traces else {
            let orphan = sample.map(|share| ("trace_sample", share));
            if let Some((key, share)) = orphan {
                let problem = Problem::new(format!("`{key}` means nothing without `traces`"));
                self.wrong(share, problem.help("add `traces`, or remove it"));
            }
            return None;
        };
        let endpoint = self.located(text, endpoint(text.get_ref()))?;
        if !traces::IS_AVAILABLE {
            let problem = Problem::new("this program was built without OpenTelemetry");
            self.wrong(
                text,
                problem.help("build it with the feature `opentelemetry`, or remove `traces`"),
            );
            return None;
        }
        Some(TracesConfig {
            endpoint,
            sample: Share::new(sample.map_or(1.0, |share| *share.get_ref())),
        })
    }

    pub(super) fn log_sample(&mut self, written: Option<&Number>) -> u32 {
        written
            .and_then(|written| self.count(written, "log_sample", 0..=MOST_SHARING_A_RECORD))
            .unwrap_or(1)
    }
}

fn syslog(text: &str) -> Result<SyslogTarget, Problem> {
    let refusal = |why: &str| {
        Problem::new(format!("{} is not a system's log: {why}", quoted(text)))
            .help("write `unix:/dev/log`, or `udp:192.0.2.1:514`")
    };
    if let Some(path) = text.strip_prefix("unix:") {
        return match path {
            "" => Err(refusal("a path must follow `unix:`")),
            _ if path.starts_with('@') => Err(refusal("an abstract socket has no path")),
            _ => Ok(SyslogTarget::Unix(path.into())),
        };
    }
    let Some(address) = text.strip_prefix("udp:") else {
        return Err(refusal("it begins with `unix:` or `udp:`"));
    };
    if let Ok(address) = address.parse::<SocketAddr>() {
        return match address.port() {
            0 => Err(refusal("a port is at least 1")),
            _ => Ok(SyslogTarget::Udp(address)),
        };
    }
    let bare = address
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'));
    match bare.unwrap_or(address).parse::<IpAddr>() {
        Ok(address) => Ok(SyslogTarget::Udp((address, SYSLOG).into())),
        Err(_) => Err(refusal("an IP address follows `udp:`")),
    }
}

fn endpoint(text: &str) -> Result<Uri, Problem> {
    let refusal = |why: &str| {
        Problem::new(format!(
            "{} is not the URL of a collector: {why}",
            quoted(text)
        ))
        .help("write `http://127.0.0.1:4318`; `/v1/traces` is put behind it")
    };
    let url = text
        .parse::<Uri>()
        .map_err(|error| refusal(&error.to_string()))?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (url.scheme_str(), url.authority())
    else {
        return Err(refusal("it begins with `http://` or `https://`"));
    };
    if authority.as_str().contains('@') {
        return Err(refusal("a name and a password do not belong in it"));
    }
    if url.query().is_some() {
        return Err(refusal("it has a query"));
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix(TRACES).unwrap_or(path);
    format!("{scheme}://{authority}{path}{TRACES}")
        .parse()
        .map_err(|_| refusal("it is malformed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_systems_log_is_a_socket_or_an_address() {
        let udp = |address: &str| SyslogTarget::Udp(address.parse().unwrap());
        for (text, expected) in [
            ("unix:/dev/log", SyslogTarget::Unix("/dev/log".into())),
            ("unix:log", SyslogTarget::Unix("log".into())),
            ("udp:192.0.2.1:515", udp("192.0.2.1:515")),
            ("udp:192.0.2.1", udp("192.0.2.1:514")),
            ("udp:[2001:db8::1]:1", udp("[2001:db8::1]:1")),
            ("udp:[2001:db8::1]", udp("[2001:db8::1]:514")),
            ("udp:2001:db8::1", udp("[2001:db8::1]:514")),
        ] {
            assert_eq!(syslog(text), Ok(expected), "{text}");
        }
        for (text, why) in [
            ("", "begins with"),
            ("/dev/log", "begins with"),
            ("tcp:192.0.2.1:514", "begins with"),
            ("unix:", "must follow"),
            ("unix:@log", "abstract"),
            ("udp:", "IP address"),
            ("udp:logs.example.com:514", "IP address"),
            ("udp:192.0.2.1:0", "at least 1"),
            ("udp:192.0.2.1:99999", "IP address"),
        ] {
            let problem = syslog(text).expect_err(text);
            assert!(format!("{problem:?}").contains(why), "{text}: {problem:?}");
        }
    }

    #[test]
    fn a_program_without_opentelemetry_says_so() {
        let text = "[[site]]\nhosts = ['a.test']\n[[site.route]]\npath = '/'\nrespond = ''\n\
                    [log]\ntraces = 'http://127.0.0.1:4318'\n";
        let read = crate::Config::parse(text, std::path::Path::new("test.toml"));
        let is_taken = read.as_ref().is_ok_and(|config| config.traces.is_some());
        assert_eq!(is_taken, traces::IS_AVAILABLE);
        if let Err(error) = read {
            let told = error.to_string();
            let says_why = told.contains("was built without OpenTelemetry");
            assert!(says_why && told.contains("feature"), "{told}");
        }
    }

    #[test]
    fn traces_go_where_collectors_take_them() {
        for (text, expected) in [
            (
                "http://127.0.0.1:4318",
                Ok("http://127.0.0.1:4318/v1/traces"),
            ),
            ("http://a/", Ok("http://a/v1/traces")),
            ("https://a/otlp", Ok("https://a/otlp/v1/traces")),
            ("https://a/otlp/v1/traces/", Ok("https://a/otlp/v1/traces")),
            ("127.0.0.1:4318", Err("begins with")),
            ("grpc://a:4317", Err("begins with")),
            ("http://", Err("is not the URL")),
            ("http://u:p@a", Err("password")),
            ("http://a?x", Err("query")),
            ("", Err("is not the URL")),
        ] {
            match (endpoint(text), expected) {
                (Ok(url), Ok(expected)) => assert_eq!(url, expected, "{text}"),
                (Err(problem), Err(why)) => {
                    assert!(format!("{problem:?}").contains(why), "{text}: {problem:?}");
                }
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}

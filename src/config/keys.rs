//! Which keys each table knows, and a look over a parsed file for others: all of them at once, each with the key that was likely meant.
//!
//! serde would stop at the first, and cannot know that a key belongs in another table.

use serde::{
    Deserialize, Deserializer,
    de::{self, IntoDeserializer, Visitor},
};
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{
    error::{Problem, nearest},
    file,
};

/// A table of the file: its path, how it is written, its keys.
struct Table {
    path: &'static str,
    kind: Kind,
    keys: fn() -> &'static [&'static str],
}

/// How often a table may be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Once,
    /// In two brackets.
    Repeated,
    /// Once for each name; the name is the last part of its path.
    Named,
}

/// In the order in which a misplaced key's home is looked for.
const TABLES: [Table; 13] = [
    Table {
        path: "site",
        kind: Kind::Repeated,
        keys: keys_of::<file::Site>,
    },
    Table {
        path: "site.route",
        kind: Kind::Repeated,
        keys: keys_of::<file::Route>,
    },
    Table {
        path: "upstream.NAME",
        kind: Kind::Named,
        keys: keys_of::<file::Upstream>,
    },
    Table {
        path: "upstream.NAME.server",
        kind: Kind::Repeated,
        keys: keys_of::<file::Server>,
    },
    Table {
        path: "listen",
        kind: Kind::Repeated,
        keys: keys_of::<file::Listen>,
    },
    Table {
        path: "certificate",
        kind: Kind::Repeated,
        keys: keys_of::<file::Certificate>,
    },
    Table {
        path: "tls",
        kind: Kind::Once,
        keys: keys_of::<file::Tls>,
    },
    Table {
        path: "cache",
        kind: Kind::Once,
        keys: keys_of::<file::Cache>,
    },
    Table {
        path: "compression",
        kind: Kind::Once,
        keys: keys_of::<file::Compression>,
    },
    Table {
        path: "limits",
        kind: Kind::Once,
        keys: keys_of::<file::Limits>,
    },
    Table {
        path: "log",
        kind: Kind::Once,
        keys: keys_of::<file::Log>,
    },
    Table {
        path: "admin",
        kind: Kind::Once,
        keys: keys_of::<file::Admin>,
    },
    Table {
        path: "",
        kind: Kind::Once,
        keys: keys_of::<file::File>,
    },
];

/// What people who know other servers write, and the key it is called here.
const OTHER_NAMES: [(&str, &str); 53] = [
    ("root", "docroot"),
    ("dir", "docroot"),
    ("directory", "docroot"),
    ("folder", "docroot"),
    ("server_name", "hosts"),
    ("domain", "hosts"),
    ("domains", "hosts"),
    ("fallback", "spa"),
    ("autoindex", "listing"),
    ("dotfiles", "hidden"),
    ("mime_types", "media_types"),
    ("threads", "workers"),
    ("location", "route"),
    ("bind", "address"),
    ("set_real_ip_from", "trusted_proxies"),
    ("real_ip_header", "client_address_from"),
    ("proxy_proto", "proxy_protocol"),
    ("ssl_certificate", "cert"),
    ("ssl_certificate_key", "key"),
    ("ssl_protocols", "min_version"),
    ("ssl_verify_client", "client_auth"),
    ("ssl_client_certificate", "client_ca"),
    ("certificates", "certificate"),
    ("ssl", "tls"),
    ("strict_transport_security", "hsts"),
    ("force_https", "https_redirect"),
    ("limit_except", "methods"),
    ("proxy_pass", "upstream"),
    ("reverse_proxy", "upstream"),
    ("proxy", "upstream"),
    ("backend", "upstream"),
    ("proxy_set_header", "request_headers"),
    ("proxy_hide_header", "hide_headers"),
    ("proxy_intercept_errors", "intercept_errors"),
    ("preserve_host", "host"),
    ("lb_policy", "balance"),
    ("keepalive", "pool_size"),
    ("proxy_connect_timeout", "connect_timeout"),
    ("proxy_read_timeout", "first_byte_timeout"),
    ("max_fails", "max_failures"),
    ("fail_timeout", "ejection_time"),
    ("max_conns", "max_connections"),
    ("health_uri", "health_path"),
    ("route_id", "id"),
    ("resolver", "resolvers"),
    ("gzip", "compress"),
    ("encode", "compress"),
    ("gzip_static", "sidecars"),
    ("precompressed", "sidecars"),
    ("gzip_min_length", "smallest"),
    ("minimum_length", "smallest"),
    ("healthcheck", "health"),
    ("stub_status", "admin"),
];

/// Every key of `root` that its table does not know, and every table written in the wrong brackets.
pub(super) fn unknown(root: &DeTable<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    look(root, &TABLES[TABLES.len() - 1], &mut problems);
    problems
}

fn look(written: &DeTable<'_>, table: &Table, problems: &mut Vec<Problem>) {
    for (key, value) in written {
        if !(table.keys)().contains(&key.get_ref().as_ref()) {
            problems.push(unknown_key(key, table));
            continue;
        }
        let path = if table.path.is_empty() {
            key.get_ref().to_string()
        } else {
            format!("{}.{}", table.path, key.get_ref())
        };
        if let Some(child) = TABLES.iter().find(|child| child.path == path) {
            look_within(key, value, child, problems);
        } else if let Some(child) = TABLES.iter().find(|child| child.is_named_of(&path)) {
            look_at_names(key, value, child, problems);
        }
    }
}

/// `value` is what stands for the table `child`.
fn look_within(
    key: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
    child: &Table,
    problems: &mut Vec<Problem>,
) {
    let path = child.path;
    match (value.get_ref(), child.kind) {
        (DeValue::Table(inner), Kind::Once | Kind::Named) => look(inner, child, problems),
        (DeValue::Array(items), Kind::Repeated) => {
            for item in items {
                if let DeValue::Table(inner) = item.get_ref() {
                    look(inner, child, problems);
                }
            }
        }
        (DeValue::Table(_), Kind::Repeated) => problems.push(
            Problem::new(format!(
                "there may be several of `{path}`, so it takes two brackets"
            ))
            .help(format!("write `[[{path}]]`"))
            .at(key.span()),
        ),
        (DeValue::Array(_), Kind::Once) => problems.push(
            Problem::new(format!(
                "there is one `{path}` at most, so it takes one bracket"
            ))
            .help(format!("write `[{path}]`"))
            .at(key.span()),
        ),
        // A value where a table is wanted: the reading of the values says so.
        _ => {}
    }
}

/// `value` is what stands for the names that the tables `child` have.
fn look_at_names(
    key: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
    child: &Table,
    problems: &mut Vec<Problem>,
) {
    let word = key.get_ref();
    let nameless = |at: &Spanned<DeString<'_>>, name: &str| {
        Problem::new(format!("each `{word}` has a name, once, in one bracket"))
            .help(format!("write `[{word}.{name}]`"))
            .at(at.span())
    };
    let DeValue::Table(names) = value.get_ref() else {
        if matches!(value.get_ref(), DeValue::Array(_)) {
            problems.push(nameless(key, "NAME"));
        }
        return;
    };
    for (name, value) in names {
        match value.get_ref() {
            DeValue::Table(_) => look_within(name, value, child, problems),
            // A key of the table that should have had a name.
            _ if (child.keys)().contains(&name.get_ref().as_ref()) => {
                problems.push(nameless(name, "NAME"));
            }
            DeValue::Array(_) => problems.push(nameless(name, name.get_ref())),
            _ => problems.push(unknown_key(name, child)),
        }
    }
}

impl Table {
    /// Whether these are tables with names beneath `path`.
    fn is_named_of(&self, path: &str) -> bool {
        self.kind == Kind::Named
            && (self.path.rsplit_once('.')).is_some_and(|(above, _)| above == path)
    }
}

fn unknown_key(key: &Spanned<DeString<'_>>, table: &Table) -> Problem {
    let word = key.get_ref().as_ref();
    let problem = Problem::new(format!("unknown key `{word}` {}", place(table))).at(key.span());
    match meant(word, table) {
        Some(help) => problem.help(help),
        None => problem.help(format!("known are {}", listed((table.keys)()))),
    }
}

/// What to do about the unknown key `word`: an exact match elsewhere before a likeness here, a likeness here before one elsewhere.
fn meant(word: &str, table: &Table) -> Option<String> {
    let elsewhere = |word: &str| {
        let home = TABLES.iter().find(|other| (other.keys)().contains(&word))?;
        let above = home.path == "site" && table.path == "site.route";
        let place = place(home);
        Some(if above {
            format!("`{word}` belongs {place}: move it above the first [[site.route]]")
        } else if home.path.is_empty() {
            format!("`{word}` belongs {place}: move it above the first table")
        } else {
            format!("`{word}` belongs {place}")
        })
    };
    let other_name = OTHER_NAMES
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, key)| *key);
    // The key of another table may be the other name of one that belongs here.
    if let Some(key) = other_name.filter(|key| (table.keys)().contains(key)) {
        return Some(format!("it is called `{key}` here"));
    }
    if let Some(help) = elsewhere(word) {
        return Some(help);
    }
    if let Some(key) = other_name {
        let place = place(home_of(key)?);
        return Some(format!("it is called `{key}` here, and belongs {place}"));
    }
    if let Some(key) = nearest(word, (table.keys)().iter().copied()) {
        return Some(format!("did you mean `{key}`?"));
    }
    let key = nearest(
        word,
        TABLES
            .iter()
            .flat_map(|other| (other.keys)().iter().copied()),
    )?;
    Some(format!(
        "did you mean `{key}`? it belongs {}",
        place(home_of(key)?)
    ))
}

fn home_of(key: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| (table.keys)().contains(&key))
}

fn place(table: &Table) -> String {
    match (table.path, table.kind) {
        ("", _) => "at the top level".to_owned(),
        (path, Kind::Repeated) => format!("in [[{path}]]"),
        (path, Kind::Once | Kind::Named) => format!("in [{path}]"),
    }
}

fn listed(keys: &[&str]) -> String {
    keys.iter()
        .map(|key| format!("`{key}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The field names that `T` derives: asked of serde, so that they are written once.
fn keys_of<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    // Fails on purpose once it knows the names.
    let _ = T::deserialize(KeysOf(&mut keys));
    keys
}

struct KeysOf<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for KeysOf<'_> {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        ().into_deserializer().deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serde_knows_the_keys() {
        assert_eq!(
            keys_of::<file::Log>(),
            ["access", "file", "syslog", "traces", "trace_sample"]
        );
        for table in &TABLES {
            assert!(!(table.keys)().is_empty(), "{}", table.path);
        }
    }

    #[test]
    fn every_other_name_leads_to_a_key() {
        for (name, key) in OTHER_NAMES {
            assert!(home_of(key).is_some(), "{name} → {key}");
        }
    }
}

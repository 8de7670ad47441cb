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

/// A table of the file: its path, whether it may be written more than once, its keys.
struct Table {
    path: &'static str,
    repeated: bool,
    keys: fn() -> &'static [&'static str],
}

/// In the order in which a misplaced key's home is looked for.
const TABLES: [Table; 9] = [
    Table {
        path: "site",
        repeated: true,
        keys: keys_of::<file::Site>,
    },
    Table {
        path: "site.route",
        repeated: true,
        keys: keys_of::<file::Route>,
    },
    Table {
        path: "listen",
        repeated: true,
        keys: keys_of::<file::Listen>,
    },
    Table {
        path: "certificate",
        repeated: true,
        keys: keys_of::<file::Certificate>,
    },
    Table {
        path: "tls",
        repeated: false,
        keys: keys_of::<file::Tls>,
    },
    Table {
        path: "cache",
        repeated: false,
        keys: keys_of::<file::Cache>,
    },
    Table {
        path: "limits",
        repeated: false,
        keys: keys_of::<file::Limits>,
    },
    Table {
        path: "log",
        repeated: false,
        keys: keys_of::<file::Log>,
    },
    Table {
        path: "",
        repeated: false,
        keys: keys_of::<file::File>,
    },
];

/// What people who know other servers write, and the key it is called here.
const OTHER_NAMES: [(&str, &str); 26] = [
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
        let Some(child) = TABLES.iter().find(|child| child.path == path) else {
            continue;
        };
        match (value.get_ref(), child.repeated) {
            (DeValue::Table(inner), false) => look(inner, child, problems),
            (DeValue::Array(items), true) => {
                for item in items {
                    if let DeValue::Table(inner) = item.get_ref() {
                        look(inner, child, problems);
                    }
                }
            }
            (DeValue::Table(_), true) => problems.push(
                Problem::new(format!(
                    "there may be several of `{path}`, so it takes two brackets"
                ))
                .help(format!("write `[[{path}]]`"))
                .at(key.span()),
            ),
            (DeValue::Array(_), false) => problems.push(
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
    if let Some(help) = elsewhere(word) {
        return Some(help);
    }
    let other_name = OTHER_NAMES
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, key)| *key);
    if let Some(key) = other_name {
        let here = (table.keys)().contains(&key);
        let place = place(home_of(key)?);
        return Some(if here {
            format!("it is called `{key}` here")
        } else {
            format!("it is called `{key}` here, and belongs {place}")
        });
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
    match (table.path, table.repeated) {
        ("", _) => "at the top level".to_owned(),
        (path, true) => format!("in [[{path}]]"),
        (path, false) => format!("in [{path}]"),
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
        assert_eq!(keys_of::<file::Log>(), ["access", "file"]);
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

//! Values that TOML has no type for.

use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

/// A string.
pub(crate) type Text = Spanned<String>;
/// A whole number.
pub(crate) type Number = Spanned<i64>;
/// A number that need not be whole.
pub(crate) type Fraction = Spanned<f64>;
/// A number of bytes.
pub(crate) type Size = Spanned<Quantity>;
/// A length of time.
pub(crate) type Time = Spanned<Quantity>;
/// `true` or `false`.
pub(crate) type Switch = Spanned<bool>;
/// Strings, also none at all.
pub(crate) type Texts = Spanned<Vec<Text>>;
/// `true`, or statuses.
pub(crate) type Statuses = Spanned<StatusList>;

/// A size or a time as written: a bare number, or a number with its unit.
#[derive(Clone, Debug)]
pub(crate) enum Quantity {
    Number(i64),
    Text(String),
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Quantity;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number with its unit in quotes, such as \"64KiB\" or \"10s\"")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Quantity, E> {
                Ok(Quantity::Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
                Ok(Quantity::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A table whose keys are free, such as field names; in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries(pub(crate) Vec<(Text, Text)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Entries;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries: Vec<(Text, Text)> = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                entries.sort_by_key(|(key, _)| key.span().start);
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// All statuses, or some.
#[derive(Clone, Debug)]
pub(crate) enum StatusList {
    All(bool),
    These(Vec<Number>),
}

impl<'de> Deserialize<'de> for StatusList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = StatusList;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`true`, or an array of statuses such as [404, 502]")
            }

            fn visit_bool<E: de::Error>(self, all: bool) -> Result<StatusList, E> {
                Ok(StatusList::All(all))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<StatusList, A::Error> {
                let mut statuses = Vec::new();
                while let Some(status) = seq.next_element()? {
                    statuses.push(status);
                }
                Ok(StatusList::These(statuses))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

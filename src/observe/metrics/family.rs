//! A family of samples in the text format: `HELP`, `TYPE`, and a line for each set of labels.
//!
//! Prometheus refuses what stands there twice. Two of our things may have the same labels, such as routes of one path for different
//! methods, or one address that two names lead to: they are told as one.

use std::collections::HashMap;
use std::fmt::Write as _;

/// All families, in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Text(String);

/// What a family counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One family that is being written.
#[derive(Debug)]
pub(super) struct Family<'t> {
    text: &'t mut Text,
    name: &'static str,
    join: fn(Value, Value) -> Value,
    samples: Vec<(String, Value)>,
    known: HashMap<String, usize>,
}

/// Whole numbers stay exact beyond 2^53.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
}

/// A name and a value; the name is ours, the value may be anything.
pub(super) type Label<'a> = (&'static str, &'a str);

impl Text {
    /// Samples with the same labels are added up.
    pub(super) fn family(&mut self, kind: Kind, name: &'static str, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Ours never hold a backslash or the end of a line, which would have to be escaped.
        debug_assert!(!help.contains(['\\', '\n']), "{help}");
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family {
            text: self,
            name,
            join: Value::plus,
            samples: Vec::new(),
            known: HashMap::new(),
        }
    }

    pub(super) fn counter(&mut self, name: &'static str, help: &str, value: impl Into<Value>) {
        self.family(Kind::Counter, name, help).sample(&[], value);
    }

    pub(super) fn gauge(&mut self, name: &'static str, help: &str, value: impl Into<Value>) {
        self.family(Kind::Gauge, name, help).sample(&[], value);
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// Of samples with the same labels, the greatest counts.
    pub(super) fn greatest(mut self) -> Self {
        self.join = |one, other| {
            if other.real() > one.real() {
                other
            } else {
                one
            }
        };
        self
    }

    /// Of samples with the same labels, the least counts.
    pub(super) fn least(mut self) -> Self {
        self.join = |one, other| {
            if other.real() < one.real() {
                other
            } else {
                one
            }
        };
        self
    }

    pub(super) fn sample(&mut self, labels: &[Label<'_>], value: impl Into<Value>) {
        self.sample_of("", labels, value);
    }

    /// With an ending behind the name of the family, as the parts of a histogram have.
    pub(super) fn sample_of(
        &mut self,
        ending: &str,
        labels: &[Label<'_>],
        value: impl Into<Value>,
    ) {
        let mut key = format!("{}{ending}", self.name);
        for (index, (name, value)) in labels.iter().enumerate() {
            key.push(if index == 0 { '{' } else { ',' });
            key.push_str(name);
            key.push_str("=\"");
            escape(&mut key, value);
            key.push('"');
        }
        if !labels.is_empty() {
            key.push('}');
        }
        let value = value.into();
        if let Some(&known) = self.known.get(&key) {
            let sample = &mut self.samples[known].1;
            *sample = (self.join)(*sample, value);
        } else {
            self.known.insert(key.clone(), self.samples.len());
            self.samples.push((key, value));
        }
    }
}

impl Drop for Family<'_> {
    fn drop(&mut self) {
        for (key, value) in &self.samples {
            let _ = match value {
                Value::Whole(whole) => writeln!(self.text.0, "{key} {whole}"),
                Value::Real(real) => writeln!(self.text.0, "{key} {real}"),
            };
        }
    }
}

impl Value {
    /// For comparison, where the last digit does not matter.
    #[allow(clippy::cast_precision_loss)]
    fn real(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }

    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Self::Whole(one.saturating_add(other)),
            (one, other) => Self::Real(one.real() + other.real()),
        }
    }
}

impl From<u64> for Value {
    fn from(whole: u64) -> Self {
        Self::Whole(whole)
    }
}

impl From<f64> for Value {
    fn from(real: f64) -> Self {
        Self::Real(real)
    }
}

impl From<bool> for Value {
    fn from(is_so: bool) -> Self {
        Self::Whole(u64::from(is_so))
    }
}

/// A label's value: the backslash, the quote and the end of a line are what the format escapes.
fn escape(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Text)) -> String {
        let mut text = Text::default();
        write(&mut text);
        text.finish()
    }

    #[test]
    fn a_family_has_its_help_its_type_and_a_line_for_each_set_of_labels() {
        let text = written(|text| {
            text.counter("a_total", "How many.", 3_u64);
            let mut family = text.family(Kind::Gauge, "b", "Which.");
            family.sample(&[("x", "1"), ("y", "")], 0.25);
            family.sample(&[("x", "2"), ("y", "")], true);
        });
        let expected = "# HELP a_total How many.\n# TYPE a_total counter\na_total 3\n\
                        # HELP b Which.\n# TYPE b gauge\nb{x=\"1\",y=\"\"} 0.25\nb{x=\"2\",y=\"\"} 1\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn whatever_a_label_says_it_stays_in_its_quotes() {
        let text = written(|text| {
            let mut family = text.family(Kind::Gauge, "a", "It.");
            family.sample(&[("x", "a\"} 1\n\\b\u{e9}")], 1_u64);
        });
        assert_eq!(text.lines().nth(2), Some(r#"a{x="a\"} 1\n\\bé"} 1"#));
    }

    #[test]
    fn nothing_stands_there_twice() {
        let text = written(|text| {
            let mut sum = text.family(Kind::Counter, "a_total", "Sum.");
            sum.sample(&[("x", "1")], u64::MAX - 3);
            sum.sample(&[("x", "2")], 5_u64);
            sum.sample(&[("x", "1")], 2_u64);
            drop(sum);
            let mut most = text.family(Kind::Gauge, "b", "Most.").greatest();
            for value in [1_u64, 3, 2] {
                most.sample(&[], value);
            }
            drop(most);
            let mut least = text.family(Kind::Gauge, "c", "Least.").least();
            for value in [2.0, 1.5, 3.0] {
                least.sample(&[], value);
            }
        });
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "a_total{x=\"1\"} 18446744073709551614",
            "a_total{x=\"2\"} 5",
            "b 3",
            "c 1.5",
        ];
        assert_eq!(samples, expected);
    }
}

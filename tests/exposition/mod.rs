//! The text format of Prometheus, version 0.0.4, read strictly: what it does not allow, or what a series must not do, is an error.
//!
//! Stricter than Prometheus where it forgives: each sample has a type and a help text before it, nothing stands there twice, counters
//! end in `_total`, buckets rise and the last one is the count.

use std::collections::{BTreeMap, HashSet};

/// The labels of a series, by name.
pub(crate) type Labels = BTreeMap<String, String>;

#[derive(Debug, Default)]
pub(crate) struct Exposition {
    pub(crate) families: Vec<Family>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// The name, which for histograms is longer than the family's, the labels and the value.
    pub(crate) samples: Vec<(String, Labels, f64)>,
}

impl Exposition {
    #[track_caller]
    pub(crate) fn read(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.ends_with('\n') {
            return Err("the last line has no end".to_owned());
        }
        let mut this = Self::default();
        let mut helped = None;
        let mut seen = HashSet::new();
        for line in text.lines() {
            let wrong = |what: &str| Err(format!("{what}: {line}"));
            if let Some(help) = line.strip_prefix("# HELP ") {
                let Some((name, text)) = help.split_once(' ') else {
                    return wrong("no help");
                };
                if text.is_empty() || !seen.insert(name.to_owned()) {
                    return wrong("no help, or a family for the second time");
                }
                helped = Some(name);
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                match kind.split_once(' ') {
                    Some((name, kind @ ("counter" | "gauge" | "histogram")))
                        if helped == Some(name) && is_name(name) =>
                    {
                        this.families.push(Family {
                            name: name.to_owned(),
                            kind: kind.to_owned(),
                            samples: Vec::new(),
                        });
                    }
                    _ => return wrong("no type, or not that of the family before"),
                }
            } else {
                let Some(family) = this.families.last_mut() else {
                    return wrong("no family");
                };
                let sample = sample(line)?;
                if !family.has(&sample.0) {
                    return wrong("not of this family");
                }
                if !seen.insert(format!("{} {:?}", sample.0, sample.1)) {
                    return wrong("for the second time");
                }
                family.samples.push(sample);
            }
        }
        this.families.iter().try_for_each(Family::check)?;
        Ok(this)
    }

    /// All series of all families.
    pub(crate) fn series(&self) -> HashSet<(String, Labels)> {
        let samples = self.families.iter().flat_map(|family| &family.samples);
        samples
            .map(|(name, labels, _)| (name.clone(), labels.clone()))
            .collect()
    }

    /// The sum of the samples of this name that have these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let samples = self.families.iter().flat_map(|family| &family.samples);
        let has = |found: &Labels| {
            let mut wanted = labels.iter();
            wanted.all(|(name, value)| found.get(*name).is_some_and(|found| found == value))
        };
        let of_name = samples.filter(|(found, labels, _)| found == name && has(labels));
        of_name.map(|(_, _, value)| value).sum()
    }

    /// The value of the one sample that there is of this name with these labels.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let samples = self.families.iter().flat_map(|family| &family.samples);
        let wanted: Labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut found = samples.filter(|(found, labels, _)| found == name && *labels == wanted);
        let (_, _, value) = found
            .next()
            .unwrap_or_else(|| panic!("no {name} {labels:?}"));
        *value
    }
}

impl Family {
    fn has(&self, sample: &str) -> bool {
        match self.kind.as_str() {
            "histogram" => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|ending| sample.strip_suffix(ending) == Some(&self.name)),
            _ => sample == self.name,
        }
    }

    fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{what}: {}", self.name));
        let is_total = self.name.ends_with("_total");
        if (self.kind == "counter") != is_total {
            return wrong("counters end in _total, and nothing else does");
        }
        if self.kind == "gauge" {
            return Ok(());
        }
        if self.samples.iter().any(|(_, _, value)| *value < 0.0) {
            return wrong("a count below nothing");
        }
        if self.kind == "counter" {
            return Ok(());
        }
        let mut buckets: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
        for (name, labels, value) in &self.samples {
            if name.ends_with("_bucket") {
                let mut labels = labels.clone();
                let Some(bound) = labels.remove("le").and_then(|bound| number(&bound)) else {
                    return wrong("a bucket without a bound");
                };
                buckets.entry(labels).or_default().push((bound, *value));
            }
        }
        for (labels, buckets) in &buckets {
            let rise = |two: &[(f64, f64)]| two[0].0 < two[1].0 && two[0].1 <= two[1].1;
            let last = buckets.last().copied().unwrap_or_default();
            let part = |ending| {
                let name = format!("{}{ending}", self.name);
                let mut samples = self.samples.iter();
                samples.find_map(|(found, of, value)| {
                    (*found == name && of == labels).then_some(*value)
                })
            };
            if !buckets.windows(2).all(rise)
                || !last.0.is_infinite()
                || part("_count") != Some(last.1)
                || part("_sum").is_none_or(|sum| sum < 0.0)
            {
                return wrong("a histogram that does not hold together");
            }
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    name.bytes().all(is_inner) && name.starts_with(|first: char| !first.is_ascii_digit())
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        // The word for what is no number is one that Rust reads as well.
        _ => text.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

fn sample(line: &str) -> Result<(String, Labels, f64), String> {
    let wrong = |what: &str| format!("{what}: {line}");
    let end = line.find(['{', ' ']).ok_or_else(|| wrong("no value"))?;
    let (name, mut rest) = line.split_at(end);
    if name.is_empty() || !is_name(name) {
        return Err(wrong("no name"));
    }
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").ok_or_else(|| wrong("no label"))?;
            let (value, after) = unescaped(after).ok_or_else(|| wrong("no value of a label"))?;
            let is_label = is_name(label) && !label.contains(':') && !label.starts_with("__");
            if !is_label || labels.insert(label.to_owned(), value).is_some() {
                return Err(wrong("a label that is none, or there twice"));
            }
            rest = after.strip_prefix(',').unwrap_or(after);
            if rest.len() == after.len() {
                break;
            }
        }
        rest = rest.strip_prefix('}').ok_or_else(|| wrong("no end"))?;
    }
    let value = rest.strip_prefix(' ').and_then(number);
    let value = value.ok_or_else(|| wrong("no number"))?;
    Ok((name.to_owned(), labels, value))
}

/// A label's value up to its quote, and what follows that.
fn unescaped(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    loop {
        match characters.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => value.push(match characters.next()?.1 {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                _ => return None,
            }),
            (_, other) => value.push(other),
        }
    }
}

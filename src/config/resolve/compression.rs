//! What is compressed, and what for.
//!
//! 1. `[compression]`: codings, media types, bounds.
//! 2. Dictionaries: how much is kept of them, and where.
//! 3. What a site or route says of its own files.

use std::{num::NonZeroUsize, path::Path};

use toml::Spanned;

use super::{Judge, span};
use crate::{
    config::{
        CompressionConfig, DictionaryConfig, DictionaryPolicy,
        error::{Problem, nearest, quoted},
        file::{Compression, Size, Switch, Text, Texts},
    },
    header::{
        accept_encoding::ContentCoding,
        media_type::{MediaTypes, Pattern},
    },
    static_files::Settings,
};

/// More threads than any machine has cores: a slip of the finger.
const MOST_THREADS: i64 = 4096;

/// All of it, and what comes of it, is in memory at once.
const LARGEST: u64 = 1 << 30;

/// RFC 9842 §5 bounds what a client must hold for one at 128 MiB, with a quarter more than the dictionary.
const LARGEST_DICTIONARY: u64 = 64 << 20;

/// Names of codings that are read beside their registered ones, only to tell those.
const OTHER_CODINGS: [(&str, &str); 5] = [
    ("brotli", "br"),
    ("zst", "zstd"),
    ("zstandard", "zstd"),
    ("gz", "gzip"),
    ("x-gzip", "gzip"),
];

impl Judge<'_> {
    /// Step 1.
    pub(super) fn compression(&mut self, written: &Compression) -> CompressionConfig {
        let default = CompressionConfig::default();
        let smallest = self.size(written.smallest.as_ref());
        let largest = self.size_up_to(written.largest.as_ref(), "largest", LARGEST);
        let smallest = smallest.unwrap_or(default.smallest);
        let largest = largest.unwrap_or(default.largest);
        if let Some(place) = written.smallest.as_ref().or(written.largest.as_ref())
            && smallest > largest
        {
            let problem =
                Problem::new("nothing is as large as `smallest` and as small as `largest`");
            let help = "to have nothing compressed, write `codings = []`, or `compress = false` in the site";
            self.wrong(place, problem.help(help));
        }
        let threads = written.threads.as_ref();
        let threads = threads.and_then(|text| self.number(text, "threads", 1..=MOST_THREADS));
        CompressionConfig {
            codings: match &written.codings {
                Some(names) => self.codings(names),
                None => default.codings,
            },
            media_types: match &written.media_types {
                Some(patterns) => self.compressible(patterns),
                None => default.media_types,
            },
            smallest,
            largest,
            threads: threads.and_then(NonZeroUsize::new),
            improve: written.improve.as_ref().map_or(default.improve, is_on),
            dictionaries: self.dictionaries(written),
        }
    }

    fn codings(&mut self, written: &Texts) -> Vec<ContentCoding> {
        let mut codings = Vec::new();
        for text in written.get_ref() {
            let name = text.get_ref().as_str();
            let known = (ContentCoding::LIKED.into_iter()).find(|coding| coding.as_str() == name);
            match known {
                Some(coding) if codings.contains(&coding) => {
                    let problem = Problem::new(format!("the coding `{name}` is there twice"));
                    self.wrong(text, problem.help("remove one of the two"));
                }
                Some(coding) => codings.push(coding),
                None => self.wrong(text, unknown_coding(name)),
            }
        }
        codings
    }

    fn compressible(&mut self, written: &Texts) -> MediaTypes {
        let mut patterns = Vec::new();
        for text in written.get_ref() {
            if text.get_ref() == "default" {
                patterns.extend(MediaTypes::default());
                continue;
            }
            match Pattern::parse(text.get_ref()) {
                Some(pattern) => patterns.push(pattern),
                None => self.wrong(text, no_pattern(text.get_ref())),
            }
        }
        patterns.into_iter().collect()
    }

    /// Step 2.
    fn dictionaries(&mut self, written: &Compression) -> DictionaryConfig {
        let default = DictionaryConfig::default();
        let memory = self.size(written.dictionary_memory.as_ref());
        let largest = self.size_up_to(
            written.dictionary_largest.as_ref(),
            "dictionary_largest",
            LARGEST_DICTIONARY,
        );
        if memory == Some(0) {
            self.orphans_of_another(
                [
                    (
                        "dictionary_largest",
                        span(written.dictionary_largest.as_ref()),
                    ),
                    (
                        "dictionary_folder",
                        span(written.dictionary_folder.as_ref()),
                    ),
                ],
                "does nothing where `dictionary_memory` is 0",
                "remove it, or give dictionaries some memory",
            );
        } else if let (Some(memory), Some(largest)) = (memory, largest)
            && largest > memory
            && let Some(place) = &written.dictionary_largest
        {
            let problem = Problem::new("one dictionary may not be larger than the memory for all");
            let help = "write a larger `dictionary_memory`, or a smaller `dictionary_largest`";
            self.wrong(place, problem.help(help));
        }
        let memory = memory.unwrap_or(default.memory);
        DictionaryConfig {
            memory,
            largest: largest.unwrap_or(default.largest).min(memory),
            folder: (written.dictionary_folder.as_ref())
                .and_then(|folder| self.folder(folder, "folder")),
        }
    }

    /// What is kept as a dictionary was a file, and may be one no more: it is not to be asked for.
    pub(super) fn dictionaries_are_no_files(&mut self, written: &Compression, docroots: &[&Path]) {
        let Some(text) = &written.dictionary_folder else {
            return;
        };
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = real(&self.absolute(text.get_ref()));
        if let Some(docroot) = (docroots.iter()).find(|docroot| folder.starts_with(real(docroot))) {
            let problem = Problem::new(format!(
                "the folder lies within the docroot `{}`, where anybody could ask for what is in it",
                docroot.display()
            ));
            self.wrong(text, problem.help("name a folder outside of all docroots"));
        }
    }

    fn size_up_to(&mut self, written: Option<&Size>, key: &str, most: u64) -> Option<u64> {
        let size = self.size(written)?;
        if size > most {
            let help = format!("write a size up to `\"{}MiB\"`", most >> 20);
            let problem = Problem::new(format!("`{key}` is too large"));
            self.wrong(written?, problem.help(help));
        }
        Some(size)
    }

    /// Step 3: the settings of the files of a site, or of a route over those of its site.
    pub(super) fn compressed(
        &mut self,
        settings: Settings,
        compress: Option<&Switch>,
        dictionary: Option<&Text>,
    ) -> Settings {
        let dictionary =
            dictionary.and_then(|text| self.located(text, dictionary_policy(text.get_ref())));
        Settings {
            compress: compress.map_or(settings.compress, is_on),
            dictionary: dictionary.unwrap_or(settings.dictionary),
            ..settings
        }
    }
}

fn is_on(switch: &Switch) -> bool {
    *Spanned::get_ref(switch)
}

fn unknown_coding(name: &str) -> Problem {
    let other = (OTHER_CODINGS.iter()).find(|(other, _)| name.eq_ignore_ascii_case(other));
    let names = ["br", "zstd", "gzip"];
    let lower = name.to_ascii_lowercase();
    let registered = (names.into_iter()).find(|known| *known == lower);
    match other.map(|(_, name)| *name).or(registered) {
        Some(meant) => Problem::new(format!("{} is not a known content coding", quoted(name)))
            .help(format!("it is called `{meant}`")),
        None => Problem::unknown_word("content coding", name, &names),
    }
}

fn no_pattern(text: &str) -> Problem {
    let problem = Problem::new(format!("{} is not a pattern of media types", quoted(text)));
    let essence = text.split(';').next().unwrap_or(text).trim();
    if essence != text && Pattern::parse(essence).is_some() {
        return problem.help(format!("parameters do not count: write `{essence}`"));
    }
    if nearest(text, ["default"].into_iter()).is_some() {
        return problem.help("did you mean `default`?");
    }
    problem.help("write `text/html`, `text/*`, `*+json`, or `default` for the built-in list")
}

fn dictionary_policy(text: &str) -> Result<DictionaryPolicy, Problem> {
    match text {
        "off" => Ok(DictionaryPolicy::Off),
        "fingerprinted" => Ok(DictionaryPolicy::Fingerprinted),
        _ if text.starts_with('/') => path_pattern(text).map(DictionaryPolicy::Pattern),
        _ => {
            let words = ["off", "fingerprinted"];
            let problem = Problem::new(format!("{} is not a choice of dictionaries", quoted(text)));
            Err(match nearest(text, words.into_iter()) {
                Some(word) => problem.help(format!("did you mean `{word}`?")),
                None => problem.help(
                    "write `fingerprinted`, `off`, or a pattern of paths such as `/data/*.json`",
                ),
            })
        }
    }
}

/// A path in which `*` stands for anything: a URL Pattern (as RFC 9842 §2.1.1 has it) of the plainest kind, which says the same to everybody.
fn path_pattern(text: &str) -> Result<Box<str>, Problem> {
    let wrong = |why: &str, help: &str| {
        Err(Problem::new(format!("{} is not a pattern of paths: {why}", quoted(text))).help(help))
    };
    let special = text.chars().find(|c| "(){}:+?#\\".contains(*c));
    if let Some(special) = special {
        return wrong(
            &format!("`{special}` has a meaning of its own in URL patterns"),
            "use no special character but `*`, and write others percent-encoded",
        );
    }
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'*,;=@/%".contains(&byte);
    let mut escapes = text.split('%').skip(1);
    let is_escape =
        |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if !text.bytes().all(is_path) || !escapes.all(is_escape) {
        return wrong(
            "it holds a character that paths are not sent with",
            "write it percent-encoded: `/caf%C3%A9/*.js`",
        );
    }
    let has_dots = text.split('/').any(|segment| matches!(segment, "." | ".."));
    if has_dots || text.contains("//") || text.contains("**") {
        return wrong(
            "it has an empty segment, `.`, `..` or `**`",
            "write the path as it is asked for; one `*` stands for any number of segments",
        );
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_a_word_or_the_plainest_of_url_patterns() {
        assert_eq!(dictionary_policy("off").unwrap(), DictionaryPolicy::Off);
        let fingerprinted = dictionary_policy("fingerprinted").unwrap();
        assert_eq!(fingerprinted, DictionaryPolicy::Fingerprinted);
        for text in [
            "/",
            "/*",
            "/app.js",
            "/data/*.json",
            "/a-*/b_*.js",
            "/caf%C3%A9/*",
        ] {
            let policy = dictionary_policy(text).expect(text);
            assert_eq!(policy, DictionaryPolicy::Pattern(text.into()));
        }
        for text in [
            "",
            "on",
            "OFF",
            "data/*.json",
            "https://example.com/*",
            "/a?x=*",
            "/:name",
            "/{a,b}",
            "/(\\d+)",
            "/a+",
            "/a#b",
            "/**/a",
            "//a",
            "/../a",
            "/caf\u{e9}",
            "/a b",
            "/100%",
            "/a\n",
            "/\"a",
        ] {
            dictionary_policy(text).expect_err(text);
        }
    }
}

//! What files are filled with: noise, which nobody can compress, and pages, which compress as those of real sites do.

use std::fmt::Write as _;

/// A xorshift generator: fast, repeatable, and not compressible.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed.wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ 0x9E37_79B9_7F4A_7C15)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        // The high bits: better mixed. The remainder is below a usize.
        (self.next() >> 24) as usize % limit
    }
}

/// Words that a page draws from.
const WORDS: usize = 4_000;

/// A page of exactly so many bytes, four to five times as many as its gzip has; each number has its own text from the same words.
pub(crate) fn page(number: u64, length: usize) -> String {
    let words = words();
    let mut noise = Noise::new(number + 1);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Page {number}</title></head>\n<body>\n"
    );
    let end = "\n</body>\n</html>\n";
    let mut section = 0;
    while page.len() < length {
        section += 1;
        let _ = write!(
            page,
            "<section id=\"s-{section}\" class=\"chapter\">\n<h2 class=\"chapter-title\">"
        );
        sentence(&mut page, &mut noise, &words, 4);
        page += "</h2>\n";
        for _ in 0..2 {
            page += "<p class=\"chapter-text\">";
            for _ in 0..3 {
                sentence(&mut page, &mut noise, &words, 14);
                page.push(' ');
            }
            page += "</p>\n";
        }
        page += "<ul class=\"chapter-links\">\n";
        for _ in 0..6 {
            let link = &words[noise.below(WORDS)];
            let _ = writeln!(
                page,
                "<li class=\"chapter-link\"><a class=\"link link-internal\" href=\"/chapters/{section}/{link}.html\" title=\"{link}\"><span class=\"link-text\">{link}</span></a></li>"
            );
        }
        page += "</ul>\n</section>\n";
    }
    page.truncate(length - end.len());
    page + end
}

fn sentence(page: &mut String, noise: &mut Noise, words: &[String], about: usize) {
    let count = about / 2 + noise.below(about);
    for place in 0..=count {
        // Three draws multiplied: few words are most of a text.
        let rank = [noise.below(1_000), noise.below(1_000), noise.below(1_000)];
        let rank = rank.iter().product::<usize>() * WORDS / 1_000_000_000;
        if place > 0 {
            page.push(' ');
        }
        page.push_str(&words[rank]);
    }
    page.push('.');
}

fn words() -> Vec<String> {
    const BEGINS: &[&str] = &[
        "b", "br", "c", "ch", "d", "f", "g", "gr", "h", "l", "m", "n", "p", "pr", "r", "s", "st",
        "t", "tr", "w",
    ];
    const MIDDLES: &[&str] = &["a", "e", "i", "o", "u", "ea", "ou", "ai"];
    const ENDS: &[&str] = &["", "n", "r", "s", "t", "nd", "ng", "l"];
    let mut noise = Noise::new(0);
    let mut syllable = || {
        [BEGINS, MIDDLES, ENDS]
            .map(|parts| parts[noise.below(parts.len())])
            .concat()
    };
    (0..WORDS)
        .map(|rank| {
            // The frequent ones are short.
            let syllables = 1 + usize::from(rank > 60) + usize::from(rank % 3 == 2 && rank > 300);
            (0..syllables).map(|_| syllable()).collect()
        })
        .collect()
}

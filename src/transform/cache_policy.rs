//! How long an answer may be used without asking again (RFC 9111 §5.2.2).
//!
//! A file whose name carries a hash of its content never changes under that name: whoever has it need not ask again.
//! Everything else is asked for each time, and is cheap to ask for, because it has an entity tag.
//!
//! A wrong guess costs a visitor a stale file for a year, a missed one costs a 304. So [`is_fingerprinted`] prefers to miss.

use std::ops::{Range, RangeInclusive};

use http::HeaderValue;

/// For fingerprinted files: a year, and no revalidation on reload (RFC 8246).
pub(crate) static IMMUTABLE: HeaderValue =
    HeaderValue::from_static("public, max-age=31536000, immutable");

/// For everything else: keep it, but ask before using it.
pub(crate) static NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// For errors: what was wrong a moment ago may be right now, and there is nothing to compare with.
pub(crate) static NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Whether a `Cache-Control` says `no-transform`.
pub(crate) fn forbids_transform(cache_control: &HeaderValue) -> bool {
    let mut directives = cache_control.as_bytes().split(|&byte| byte == b',');
    directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
}

/// What bundlers write, and nobody else gives such names.
const CODE: &[&str] = &["js", "mjs", "css", "wasm"];

/// What bundlers copy under hashed names. Uploads are of these kinds too, and are named after identifiers.
const MEDIA: &[&str] = &[
    "woff2", "woff", "ttf", "otf", "eot", "svg", "png", "jpg", "jpeg", "gif", "webp", "avif",
    "ico", "mp4", "webm", "mp3",
];

/// Whether the name of a file carries a hash of its content: `app.3f9a1c7b.js`, `index-BkW3xQ2d.css`, `chunk-ABCDEF2G.js`.
///
/// The hash is the last part of the name, set off by `.`, `-` or `_`, before the extension (and before `min` or `chunk`); a
/// source map has the name of its script. Pages, documents, data and archives are met by their names, and never count.
/// Kinds of hash: see [`is_hexadecimal`], [`is_base32`], [`is_base64`].
pub(crate) fn is_fingerprinted(file_name: &str) -> bool {
    fingerprint(file_name).is_some()
}

/// Where in the name of a file the hash of its content stands, if it carries one; see [`is_fingerprinted`].
pub(crate) fn fingerprint(file_name: &str) -> Option<Range<usize>> {
    let name = file_name.strip_suffix(".map").unwrap_or(file_name);
    let (stem, extension) = name.rsplit_once('.')?;
    let is_code = CODE.contains(&extension);
    if !is_code && !MEDIA.contains(&extension) {
        return None;
    }
    let unmarked = stem
        .strip_suffix(".min")
        .or_else(|| stem.strip_suffix(".chunk"));
    let stem = unmarked.unwrap_or(stem);
    let separator = stem.rfind(['.', '-', '_']).filter(|&place| place > 0)?;
    let hash = &stem.as_bytes()[separator + 1..];
    if !hash.iter().all(u8::is_ascii_alphanumeric) || is_identifier(stem, hash) {
        return None;
    }
    let runs = Runs::of(hash);
    let is_hash = is_hexadecimal(hash, &runs)
        || is_base32(hash, &runs)
        || (is_code || hash.len() == 8) && is_base64(hash, &runs);
    is_hash.then_some(separator + 1..stem.len())
}

/// Whether it is a UUID (RFC 9562 §4), with hyphens or without, or an identifier of `MongoDB`. Such a name stays the same when the
/// content does not.
fn is_identifier(stem: &str, hash: &[u8]) -> bool {
    let mut groups = stem.rsplit('-').map(str::len);
    let has_groups = [12, 4, 4, 4]
        .into_iter()
        .all(|length| groups.next() == Some(length));
    // The digits that say which kind of UUID it is, for the two kinds that are random.
    let is_bare = hash.len() == 32
        && matches!(hash[12], b'4' | b'7')
        && matches!(hash[16].to_ascii_lowercase(), b'8' | b'9' | b'a' | b'b');
    has_groups || is_bare || hash.len() == 24
}

/// webpack, Rspack, Next, Gatsby, Parcel, Django, Rails, Phoenix, older Vite: 8 to 64 hexadecimal digits of one case, an even
/// number of them. Short ones must not read like a word and a number (`cafe2024`) or a date.
fn is_hexadecimal(hash: &[u8], runs: &Runs) -> bool {
    let has_only = |letters: RangeInclusive<u8>| {
        hash.iter()
            .all(|byte| byte.is_ascii_digit() || letters.contains(byte))
    };
    let has_both = runs.digits > 0 && runs.digits < hash.len();
    let is_long = hash.len() >= 16;
    (has_only(b'a'..=b'f') || has_only(b'A'..=b'F'))
        && has_both
        && matches!(hash.len(), 8..=64)
        && hash.len().is_multiple_of(2)
        && (is_long || runs.count >= 3 && !runs.date)
}

/// esbuild, Angular, Remix: 8 characters of RFC 4648 §6, with a digit between letters, where words and numbers have none.
fn is_base32(hash: &[u8], runs: &Runs) -> bool {
    let is_flanked = |three: &[u8]| {
        three[0].is_ascii_uppercase() && three[1].is_ascii_digit() && three[2].is_ascii_uppercase()
    };
    hash.len() == 8
        && hash
            .iter()
            .all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        && hash.windows(3).any(is_flanked)
        && !runs.date
}

/// Vite, Rollup, Astro, `SvelteKit`: 8 to 22 characters of RFC 4648 §5, without its `-` and `_`. They must change class often,
/// as words (`MyComponent2`, `K8sGuide`) and stamps (`20240131T101500Z`) do not. About six in ten of such hashes pass.
fn is_base64(hash: &[u8], runs: &Runs) -> bool {
    matches!(hash.len(), 8..=22)
        && runs.count >= 4
        && runs.longest_lower <= 2
        && runs.upper >= 2
        && (runs.digits > 0 || runs.longest_upper >= 2)
        && runs.digits * 2 <= hash.len()
        && !runs.date
}

/// How a text goes from digits to capitals to small letters.
#[derive(Default)]
struct Runs {
    /// Of characters of one class each.
    count: usize,
    longest_lower: usize,
    longest_upper: usize,
    digits: usize,
    upper: usize,
    /// A run of six or more digits, or one that is a year.
    date: bool,
}

impl Runs {
    fn of(text: &[u8]) -> Self {
        let is_year = |run: &[u8]| matches!(run, [b'1', b'9', _, _] | [b'2', b'0', _, _]);
        let class = |byte: &u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase());
        let mut runs = Self::default();
        for run in text.chunk_by(|one, next| class(one) == class(next)) {
            runs.count += 1;
            match class(&run[0]) {
                (true, _) => {
                    runs.digits += run.len();
                    runs.date |= run.len() >= 6 || is_year(run);
                }
                (_, true) => {
                    runs.upper += run.len();
                    runs.longest_upper = runs.longest_upper.max(run.len());
                }
                _ => runs.longest_lower = runs.longest_lower.max(run.len()),
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_bundlers_make_are_fingerprinted() {
        let names = [
            // webpack, Create React App, Rspack
            "app.3f9a1c7b.js",
            "main.8f3a1b2c.chunk.css",
            "app.3f9a1c7b.min.js",
            "runtime~main.a1b2c3d4e5f60718293a.js",
            "d41d8cd9-8f00b204e9800998.js",
            // Vite, Rollup, Astro, SvelteKit
            "index-BkW3xQ2d.css",
            "baz-B2H3sXNv.js",
            "hoisted.D4x9Qw2e.js",
            "index-legacy-DVoHNO1Y.js",
            "logo-CnTrEDVP.svg",
            // esbuild, Angular, Remix
            "chunk-ABCDEF2G.js",
            "main.3b5f2a1c9d8e7f60.js",
            "root-JQ5XKZ7A.css",
            // Rails, Django, Phoenix
            "application-908e25f4bf641868d8683022a5b62f54.css",
            "base.27e20196a850.css",
            "app-0a0b4c8d2f6e1f3a5b7c9d8e7f6a5b4c.js",
            "application-8f4bcf1d3a2e5c7b9d0f1a3c5e7b9d0f8f4bcf1d3a2e5c7b9d0f1a3c5e7b9d0f.js",
            // Maps, fonts, images
            "app.3f9a1c7b.js.map",
            "index-BkW3xQ2d.css.map",
            "inter_3f9a1c7b.woff2",
            "hero.3F9A1C7B.avif",
            "index-BkW3xQ2dF4gHy7Rt.js",
        ];
        for name in names {
            assert!(is_fingerprinted(name), "{name}");
        }
    }

    #[test]
    fn names_that_people_make_are_not() {
        let names = [
            "",
            ".",
            "app",
            "app.js",
            ".js",
            "3f9a1c7b.js",
            ".3f9a1c7b.js",
            "app.3f9a1c7b",
            "app.3f9a1c7b.",
            "a-.js",
            // Versions, dates, numbers
            "jquery-3.7.1.min.js",
            "react-dom.production.min.js",
            "index.production.js",
            "report-20240131.pdf",
            "photo-12345678.jpg",
            "photo-20240131.jpg",
            "photo-20240131a1.jpg",
            "screenshot-20240131T101500Z.png",
            "frame-12h30m15s.png",
            "party-1dec2024.jpg",
            "menu-cafe2024.jpg",
            "IMG_20240131.jpg",
            "holiday-DSCN2345.jpg",
            "map-v20240131.js",
            // Words
            "some-description.html",
            "bootstrap-grid.css",
            "chapter_introduction.html",
            "font-awesome.css",
            "dashboard-settings.js",
            "MyComponent.js",
            "app-MyComponent.js",
            "ui-DataGrid.js",
            "ui-DOMUtils.js",
            "docs-XmlToPdf.js",
            "guide-Chapter12.css",
            "photo-iPhone15.jpg",
            "photo-iPhone15Pro.jpg",
            "docs-K8sGuide.js",
            "test-A11yTest.js",
            "lang-I18nText.js",
            "shot-Win11x64.png",
            "clip-H264.mp4",
            "setup-VERSION2.css",
            "icon-facebook.svg",
            "icon-deadbeef.svg",
            "lib-base64url.js",
            "crypto-sha256sum.js",
            "logo-face2face.png",
            "webfont-latin-ext.woff2",
            "open-sans-v40-latin-regular.woff2",
            // Identifiers
            "avatar-550e8400-e29b-41d4-a716-4a6b5c4d3e2f.png",
            "550e8400-e29b-41d4-a716-4a6b5c4d3e2f.png",
            "avatar-550e8400e29b4bd4a7164a6b5c4d3e2f.png",
            "avatar-507f1f77bcf86cd799439011.png",
            "thumbnail-dQw4w9WgXcQ.jpg",
            "avatar_V1StGXR8Z5jdHi6BmyT.webp",
            // Pages, documents, data
            "index-BkW3xQ2d.html",
            "page.3f9a1c7b.htm",
            "report-3f9a1c7b.pdf",
            "order-3f9a1c7b.json",
            "notes-3f9a1c7b.txt",
            "backup-3f9a1c7b.tar.gz",
            // Not text that a bundler writes
            "caf\u{e9}-3f9a1c7\u{e9}.js",
            "app-3f9a 1c7b.js",
        ];
        for name in names {
            assert!(!is_fingerprinted(name), "{name}");
        }
    }

    #[test]
    fn a_fingerprint_is_the_hash_and_nothing_around_it() {
        for (name, hash) in [
            ("app.3f9a1c7b.js", "3f9a1c7b"),
            ("main.8f3a1b2c.chunk.css", "8f3a1b2c"),
            ("app.3f9a1c7b.min.js.map", "3f9a1c7b"),
            ("index-legacy-DVoHNO1Y.js", "DVoHNO1Y"),
            ("3f9a1c7b.3f9a1c7b.js", "3f9a1c7b"),
            ("inter_3f9a1c7b.woff2", "3f9a1c7b"),
        ] {
            assert_eq!(fingerprint(name).map(|at| &name[at]), Some(hash), "{name}");
        }
        assert_eq!(fingerprint("3f9a1c7b.3f9a1c7b.js"), Some(9..17));
        assert_eq!(fingerprint("app.js"), None);
    }

    /// How many of a thousand random hashes of this alphabet and length are seen for what they are.
    fn recall(alphabet: &[u8], length: usize) -> usize {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut name = || {
            let hash = (0..length).map(|_| char::from(alphabet[random(alphabet.len())]));
            format!("index-{}.js", hash.collect::<String>())
        };
        (0..1000).filter(|_| is_fingerprinted(&name())).count()
    }

    #[test]
    fn most_hashes_are_seen() {
        let base62 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        for (alphabet, length, least) in [
            (&b"0123456789abcdef"[..], 8, 800),
            (b"0123456789abcdef", 16, 990),
            (b"0123456789abcdef", 20, 990),
            (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 8, 600),
            (base62, 8, 550),
        ] {
            let seen = recall(alphabet, length);
            assert!(
                seen >= least,
                "{seen} of 1000, {length} characters of {}",
                alphabet.escape_ascii()
            );
        }
    }
}

//! Foreign text on a terminal. Targets, hosts and methods are what clients sent, and a terminal obeys control characters.

use std::borrow::Cow;

/// The text with everything escaped that is not itself to be seen: control characters, and those that change the direction of what follows
/// or have no width.
pub(in crate::cli) fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        if is_plain(char) {
            clean.push(char);
        } else {
            clean.extend(char.escape_unicode());
        }
    }
    Cow::Owned(clean)
}

fn is_plain(char: char) -> bool {
    !char.is_control()
        && !matches!(
            char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        for (text, expected) in [
            ("/a?b=c", "/a?b=c"),
            ("/대문", "/대문"),
            ("/\u{1b}[2J", "/\\u{1b}[2J"),
            ("a\r\nb\tc", "a\\u{d}\\u{a}b\\u{9}c"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("/\u{202e}gpj.exe", "/\\u{202e}gpj.exe"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
        ] {
            assert_eq!(clean(text), expected);
        }
    }
}

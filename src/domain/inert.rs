//! Foreign text, made safe to draw, print and log (SECURITY S1).

use std::fmt::Write as _;

/// The most characters of one foreign string that are ever shown.
pub const MOST_CHARACTERS: usize = 300;

/// Control, bidirectional, zero-width and tag characters become visible escapes; the result is at
/// most [`MOST_CHARACTERS`] long. Applying it twice changes nothing more.
pub fn inert(text: &str) -> String {
    inert_within(text, MOST_CHARACTERS)
}

/// [`inert`] for bytes that may not be UTF-8.
pub fn inert_bytes(bytes: &[u8]) -> String {
    inert(&String::from_utf8_lossy(bytes))
}

/// [`inert`] with a bound of its own.
pub fn inert_within(text: &str, most: usize) -> String {
    let mut safe = String::with_capacity(text.len().min(most));
    let mut count = 0;
    for character in text.chars() {
        let start = safe.len();
        if is_dangerous(character) {
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(character));
        } else {
            safe.push(character);
        }
        let added = safe.len() - start;
        count += if is_dangerous(character) { added } else { 1 };
        if count > most {
            safe.truncate(start);
            while safe.chars().count() >= most.max(1) {
                safe.pop();
            }
            safe.push('…');
            return safe;
        }
    }
    safe
}

/// Characters that move the cursor, reorder text, join or hide it.
const fn is_dangerous(character: char) -> bool {
    matches!(character,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{300}'..='\u{33f}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// An inert text as one word that a POSIX shell takes literally, but for a `~/` before it. Foreign
/// names stand in commands that people paste.
pub fn quoted(word: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "_-./:=@%+,".contains(character);
    let (home, rest) = word.strip_prefix("~/").map_or(("", word), |rest| ("~/", rest));
    if !word.is_empty() && rest.chars().all(plain) {
        word.to_owned()
    } else {
        format!("{home}'{}'", rest.replace('\'', r"'\''"))
    }
}

/// With a large letter at its beginning.
pub fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_in_commands_cannot_break_out() {
        assert_eq!(quoted("services/api/.env"), "services/api/.env");
        assert_eq!(quoted("my file"), "'my file'");
        assert_eq!(quoted("a'; rm -rf /; '"), "'a'\\''; rm -rf /; '\\'''");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("~/.zshrc"), "~/.zshrc");
        assert_eq!(quoted("~/my file"), "~/'my file'");
        assert_eq!(quoted("~root/x"), "'~root/x'");
    }

    #[test]
    fn escapes_are_visible() {
        assert_eq!(inert("a\u{1b}]52;c;x\u{7}b"), "a\\u{1b}]52;c;x\\u{7}b");
        assert_eq!(inert("pay\u{202e}load"), "pay\\u{202e}load");
        assert_eq!(inert("naïve 名前"), "naïve 名前");
    }

    proptest! {
        #[test]
        fn nothing_dangerous_comes_out(text in "\\PC*|[\\x00-\\x20\u{200b}-\u{202e}\u{e0041}]*") {
            let safe = inert(&text);
            prop_assert!(!safe.chars().any(is_dangerous));
            prop_assert!(safe.chars().count() <= MOST_CHARACTERS);
            prop_assert_eq!(inert(&safe), safe);
        }

        #[test]
        fn any_bound_holds(text: String, most in 1_usize..40) {
            prop_assert!(inert_within(&text, most).chars().count() <= most);
        }
    }
}

//! The catalogue of traps: what makes a value differ from what a person believes was written.
//!
//! Each has a stable name. A reader notes them with the place they stand at; they change neither
//! the state nor the verdict.

use crate::domain::place::Place;

macro_rules! traps {
    ($($trap:ident $name:literal $text:literal;)+) => {
        /// A known way for a value to differ from what was written.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Trap {
            $(#[doc = $text] $trap,)+
        }

        impl Trap {
            /// Every trap, in the order of the catalogue.
            pub const ALL: &[Self] = &[$(Self::$trap),+];

            /// The stable name of the contract.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$trap => $name,)+ }
            }

            /// What it means, for people.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$trap => $text,)+ }
            }
        }
    };
}

traps! {
    QuotesKept "quotes-kept" "the reader keeps the quotes: they are part of the value";
    QuoteLostOrHalf "quote-lost-or-half" "a quote stands at one end of the value only";
    LeadingSpace "leading-space" "white space stands before the value";
    TrailingSpace "trailing-space" "white space stands behind the value";
    TrailingCarriageReturn "trailing-cr" "the value ends in a carriage return";
    TrailingNewline "trailing-newline" "the value ends in a line break";
    LiteralBackslashN "literal-backslash-n" "the value ends in a backslash and an n, not in a line break";
    HashCut "hash-cut" "the reader cuts the value at `#`; others keep it";
    CommentInValue "comment-in-value" "a comment became part of the value";
    DollarEaten "dollar-eaten" "the reader takes `$` for a reference and replaces it";
    InterpolationEmpty "interpolation-empty" "a reference to a variable that is not set gives nothing";
    DefaultNotSupported "default-not-supported" "the reader does not know `${NAME:-default}`; the default is lost";
    SwallowedNextLine "swallowed-next-line" "the value took in the line behind it";
    SwallowedKey "swallowed-key" "a line names the variable, and the reader does not see it";
    FileRejected "file-rejected" "because of one line the reader loads nothing of the file";
    RestIgnored "rest-ignored" "the reader stops here and ignores what follows";
    BareNamePassthrough "bare-name-passthrough" "the name stands alone: the environment decides";
    BareName "bare-name" "the name stands alone, and the reader gives it no value";
    DuplicateKey "duplicate-key" "the name is assigned more than once";
    EmptyShadows "empty-shadows" "an empty assignment wins over one with a value";
    ShellShadowsFile "stale-shell-shadows-file" "this shell defines the name with another value, and the reader lets it win";
    FileShadowsShell "file-shadows-shell" "this shell defines the name with another value, and the reader lets the file win";
    NotExported "not-exported" "assigned without `export`: programs do not get it";
    WrongStartupFile "wrong-startup-file" "a login bash reads another file instead of this one";
    InteractiveOnly "interactive-only" "a guard above it leaves the file: not every shell comes this far";
    FishUniversal "fish-universal" "a universal variable of fish: it stays when config.fish changes";
    DynamicValue "dynamic-value" "a command or another tool makes the value; nothing is run to learn it";
    ExecutesCommands "executes-commands" "the reader runs a command while it reads the file";
    YamlRetyped "yaml-retyped" "YAML takes the plain scalar for a number, a boolean, a date or nothing";
    YamlBlockNewline "yaml-block-newline" "the block scalar ends in a line break";
    WrongPrecedenceBelief "wrong-precedence-belief" "another place defines the name too, and does not win as many believe";
    OverrideFileIgnored "override-file-ignored" "an override file stands there, and is not read because files are named";
    ScopeMismatch "scope-mismatch" "set for a scope, profile or branch that not every consumer has";
    Base64Layer "base64-layer" "base64 was applied once too often, or to a line break as well";
    Staged "staged" "changed, and not given to what runs before the next deploy";
    MaskedOrUnreadable "masked-or-unreadable" "a platform's mask stands in place of the value";
    Placeholder "placeholder" "an example stands in place of the value";
    JsonWrapped "json-wrapped" "the value is a piece of JSON";
    InvisibleCharacters "invisible-chars" "the value or its name holds characters that cannot be seen";
    Encoding "encoding" "the file is not plain UTF-8: a byte order mark, UTF-16 or another encoding";
}

/// A trap that a reader found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trapped {
    /// Which.
    pub trap: Trap,
    /// Where.
    pub place: Place,
}

/// What the bytes of a value alone tell.
pub fn of_value(value: &[u8]) -> Vec<Trap> {
    let mut traps = Vec::new();
    // Nothing but graphic ASCII that starts and ends in a letter or digit: the common case.
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let Some((first, last)) = value.first().copied().zip(value.last().copied()) else {
        return traps;
    };
    let text = String::from_utf8_lossy(value);
    if !value.iter().all(plain) {
        let quote = |byte: u8| matches!(byte, b'\'' | b'"' | b'`');
        match (quote(first), quote(last)) {
            (true, true) if first == last && value.len() > 1 => traps.push(Trap::QuotesKept),
            (true, _) | (_, true) => traps.push(Trap::QuoteLostOrHalf),
            _ => {}
        }
        if matches!(first, b' ' | b'\t') {
            traps.push(Trap::LeadingSpace);
        }
        match last {
            b' ' | b'\t' => traps.push(Trap::TrailingSpace),
            b'\r' => traps.push(Trap::TrailingCarriageReturn),
            b'\n' => traps.push(Trap::TrailingNewline),
            _ => {}
        }
        if value.ends_with(b"\\n") {
            traps.push(Trap::LiteralBackslashN);
        }
        if text.contains(" #") || text.starts_with('#') {
            traps.push(Trap::CommentInValue);
        }
        if is_reference(&text) {
            traps.push(Trap::DynamicValue);
        }
        if is_json(&text) {
            traps.push(Trap::JsonWrapped);
        }
        if text.chars().any(is_invisible) {
            traps.push(Trap::InvisibleCharacters);
        }
    }
    if is_masked(&text) {
        traps.push(Trap::MaskedOrUnreadable);
    } else if is_placeholder(&text) {
        traps.push(Trap::Placeholder);
    }
    traps
}

/// A name that another tool turns into the value.
fn is_reference(text: &str) -> bool {
    const SCHEMES: [&str; 5] = ["op://", "vault:", "encrypted:", "arn:aws:", "doppler://"];
    SCHEMES.iter().any(|scheme| text.starts_with(scheme))
        || (text.starts_with("projects/") && text.contains("/secrets/"))
}

fn is_json(text: &str) -> bool {
    let text = text.trim();
    let wrapped = |open, close| text.starts_with(open) && text.ends_with(close) && text.len() > 1;
    (wrapped('{', '}') && text.contains("\":"))
        || (wrapped('[', ']') && text.contains('"'))
        || text.trim_end_matches(',').len() < text.len()
}

fn is_masked(text: &str) -> bool {
    matches!(text, "[SENSITIVE]" | "[REDACTED]" | "[hidden]" | "<hidden>" | "<redacted>")
        || (text.len() >= 3 && text.bytes().all(|byte| byte == b'*'))
        || text.starts_with("****")
        || text.starts_with("{AQAA")
        || text.starts_with("AQICA")
}

fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 7] =
        ["changeme", "change-me", "change_me", "placeholder", "replace-me", "replace_me", "todo"];
    let wrapped = |open, close| text.starts_with(open) && text.ends_with(close);
    let has = |word: &str| {
        text.len() <= 64
            && text
                .as_bytes()
                .windows(word.len())
                .any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    };
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
        || (text.len() > 2
            && (wrapped("<", ">")
                || wrapped("{{", "}}")
                || wrapped("${{", "}}")
                || wrapped("$(", ")")
                || wrapped("%", "%")))
        || ["your-api-key", "your_api_key", "your-key", "your_key", "yourkey", "apikeyhere"]
            .iter()
            .any(|word| has(word))
}

/// Characters that no screen shows, or that look like others: also the quotes of word processors.
pub fn is_invisible(character: char) -> bool {
    matches!(character,
        '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{a0}'
        | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2018}'..='\u{201f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{3000}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("abc123", &[])]
    #[case("'abc'", &[Trap::QuotesKept])]
    #[case("abc\"", &[Trap::QuoteLostOrHalf])]
    #[case(" abc", &[Trap::LeadingSpace])]
    #[case("abc\t", &[Trap::TrailingSpace])]
    #[case("abc\r", &[Trap::TrailingCarriageReturn])]
    #[case("abc\n", &[Trap::TrailingNewline])]
    #[case("abc\\n", &[Trap::LiteralBackslashN])]
    #[case("abc # mine", &[Trap::CommentInValue])]
    #[case("op://vault/item/field", &[Trap::DynamicValue])]
    #[case("{\"key\": \"abc\"}", &[Trap::JsonWrapped])]
    #[case("a\u{200b}c", &[Trap::InvisibleCharacters])]
    #[case("\u{201c}abc\u{201d}", &[Trap::InvisibleCharacters])]
    #[case("[SENSITIVE]", &[Trap::MaskedOrUnreadable])]
    #[case("********", &[Trap::MaskedOrUnreadable])]
    #[case("<your key>", &[Trap::Placeholder])]
    #[case("sk-YOUR-API-KEY", &[Trap::Placeholder])]
    #[case("ChangeMe", &[Trap::Placeholder])]
    #[case("", &[])]
    fn a_value_shows_its_traps(#[case] value: &str, #[case] traps: &[Trap]) {
        assert_eq!(of_value(value.as_bytes()), traps);
    }

    #[test]
    fn names_are_unique_and_stable_words() {
        let mut names: Vec<&str> = Trap::ALL.iter().map(|trap| trap.name()).collect();
        assert!(names.iter().all(|name| {
            name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        }));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Trap::ALL.len());
    }
}

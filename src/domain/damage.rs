//! Damage of a value, named by flags and never by characters (SECURITY M5).

use std::fmt;

use serde::{Deserialize, Serialize};

/// One kind of damage, found from the exact bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// A space or tab before the value.
    SpaceBefore,
    /// A space or tab after the value.
    SpaceAfter,
    /// A carriage return.
    Cr,
    /// A line feed.
    Lf,
    /// A NUL byte.
    Nul,
    /// The value is wrapped in quotes, or keeps one half of a pair.
    Quoted,
    /// A zero-width or otherwise invisible character.
    ZeroWidth,
    /// A byte order mark.
    Bom,
    /// A byte outside ASCII that is visible.
    NonAscii,
    /// Shorter than every length of its format.
    Truncated,
    /// A text that stands for a key.
    Placeholder,
    /// The text that a program writes for "nothing": `None`, `null`, `undefined`.
    LiteralNone,
    /// Another provider's key.
    OtherVendor,
    /// `${NAME}`, `$(NAME)`, `{{ … }}`: a reference that nobody expanded.
    UnexpandedVariable,
    /// The word `Bearer` stands before the key.
    BearerIncluded,
}

impl Flag {
    /// The name on every screen and in the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SpaceBefore => "space-before",
            Self::SpaceAfter => "space-after",
            Self::Cr => "cr",
            Self::Lf => "lf",
            Self::Nul => "nul",
            Self::Quoted => "quoted",
            Self::ZeroWidth => "zero-width",
            Self::Bom => "bom",
            Self::NonAscii => "non-ascii",
            Self::Truncated => "truncated",
            Self::Placeholder => "placeholder",
            Self::LiteralNone => "literal-none",
            Self::OtherVendor => "other-vendor",
            Self::UnexpandedVariable => "unexpanded-variable",
            Self::BearerIncluded => "bearer-included",
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Invisible characters that people paste without seeing them, as UTF-8.
const ZERO_WIDTH: [&str; 11] = [
    "\u{200b}", "\u{200c}", "\u{200d}", "\u{200e}", "\u{200f}", "\u{2060}", "\u{00ad}", "\u{2028}",
    "\u{2029}", "\u{202e}", "\u{00a0}",
];
const BOM: &str = "\u{feff}";
const PLACEHOLDERS: [&str; 14] = [
    "changeme",
    "change-me",
    "change_me",
    "replaceme",
    "replace-me",
    "replace_me",
    "your-key",
    "your_key",
    "your-api-key",
    "your_api_key",
    "yourapikey",
    "todo",
    "xxx",
    "insert-key",
];
const NOTHING: [&str; 6] = ["none", "null", "nil", "undefined", "nan", "false"];

/// The flags that the bytes alone show, in their fixed order. Whether it is truncated or another
/// vendor's key depends on the formats and is added by the caller.
pub fn flags_of(bytes: &[u8]) -> Vec<Flag> {
    let mut flags = Vec::new();
    let mut flag = |condition: bool, flag: Flag| {
        if condition {
            flags.push(flag);
        }
    };
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    flag(bytes.first().is_some_and(blank), Flag::SpaceBefore);
    flag(bytes.last().is_some_and(blank), Flag::SpaceAfter);
    flag(bytes.contains(&b'\r'), Flag::Cr);
    flag(bytes.contains(&b'\n'), Flag::Lf);
    flag(bytes.contains(&0), Flag::Nul);
    let core = trimmed(bytes);
    flag(is_quoted(core), Flag::Quoted);
    let zero_width = ZERO_WIDTH.iter().any(|character| contains(bytes, character.as_bytes()));
    let bom = contains(bytes, BOM.as_bytes());
    flag(zero_width, Flag::ZeroWidth);
    flag(bom, Flag::Bom);
    flag(has_visible_non_ascii(bytes), Flag::NonAscii);
    let lower = core.to_ascii_lowercase();
    flag(is_placeholder(core, &lower), Flag::Placeholder);
    flag(NOTHING.iter().any(|word| lower == word.as_bytes()), Flag::LiteralNone);
    flag(is_unexpanded(core), Flag::UnexpandedVariable);
    flag(lower.starts_with(b"bearer "), Flag::BearerIncluded);
    flags
}

/// What was meant, when the damage is only around the value: the inner bytes without blanks, line
/// ends, quotes, invisible characters and the word `Bearer`. `None` when nothing would change.
pub fn repaired(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut inner = bytes;
    loop {
        let before = inner;
        inner = trimmed(inner);
        for invisible in ZERO_WIDTH.iter().chain([&BOM]) {
            inner = inner.strip_prefix(invisible.as_bytes()).unwrap_or(inner);
            inner = inner.strip_suffix(invisible.as_bytes()).unwrap_or(inner);
        }
        for quote in [b'"', b'\'', b'`'] {
            inner = inner.strip_prefix(&[quote]).unwrap_or(inner);
            inner = inner.strip_suffix(&[quote]).unwrap_or(inner);
        }
        for tail in ["\\n", "\\r"] {
            inner = inner.strip_suffix(tail.as_bytes()).unwrap_or(inner);
        }
        if inner.len() > 7 && inner[..7].eq_ignore_ascii_case(b"bearer ") {
            inner = &inner[7..];
        }
        if inner == before {
            break;
        }
    }
    (inner != bytes && !inner.is_empty()).then(|| inner.to_vec())
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let edge = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0);
    let start = bytes.iter().position(|byte| !edge(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !edge(byte)).map_or(start, |index| index + 1);
    &bytes[start..end]
}

fn is_quoted(core: &[u8]) -> bool {
    let quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'`');
    core.first().is_some_and(quote) || core.last().is_some_and(quote)
}

fn has_visible_non_ascii(bytes: &[u8]) -> bool {
    let mut rest = bytes.to_vec();
    for invisible in ZERO_WIDTH.iter().chain([&BOM]) {
        rest = remove(&rest, invisible.as_bytes());
    }
    rest.iter().any(|byte| !byte.is_ascii())
        || rest
            .iter()
            .any(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n' | 0))
}

fn is_placeholder(core: &[u8], lower: &[u8]) -> bool {
    let starred = core.windows(3).any(|window| window == b"***")
        || core.windows(3).any(|window| window == b"...")
        || contains(core, "…".as_bytes());
    let bracketed = core.len() > 2 && core.starts_with(b"<") && core.ends_with(b">");
    let known = PLACEHOLDERS.iter().any(|word| {
        lower == word.as_bytes() || (word.len() > 4 && contains(lower, word.as_bytes()))
    });
    let repeated = core.len() >= 4 && core.iter().all(|byte| matches!(byte, b'x' | b'X'));
    let url = contains(core, b"://");
    starred || bracketed || known || repeated || url
}

fn is_unexpanded(core: &[u8]) -> bool {
    (core.starts_with(b"${") && core.ends_with(b"}"))
        || (core.starts_with(b"$(") && core.ends_with(b")"))
        || (core.starts_with(b"{{") && core.ends_with(b"}}"))
        || (core.starts_with(b"%") && core.ends_with(b"%") && core.len() > 2)
        || (core.len() > 1
            && core[0] == b'$'
            && core[1..].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn remove(haystack: &[u8], needle: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(haystack.len());
    let mut rest = haystack;
    while let Some(first) = rest.first() {
        if let Some(after) = rest.strip_prefix(needle) {
            rest = after;
        } else {
            kept.push(*first);
            rest = &rest[1..];
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::clean("sk-proj-abcdefghijkl", &[])]
    #[case::before(" sk-abc", &[Flag::SpaceBefore])]
    #[case::after("sk-abc\t", &[Flag::SpaceAfter])]
    #[case::cr("sk-abc\r", &[Flag::Cr])]
    #[case::lf("sk-abc\n", &[Flag::Lf])]
    #[case::crlf("sk-abc\r\n", &[Flag::Cr, Flag::Lf])]
    #[case::nul("sk-\0abc", &[Flag::Nul])]
    #[case::quoted("\"sk-abc\"", &[Flag::Quoted])]
    #[case::half_quoted("sk-abc'", &[Flag::Quoted])]
    #[case::quoted_then_cr("\"sk-abc\"\r", &[Flag::Cr, Flag::Quoted])]
    #[case::zero_width("sk-abc\u{200b}", &[Flag::ZeroWidth])]
    #[case::no_break_space("sk-abc\u{a0}", &[Flag::ZeroWidth])]
    #[case::bom("\u{feff}sk-abc", &[Flag::Bom])]
    #[case::smart_quote("“sk-abc”", &[Flag::NonAscii])]
    #[case::stars("sk-proj-****f3A9", &[Flag::Placeholder])]
    #[case::brackets("<your key here>", &[Flag::Placeholder])]
    #[case::words("your-api-key-here", &[Flag::Placeholder])]
    #[case::url("https://api.openai.com/v1", &[Flag::Placeholder])]
    #[case::none("None", &[Flag::LiteralNone])]
    #[case::undefined("undefined", &[Flag::LiteralNone])]
    #[case::reference("${OPENAI_API_KEY}", &[Flag::UnexpandedVariable])]
    #[case::template("{{ key }}", &[Flag::UnexpandedVariable])]
    #[case::bearer("Bearer sk-abc", &[Flag::BearerIncluded])]
    fn damage_is_named(#[case] value: &str, #[case] expected: &[Flag]) {
        assert_eq!(flags_of(value.as_bytes()), expected);
    }

    #[rstest]
    #[case::clean("sk-abc", None)]
    #[case::quotes("\"sk-abc\"", Some("sk-abc"))]
    #[case::crlf("sk-abc\r\n", Some("sk-abc"))]
    #[case::quotes_inside_blanks(" 'sk-abc' ", Some("sk-abc"))]
    #[case::zero_width("\u{feff}sk-abc\u{200b}", Some("sk-abc"))]
    #[case::bearer("Bearer sk-abc", Some("sk-abc"))]
    #[case::literal_newline("sk-abc\\n", Some("sk-abc"))]
    #[case::nothing_left("\"\"", None)]
    fn repair_takes_off_what_is_around(#[case] value: &str, #[case] expected: Option<&str>) {
        assert_eq!(repaired(value.as_bytes()), expected.map(|text| text.as_bytes().to_vec()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_panic(bytes: Vec<u8>) {
            let _ = flags_of(&bytes);
            if let Some(inner) = repaired(&bytes) {
                prop_assert!(inner.len() < bytes.len());
                prop_assert_eq!(repaired(&inner), None);
            }
        }
    }
}

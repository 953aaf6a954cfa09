//! What the parser reports, in our own words.

use std::collections::BTreeSet;

use toml::de::Error;

use super::{
    excerpt::{Sheet, shown_name},
    mistake::Mistakes,
};

/// What the parser calls it, what we say, and the next step.
const WORDS: &[(&str, &str, Option<&str>)] = &[
    ("string values must be quoted", "text must stand in quotes", Some("write it as \"…\"")),
    ("missing opening quote", "a quote is missing", Some("write it as \"…\"")),
    ("missing value", "a value is missing after `=`", None),
    ("key with no value", "a field needs `=` and a value", None),
    ("missing assignment", "`=` is missing", None),
    ("extra assignment", "there is one `=` too many", None),
    ("extra `=`", "there is one `=` too many", None),
    ("unexpected `=` in array", "`=` cannot stand in an array", None),
    ("missing comma", "a comma is missing", None),
    ("extra comma", "there is one comma too many", None),
    ("unclosed array table", "the header is not closed", Some("close it with `]]`")),
    ("unclosed table", "the header is not closed", Some("close it with `]`")),
    ("unclosed array", "the array is not closed", Some("close it with `]`")),
    ("unclosed inline table", "the table is not closed", Some("close it with `}`")),
    ("missing array opening", "a bracket is closed that was never opened", None),
    ("missing inline table opening", "a brace is closed that was never opened", None),
    ("invalid unquoted key", "this name must stand in quotes", Some("write it as \"…\"")),
    ("unquoted keys cannot be empty", "a name is missing", None),
    ("keys cannot be multi-line", "a name must be on one line", None),
    (
        "missing escaped value",
        "`\\` must be followed by an escape",
        Some("write `\\\\`, or use '…'"),
    ),
    ("cannot recurse further", "this is nested too deeply", None),
    ("recursion limit", "this is nested too deeply", None),
    ("carriage return", "a carriage return without a newline", None),
    ("invalid comment character", "a control character in a comment", None),
    ("unexpected content", "nothing more can stand on this line", None),
    ("unexpected key or value", "nothing more can stand on this line", None),
];

/// Adds what the parser reports, one mistake per line: what follows on the same line only follows
/// from the first.
pub(super) fn report(sheet: &Sheet, errors: &[Error], mistakes: &mut Mistakes) {
    let mut lines = BTreeSet::new();
    for error in errors {
        let span = error.span().unwrap_or_default();
        if !lines.insert(sheet.position(span.start).line) {
            continue;
        }
        if error.message().starts_with("duplicate key") {
            let name = shown_name(sheet.text().get(span.clone()).unwrap_or_default());
            mistakes.push(sheet.mistake(span, format!("`{name}` is given twice"), false));
            continue;
        }
        let (_, what, help) = WORDS
            .iter()
            .find(|(theirs, _, _)| error.message().starts_with(theirs))
            .unwrap_or(&("", "this is not valid TOML", None));
        let mut mistake = sheet.mistake(span, *what, false);
        mistake.help = help.map(str::to_owned);
        mistakes.push(mistake);
    }
}

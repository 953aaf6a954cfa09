//! What readers written in JavaScript share: objects, `String.replace`, and `$` references.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{
    domain::{reading::Yield, secret::SecretValue},
    formats::{Contents, Environment, MOST_VALUE_BYTES, Refusal},
};

/// Most bytes that the references of one file may make a reader write, all rewriting counted.
const MOST_WORK: usize = 8 * 1024 * 1024;

/// Most references that one value may have resolved. Real ones need a handful; a loop needs all.
const MOST_REFERENCES: usize = 500;

/// Why a reader's own expansion gives no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// It never ends.
    Endless,
    /// A value that it needs comes from a command.
    Dynamic,
}

/// How much of the work for one file is left.
pub(super) struct Work {
    left: usize,
}

impl Work {
    /// All of it.
    pub(super) const fn new() -> Self {
        Self { left: MOST_WORK }
    }

    /// Takes the work of writing a text of this length.
    pub(super) fn take(&mut self, length: usize) -> Result<(), Halt> {
        if length > MOST_VALUE_BYTES {
            return Err(Halt::Endless);
        }
        self.left = self.left.checked_sub(length + 1).ok_or(Halt::Endless)?;
        Ok(())
    }
}

/// A value as a process sees it in its environment: it ends at the first NUL byte.
pub(super) fn until_nul(value: &[u8]) -> &[u8] {
    &value[..memchr::memchr(0, value).unwrap_or(value.len())]
}

/// The environment as JavaScript sees it: text, U+FFFD for what is none.
pub(super) fn environment_text(environment: &Environment) -> HashMap<&str, Vec<u8>> {
    environment
        .iter()
        .map(|(name, value)| {
            (name.as_str(), String::from_utf8_lossy(value.expose()).into_owned().into_bytes())
        })
        .collect()
}

/// The value of an occurrence, when it has one.
pub(super) fn value_of(yields: &Yield<SecretValue>) -> &[u8] {
    match yields {
        Yield::Value(value) => value.expose(),
        _ => b"",
    }
}

/// The deciding occurrences in the order in which JavaScript lists the properties of an object:
/// names that are array indices by number, then the others as they were first assigned, or by name
/// where the object was `sorted` when it was made.
pub(super) fn object_order(contents: &Contents, sorted: bool) -> Vec<usize> {
    let mut seen = HashSet::new();
    let mut first: Vec<&str> = Vec::new();
    for occurrence in &contents.occurrences {
        if seen.insert(occurrence.variable.as_str()) {
            first.push(&occurrence.variable);
        }
    }
    if sorted {
        first.sort_unstable();
    }
    first.sort_by_key(|name| array_index(name).map_or((1, 0), |index| (0, index)));
    let winners = contents.occurrences.iter().enumerate().filter(|(_, occurrence)| occurrence.wins);
    let winners: HashMap<&str, usize> =
        winners.map(|(index, occurrence)| (occurrence.variable.as_str(), index)).collect();
    first.iter().filter_map(|name| winners.get(name).copied()).collect()
}

fn array_index(name: &str) -> Option<u32> {
    let canonical = name == "0" || !name.starts_with('0');
    let digits = name.bytes().all(|byte| byte.is_ascii_digit());
    name.parse().ok().filter(|index| canonical && digits && *index != u32::MAX)
}

/// `text.replace(pattern, replacement)`: the first occurrence, and `$` patterns in the replacement.
pub(super) fn replace_first(text: &[u8], pattern: &[u8], replacement: &[u8]) -> Vec<u8> {
    let Some(start) = memchr::memmem::find(text, pattern) else { return text.to_vec() };
    let (before, after) = (&text[..start], &text[start + pattern.len()..]);
    let mut out = Vec::with_capacity(text.len() + replacement.len());
    out.extend_from_slice(before);
    let mut rest = replacement;
    while let Some(dollar) = memchr::memchr(b'$', rest) {
        out.extend_from_slice(&rest[..dollar]);
        let inserted = match rest.get(dollar + 1) {
            Some(b'$') => b"$",
            Some(b'&') => pattern,
            Some(b'`') => before,
            Some(b'\'') => after,
            _ => {
                out.push(b'$');
                rest = &rest[dollar + 1..];
                continue;
            }
        };
        out.extend_from_slice(inserted);
        if out.len() > MOST_VALUE_BYTES {
            break;
        }
        rest = &rest[dollar + 2..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(after);
    out
}

/// `\$` stands for `$`.
pub(super) fn unescape_dollars(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"\\$") {
        out.extend_from_slice(&rest[..at]);
        out.push(b'$');
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    out
}

/// A `${…}` or `$NAME`, cut into its parts.
pub(super) struct Reference<'text> {
    /// All of it.
    pub(super) template: &'text [u8],
    /// What it names.
    pub(super) name: &'text str,
    /// The operator behind the name, if there is one.
    pub(super) operator: Option<&'static str>,
    /// What follows the operator. Without one, the packages split at the word `null`.
    pub(super) word: &'text [u8],
}

/// The first reference of a text, as dotenv-expand 12 and its successors find it.
pub(super) fn first_reference(text: &[u8]) -> Option<Reference<'_>> {
    let mut brace_may_close = true;
    for dollar in memchr::memchr_iter(b'$', text) {
        if dollar > 0 && text[dollar - 1] == b'\\' {
            continue;
        }
        let rest = &text[dollar + 1..];
        if let Some(inner) = rest.strip_prefix(b"{").filter(|_| brace_may_close) {
            match inner.iter().position(|byte| matches!(byte, b'{' | b'}')) {
                Some(length) if length > 0 && inner[length] == b'}' => {
                    return split(&text[dollar..dollar + length + 3], &inner[..length]);
                }
                Some(_) => {}
                None => brace_may_close = false,
            }
        }
        let begins = rest.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
        if begins {
            let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
            let length = rest.iter().take_while(is_name).count();
            return split(&text[dollar..=dollar + length], &rest[..length]);
        }
    }
    None
}

fn split<'text>(template: &'text [u8], expression: &'text [u8]) -> Option<Reference<'text>> {
    let mut found = None;
    for (at, byte) in expression.iter().enumerate() {
        let operator = match (byte, expression.get(at + 1)) {
            (b':', Some(b'+')) => ":+",
            (b':', Some(b'-')) => ":-",
            (b'+', _) => "+",
            (b'-', _) => "-",
            _ => continue,
        };
        found = Some((at, operator));
        break;
    }
    let (at, length) = match found {
        Some((at, operator)) => (at, operator.len()),
        None => match memchr::memmem::find(expression, b"null") {
            Some(at) => (at, 4),
            None => (expression.len(), 0),
        },
    };
    Some(Reference {
        template,
        name: std::str::from_utf8(&expression[..at]).ok()?,
        operator: found.map(|(_, operator)| operator),
        word: &expression[at + length..],
    })
}

/// What takes the place of a reference in a text.
pub(super) type Resolve<'a> = dyn FnMut(&Reference<'_>, &[u8]) -> Result<Vec<u8>, Halt> + 'a;

/// Resolves the references of a text one after another, each from the start, until none is left.
///
/// `resolve` gives what takes the place of a reference in the text as it is by then; `settled`
/// says when the reader stops before that.
pub(super) fn resolve_all(
    value: &[u8],
    work: &mut Work,
    resolve: &mut Resolve<'_>,
    settled: &dyn Fn(&str, &[u8]) -> bool,
) -> Result<Vec<u8>, Halt> {
    let mut result = value.to_vec();
    for _ in 0..MOST_REFERENCES {
        let Some(reference) = first_reference(&result) else { return Ok(result) };
        work.take(result.len())?;
        let replacement = resolve(&reference, &result)?;
        work.take(replacement.len())?;
        let next = replace_first(&result, reference.template, &replacement);
        let stops = settled(reference.name, &next);
        result = next;
        if stops {
            return Ok(result);
        }
    }
    Err(Halt::Endless)
}

/// What stands for a text in a set of texts that were seen.
pub(super) fn trace(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The refusal that stands for a reader which never comes back.
pub(super) fn endless(contents: &Contents, index: usize) -> Refusal {
    Refusal {
        position: contents.occurrences[index].place.position,
        reason: "the references lead back to themselves; this reader never ends",
    }
}

/// JavaScript's `\s`.
pub(super) const fn is_space(character: char) -> bool {
    matches!(character,
        '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}'
        | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}')
}

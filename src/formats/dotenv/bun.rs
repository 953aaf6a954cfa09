//! Bun 1.4's own loader (`bun --env-file`, and `.env` by itself).
//!
//! Names and values are found much as dotenv finds them; the first quote that no backslash precedes
//! closes a value. Every value is then expanded, single quotes or not:
//! `$NAME`, `${NAME}`, `${NAME:-default}`, and `\$` for a dollar.

use std::collections::HashMap;

use crate::{
    domain::{reading::Yield, secret::SecretValue},
    formats::{
        Contents, Environment, MOST_VALUE_BYTES, Refusal,
        dotenv::{
            collector::Collector,
            javascript::{until_nul, value_of},
            source::{Decoding, Invalid, Returns, Source},
        },
    },
};

/// Defaults inside defaults go no deeper than this.
const DEEPEST: usize = 64;

/// Reads a file as Bun does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let decoding =
        Decoding { drops_byte_order_mark: true, invalid: Invalid::Kept, returns: Returns::Kept };
    let source = Source::decode(bytes, decoding)?;
    let mut collector = Collector::new(&source, environment);
    let text = source.text();
    let mut at = 0;
    while at < text.len() {
        let line = at + spaces(&text[at..]);
        let Some(head) = name(text, at, true) else {
            if line < text.len() && text[line] != b'#' {
                collector.problem(line, "a line that is no assignment; Bun passes it over");
            }
            at = line;
            at += text[at..]
                .iter()
                .position(|byte| matches!(byte, b'\n' | b'\r'))
                .map_or(text.len() - at, |length| length + 1);
            continue;
        };
        let name = std::str::from_utf8(&text[head.name]).unwrap_or_default();
        let value = value(text, head.end);
        collector.assign(name, value.at, value.bytes);
        at = value.end;
    }
    expand_all(collector.finish(), environment)
}

struct Head {
    name: std::ops::Range<usize>,
    /// Behind the sign.
    end: usize,
}

/// The name at `at` with its sign; `export` before it when `exports`.
fn name(text: &[u8], at: usize, exports: bool) -> Option<Head> {
    let start = if exports { at + spaces(&text[at..]) } else { at };
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'_' | b'-' | b'.');
    let end = start + text[start..].iter().take_while(is_name).count();
    if end == start || end == text.len() {
        return None;
    }
    let sign = end + spaces(&text[end..]);
    if exports
        && sign > end
        && &text[start..end] == b"export"
        && let Some(head) = name(text, sign, false)
    {
        return Some(head);
    }
    let name = start..end;
    match text.get(sign)? {
        b'=' => Some(Head { name, end: sign + 1 }),
        b':' if text.get(sign + 1).is_some_and(|byte| is_space(*byte)) => {
            Some(Head { name, end: sign + 2 })
        }
        _ => None,
    }
}

struct Value {
    at: usize,
    bytes: Vec<u8>,
    end: usize,
}

fn value(text: &[u8], at: usize) -> Value {
    // A quote may open on a line below.
    let open = at + spaces(&text[at..]);
    if let Some(quote @ (b'`' | b'"' | b'\'')) = text.get(open).copied()
        && let Some(value) = quoted(text, open, quote)
    {
        return value;
    }
    let at = at + text[at..].iter().take_while(|byte| is_blank(**byte)).count();
    let rest = &text[at..];
    let length = rest.iter().position(|byte| matches!(byte, b'#' | b'\r' | b'\n'));
    let line = &rest[..length.unwrap_or(rest.len())];
    let trailing = line.iter().rev().take_while(|byte| is_blank(**byte)).count();
    Value { at, bytes: line[..line.len() - trailing].to_vec(), end: at + line.len() }
}

/// The value between the quote at `open` and the first that no backslash precedes; what follows on
/// its line does not count.
fn quoted(text: &[u8], open: usize, quote: u8) -> Option<Value> {
    let mut at = open + 1;
    while at < text.len() {
        if text[at] == b'\\' {
            at += 2;
        } else if text[at] == quote {
            let bytes = decode(&text[open + 1..at], quote);
            let rest = &text[at..];
            let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            return Some(Value { at: open + 1, bytes, end: at + length });
        } else {
            at += 1;
        }
    }
    None
}

fn decode(text: &[u8], quote: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if quote == b'"' => match bytes.next() {
                Some(b'n') => out.push(b'\n'),
                Some(b'r') => out.push(b'\r'),
                Some(escaped) => out.extend_from_slice(&[b'\\', escaped]),
                None => out.push(b'\\'),
            },
            b'\r' => {
                if bytes.peek() != Some(&b'\n') {
                    out.push(b'\n');
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// Expands the file's values one after another, as first assigned; each sees what the others are
/// by then.
fn expand_all(mut contents: Contents, environment: &Environment) -> Result<Contents, Refusal> {
    let mut order: Vec<&str> = Vec::new();
    let mut winners: HashMap<&str, usize> = HashMap::new();
    for (index, occurrence) in contents.occurrences.iter().enumerate() {
        if winners.insert(&occurrence.variable, index).is_none() {
            order.push(&occurrence.variable);
        }
    }
    let mut values: HashMap<&str, Vec<u8>> = winners
        .iter()
        .map(|(name, index)| (*name, value_of(&contents.occurrences[*index].yields).to_vec()))
        .collect();
    let mut total = 0;
    let mut expanded = Vec::with_capacity(order.len());
    for name in order {
        let index = winners[name];
        let look_up = |name: &str| {
            let preset = environment.get(name).map(SecretValue::expose);
            preset.or_else(|| values.get(name).map(Vec::as_slice))
        };
        let value = values.get(name).cloned().unwrap_or_default();
        let value = expand(&value, &look_up, DEEPEST).unwrap_or(value);
        total += value.len();
        if total > MOST_VALUE_BYTES {
            return Err(Refusal {
                position: contents.occurrences[index].place.position,
                reason: "the references make values of more than 4 MiB; not read",
            });
        }
        expanded.push((index, value.clone()));
        values.insert(name, value);
    }
    for (index, value) in expanded {
        let seen = String::from_utf8_lossy(until_nul(&value)).into_owned();
        contents.occurrences[index].yields = Yield::Value(SecretValue::new(seen));
    }
    Ok(contents)
}

/// From start to end; what a default holds is expanded when it is needed. `None` when there is too
/// much to resolve.
fn expand<'a>(
    text: &[u8],
    look_up: &dyn Fn(&str) -> Option<&'a [u8]>,
    depth: usize,
) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = memchr::memchr(b'$', rest) {
        if out.len() > MOST_VALUE_BYTES || depth == 0 {
            return None;
        }
        let after = &rest[dollar + 1..];
        if let Some(before) = rest[..dollar].strip_suffix(b"\\") {
            out.extend_from_slice(before);
            out.push(b'$');
            rest = after;
            continue;
        }
        out.extend_from_slice(&rest[..dollar]);
        let Some(inner) = after.strip_prefix(b"{") else {
            let (name, tail) = split_name(after);
            if name.is_empty() {
                out.push(b'$');
            }
            out.extend_from_slice(look_up(name).unwrap_or_default());
            rest = tail;
            continue;
        };
        let Some(length) = closing_brace(inner) else {
            out.extend_from_slice(&rest[dollar..]);
            return Some(out);
        };
        let (name, operator) = split_name(&inner[..length]);
        match (look_up(name), operator.strip_prefix(b":-")) {
            (Some(value), Some(_)) => out.extend_from_slice(value),
            (None, Some(default)) => out.extend(expand(default, look_up, depth - 1)?),
            (value, None) if operator.is_empty() => {
                out.extend_from_slice(value.unwrap_or_default());
            }
            _ => out.extend_from_slice(&rest[dollar..=dollar + 2 + length]),
        }
        rest = &inner[length + 1..];
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// The word at the start of a text, and what follows it.
fn split_name(text: &[u8]) -> (&str, &[u8]) {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let (name, rest) = text.split_at(text.iter().take_while(is_name).count());
    (std::str::from_utf8(name).unwrap_or_default(), rest)
}

/// Where the brace stands that closes a reference; others may stand inside.
fn closing_brace(text: &[u8]) -> Option<usize> {
    let mut open = 1_usize;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 1,
            b'$' if text.get(at + 1) == Some(&b'{') => {
                open += 1;
                at += 1;
            }
            b'}' if open == 1 => return Some(at),
            b'}' => open -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

fn spaces(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_space(**byte)).count()
}

/// Bun's white space.
const fn is_space(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b'\n' | b'\r')
}

/// White space within a line.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x0b | 0x0c | b' ')
}

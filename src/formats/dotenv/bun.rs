//! Bun 1.4's own loader (`bun --env-file`, and `.env` by itself).
//!
//! Names and values are found much as dotenv finds them; the first quote that no backslash precedes
//! closes a value. Every value is then expanded from its end to its start, single quotes or not:
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

/// Most bytes that the references of one value may have to be looked for in.
const MOST_STEPS: usize = 32 * 1024 * 1024;

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
    let at = at + text[at..].iter().take_while(|byte| is_blank(**byte)).count();
    if let Some(quote @ (b'`' | b'"' | b'\'')) = text.get(at).copied()
        && let Some(value) = quoted(text, at, quote)
    {
        return value;
    }
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
        let value = expand(&value, &look_up).unwrap_or(value);
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

/// From the end to the start, so that a reference may stand in a default; `None` when there is too
/// much to resolve.
fn expand<'a>(value: &[u8], look_up: &dyn Fn(&str) -> Option<&'a [u8]>) -> Option<Vec<u8>> {
    // What is done with, last byte first.
    let mut done: Vec<u8> = Vec::with_capacity(value.len());
    let mut at = value.len();
    let mut steps = MOST_STEPS;
    while at > 0 {
        at -= 1;
        if value[at] == b'$' && at > 0 && value[at - 1] == b'\\' {
            done.push(b'$');
            at -= 1;
        } else if value[at] == b'$'
            && names_something(&value[at + 1..])
            && let Some((name, default, length)) = reference(&done, &mut steps)
        {
            let value = look_up(&name).map_or(default, <[u8]>::to_vec);
            done.truncate(done.len() - length);
            done.extend(value.iter().rev());
        } else {
            done.push(value[at]);
        }
        if done.len() > MOST_VALUE_BYTES || steps == 0 {
            return None;
        }
    }
    done.reverse();
    Some(done)
}

/// A name stands behind the `$` in the file itself, not only once something is resolved.
fn names_something(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"{").unwrap_or(text);
    text.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// A reference behind a `$`, in a text that is held last byte first: its name, its default and its
/// length.
fn reference(done: &[u8], steps: &mut usize) -> Option<(String, Vec<u8>, usize)> {
    let mut text = done.iter().rev().copied();
    let open = done.last() == Some(&b'{');
    if open {
        text.next();
    }
    let rest = text.clone();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let name: Vec<u8> = text.by_ref().take_while(is_name).collect();
    *steps = steps.saturating_sub(name.len());
    let name = String::from_utf8(name).ok().filter(|name| !name.is_empty())?;
    let mut length = usize::from(open) + name.len();
    let mut rest = rest.skip(name.len()).peekable();
    if !open {
        return Some((name, Vec::new(), length));
    }
    if rest.peek() == Some(&b'}') {
        return Some((name, Vec::new(), length + 1));
    }
    if rest.next() != Some(b':') || rest.next() != Some(b'-') {
        return None;
    }
    let default: Vec<u8> = rest.clone().take_while(|byte| !matches!(byte, b'}' | b'\\')).collect();
    *steps = steps.saturating_sub(default.len());
    length += 2 + default.len();
    match rest.nth(default.len())? {
        b'}' => Some((name, default, length + 1)),
        _ => Some((name, default, length)),
    }
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

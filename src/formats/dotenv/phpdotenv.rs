//! PHP's `vlucas/phpdotenv` 5, also behind Laravel.
//!
//! A line with `="` and no second unescaped quote goes on until one comes. Values are read by a
//! small automaton, any surprise of which is an error for the whole file; `${NAME}` is resolved
//! from the lines above and otherwise stays.

use crate::formats::{
    Contents, Environment, MOST_VALUE_BYTES, Refusal,
    dotenv::{
        characters::through_json,
        collector::{Collector, bytes_of},
        source::{Decoding, Invalid, Returns, Source},
    },
};

/// No name of a reference is longer than this.
const LONGEST_NAME: usize = 32 * 1024;

/// Reads a file as `Dotenv::parse` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    read_with(bytes, environment, false)
}

/// Reads a file as `load` and `safeLoad` do, which see the environment too.
pub(super) fn read_to_load(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    read_with(bytes, environment, true)
}

fn read_with(bytes: &[u8], environment: &Environment, loads: bool) -> Result<Contents, Refusal> {
    let decoding = Decoding {
        drops_byte_order_mark: true,
        invalid: Invalid::Kept,
        returns: Returns::Newlines,
    };
    let source = Source::decode(bytes, decoding)?;
    let mut collector = Collector::new(&source, environment);
    let text = source.text();
    let mut at = 0;
    let mut entry = None;
    for line in text.split(|byte| *byte == b'\n') {
        let end = at + line.len();
        let starts = memchr::memmem::find(line, b"=\"").is_some() && !stops(line, true);
        if starts && entry.is_none() {
            entry = Some(at);
        }
        match entry {
            Some(start) if stops(line, starts) => {
                read_entry(&mut collector, &text[start..end], start, loads)?;
                entry = None;
            }
            Some(_) => {}
            None => read_entry(&mut collector, line, at, loads)?,
        }
        at = end + 1;
    }
    if let Some(start) = entry {
        let reason = "a quote that is never closed; phpdotenv loads nothing of the file";
        return Err(collector.refusal(start, reason));
    }
    Ok(collector.finish())
}

/// A value of several lines may end with this line.
fn stops(line: &[u8], started: bool) -> bool {
    if line == b"\"" {
        return true;
    }
    let mut single = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = memchr::memmem::find(rest, b"\\\\") {
        single.extend_from_slice(&rest[..at]);
        rest = &rest[at + 2..];
    }
    single.extend_from_slice(rest);
    let quotes =
        single.windows(2).filter(|pair| pair[1] == b'"' && !matches!(pair[0], b'\\')).count();
    if started { quotes > 1 } else { quotes >= 1 }
}

fn read_entry(
    collector: &mut Collector<'_>,
    entry: &[u8],
    start: usize,
    loads: bool,
) -> Result<(), Refusal> {
    let trimmed = trim(entry);
    if trimmed.is_empty() || trimmed.starts_with(b"#") {
        return Ok(());
    }
    let sign = memchr::memchr(b'=', entry);
    let name = match sign {
        Some(sign) => trim(&entry[..sign]),
        None => entry,
    };
    let name = match name {
        [b'e', b'x', b'p', b'o', b'r', b't', space, rest @ ..]
            if name.len() >= 8 && is_space(*space) =>
        {
            trim_start(rest)
        }
        name => name,
    };
    let name = match name {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] if !inner.is_empty() => inner,
        name => name,
    };
    if name.is_empty() || !name.iter().all(|byte| is_name(*byte)) {
        let reason = "a name that phpdotenv does not take; it loads nothing of the file";
        return Err(collector.refusal(start, reason));
    }
    let name = std::str::from_utf8(name).unwrap_or_default();
    let Some(sign) = sign else {
        collector.unset(name, start);
        return Ok(());
    };
    let value = trim(&entry[sign + 1..]);
    let indent = entry[sign + 1..].len() - trim_start(&entry[sign + 1..]).len();
    let at = start + sign + 1 + indent;
    let parsed = parse(value).map_err(|reason| collector.refusal(at, reason))?;
    let value = resolve(collector, &parsed, loads);
    collector.bounded(at, &value)?;
    let quote = usize::from(matches!(entry.get(at - start), Some(b'"' | b'\'')));
    // A parsed array leaves PHP as JSON; an environment has the bytes.
    let value = if loads { value } else { through_json(&value) };
    collector.assign(name, at + quote, value);
    Ok(())
}

/// A value, and where in it a `$` may begin a reference.
#[derive(Default)]
struct Parsed {
    text: Vec<u8>,
    dollars: Vec<usize>,
}

#[derive(Clone, Copy)]
enum State {
    Initial,
    Unquoted,
    SingleQuoted,
    DoubleQuoted,
    Escape,
    Ended,
    Comment,
}

fn parse(value: &[u8]) -> Result<Parsed, &'static str> {
    let mut parsed = Parsed::default();
    let mut state = State::Initial;
    for byte in value.iter().copied() {
        state = match (state, byte) {
            (State::Initial, b'\'') => State::SingleQuoted,
            (State::Initial, b'"') => State::DoubleQuoted,
            (State::Comment, _) | (State::Initial | State::Unquoted | State::Ended, b'#') => {
                State::Comment
            }
            (State::Unquoted | State::Ended, space) if is_space(space) => State::Ended,
            (State::Ended, _) => return Err("more than a comment behind the value"),
            (State::SingleQuoted, b'\'') | (State::DoubleQuoted, b'"') => State::Ended,
            (State::DoubleQuoted, b'\\') => State::Escape,
            (State::Initial | State::Unquoted | State::DoubleQuoted, b'$') => {
                parsed.dollars.push(parsed.text.len());
                parsed.text.push(b'$');
                if matches!(state, State::DoubleQuoted) { state } else { State::Unquoted }
            }
            (State::Escape, escaped) => {
                parsed.text.push(match escaped {
                    b'"' | b'\\' | b'$' => escaped,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'v' => 11,
                    _ => return Err("a backslash before a character that takes none"),
                });
                State::DoubleQuoted
            }
            (State::SingleQuoted | State::DoubleQuoted, other) => {
                parsed.text.push(other);
                state
            }
            (State::Initial | State::Unquoted, other) => {
                parsed.text.push(other);
                State::Unquoted
            }
        };
    }
    match state {
        State::SingleQuoted | State::DoubleQuoted | State::Escape => {
            Err("a quote that is never closed; phpdotenv loads nothing of the file")
        }
        _ => Ok(parsed),
    }
}

/// Resolves the references from the last to the first, so that one may stand inside another.
fn resolve(collector: &Collector<'_>, parsed: &Parsed, loads: bool) -> Vec<u8> {
    // What is done with, last byte first.
    let mut done: Vec<u8> = Vec::with_capacity(parsed.text.len());
    let mut end = parsed.text.len();
    for dollar in parsed.dollars.iter().rev() {
        done.extend(parsed.text[*dollar..end].iter().rev());
        end = *dollar;
        let name: Vec<u8> = done
            .iter()
            .rev()
            .skip(2)
            .take(LONGEST_NAME)
            .copied()
            .take_while(|b| is_name(*b))
            .collect();
        let length = name.len() + 3;
        let braced = done.len() >= length
            && done[done.len() - 2] == b'{'
            && done[done.len() - length] == b'}'
            && !name.is_empty();
        if !braced {
            continue;
        }
        let name = std::str::from_utf8(&name).unwrap_or_default();
        let inherited = collector.inherited(name).filter(|_| loads);
        let value = inherited.or_else(|| bytes_of(collector.assigned(name)));
        if let Some(value) = value.filter(|value| value.len() + done.len() <= 2 * MOST_VALUE_BYTES)
        {
            done.truncate(done.len() - length);
            done.extend(value.iter().rev());
        }
    }
    done.extend(parsed.text[..end].iter().rev());
    done.reverse();
    done
}

/// PHP's `trim`.
fn trim(text: &[u8]) -> &[u8] {
    let text = trim_start(text);
    &text[..text.len() - text.iter().rev().take_while(|byte| is_trimmed(**byte)).count()]
}

fn trim_start(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|byte| is_trimmed(**byte)).count()..]
}

const fn is_trimmed(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0x0b | 0)
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

//! systemd: `EnvironmentFile=` of a unit, and the files of `environment.d`.
//!
//! One small automaton over the bytes: quotes count at the start of a value and behind a quoted
//! piece, a comment only at the start of a line, and a backslash continues a line. The whole file
//! is refused for a NUL byte or text that is not UTF-8. `environment.d` resolves references, too.

use crate::formats::{
    Contents, Environment, MOST_VALUE_BYTES, Refusal,
    dotenv::{
        collector::{Collector, bytes_of},
        source::{Decoding, Invalid, Returns, Source},
    },
};

/// Braces inside defaults of references go no deeper than this.
const DEEPEST: usize = 64;

/// Reads a file as `EnvironmentFile=` does since systemd 254.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    read_with(bytes, environment, Rules { comments_continue: false, expands: false })
}

/// Reads a file as `EnvironmentFile=` does before systemd 254, where a backslash continued a
/// comment as well.
pub(super) fn read_before_254(
    bytes: &[u8],
    environment: &Environment,
) -> Result<Contents, Refusal> {
    read_with(bytes, environment, Rules { comments_continue: true, expands: false })
}

/// Reads a file of `environment.d`.
pub(super) fn read_environment_d(
    bytes: &[u8],
    environment: &Environment,
) -> Result<Contents, Refusal> {
    read_with(bytes, environment, Rules { comments_continue: false, expands: true })
}

#[derive(Clone, Copy)]
struct Rules {
    comments_continue: bool,
    expands: bool,
}

fn read_with(bytes: &[u8], environment: &Environment, rules: Rules) -> Result<Contents, Refusal> {
    let decoding =
        Decoding { drops_byte_order_mark: false, invalid: Invalid::Kept, returns: Returns::Kept };
    let source = Source::decode(bytes, decoding)?;
    let mut collector = Collector::new(&source, environment);
    let text = source.text();
    if let Some(at) = memchr::memchr(0, text) {
        if rules.expands {
            collector.problem(at, "a NUL byte; systemd loads nothing of the file");
            return Ok(collector.finish());
        }
        return Err(collector.refusal(at, "a NUL byte; systemd loads nothing of the file"));
    }
    let mut found = Ok(());
    scan(text, rules.comments_continue, &mut |assignment| {
        if found.is_ok() {
            found = record(&mut collector, &assignment, rules.expands);
        }
    });
    found.map(|()| collector.finish())
}

/// One `NAME=value`, neither checked.
struct Assignment<'text> {
    name: &'text [u8],
    /// Where the name starts.
    at: usize,
    value: Vec<u8>,
    /// Where the value starts.
    value_at: usize,
    /// Nothing was written for a value, not even a pair of quotes with something in it.
    missing: bool,
}

fn record(
    collector: &mut Collector<'_>,
    assignment: &Assignment<'_>,
    expands: bool,
) -> Result<(), Refusal> {
    let Assignment { name, at, value, value_at, missing } = assignment;
    for (text, at) in [(*name, *at), (value, *value_at)] {
        if !is_text(text) {
            return Err(collector.refusal(at, "not UTF-8; systemd loads nothing of the file"));
        }
    }
    let name = std::str::from_utf8(name).unwrap_or_default();
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !named {
        collector.problem(*at, "a name that systemd does not take; the line is skipped");
    } else if expands && *missing {
        collector.problem(*at, "a name without a value; environment.d skips the line");
    } else if expands {
        let value = replace(collector, value, DEEPEST);
        collector.bounded(*value_at, &value)?;
        collector.assign(name, *value_at, value);
    } else {
        collector.assign(name, *value_at, value.as_slice());
    }
    Ok(())
}

/// UTF-8 without U+FFFE and U+FFFF, which systemd takes for none.
fn is_text(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| !text.contains(['\u{fffe}', '\u{ffff}', '\u{fdd0}']))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    BeforeName,
    Name,
    BeforeValue,
    Value,
    ValueEscape,
    SingleQuoted,
    DoubleQuoted,
    DoubleQuotedEscape,
    Comment,
    CommentEscape,
}

fn scan(text: &[u8], comments_continue: bool, emit: &mut dyn FnMut(Assignment<'_>)) {
    let mut state = State::BeforeName;
    let mut name = 0..0;
    let mut value = Vec::new();
    let mut value_at = 0;
    // How much of the value stays when the line ends in white space.
    let mut kept = None;
    let mut push_out = |name: &std::ops::Range<usize>, value: &mut Vec<u8>, value_at| {
        let written = &text[name.clone()];
        let trailing = written.iter().rev().take_while(|byte| is_space(**byte)).count();
        let missing = value.is_empty();
        emit(Assignment {
            name: &written[..written.len() - trailing],
            at: name.start,
            value: std::mem::take(value),
            value_at,
            missing,
        });
    };
    for (at, byte) in text.iter().copied().enumerate() {
        let ends_line = matches!(byte, b'\n' | b'\r');
        match state {
            State::BeforeName if matches!(byte, b'#' | b';') => state = State::Comment,
            State::BeforeName => {
                if !is_space(byte) {
                    name = at..at;
                    state = State::Name;
                }
            }
            State::Name if ends_line => state = State::BeforeName,
            State::Name => {
                if byte == b'=' {
                    name.end = at;
                    value_at = at + 1;
                    kept = None;
                    state = State::BeforeValue;
                }
            }
            State::BeforeValue if ends_line => {
                push_out(&name, &mut value, value_at);
                state = State::BeforeName;
            }
            State::BeforeValue if is_space(byte) => {}
            State::BeforeValue => {
                if value.is_empty() {
                    value_at = at;
                }
                state = match byte {
                    b'\'' => State::SingleQuoted,
                    b'"' => State::DoubleQuoted,
                    b'\\' => State::ValueEscape,
                    other => {
                        value.push(other);
                        State::Value
                    }
                };
                if matches!(byte, b'\'' | b'"') && value.is_empty() {
                    value_at = at + 1;
                }
            }
            State::Value if ends_line => {
                value.truncate(kept.unwrap_or(value.len()));
                push_out(&name, &mut value, value_at);
                state = State::BeforeName;
            }
            State::Value if byte == b'\\' => {
                kept = None;
                state = State::ValueEscape;
            }
            State::Value => {
                kept = if is_space(byte) { kept.or(Some(value.len())) } else { None };
                value.push(byte);
            }
            State::ValueEscape => {
                if !ends_line {
                    value.push(byte);
                }
                state = State::Value;
            }
            State::SingleQuoted if byte == b'\'' => state = State::BeforeValue,
            State::SingleQuoted => value.push(byte),
            State::DoubleQuoted => match byte {
                b'"' => state = State::BeforeValue,
                b'\\' => state = State::DoubleQuotedEscape,
                other => value.push(other),
            },
            State::DoubleQuotedEscape => {
                match byte {
                    b'"' | b'\\' | b'`' | b'$' => value.push(byte),
                    b'\n' => {}
                    other => value.extend_from_slice(&[b'\\', other]),
                }
                state = State::DoubleQuoted;
            }
            State::Comment if byte == b'\\' => state = State::CommentEscape,
            State::Comment if ends_line => state = State::BeforeName,
            State::Comment => {}
            State::CommentEscape if ends_line && !comments_continue => state = State::BeforeName,
            State::CommentEscape => state = State::Comment,
        }
    }
    match state {
        State::BeforeName | State::Name | State::Comment | State::CommentEscape => {}
        State::Value => {
            value.truncate(kept.unwrap_or(value.len()));
            push_out(&name, &mut value, value_at);
        }
        _ => push_out(&name, &mut value, value_at),
    }
}

/// The references of `environment.d`: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`, and
/// `$$` for a dollar; the file's own values before those of the environment.
fn replace(collector: &Collector<'_>, text: &[u8], depth: usize) -> Vec<u8> {
    let look_up = |name: &[u8]| {
        let name = std::str::from_utf8(name).unwrap_or_default();
        bytes_of(collector.assigned(name)).or_else(|| collector.inherited(name))
    };
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut nest = 0;
    while let Some(dollar) = memchr::memchr(b'$', rest) {
        out.extend_from_slice(&rest[..dollar]);
        if out.len() > MOST_VALUE_BYTES {
            break;
        }
        let after = &rest[dollar + 1..];
        match after.first() {
            Some(b'$') => {
                out.push(b'$');
                rest = &after[1..];
            }
            Some(b'{') => {
                let Braced { name, test, length } = match braced(&after[1..], &mut nest) {
                    Ok(braced) => braced,
                    Err(length) => {
                        out.extend_from_slice(&rest[dollar..dollar + 2 + length]);
                        rest = &after[1 + length..];
                        continue;
                    }
                };
                let value = look_up(name);
                match (test, value) {
                    (Some((b'+', word)), Some(_)) | (Some((b'-', word)), None) if depth > 0 => {
                        out.extend(replace(collector, word, depth - 1));
                    }
                    (Some((b'+', _)), None) => {}
                    _ => out.extend_from_slice(value.unwrap_or_default()),
                }
                rest = &after[1 + length..];
            }
            Some(byte) if is_name(&byte) => {
                let length = after.iter().take_while(is_name).count();
                out.extend_from_slice(look_up(&after[..length]).unwrap_or_default());
                rest = &after[length..];
            }
            _ => {
                out.push(b'$');
                rest = after;
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

struct Braced<'text> {
    name: &'text [u8],
    test: Option<(u8, &'text [u8])>,
    length: usize,
}

/// What stands behind `${`, up to its brace; or how much of it systemd leaves as it is. A brace
/// that an earlier reference left open is still counted, as it is there.
fn braced<'text>(text: &'text [u8], nest: &mut usize) -> Result<Braced<'text>, usize> {
    *nest += 1;
    let end = memchr::memchr2(b'}', b':', text).ok_or(text.len())?;
    let name = &text[..end];
    if text[end] == b'}' {
        *nest -= 1;
        return Ok(Braced { name, test: None, length: end + 1 });
    }
    let sign = *text.get(end + 1).ok_or(text.len())?;
    if !matches!(sign, b'-' | b'+') {
        return Err(end + 2);
    }
    let word = &text[end + 2..];
    for (at, byte) in word.iter().enumerate() {
        match byte {
            b'{' => *nest += 1,
            b'}' => *nest -= 1,
            _ => {}
        }
        if *byte == b'}' && *nest == 0 {
            let tested = Some((sign, &word[..at]));
            return Ok(Braced { name, test: tested, length: end + 2 + at + 1 });
        }
    }
    Err(text.len())
}

/// systemd's own white space.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

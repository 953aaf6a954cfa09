//! python-dotenv, as `dotenv_values` and `load_dotenv` read a file, in its versions.
//!
//! A bad statement is passed over with a warning, up to the end of the line in which it went
//! wrong. `${NAME}` and `${NAME:-default}` are resolved in every value, single quotes included,
//! the file before the environment.

use std::borrow::Cow;

use crate::{
    domain::{reading::Yield, secret::SecretValue},
    formats::{
        Contents, Environment, MOST_VALUE_BYTES, Refusal,
        dotenv::{
            characters::{is_python_space, leading, line, trim_end},
            collector::Collector,
            source::{Decoding, Invalid, Returns, Source},
        },
    },
};

/// Reads a file as python-dotenv 1.2.4 and later do.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    read_with(bytes, environment, NEWEST)
}

/// Reads a file as python-dotenv 1.2.3 does.
pub(super) fn read_1_2_3(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    read_with(bytes, environment, RULES_1_2_3)
}

/// Reads a file as python-dotenv before 1.2.3 does.
pub(super) fn read_1_1(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    read_with(bytes, environment, RULES_1_1)
}

/// Reads a file as `load_dotenv` does, for which the environment goes before the file.
pub(super) fn load(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    read_with(bytes, environment, Rules { environment_first: true, ..NEWEST })
}

/// The same of 1.2.3.
pub(super) fn load_1_2_3(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    read_with(bytes, environment, Rules { environment_first: true, ..RULES_1_2_3 })
}

/// The same of versions before 1.2.3.
pub(super) fn load_1_1(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    read_with(bytes, environment, Rules { environment_first: true, ..RULES_1_1 })
}

/// Reads a file as docker-compose 1 does with python-dotenv 0.21.
pub(super) fn read_for_compose_1(
    bytes: &[u8],
    environment: &Environment,
) -> Result<Contents, Refusal> {
    let rules = Rules {
        keeps_byte_order_mark: false,
        closes_behind_backslash: true,
        comment_is_value: true,
        passes_names_through: true,
        environment_first: false,
    };
    read_with(bytes, environment, rules)
}

/// What differs between the versions.
#[derive(Clone, Copy)]
struct Rules {
    keeps_byte_order_mark: bool,
    /// A quote behind a backslash closes the value after all when no other one does.
    closes_behind_backslash: bool,
    /// `NAME= # text` gives the text.
    comment_is_value: bool,
    /// A name without a value passes the variable through.
    passes_names_through: bool,
    /// A reference sees the environment before the file.
    environment_first: bool,
}

/// The rules since 1.2.4.
const NEWEST: Rules = Rules {
    keeps_byte_order_mark: false,
    closes_behind_backslash: false,
    comment_is_value: false,
    passes_names_through: false,
    environment_first: false,
};

const RULES_1_2_3: Rules = Rules { comment_is_value: true, ..NEWEST };

const RULES_1_1: Rules =
    Rules { keeps_byte_order_mark: true, closes_behind_backslash: true, ..RULES_1_2_3 };

fn read_with(bytes: &[u8], environment: &Environment, rules: Rules) -> Result<Contents, Refusal> {
    let decoding = Decoding {
        drops_byte_order_mark: !rules.keeps_byte_order_mark,
        invalid: Invalid::Refused,
        returns: Returns::Newlines,
    };
    let source = Source::decode(bytes, decoding)?;
    let mut collector = Collector::new(&source, environment);
    let text = source.text();
    let mut at = leading(text, is_python_space);
    while at < text.len() {
        let start = at;
        at = match read_statement(text, start, rules) {
            Ok(statement) => {
                statement.record(&mut collector, rules)?;
                statement.end
            }
            Err(Unread { at }) => {
                collector.problem(start, "a statement that python-dotenv cannot read and skips");
                at + line(text, at).len()
            }
        };
        at += leading(&text[at..], is_python_space);
    }
    Ok(collector.finish())
}

/// The reader stopped here; the rest of this line is lost.
struct Unread {
    at: usize,
}

/// One statement: a name, and maybe a value that stands at `at`.
struct Statement<'text> {
    name: Option<&'text [u8]>,
    value: Option<Cow<'text, [u8]>>,
    at: usize,
    end: usize,
}

impl Statement<'_> {
    fn record(&self, collector: &mut Collector<'_>, rules: Rules) -> Result<(), Refusal> {
        let Some(name) = self.name else { return Ok(()) };
        let name = std::str::from_utf8(name).unwrap_or_default();
        match &self.value {
            Some(value) => {
                let value = resolve(collector, value, rules);
                collector.bounded(self.at, &value)?;
                collector.assign(name, self.at, value);
            }
            None if rules.passes_names_through && collector.inherited(name).is_some() => {
                collector.inherit(name, self.at);
            }
            None => collector.unset(name, self.at),
        }
        Ok(())
    }
}

/// Reads the statement that starts at `start`, up to the end of its line.
fn read_statement(text: &[u8], start: usize, rules: Rules) -> Result<Statement<'_>, Unread> {
    let name_start = start + export_length(&text[start..]);
    let (name, mut at) = read_name(text, name_start)?;
    at += leading(&text[at..], is_blank);
    let mut statement = Statement { name, value: None, at: name_start, end: 0 };
    if text.get(at) == Some(&b'=') {
        let blank = leading(&text[at + 1..], is_blank);
        at += 1 + blank;
        let (value, value_at, end) =
            if blank > 0 && !rules.comment_is_value && text.get(at) == Some(&b'#') {
                (Cow::Borrowed(&b""[..]), at, at)
            } else {
                read_value(text, at, rules)?
            };
        (statement.value, statement.at, at) = (Some(value), value_at, end);
    }
    let comment = at + leading(&text[at..], is_blank);
    if text.get(comment) == Some(&b'#') {
        at = comment + line(text, comment).len();
    }
    let end = at + leading(&text[at..], is_blank);
    match text.get(end) {
        None | Some(b'\n') => Ok(Statement { end, ..statement }),
        Some(_) => Err(Unread { at }),
    }
}

/// `export` and the blanks behind it.
fn export_length(text: &[u8]) -> usize {
    match text.strip_prefix(b"export") {
        Some(rest) if leading(rest, is_blank) > 0 => b"export".len() + leading(rest, is_blank),
        _ => 0,
    }
}

/// The name at `at`, none for a comment, and where it ends.
fn read_name(text: &[u8], at: usize) -> Result<(Option<&[u8]>, usize), Unread> {
    match text.get(at) {
        Some(b'#') => Ok((None, at)),
        Some(b'\'') => {
            let name = &text[at + 1..];
            match memchr::memchr(b'\'', name) {
                Some(length) if length > 0 => Ok((Some(&name[..length]), at + length + 2)),
                _ => Err(Unread { at }),
            }
        }
        _ => {
            let length = leading(&text[at..], |c| !matches!(c, '=' | '#') && !is_python_space(c));
            if length == 0 {
                return Err(Unread { at });
            }
            Ok((Some(&text[at..at + length]), at + length))
        }
    }
}

/// The value at `at`: its bytes, where they begin, and where the reader goes on.
fn read_value(
    text: &[u8],
    at: usize,
    rules: Rules,
) -> Result<(Cow<'_, [u8]>, usize, usize), Unread> {
    match text.get(at) {
        Some(quote @ (b'\'' | b'"')) => {
            let (value, end) = read_quoted(text, at, *quote, rules)?;
            Ok((Cow::Owned(value), at + 1, end))
        }
        None | Some(b'\n') => Ok((Cow::Borrowed(b""), at, at)),
        Some(_) => {
            let whole = line(text, at);
            let kept = &whole[..comment_start(whole).unwrap_or(whole.len())];
            Ok((Cow::Borrowed(trim_end(kept, is_python_space)), at, at + whole.len()))
        }
    }
}

/// Where white space and a `#` begin; the white space may be longer.
fn comment_start(line: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'#', line)
        .find(|at| trim_end(&line[..*at], is_python_space).len() < *at)
        .map(|at| trim_end(&line[..at], is_python_space).len())
}

/// A quoted value, maybe of several lines, and where its closing quote ends.
fn read_quoted(
    text: &[u8],
    open: usize,
    quote: u8,
    rules: Rules,
) -> Result<(Vec<u8>, usize), Unread> {
    let close = closing_quote(text, open, quote, rules).ok_or(Unread { at: open })?;
    let mut value = Vec::with_capacity(close - open);
    let mut rest = &text[open + 1..close];
    while let Some(length) = memchr::memchr(b'\\', rest) {
        value.extend_from_slice(&rest[..length]);
        let Some(escaped) = rest.get(length + 1) else {
            rest = &rest[length..];
            break;
        };
        match unescape(*escaped, quote) {
            Some(byte) => value.push(byte),
            None => value.extend_from_slice(&[b'\\', *escaped]),
        }
        rest = &rest[length + 2..];
    }
    value.extend_from_slice(rest);
    Ok((value, close + 1))
}

/// Where the value is closed.
///
/// Older versions look for a quote with anything but a quote, or with an escaped quote, before it;
/// when that finds no end they take a quote behind a backslash for one.
fn closing_quote(text: &[u8], open: usize, quote: u8, rules: Rules) -> Option<usize> {
    let mut at = open + 1;
    let mut last_escaped = None;
    loop {
        let found = memchr::memchr2(quote, b'\\', &text[at..]).map(|length| at + length);
        let Some(found) = found else { return last_escaped };
        if text[found] == quote {
            return Some(found);
        }
        if rules.closes_behind_backslash {
            at = found + 1;
            if text.get(at) == Some(&quote) {
                last_escaped = Some(at);
                at += 1;
            }
        } else {
            text.get(found + 1)?;
            at = found + 2;
        }
    }
}

/// What a backslash and this byte stand for between these quotes.
const fn unescape(byte: u8, quote: u8) -> Option<u8> {
    match byte {
        b'\\' | b'\'' => Some(byte),
        _ if quote == b'\'' => None,
        b'"' => Some(b'"'),
        b'a' => Some(7),
        b'b' => Some(8),
        b'f' => Some(12),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'v' => Some(11),
        _ => None,
    }
}

/// `${NAME}` and `${NAME:-default}`; a name is anything without `}` and `:`.
fn resolve(collector: &Collector<'_>, value: &[u8], rules: Rules) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(start) = memchr::memmem::find(rest, b"${") {
        if out.len() > MOST_VALUE_BYTES {
            break;
        }
        let inner = &rest[start + 2..];
        let Some(length) = memchr::memchr2(b'}', b':', inner) else { break };
        let (name, after) = inner.split_at(length);
        let (default, tail) = match after {
            [b'}', tail @ ..] => (&b""[..], tail),
            [b':', b'-', word @ ..] => match memchr::memchr(b'}', word) {
                Some(end) => (&word[..end], &word[end + 1..]),
                None => break,
            },
            // No reference, and none that began before this colon is one either.
            _ => {
                let (passed, tail) = rest.split_at(start + 2 + length);
                out.extend_from_slice(passed);
                rest = tail;
                continue;
            }
        };
        out.extend_from_slice(&rest[..start]);
        let name = std::str::from_utf8(name).unwrap_or_default();
        out.extend_from_slice(look_up(collector, name, rules).unwrap_or(default));
        rest = tail;
    }
    out.extend_from_slice(rest);
    out
}

/// The file's own value first; a name without a value there is empty. `load_dotenv` looks into the
/// environment before that.
fn look_up<'file>(
    collector: &'file Collector<'_>,
    name: &str,
    rules: Rules,
) -> Option<&'file [u8]> {
    let inherited = || collector.environment().get(name).map(SecretValue::expose);
    if rules.environment_first
        && let Some(value) = inherited()
    {
        return Some(value);
    }
    match collector.assigned(name) {
        Some(Yield::Value(value)) => Some(value.expose()),
        Some(_) => Some(b""),
        None => inherited(),
    }
}

/// Python's `\s` without line breaks.
const fn is_blank(character: char) -> bool {
    is_python_space(character) && !matches!(character, '\n' | '\r')
}

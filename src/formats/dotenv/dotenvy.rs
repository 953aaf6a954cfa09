//! The Rust crate `dotenvy` 0.15, and `uv run --env-file`, which is built on it.
//!
//! A statement ends with the line in which its quotes are closed. A value is read like a shell's:
//! quoted pieces anywhere, backslashes outside quotes too; but an unknown escape, a second word or
//! `"$NAME"` is an error, and nothing below an error is read. References know letters and digits,
//! not `_`, and look into the environment first.

use crate::formats::{
    Contents, Environment, MOST_VALUE_BYTES, Refusal,
    dotenv::{
        collector::{Collector, bytes_of},
        source::{Decoding, Invalid, Returns, Source},
    },
};

const DECODING: Decoding =
    Decoding { drops_byte_order_mark: true, invalid: Invalid::Kept, returns: Returns::Kept };

/// Reads a file as `dotenvy`'s iterators and `load_override` do: the last assignment wins, and an
/// error is one for the whole file.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let source = Source::decode(bytes, DECODING)?;
    let mut collector = Collector::new(&source, environment);
    match read_statements(&mut collector, source.text()) {
        Ok(()) => Ok(collector.finish()),
        Err(Fault { at, reason }) => Err(collector.refusal(at, reason)),
    }
}

/// Reads a file as `load` does, whose error most programs ignore: the first assignment wins, and
/// what stands above an error counts.
pub(super) fn read_until_error(
    bytes: &[u8],
    environment: &Environment,
) -> Result<Contents, Refusal> {
    let source = Source::decode(bytes, DECODING)?;
    let mut collector = Collector::new(&source, environment);
    collector.first_wins();
    match read_statements(&mut collector, source.text()) {
        Ok(()) => {}
        Err(Fault { at, reason: TOO_LARGE }) => return Err(collector.refusal(at, TOO_LARGE)),
        Err(Fault { at, reason }) => collector.problem(at, reason),
    }
    refuse_nul(collector.finish())
}

/// Reads a file as `uv run --env-file` does: like `load`, but a byte order mark is an error in the
/// first line, and bytes that are not UTF-8 end uv.
pub(super) fn read_for_uv(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let decoding = Decoding { drops_byte_order_mark: false, ..DECODING };
    let source = Source::decode(bytes, decoding)?;
    let mut collector = Collector::new(&source, environment);
    collector.first_wins();
    match read_statements(&mut collector, source.text()) {
        Ok(()) => {}
        Err(Fault { at, reason: reason @ (TOO_LARGE | NOT_TEXT) }) => {
            return Err(collector.refusal(at, reason));
        }
        Err(Fault { at, reason }) => collector.problem(at, reason),
    }
    refuse_nul(collector.finish())
}

/// Rust's `set_var` panics at a NUL byte.
fn refuse_nul(contents: Contents) -> Result<Contents, Refusal> {
    let nul = contents.occurrences.iter().find(|occurrence| {
        bytes_of(Some(&occurrence.yields)).is_some_and(|value| value.contains(&0))
    });
    match nul {
        Some(occurrence) => Err(Refusal {
            position: occurrence.place.position,
            reason: "a NUL byte; no environment takes it, and the program ends",
        }),
        None => Ok(contents),
    }
}

const NOT_TEXT: &str = "bytes that are not UTF-8";
const TOO_LARGE: &str = "the references make values of more than 4 MiB; not read";

/// Where reading ends, and why.
struct Fault {
    at: usize,
    reason: &'static str,
}

fn read_statements(collector: &mut Collector<'_>, text: &[u8]) -> Result<(), Fault> {
    let readable = match std::str::from_utf8(text) {
        Ok(readable) => readable,
        Err(error) => std::str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default(),
    };
    let mut at = 0;
    while at < text.len() {
        let (statement, next) = next_statement(text, readable, at)?;
        read_statement(collector, statement, at)?;
        at = next;
    }
    Ok(())
}

/// What a line leaves open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Escape,
    Strong,
    StrongEscape,
    Weak,
    WeakEscape,
    Blank,
}

/// The lines from `start` on that make one statement, and where the next one starts.
fn next_statement<'text>(
    text: &[u8],
    readable: &'text str,
    start: usize,
) -> Result<(&'text str, usize), Fault> {
    let mut open = Open::Nothing;
    let mut at = start;
    loop {
        if at >= text.len() {
            return Err(Fault { at: start, reason: "a statement that the file never ends" });
        }
        let next = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length + 1);
        let Some(line) = readable.get(at..next) else {
            return Err(Fault { at: readable.len(), reason: NOT_TEXT });
        };
        let whole = readable.get(start..next).unwrap_or_default();
        if at == start && whole.trim_start().starts_with('#') {
            return Ok(("", next));
        }
        for (offset, character) in line.char_indices() {
            open = match (open, character) {
                (Open::Blank, '#') => {
                    return Ok((readable.get(start..at + offset).unwrap_or_default(), next));
                }
                (Open::Weak, '\\') => Open::WeakEscape,
                (Open::Strong, '\\') => Open::StrongEscape,
                (Open::Escape, _) | (Open::Weak, '"') | (Open::Strong, '\'') => Open::Nothing,
                (Open::Weak | Open::WeakEscape, _) => Open::Weak,
                (Open::Strong | Open::StrongEscape, _) | (_, '\'') => Open::Strong,
                (_, '\\') => Open::Escape,
                (_, '"') => Open::Weak,
                (Open::Nothing, blank)
                    if blank.is_whitespace() && !matches!(blank, '\n' | '\r') =>
                {
                    Open::Blank
                }
                _ => Open::Nothing,
            };
        }
        if open == Open::Nothing {
            let whole = whole
                .strip_suffix('\n')
                .map_or(whole, |line| line.strip_suffix('\r').unwrap_or(line));
            return Ok((whole, next));
        }
        at = next;
    }
}

/// Reads a statement, which stands at `start`.
fn read_statement(
    collector: &mut Collector<'_>,
    statement: &str,
    start: usize,
) -> Result<(), Fault> {
    let line = statement.trim_end();
    let mut rest = line.trim_start();
    let position = |rest: &str| start + (line.len() - rest.len());
    if rest.is_empty() || rest.starts_with('#') {
        return Ok(());
    }
    let no_name = |rest: &str| Fault { at: position(rest), reason: "no name that is allowed here" };
    let (mut name, after) = split_name(rest).ok_or_else(|| no_name(rest))?;
    rest = after.trim_start();
    if name == "export" && !rest.starts_with('=') {
        let (exported, after) = split_name(rest).ok_or_else(|| no_name(rest))?;
        name = exported;
        rest = after.trim_start();
    }
    let Some(value) = rest.strip_prefix('=') else {
        return Err(Fault { at: position(rest), reason: "no `=` behind the name" });
    };
    let value = value.trim_start();
    let value_at = position(value);
    if value.is_empty() || value.starts_with('#') {
        collector.assign(name, value_at, "");
        return Ok(());
    }
    let bytes = read_value(collector, value, value_at)?;
    collector.bounded(value_at, &bytes).map_err(|_| Fault { at: value_at, reason: TOO_LARGE })?;
    let quote = usize::from(value.starts_with(['"', '\'']));
    collector.assign(name, value_at + quote, bytes);
    Ok(())
}

fn split_name(text: &str) -> Option<(&str, &str)> {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.');
    text.starts_with(begins).then(|| text.split_at(text.find(ends).unwrap_or(text.len())))
}

/// What the reader is in the middle of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Strong,
    Weak,
}

/// A reference that is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reference {
    None,
    Bare,
    Braced,
}

fn read_value(collector: &Collector<'_>, value: &str, at: usize) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(value.len());
    let (mut within, mut reference) = (Within::Nothing, Reference::None);
    let (mut escaped, mut ended) = (false, false);
    let mut name = String::new();
    for (offset, character) in value.char_indices() {
        let fault = |reason| Fault { at: at + offset, reason };
        if out.len() > MOST_VALUE_BYTES {
            return Err(fault(TOO_LARGE));
        }
        match character {
            ' ' | '\t' if ended => {}
            '#' if ended => break,
            _ if ended => return Err(fault("a second word behind the value")),
            'n' if escaped => {
                out.push(b'\n');
                escaped = false;
            }
            '\\' | '\'' | '"' | '$' | ' ' if escaped => {
                push(&mut out, character);
                escaped = false;
            }
            _ if escaped => return Err(fault("a backslash before a character that takes none")),
            '\'' if within == Within::Strong => within = Within::Nothing,
            _ if within == Within::Strong => push(&mut out, character),
            _ if reference != Reference::None && character.is_alphanumeric() => {
                name.push(character);
            }
            '{' if reference == Reference::Bare && name.is_empty() => {
                reference = Reference::Braced;
            }
            '}' if reference == Reference::Braced => {
                substitute(collector, &mut name, &mut out);
                reference = Reference::None;
            }
            _ if reference == Reference::Braced => name.push(character),
            '$' if reference == Reference::Bare => substitute(collector, &mut name, &mut out),
            // Whatever ends a bare name is taken as it is, a quote too.
            _ if reference == Reference::Bare => {
                substitute(collector, &mut name, &mut out);
                reference = Reference::None;
                push(&mut out, character);
            }
            '$' => reference = Reference::Bare,
            '\\' => escaped = true,
            '"' if within == Within::Weak => within = Within::Nothing,
            _ if within == Within::Weak => push(&mut out, character),
            '\'' => within = Within::Strong,
            '"' => within = Within::Weak,
            ' ' | '\t' => ended = true,
            _ => push(&mut out, character),
        }
    }
    if reference == Reference::Braced {
        return Err(Fault { at, reason: "`${` that is never closed" });
    }
    if within != Within::Nothing {
        return Err(Fault { at, reason: "a quote that is never closed" });
    }
    substitute(collector, &mut name, &mut out);
    Ok(out)
}

/// Puts the value of `name` in its place: the environment's, else the file's.
fn substitute(collector: &Collector<'_>, name: &mut String, out: &mut Vec<u8>) {
    let inherited = collector.inherited(name).filter(|value| std::str::from_utf8(value).is_ok());
    let value = inherited.or_else(|| bytes_of(collector.assigned(name)));
    out.extend_from_slice(value.unwrap_or_default());
    name.clear();
}

fn push(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

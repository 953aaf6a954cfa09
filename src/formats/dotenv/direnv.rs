//! direnv's `dotenv` and `dotenv_if_exists` (2.37): an old Ruby dotenv, ported to Go.
//!
//! Every line must match one regular expression, or nothing is loaded; a value knows no white
//! space outside quotes, and no line break. References see the file first, then the environment,
//! and `${NAME:-default}` where both are empty.

use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::formats::{
    Contents, Environment, MOST_VALUE_BYTES, Refusal,
    dotenv::{
        characters::through_json,
        collector::{Collector, bytes_of},
        source::{Decoding, Invalid, Returns, Source},
    },
};

/// direnv's own expression; its engine and this one choose alike.
static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?-u)\A[\t\n\f\r ]*(?:|\#.*|(?:export[\t\n\f\r ]+)?([\w.]+)"#,
        r#"(?:[\t\n\f\r ]*=[\t\n\f\r ]*|:[\t\n\f\r ]+?)"#,
        r#"('(?:'|[^'])*'|"(?:"|[^"])*"|[^\t\n\f\r \#]+)?[\t\n\f\r ]*(?:\#.*)?)\z"#,
    ))
    .ok()
});

/// Reads a file as `direnv dotenv` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let decoding =
        Decoding { drops_byte_order_mark: false, invalid: Invalid::Kept, returns: Returns::Kept };
    let source = Source::decode(bytes, decoding)?;
    let mut collector = Collector::new(&source, environment);
    let text = source.text();
    let mut at = 0;
    for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
        read_line(&mut collector, line, at)?;
        at += line.len() + 1;
    }
    Ok(collector.finish())
}

fn read_line(collector: &mut Collector<'_>, line: &[u8], start: usize) -> Result<(), Refusal> {
    let Some(found) = LINE.as_ref().and_then(|expression| expression.captures(line)) else {
        let reason = "a line that is no assignment; direnv loads nothing of the file";
        return Err(collector.refusal(start, reason));
    };
    let Some(name) = found.get(1) else { return Ok(()) };
    let (raw, mut at) =
        found.get(2).map_or((&b""[..], name.end()), |value| (value.as_bytes(), value.start()));
    let value = match raw {
        [b'\'', inner @ .., b'\''] => {
            at += 1;
            inner.to_vec()
        }
        [b'"', inner @ .., b'"'] => {
            at += 1;
            expand(collector, &unescape(inner))
        }
        [_] | [] => raw.to_vec(),
        raw => expand(collector, raw),
    };
    collector.bounded(start + at, &value)?;
    let name = std::str::from_utf8(name.as_bytes()).unwrap_or_default();
    collector.assign(name, start + at, through_json(&value));
    Ok(())
}

/// First `\n` and `\r` become line breaks, then a backslash before anything but `$` goes.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut broken = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        broken.extend_from_slice(&rest[..at]);
        let (byte, length) = match rest.get(at + 1) {
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            _ => (b'\\', 1),
        };
        broken.push(byte);
        rest = &rest[at + length..];
    }
    broken.extend_from_slice(rest);
    let mut out = Vec::with_capacity(broken.len());
    let mut bytes = broken.iter().peekable();
    while let Some(byte) = bytes.next() {
        match bytes.peek() {
            Some(escaped) if *byte == b'\\' && **escaped != b'$' => {
                out.push(**escaped);
                bytes.next();
            }
            _ => out.push(*byte),
        }
    }
    out
}

/// Go's `os.Expand`: `$NAME`, `${anything}`, one-character shell variables, and nothing escaped.
fn expand(collector: &Collector<'_>, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut brace_may_close = true;
    while let Some(dollar) = memchr::memchr(b'$', rest).filter(|at| at + 1 < rest.len()) {
        out.extend_from_slice(&rest[..dollar]);
        if out.len() > MOST_VALUE_BYTES {
            break;
        }
        let after = &rest[dollar + 1..];
        let (name, length): (&[u8], usize) = match after {
            [b'{', name, b'}', ..] if is_special(*name) => (&after[1..2], 3),
            [b'{', inner @ ..] => {
                let close = memchr::memchr(b'}', inner).filter(|_| brace_may_close);
                brace_may_close = close.is_some();
                close.map_or((b"", 1), |length| (&inner[..length], length + 2))
            }
            [name, ..] if is_special(*name) => (&after[..1], 1),
            _ => {
                let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
                let length = after.iter().take_while(is_name).count();
                if length == 0 {
                    out.push(b'$');
                }
                (&after[..length], length)
            }
        };
        if !name.is_empty() {
            out.extend_from_slice(look_up(collector, name));
        }
        rest = &after[length..];
    }
    out.extend_from_slice(rest);
    out
}

fn look_up<'a>(collector: &'a Collector<'_>, expression: &'a [u8]) -> &'a [u8] {
    let (name, default) = match memchr::memmem::find(expression, b":-") {
        Some(at) => (&expression[..at], &expression[at + 2..]),
        None => (expression, &b""[..]),
    };
    let name = std::str::from_utf8(name).unwrap_or_default();
    match bytes_of(collector.assigned(name)) {
        Some(value) => value,
        None => collector.inherited(name).filter(|value| !value.is_empty()).unwrap_or(default),
    }
}

/// The one-character variables of a shell.
const fn is_special(byte: u8) -> bool {
    matches!(byte, b'*' | b'#' | b'$' | b'@' | b'!' | b'?' | b'-' | b'0'..=b'9')
}

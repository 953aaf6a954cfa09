//! PHP's `symfony/dotenv` 7.
//!
//! A strict lexer: no white space around `=`, quoted and unquoted pieces side by side, and an
//! error for nearly everything else. References see the environment first; `:-` and `:=` give
//! defaults; `$(…)` would be run.

use crate::{
    domain::{reading::Yield, secret::SecretValue},
    formats::{
        Contents, Environment, MOST_VALUE_BYTES, Refusal,
        dotenv::{
            characters::through_json,
            collector::{Above, Collector},
            commands::{self, Commands},
            source::{Decoding, Invalid, Returns, Source},
        },
    },
};

/// Reads a file as `Dotenv::parse` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    read_behind(bytes, environment, &Above::new())
}

/// The same of a file behind others, whose values its references see (`loadEnv`).
pub(super) fn read_behind(
    bytes: &[u8],
    environment: &Environment,
    above: &Above,
) -> Result<Contents, Refusal> {
    let decoding = Decoding {
        drops_byte_order_mark: false,
        invalid: Invalid::Kept,
        returns: Returns::Newlines,
    };
    let source = Source::decode(bytes, decoding)?;
    let collector = Collector::new(&source, environment).behind(above);
    let mut lexer = Lexer { collector, text: source.text(), at: 0 };
    lexer.skip_empty_lines();
    while lexer.at < lexer.text.len() {
        let name = lexer.name()?;
        let at = lexer.at;
        let quote = usize::from(matches!(lexer.peek(), Some(b'"' | b'\'')));
        let value = lexer.value()?;
        match value {
            Some(value) => {
                lexer.collector.bounded(at, &value)?;
                lexer.collector.assign(&name, at + quote, through_json(&value));
            }
            None => lexer.collector.dynamic(&name, at),
        }
    }
    Ok(lexer.collector.finish())
}

struct Lexer<'file> {
    collector: Collector<'file>,
    text: &'file [u8],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn fault<T>(&self, reason: &'static str) -> Result<T, Refusal> {
        Err(self.collector.refusal(self.at.min(self.text.len()), reason))
    }

    fn skip_empty_lines(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'#' {
                let rest = &self.text[self.at..];
                self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            } else if matches!(byte, b' ' | b'\t'..=b'\r') {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    /// A name and its `=`.
    fn name(&mut self) -> Result<String, Refusal> {
        let rest = &self.text[self.at..];
        let exported = match rest.strip_prefix(b"export") {
            Some(after) => {
                let blanks = after.iter().take_while(|byte| matches!(**byte, b' ' | b'\t')).count();
                if blanks > 0 && name_length(&after[blanks..]) > 0 { 6 + blanks } else { 0 }
            }
            None => 0,
        };
        let length = name_length(&rest[exported..]);
        if length == 0 {
            return self.fault("a character that no name begins with; symfony loads nothing");
        }
        let name = String::from_utf8_lossy(&rest[exported..exported + length]).into_owned();
        self.at += exported + length;
        match self.peek() {
            Some(b'=') => {
                self.at += 1;
                Ok(name)
            }
            _ => self.fault("no `=` right behind the name; symfony loads nothing of the file"),
        }
    }

    /// A value up to the end of its line; `None` where a command would have to run.
    fn value(&mut self) -> Result<Option<Vec<u8>>, Refusal> {
        let rest = &self.text[self.at..];
        let blanks = rest.iter().take_while(|byte| matches!(**byte, b' ' | b'\t')).count();
        if matches!(rest.get(blanks), None | Some(b'\n' | b'#')) {
            let rest = &rest[blanks..];
            self.at += blanks + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            self.skip_empty_lines();
            return Ok(Some(Vec::new()));
        }
        if blanks > 0 {
            return self.fault("white space before the value; symfony loads nothing of the file");
        }
        let mut out = Some(Vec::new());
        loop {
            let (piece, ends) = match self.peek() {
                Some(b'\'') => (Some(self.single_quoted()?), false),
                Some(b'"') => (self.double_quoted()?, false),
                _ => self.unquoted()?,
            };
            out = match (out, piece) {
                (Some(mut out), Some(piece)) => {
                    out.extend(piece);
                    Some(out)
                }
                _ => None,
            };
            if ends || matches!(self.peek(), None | Some(b'\n')) {
                break;
            }
        }
        self.skip_empty_lines();
        Ok(out)
    }

    fn single_quoted(&mut self) -> Result<Vec<u8>, Refusal> {
        let rest = &self.text[self.at + 1..];
        let Some(length) = memchr::memchr(b'\'', rest) else {
            return self.fault("a quote that is never closed; symfony loads nothing");
        };
        self.at += length + 2;
        Ok(rest[..length].to_vec())
    }

    fn double_quoted(&mut self) -> Result<Option<Vec<u8>>, Refusal> {
        let mut at = self.at + 1;
        let start = at;
        loop {
            match self.text.get(at) {
                None => return self.fault("a quote that is never closed; symfony loads nothing"),
                Some(b'"') if self.text[at - 1] != b'\\' || self.text[at - 2] == b'\\' => break,
                Some(_) => at += 1,
            }
        }
        let inner = &self.text[start..at];
        let mut value = Vec::with_capacity(inner.len());
        let mut bytes = inner.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            let escaped = match (byte, bytes.peek()) {
                (b'\\', Some(b'"')) => b'"',
                (b'\\', Some(b'r')) => b'\r',
                (b'\\', Some(b'n')) => b'\n',
                _ => {
                    value.push(byte);
                    continue;
                }
            };
            bytes.next();
            value.push(escaped);
        }
        let value = self.resolve(&value)?;
        self.at = at + 1;
        Ok(value.map(|value| single_backslashes(&value)))
    }

    /// An unquoted piece, and whether a comment ends the value behind it.
    fn unquoted(&mut self) -> Result<(Option<Vec<u8>>, bool), Refusal> {
        let mut value = Vec::new();
        let mut braced = false;
        let mut previous = self.text[self.at - 1];
        while let Some(byte) = self.peek() {
            let comment = byte == b'#' && matches!(previous, b' ' | b'\t');
            if matches!(byte, b'\n' | b'"' | b'\'') || comment {
                break;
            }
            let mut byte = byte;
            if byte == b'\\'
                && let Some(quote @ (b'"' | b'\'')) = self.text.get(self.at + 1)
            {
                self.at += 1;
                byte = *quote;
            }
            value.push(byte);
            previous = byte;
            if byte == b'$'
                && let Some(length) = self.braces()
            {
                value.extend_from_slice(&self.text[self.at + 1..=self.at + length]);
                braced = true;
                self.at += length;
            }
            if byte == b'$' && self.text.get(self.at + 1) == Some(&b'(') {
                let length = self.parentheses()?;
                value.extend_from_slice(&self.text[self.at + 1..self.at + 1 + length]);
                self.at += length;
            }
            self.at += 1;
        }
        let trailing = value.iter().rev().take_while(|byte| is_trimmed(**byte)).count();
        value.truncate(value.len() - trailing);
        let resolved = self.resolve(&value)?.map(|value| single_backslashes(&value));
        let spaced = value.iter().any(|byte| matches!(byte, b' ' | b'\t'..=b'\r'));
        if spaced && !braced && resolved.as_ref() == Some(&value) {
            return self.fault("white space in a value without quotes; symfony loads nothing");
        }
        Ok((resolved, self.peek() == Some(b'#')))
    }

    /// Length of `{…}` behind the `$` that the lexer stands at, on this line.
    fn braces(&self) -> Option<usize> {
        let rest = self.text.get(self.at + 1..)?.strip_prefix(b"{")?;
        let mut open = 1_usize;
        for (at, byte) in rest.iter().enumerate() {
            match byte {
                b'{' => open += 1,
                b'}' if open == 1 => return Some(at + 2),
                b'}' => open -= 1,
                b'\n' => return None,
                _ => {}
            }
        }
        None
    }

    /// Length of the balanced parentheses behind the `$` that the lexer stands at.
    fn parentheses(&self) -> Result<usize, Refusal> {
        let mut open = 0_usize;
        for (at, byte) in self.text.iter().enumerate().skip(self.at + 1) {
            match byte {
                b'(' => open += 1,
                b')' if open == 1 => return Ok(at - self.at),
                b')' => open -= 1,
                b'\n' => break,
                _ => {}
            }
        }
        self.fault("a parenthesis that is never closed; symfony loads nothing of the file")
    }

    fn resolve(&mut self, value: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        let Commands::Escaped(value) = commands::resolve(value) else { return Ok(None) };
        let mut out = Vec::with_capacity(value.len());
        let mut rest = &value[..];
        while let Some(dollar) = memchr::memchr(b'$', rest) {
            let backslashes =
                rest[..dollar].iter().rev().take_while(|byte| **byte == b'\\').count();
            out.extend_from_slice(&rest[..dollar - backslashes]);
            if out.len() > MOST_VALUE_BYTES {
                return self.fault("the references make a value of more than 4 MiB; not read");
            }
            let escapes = &rest[dollar - backslashes..dollar];
            let after = &rest[dollar + 1..];
            if after.first() == Some(&b'(') {
                out.extend_from_slice(escapes);
                out.push(b'$');
                rest = after;
                continue;
            }
            let reference = Reference::at_start(after);
            let whole = &after[..reference.length];
            rest = &after[reference.length..];
            if backslashes % 2 == 1 {
                out.extend_from_slice(&escapes[1..]);
                out.push(b'$');
                out.extend_from_slice(whole);
                continue;
            }
            out.extend_from_slice(escapes);
            if reference.name.is_empty() && reference.default.is_none() && !reference.closed {
                out.push(b'$');
                out.extend_from_slice(whole);
                continue;
            }
            if reference.open && !reference.closed {
                return self.fault("`${` that is never closed; symfony loads nothing of the file");
            }
            match self.look_up(&reference)? {
                Some(found) => out.extend_from_slice(&found),
                None => return Ok(None),
            }
            if !reference.open && reference.closed {
                out.push(b'}');
            }
        }
        out.extend_from_slice(rest);
        // The lexer marks escaped dollars with NUL bytes, and takes any for one.
        Ok(Some(out.into_iter().map(|byte| if byte == 0 { b'$' } else { byte }).collect()))
    }

    fn look_up(&mut self, reference: &Reference<'_>) -> Result<Option<Vec<u8>>, Refusal> {
        let value = match self.collector.inherited(reference.name) {
            Some(inherited) => inherited.to_vec(),
            None => match self.collector.assigned(reference.name) {
                Some(Yield::Opaque(_)) => return Ok(None),
                Some(Yield::Value(value)) => SecretValue::expose(value).to_vec(),
                _ => Vec::new(),
            },
        };
        let Some((sign, word)) = reference.default.filter(|_| value.is_empty()) else {
            return Ok(Some(value));
        };
        let word = match word {
            [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
            word => word,
        };
        if word.iter().any(|byte| matches!(byte, b'\'' | b'"' | b'{' | b'$')) {
            return self.fault("a default that symfony does not take; it loads nothing");
        }
        if sign == b'=' {
            self.collector.assign(reference.name, self.at.min(self.text.len()), word);
        }
        Ok(Some(word.to_vec()))
    }
}

/// `{?NAME?(:[-=]default)?}?` behind a `$`.
struct Reference<'text> {
    open: bool,
    name: &'text str,
    default: Option<(u8, &'text [u8])>,
    closed: bool,
    length: usize,
}

impl<'text> Reference<'text> {
    fn at_start(text: &'text [u8]) -> Self {
        let open = text.first() == Some(&b'{');
        let start = usize::from(open);
        let mut at = start + name_length(&text[start..]);
        let name = std::str::from_utf8(&text[start..at]).unwrap_or_default();
        let mut default = None;
        if let [b':', sign @ (b'-' | b'='), word @ ..] = &text[at..] {
            let word = &word[..memchr::memchr(b'}', word).unwrap_or(word.len())];
            default = Some((*sign, word));
            at += 2 + word.len();
        }
        let closed = text.get(at) == Some(&b'}');
        Self { open, name, default, closed, length: at + usize::from(closed) }
    }
}

/// `_?[A-Z][A-Z0-9_]*`, in either case.
fn name_length(text: &[u8]) -> usize {
    let start = usize::from(text.first() == Some(&b'_'));
    if !text.get(start).is_some_and(u8::is_ascii_alphabetic) {
        return 0;
    }
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    start + text[start..].iter().take_while(is_name).count()
}

/// `\\` stands for one backslash.
fn single_backslashes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"\\\\") {
        out.extend_from_slice(&rest[..=at]);
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    out
}

/// What PHP's `rtrim` takes away.
const fn is_trimmed(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0x0b | 0)
}

//! `/etc/environment` as pam_env reads it at login: no shell, and rules of its own.
//!
//! A line is `NAME=value`, maybe behind `export `. A `#` begins a comment anywhere, inside quotes
//! too; a leading quote is dropped, and then one at the end; a backslash at the end continues the
//! line; a name alone removes the variable. Nothing is expanded.

use crate::formats::{
    Contents, Environment,
    shell::state::{Certainty, Known, State},
};

/// pam_env reads lines into a buffer of this size, and stops at one that does not fit.
const LONGEST_LINE: usize = 8191;

/// A line with its continuations.
struct Line {
    content: Vec<u8>,
    /// Where its first byte stands.
    at: usize,
    /// Where the next line starts.
    next: usize,
}

/// Reads a file as pam_env does, at login, where there is no environment yet.
pub(super) fn read(bytes: &[u8]) -> Contents {
    let nothing = Environment::new();
    let mut state = State::new(bytes, &nothing, true);
    let mut start = 0;
    while start < bytes.len() {
        let Some(line) = read_line(bytes, start) else {
            state.problem(start, "an unfinished line; pam_env stops here");
            break;
        };
        if line.content.len() > LONGEST_LINE || line.content.contains(&0) {
            state.problem(start, "no line of text; pam_env stops here");
            break;
        }
        if !line.content.is_empty() {
            record(&mut state, &line);
        }
        start = line.next;
        state.commit(true);
    }
    state.finish()
}

/// The line that starts at `start`; `None` when the file ends where it should go on.
fn read_line(bytes: &[u8], start: usize) -> Option<Line> {
    let mut line = Line { content: Vec::new(), at: start, next: start };
    let mut continued = false;
    loop {
        let rest = &bytes[line.next..];
        let physical = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        let indent = physical.iter().take_while(|byte| is_blank(**byte)).count();
        if line.content.is_empty() {
            line.at = line.next + indent;
        }
        line.next += (physical.len() + 1).min(rest.len());
        // Neither a comment nor a blank line ends what a backslash continued.
        if continued && matches!(physical.get(indent), None | Some(b'#')) {
            if line.next >= bytes.len() {
                return None;
            }
            continue;
        }
        let text = if line.content.is_empty() { &physical[indent..] } else { physical };
        if let Some(comment) = memchr::memchr(b'#', physical) {
            let kept = comment.saturating_sub(physical.len() - text.len());
            line.content.extend_from_slice(&text[..kept]);
            return Some(line);
        }
        let trailing = text.iter().rev().take_while(|byte| is_blank(**byte)).count();
        match text[..text.len() - trailing].strip_suffix(b"\\") {
            None => {
                line.content.extend_from_slice(text);
                return Some(line);
            }
            Some(before) => line.content.extend_from_slice(before),
        }
        continued = true;
        if line.next >= bytes.len() {
            return None;
        }
    }
}

fn record(state: &mut State<'_>, line: &Line) {
    let exported = line.content.strip_prefix(b"export ");
    let content = exported.unwrap_or(&line.content);
    let at = line.at + (line.content.len() - content.len());
    let sign = memchr::memchr(b'=', content);
    let (name, value) = content.split_at(sign.unwrap_or(content.len()));
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let named = !name.is_empty() && name.iter().all(is_name);
    let Some(name) = std::str::from_utf8(name).ok().filter(|_| named) else {
        return state.problem(at, "a name that pam_env does not take; the line is skipped");
    };
    match value.strip_prefix(b"=") {
        None => state.remove(name, at, Certainty::Runs, false),
        Some(value) => {
            let plain = unquote(value);
            let quote = usize::from(plain.len() < value.len());
            let at = at + name.len() + 1 + quote;
            state.assign(name, at, Known::Bytes(plain.to_vec()), Certainty::Runs, true);
        }
    }
}

/// The value without a leading quote and, then, without a quote at its end.
fn unquote(value: &[u8]) -> &[u8] {
    match value {
        [b'"' | b'\'', inner @ .., b'"' | b'\''] | [b'"' | b'\'', inner @ ..] => inner,
        value => value,
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

//! The lines of a makefile, and the words, references and assignments in them.

/// A line with its continuations, without its comment.
pub(super) struct Line {
    pub(super) text: Vec<u8>,
    /// Where it starts.
    pub(super) at: usize,
}

pub(super) fn logical_lines(text: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let mut joined = Vec::new();
        loop {
            let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length);
            let line = &text[at..end];
            at = (end + 1).min(text.len());
            // make takes a NUL byte for the end of what it has read so far.
            if let Some(nul) = memchr::memchr(0, line) {
                joined.extend_from_slice(&line[..nul]);
                if at < text.len() {
                    continue;
                }
                break;
            }
            let backslashes = line.iter().rev().take_while(|byte| **byte == b'\\').count();
            if backslashes % 2 == 0 || end == text.len() {
                joined.extend_from_slice(line);
                break;
            }
            joined.extend_from_slice(&line[..line.len() - backslashes]);
            joined.extend(std::iter::repeat_n(b'\\', backslashes / 2));
            while joined.last().copied().is_some_and(is_blank) {
                joined.pop();
            }
            joined.push(b' ');
            at += text[at..].iter().take_while(|byte| is_blank(**byte)).count();
            if at >= text.len() {
                break;
            }
        }
        lines.push(Line { text: without_comment(&joined), at: start });
    }
    lines
}

/// A `#` behind an even number of backslashes begins a comment, but not inside a reference.
fn without_comment(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(hash) = unquoted(rest, b'#') {
        let backslashes = rest[..hash].iter().rev().take_while(|byte| **byte == b'\\').count();
        out.extend_from_slice(&rest[..hash - backslashes]);
        out.extend(std::iter::repeat_n(b'\\', backslashes / 2));
        if backslashes % 2 == 0 {
            return out;
        }
        out.push(b'#');
        rest = &rest[hash + 1..];
    }
    out.extend_from_slice(rest);
    out
}

/// The first of these bytes that does not stand inside a reference, quoted or not.
fn unquoted(text: &[u8], sought: u8) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(sought, b'$', text.get(at..)?) {
        at += found;
        if text[at] == sought {
            return Some(at);
        }
        at += match text.get(at + 1) {
            Some(open @ (b'(' | b'{')) => 2 + reference_end(&text[at + 2..], *open),
            _ => 2,
        };
    }
    None
}

/// What a line is that is no condition and no directive.
pub(super) enum Statement<'text> {
    Assignment { assignment: Assignment<'text>, exported: bool },
    Define { name: &'text [u8], exported: bool },
    Undefine(&'text [u8]),
    Other,
}

/// An assignment behind any modifiers.
pub(super) fn statement(text: &[u8]) -> Statement<'_> {
    let mut rest = trim_start(text);
    let mut exported = false;
    loop {
        if let Some(assignment) = assignment(rest) {
            return Statement::Assignment { assignment, exported };
        }
        let (word, after) = split_word(rest);
        match word {
            b"export" => exported = true,
            b"override" | b"private" => {}
            b"define" => return Statement::Define { name: after, exported },
            b"undefine" => return Statement::Undefine(after),
            _ => return Statement::Other,
        }
        if after.is_empty() {
            return Statement::Other;
        }
        rest = after;
    }
}

/// How a reference ends.
pub(super) enum End {
    /// With the bracket behind this many bytes.
    At(usize),
    /// With one that closes another reference inside it.
    Unbalanced,
    /// Never.
    Open,
}

/// Where a reference ends: with the first bracket, or, where a reference stands inside, with the one
/// that balances.
pub(super) fn reference(text: &[u8], open: u8, close: u8) -> End {
    let Some(end) = memchr::memchr(close, text) else { return End::Open };
    if memchr::memchr(b'$', &text[..end]).is_none() {
        return End::At(end);
    }
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        if *byte == open {
            depth += 1;
        } else if *byte == close {
            if depth == 0 {
                return End::At(at);
            }
            depth -= 1;
        }
    }
    End::Unbalanced
}

/// Length of a reference and its bracket, brackets inside counted; all of the text when it is open.
fn reference_end(text: &[u8], open: u8) -> usize {
    let close = if open == b'(' { b')' } else { b'}' };
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        if *byte == close {
            if depth == 0 {
                return at + 1;
            }
            depth -= 1;
        } else if *byte == open {
            depth += 1;
        }
    }
    text.len()
}

/// The first of these bytes behind an even number of backslashes.
pub(super) fn unescaped(text: &[u8], sought: u8) -> Option<usize> {
    let mut start = 0;
    while let Some(found) = memchr::memchr(sought, text.get(start..)?) {
        let at = start + found;
        let backslashes = text[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 0 {
            return Some(at);
        }
        start = at + 1;
    }
    None
}

/// The semicolon that ends the part of a rule before its recipe: in no reference, and not
/// behind an odd number of backslashes.
pub(super) fn recipe_start(text: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let at = start + unquoted(text.get(start..)?, b';')?;
        let backslashes = text[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 0 {
            return Some(at);
        }
        start = at + 1;
    }
}

/// What a line of a rule consists of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Plain,
    Colon,
    End,
}

/// The next word of a rule and its length, the blanks before it counted.
pub(super) fn next_word(text: &[u8]) -> (Word, usize) {
    let start = text.iter().take_while(|byte| is_blank(**byte)).count();
    let mut at = start;
    let second_is_equals = |at: usize| text.get(at + 1) == Some(&b'=');
    match text.get(at) {
        None => return (Word::End, at),
        Some(b'+' | b'?' | b'!' | b':') if second_is_equals(at) => return (Word::Plain, at + 2),
        Some(b':') => return (Word::Colon, at + 1 + usize::from(text.get(at + 1) == Some(&b':'))),
        Some(b'=' | b';') => return (Word::Plain, at + 1),
        _ => {}
    }
    while let Some(byte) = text.get(at) {
        match byte {
            b' ' | b'\t' | b'=' | b':' => break,
            b'+' | b'?' if at > start && second_is_equals(at) => break,
            b'$' => {
                at += match text.get(at + 1) {
                    Some(open @ (b'(' | b'{')) => 2 + reference_end(&text[at + 2..], *open),
                    _ => 2,
                };
            }
            b'\\' if matches!(text.get(at + 1), Some(b':' | b';' | b'=' | b'\\')) => at += 2,
            _ => at += 1,
        }
    }
    (Word::Plain, at.min(text.len()))
}

#[derive(Clone, Copy)]
pub(super) enum Operator {
    Recursive,
    Simple,
    Append,
    Unset,
    Shell,
}

pub(super) struct Assignment<'text> {
    pub(super) name: &'text [u8],
    pub(super) operator: Operator,
    pub(super) value: &'text [u8],
}

/// `NAME = value` in one of its forms; a name is one word.
fn assignment(text: &[u8]) -> Option<Assignment<'_>> {
    let mut at = 0;
    let mut end = None;
    loop {
        if text.get(at).copied().is_some_and(is_blank) {
            end = Some(at);
            at += text[at..].iter().take_while(|byte| is_space(**byte)).count();
        }
        let (operator, length) = match &text[at..] {
            [b'$', open @ (b'(' | b'{'), inner @ ..] if end.is_none() => {
                at += 2 + reference_end(inner, *open);
                continue;
            }
            [b'$', _, ..] if end.is_none() => {
                at += 2;
                continue;
            }
            [b'=', ..] => (Operator::Recursive, 1),
            [b':', b'=', ..] => (Operator::Simple, 2),
            [b':', b':', b'=', ..] => (Operator::Simple, 3),
            [b'+', b'=', ..] => (Operator::Append, 2),
            [b'?', b'=', ..] => (Operator::Unset, 2),
            [b'!', b'=', ..] => (Operator::Shell, 2),
            [] | [b'#' | b':', ..] => return None,
            _ if end.is_some() => return None,
            _ => {
                at += 1;
                continue;
            }
        };
        let name = &text[..end.unwrap_or(at)];
        return Some(Assignment { name, operator, value: trim_start(&text[at + length..]) });
    }
}

/// The first word, and what follows the white space behind it.
pub(super) fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let length = text.iter().position(|byte| is_space(*byte)).unwrap_or(text.len());
    (&text[..length], trim_start(&text[length..]))
}

pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|byte| is_space(**byte)).count()..]
}

pub(super) fn trim_end(text: &[u8]) -> &[u8] {
    &text[..text.len() - text.iter().rev().take_while(|byte| is_space(**byte)).count()]
}

/// make's white space within a line.
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// C's white space.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

//! GNU make: a `.env` that a makefile includes, with its variables exported to the recipes.
//!
//! A `#` cuts everywhere, quotes are part of the value, and `$` names a variable of one letter
//! unless brackets follow. Values are expanded when a recipe starts, with what the variables are by
//! then. What a function or a condition of make's would decide is not known here.

use std::collections::HashMap;

use crate::{
    domain::reading::OpaqueReason,
    formats::{
        Contents, Environment, MOST_VALUE_BYTES, Refusal,
        dotenv::{
            collector::Collector,
            source::{Decoding, Invalid, Returns, Source},
        },
    },
};

/// References inside references go no deeper than this.
const DEEPEST: usize = 64;

/// Reads a file as `include` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let decoding =
        Decoding { drops_byte_order_mark: true, invalid: Invalid::Kept, returns: Returns::Paired };
    let source = Source::decode(bytes, decoding)?;
    let collector = Collector::new(&source, environment);
    let mut reader = Reader { collector, variables: HashMap::new(), names: Vec::new(), depth: 0 };
    let lines = logical_lines(source.text());
    let mut in_rule = false;
    for line in &lines {
        if in_rule && line.text.starts_with(b"\t") {
            continue;
        }
        in_rule = reader.read_line(line)? || (in_rule && line.text.trim_ascii().is_empty());
    }
    reader.export()
}

/// A line with its continuations, without its comment.
struct Line {
    text: Vec<u8>,
    /// Where it starts.
    at: usize,
}

/// A variable as it was last assigned.
struct Variable {
    text: Vec<u8>,
    /// Its references are resolved when it is used.
    recursive: bool,
    /// Only make itself could tell the value.
    opaque: Option<OpaqueReason>,
}

struct Reader<'file> {
    collector: Collector<'file>,
    variables: HashMap<String, Variable>,
    /// Every assignment, in file order, with its place.
    names: Vec<(String, usize)>,
    /// Conditions that are open.
    depth: usize,
}

/// Why a value is not known.
enum Unknown {
    Opaque(OpaqueReason),
    Recursive,
    TooLarge,
}

fn logical_lines(text: &[u8]) -> Vec<Line> {
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
            let kept = line[..line.len() - 1].trim_ascii_end();
            joined.extend_from_slice(kept);
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

/// A `#` behind an even number of backslashes begins a comment.
fn without_comment(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(hash) = memchr::memchr(b'#', rest) {
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

impl Reader<'_> {
    /// Reads one line; `true` when it begins a rule.
    fn read_line(&mut self, line: &Line) -> Result<bool, Refusal> {
        let text = line.text.trim_ascii_start();
        if text.is_empty() {
            return Ok(false);
        }
        let at = line.at;
        let (word, mut rest) = split_word(text);
        match word {
            b"ifdef" | b"ifndef" | b"ifeq" | b"ifneq" if !begins_assignment(rest) => {
                self.depth += 1;
                return Ok(false);
            }
            b"else" | b"endif" if !begins_assignment(rest) => {
                if self.depth == 0 {
                    return self.refuse(at, "a condition that never began; make stops");
                }
                self.depth -= usize::from(word == b"endif");
                return Ok(false);
            }
            b"include" | b"-include" | b"sinclude" | b"vpath" | b"define" | b"endef"
            | b"undefine" | b"load" | b"-load"
                if !begins_assignment(rest) =>
            {
                self.collector.problem(at, "a directive of make that is not followed");
                return Ok(false);
            }
            _ => {}
        }
        let mut statement = text;
        loop {
            let (word, after) = split_word(statement);
            let modifier = matches!(word, b"export" | b"unexport" | b"override" | b"private");
            if !modifier || begins_assignment(after) {
                break;
            }
            (statement, rest) = (after, after);
            if rest.is_empty() {
                return Ok(false);
            }
        }
        if let Some(assignment) = assignment(statement) {
            self.assign(&assignment, at)?;
            return Ok(false);
        }
        if statement.len() < text.len() {
            for name in statement.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty()) {
                let name = String::from_utf8_lossy(name).into_owned();
                if !self.variables.contains_key(&name) && self.collector.inherited(&name).is_none()
                {
                    self.define(name, Vec::new(), at, true, None);
                }
            }
            return Ok(false);
        }
        let text = match self.expand(text, 0) {
            Ok(text) => text,
            Err(Unknown::Opaque(_)) => {
                self.collector.problem(at, "a line that only make could tell the meaning of");
                return Ok(false);
            }
            Err(unknown) => {
                self.known_to_make(&unknown, at)?;
                return Ok(false);
            }
        };
        if text.trim_ascii().is_empty() {
            return Ok(false);
        }
        let Some(colon) = memchr::memchr(b':', &text).filter(|colon| *colon > 0) else {
            return self.refuse(at, "a line that is neither an assignment nor a rule; make stops");
        };
        let prerequisites = &text[colon + 1..];
        let prerequisites = prerequisites.strip_prefix(b":").unwrap_or(prerequisites);
        if !prerequisites.contains(&b'=')
            && memchr::memchr(b':', prerequisites)
                .is_some_and(|colon| !prerequisites[colon..].contains(&b'%'))
        {
            return self.refuse(at, "a rule with a pattern that is none; make stops");
        }
        Ok(true)
    }

    fn refuse<T>(&self, at: usize, reason: &'static str) -> Result<T, Refusal> {
        Err(self.collector.refusal(at, reason))
    }

    fn assign(&mut self, assignment: &Assignment<'_>, at: usize) -> Result<(), Refusal> {
        let Ok(name) = self.expand(assignment.name, 0) else {
            self.collector.problem(at, "a name that only make could tell");
            return Ok(());
        };
        let name = String::from_utf8_lossy(name.trim_ascii()).into_owned();
        if name.is_empty() {
            return self.refuse(at, "an assignment without a name; make stops");
        }
        let opaque = (self.depth > 0).then_some(OpaqueReason::Conditional);
        let text = assignment.value.to_vec();
        let defined =
            self.variables.contains_key(&name) || self.collector.inherited(&name).is_some();
        match assignment.operator {
            Operator::Unset if defined => {}
            Operator::Recursive | Operator::Unset => self.define(name, text, at, true, opaque),
            Operator::Shell => {
                let opaque = opaque.or(Some(OpaqueReason::Dynamic));
                self.define(name, text, at, false, opaque);
            }
            Operator::Simple => match self.expand(&text, 0) {
                Ok(text) => self.define(name, text, at, false, opaque),
                Err(unknown) => {
                    let opaque = opaque.or(Some(self.known_to_make(&unknown, at)?));
                    self.define(name, Vec::new(), at, false, opaque);
                }
            },
            Operator::Append => {
                let inherited = self.collector.inherited(&name).map(<[u8]>::to_vec);
                let (mut all, recursive, before) = match self.variables.get(&name) {
                    Some(variable) => (variable.text.clone(), variable.recursive, variable.opaque),
                    None => (inherited.unwrap_or_default(), true, None),
                };
                let added = if recursive { Ok(text) } else { self.expand(&text, 0) };
                let added = match added {
                    Ok(added) => added,
                    Err(unknown) => {
                        let reason = self.known_to_make(&unknown, at)?;
                        self.define(name, Vec::new(), at, false, Some(reason));
                        return Ok(());
                    }
                };
                if !all.is_empty() || defined {
                    all.push(b' ');
                }
                all.extend(added);
                if all.len() > MOST_VALUE_BYTES {
                    return self.refuse(at, "a value of more than 4 MiB; not read");
                }
                self.define(name, all, at, recursive, opaque.or(before));
            }
        }
        Ok(())
    }

    fn define(
        &mut self,
        name: String,
        text: Vec<u8>,
        at: usize,
        recursive: bool,
        opaque: Option<OpaqueReason>,
    ) {
        self.names.push((name.clone(), at));
        self.variables.insert(name, Variable { text, recursive, opaque });
    }

    /// The reason why a value is not known, unless make would stop here.
    fn known_to_make(&self, unknown: &Unknown, at: usize) -> Result<OpaqueReason, Refusal> {
        match unknown {
            Unknown::Opaque(reason) => Ok(*reason),
            Unknown::Recursive => self.refuse(at, "a variable that references itself; make stops"),
            Unknown::TooLarge => {
                self.refuse(at, "the references make values of more than 4 MiB; not read")
            }
        }
    }

    /// Hands the variables to a recipe.
    fn export(mut self) -> Result<Contents, Refusal> {
        let mut total = 0;
        let names = std::mem::take(&mut self.names);
        let mut last: HashMap<&str, usize> = HashMap::new();
        for (index, (name, _)) in names.iter().enumerate() {
            last.insert(name, index);
        }
        for (index, (name, at)) in names.iter().enumerate() {
            let Some(variable) = self.variables.get(name) else { continue };
            let at = *at;
            let exported = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !exported {
                self.collector.problem(at, "a name that make does not export");
                continue;
            }
            if last.get(name.as_str()) != Some(&index) {
                // make has forgotten what stood here.
                self.collector.unset(name, at);
                continue;
            }
            let value = match variable.opaque {
                Some(reason) => Err(Unknown::Opaque(reason)),
                None => self.value(name, 0),
            };
            match value {
                Ok(value) => {
                    total += value.len();
                    if total > MOST_VALUE_BYTES {
                        let reason = "the references make values of more than 4 MiB; not read";
                        return self.refuse(at, reason);
                    }
                    self.collector.assign(name, at, value);
                }
                Err(unknown) => {
                    let reason = self.known_to_make(&unknown, at)?;
                    self.collector.opaque(name, at, reason);
                }
            }
        }
        Ok(self.collector.finish())
    }

    /// What a variable is worth now.
    fn value(&self, name: &str, depth: usize) -> Result<Vec<u8>, Unknown> {
        match self.variables.get(name) {
            Some(Variable { opaque: Some(reason), .. }) => Err(Unknown::Opaque(*reason)),
            Some(variable) if variable.recursive => self.expand(&variable.text, depth + 1),
            Some(variable) => Ok(variable.text.clone()),
            None => match self.collector.inherited(name) {
                Some(value) => self.expand(value, depth + 1),
                None => Ok(Vec::new()),
            },
        }
    }

    fn expand(&self, text: &[u8], depth: usize) -> Result<Vec<u8>, Unknown> {
        if depth > DEEPEST {
            return Err(Unknown::Recursive);
        }
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(dollar) = memchr::memchr(b'$', rest) {
            out.extend_from_slice(&rest[..dollar]);
            if out.len() > MOST_VALUE_BYTES {
                return Err(Unknown::TooLarge);
            }
            let after = &rest[dollar + 1..];
            let (name, length) = match after.first() {
                None | Some(b'$') => {
                    out.push(b'$');
                    rest = after.get(1..).unwrap_or_default();
                    continue;
                }
                Some(open @ (b'(' | b'{')) => {
                    let close = if *open == b'(' { b')' } else { b'}' };
                    let Some(length) = reference_length(&after[1..], *open, close) else {
                        return Err(Unknown::Recursive);
                    };
                    (&after[1..=length], length + 2)
                }
                Some(_) => (&after[..1], 1),
            };
            rest = &after[length..];
            if is_function(name) {
                return Err(Unknown::Opaque(OpaqueReason::Dynamic));
            }
            let name =
                if name.contains(&b'$') { self.expand(name, depth + 1)? } else { name.to_vec() };
            let name = String::from_utf8_lossy(&name).into_owned();
            if let Some((_, substitution)) = name.split_once(':')
                && substitution.contains('=')
            {
                return Err(Unknown::Opaque(OpaqueReason::Dynamic));
            }
            out.extend(self.value(&name, depth)?);
        }
        out.extend_from_slice(rest);
        Ok(out)
    }
}

/// Length of a reference up to its bracket: the first, or, where a reference stands inside, the one
/// that balances.
fn reference_length(text: &[u8], open: u8, close: u8) -> Option<usize> {
    let end = memchr::memchr(close, text)?;
    if memchr::memchr(b'$', &text[..end]).is_none() {
        return Some(end);
    }
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        if *byte == open {
            depth += 1;
        } else if *byte == close {
            if depth == 0 {
                return Some(at);
            }
            depth -= 1;
        }
    }
    Some(end)
}

/// The name of one of make's functions, and white space behind it.
fn is_function(text: &[u8]) -> bool {
    let (word, rest) = split_word(text);
    let known: &[&[u8]] = &[
        b"abspath",
        b"addprefix",
        b"addsuffix",
        b"and",
        b"basename",
        b"call",
        b"dir",
        b"error",
        b"eval",
        b"file",
        b"filter",
        b"filter-out",
        b"findstring",
        b"firstword",
        b"flavor",
        b"foreach",
        b"guile",
        b"if",
        b"info",
        b"intcmp",
        b"join",
        b"lastword",
        b"let",
        b"notdir",
        b"or",
        b"origin",
        b"patsubst",
        b"realpath",
        b"shell",
        b"sort",
        b"strip",
        b"subst",
        b"suffix",
        b"value",
        b"warning",
        b"wildcard",
        b"word",
        b"wordlist",
        b"words",
    ];
    known.contains(&word) && word.len() + rest.len() < text.len()
}

#[derive(Clone, Copy)]
enum Operator {
    Recursive,
    Simple,
    Append,
    Unset,
    Shell,
}

struct Assignment<'text> {
    name: &'text [u8],
    operator: Operator,
    value: &'text [u8],
}

/// `NAME = value` in one of its forms; a name is one word.
fn assignment(text: &[u8]) -> Option<Assignment<'_>> {
    let mut at = 0;
    let mut spaced = false;
    while at < text.len() {
        let rest = &text[at..];
        let (operator, length) = match rest {
            [b'=', ..] => (Operator::Recursive, 1),
            [b':', b'=', ..] => (Operator::Simple, 2),
            [b':', b':', b'=', ..] => (Operator::Simple, 3),
            [b'+', b'=', ..] => (Operator::Append, 2),
            [b'?', b'=', ..] => (Operator::Unset, 2),
            [b'!', b'=', ..] => (Operator::Shell, 2),
            [b':', ..] => return None,
            [b'$', open @ (b'(' | b'{'), inner @ ..] => {
                let close = if *open == b'(' { b')' } else { b'}' };
                at += 3 + reference_length(inner, *open, close)?;
                continue;
            }
            [byte, ..] if is_blank(*byte) => {
                spaced = true;
                at += 1;
                continue;
            }
            _ if spaced => return None,
            _ => {
                at += 1;
                continue;
            }
        };
        let value = &rest[length..];
        let indent = value.iter().take_while(|byte| is_blank(**byte)).count();
        return Some(Assignment { name: &text[..at], operator, value: &value[indent..] });
    }
    None
}

/// An operator follows, so that the word before it is a variable after all.
fn begins_assignment(rest: &[u8]) -> bool {
    matches!(rest, [b'=', ..] | [b':' | b'+' | b'?' | b'!', b'=', ..])
}

/// The first word, and what follows the white space behind it.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let ends = |byte: &u8| is_blank(*byte) || matches!(byte, b'=' | b':' | b'+' | b'?' | b'!');
    let length = text.iter().position(ends).unwrap_or(text.len());
    (&text[..length], text[length..].trim_ascii_start())
}

/// make's white space within a line.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

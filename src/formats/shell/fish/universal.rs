//! `fish_variables`, in which fish keeps its universal variables: those outlive every shell and
//! every change of `config.fish`.
//!
//! A line is `SETUVAR --export NAME:value`, the value escaped, with a separator between the elements
//! of a list. A file without `# VERSION: 3.0` is of fish 2, whose lines begin with `SET` and
//! `SET_EXPORT`.

use super::{
    evaluator::is_valid,
    variables::{Flags, Scope, Variables},
    words::Words,
};
use crate::formats::shell::state::{Certainty, Known};

const SEPARATOR: u8 = 0x1e;
const NO_ELEMENTS: u8 = 0x1d;

const SKIPPED: &str = "no line of fish_variables; fish skips it";

/// Reads the file as fish does when it starts.
pub(super) fn load(bytes: &[u8], variables: &mut Variables<'_>) {
    let lines = || bytes.split(|byte| *byte == b'\n');
    let is_old = !lines().any(|line| line.starts_with(b"# VERSION: "));
    let mut start = 0;
    for line in lines() {
        if !line.is_empty() && !line.starts_with(b"#") {
            match assignment(line, is_old) {
                Some(Line { name, values, flags, value_at }) => {
                    let at = start + value_at;
                    let runs = Certainty::Runs;
                    variables.assign(Scope::Universal, &name, at, values, flags, runs);
                }
                None => variables.problem(start, SKIPPED),
            }
        }
        start += line.len() + 1;
    }
}

struct Line {
    name: String,
    values: Vec<Known>,
    flags: Flags,
    value_at: usize,
}

fn assignment(line: &[u8], is_old: bool) -> Option<Line> {
    let mut flags = Flags { exported: Some(false), is_path: Some(false) };
    let mut rest = if is_old {
        match line.strip_prefix(b"SET_EXPORT ") {
            Some(rest) => {
                flags.exported = Some(true);
                rest
            }
            None => line.strip_prefix(b"SET ")?,
        }
    } else {
        line.strip_prefix(b"SETUVAR ")?
    };
    if !is_old {
        rest = rest.trim_ascii_start();
    }
    while rest.starts_with(b"-") {
        let end = memchr::memchr(b' ', rest)?;
        match &rest[..end] {
            b"--export" => flags.exported = Some(true),
            b"--path" => flags.is_path = Some(true),
            _ => {}
        }
        rest = rest[end + 1..].trim_ascii_start();
    }
    let colon = memchr::memchr(b':', rest)?;
    let name = &rest[..colon];
    if !is_valid(name) {
        return None;
    }
    let written = &rest[colon + 1..];
    let value = Words { text: written }.unescaped()?;
    let values = if value == [NO_ELEMENTS] {
        Vec::new()
    } else {
        value.split(|byte| *byte == SEPARATOR).map(|part| Known::Bytes(part.to_vec())).collect()
    };
    let name = String::from_utf8_lossy(name).into_owned();
    Some(Line { name, values, flags, value_at: line.len() - written.len() })
}

//! The `$NAME` and `${NAME…}` references of compose-go 2, as its env files use them.
//!
//! `$$` is a dollar sign, `${N:-x}` `${N-x}` default, `${N:+x}` `${N+x}` replace and `${N:?x}`
//! `${N?x}` demand. A `$` before anything else stays; a `${` that is none of these is an error.

use crate::formats::MOST_VALUE_BYTES;

/// A reference that the template cannot resolve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unresolvable {
    /// Why, in a fixed sentence.
    pub(super) reason: &'static str,
}

/// References inside defaults of references go no deeper than this.
const DEEPEST: usize = 64;

const INVALID: Unresolvable =
    Unresolvable { reason: "`${` that is no valid reference; Compose refuses the file" };
const REQUIRED: Unresolvable =
    Unresolvable { reason: "a required variable has no value; Compose refuses the file" };
const TOO_DEEP: Unresolvable =
    Unresolvable { reason: "references nested more than 64 deep; not followed" };

const TOO_LARGE: Unresolvable =
    Unresolvable { reason: "the references make a value of more than 4 MiB; not read" };

/// Replaces every reference in `template` by what `lookup` gives for its name.
pub(super) fn substitute<'value>(
    template: &[u8],
    lookup: &dyn Fn(&str) -> Option<&'value [u8]>,
) -> Result<Vec<u8>, Unresolvable> {
    substitute_within(template, lookup, DEEPEST)
}

fn substitute_within<'value>(
    template: &[u8],
    lookup: &dyn Fn(&str) -> Option<&'value [u8]>,
    depth: usize,
) -> Result<Vec<u8>, Unresolvable> {
    if depth == 0 {
        return Err(TOO_DEEP);
    }
    let mut out = Vec::with_capacity(template.len());
    let mut rest = template;
    while let Some(dollar) = memchr::memchr(b'$', rest) {
        out.extend_from_slice(&rest[..dollar]);
        if out.len() > MOST_VALUE_BYTES {
            return Err(TOO_LARGE);
        }
        rest = &rest[dollar..];
        match rest.get(1) {
            Some(b'$') => {
                out.push(b'$');
                rest = &rest[2..];
            }
            Some(b'{') => {
                let length = reference_length(rest).ok_or(INVALID)?;
                out.extend(braced(&rest[2..length - 1], lookup, depth)?);
                rest = &rest[length..];
            }
            _ => {
                let (name, after) = split_name(&rest[1..]);
                if name.is_empty() {
                    out.push(b'$');
                } else {
                    out.extend_from_slice(lookup(name).unwrap_or_default());
                }
                rest = after;
            }
        }
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// The value of what stands between `${` and `}`.
fn braced<'value>(
    inner: &[u8],
    lookup: &dyn Fn(&str) -> Option<&'value [u8]>,
    depth: usize,
) -> Result<Vec<u8>, Unresolvable> {
    let (name, rest) = split_name(inner);
    let value = lookup(name);
    let (counts, operator) = match rest {
        [b':', rest @ ..] => (value.filter(|value| !value.is_empty()), rest),
        rest => (value, rest),
    };
    let word = operator.get(1..).unwrap_or_default();
    match operator.first() {
        Some(b'-') if counts.is_none() => substitute_within(word, lookup, depth - 1),
        Some(b'+') if counts.is_some() => substitute_within(word, lookup, depth - 1),
        Some(b'?') if counts.is_none() => {
            substitute_within(word, lookup, depth - 1).and(Err(REQUIRED))
        }
        _ => Ok(value.unwrap_or_default().to_vec()),
    }
}

/// Length of the reference at the start of `text`, from `${` to its `}`.
///
/// A plain `${NAME}` ends at its brace. With an operator it ends where the braces balance, and
/// when they never do, at the last brace of the line. Braces are counted as compose-go counts
/// them: the byte after an opening one is passed over.
fn reference_length(text: &[u8]) -> Option<usize> {
    let (name, rest) = split_name(&text[2..]);
    if name.is_empty() {
        return None;
    }
    match rest {
        [b'}', ..] => return Some(2 + name.len() + 1),
        [b'-' | b'+' | b'?', ..] | [b':', b'-' | b'+' | b'?', ..] => {}
        _ => return None,
    }
    let mut open = 0;
    let mut last = None;
    let mut passed_over = usize::MAX;
    for (at, byte) in text.iter().enumerate().take_while(|(_, byte)| **byte != b'\n') {
        if *byte == b'}' {
            last = Some(at + 1);
        }
        if at == passed_over {
            continue;
        }
        match byte {
            b'}' => open -= 1,
            b'{' => {
                open += 1;
                passed_over = at + 1;
            }
            _ => {}
        }
        if *byte == b'}' && open == 0 {
            return Some(at + 1);
        }
    }
    last
}

/// `[_A-Za-z][_A-Za-z0-9]*` at the start of `text`, and what follows it.
fn split_name(text: &[u8]) -> (&str, &[u8]) {
    let length = match text.first() {
        Some(first) if first.is_ascii_alphabetic() || *first == b'_' => text
            .iter()
            .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
            .unwrap_or(text.len()),
        _ => 0,
    };
    let (name, rest) = text.split_at(length);
    (std::str::from_utf8(name).unwrap_or_default(), rest)
}

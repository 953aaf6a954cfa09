//! `dotenv-expand` behind Node's `dotenv`: version 12, and version 1000, which also runs commands.
//!
//! `dotenv` has already put the file's own text into the environment where no variable stood, so
//! a reference sees the environment first, then earlier lines. Every replacement starts over, and
//! single quotes protect nothing.

use std::collections::{HashMap, HashSet};

use crate::{
    domain::{
        reading::{OpaqueReason, Yield},
        secret::SecretValue,
    },
    formats::{
        Contents, Environment, Refusal,
        dotenv::{
            javascript::{
                Halt, Reference, Work, endless, environment_text, object_order, resolve_all, trace,
                unescape_dollars, until_nul, value_of,
            },
            node_dotenv,
        },
    },
};

/// Reads a file as `dotenv-expand` 12 does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    expanded(node_dotenv::read(bytes, environment)?, environment)
}

/// Reads a file as `dotenv-expand` 1000 does.
pub(super) fn read_1000(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    expanded_by_1000(node_dotenv::read(bytes, environment)?, environment)
}

/// What version 12 makes of what `dotenv` has read.
pub(super) fn expanded(contents: Contents, environment: &Environment) -> Result<Contents, Refusal> {
    let mut contents = second_pass(contents, environment, true, expand)?;
    end_at_nul(&mut contents);
    Ok(contents)
}

/// What version 1000 makes of it.
pub(super) fn expanded_by_1000(
    contents: Contents,
    environment: &Environment,
) -> Result<Contents, Refusal> {
    let mut contents = second_pass(contents, environment, true, expand_1000)?;
    end_at_nul(&mut contents);
    Ok(contents)
}

/// Values as a process sees them.
pub(super) fn end_at_nul(contents: &mut Contents) {
    for occurrence in &mut contents.occurrences {
        if let Yield::Value(value) = &occurrence.yields
            && value.expose().contains(&0)
        {
            occurrence.yields = Yield::Value(SecretValue::new(until_nul(value.expose())));
        }
    }
}

/// The values that an expansion may look at.
pub(super) struct Scope<'file> {
    /// The process environment; the file's text where `dotenv` filled it in.
    process: HashMap<&'file str, Vec<u8>>,
    /// What the lines so far became; `None` when only running a command would tell.
    running: HashMap<&'file str, Option<Vec<u8>>>,
    /// The file's text of every variable.
    literals: HashMap<&'file str, Vec<u8>>,
}

type Expand = fn(&[u8], &Scope<'_>, &mut Work) -> Result<Vec<u8>, Halt>;

/// Expands the deciding occurrences in the order of the parsed object. `filled`: the environment
/// holds the file's own text too; otherwise the object itself does, sorted by name.
pub(super) fn second_pass(
    mut contents: Contents,
    environment: &Environment,
    filled: bool,
    expand: Expand,
) -> Result<Contents, Refusal> {
    let order = object_order(&contents, !filled);
    let mut values = Vec::with_capacity(order.len());
    {
        let decisive = order.iter().map(|index| &contents.occurrences[*index]);
        let literals: HashMap<&str, Vec<u8>> = decisive
            .map(|occurrence| (occurrence.variable.as_str(), value_of(&occurrence.yields).to_vec()))
            .collect();
        let mut process = environment_text(environment);
        let mut running = HashMap::new();
        if filled {
            for (name, value) in &literals {
                process.entry(name).or_insert_with(|| until_nul(value).to_vec());
            }
        } else {
            running.extend(literals.iter().map(|(name, value)| (*name, Some(value.clone()))));
        }
        let mut scope = Scope { process, running, literals };
        let mut work = Work::new();
        for index in &order {
            let name = contents.occurrences[*index].variable.as_str();
            let literal = value_of(&contents.occurrences[*index].yields);
            let preset = scope.process.get(name);
            let preset = preset.filter(|value| !value.is_empty() && *value != until_nul(literal));
            let preset = preset.map(|value| Some(unescape_dollars(value)));
            let value = match expand(literal, &scope, &mut work) {
                Ok(value) => Some(unescape_dollars(&value)),
                Err(Halt::Dynamic) => None,
                Err(Halt::Endless) if preset.is_some() => Some(literal.to_vec()),
                Err(Halt::Endless) => return Err(endless(&contents, *index)),
            };
            scope.running.insert(name, preset.unwrap_or_else(|| value.clone()));
            values.push(value);
        }
    }
    for (index, value) in order.into_iter().zip(values) {
        contents.occurrences[index].yields = match value {
            Some(value) => Yield::Value(SecretValue::new(value)),
            None => Yield::Opaque(OpaqueReason::Dynamic),
        };
    }
    Ok(contents)
}

/// The expansion of version 12.
pub(super) fn expand(value: &[u8], scope: &Scope<'_>, work: &mut Work) -> Result<Vec<u8>, Halt> {
    let look_up = |name: &str| {
        let running = || scope.running.get(name).and_then(Option::as_deref);
        let value = scope.process.get(name).map(Vec::as_slice).or_else(running);
        value.filter(|value| !value.is_empty())
    };
    let mut seen = HashSet::new();
    let mut resolve = |reference: &Reference<'_>, text: &[u8]| {
        seen.insert(trace(text));
        let value = look_up(reference.name);
        let replacement = match (reference.operator, value) {
            (Some(":+" | "+"), Some(_)) => reference.word,
            (Some(":+" | "+"), None) => b"",
            (_, Some(value)) if !seen.contains(&trace(value)) => value,
            _ => reference.word,
        };
        Ok(replacement.to_vec())
    };
    let settled = |name: &str, text: &[u8]| {
        scope.running.get(name).is_some_and(|value| value.as_deref() == Some(text))
    };
    resolve_all(value, work, &mut resolve, &settled)
}

/// The expansion of version 1000. What earlier lines became counts before their text.
fn expand_1000(value: &[u8], scope: &Scope<'_>, work: &mut Work) -> Result<Vec<u8>, Halt> {
    let look_up = |name: &str| {
        let stale = |text: &&Vec<u8>| {
            scope.running.contains_key(name) && scope.literals.get(name) == Some(*text)
        };
        match scope.process.get(name).filter(|text| !stale(text)) {
            Some(text) => Some(Some(text.as_slice())),
            None => scope.running.get(name).map(Option::as_deref),
        }
    };
    let expanded = expand_strictly(value, work, &look_up, &|_| false)?;
    if has_command(&expanded) { Err(Halt::Dynamic) } else { Ok(expanded) }
}

/// The expansion that version 1000 and dotenvx share: `-` and `+` ask whether a variable is
/// defined, `:-` and `:+` whether it has a value. `look_up` has a `None` inside for a value that
/// comes from a command; `protected` says that a name holds a reference that is to stay.
pub(super) fn expand_strictly<'v>(
    value: &[u8],
    work: &mut Work,
    look_up: &dyn Fn(&str) -> Option<Option<&'v [u8]>>,
    protected: &dyn Fn(&str) -> bool,
) -> Result<Vec<u8>, Halt> {
    let mut resolve = |reference: &Reference<'_>, _: &[u8]| {
        let value = match look_up(reference.name) {
            Some(None) => return Err(Halt::Dynamic),
            Some(value) => value,
            None => None,
        };
        let filled = value.filter(|value| !value.is_empty());
        let replacement = match reference.operator {
            Some(":-") => filled.unwrap_or(reference.word),
            Some("-") => value.unwrap_or(reference.word),
            Some(":+") if filled.is_some() => reference.word,
            Some("+") if value.is_some() => reference.word,
            Some(_) => b"",
            None => filled.unwrap_or_default(),
        };
        Ok(replacement.to_vec())
    };
    let settled = |name: &str, text: &[u8]| look_up(name) == Some(Some(text)) || protected(name);
    resolve_all(value, work, &mut resolve, &settled)
}

/// A `$(…)` that closes, by the rules of the package's own scanner.
pub(super) fn has_command(text: &[u8]) -> bool {
    let mut start = 0;
    while let Some(found) = memchr::memmem::find(&text[start..], b"$(") {
        if command_closes(&text[start + found + 2..]) {
            return true;
        }
        start += found + 2;
    }
    false
}

fn command_closes(text: &[u8]) -> bool {
    let mut quotes: Vec<Option<u8>> = vec![None];
    let mut at = 0;
    while let (Some(byte), Some(quote)) = (text.get(at), quotes.last_mut()) {
        at += 1;
        match (*quote, byte) {
            (Some(b'\''), b'\'') => *quote = None,
            (Some(b'\''), _) => {}
            (_, b'\\') => at += 1,
            (Some(open), close) if open == *close => *quote = None,
            (Some(_), b'$') if text.get(at) == Some(&b'(') => {
                quotes.push(None);
                at += 1;
            }
            (None, b'\'' | b'"' | b'`') => *quote = Some(*byte),
            (None, b'(') => quotes.push(None),
            (None, b')') => {
                quotes.pop();
                if quotes.is_empty() {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

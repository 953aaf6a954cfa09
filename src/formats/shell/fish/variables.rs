//! The variables of fish: lists in scopes, of which only the global and the universal ones outlive
//! a file.

use std::collections::HashMap;

use super::super::{
    NOT_EXPORTED,
    state::{Certainty, Known, Source},
};
use crate::{
    domain::{
        place::Place,
        reading::{Occurrence, OpaqueReason, Problem, Yield},
        secret::SecretValue,
    },
    formats::{Contents, Environment, MOST_VALUE_BYTES},
};

/// A variable. Its elements are a single unknown one where their number is not known.
#[derive(Debug, Clone, Default)]
pub(super) struct Variable {
    /// `None` when it is erased.
    pub(super) values: Option<Vec<Known>>,
    pub(super) exported: bool,
    /// Its elements are joined by colons, and values cut at them.
    pub(super) is_path: bool,
    /// Exported, or made a path, under a condition.
    maybe_exported: bool,
    maybe_path: bool,
    /// It was exported, and is no more.
    is_taken_back: bool,
    assigned_by: Option<usize>,
}

/// Where a variable lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// In a block; the index of its frame.
    Local(usize),
    Global,
    Universal,
}

/// A block, function or file that is open.
#[derive(Debug, Default)]
struct Frame {
    is_function: bool,
    variables: HashMap<String, Variable>,
}

/// Flags of `set`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) exported: Option<bool>,
    pub(super) is_path: Option<bool>,
}

#[derive(Debug)]
pub(super) struct Variables<'caller> {
    environment: &'caller Environment,
    /// The first is the shell's own, outside of every function.
    frames: Vec<Frame>,
    globals: HashMap<String, Variable>,
    universals: HashMap<String, Variable>,
    contents: Contents,
    file: Source,
    bytes: usize,
}

impl<'caller> Variables<'caller> {
    /// A shell that has just started.
    pub(super) fn new(environment: &'caller Environment) -> Self {
        Self {
            environment,
            frames: vec![Frame { is_function: true, ..Frame::default() }],
            globals: HashMap::new(),
            universals: HashMap::new(),
            contents: Contents::default(),
            file: Source::new(b"", None),
            bytes: 0,
        }
    }

    /// Goes over to another file; what comes back is the one before.
    pub(super) fn turn_to(&mut self, file: Source) -> Source {
        std::mem::replace(&mut self.file, file)
    }

    /// Something a person should know.
    pub(super) fn problem(&mut self, at: usize, text: &'static str) {
        let place = self.place(at);
        self.contents.problems.push(Problem { place, text });
    }

    /// Something a person should know about another file.
    pub(super) fn problem_of(&mut self, path: String, text: &'static str) {
        self.contents.problems.push(Problem { place: Place::file(path), text });
    }

    fn place(&self, at: usize) -> Place {
        self.file.place(at)
    }

    pub(super) fn open(&mut self, is_function: bool) {
        self.frames.push(Frame { is_function, ..Frame::default() });
    }

    pub(super) fn close(&mut self) {
        self.frames.pop();
    }

    /// The scope of `set -l`.
    pub(super) fn local(&self) -> Scope {
        self.frames.len().checked_sub(1).map_or(Scope::Global, Scope::Local)
    }

    /// The scope of `set -f`; outside a function, variables of it outlive the file.
    pub(super) fn of_function(&self) -> Scope {
        let function = self.frames.iter().rposition(|frame| frame.is_function);
        function.map_or(Scope::Global, Scope::Local)
    }

    /// The scope of new variables.
    fn of_new(&self) -> Scope {
        match self.of_function() {
            Scope::Local(0) => Scope::Global,
            scope => scope,
        }
    }

    /// The scope that `set` takes when none is named.
    pub(super) fn usual(&self, name: &str) -> Scope {
        self.scope_of(name).unwrap_or_else(|| self.of_new())
    }

    /// The innermost scope that has the variable.
    pub(super) fn scope_of(&self, name: &str) -> Option<Scope> {
        let function = self.frames.iter().rposition(|frame| frame.is_function).unwrap_or(0);
        let frames = self.frames.iter().enumerate().skip(function).rev();
        let has = |variables: &HashMap<String, Variable>| {
            variables.get(name).is_some_and(|variable| variable.values.is_some())
        };
        for (index, frame) in frames {
            if has(&frame.variables) {
                return Some(Scope::Local(index));
            }
        }
        if has(&self.globals)
            || !self.globals.contains_key(name) && self.environment.contains_key(name)
        {
            return Some(Scope::Global);
        }
        has(&self.universals).then_some(Scope::Universal)
    }

    fn variables(&self, scope: Scope) -> &HashMap<String, Variable> {
        match scope {
            Scope::Local(index) => &self.frames[index].variables,
            Scope::Global => &self.globals,
            Scope::Universal => &self.universals,
        }
    }

    /// The variable in this scope, made where there is none.
    fn entry(&mut self, scope: Scope, name: &str) -> &mut Variable {
        let inherited = (scope == Scope::Global).then(|| self.inherited(name)).flatten();
        let variables = match scope {
            Scope::Local(index) => &mut self.frames[index].variables,
            Scope::Global => &mut self.globals,
            Scope::Universal => &mut self.universals,
        };
        variables.entry(name.to_owned()).or_insert_with(|| {
            let is_path = name.ends_with("PATH");
            inherited.unwrap_or(Variable { is_path, ..Variable::default() })
        })
    }

    fn inherited(&self, name: &str) -> Option<Variable> {
        let value = self.environment.get(name)?.expose();
        let is_path = name.ends_with("PATH");
        let values = if is_path {
            value.split(|byte| *byte == b':').map(|part| Known::Bytes(part.to_vec())).collect()
        } else {
            vec![Known::Bytes(value.to_vec())]
        };
        Some(Variable { values: Some(values), exported: true, is_path, ..Variable::default() })
    }

    /// What `$name` gives: its elements, and whether they are joined by colons.
    pub(super) fn look_up(&self, name: &str) -> Option<(Vec<Known>, bool)> {
        let scope = self.scope_of(name)?;
        self.look_up_in(scope, name)
    }

    /// The same of one scope.
    pub(super) fn look_up_in(&self, scope: Scope, name: &str) -> Option<(Vec<Known>, bool)> {
        match self.variables(scope).get(name) {
            Some(variable) => Some((variable.values.clone()?, variable.is_path)),
            None if scope == Scope::Global => {
                let variable = self.inherited(name)?;
                Some((variable.values?, variable.is_path))
            }
            None => None,
        }
    }

    /// The file itself has set it for certain.
    pub(super) fn is_set_here(&self, name: &str) -> bool {
        let Some(scope) = self.scope_of(name) else { return false };
        self.variables(scope)
            .get(name)
            .and_then(|variable| variable.values.as_ref())
            .is_some_and(|values| values.iter().all(|value| matches!(value, Known::Bytes(_))))
    }

    /// `set NAME values…`.
    pub(super) fn assign(
        &mut self,
        scope: Scope,
        name: &str,
        at: usize,
        values: Vec<Known>,
        flags: Flags,
        certainty: Certainty,
    ) {
        if certainty == Certainty::Never {
            return;
        }
        self.bytes += values.iter().map(length).sum::<usize>() + values.len();
        let is_too_much = self.bytes > MOST_VALUE_BYTES;
        let variable = self.entry(scope, name);
        match flags.is_path {
            Some(is_path) if certainty == Certainty::Runs => {
                (variable.is_path, variable.maybe_path) = (is_path, false);
            }
            Some(is_path) => variable.maybe_path |= is_path != variable.is_path,
            None => {}
        }
        let is_path = variable.is_path;
        let values = if is_too_much {
            vec![Known::Opaque(OpaqueReason::Dynamic)]
        } else if certainty == Certainty::Runs {
            if is_path { values.into_iter().flat_map(split).collect() } else { values }
        } else {
            vec![Known::Opaque(OpaqueReason::Conditional)]
        };
        let joined = joined(&values, is_path);
        let was_exported = variable.exported;
        match (flags.exported, certainty) {
            (Some(exported), Certainty::Runs) => {
                (variable.exported, variable.maybe_exported) = (exported, false);
            }
            (Some(exported), _) if exported != variable.exported => {
                (variable.exported, variable.maybe_exported) = (false, true);
            }
            _ => {}
        }
        variable.values = Some(values);
        let exported = variable.exported || variable.maybe_exported;
        variable.is_taken_back = !exported && (was_exported || variable.is_taken_back);
        let is_open = variable.maybe_exported
            || (variable.maybe_path && variable.values.as_ref().is_some_and(|all| all.len() > 1));
        let seen = if variable.is_taken_back {
            Yield::Unset
        } else if is_open {
            Yield::Opaque(OpaqueReason::Conditional)
        } else {
            yields(joined)
        };
        let occurrence = self.occur(name, at, seen);
        self.entry(scope, name).assigned_by = Some(occurrence);
    }

    /// `set -e NAME`.
    pub(super) fn erase(&mut self, scope: Scope, name: &str, at: usize, certainty: Certainty) {
        if certainty == Certainty::Never || self.look_up_in(scope, name).is_none() {
            return;
        }
        let conditional = certainty != Certainty::Runs;
        let yields =
            if conditional { Yield::Opaque(OpaqueReason::Conditional) } else { Yield::Unset };
        let occurrence = self.occur(name, at, yields);
        let variable = self.entry(scope, name);
        variable.values = conditional.then(|| vec![Known::Opaque(OpaqueReason::Conditional)]);
        variable.maybe_exported = conditional && (variable.exported || variable.maybe_exported);
        variable.exported = false;
        variable.assigned_by = Some(occurrence);
    }

    fn occur(&mut self, name: &str, at: usize, yields: Yield<SecretValue>) -> usize {
        let place = self.place(at);
        let mut occurrence = Occurrence::new(name, super::START, yields);
        occurrence.place = place;
        self.contents.occurrences.push(occurrence);
        self.contents.occurrences.len() - 1
    }

    /// Marks the winners and names what never leaves the shell.
    pub(super) fn finish(mut self) -> Contents {
        let mut won = HashMap::new();
        let mut kept_back = Vec::new();
        // A global variable that is not exported hides no universal one from programs.
        for variables in [&self.universals, &self.globals] {
            for (name, variable) in variables {
                let Some(index) = variable.assigned_by else { continue };
                match &variable.values {
                    Some(_)
                        if variable.exported
                            || variable.maybe_exported
                            || variable.is_taken_back =>
                    {
                        won.insert(name.clone(), index);
                    }
                    Some(_) => kept_back.push(index),
                    None => {
                        won.entry(name.clone()).or_insert(index);
                    }
                }
            }
        }
        // A variable of `set -f` outside of functions hides both.
        for (name, variable) in &self.frames[0].variables {
            let Some(index) = variable.assigned_by.filter(|_| variable.values.is_some()) else {
                continue;
            };
            if !variable.exported && !variable.maybe_exported {
                kept_back.push(index);
                if won.contains_key(name) || self.environment.contains_key(name) {
                    let open = matches!(variable.values.as_deref(), Some([Known::Opaque(_)]));
                    self.contents.occurrences[index].yields =
                        if open { Yield::Opaque(OpaqueReason::Conditional) } else { Yield::Unset };
                } else {
                    continue;
                }
            }
            won.insert(name.clone(), index);
        }
        for index in won.values() {
            self.contents.occurrences[*index].wins = true;
        }
        for index in kept_back {
            let place = self.contents.occurrences[index].place.clone();
            self.contents.problems.push(Problem { place, text: NOT_EXPORTED });
        }
        super::super::state::tidy(self.contents)
    }
}

fn length(value: &Known) -> usize {
    match value {
        Known::Bytes(bytes) => bytes.len(),
        Known::Opaque(_) => 0,
    }
}

fn split(value: Known) -> Vec<Known> {
    match value {
        Known::Bytes(bytes) => {
            bytes.split(|byte| *byte == b':').map(|part| Known::Bytes(part.to_vec())).collect()
        }
        opaque @ Known::Opaque(_) => vec![opaque],
    }
}

/// The elements as one string.
pub(super) fn joined(values: &[Known], is_path: bool) -> Known {
    let mut bytes = Vec::new();
    for (index, value) in values.iter().enumerate() {
        match value {
            Known::Bytes(value) => {
                if index > 0 {
                    bytes.push(if is_path { b':' } else { b' ' });
                }
                bytes.extend_from_slice(value);
            }
            Known::Opaque(reason) => return Known::Opaque(*reason),
        }
    }
    Known::Bytes(bytes)
}

/// What programs get; a NUL ends the string for them.
fn yields(value: Known) -> Yield<SecretValue> {
    match value {
        Known::Bytes(mut bytes) => {
            if let Some(end) = memchr::memchr(0, &bytes) {
                bytes.truncate(end);
            }
            Yield::Value(SecretValue::new(bytes))
        }
        Known::Opaque(reason) => Yield::Opaque(reason),
    }
}

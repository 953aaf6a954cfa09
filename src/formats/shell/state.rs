//! What the commands of a file have done to the shell's variables so far.

use std::collections::{HashMap, HashSet};

use crate::{
    domain::{
        place::{Place, Position},
        reading::{Occurrence, OpaqueReason, Problem, Yield},
        secret::SecretValue,
    },
    formats::{Contents, Environment, MOST_VALUE_BYTES, shell::NOT_EXPORTED},
};

/// Whether a command takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Certainty {
    /// It does.
    Runs,
    /// Under a condition.
    Maybe,
    /// It runs in a process of its own, and its effect ends there.
    Lost,
    /// It does not run.
    Never,
}

/// A value, as far as it is known.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Not known, and why.
    Opaque(OpaqueReason),
}

#[derive(Debug, Clone, Default)]
struct Variable {
    /// `None` when it is unset.
    value: Option<Known>,
    exported: bool,
    /// Exported under a condition.
    maybe_exported: bool,
    /// An array, which programs do not get; in bash it stays one until it is unset.
    is_array: bool,
    /// The occurrence that made the value.
    assigned_by: Option<usize>,
    /// The occurrence that decides what a process sees.
    decided_by: Option<usize>,
}

/// The file that is read at this time.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// `None` for the layer's own file.
    path: Option<String>,
    line_starts: Vec<usize>,
}

impl Source {
    /// A file of this text; a file that another one names has a path.
    pub(super) fn new(text: &[u8], path: Option<String>) -> Self {
        let breaks = memchr::memchr_iter(b'\n', text).map(|at| at + 1);
        Self { path, line_starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The place of a byte of the file.
    pub(super) fn place(&self, at: usize) -> Place {
        Place { path: self.path.clone(), position: Some(self.position(at)) }
    }

    /// Where a byte of the file stands.
    pub(super) fn position(&self, at: usize) -> Position {
        let line = self.line_starts.partition_point(|start| *start <= at);
        Position { line: line as u32, column: (at - self.line_starts[line - 1] + 1) as u32 }
    }
}

/// The variables, and the occurrences that made them.
#[derive(Debug)]
pub(super) struct State<'file> {
    environment: &'file Environment,
    variables: HashMap<String, Variable>,
    /// How to undo what was done since the last complete command.
    journal: Vec<(String, Option<Variable>)>,
    contents: Contents,
    file: Source,
    /// Of all values so far.
    bytes: usize,
    /// `set -a`.
    exports_all: bool,
    /// `set -a` under a condition.
    maybe_exports_all: bool,
}

impl<'file> State<'file> {
    /// A shell that has just started.
    pub(super) fn new(text: &[u8], environment: &'file Environment, exports_all: bool) -> Self {
        Self {
            environment,
            variables: HashMap::new(),
            journal: Vec::new(),
            contents: Contents::default(),
            file: Source::new(text, None),
            bytes: 0,
            exports_all,
            maybe_exports_all: false,
        }
    }

    /// What `$name` gives; `None` when it is unset.
    pub(super) fn look_up(&self, name: &str) -> Option<Known> {
        match self.variables.get(name) {
            Some(variable) => variable.value.clone(),
            None => self.environment.get(name).map(|value| Known::Bytes(value.expose().to_vec())),
        }
    }

    /// `name=value`, by a command of this certainty; `exports` says that the command exports it.
    pub(super) fn assign(
        &mut self,
        name: &str,
        at: usize,
        value: Known,
        certainty: Certainty,
        exports: bool,
    ) {
        if certainty == Certainty::Never {
            return;
        }
        if let Known::Bytes(bytes) = &value {
            self.bytes += bytes.len();
        }
        let value = if self.bytes > MOST_VALUE_BYTES {
            Known::Opaque(OpaqueReason::Dynamic)
        } else if certainty == Certainty::Runs {
            value
        } else {
            Known::Opaque(OpaqueReason::Conditional)
        };
        if certainty == Certainty::Lost {
            self.occur(name, at, yields(&value));
            return self.problem(at, "assigned in a subshell; the value ends there");
        }
        let exports = exports || self.exports_all;
        let may_export = self.maybe_exports_all || (exports && certainty != Certainty::Runs);
        let variable = self.change(name);
        variable.exported |= exports && certainty == Certainty::Runs;
        variable.maybe_exported |= may_export;
        let (exported, maybe) = (variable.exported, variable.maybe_exported);
        let seen = if variable.is_array {
            Yield::Unset
        } else if maybe && !exported {
            Yield::Opaque(OpaqueReason::Conditional)
        } else {
            yields(&value)
        };
        let occurrence = self.occur(name, at, seen);
        let variable = self.change(name);
        variable.value = Some(value);
        variable.assigned_by = Some(occurrence);
        if exported || maybe {
            variable.decided_by = Some(occurrence);
        }
    }

    /// `name=(…)` of bash: a variable that is exported, too, and that programs do not get.
    pub(super) fn make_array(&mut self, name: &str, at: usize, certainty: Certainty) {
        if certainty > Certainty::Maybe {
            return;
        }
        self.assign(name, at, Known::Opaque(OpaqueReason::Dynamic), certainty, false);
        let variable = self.change(name);
        let seen = if certainty == Certainty::Runs {
            variable.is_array = true;
            Yield::Unset
        } else {
            // From here on it is an array, or it is none.
            variable.maybe_exported |= variable.exported;
            variable.exported = false;
            Yield::Opaque(OpaqueReason::Conditional)
        };
        if let Some(assigned) = variable.assigned_by {
            self.contents.occurrences[assigned].yields = seen;
        }
    }

    /// `set -a` and `set +a`.
    pub(super) fn export_all(&mut self, on: bool, certainty: Certainty) {
        if certainty == Certainty::Runs {
            (self.exports_all, self.maybe_exports_all) = (on, false);
        } else {
            self.maybe_exports_all |= on;
        }
    }

    /// It is exported and has no value yet.
    pub(super) fn awaits_value(&self, name: &str) -> bool {
        self.variables
            .get(name)
            .is_some_and(|variable| variable.exported && variable.value.is_none())
    }

    /// `export name`, without a value.
    pub(super) fn export(&mut self, name: &str, at: usize, certainty: Certainty) {
        if certainty > Certainty::Maybe {
            return;
        }
        if certainty == Certainty::Maybe {
            let is_set = self.look_up(name).is_some();
            let variable = self.change(name);
            variable.maybe_exported = true;
            if is_set && !variable.exported {
                let yields = Yield::Opaque(OpaqueReason::Conditional);
                let occurrence = self.occur(name, at, yields);
                self.change(name).decided_by = Some(occurrence);
            }
            return;
        }
        let variable = self.change(name);
        variable.exported = true;
        variable.decided_by = variable.assigned_by.or(variable.decided_by);
        let known = variable.value.clone().filter(|_| !variable.is_array);
        if let (Some(assigned), Some(value)) = (variable.assigned_by, known) {
            // Until here it was exported under a condition, if at all.
            self.contents.occurrences[assigned].yields = yields(&value);
        }
    }

    /// `unset name`, or `export -n name` where `keeps_value`.
    pub(super) fn remove(
        &mut self,
        name: &str,
        at: usize,
        certainty: Certainty,
        keeps_value: bool,
    ) {
        if certainty > Certainty::Maybe {
            return;
        }
        let conditional = certainty == Certainty::Maybe;
        let yields =
            if conditional { Yield::Opaque(OpaqueReason::Conditional) } else { Yield::Unset };
        let occurrence = self.occur(name, at, yields);
        let variable = self.change(name);
        variable.decided_by = Some(occurrence);
        if conditional {
            variable.maybe_exported |= variable.exported;
            variable.exported = false;
            variable.value = Some(Known::Opaque(OpaqueReason::Conditional));
            return;
        }
        variable.exported = false;
        variable.maybe_exported = false;
        variable.is_array &= keeps_value;
        if !keeps_value {
            variable.value = None;
            variable.assigned_by = None;
        }
    }

    /// Something a person should know.
    pub(super) fn problem(&mut self, at: usize, text: &'static str) {
        let place = self.file.place(at);
        self.contents.problems.push(Problem { place, text });
    }

    /// Something a person should know about another file.
    pub(super) fn problem_of(&mut self, path: String, text: &'static str) {
        self.contents.problems.push(Problem { place: Place::file(path), text });
    }

    /// Goes over to another file; what comes back is the one before.
    pub(super) fn turn_to(&mut self, file: Source) -> Source {
        std::mem::replace(&mut self.file, file)
    }

    /// The commands so far are complete: the shell has run them. Those of a file that another one
    /// reads may still be a part of a command there. What comes back is the mark of this place.
    pub(super) fn commit(&mut self, is_outermost: bool) -> usize {
        if is_outermost {
            self.journal.clear();
        }
        self.journal.len()
    }

    /// How far the journal goes, for [`Self::roll_back_to`].
    pub(super) fn mark(&self) -> usize {
        self.journal.len()
    }

    /// The commands since the mark left nothing behind.
    pub(super) fn roll_back_to(&mut self, mark: usize) {
        for (name, before) in self.journal.drain(mark.min(self.journal.len())..).rev() {
            match before {
                Some(variable) => self.variables.insert(name, variable),
                None => self.variables.remove(&name),
            };
        }
    }

    /// Marks the winners and names what never leaves the shell.
    pub(super) fn finish(mut self) -> Contents {
        let mut kept_back = Vec::new();
        for variable in self.variables.values() {
            if let Some(decisive) = variable.decided_by {
                self.contents.occurrences[decisive].wins = true;
            }
            let is_kept_back = !variable.exported && !variable.maybe_exported;
            if let Some(assigned) = variable.assigned_by.filter(|_| is_kept_back) {
                kept_back.push(assigned);
            }
        }
        kept_back.sort_unstable();
        for index in kept_back {
            let place = self.contents.occurrences[index].place.clone();
            self.contents.problems.push(Problem { place, text: NOT_EXPORTED });
        }
        tidy(self.contents)
    }

    fn occur(&mut self, name: &str, at: usize, yields: Yield<SecretValue>) -> usize {
        let mut occurrence = Occurrence::new(name, self.position(at), yields);
        occurrence.place.path.clone_from(&self.file.path);
        self.contents.occurrences.push(occurrence);
        self.contents.occurrences.len() - 1
    }

    /// The variable, with its former self noted for a roll-back.
    fn change(&mut self, name: &str) -> &mut Variable {
        self.journal.push((name.to_owned(), self.variables.get(name).cloned()));
        let inherited = self.environment.get(name);
        self.variables.entry(name.to_owned()).or_insert_with(|| Variable {
            value: inherited.map(|value| Known::Bytes(value.expose().to_vec())),
            exported: inherited.is_some(),
            ..Variable::default()
        })
    }

    /// Where a byte of the file stands.
    pub(super) fn position(&self, at: usize) -> Position {
        self.file.position(at)
    }
}

fn yields(value: &Known) -> Yield<SecretValue> {
    match value {
        Known::Bytes(bytes) => Yield::Value(SecretValue::new(bytes.clone())),
        Known::Opaque(reason) => Yield::Opaque(*reason),
    }
}

/// Problems in the order of their places, and no occurrence twice: a loop, or a file that is read
/// twice, assigns at the same place again.
pub(super) fn tidy(mut contents: Contents) -> Contents {
    contents.problems.sort_by(|one, other| one.place.cmp(&other.place));
    contents.problems.dedup();
    let mut kept = HashMap::new();
    for (index, occurrence) in contents.occurrences.iter().enumerate() {
        let of_place = kept.entry((occurrence.variable.clone(), occurrence.place.clone()));
        let of_place = of_place.or_insert(index);
        if !contents.occurrences[*of_place].wins {
            *of_place = index;
        }
    }
    if kept.len() < contents.occurrences.len() {
        let kept: HashSet<usize> = kept.into_values().collect();
        let mut index = 0..;
        contents.occurrences.retain(|_| index.next().is_some_and(|at| kept.contains(&at)));
    }
    contents
}

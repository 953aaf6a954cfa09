//! `set`, the one command of fish that makes, changes and erases variables.

use super::{
    evaluator::{Evaluator, is_valid},
    expansion::{Index, Wildcards},
    variables::{Flags, Scope},
    words::{Piece, Word},
};
use crate::{
    domain::reading::OpaqueReason,
    formats::shell::{
        scanner::Status,
        state::{Certainty, Known},
    },
};

const NO_NAME: &str = "fish takes no such name; nothing is set";

/// What `set` does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Action {
    #[default]
    Assign,
    Append,
    Prepend,
    Erase,
    Ask,
    Show,
}

#[derive(Debug, Default)]
struct Options {
    action: Action,
    scope: Option<Written>,
    flags: Flags,
}

#[derive(Debug, Clone, Copy)]
enum Written {
    Local,
    Function,
    Global,
    Universal,
}

/// The name that `set` is given, and what stands in brackets behind it.
struct Target {
    name: String,
    at: usize,
    index: Brackets,
}

/// What stands in brackets behind a name.
#[derive(Debug, Clone, Copy)]
enum Brackets {
    None,
    One(Index),
    /// Several, or such as are not known.
    Others,
}

impl Options {
    /// Takes an option; false when there is none of that name.
    fn take(&mut self, text: &[u8]) -> bool {
        match text {
            [b'-', b'-', name @ ..] => {
                let letter = match name {
                    b"local" => b'l',
                    b"function" => b'f',
                    b"global" => b'g',
                    b"universal" => b'U',
                    b"export" => b'x',
                    b"unexport" => b'u',
                    b"append" => b'a',
                    b"prepend" => b'p',
                    b"erase" => b'e',
                    b"query" => b'q',
                    b"show" | b"names" | b"long" | b"help" => b'S',
                    b"path" => b'P',
                    b"unpath" => b'N',
                    _ => return false,
                };
                self.letter(letter)
            }
            [b'-', letters @ ..] => {
                letters.iter().all(|letter| !matches!(letter, b'P' | b'N') && self.letter(*letter))
            }
            _ => false,
        }
    }

    fn letter(&mut self, letter: u8) -> bool {
        match letter {
            b'l' => self.scope = Some(Written::Local),
            b'f' => self.scope = Some(Written::Function),
            b'g' => self.scope = Some(Written::Global),
            b'U' => self.scope = Some(Written::Universal),
            b'x' => self.flags.exported = Some(true),
            b'u' => self.flags.exported = Some(false),
            b'a' => self.action = Action::Append,
            b'p' => self.action = Action::Prepend,
            b'e' => self.action = Action::Erase,
            b'q' => self.action = Action::Ask,
            b'S' | b'n' | b'L' | b'h' => self.action = Action::Show,
            b'P' => self.flags.is_path = Some(true),
            b'N' => self.flags.is_path = Some(false),
            _ => return false,
        }
        true
    }
}

impl Evaluator<'_, '_> {
    pub(super) fn set(&mut self, at: usize, arguments: &[Word], certainty: Certainty) {
        let mut options = Options::default();
        let mut rest = arguments;
        while let Some((first, behind)) = rest.split_first() {
            let values = self.expand(first, Wildcards::Files);
            match values.as_slice() {
                [] => rest = behind,
                [Known::Bytes(text)] if text == b"--" => {
                    rest = behind;
                    break;
                }
                [Known::Bytes(text)] if text.len() > 1 && text.starts_with(b"-") => {
                    if !options.take(text) {
                        self.status = Status::Failure;
                        return;
                    }
                    rest = behind;
                }
                _ => break,
            }
        }
        match options.action {
            Action::Show => self.status = Status::Success,
            Action::Ask => self.ask(rest),
            Action::Erase => {
                let mut status = Status::Success;
                for word in rest {
                    status = self.erase(word, &options, certainty).unwrap_or(Status::Unknown);
                }
                self.status = status;
            }
            Action::Assign | Action::Append | Action::Prepend => {
                let Some((name, words)) = rest.split_first() else {
                    self.status = Status::Success;
                    return;
                };
                self.assign(at, name, words, &options, certainty);
            }
        }
    }

    fn scope(&self, written: Option<Written>, name: &str) -> Scope {
        match written {
            None => self.variables.usual(name),
            Some(Written::Local) => self.variables.local(),
            Some(Written::Function) => self.variables.of_function(),
            Some(Written::Global) => Scope::Global,
            Some(Written::Universal) => Scope::Universal,
        }
    }

    /// The name that a word gives, with its brackets; `None` where that is not known.
    fn target(&mut self, word: &Word) -> Option<Target> {
        // `NAME[…]` may hold variables in its brackets.
        let values = self.expand(word, Wildcards::Pattern);
        let [Known::Bytes(text)] = values.as_slice() else { return None };
        let text = String::from_utf8_lossy(text).into_owned();
        let (name, index) = match text.split_once('[') {
            Some((name, brackets)) => {
                let inner = Word {
                    pieces: vec![Piece::Literal(
                        brackets.trim_end_matches(']').as_bytes().to_vec(),
                    )],
                    ..word.clone()
                };
                let indices = self.expand_indices(std::slice::from_ref(&inner));
                let only =
                    indices.filter(|all| all.len() == 1).and_then(|all| all.first().copied());
                (name.to_owned(), only.map_or(Brackets::Others, Brackets::One))
            }
            None => (text, Brackets::None),
        };
        Some(Target { name, at: word.at, index })
    }

    fn assign(
        &mut self,
        at: usize,
        name: &Word,
        words: &[Word],
        options: &Options,
        certainty: Certainty,
    ) {
        let runs_commands = words.iter().any(is_dynamic);
        let mut values = self.expand_all(words);
        let Some(Target { name, at: name_at, index }) = self.target(name) else {
            self.status = Status::Unknown;
            return;
        };
        if !is_valid(name.as_bytes()) {
            self.variables.problem(at, NO_NAME);
            self.status = Status::Failure;
            return;
        }
        let scope = self.scope(options.scope, &name);
        if options.action != Action::Assign || !matches!(index, Brackets::None) {
            let before = self
                .variables
                .look_up_in(scope, &name)
                .or_else(|| self.variables.look_up(&name))
                .map_or(Vec::new(), |found| found.0);
            values = match (options.action, index) {
                (Action::Append, _) => [before, values].concat(),
                (Action::Prepend, _) => [values, before].concat(),
                (_, Brackets::None) => values,
                (_, index) => replaced(before, index, values),
            };
        }
        let value_at = words.first().map_or(name_at, |word| word.at);
        self.variables.assign(scope, &name, value_at, values, options.flags, certainty);
        // A successful `set` leaves the status of the command before it, or inside it.
        if runs_commands || certainty != Certainty::Runs {
            self.status = Status::Unknown;
        }
    }

    fn erase(&mut self, word: &Word, options: &Options, certainty: Certainty) -> Option<Status> {
        let Target { name, at, index } = self.target(word)?;
        let scope = match options.scope {
            None => self.variables.scope_of(&name),
            written => Some(self.scope(written, &name)),
        };
        let Some(scope) = scope else { return Some(Status::Unknown) };
        match index {
            Brackets::None => self.variables.erase(scope, &name, at, certainty),
            index => {
                let before = self.variables.look_up_in(scope, &name)?.0;
                let values = replaced(before, index, Vec::new());
                self.variables.assign(scope, &name, at, values, Flags::default(), certainty);
            }
        }
        Some(Status::Unknown)
    }

    /// `set -q`: what this file has set is set; of others the environment decides.
    fn ask(&mut self, words: &[Word]) {
        let mut status = Status::Success;
        for word in words {
            let target = self.target(word);
            let is_set = target.is_some_and(|target| {
                let count = self.variables.look_up(&target.name).map_or(0, |found| found.0.len());
                let has_index = match target.index {
                    Brackets::None => true,
                    Brackets::One(index) => index
                        .range(count)
                        .is_some_and(|(first, last)| first >= 1 && first <= last && last <= count),
                    Brackets::Others => false,
                };
                self.variables.is_set_here(&target.name) && has_index
            });
            if !is_set {
                status = Status::Unknown;
            }
        }
        self.status = status;
    }
}

/// The list with one element, or a range, replaced.
fn replaced(before: Vec<Known>, index: Brackets, values: Vec<Known>) -> Vec<Known> {
    let unknown = || vec![Known::Opaque(OpaqueReason::Dynamic)];
    let Brackets::One(index) = index else { return unknown() };
    let Some((first, last)) = index.range(before.len()) else { return unknown() };
    if before.iter().any(|value| matches!(value, Known::Opaque(_))) {
        return unknown();
    }
    let erases = values.is_empty();
    if first == 0 || first > last || last > before.len() + 1 || (last > before.len() && erases) {
        return if erases { before } else { unknown() };
    }
    if !erases && values.len() != last - first + 1 {
        return unknown();
    }
    let mut whole = before;
    whole.splice(first - 1..last.min(whole.len()), values);
    whole
}

fn is_dynamic(word: &Word) -> bool {
    word.pieces.iter().any(|piece| match piece {
        Piece::Dynamic => true,
        Piece::Alternatives(words) => words.iter().any(is_dynamic),
        _ => false,
    })
}

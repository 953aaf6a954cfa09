//! What the words of fish give: lists, for every combination of the lists in them.

use super::{
    evaluator::Evaluator,
    variables::joined,
    words::{Piece, Variable, Word},
};
use crate::{
    domain::reading::OpaqueReason,
    formats::{MOST_VALUE_BYTES, shell::state::Known},
};

/// A word gives no more elements than this.
const MOST_ELEMENTS: usize = 1_000;

const DYNAMIC: Known = Known::Opaque(OpaqueReason::Dynamic);

/// Names that fish sets by itself, so that a file cannot tell their values.
const SET_BY_THE_SHELL: &[&str] = &[
    "CMD_DURATION",
    "COLUMNS",
    "FISH_VERSION",
    "LINES",
    "PWD",
    "SHLVL",
    "_",
    "argv",
    "dirprev",
    "fish_pid",
    "history",
    "hostname",
    "last_pid",
    "pipestatus",
    "status",
    "umask",
    "version",
];

/// What `*` and `?` mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wildcards {
    /// Names of files.
    Files,
    /// Themselves: the word is a pattern.
    Pattern,
}

impl Evaluator<'_, '_> {
    /// What words give together.
    pub(super) fn expand_all(&mut self, words: &[Word]) -> Vec<Known> {
        words.iter().flat_map(|word| self.expand(word, Wildcards::Files)).collect()
    }

    /// What a word gives. A single unknown element stands for any number of them.
    pub(super) fn expand(&mut self, word: &Word, wildcards: Wildcards) -> Vec<Known> {
        let has_wildcard = word.pieces.iter().any(|piece| matches!(piece, Piece::Wildcard(_)));
        if has_wildcard && wildcards == Wildcards::Files {
            return self.files_of(word).unwrap_or_else(|| vec![DYNAMIC]);
        }
        // Each piece that gives a list; lists of variables change slowest.
        let lists: Vec<(Vec<Known>, bool)> = word
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(bytes) => (vec![Known::Bytes(bytes.clone())], false),
                Piece::Wildcard(byte) => (vec![Known::Bytes(vec![*byte])], false),
                Piece::Home => (self.home(), false),
                Piece::Variable(variable) => (self.variable(variable), true),
                Piece::Alternatives(words) => {
                    let expanded = words.iter().flat_map(|word| match word.pieces.as_slice() {
                        [] => vec![Known::Bytes(Vec::new())],
                        _ => self.expand(word, wildcards),
                    });
                    (expanded.collect(), false)
                }
                Piece::Dynamic => (vec![DYNAMIC], false),
            })
            .collect();
        let of_kind =
            |wanted: bool| lists.iter().enumerate().filter(move |(_, list)| list.1 == wanted);
        let order: Vec<usize> =
            of_kind(false).chain(of_kind(true)).map(|(index, _)| index).collect();
        let count = lists.iter().fold(1_usize, |count, list| count.saturating_mul(list.0.len()));
        if count > MOST_ELEMENTS {
            return vec![DYNAMIC];
        }
        let mut size = 0;
        let mut elements = Vec::with_capacity(count);
        for number in 0..count {
            let mut chosen = vec![0; lists.len()];
            let mut rest = number;
            for index in &order {
                chosen[*index] = rest % lists[*index].0.len();
                rest /= lists[*index].0.len();
            }
            let parts: Vec<Known> =
                lists.iter().zip(&chosen).map(|(list, choice)| list.0[*choice].clone()).collect();
            let element = concatenated(parts);
            if let Known::Bytes(bytes) = &element {
                size += bytes.len();
            }
            if size > MOST_VALUE_BYTES {
                return vec![DYNAMIC];
            }
            elements.push(element);
        }
        elements
    }

    fn home(&self) -> Vec<Known> {
        self.variables
            .look_up("HOME")
            .map_or_else(|| vec![DYNAMIC], |(values, is_path)| vec![joined(&values, is_path)])
    }

    fn variable(&mut self, variable: &Variable) -> Vec<Known> {
        let mut names = vec![variable.name.clone()];
        for _ in 1..variable.references {
            let mut next = Vec::new();
            for name in &names {
                for value in self.values_of(name).0 {
                    let Known::Bytes(bytes) = value else { return vec![value] };
                    next.push(String::from_utf8_lossy(&bytes).into_owned());
                }
            }
            names = next;
        }
        if variable.references > 1 && (variable.indices.is_some() || names.len() > MOST_ELEMENTS) {
            return vec![DYNAMIC];
        }
        let mut all = Vec::new();
        let mut joins_paths = false;
        for name in &names {
            let (values, is_path) = self.values_of(name);
            joins_paths |= is_path;
            match &variable.indices {
                None => all.extend(values),
                Some(indices) => match self.picked(&values, indices) {
                    Some(picked) => all.extend(picked),
                    None => return vec![DYNAMIC],
                },
            }
        }
        if variable.quoted { vec![joined(&all, joins_paths)] } else { all }
    }

    fn values_of(&self, name: &str) -> (Vec<Known>, bool) {
        match self.variables.look_up(name) {
            _ if SET_BY_THE_SHELL.contains(&name) => (vec![DYNAMIC], false),
            Some(found) => found,
            None => (Vec::new(), false),
        }
    }

    /// `[1 2..3 -1]` of these elements; `None` where the numbers are not known.
    fn picked(&mut self, values: &[Known], indices: &[Word]) -> Option<Vec<Known>> {
        if values.iter().any(|value| matches!(value, Known::Opaque(_))) {
            return None;
        }
        let mut picked = Vec::new();
        for index in self.expand_indices(indices)? {
            let (first, last) = index.range(values.len())?;
            let count = first.abs_diff(last) + 1;
            for step in 0..count.min(MOST_ELEMENTS) {
                let at = if first <= last { first + step } else { first - step };
                picked.extend(at.checked_sub(1).and_then(|at| values.get(at)).cloned());
            }
        }
        Some(picked)
    }

    pub(super) fn expand_indices(&mut self, indices: &[Word]) -> Option<Vec<Index>> {
        let known = self.expand_all(indices);
        known
            .iter()
            .map(|value| match value {
                Known::Bytes(bytes) => Index::read(std::str::from_utf8(bytes).ok()?),
                Known::Opaque(_) => None,
            })
            .collect()
    }

    /// `FOLDER/PATTERN`, as files; `None` where they cannot be told.
    fn files_of(&mut self, word: &Word) -> Option<Vec<Known>> {
        let slash = |piece: &Piece| matches!(piece, Piece::Literal(bytes) if bytes.contains(&b'/'));
        let cut = word.pieces.iter().rposition(slash)?;
        let Piece::Literal(bytes) = &word.pieces[cut] else { return None };
        let within = memchr::memrchr(b'/', bytes)? + 1;
        let mut folder = Word { pieces: word.pieces[..cut].to_vec(), ..word.clone() };
        folder.pieces.push(Piece::Literal(bytes[..within].to_vec()));
        if folder.pieces.iter().any(|piece| matches!(piece, Piece::Wildcard(_))) {
            return None;
        }
        let mut pattern = escaped(&bytes[within..])?;
        for piece in &word.pieces[cut + 1..] {
            match piece {
                Piece::Literal(bytes) => pattern.push_str(&escaped(bytes)?),
                Piece::Wildcard(byte) => pattern.push(char::from(*byte)),
                _ => return None,
            }
        }
        if pattern.contains("**") {
            return None;
        }
        let folder = self.expand(&folder, Wildcards::Files);
        let [Known::Bytes(folder)] = folder.as_slice() else { return None };
        let found = self.sources.fitting(std::str::from_utf8(folder).ok()?, &pattern)?;
        Some(found.into_iter().map(|path| Known::Bytes(path.into_bytes())).collect())
    }
}

/// `3`, `-1` or `1..2`; an end that is left out is the first or the last element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Index {
    first: Option<isize>,
    last: Option<isize>,
}

impl Index {
    fn read(text: &str) -> Option<Self> {
        let number =
            |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
        if let Some((first, last)) = text.split_once("..") {
            return Some(Self { first: number(first)?, last: number(last)? });
        }
        let only = Some(text.parse().ok()?);
        Some(Self { first: only, last: only })
    }

    /// Counted from 1, in a list of this length; 0 and what lies beyond it is no element.
    pub(super) fn range(self, length: usize) -> Option<(usize, usize)> {
        let whole = isize::try_from(length).ok()?;
        let place = |number: isize| if number < 0 { whole + number + 1 } else { number };
        let first = self.first.map_or(1, place);
        let last = self.last.map_or(whole, place);
        Some((usize::try_from(first).ok()?, usize::try_from(last).ok()?))
    }
}

fn concatenated(parts: Vec<Known>) -> Known {
    let mut whole = Vec::new();
    for part in parts {
        match part {
            Known::Bytes(bytes) => whole.extend(bytes),
            opaque @ Known::Opaque(_) => return opaque,
        }
    }
    Known::Bytes(whole)
}

/// As a pattern that fits exactly this.
fn escaped(bytes: &[u8]) -> Option<String> {
    let mut pattern = String::new();
    for character in std::str::from_utf8(bytes).ok()?.chars() {
        if matches!(character, '*' | '?' | '[' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    Some(pattern)
}

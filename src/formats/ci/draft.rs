//! What every reader does with its entries: of each variable one wins.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    Row,
    expand::{Expander, Unknown},
    typing,
};
use crate::{
    domain::{
        place::{Place, Position},
        reading::{Occurrence, Origin, Problem, Yield},
        secret::SecretValue,
        trap::{Trap, Trapped},
    },
    formats::{Contents, Refusal, yaml::Node},
};

/// Most variables that all jobs of a file are given: each job has those of the pipeline again.
const MOST_ENTRIES: usize = 250_000;
const TOO_MANY: &str = "this file gives its jobs more than 250000 variables in all";

/// Refuses a file that gives more than it may.
pub(super) fn within_budget(entries: usize, position: Position) -> Result<(), Refusal> {
    if entries > MOST_ENTRIES { Err(Refusal::at(position, TOO_MANY)) } else { Ok(()) }
}

/// One assignment that a reader found.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) variable: String,
    pub(super) position: Position,
    pub(super) yields: Yield<SecretValue>,
    pub(super) origin: Origin,
    /// Level, then closeness: of several entries of one variable the last of the highest rank
    /// wins. None for an entry that the job does not see.
    pub(super) rank: Option<(usize, usize)>,
    pub(super) updated_at: Option<Timestamp>,
    /// `$NAME` in the value is replaced by the platform.
    pub(super) expands: bool,
    /// What the way in which it is written does to it.
    pub(super) traps: Vec<Trap>,
}

impl Entry {
    /// An entry of a level that a job sees.
    pub(super) fn new(
        variable: &str,
        position: Position,
        yields: Yield<SecretValue>,
        level: usize,
        scope: &str,
    ) -> Self {
        Self {
            variable: variable.to_owned(),
            position,
            yields,
            origin: Origin::CiScope(scope.to_owned()),
            rank: Some((level, 0)),
            updated_at: None,
            expands: false,
            traps: Vec::new(),
        }
    }

    /// It stands for what the platform calls `name`.
    pub(super) fn referring(self, name: impl Into<String>) -> Self {
        Self { origin: Origin::CiReference(name.into()), ..self }
    }

    /// Its value is what the platform makes of this scalar.
    pub(super) fn written(self, node: &Node, value: &SecretValue) -> Self {
        Self { traps: typing::traps(node, value), ..self }
    }

    pub(super) fn updated(self, updated_at: Option<Timestamp>) -> Self {
        Self { updated_at, ..self }
    }
}

/// The variables of one consumer, while they are collected.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) name: Option<String>,
    pub(super) entries: Vec<Entry>,
    pub(super) problems: Vec<Problem>,
    pub(super) elsewhere: bool,
}

impl Draft {
    pub(super) fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    pub(super) fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    pub(super) fn problem(&mut self, position: Position, text: &'static str) {
        self.problems.push(Problem { place: Place::at(position), text });
    }

    /// Indexes of the winners, in file order.
    pub(super) fn winners(&self) -> BTreeSet<usize> {
        let mut best: BTreeMap<&str, ((usize, usize), usize)> = BTreeMap::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let Some(rank) = entry.rank else { continue };
            let winner = best.entry(&entry.variable).or_insert((rank, index));
            *winner = (rank, index).max(*winner);
        }
        best.into_values().map(|(_, index)| index).collect()
    }

    /// The entry that a job sees.
    pub(super) fn winner(&self, variable: &str) -> Option<&Entry> {
        let named = self.entries.iter().enumerate().filter(|(_, entry)| entry.variable == variable);
        let ranked = named.filter_map(|(index, entry)| Some((entry.rank?, index, entry)));
        ranked.max_by_key(|(rank, index, _)| (*rank, *index)).map(|(_, _, entry)| entry)
    }

    /// The row; what values refer to and no entry defines is `unknown`.
    pub(super) fn finish(self, unknown: Unknown) -> Row {
        let winners = self.winners();
        let mut expander = Expander::new(&self.entries, &winners, unknown);
        let mut updated_at = BTreeMap::new();
        let mut occurrences = Vec::with_capacity(self.entries.len());
        let mut traps = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let mut occurrence =
                Occurrence::new(entry.variable.as_str(), entry.position, entry.yields.clone());
            occurrence.origin = entry.origin.clone();
            occurrence.wins = winners.contains(&index);
            if occurrence.wins {
                updated_at.extend(entry.updated_at.map(|at| (entry.variable.clone(), at)));
                if entry.expands {
                    occurrence.yields = expander.value(entry);
                }
            }
            // Defined for a scope that this consumer is not in.
            let out_of_scope = entry.rank.is_none().then_some(Trap::ScopeMismatch);
            let own = entry.traps.iter().copied().filter(|_| occurrence.wins);
            traps.extend(own.chain(out_of_scope).map(|trap| {
                let trapped = Trapped { trap, place: Place::at(entry.position) };
                (Some(entry.variable.clone()), trapped)
            }));
            occurrences.push(occurrence);
        }
        let problems = self.problems;
        let contents = Contents { occurrences, problems, traps, ..Contents::default() };
        Row { name: self.name, contents, updated_at, elsewhere: self.elsewhere }
    }
}

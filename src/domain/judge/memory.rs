//! What a search of its memory makes of a row. The evidence of the highest rank decides; what
//! contradicts it is said, and makes the verdict likely.

use std::collections::BTreeSet;

use super::{Decision, Group, Retired, by_answer, is_gone, retired_in};
use crate::domain::{
    expectation::Answered,
    fingerprint::Fingerprint,
    key::Key,
    memory::{Class, Gap, KeyInMemory, Memory, Search, Sent},
    outcome::ProbeResult,
    reading::{Rank, Reading, State},
    snapshot::Expected,
    verdict::{Certainty, Verdict},
};

/// What the rows of one (environment, credential) say of keys that a search may find.
#[derive(Default)]
pub(super) struct Searched {
    /// Keys that the provider refuses.
    refused: BTreeSet<Fingerprint>,
    /// What it says of the expected one.
    answer: Option<ProbeResult>,
}

impl Searched {
    /// Of rows none of which was searched, nothing is wanted.
    pub(super) fn of(
        answered: &[Answered<'_>],
        environment: &str,
        expected: Option<&Expected>,
    ) -> Self {
        let here = || answered.iter().filter(|(reading, _)| reading.environment == environment);
        if here().all(|(reading, _)| reading.evidence.memory.is_none()) {
            return Self::default();
        }
        let keys = || here().filter_map(|(reading, probe)| Some((reading.state.found()?, *probe)));
        let expected = expected.and_then(|expected| expected.fingerprint);
        Self {
            refused: keys()
                .filter(|(_, probe)| is_gone(probe.outcome))
                .map(|(key, _)| key.fingerprint)
                .collect(),
            answer: keys()
                .find(|(key, _)| Some(key.fingerprint) == expected)
                .map(|(_, probe)| probe.clone()),
        }
    }
}

/// The decision without memory, with what memory says.
pub(super) fn weigh(
    group: &Group,
    reading: &Reading<Key>,
    retired: &[Retired],
    base: Decision,
) -> Decision {
    // A damaged value is what is wrong, whatever else is there.
    if base.0 == Verdict::Malformed {
        return base;
    }
    let search = match &reading.evidence.memory {
        Some(Memory::Refused(why)) if base.0 == Verdict::Unproven => {
            let (verdict, certainty, rank, reason) = base;
            return (verdict, certainty, rank, format!("{reason}; memory not searched: {why}"));
        }
        None | Some(Memory::Refused(_)) => return base,
        Some(Memory::Searched(search)) => search,
    };
    let Some(expected) = &group.expected else { return base };
    let mut weighed = Weighed {
        group,
        search,
        class: Class::NotAsked,
        expected: expected.fingerprint,
        reading,
        retired,
    };
    weighed.class = search.class(expected.fingerprint, |key| weighed.is_old(key));
    if let Some(sent) = search.sent() {
        return weighed.watched(sent, reading, base);
    }
    weighed.present(reading, base)
}

struct Weighed<'a> {
    group: &'a Group,
    search: &'a Search,
    class: Class,
    expected: Option<Fingerprint>,
    reading: &'a Reading<Key>,
    retired: &'a [Retired],
}

impl Weighed<'_> {
    /// The key is known to be old: a rotation has replaced it, or it is refused and the expected one
    /// is accepted.
    fn is_old(&self, key: &KeyInMemory) -> bool {
        let refused = key.fingerprint.is_some_and(|key| self.group.searched.refused.contains(&key));
        let replaced = key
            .exported
            .as_deref()
            .is_some_and(|exported| retired_in(self.retired, self.reading, exported).is_some());
        key.fingerprint != self.expected && (replaced || (self.group.expected_accepted && refused))
    }

    /// What it sends decides above all; where that cannot be told, it is said beside the rest.
    fn watched(&self, sent: Sent<'_>, reading: &Reading<Key>, base: Decision) -> Decision {
        let Some(watch) = &self.search.watch else { return base };
        let time = seconds(watch.milliseconds);
        let (said, key) = match sent {
            Sent::Key(key) => {
                (format!("{} ({} fresh copies in {time})", self.name(key), key.fresh), Some(key))
            }
            Sent::Unknown(fresh) => {
                (format!("a key that no layer holds ({fresh} fresh copies in {time})"), None)
            }
            Sent::Nothing | Sent::Undecided => {
                let (verdict, certainty, rank, reason) = self.present(reading, base);
                let note = match (sent, watch.gap) {
                    (Sent::Nothing, _) => format!(
                        "no new copy of a key in a request for {time}: it sent nothing, or reuses \
                         its memory"
                    ),
                    (_, Some(gap)) => format!("cannot tell what it sends: {}", gap.text()),
                    (_, None) => format!("cannot tell what it sends, from {time} of watching"),
                };
                return (verdict, certainty, rank, format!("{reason}; {note}"));
            }
        };
        let sends = key.and_then(|key| key.fingerprint);
        let older = base.0 == Verdict::Stale;
        let (verdict, said) = if sends.is_some() && sends == self.expected {
            match &self.group.searched.answer {
                Some(answer) => {
                    let (verdict, _, _, answer) = by_answer(answer, reading, Certainty::Likely);
                    (verdict, format!("{said}; {answer}"))
                }
                None => (Verdict::Current, said),
            }
        } else if older || key.is_some_and(|key| self.is_old(key)) {
            (Verdict::Stale, said)
        } else {
            (Verdict::Mismatch, said)
        };
        let beside = match &reading.state {
            State::Found(held) if Some(held.fingerprint) != sends => {
                let held = if Some(held.fingerprint) == self.expected {
                    "the expected key".to_owned()
                } else {
                    held.label()
                };
                let has =
                    if reading.rank == Rank::Live { "now holds" } else { "was launched with" };
                format!("; its environment {has} {held}")
            }
            _ => String::new(),
        };
        let reason = format!("{} {said}{beside}", Rank::Sent.wording());
        (verdict, Certainty::Likely, Rank::Sent, reason)
    }

    /// A key, as the expected or the old one, or by its mask.
    fn name(&self, key: &KeyInMemory) -> String {
        if key.fingerprint == self.expected {
            "the expected key".to_owned()
        } else if self.is_old(key) {
            format!("the old key {}", key.label)
        } else {
            format!("another key, {}", key.label)
        }
    }

    fn present(&self, reading: &Reading<Key>, base: Decision) -> Decision {
        match &reading.state {
            State::Found(key) if reading.rank == Rank::Live => self.beside_live(key, base),
            State::Found(key) if reading.rank == Rank::Launch => self.beside_launch(key, base),
            State::Opaque(_) | State::Unreadable(_) => self.alone(reading, base),
            _ => base,
        }
    }

    /// The environment says what `getenv` returns; what a client object holds stands beside it.
    fn beside_live(&self, key: &Key, base: Decision) -> Decision {
        let note = if Some(key.fingerprint) == self.expected {
            self.others().map(|others| {
                format!("a client built earlier may still hold {others}, which is in its memory")
            })
        } else {
            self.has_expected()
                .then(|| "the expected key is in its memory too, so it may use that one".to_owned())
        };
        match (note, base) {
            (Some(note), (verdict, _, rank, reason)) => {
                (verdict, Certainty::Likely, rank, format!("{reason}; {note}"))
            }
            (None, base) => base,
        }
    }

    /// What it was launched with may be long replaced.
    fn beside_launch(&self, key: &Key, base: Decision) -> Decision {
        let launched_with_expected = Some(key.fingerprint) == self.expected;
        let expected = launched_with_expected || self.has_expected();
        let other = !launched_with_expected || self.others().is_some();
        if expected && other && self.class != Class::NotAsked {
            let (launched, beside) = if launched_with_expected {
                ("the expected key", self.others().unwrap_or_default())
            } else {
                ("another key", "the expected one".to_owned())
            };
            let reason = format!(
                "launched with {launched}, and {beside} is in its memory: cannot tell which one it \
                 uses"
            );
            return (Verdict::Unproven, Certainty::Certain, Rank::Memory, reason);
        }
        base
    }

    /// Nothing else tells which key it has.
    fn alone(&self, reading: &Reading<Key>, base: Decision) -> Decision {
        let likely = |verdict, reason: String| (verdict, Certainty::Likely, Rank::Memory, reason);
        let undecided =
            |reason: String| (Verdict::Unproven, Certainty::Certain, Rank::Memory, reason);
        let not_loaded = "it has not loaded the new one";
        let older = base.0 == Verdict::Stale;
        match self.class {
            Class::ExpectedOnly => {
                let only = "only the expected key in memory";
                let Some(answer) = &self.group.searched.answer else {
                    let reason = format!("{only}; not asked: no layer holds the key itself");
                    return likely(Verdict::Current, reason);
                };
                let (verdict, _, _, said) = by_answer(answer, reading, Certainty::Likely);
                let certainty = match verdict {
                    Verdict::Unproven => Certainty::Certain,
                    _ => Certainty::Likely,
                };
                (verdict, certainty, Rank::Memory, format!("{only}; {said}"))
            }
            Class::OldOnly => {
                likely(Verdict::Stale, format!("only the old key in memory: {not_loaded}"))
            }
            Class::Others => {
                let verdict = if older { Verdict::Stale } else { Verdict::Mismatch };
                let others = self.others().unwrap_or_default();
                likely(verdict, format!("only another key in memory, {others}: {not_loaded}"))
            }
            Class::UnknownOnly => {
                let count = self.unknown_in_words();
                let reason = format!("the expected key is not in its memory, and {count} is");
                if older {
                    likely(Verdict::Stale, format!("{reason}: {not_loaded}"))
                } else {
                    undecided(reason)
                }
            }
            Class::Both => {
                undecided("both keys in memory: cannot tell which one it uses".to_owned())
            }
            Class::BesideUnknown => undecided(format!(
                "the expected key is in its memory, and {} too: cannot tell which one it uses",
                self.unknown_in_words()
            )),
            Class::Partial => {
                let (verdict, certainty, rank, reason) = base;
                let gap = self.search.gap.map(Gap::text).unwrap_or_default();
                let reason = format!("{reason}; the search of its memory is not complete: {gap}");
                (verdict, certainty, rank, reason)
            }
            Class::None | Class::NotAsked => base,
        }
    }

    fn has_expected(&self) -> bool {
        self.expected.and_then(|expected| self.search.copies(expected)).is_some_and(|it| it > 0)
    }

    /// The other keys that were found, in words.
    fn others(&self) -> Option<String> {
        let mut others = self.search.others(self.expected);
        let Some(first) = others.next() else {
            let unknown = self.search.unknown.is_some_and(|count| count > 0);
            return unknown.then(|| self.unknown_in_words());
        };
        let old = self.is_old(first);
        let name =
            if old { format!("the old key {}", first.label) } else { first.label.to_string() };
        Some(match others.count() {
            0 => name,
            more => format!("{name} (and {more} more)"),
        })
    }

    fn unknown_in_words(&self) -> String {
        match self.search.unknown {
            Some(1) => "a key of its form that no layer holds".to_owned(),
            count => format!("one of {} keys of its form that no layer holds", count.unwrap_or(0)),
        }
    }
}

/// `1.3 s`.
fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

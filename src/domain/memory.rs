//! What a search of a process's memory found, and what that says. Asked for twice: by the layer, and
//! by the person at the moment.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::domain::fingerprint::Fingerprint;

/// Nothing shorter is searched for: it would be found by chance.
pub const SHORTEST_KEY: usize = 16;

/// Whether the memory of a process may be searched at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Permit {
    /// Its layer does not allow it.
    #[default]
    No,
    /// Its layer allows it.
    Yes,
    /// Its layer allows it, and stalekey does not do it for this process; a sentence.
    Refused(String),
}

/// What became of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memory {
    /// It was searched.
    Searched(Search),
    /// It was not, and why; a clause, inert.
    Refused(String),
}

impl Memory {
    /// The search, where there was one.
    pub const fn search(&self) -> Option<&Search> {
        match self {
            Self::Searched(search) => Some(search),
            Self::Refused(_) => None,
        }
    }
}

/// A search, as far as it is about the credential of one row. This is its audit line too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// When it ended.
    pub searched_at: Timestamp,
    /// Bytes that were read.
    pub bytes: u64,
    /// How long that took.
    pub milliseconds: u64,
    /// What was left out; without a gap, what was not found was not there.
    pub gap: Option<Gap>,
    /// The keys that were looked for, the most frequent first.
    pub keys: Vec<KeyInMemory>,
    /// How many distinct values of the provider's form were found that are none of these keys;
    /// `None` where the provider's keys have no form to look for.
    pub unknown: Option<usize>,
    /// How it was watched, where a person asked for that.
    pub watch: Option<Watch>,
}

/// How long a process was watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// How often it was searched.
    pub scans: usize,
    /// How long that took.
    pub milliseconds: u64,
    /// Why nothing can be said of it.
    pub gap: Option<Gap>,
    /// Fresh copies, in requests, of the most frequent key that no layer holds.
    pub unknown: usize,
}

/// What a watch says that the process sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent<'a> {
    /// This key.
    Key(&'a KeyInMemory),
    /// A key that no layer holds.
    Unknown(usize),
    /// Nothing that was seen: it sent nothing, or its requests use the same memory again.
    Nothing,
    /// Too little, or several keys.
    Undecided,
}

impl Sent<'_> {
    /// The word of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Unknown(_) => "unknown_key",
            Self::Nothing => "nothing_seen",
            Self::Undecided => "undecided",
        }
    }
}

/// So many fresh copies a key needs before it counts as sent. Chosen before what was measured with
/// it: 20 runs of Python and Node with HTTPS, 12 decided and right, 8 undecided, none wrong.
const LEAST_FRESH: usize = 3;
/// And so many times those of every other key.
const TIMES_OTHERS: usize = 5;

/// Why a search does not tell that something is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// It took as long as a search may take.
    Time,
    /// There is more memory than a search may read.
    Size,
    /// More values of the provider's form are there than a search looks at.
    Values,
    /// Some of its memory lies in swap space, which is left there.
    Swapped,
    /// It was not told in time.
    TimedOut,
}

impl Gap {
    /// The word of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Size => "size",
            Self::Values => "values",
            Self::Swapped => "swapped",
            Self::TimedOut => "timed_out",
        }
    }

    /// A clause for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Time => "it was stopped after 3 s",
            Self::Size => "it was stopped after 2 GiB",
            Self::Values => "too many values look like a key",
            Self::Swapped => "a part of it is swapped out and was left there",
            Self::TimedOut => "it did not end in time",
        }
    }
}

/// How often a key was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInMemory {
    /// For comparison; `None` for a key that is known by its written fingerprint only and was not
    /// found.
    pub fingerprint: Option<Fingerprint>,
    /// What may be written of it.
    pub exported: Option<String>,
    /// The tag of this run, for an opaque value.
    pub tag: Option<String>,
    /// How a sentence names it.
    pub label: Arc<str>,
    /// Copies in writable memory, those in the launch environment aside.
    pub copies: usize,
    /// It is too short to be looked for.
    pub too_short: bool,
    /// Copies in requests that appeared while the process was watched.
    pub fresh: usize,
}

/// What a search says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The expected key, and no other of its kind.
    ExpectedOnly,
    /// A key known to be old, and not the expected one.
    OldOnly,
    /// Another key of the credential, not known to be old, and not the expected one.
    Others,
    /// A value of the provider's form that no layer holds, and not the expected key.
    UnknownOnly,
    /// The expected key and another one.
    Both,
    /// The expected key, and a value of the provider's form that no layer holds.
    BesideUnknown,
    /// None of them.
    None,
    /// The search has a gap, and what it found decides nothing without what it left out.
    Partial,
    /// The expected key was not looked for: nothing is known.
    NotAsked,
}

impl Search {
    /// The copies of a key, when it was looked for.
    pub fn copies(&self, fingerprint: Fingerprint) -> Option<usize> {
        self.keys
            .iter()
            .find(|key| key.fingerprint == Some(fingerprint) && !key.too_short)
            .map(|key| key.copies)
    }

    /// Keys that were found, other than this one.
    pub fn others(&self, expected: Option<Fingerprint>) -> impl Iterator<Item = &KeyInMemory> {
        self.keys.iter().filter(move |key| {
            key.copies > 0 && key.fingerprint.is_some() && key.fingerprint != expected
        })
    }

    /// What was found, by the parts that the keys have. `expected` is `None` where the inventory
    /// describes a key that neither a layer nor this memory has.
    pub fn class(
        &self,
        expected: Option<Fingerprint>,
        is_old: impl Fn(&KeyInMemory) -> bool,
    ) -> Class {
        let copies = match expected {
            Some(fingerprint) => self.copies(fingerprint),
            None => self.keys.iter().any(|key| key.fingerprint.is_none()).then_some(0),
        };
        let Some(copies) = copies else { return Class::NotAsked };
        let mut others = self.others(expected).peekable();
        let has_other = others.peek().is_some();
        let unknown = self.unknown.unwrap_or(0) > 0;
        match (copies > 0, has_other) {
            (true, true) => Class::Both,
            (true, false) if unknown => Class::BesideUnknown,
            _ if self.gap.is_some() => Class::Partial,
            (true, false) => Class::ExpectedOnly,
            (false, true) if others.any(is_old) => Class::OldOnly,
            (false, true) => Class::Others,
            (false, false) if unknown => Class::UnknownOnly,
            (false, false) => Class::None,
        }
    }

    /// What it sends, when it was watched.
    pub fn sent(&self) -> Option<Sent<'_>> {
        let watch = self.watch.as_ref()?;
        if watch.gap.is_some() {
            return Some(Sent::Undecided);
        }
        let first = self.keys.iter().max_by_key(|key| key.fresh);
        let most = first.map_or(0, |key| key.fresh);
        let others = |own: Option<&KeyInMemory>| {
            let others = self.keys.iter().filter(|key| own.is_none_or(|own| *key != own));
            others.map(|key| key.fresh).max().unwrap_or(0)
        };
        let ahead =
            |fresh: usize, rest: usize| fresh >= LEAST_FRESH && fresh >= TIMES_OTHERS * rest;
        Some(match first {
            Some(key) if ahead(most, others(Some(key)).max(watch.unknown)) => Sent::Key(key),
            _ if ahead(watch.unknown, most) => Sent::Unknown(watch.unknown),
            _ if most == 0 && watch.unknown == 0 => Sent::Nothing,
            _ => Sent::Undecided,
        })
    }

    /// `12 MiB in 48 ms`.
    pub fn cost(&self) -> String {
        format!("{} MiB in {} ms", self.bytes.div_ceil(1 << 20), self.milliseconds)
    }
}

/// What a person asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deep {
    /// Search again and again for so long, to see what is sent; a search only without.
    pub watch: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::{fingerprint::FingerprintKey, secret::SecretValue};

    fn fingerprint(name: &str) -> Fingerprint {
        FingerprintKey::salt([1; 32]).fingerprint(&SecretValue::new(name))
    }

    /// Copies of the expected key, of an old one, of another one; `None`: it was not looked for.
    fn search([new, old, other]: [Option<usize>; 3], unknown: usize, gap: Option<Gap>) -> Search {
        let key = |name: &str, copies: Option<usize>| {
            copies.map(|copies| KeyInMemory {
                fingerprint: Some(fingerprint(name)),
                exported: None,
                tag: None,
                label: name.into(),
                copies,
                too_short: false,
                fresh: 0,
            })
        };
        Search {
            searched_at: Timestamp::UNIX_EPOCH,
            bytes: 0,
            milliseconds: 0,
            gap,
            keys: [key("new", new), key("old", old), key("other", other)]
                .into_iter()
                .flatten()
                .collect(),
            unknown: Some(unknown),
            watch: None,
        }
    }

    #[rstest]
    #[case::expected([Some(3), Some(0), None], 0, None, Class::ExpectedOnly)]
    #[case::old([Some(0), Some(2), None], 0, None, Class::OldOnly)]
    #[case::old_and_another([Some(0), Some(2), Some(1)], 3, None, Class::OldOnly)]
    #[case::another([Some(0), Some(0), Some(1)], 0, None, Class::Others)]
    #[case::both([Some(1), Some(2), None], 0, None, Class::Both)]
    #[case::both_in_a_part([Some(1), Some(2), None], 0, Some(Gap::Time), Class::Both)]
    #[case::with_another([Some(1), Some(0), Some(2)], 0, None, Class::Both)]
    #[case::beside_unknown([Some(1), Some(0), None], 1, None, Class::BesideUnknown)]
    #[case::unknown([Some(0), Some(0), None], 2, None, Class::UnknownOnly)]
    #[case::none([Some(0), Some(0), Some(0)], 0, None, Class::None)]
    #[case::expected_in_a_part([Some(1), Some(0), None], 0, Some(Gap::Size), Class::Partial)]
    #[case::old_in_a_part([Some(0), Some(2), None], 0, Some(Gap::Swapped), Class::Partial)]
    #[case::unknown_in_a_part([Some(0), Some(0), None], 1, Some(Gap::Time), Class::Partial)]
    #[case::never_looked_for([None, Some(2), None], 0, None, Class::NotAsked)]
    fn classes(
        #[case] copies: [Option<usize>; 3],
        #[case] unknown: usize,
        #[case] gap: Option<Gap>,
        #[case] expected: Class,
    ) {
        let search = search(copies, unknown, gap);
        let old = fingerprint("old");
        assert_eq!(
            search.class(Some(fingerprint("new")), |key| key.fingerprint == Some(old)),
            expected
        );
    }

    #[test]
    fn a_key_known_by_its_written_fingerprint_is_absent_when_it_was_not_found() {
        let mut search = search([None, Some(2), None], 0, None);
        assert_eq!(search.class(None, |_| true), Class::NotAsked);
        search.keys.push(KeyInMemory {
            fingerprint: None,
            exported: Some("keyfp1:…".to_owned()),
            tag: None,
            label: "a key".into(),
            copies: 0,
            too_short: false,
            fresh: 0,
        });
        assert_eq!(search.class(None, |_| true), Class::OldOnly);
    }

    #[rstest]
    #[case::new(10, 0, 0, None, "new")]
    #[case::old(0, 3, 0, None, "old")]
    #[case::too_few(2, 0, 0, None, "undecided")]
    #[case::far_ahead(50, 10, 0, None, "new")]
    #[case::not_far_enough(49, 10, 0, None, "undecided")]
    #[case::garbage_that_moves(9, 248, 0, None, "old")]
    #[case::nothing(0, 0, 0, None, "nothing")]
    #[case::unknown(0, 0, 7, None, "unknown")]
    #[case::unknown_beside(10, 0, 3, None, "undecided")]
    #[case::unknown_far_behind(15, 0, 3, None, "new")]
    #[case::a_part(10, 0, 0, Some(Gap::Time), "undecided")]
    fn the_rule_of_the_watch(
        #[case] new: usize,
        #[case] old: usize,
        #[case] unknown: usize,
        #[case] gap: Option<Gap>,
        #[case] expected: &str,
    ) {
        let mut search = search([Some(1), Some(1), Some(1)], 0, None);
        assert_eq!(search.sent(), None, "it was not watched");
        (search.keys[0].fresh, search.keys[1].fresh) = (new, old);
        search.watch = Some(Watch { scans: 40, milliseconds: 3000, gap, unknown });
        let said = match search.sent().unwrap() {
            Sent::Key(key) => &key.label,
            Sent::Unknown(_) => "unknown",
            Sent::Nothing => "nothing",
            Sent::Undecided => "undecided",
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn what_is_too_short_to_look_for_is_not_absent() {
        let mut search = search([Some(0), Some(2), None], 0, None);
        search.keys[0].too_short = true;
        assert_eq!(search.class(Some(fingerprint("new")), |_| true), Class::NotAsked);
    }
}

//! Which key is the expected one of an (environment, credential), and why.
//!
//! In this order: the user's mark, `expect` in the inventory, the `reference` layer, the new key of an
//! open rotation, the only key that the provider accepts, the key of the newest change. Otherwise it is undecided.

use jiff::Timestamp;

use crate::domain::{
    fingerprint::Fingerprint,
    key::Key,
    outcome::{ProbeReason, ProbeResult},
    reading::Reading,
    snapshot::{Expected, ExpectedBy},
};

/// What a person or the inventory wants to be expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The environment it is about.
    pub environment: String,
    /// The credential it is about.
    pub credential: String,
    /// What is wanted.
    pub wanted: Wanted,
}

/// The ways to name a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The user marked this key in the dashboard.
    Marked(Fingerprint),
    /// The inventory describes it; `keys` are the distinct keys that fit the description, found
    /// where the secrets are.
    Described {
        /// How the inventory says it: `last4 f3A9`.
        description: String,
        /// The keys that fit.
        keys: Vec<Fingerprint>,
    },
    /// The key that this layer holds.
    HeldBy(String),
    /// The new key of an open rotation; as for a description.
    Rotated {
        /// How it was named: `the key ending in f3A9`.
        description: String,
        /// The keys that fit.
        keys: Vec<Fingerprint>,
    },
}

/// A reading and what the provider says of its key.
pub type Answered<'a> = (&'a Reading<Key>, &'a ProbeResult);

/// What the decision for one (environment, credential) is made from.
pub struct Candidates<'a> {
    /// The environment.
    pub environment: &'a str,
    /// The credential.
    pub credential: &'a str,
    /// All readings of the credential; those of other environments for `reference` layers.
    pub answered: &'a [Answered<'a>],
}

impl Candidates<'_> {
    /// Decides, or leaves it undecided.
    pub fn expected(&self, wishes: &[Wish]) -> Option<Expected> {
        let by_wish = |by: ExpectedBy| {
            wishes
                .iter()
                .filter(|wish| {
                    wish.environment == self.environment && wish.credential == self.credential
                })
                .find_map(|wish| self.fulfil(&wish.wanted, by))
        };
        by_wish(ExpectedBy::Mark)
            .or_else(|| by_wish(ExpectedBy::Inventory))
            .or_else(|| by_wish(ExpectedBy::Reference))
            .or_else(|| by_wish(ExpectedBy::Rotation))
            .or_else(|| self.only_accepted())
            .or_else(|| self.newest_change())
    }

    fn fulfil(&self, wanted: &Wanted, by: ExpectedBy) -> Option<Expected> {
        match (wanted, by) {
            (Wanted::Marked(fingerprint), ExpectedBy::Mark) => {
                Some(self.describe(*fingerprint, by))
            }
            (Wanted::Described { description, keys }, ExpectedBy::Inventory)
            | (Wanted::Rotated { description, keys }, ExpectedBy::Rotation) => {
                let accepted: Vec<Fingerprint> =
                    keys.iter().copied().filter(|key| self.is_accepted(*key)).collect();
                match (keys.as_slice(), accepted.as_slice()) {
                    ([], _) => Some(Expected {
                        fingerprint: None,
                        exported: None,
                        label: format!("{description}, which no layer holds"),
                        by,
                    }),
                    ([only], _) | (_, [only]) => Some(self.describe(*only, by)),
                    _ => None,
                }
            }
            (Wanted::HeldBy(layer), ExpectedBy::Reference) => self
                .answered
                .iter()
                .filter(|(reading, _)| reading.layer == *layer)
                .filter_map(|(reading, probe)| Some((reading.state.found()?, probe.outcome)))
                .find(|(key, outcome)| !key.is_damaged(*outcome))
                .map(|(key, _)| key)
                .map(|key| self.describe(key.fingerprint, by)),
            _ => None,
        }
    }

    fn only_accepted(&self) -> Option<Expected> {
        if self.is_pending() {
            return None;
        }
        let mut accepted: Vec<Fingerprint> = self
            .sound()
            .filter(|(_, _, probe)| probe.key_is_accepted())
            .map(|(_, key, _)| key.fingerprint)
            .collect();
        accepted.sort_unstable();
        accepted.dedup();
        match accepted.as_slice() {
            [only] => Some(self.describe(*only, ExpectedBy::Provider)),
            _ => None,
        }
    }

    /// The key whose place changed last. Running things do not count: what they hold was decided
    /// when they started.
    fn newest_change(&self) -> Option<Expected> {
        if self.is_pending() {
            return None;
        }
        let mut changes: Vec<(Timestamp, Fingerprint)> = self
            .sound()
            .filter(|(reading, ..)| !reading.is_running())
            .filter_map(|(reading, key, _)| Some((reading.evidence.changed()?, key.fingerprint)))
            .collect();
        changes.sort_unstable();
        let distinct = |left: Fingerprint| self.sound().any(|(_, key, _)| key.fingerprint != left);
        match changes.last() {
            Some((newest, fingerprint)) => {
                let tied = changes.iter().any(|(at, other)| at == newest && other != fingerprint);
                (!tied).then(|| self.describe(*fingerprint, ExpectedBy::NewestChange))
            }
            // Nothing has a time; where all agree there is nothing to decide.
            None => self
                .sound()
                .map(|(_, key, _)| key.fingerprint)
                .next()
                .filter(|fingerprint| !distinct(*fingerprint))
                .map(|fingerprint| self.describe(fingerprint, ExpectedBy::NewestChange)),
        }
    }

    /// Some answer is still to come, so "the only accepted key" is not known yet.
    pub fn is_pending(&self) -> bool {
        self.sound().any(|(_, _, probe)| probe.reason == Some(ProbeReason::Pending))
    }

    /// The provider accepts this key, in whatever context.
    pub fn is_accepted(&self, fingerprint: Fingerprint) -> bool {
        self.answered.iter().any(|(reading, probe)| {
            probe.key_is_accepted()
                && reading.state.found().is_some_and(|key| key.fingerprint == fingerprint)
        })
    }

    /// Undamaged keys of this environment and credential.
    fn sound(&self) -> impl Iterator<Item = (&Reading<Key>, &Key, &ProbeResult)> {
        self.answered.iter().filter_map(|&(reading, probe)| {
            let here = reading.environment == self.environment;
            let key = reading.state.found().filter(|key| here && !key.is_damaged(probe.outcome))?;
            Some((reading, key, probe))
        })
    }

    fn describe(&self, fingerprint: Fingerprint, by: ExpectedBy) -> Expected {
        let key = self
            .answered
            .iter()
            .filter_map(|(reading, _)| reading.state.found())
            .find(|key| key.fingerprint == fingerprint);
        Expected {
            fingerprint: Some(fingerprint),
            exported: key.and_then(|key| key.exported.clone()),
            label: key.map_or_else(|| "a key that no layer holds".to_owned(), |key| key.label()),
            by,
        }
    }
}

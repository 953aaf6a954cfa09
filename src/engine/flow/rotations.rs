//! The rotations of the inventory: which keys they want, which they have replaced, how far they are.

use std::{collections::BTreeSet, path::PathBuf};

use super::Flow;
use crate::{
    domain::{
        command::RotationWish,
        expectation::{Wanted, Wish},
        fingerprint::Fingerprint,
        key::Key,
        layer::LayerKind,
        outcome::ProbeResult,
        reading::{Evidence, Rank, Reading, RequestContext, State},
        rotation::{
            Event, NewKey, Opening, Progress, Recorded, Rotation, Spare, confirm, open, progress,
        },
        secret::SecretValue,
        snapshot::Row,
    },
    rotation::History,
};

/// What a run knows of rotations before it begins.
#[derive(Debug, Clone, Default)]
pub struct RotationSetup {
    /// Where the history of the inventory is kept; `None`: there is none.
    pub history: Option<PathBuf>,
    /// Who a record is of: `user@machine`.
    pub operator: String,
    /// Old keys that a person gave, by credential: asked about, although no layer holds them.
    pub old_keys: Vec<(String, SecretValue)>,
}

/// The rotations that the history tells of, and the keys that are kept for them.
#[derive(Default)]
pub(super) struct Rotations {
    pub(super) known: Vec<Rotation>,
    /// What is wrong with the history.
    pub(super) trouble: Option<String>,
    /// Why the last wish was not recorded.
    pub(super) refused: Option<String>,
    /// Old keys that were seen: (environment, credential, key). They are asked about until their
    /// rotation is over, whether or not a layer still holds them.
    kept: Vec<(String, String, Key)>,
}

impl Rotations {
    fn open(&self) -> impl Iterator<Item = &Rotation> {
        self.known.iter().filter(|rotation| rotation.is_open())
    }

    /// Keeps the key when an open rotation is to replace it.
    pub(super) fn keep(&mut self, environment: &str, credential: &str, key: &Key) {
        let Some(exported) = key.exported.as_deref() else { return };
        let is_old = self.open().any(|rotation| {
            rotation.covers(environment, credential) && rotation.old_key(exported).is_some()
        });
        let known = self.kept.iter().any(|(there, id, kept)| {
            there == environment && id == credential && kept.fingerprint == key.fingerprint
        });
        if is_old && !known {
            self.kept.push((environment.to_owned(), credential.to_owned(), key.clone()));
        }
    }

    /// Whether a key is kept although no layer holds it.
    pub(super) fn keeps(&self, fingerprint: Fingerprint) -> bool {
        self.kept.iter().any(|(.., key)| key.fingerprint == fingerprint)
    }
}

impl Flow {
    /// Reads the history again; another stalekey may have written to it.
    pub(super) fn load_rotations(&mut self) {
        let Some(path) = &self.setup.rotations.history else { return };
        match History::read(path) {
            Ok(history) => {
                self.rotations.trouble = history
                    .damage
                    .map(|damage| format!("the history of rotations is damaged: {damage}"));
                self.rotations.known = history.rotations();
            }
            Err(failed) => {
                self.rotations.trouble =
                    Some(format!("the history of rotations could not be read: {}", failed.why));
            }
        }
        let over = |environment: &str, credential: &str, rotations: &Rotations| {
            !rotations.open().any(|rotation| rotation.covers(environment, credential))
        };
        let mut kept = std::mem::take(&mut self.rotations.kept);
        kept.retain(|(environment, credential, _)| !over(environment, credential, &self.rotations));
        self.rotations.kept = kept;
        for (credential, secret) in self.setup.rotations.old_keys.clone() {
            let provider = self
                .credentials
                .iter()
                .find(|facts| facts.id == credential)
                .and_then(|facts| facts.provider.clone());
            let key = self.interner.intern(secret, provider.as_deref());
            let environments: Vec<String> = self
                .rotations
                .open()
                .filter(|rotation| rotation.credential == credential)
                .flat_map(|rotation| rotation.environments.clone())
                .collect();
            for environment in environments {
                self.rotations.keep(&environment, &credential, &key);
            }
        }
    }

    /// Records what a front end wishes. What cannot be recorded is told, and everything else goes on.
    pub(in crate::engine) fn record(&mut self, wish: RotationWish) {
        let recorded = match self.setup.rotations.history.clone() {
            None => Err("nothing can be recorded: there is no place for a history".to_owned()),
            Some(path) => self.event(wish).and_then(|event| {
                History::append(&path, event, &self.setup.rotations.operator)
                    .map_err(|failed| format!("nothing was recorded: {}", failed.why))
            }),
        };
        self.rotations.refused = recorded.err();
        self.load_rotations();
        let seen: Vec<Reading<Key>> = self.readings.values().flatten().cloned().collect();
        self.keep_old_keys(&seen);
    }

    fn event(&mut self, wish: RotationWish) -> Result<Event, String> {
        Ok(match wish {
            RotationWish::Open { credential, environments, new } => {
                let opening = Opening {
                    credential,
                    environments,
                    new,
                    fingerprint_id: self.setup.fingerprint_key.id().to_owned(),
                    inventory: self.setup.inventory.digest.clone(),
                };
                let rows = self.snapshot();
                let opened = open(opening, &rows.rows, &self.rotations.known);
                Event::Opened(Box::new(opened.map_err(|why| why.to_string())?))
            }
            RotationWish::NameNewKey { rotation, new } => Event::NewKey { rotation, new },
            RotationWish::Tick { rotation, member, tick } => {
                let note = tick.note.as_deref().unwrap_or_default();
                let held = note.split_whitespace().any(|word| self.interner.holds(word));
                if held || self.setup.catalogue.finds_a_key(note) {
                    return Err("nothing was recorded: a note must hold no key".to_owned());
                }
                Event::Page { rotation, member, tick }
            }
            RotationWish::GiveUp { rotation } => Event::GivenUp { rotation },
            RotationWish::Confirm { rotation: id } => {
                let snapshot = self.snapshot();
                let progress = snapshot.rotations.iter().find(|it| it.rotation == id);
                let rotation = self.rotations.open().find(|it| it.id == id);
                let (Some(progress), Some(rotation)) = (progress, rotation) else {
                    return Err(format!("nothing was recorded: rotation {id} is not open"));
                };
                let confirmation = confirm(progress);
                let rows = snapshot.rows.iter().filter(|row| {
                    rotation.covers(&row.identity.environment, &row.identity.credential)
                });
                Event::Confirmed {
                    rotation: id,
                    word: confirmation.word,
                    gaps: confirmation.gaps,
                    rows: rows.map(Recorded::from).collect(),
                    evidence: None,
                }
            }
        })
    }

    /// The new keys of open rotations are expected.
    pub(super) fn rotation_wishes(&self) -> Vec<Wish> {
        let of_rotation = |rotation: &Rotation| {
            let new = rotation.new.as_ref()?;
            let wanted = Wanted::Rotated { description: new.text(), keys: self.new_keys(new) };
            let wish = |environment: &String| Wish {
                environment: environment.clone(),
                credential: rotation.credential.clone(),
                wanted: wanted.clone(),
            };
            Some(rotation.environments.iter().map(wish).collect::<Vec<_>>())
        };
        // Of two that cover the same place the newest decides.
        let mut rotations: Vec<&Rotation> = self.rotations.open().collect();
        rotations.reverse();
        rotations.into_iter().filter_map(of_rotation).flatten().collect()
    }

    fn new_keys(&self, new: &NewKey) -> Vec<Fingerprint> {
        match new {
            NewKey::Fingerprint(text) => self.interner.named(text),
            NewKey::Last4(last4) => self.interner.ending_with(last4),
        }
    }

    /// Old keys that no row holds any more, as readings of no layer: they are asked about, and are no
    /// rows.
    pub(super) fn spare_readings(&self) -> Vec<Reading<Key>> {
        // In another environment the same key may be sent elsewhere: that answer is not this one's.
        let held: BTreeSet<(&str, &str, Fingerprint)> = self
            .readings
            .values()
            .flatten()
            .filter_map(|it| {
                let key = it.state.found()?;
                Some((it.environment.as_str(), it.credential.as_str(), key.fingerprint))
            })
            .collect();
        self.rotations
            .kept
            .iter()
            .filter(|(environment, credential, key)| {
                !held.contains(&(environment, credential, key.fingerprint))
            })
            .map(|(environment, credential, key)| Reading {
                layer: String::new(),
                environment: environment.clone(),
                kind: LayerKind::Shell,
                credential: credential.clone(),
                host: None,
                instance: None,
                variable: None,
                state: State::Found(key.clone()),
                place: None,
                occurrences: Vec::new(),
                near_misses: Vec::new(),
                problems: Vec::new(),
                traps: Vec::new(),
                other_readings: Vec::new(),
                rank: Rank::Configured,
                evidence: Evidence::default(),
                context: RequestContext::default(),
            })
            .collect()
    }

    /// How far the open rotations have come by these rows.
    pub(super) fn rotation_progress(&self, rows: &[Row]) -> Vec<Progress> {
        let spare: Vec<Spare> = self
            .spare_readings()
            .into_iter()
            .filter_map(|reading| {
                let probe: ProbeResult = self.probe_of(&reading);
                let State::Found(key) = reading.state else { return None };
                Some(Spare { credential: reading.credential, key, probe })
            })
            .collect();
        self.rotations
            .open()
            .map(|rotation| {
                let new = rotation.new.as_ref().map(|new| self.new_keys(new)).unwrap_or_default();
                progress(rotation, &new, rows, &spare)
            })
            .collect()
    }
}

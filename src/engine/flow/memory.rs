//! The second phase of a pass: once every layer is read, the keys are known, and the memory of
//! processes can be searched for them. Only what a layer allows and a person asked for is searched.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{Event, Flow};
use crate::{
    domain::{
        credential::CredentialFacts,
        fingerprint::{Fingerprint, SHOWN_CHARACTERS},
        key::Key,
        memory::{Deep, Gap, KeyInMemory, Memory, Permit, SHORTEST_KEY, Search, Watch},
        reading::{Reading, Yield},
        rotation::retired,
        secret::SecretValue,
    },
    engine::reading_pool::{Read, read_all},
    inventory::{Expect, Layer, LayerSpec},
    layers::memory::{Budget, Form, Found, ProcessIdentity, Refusal, Wanted, search},
};

/// A search that is stuck is given up this long after it should have ended.
const GRACE: Duration = Duration::from_secs(5);

/// What is known of the memory of processes.
#[derive(Default)]
pub(super) struct MemoryCheck {
    /// Searches under way.
    pub(super) running: usize,
    /// What a person asked for while something else was going on.
    wish: Option<Wish>,
    /// They have asked at all.
    asked: bool,
    known: BTreeMap<ProcessIdentity, Known>,
}

/// Which processes a person wants to have searched.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wish {
    deep: Deep,
    /// By pid and start; all that may be without.
    processes: Option<BTreeSet<(u32, u64)>>,
}

/// What a search came to, and what it looked for.
struct Known {
    at: Timestamp,
    keys: BTreeSet<Fingerprint>,
    providers: BTreeSet<String>,
    result: Result<Found, String>,
}

/// One process to be searched.
struct Target {
    who: ProcessIdentity,
    wanted: Wanted,
}

impl Flow {
    /// What to say where a search was asked for that no layer allows.
    pub(super) fn nothing_to_search(&self) -> Option<String> {
        let allows = |layer: &Layer| matches!(layer.kind, LayerSpec::Process { memory: true, .. });
        let none = !self.setup.inventory.layers.iter().any(allows);
        (self.setup.deep.is_some() && none).then(|| {
            "no memory was searched: no layer of kind `process` says `memory = \"allow\"`"
                .to_owned()
        })
    }

    /// A person wants these processes searched; as soon as nothing else is going on.
    pub(in crate::engine) fn search_memory(&mut self, deep: Deep, processes: BTreeSet<(u32, u64)>) {
        self.memory.wish = Some(Wish { deep, processes: Some(processes) });
        self.memory.asked = true;
        if !self.is_running() {
            self.search();
        }
    }

    /// Searches what was asked for while something else went on.
    pub(super) fn search_what_was_wished(&mut self) {
        if self.memory.wish.is_some() {
            self.search();
        }
    }

    /// Searches, when that was asked for.
    pub(super) fn search(&mut self) {
        let asked = self.setup.deep.map(|deep| Wish { deep, processes: None });
        let Some(wish) = self.memory.wish.take().or(asked) else { return };
        let targets = self.targets(&wish);
        if targets.is_empty() {
            return;
        }
        let now = Timestamp::now();
        for target in &targets {
            let known = Known {
                at: now,
                keys: target.wanted.keys.iter().map(|(fingerprint, _)| *fingerprint).collect(),
                providers: target.wanted.forms.iter().map(|form| form.provider.clone()).collect(),
                result: Err("not yet, the search is going on".to_owned()),
            };
            self.memory.known.insert(target.who, known);
        }
        self.memory.running += targets.len();
        self.progress.running = true;
        self.progress.total += targets.len();
        let budget = Budget::default();
        let who: Vec<ProcessIdentity> = targets.iter().map(|target| target.who).collect();
        let inbox = self.inbox.clone();
        let watch = wish.deep.watch;
        let deadline = budget.time + watch.map_or(Duration::ZERO, |it| it + budget.time) + GRACE;
        let count = targets.len();
        let job =
            move |index: usize| search(targets[index].who, &targets[index].wanted, budget, watch);
        read_all(count, deadline, job, move |index, read| {
            let found = match read {
                Read::Done(found) => found,
                Read::TimedOut => {
                    Ok(Found { gap: Some(Gap::TimedOut), took: deadline, ..Found::default() })
                }
            };
            let _ = inbox.send(Event::Searched { who: who[index], found: Box::new(found) });
        });
    }

    /// Takes in what a search came to.
    pub(super) fn searched(&mut self, who: ProcessIdentity, found: Result<Found, Refusal>) {
        self.memory.running -= 1;
        self.progress.done += 1;
        let Some(known) = self.memory.known.get_mut(&who) else { return };
        known.at = Timestamp::now();
        known.result = found.map_err(|refusal| match refusal {
            Refusal::Gone => "the process has ended".to_owned(),
            Refusal::NoPermission(remedy) => format!("no permission; {remedy}"),
            Refusal::Unsupported(why) => why.to_owned(),
        });
    }

    /// Drops what is known of processes that are gone, and what is too old to be true.
    pub(super) fn forget_memory(&mut self) {
        let there: BTreeSet<ProcessIdentity> = self
            .readings
            .values()
            .flatten()
            .filter_map(|reading| Some(identity(reading)?.0))
            .collect();
        let now = Timestamp::now();
        let every = self.setup.inventory.settings.probe_every;
        self.memory.known.retain(|who, known| {
            there.contains(who) && now.duration_since(known.at).unsigned_abs() < every
        });
    }

    /// The processes that may be searched, with what is looked for in each: the keys of the
    /// credentials that its layers are about.
    fn targets(&self, wish: &Wish) -> Vec<Target> {
        let mut credentials: BTreeMap<ProcessIdentity, BTreeSet<&str>> = BTreeMap::new();
        for reading in self.readings.values().flatten() {
            let Some((who, Permit::Yes)) = identity(reading) else { continue };
            let own = (who.pid, who.start_ticks);
            if wish.processes.as_ref().is_none_or(|named| named.contains(&own)) {
                credentials.entry(who).or_default().insert(&reading.credential);
            }
        }
        let mut forms: BTreeMap<&str, Vec<Form>> = BTreeMap::new();
        credentials
            .iter()
            .map(|(who, ids)| {
                let mut of_target: Vec<Form> = Vec::new();
                let mut own: BTreeSet<Fingerprint> = BTreeSet::new();
                for id in ids {
                    own.extend(self.keys_of(id).into_keys());
                    of_target.extend(forms.entry(id).or_insert_with(|| self.forms_of(id)).clone());
                }
                let alike = |secret: &SecretValue| {
                    let starts = |form: &Form| secret.expose().starts_with(form.prefix.as_bytes());
                    of_target.iter().any(starts)
                };
                // Another credential's key of the same form is found with them, and is not unknown.
                let keys = self
                    .interner
                    .all()
                    .filter(|(_, secret)| secret.len() >= SHORTEST_KEY)
                    .filter(|(fingerprint, secret)| own.contains(fingerprint) || alike(secret))
                    .map(|(fingerprint, secret)| (fingerprint, secret.clone()))
                    .collect();
                Target { who: *who, wanted: Wanted { keys, forms: of_target } }
            })
            .collect()
    }

    /// Every key that some layer holds for a credential, in any environment.
    fn keys_of(&self, credential: &str) -> BTreeMap<Fingerprint, &Key> {
        let readings = self.readings.values().flatten();
        let own = readings.filter(|reading| reading.credential == credential);
        own.flat_map(|reading| {
            let occurrences =
                reading.occurrences.iter().filter_map(|occurrence| match &occurrence.yields {
                    Yield::Value(key) => Some(key),
                    _ => None,
                });
            reading.state.found().into_iter().chain(occurrences)
        })
        .map(|key| (key.fingerprint, key))
        .collect()
    }

    /// The forms of the keys of a credential's provider.
    fn forms_of(&self, credential: &str) -> Vec<Form> {
        let facts = self.credentials.iter().find(|facts| facts.id == credential);
        let Some(id) = facts.and_then(|facts| facts.provider.as_deref()) else { return Vec::new() };
        let Some(provider) = self.setup.catalogue.provider(id) else { return Vec::new() };
        let mut lengths: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        for format in provider.key_formats().filter(|format| !format.prefix.is_empty()) {
            lengths.entry(format.prefix).or_default().extend(format.lengths);
        }
        let (catalogue, fingerprint_key) =
            (Arc::clone(&self.setup.catalogue), self.setup.fingerprint_key.clone());
        let id = id.to_owned();
        // The key inside a damaged value is one that a layer holds, in its way.
        let repaired: BTreeSet<Fingerprint> = self
            .keys_of(credential)
            .values()
            .filter_map(|key| Some(key.repaired.as_ref()?.fingerprint))
            .collect();
        let key_of = {
            let id = id.clone();
            Arc::new(move |value: &SecretValue| {
                let fingerprint = catalogue
                    .provider(&id)?
                    .has_form(value)
                    .then(|| fingerprint_key.fingerprint(value))?;
                (!repaired.contains(&fingerprint)).then_some(fingerprint)
            })
        };
        let named = self.setup.inventory.environments.iter().filter_map(|environment| {
            match environment.expect.get(credential) {
                Some(Expect::Fingerprint(text)) => self.interner.characters_of(text),
                _ => None,
            }
        });
        // What rotations have replaced is known by its fingerprint too.
        let replaced = retired(&self.rotations.known).into_iter().filter_map(|retired| {
            (retired.credential == credential)
                .then(|| self.interner.characters_of(&retired.fingerprint))?
        });
        let named: Arc<[String]> = named.chain(replaced).collect();
        lengths
            .into_iter()
            .map(|(prefix, lengths)| Form {
                provider: id.clone(),
                prefix: prefix.to_owned(),
                lengths: lengths.into_iter().collect(),
                key_of: key_of.clone(),
                named: Arc::clone(&named),
            })
            .collect()
    }

    /// What is known of the memory behind a row.
    pub(super) fn memory_of(&self, reading: &Reading<Key>) -> Option<Memory> {
        let (who, permit) = identity(reading)?;
        let asked = self.setup.deep.is_some() || self.memory.asked;
        let known = match permit {
            Permit::No => return None,
            Permit::Refused(why) => return asked.then(|| Memory::Refused(why.clone())),
            Permit::Yes => self.memory.known.get(&who)?,
        };
        let found = match &known.result {
            Ok(found) => found,
            Err(why) => return Some(Memory::Refused(why.clone())),
        };
        let credential = self.credential(reading)?;
        Some(Memory::Searched(Search {
            searched_at: known.at,
            bytes: found.bytes,
            milliseconds: u64::try_from(found.took.as_millis()).unwrap_or(u64::MAX),
            gap: found.gap,
            keys: self.keys_in(reading, credential, known, found),
            unknown: unknown_in(credential, known, found),
            watch: found.watched.as_ref().map(|watched| Watch {
                scans: watched.scans,
                milliseconds: u64::try_from(watched.took.as_millis()).unwrap_or(u64::MAX),
                gap: watched.gap,
                unknown: credential
                    .provider
                    .as_ref()
                    .and_then(|id| watched.unknown.get(id))
                    .copied()
                    .unwrap_or(0),
            }),
        }))
    }

    fn keys_in(
        &self,
        reading: &Reading<Key>,
        credential: &CredentialFacts,
        known: &Known,
        found: &Found,
    ) -> Vec<KeyInMemory> {
        let copies =
            |fingerprint: &Fingerprint| found.copies.get(fingerprint).copied().unwrap_or(0);
        let fresh = |fingerprint: &Fingerprint| {
            let watched = found.watched.as_ref();
            watched.and_then(|watched| watched.fresh.get(fingerprint)).copied().unwrap_or(0)
        };
        let too_short = |fingerprint: &Fingerprint| {
            self.interner.secret(*fingerprint).is_some_and(|secret| secret.len() < SHORTEST_KEY)
        };
        let mut keys: Vec<KeyInMemory> = self
            .keys_of(&credential.id)
            .into_iter()
            .filter(|(fingerprint, _)| known.keys.contains(fingerprint) || too_short(fingerprint))
            .map(|(fingerprint, key)| KeyInMemory {
                fingerprint: Some(fingerprint),
                exported: key.exported.clone(),
                tag: key.tag.clone(),
                label: key.label().into(),
                copies: copies(&fingerprint),
                too_short: too_short(&fingerprint),
                fresh: fresh(&fingerprint),
            })
            .collect();
        let environment = self
            .setup
            .inventory
            .environments
            .iter()
            .find(|environment| environment.name == reading.environment);
        if let Some(Expect::Fingerprint(text)) =
            environment.and_then(|environment| environment.expect.get(&credential.id))
            && self.interner.named(text).is_empty()
            && let Some(characters) = self.interner.characters_of(text)
            && credential.provider.as_ref().is_some_and(|id| known.providers.contains(id))
        {
            let there = found.copies.keys().find(|key| key.characters().starts_with(&characters));
            let exported = there.map(|key| self.setup.fingerprint_key.export(key));
            keys.push(KeyInMemory {
                fingerprint: there.copied(),
                label: there
                    .map_or_else(
                        || "the expected key".to_owned(),
                        |key| key.shown(SHOWN_CHARACTERS),
                    )
                    .into(),
                exported,
                tag: None,
                copies: there.map_or(0, copies),
                too_short: false,
                fresh: there.map_or(0, fresh),
            });
        }
        for old in retired(&self.rotations.known) {
            let exported = Some(old.fingerprint.as_str());
            let known = keys.iter().any(|key| key.exported.as_deref() == exported);
            let characters = self.interner.characters_of(&old.fingerprint);
            let Some(characters) = characters.filter(|_| !known) else { continue };
            let there = found.copies.keys().find(|key| key.characters().starts_with(&characters));
            if let Some(there) = there.filter(|_| old.credential == credential.id) {
                keys.push(KeyInMemory {
                    fingerprint: Some(*there),
                    exported: Some(old.fingerprint),
                    tag: None,
                    label: there.shown(SHOWN_CHARACTERS).into(),
                    copies: copies(there),
                    too_short: false,
                    fresh: fresh(there),
                });
            }
        }
        keys.sort_by_key(|key| std::cmp::Reverse(key.copies));
        keys
    }

    /// Keys with this written fingerprint that were found in memory and are held by no layer.
    pub(super) fn named_in_memory(&self, text: &str) -> Option<Fingerprint> {
        let characters = self.interner.characters_of(text)?;
        let found = self.memory.known.values().filter_map(|known| known.result.as_ref().ok());
        found
            .flat_map(|found| found.copies.keys())
            .find(|key| key.characters().starts_with(&characters))
            .copied()
    }
}

/// Values of the provider's form that no layer held when it was searched.
fn unknown_in(credential: &CredentialFacts, known: &Known, found: &Found) -> Option<usize> {
    let id = credential.provider.as_ref()?;
    known.providers.contains(id).then(|| found.unknown.get(id).copied().unwrap_or(0))
}

/// The process behind a row, and whether its memory may be searched.
fn identity(reading: &Reading<Key>) -> Option<(ProcessIdentity, &Permit)> {
    let process = reading.evidence.process.as_ref()?;
    let who = ProcessIdentity { pid: process.pid, start_ticks: process.start_ticks };
    Some((who, &process.memory))
}

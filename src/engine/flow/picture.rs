//! The picture of a flow at one moment: everything judged, nothing secret.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::Flow;
use crate::{
    domain::{
        credential::CredentialFacts,
        expectation::{Wanted, Wish},
        fingerprint::Fingerprint,
        inert::inert,
        judge::{Question, judge},
        key::Key,
        outcome::{Outcome, ProbeReason, ProbeResult},
        reading::{Reading, State},
        rotation::retired,
        snapshot::{Snapshot, Summary},
        trust::Untrusted,
        way::Way,
    },
    engine::{
        intern::lengthened,
        plan::{asked_in_any_region, plan, unasked},
    },
    inventory::Expect,
};

impl Flow {
    /// The progress alone, for a line that is drawn again and again.
    pub(in crate::engine) fn counts_only(&self) -> Snapshot {
        Snapshot { progress: self.progress, offline: self.setup.offline, ..Snapshot::default() }
    }

    /// The whole picture.
    pub(in crate::engine) fn snapshot(&mut self) -> Arc<Snapshot> {
        self.settle();
        let now = Timestamp::now();
        let mut readings: Vec<Reading<Key>> = self.shown_readings();
        let probes: Vec<ProbeResult> =
            readings.iter().map(|reading| self.probe_of(reading)).collect();
        for reading in &mut readings {
            // Their form may be that of a key, so no picture has them.
            reading.context.companions.clear();
            self.name_region(reading);
            reading.evidence.memory = self.memory_of(reading);
        }
        let distinct: HashSet<Fingerprint> = readings
            .iter()
            .filter_map(|reading| reading.state.found())
            .map(|key| key.fingerprint)
            .collect();
        let environments = self.environments();
        let judgement = judge(Question {
            layers: Arc::clone(&self.layers),
            credentials: self.credentials.to_vec(),
            environments: environments.clone(),
            readings,
            probes,
            wishes: self.wishes(),
            retired: retired(&self.rotations.known),
            now,
        });
        let mut summary = Summary {
            rows: judgement.rows.len(),
            distinct_keys: distinct.len(),
            requests: self.counts.requests,
            extra_requests: self.counts.extra_requests,
            verdicts: BTreeMap::new(),
        };
        for row in &judgement.rows {
            *summary.verdicts.entry(row.verdict).or_default() += 1;
        }
        let layers: HashSet<&str> = judgement
            .rows
            .iter()
            .filter(|row| row.is_untrusted())
            .map(|row| row.identity.layer.as_str())
            .collect();
        let layers = layers.len();
        self.revision += 1;
        let rotations = self.rotation_progress(&judgement.rows);
        if !self.is_running() {
            self.setup.trust.end_pass();
        }
        let mut notices = notices(self.endpoints.values().map(|facts| &facts.way));
        let unknown = self.setup.trust.problem();
        notices.extend(unknown.map(|why| format!("what was trusted before is not known: {why}")));
        notices.extend(self.not_kept.iter().map(|why| format!("not kept as trusted: {why}")));
        notices.extend(self.nothing_to_search());
        notices.extend(self.rotations.trouble.clone());
        notices.extend(self.rotations.refused.clone());
        Arc::new(Snapshot {
            revision: self.revision,
            generated_at: now,
            inventory: self
                .setup
                .inventory
                .path
                .as_ref()
                .map(|path| inert(&path.to_string_lossy())),
            environments,
            offline: self.setup.offline,
            progress: self.progress,
            rows: judgement.rows,
            findings: judgement.findings,
            chains: judgement.chains,
            summary,
            endpoints: self.endpoints.clone(),
            rotations,
            notices,
            untrusted: self.setup.trust.untrusted().map(|it| Untrusted { layers, ..it }),
            tour: self.tour.clone(),
        })
    }

    /// The whole picture of a pass that is over, with all that nobody trusts yet.
    pub(in crate::engine) fn last_snapshot(&mut self) -> Arc<Snapshot> {
        let mut snapshot = Arc::unwrap_or_clone(self.snapshot());
        snapshot.untrusted = self.all_untrusted();
        Arc::new(snapshot)
    }

    /// All that nobody trusts yet, where something was not done for that.
    pub(in crate::engine) fn all_untrusted(&self) -> Option<Untrusted> {
        self.setup.trust.untrusted_of(&self.setup.inventory)
    }

    /// A layer that names a region by its name alone means that region's address.
    fn name_region(&self, reading: &mut Reading<Key>) {
        let provider = self.credential(reading).and_then(|it| it.provider.as_deref());
        let file = provider.and_then(|id| self.setup.catalogue.provider(id));
        let base = reading.context.base_url.as_deref();
        if let Some(address) = file.zip(base).and_then(|(file, base)| file.region(base)) {
            reading.context.base_url = Some(address.to_owned());
        }
    }

    /// The readings with colliding fingerprints lengthened.
    pub(super) fn shown_readings(&self) -> Vec<Reading<Key>> {
        let mut readings = Vec::with_capacity(self.readings.values().map(Vec::len).sum());
        readings.extend(self.readings.values().flatten().cloned());
        let keys = readings.iter().filter_map(|reading| reading.state.found());
        let longer =
            lengthened(keys.filter(|key| key.exported.is_some()).map(|key| key.fingerprint));
        if !longer.is_empty() {
            for reading in &mut readings {
                if let State::Found(key) = &mut reading.state
                    && let Some(length) = longer.get(&key.fingerprint)
                {
                    let shown = key.fingerprint.shown(*length);
                    key.facts_mut().shown = shown;
                }
            }
        }
        readings
    }

    pub(super) fn probe_of(&self, reading: &Reading<Key>) -> ProbeResult {
        let Some(credential) = self.credential(reading) else {
            return unasked(&self.setup, None, ProbeReason::NoProvider);
        };
        match plan(&self.setup, credential, reading) {
            Err(reason) => unasked(&self.setup, Some(credential), reason),
            Ok(identity) => match self.answers.get(&identity) {
                Some(answer) => {
                    let result = for_models(answer.result.clone(), credential);
                    if asked_in_any_region(&self.setup, &identity, reading) {
                        of_some_region(result, credential)
                    } else {
                        result
                    }
                }
                None => unasked(&self.setup, Some(credential), ProbeReason::Pending),
            },
        }
    }

    fn environments(&self) -> Vec<String> {
        self.setup
            .inventory
            .environments
            .iter()
            .map(|environment| environment.name.clone())
            .filter(|name| {
                self.setup.environments.is_empty() || self.setup.environments.contains(name)
            })
            .collect()
    }

    /// Which keys are wanted, by the person and by the inventory.
    pub(super) fn wishes(&self) -> Vec<Wish> {
        let marks = self.marks.iter().map(|((environment, credential), key)| Wish {
            environment: environment.clone(),
            credential: credential.clone(),
            wanted: Wanted::Marked(*key),
        });
        let expectations = self.setup.inventory.environments.iter().flat_map(|environment| {
            environment.expect.iter().map(|(credential, expect)| Wish {
                environment: environment.name.clone(),
                credential: credential.clone(),
                wanted: match expect {
                    Expect::Last4(last4) => Wanted::Described {
                        description: format!("the key ending in {}", inert(last4)),
                        keys: self.interner.ending_with(last4),
                    },
                    Expect::Fingerprint(text) => Wanted::Described {
                        description: format!("the key {}", inert(text)),
                        keys: match self.interner.named(text) {
                            none if none.is_empty() => {
                                self.named_in_memory(text).into_iter().collect()
                            }
                            held => held,
                        },
                    },
                    Expect::Reference(layer) => Wanted::HeldBy(layer.clone()),
                },
            })
        });
        marks.chain(expectations).chain(self.rotation_wishes()).collect()
    }
}

/// What a person should know of the ways to endpoints.
pub(super) fn notices<'way>(ways: impl Iterator<Item = &'way Way> + Clone) -> Vec<String> {
    let proxies: BTreeSet<String> = ways.clone().filter_map(Way::proxy_text).collect();
    let roots: BTreeSet<String> = ways.filter_map(Way::roots_text).collect();
    let proxies = proxies.iter().map(|proxy| format!("asked through the proxy {proxy}"));
    proxies.chain(roots).collect()
}

/// A refused key may be alive in another region: where neither the layer nor the inventory names
/// one, the answer is no verdict.
fn of_some_region(result: ProbeResult, credential: &CredentialFacts) -> ProbeResult {
    if result.outcome != Outcome::Dead {
        return result;
    }
    let variable = credential.base_url_variables.first();
    let variable = variable.map(|name| format!("{name} in the layer, or ")).unwrap_or_default();
    ProbeResult {
        outcome: Outcome::Unknown,
        advice: Some(format!("Name the region: {variable}the endpoint in the inventory.")),
        ..result
    }
}

/// One answer may serve credentials that need different models; a row names its own only.
fn for_models(mut result: ProbeResult, credential: &CredentialFacts) -> ProbeResult {
    result.missing_models.retain(|model| credential.models.contains(model));
    result
}

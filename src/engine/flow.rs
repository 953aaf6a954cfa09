//! The flow as a state machine: what arrives changes it, and at any time it can say what it sees.

mod freshness;
mod memory;
mod picture;
mod requests;
mod rotations;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::memory::MemoryCheck;
use crate::{
    domain::{
        command::Tour,
        credential::CredentialFacts,
        damage::Flag,
        expectation::Wanted,
        fingerprint::Fingerprint,
        held::{Held, ToldKey},
        key::Key,
        layer::LayerFacts,
        outcome::{ProbeReason, ProbeResult},
        reading::{Looked, Reading, Unreadable, UnreadableKind, Yield},
        snapshot::{Progress, RowIdentity},
        way::EndpointFacts,
    },
    engine::{
        Setup,
        facts::{chosen_layers, credential_facts, layer_facts, wanted},
        intern::Interner,
        plan::{ProbeIdentity, plan},
        reading_pool::{Read, read_all},
        watch::WatchList,
    },
    layers::{
        self, ReadFiles, Surroundings,
        memory::{Found, ProcessIdentity, Refusal},
    },
    probe::{Counts, Limits, Plan, Prober, way_to},
};

pub(super) use freshness::Freshness;
use freshness::is_old;
pub use rotations::RotationSetup;
use rotations::Rotations;

/// What arrives.
pub(super) enum Event {
    /// A layer was read.
    Read {
        /// Its number.
        layer: usize,
        /// What it came to.
        read: Read<Vec<Reading<Held>>>,
    },
    /// The memory of a process was searched.
    Searched {
        /// Whose.
        who: ProcessIdentity,
        /// What it came to.
        found: Box<Result<Found, Refusal>>,
    },
    /// A provider answered.
    Answered {
        /// The question.
        identity: Box<ProbeIdentity>,
        /// The answer.
        result: Box<ProbeResult>,
    },
    /// A round of questions is over.
    Asked {
        /// What was sent.
        counts: Counts,
    },
}

struct Answer {
    result: ProbeResult,
    /// It is shown until the new one comes.
    due: bool,
    /// Its host wanted to be left alone when the new one was wanted.
    owed: bool,
}

/// A pass over layers that is wanted once the current one is over.
struct Again {
    layers: BTreeSet<usize>,
    freshness: Freshness,
}

/// Everything that is known, and what is under way.
pub(super) struct Flow {
    setup: Arc<Setup>,
    credentials: Arc<Vec<CredentialFacts>>,
    layers: Arc<[LayerFacts]>,
    chosen: BTreeSet<usize>,
    /// Nothing is asked.
    only_reads: bool,
    interner: Interner,
    files: OwnFiles,
    prober: Prober,
    inbox: mpsc::UnboundedSender<Event>,
    arrived: BTreeMap<usize, Vec<Reading<Held>>>,
    /// Layers of which something was told: it is compared with what is held here again and again.
    told: BTreeMap<usize, Vec<Reading<Held>>>,
    readings: BTreeMap<usize, Vec<Reading<Key>>>,
    reading: usize,
    read_at: Timestamp,
    asking: HashSet<ProbeIdentity>,
    rounds: usize,
    answers: HashMap<ProbeIdentity, Answer>,
    again: Option<Again>,
    memory: MemoryCheck,
    cancel: CancellationToken,
    marks: BTreeMap<(String, String), Fingerprint>,
    counts: Counts,
    endpoints: BTreeMap<String, EndpointFacts>,
    /// Why what a person has trusted does not count, or not for good.
    not_kept: Option<String>,
    progress: Progress,
    revision: u64,
    rotations: Rotations,
    pub(super) tour: Option<Tour>,
}

impl Flow {
    /// A flow that has done nothing, and the channel that its work reports to.
    pub(super) fn new(setup: Setup) -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (inbox, events) = mpsc::unbounded_channel();
        let setup = Arc::new(setup);
        let settings = &setup.inventory.settings;
        let limits = Limits {
            timeout: settings.timeout,
            concurrency: settings.concurrency,
            in_flight_per_host: settings.in_flight_per_host,
            requests_per_second: settings.requests_per_second as usize,
            stop_after_refusals: settings.stop_after_refusals as usize,
            ..Limits::default()
        };
        let credentials = credential_facts(&setup);
        let flow = Self {
            files: OwnFiles(Arc::new(ReadFiles::new(
                credentials
                    .iter()
                    .flat_map(CredentialFacts::wanted_variables)
                    .map(str::to_owned)
                    .collect(),
            ))),
            credentials: Arc::new(credentials),
            layers: setup.inventory.layers.iter().map(layer_facts).collect(),
            chosen: chosen_layers(&setup),
            only_reads: false,
            interner: Interner::new(setup.fingerprint_key.clone(), Arc::clone(&setup.catalogue)),
            prober: Prober::new(Arc::clone(&setup.catalogue), limits),
            inbox,
            arrived: BTreeMap::new(),
            told: BTreeMap::new(),
            readings: BTreeMap::new(),
            reading: 0,
            read_at: Timestamp::UNIX_EPOCH,
            asking: HashSet::new(),
            rounds: 0,
            answers: HashMap::new(),
            again: None,
            memory: MemoryCheck::default(),
            cancel: CancellationToken::new(),
            marks: BTreeMap::new(),
            counts: Counts::default(),
            endpoints: BTreeMap::new(),
            not_kept: None,
            progress: Progress::default(),
            revision: 0,
            rotations: Rotations::default(),
            tour: setup.tour.as_ref().map(|guide| guide.tour.borrow().clone()),
            setup,
        };
        (flow, events)
    }

    /// A flow that reads and never asks.
    pub(super) fn that_only_reads(setup: Setup) -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (flow, events) = Self::new(setup);
        (Self { only_reads: true, ..flow }, events)
    }

    /// Something is still to come.
    pub(super) fn is_running(&self) -> bool {
        self.reading > 0 || self.rounds > 0 || self.memory.running > 0
    }

    /// When the last pass over layers began.
    pub(super) fn read_at(&self) -> Timestamp {
        self.read_at
    }

    /// Reads every layer.
    pub(super) fn read_all(&mut self, freshness: Freshness) {
        self.read(self.chosen.clone(), freshness);
    }

    /// Reads every layer but those that are read on demand only; what is old is asked again.
    pub(super) fn refresh(&mut self) {
        let on_demand = |layer: &usize| self.setup.inventory.layers[*layer].kind.is_on_demand();
        let layers: BTreeSet<usize> =
            self.chosen.iter().copied().filter(|layer| !on_demand(layer)).collect();
        if layers.is_empty() && !self.is_running() {
            self.mark_due(&Freshness::Aged);
            self.ask();
        }
        self.read(layers, Freshness::Aged);
    }

    /// Reads the layer of this row, and asks about its key again.
    pub(super) fn read_row(&mut self, row: &RowIdentity) {
        let layers = self
            .chosen
            .iter()
            .copied()
            .filter(|layer| self.layers[*layer].name == row.layer)
            .collect();
        self.read(layers, Freshness::AllBut(row.clone()));
    }

    /// Reads these layers; when something is under way, as soon as that is over.
    pub(super) fn read(&mut self, layers: BTreeSet<usize>, freshness: Freshness) {
        if layers.is_empty() {
            return;
        }
        if self.is_running() {
            let again = self.again.get_or_insert_with(|| Again {
                layers: BTreeSet::new(),
                freshness: Freshness::Aged,
            });
            again.layers.extend(layers);
            if again.freshness == Freshness::Aged || freshness == Freshness::Everything {
                again.freshness = freshness;
            }
            return;
        }
        self.mark_due(&freshness);
        if layers == self.chosen {
            self.setup.trust.begin_pass();
        }
        self.cancel = CancellationToken::new();
        self.progress = Progress { running: true, done: 0, total: layers.len() };
        self.reading = layers.len();
        self.read_at = Timestamp::now();
        self.load_rotations();
        self.start_reading(layers.into_iter().collect());
    }

    fn start_reading(&self, numbers: Vec<usize>) {
        let surroundings = Surroundings::new(
            &self.setup.inventory.folder,
            self.setup.home.clone(),
            self.setup.shell.clone(),
            Arc::clone(&self.files.0),
            Arc::clone(&self.setup.trust),
        )
        .among(&self.setup.inventory.layers)
        .comparing(self.setup.fingerprint_key.scheme())
        .patient(self.setup.inventory.settings.timeout);
        let (setup, credentials) = (Arc::clone(&self.setup), Arc::clone(&self.credentials));
        let (job_numbers, inbox) = (numbers.clone(), self.inbox.clone());
        let job = move |index: usize| {
            let layer = &setup.inventory.layers[job_numbers[index]];
            layers::read(layer, &wanted(&setup, layer, &credentials), &surroundings)
        };
        let layers = numbers.iter().map(|number| &self.setup.inventory.layers[*number]);
        let deadline = layers::patience(layers, self.setup.inventory.settings.timeout);
        read_all(numbers.len(), deadline, job, move |index, read| {
            // The receiver lives as long as the flow; after it nobody wants to know.
            let _ = inbox.send(Event::Read { layer: numbers[index], read });
        });
    }

    /// Takes in what arrived.
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Read { layer, read } => {
                let readings = match read {
                    Read::Done(readings) => readings,
                    Read::TimedOut => self.timed_out(layer),
                };
                self.arrived.insert(layer, readings);
                self.reading -= 1;
                self.progress.done += 1;
                if self.reading == 0 {
                    self.settle();
                    self.forget();
                    self.search();
                    self.ask();
                }
            }
            Event::Searched { who, found } => self.searched(who, *found),
            Event::Answered { identity, result } => {
                self.asking.remove(&*identity);
                self.learn(*identity, *result);
                self.progress.done += 1;
            }
            Event::Asked { counts } => {
                self.rounds -= 1;
                self.counts.requests += counts.requests;
                self.counts.extra_requests += counts.extra_requests;
                if self.rounds == 0 {
                    // A cancelled round leaves questions without an answer.
                    self.asking.clear();
                }
            }
        }
        if !self.is_running() {
            self.progress.running = false;
            match self.again.take() {
                Some(again) => self.read(again.layers, again.freshness),
                None => self.search_what_was_wished(),
            }
        }
    }

    /// Keeps an answer. One that could not be asked for anew, since its host wants to be left alone,
    /// stays: it is older, and still the last that was said of this key.
    fn learn(&mut self, identity: ProbeIdentity, result: ProbeResult) {
        if let Some(url) = &result.endpoint
            && result.checked_at.is_some()
        {
            let facts = self.endpoints.entry(url.clone()).or_insert_with(|| EndpointFacts {
                way: way_to(&identity.endpoint),
                latencies_ms: Vec::new(),
            });
            result.latency_ms.into_iter().for_each(|time| facts.took(time));
        }
        let known = self.answers.get_mut(&identity);
        match known.filter(|known| known.result.status.is_some()) {
            Some(known) if result.reason == Some(ProbeReason::Waiting) => {
                known.result.retry_at = result.retry_at;
                (known.due, known.owed) = (false, true);
            }
            _ => {
                self.answers.insert(
                    identity,
                    Answer {
                        owed: result.reason == Some(ProbeReason::Waiting),
                        result,
                        due: false,
                    },
                );
            }
        }
    }

    /// When a host that asked to wait may be asked for the first of the answers it owes.
    pub(super) fn owed_at(&self) -> Option<Timestamp> {
        self.answers
            .values()
            .filter(|answer| answer.owed && !answer.due)
            .filter_map(|answer| answer.result.retry_at)
            .min()
    }

    /// Asks for the answers that hosts owe, as far as they may be asked again.
    pub(super) fn ask_for_owed(&mut self) {
        self.mark_due(&Freshness::Aged);
        self.ask();
    }

    /// Interns what has been read so far. In the order of the inventory, so that the tags of opaque
    /// values do not depend on which file was read first; and what was told after what is held, since
    /// it may be the same.
    pub(super) fn settle(&mut self) {
        for (layer, readings) in std::mem::take(&mut self.arrived) {
            if readings.iter().flat_map(told_keys).next().is_some() {
                self.told.insert(layer, readings);
                continue;
            }
            self.told.remove(&layer);
            let interned: Vec<_> =
                readings.into_iter().map(|reading| self.interned(reading)).collect();
            self.keep_old_keys(&interned);
            self.readings.insert(layer, interned);
        }
        self.interner.take_note(self.told.values().flatten().flat_map(told_keys));
        for (layer, readings) in std::mem::take(&mut self.told) {
            let interned = readings.iter().map(|reading| self.interned(reading.clone())).collect();
            self.readings.insert(layer, interned);
            self.told.insert(layer, readings);
        }
    }

    fn interned(&mut self, reading: Reading<Held>) -> Reading<Key> {
        let provider = self
            .credentials
            .iter()
            .find(|credential| credential.id == reading.credential)
            .and_then(|credential| credential.provider.as_deref());
        // A gateway's keys have what form they like; only the provider's own have a length that could
        // be too short.
        let gateway = self.setup.endpoints.contains_key(&reading.credential)
            || self.setup.inventory.endpoint(&reading.environment, &reading.credential).is_some();
        reading.map(|held| {
            let mut key = match held {
                Held::Secret(secret) => self.interner.intern(secret, provider),
                Held::Told(told) => self.interner.intern_told(&told, provider),
            };
            if gateway && key.flags.contains(&Flag::Truncated) {
                key.facts_mut().flags.retain(|flag| *flag != Flag::Truncated);
            }
            key
        })
    }

    pub(super) fn keep_old_keys(&mut self, readings: &[Reading<Key>]) {
        for reading in readings {
            if let Some(key) = reading.state.found() {
                self.rotations.keep(&reading.environment, &reading.credential, key);
            }
        }
    }

    /// What is to be asked: every key that has no answer, or one that is due.
    pub(super) fn questions(&self) -> (Vec<ProbeIdentity>, Vec<Plan>) {
        let mut models: BTreeMap<ProbeIdentity, BTreeSet<String>> = BTreeMap::new();
        for reading in self.readings.values().flatten().chain(&self.spare_readings()) {
            let Some(credential) = self.credential(reading) else { continue };
            let Ok(identity) = plan(&self.setup, credential, reading) else { continue };
            let known = self.answers.get(&identity).is_some_and(|answer| !answer.due);
            if !known && !self.asking.contains(&identity) {
                models.entry(identity).or_default().extend(credential.models.iter().cloned());
            }
        }
        let expected: HashSet<Fingerprint> = self
            .wishes()
            .into_iter()
            .flat_map(|wish| match wish.wanted {
                Wanted::Marked(key) => vec![key],
                Wanted::Described { keys, .. } | Wanted::Rotated { keys, .. } => keys,
                Wanted::HeldBy(_) => Vec::new(),
            })
            .collect();
        let plan_of = |(identity, models): (ProbeIdentity, BTreeSet<String>)| {
            let mut companions = identity.companions.clone();
            companions.retain(|_, value| !self.interner.holds(value));
            let plan = Plan {
                key: self.interner.secret(identity.fingerprint)?.clone(),
                provider: identity.provider.clone(),
                endpoint: identity.endpoint.clone(),
                organisation: identity.organisation.clone(),
                project: identity.project.clone(),
                companions,
                models: models.into_iter().collect(),
                expected: expected.contains(&identity.fingerprint),
            };
            Some((identity, plan))
        };
        models.into_iter().filter_map(plan_of).unzip()
    }

    /// Asks.
    pub(super) fn ask(&mut self) {
        if self.only_reads {
            return;
        }
        let (identities, plans) = self.questions();
        if plans.is_empty() {
            return;
        }
        self.progress.running = true;
        self.progress.total += plans.len();
        self.asking.extend(identities.iter().cloned());
        self.rounds += 1;
        let (prober, inbox, cancel) =
            (self.prober.clone(), self.inbox.clone(), self.cancel.clone());
        tokio::spawn(async move {
            let answers = inbox.clone();
            let on_result = move |index: usize, result| {
                let identity = Box::new(identities[index].clone());
                let _ = answers.send(Event::Answered { identity, result: Box::new(result) });
            };
            let counts = prober.run(plans, on_result, cancel).await;
            let _ = inbox.send(Event::Asked { counts });
        });
    }

    /// Stops what is under way; what is known stays.
    pub(super) fn cancel(&mut self) {
        self.cancel.cancel();
        self.again = None;
    }

    /// The person trusts what was offered; what may be looked at now is.
    pub(super) fn accept(&mut self, offer: &str) {
        self.not_kept = self.setup.trust.accept(offer).err();
        self.read_all(Freshness::Aged);
    }

    /// The person's mark for (environment, credential).
    pub(super) fn mark(
        &mut self,
        environment: String,
        credential: String,
        key: Option<Fingerprint>,
    ) {
        match key {
            Some(key) => self.marks.insert((environment, credential), key),
            None => self.marks.remove(&(environment, credential)),
        };
    }

    /// The files that decide the readings.
    pub(super) fn watch_list(&self) -> WatchList {
        let mut list = WatchList::default();
        for (layer, readings) in &self.readings {
            let folder = &self.setup.inventory.folder;
            let path = |path: &str| layers::absolute(folder, self.setup.home.as_deref(), path);
            for evidence in readings.iter().map(|reading| &reading.evidence) {
                for file in &evidence.files {
                    list.add(path(file), *layer);
                }
                for looked in &evidence.looked {
                    match looked {
                        Looked::File(file) => list.add(path(file), *layer),
                        Looked::Folder(folder) => list.add_folder(path(folder), *layer),
                        Looked::Manifests(folder) => list.add_manifests(path(folder), *layer),
                    }
                }
            }
        }
        list
    }

    fn credential(&self, reading: &Reading<Key>) -> Option<&CredentialFacts> {
        self.credentials.iter().find(|credential| credential.id == reading.credential)
    }

    fn mark_due(&mut self, freshness: &Freshness) {
        let row = match freshness {
            Freshness::AllBut(row) => Some(self.identities_of(row)),
            _ => None,
        };
        let every = self.setup.inventory.settings.probe_every;
        let now = Timestamp::now();
        for (identity, answer) in &mut self.answers {
            answer.due |= match (freshness, &row) {
                (Freshness::Everything, _) => true,
                (_, Some(identities)) => identities.contains(identity),
                _ if answer.owed => answer.result.retry_at.is_none_or(|at| at <= now),
                _ => is_old(&answer.result, every, now),
            };
        }
    }

    fn identities_of(&self, row: &RowIdentity) -> HashSet<ProbeIdentity> {
        self.readings
            .values()
            .flatten()
            .filter(|reading| {
                reading.layer == row.layer
                    && reading.credential == row.credential
                    && reading.host == row.host
                    && reading.instance == row.instance
            })
            .filter_map(|reading| plan(&self.setup, self.credential(reading)?, reading).ok())
            .collect()
    }

    /// Drops the secrets and answers that belong to nothing any more.
    fn forget(&mut self) {
        let here = self.readings.iter().filter(|(layer, _)| !self.told.contains_key(layer));
        let held: HashSet<Fingerprint> = here
            .flat_map(|(_, readings)| readings)
            .flat_map(|reading| {
                let losing =
                    reading.occurrences.iter().filter_map(|occurrence| match &occurrence.yields {
                        Yield::Value(key) => Some(key.fingerprint),
                        _ => None,
                    });
                let others = reading.other_readings.iter().filter_map(|other| other.state.found());
                reading
                    .state
                    .found()
                    .into_iter()
                    .chain(others)
                    .map(|key| key.fingerprint)
                    .chain(losing)
            })
            .collect();
        let rotations = &self.rotations;
        let kept = |key: Fingerprint| held.contains(&key) || rotations.keeps(key);
        self.interner.keep_only(kept);
        self.answers.retain(|identity, _| kept(identity.fingerprint));
        self.forget_memory();
        // What was told of a key that is forgotten is told of a key that is not held here.
        self.settle();
    }

    fn timed_out(&self, layer: usize) -> Vec<Reading<Held>> {
        let layer = &self.setup.inventory.layers[layer];
        let seconds = self.setup.inventory.settings.timeout.as_secs();
        let why = Unreadable::new(
            UnreadableKind::TimedOut,
            format!("reading it took more than {seconds} s"),
        );
        layers::unread(layer, &wanted(&self.setup, layer, &self.credentials), &why)
    }
}

/// The files of this flow. What outlives a question ends with it: a thread that is stuck may hold the
/// files for longer.
struct OwnFiles(Arc<ReadFiles>);

impl Drop for OwnFiles {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What was told of keys that were not read here.
fn told_keys(reading: &Reading<Held>) -> impl Iterator<Item = &ToldKey> {
    let others = reading.other_readings.iter().filter_map(|other| other.state.found());
    let assigned = reading.occurrences.iter().filter_map(|occurrence| match &occurrence.yields {
        Yield::Value(value) => Some(value),
        _ => None,
    });
    let held = reading.state.found().into_iter().chain(others).chain(assigned);
    held.filter_map(|held| match held {
        Held::Told(told) => Some(&**told),
        Held::Secret(_) => None,
    })
}

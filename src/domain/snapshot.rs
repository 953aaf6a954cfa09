//! The immutable, secret-free picture of everything. All front ends draw this and nothing else.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::{
    chain::Chain,
    container::ContainerFacts,
    diagnosis::Finding,
    fingerprint::Fingerprint,
    key::Key,
    layer::{Instance, LayerKind, row_label},
    outcome::ProbeResult,
    place::Place,
    reading::{Evidence, Occurrence, OtherReading, Problem, Rank, RequestContext, State},
    restart::{Action, Prediction},
    rotation::{Progress as RotationProgress, Retired},
    trap::Trapped,
    verdict::{Certainty, Verdict},
    way::EndpointFacts,
};

/// What a row is, across snapshots: selection, marks and history hang on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowIdentity {
    /// The environment.
    pub environment: String,
    /// The credential.
    pub credential: String,
    /// The layer.
    pub layer: String,
    /// The other machine.
    pub host: Option<String>,
    /// Tells rows of one layer apart.
    pub instance: Option<Instance>,
}

/// Which key is expected, and why that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The expected key; `None` when the inventory names one that no layer holds.
    pub fingerprint: Option<Fingerprint>,
    /// Its exported form, where it may be written.
    pub exported: Option<String>,
    /// How it is shown: mask and fingerprint, or what the inventory says of it.
    pub label: String,
    /// Who says so.
    pub by: ExpectedBy,
}

/// In the order in which they decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExpectedBy {
    /// The user's mark in this dashboard.
    Mark,
    /// `expect` in the inventory.
    Inventory,
    /// The `reference` layer of the inventory.
    Reference,
    /// The new key of an open rotation.
    Rotation,
    /// The only key that the provider accepts.
    Provider,
    /// The key of the newest change; verdicts are then likely.
    NewestChange,
}

impl ExpectedBy {
    /// The word of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mark => "mark",
            Self::Inventory => "inventory",
            Self::Reference => "reference",
            Self::Rotation => "rotation",
            Self::Provider => "provider",
            Self::NewestChange => "newest_change",
        }
    }

    /// For people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Mark => "you marked it",
            Self::Inventory => "the inventory expects it",
            Self::Reference => "the reference layer holds it",
            Self::Rotation => "the open rotation brings it",
            Self::Provider => "it is the only key the provider accepts",
            Self::NewestChange => "it is the newest change",
        }
    }
}

/// One layer (or one instance of it) and one credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is, across snapshots.
    pub identity: RowIdentity,
    /// Kind of the layer.
    pub kind: LayerKind,
    /// It is of something that runs: a process, a container.
    pub running: bool,
    /// The variable that decided.
    pub variable: Option<String>,
    /// Where the deciding value stands.
    pub place: Option<Place>,
    /// What the layer yields.
    pub state: State<Key>,
    /// Every assignment.
    pub occurrences: Vec<Occurrence<Key>>,
    /// Names in the same place that look like a misspelt variable.
    pub near_misses: Vec<String>,
    /// What the reader noticed.
    pub problems: Vec<Problem>,
    /// Known ways for a value to differ from what was written.
    pub traps: Vec<Trapped>,
    /// Plausible readers of the same file that see something else.
    pub other_readings: Vec<OtherReading<Key>>,
    /// What supports it.
    pub evidence: Evidence,
    /// How strong that is.
    pub rank: Rank,
    /// What the companion variables say.
    pub context: RequestContext,
    /// The layer it takes its value from.
    pub source: Option<String>,
    /// The command that makes it take a new value, as the inventory says.
    pub restart: Option<String>,
    /// Who owns the layer.
    pub owner: Option<String>,
    /// What the provider says of its key.
    pub probe: ProbeResult,
    /// Which key is expected here.
    pub expected: Option<Expected>,
    /// The rotation that its key has gone with, or is to go with.
    pub retired: Option<Retired>,
    /// What is true of it.
    pub verdict: Verdict,
    /// How sure that is.
    pub certainty: Certainty,
    /// Why, in one sentence.
    pub reason: String,
    /// Indexes into [`Snapshot::findings`], the most severe first.
    pub findings: Vec<usize>,
    /// What a restart would load, and whatever else can be done to what runs; the best one first.
    pub after: Vec<Prediction>,
}

impl Row {
    /// The key, when it is known.
    pub const fn key(&self) -> Option<&Key> {
        self.state.found()
    }

    /// How the layer is named on screen: `api workers (pid 4182)`.
    pub fn label(&self) -> String {
        let RowIdentity { layer, instance, host, .. } = &self.identity;
        row_label(layer, instance.as_ref(), host.as_deref())
    }

    /// What starting it again would do.
    pub fn after_restart(&self) -> Option<&Prediction> {
        self.after.iter().find(|prediction| prediction.action == Action::Restart)
    }

    /// How it is named in a chain, where rows of one layer may stand one after the other: a container
    /// by its own name, a process in one by that of its program.
    pub fn link_name(&self) -> &str {
        let inside = self.evidence.process.as_ref().filter(|_| self.evidence.container.is_some());
        let own = self.own_container().map(|container| &container.name);
        own.or_else(|| inside.map(|process| &process.program)).unwrap_or(&self.identity.layer)
    }

    /// Since when it holds what it holds: the creation of a container, the start of a process, the
    /// change of a file.
    pub fn since(&self) -> Option<Timestamp> {
        let created = self.own_container().and_then(|container| container.created_at);
        created.or(self.evidence.started_at).or_else(|| self.evidence.changed())
    }

    /// How a sentence about it begins: "created with the old key".
    pub fn wording(&self) -> &'static str {
        if self.own_container().is_some() { "created with" } else { self.rank.wording() }
    }

    /// The container that this row is of, where it is not of a process in one.
    pub fn own_container(&self) -> Option<&ContainerFacts> {
        let is_own = matches!(self.identity.instance, Some(Instance::Container(_)));
        self.evidence.container.as_deref().filter(|_| is_own)
    }
}

/// How far the flow has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Something is still going on.
    pub running: bool,
    /// Layers and probes that are done.
    pub done: usize,
    /// Layers and probes of this pass.
    pub total: usize,
}

/// Counts over all rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows.
    pub rows: usize,
    /// Distinct values that layers hold.
    pub distinct_keys: usize,
    /// First keyed requests of each distinct (key, endpoint, organisation, project).
    pub requests: usize,
    /// Control probes, retries, repeats without a header.
    pub extra_requests: usize,
    /// Rows per verdict.
    pub verdicts: BTreeMap<Verdict, usize>,
}

/// The picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Grows with every change.
    pub revision: u64,
    /// When it was made.
    pub generated_at: Timestamp,
    /// The inventory's path, inert; `None` for the demo's built-in one.
    pub inventory: Option<String>,
    /// Environments, in the order of the inventory.
    pub environments: Vec<String>,
    /// Nothing is sent.
    pub offline: bool,
    /// How far the flow has come.
    pub progress: Progress,
    /// Rows: environments in the order of the inventory, then credentials, then layers.
    pub rows: Vec<Row>,
    /// Findings over all rows.
    pub findings: Vec<Finding>,
    /// Chains over all rows.
    pub chains: Vec<Chain>,
    /// Counts.
    pub summary: Summary,
    /// Every URL that was asked, with how it is reached and how long its last answers took.
    pub endpoints: BTreeMap<String, EndpointFacts>,
    /// The open rotations, and how far they have come.
    pub rotations: Vec<RotationProgress>,
    /// What a person should know of this run: proxy in use, host that asked to wait.
    pub notices: Vec<String>,
    /// The guided tour, in the demo.
    pub tour: Option<crate::domain::command::Tour>,
}

impl Snapshot {
    /// The row with this identity.
    pub fn row(&self, identity: &RowIdentity) -> Option<&Row> {
        self.rows.iter().find(|row| row.identity == *identity)
    }
}

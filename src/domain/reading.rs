//! What one layer yields for one credential.
//!
//! Everything here is generic over the value: readers produce [`SecretValue`]s, the engine interns
//! them and goes on with secret-free [`Key`]s. The type says which side of that border a reading
//! is on.
//!
//! [`SecretValue`]: crate::domain::secret::SecretValue
//! [`Key`]: crate::domain::key::Key

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{
    container::ContainerFacts,
    layer::{Instance, LayerKind},
    manager::Manager,
    place::{Place, Position},
    running::{PodFacts, ProcessFacts},
    trap::Trapped,
};

/// What one assignment gives the consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Yield<V> {
    /// These bytes; possibly none, which is *empty* and still wins in most readers.
    Value(V),
    /// The name stands there, and the consumer ends up without a value (`NAME` alone, `unset`).
    Unset,
    /// The consumer's own environment decides; the name is passed through.
    Inherited,
    /// There is a value that cannot be known from here.
    Opaque(OpaqueReason),
}

impl<V> Yield<V> {
    /// Changes the type of the value and nothing else.
    pub fn map<W>(self, change: &mut impl FnMut(V) -> W) -> Yield<W> {
        match self {
            Self::Value(value) => Yield::Value(change(value)),
            Self::Unset => Yield::Unset,
            Self::Inherited => Yield::Inherited,
            Self::Opaque(reason) => Yield::Opaque(reason),
        }
    }
}

/// Which part of a layer an occurrence belongs to; decides how its winning or losing is explained.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An assignment in the layer's own file.
    File,
    /// `environment:` of a compose service.
    ComposeEnvironment,
    /// A file named by `env_file:`.
    ComposeEnvFile,
    /// The compose project's `.env`, used for interpolation.
    ComposeDotenv,
    /// A `secrets:` or `configs:` entry of a compose service: a file in its containers.
    ComposeMount(String),
    /// The environment of this shell (interpolation, pass-through).
    ShellEnvironment,
    /// A scope of a CI platform.
    CiScope(String),
    /// What a CI file takes from its platform instead of a value: `secrets.OPENAI_API_KEY`.
    CiReference(String),
    /// The environment a process was launched with.
    LaunchEnvironment,
    /// The environment of a process as it is now.
    LiveEnvironment,
    /// The environment that a container was created with.
    ContainerEnvironment,
    /// `Environment=` of a systemd unit.
    UnitEnvironment,
    /// A file named by `EnvironmentFile=` of a systemd unit.
    UnitEnvironmentFile,
    /// What a process manager has loaded: what a plain restart would start its program with.
    ManagerCopy,
    /// What a process manager has saved, and brings back when the machine has started again.
    ManagerSaved,
}

/// One assignment inside a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence<V> {
    /// The variable it assigns.
    pub variable: String,
    /// Where the value stands.
    pub place: Place,
    /// Which part of the layer it belongs to.
    pub origin: Origin,
    /// What it gives.
    pub yields: Yield<V>,
    /// It decides what the consumer sees for this variable, by the consumer's own rules. At most
    /// one occurrence of a variable wins.
    pub wins: bool,
}

impl<V> Occurrence<V> {
    /// An occurrence that loses until its reader says otherwise.
    pub fn new(variable: impl Into<String>, position: Position, yields: Yield<V>) -> Self {
        Self {
            variable: variable.into(),
            place: Place::at(position),
            origin: Origin::File,
            yields,
            wins: false,
        }
    }

    /// Changes the type of the value and nothing else.
    pub fn map<W>(self, change: &mut impl FnMut(V) -> W) -> Occurrence<W> {
        Occurrence {
            variable: self.variable,
            place: self.place,
            origin: self.origin,
            yields: self.yields.map(change),
            wins: self.wins,
        }
    }
}

/// Why a value is present but unknowable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpaqueReason {
    /// The platform never gives the value back.
    WriteOnly,
    /// Only running a command would tell (`$(…)`, backticks, `read`).
    Dynamic,
    /// Set inside `if`, `case`, a function, a loop or after `&&`.
    Conditional,
    /// The effect that would read it is not trusted.
    Untrusted,
    /// The process was launched without it; it may load a file by itself.
    NotInLaunchEnvironment,
    /// The variable is not in the process's environment now; the program may have its key elsewhere.
    NotInLiveEnvironment,
    /// The container was created without it; a program in it may load a file.
    NotInContainerEnvironment,
    /// A supervisor gives the process its variables after the start; the launch shows others.
    GivenLater,
    /// The process has overwritten its environment block.
    Erased,
    /// The system does not show what the process was launched with; that is no sign of anything.
    NotShown,
    /// The value is a reference that another tool resolves (`op://…`, a file variable).
    Reference,
    /// The platform hides or masks the value in its export.
    Hidden,
    /// Set, if at all, in a place that this one only names.
    Elsewhere,
    /// The process manager gives its program no such variable.
    NotKept,
    /// In a Secret of a cluster, whose value the layer does not ask for.
    NotAsked,
    /// In an object of a cluster that does not let this user read it.
    NotAllowed,
    /// Fixed when the container started, before what it comes from changed.
    FixedAtStart,
}

impl OpaqueReason {
    /// One short sentence fragment for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::WriteOnly => "the platform never gives the value back",
            Self::Dynamic => "only running a command would tell the value",
            Self::Conditional => "set only under a condition",
            Self::Untrusted => "not read: the inventory is not trusted",
            Self::NotInLaunchEnvironment => {
                "not in the environment the process was launched with; it may load a file by itself"
            }
            Self::NotInLiveEnvironment => {
                "not in its environment now; the program may hold its key in memory of its own"
            }
            Self::NotInContainerEnvironment => {
                "not in the environment the container was created with; its program may load a file"
            }
            Self::GivenLater => {
                "PM2 gives a cluster's workers their variables after the start; the environment at \
                 the start is that of its daemon"
            }
            Self::Erased => "the process has overwritten its environment block",
            Self::NotShown => "the system does not show what the process was launched with",
            Self::Reference => "a reference that another tool resolves",
            Self::Hidden => "the platform hides the value in its export",
            Self::Elsewhere => "set, if at all, in a place that is only named here",
            Self::NotKept => "its manager keeps no such variable; it may load a file by itself",
            Self::FixedAtStart => {
                "fixed when its container started, and changed since at its source"
            }
            Self::NotAllowed => "in an object that the cluster does not let you read",
            Self::NotAsked => "in a Secret whose value is not read",
        }
    }
}

/// Why a value is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingReason {
    /// The whole place was read and does not define it.
    NotDefined,
    /// The named file does not exist.
    FileAbsent,
    /// No process matches.
    NotRunning,
    /// Fewer processes match than there should be.
    TooFew,
    /// No container matches.
    NoContainer,
}

impl MissingReason {
    /// One short sentence fragment for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotDefined => "not defined here",
            Self::FileAbsent => "the file does not exist",
            Self::NotRunning => "no process matches",
            Self::TooFew => "fewer processes match than `min` says",
            Self::NoContainer => "no container matches",
        }
    }
}

/// Why a layer could not be read. The words are ours; no library's text is kept (SECURITY P4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The class of the failure.
    pub kind: UnreadableKind,
    /// What exactly, and what to do; a fixed sentence, or one built from inert names.
    pub detail: String,
    /// Where, when it is known.
    pub place: Option<Place>,
    /// What a person has to do for it to be read, where that is known; a clause.
    pub remedy: Option<String>,
}

impl Unreadable {
    /// A failure without a place.
    pub fn new(kind: UnreadableKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), place: None, remedy: None }
    }

    /// The same failure with what ends it.
    #[must_use]
    pub fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// The same failure at a place.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }
}

/// Classes of failures to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnreadableKind {
    /// A directory, FIFO, device or socket (SECURITY R1).
    NotAFile,
    /// Larger than the cap (SECURITY R1).
    TooLarge,
    /// The user may not read it.
    NoPermission,
    /// The file changed while it was read.
    Changed,
    /// The consumer's own reader refuses the file and loads nothing.
    Refused,
    /// The file has another format than the layer says.
    WrongFormat,
    /// No end in time (SECURITY R5).
    TimedOut,
    /// This system cannot show it.
    Unsupported,
    /// Any other failure of the system.
    System,
}

/// What one layer yields for one credential: the deciding value, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State<V> {
    /// The consumer would see these bytes.
    Found(V),
    /// Defined, zero bytes.
    Empty,
    /// Not there.
    Missing(MissingReason),
    /// Reading failed.
    Unreadable(Unreadable),
    /// Present but unknowable.
    Opaque(OpaqueReason),
}

impl<V> State<V> {
    /// The word of the contract.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Empty => "empty",
            Self::Missing(_) => "missing",
            Self::Unreadable(_) => "unreadable",
            Self::Opaque(_) => "opaque",
        }
    }

    /// The value, when it is known.
    pub const fn found(&self) -> Option<&V> {
        match self {
            Self::Found(value) => Some(value),
            _ => None,
        }
    }

    /// Changes the type of the value and nothing else.
    pub fn map<W>(self, change: &mut impl FnMut(V) -> W) -> State<W> {
        match self {
            Self::Found(value) => State::Found(change(value)),
            Self::Empty => State::Empty,
            Self::Missing(reason) => State::Missing(reason),
            Self::Unreadable(why) => State::Unreadable(why),
            Self::Opaque(reason) => State::Opaque(reason),
        }
    }
}

/// How strong the evidence of a reading is, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// Started, or created, before its source changed.
    Inferred,
    /// Files, compose, exports: what a start would take.
    Configured,
    /// Which known keys occur in writable memory.
    Memory,
    /// What the process was launched with.
    Launch,
    /// The environment as the process sees it now.
    Live,
    /// What the process sends.
    Sent,
}

impl Rank {
    /// The word of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inferred => "inferred",
            Self::Configured => "configured",
            Self::Memory => "memory",
            Self::Launch => "launch",
            Self::Live => "live",
            Self::Sent => "sent",
        }
    }

    /// How a sentence about the row begins: "launched with the old key".
    pub const fn wording(self) -> &'static str {
        match self {
            Self::Inferred => "likely has",
            Self::Configured => "would load",
            Self::Memory => "has in memory",
            Self::Launch => "launched with",
            Self::Live => "holds now",
            Self::Sent => "is sending",
        }
    }
}

/// What supports a reading. Times are of the place that decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Content last written (mtime).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
    /// File last replaced or changed in any way (ctime).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// The process, or the oldest ancestor of the same service, started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// A platform says that the value was updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// The program that tells it was run; others are read again all the time, it only on demand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Timestamp>,
    /// The place is an export of another one.
    #[serde(skip)]
    pub exported: bool,
    /// The reader that was applied, e.g. `python-dotenv`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// Why this reader, where the inventory names none: `requirements.txt lists python-dotenv`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader_because: Option<String>,
    /// The process behind the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessFacts>,
    /// The process manager that starts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<Manager>,
    /// The pod behind the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Box<PodFacts>>,
    /// The container behind the row: its own, or the one that its process runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Box<ContainerFacts>>,
    /// Paths that were read and decide this reading; they are watched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// What else was looked at, and may change the reading when it comes into being or changes.
    #[serde(skip)]
    pub looked: Vec<Looked>,
}

/// A place that was looked at beside the files that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// A file that does not exist.
    File(String),
    /// A folder, each entry of which counts.
    Folder(String),
    /// A folder in which files of some names tell who reads a `.env`.
    Manifests(String),
}

impl Evidence {
    /// When the place last changed, by the best time there is. The time of an export says when it
    /// was made, not when its variables changed.
    pub fn changed(&self) -> Option<Timestamp> {
        if self.exported { self.updated_at } else { self.updated_at.or(self.modified_at) }
    }
}

/// What the layer's own companion variables say about the request; none of it is secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestContext {
    /// Value of the organisation variable.
    pub organisation: Option<String>,
    /// Value of the project variable.
    pub project: Option<String>,
    /// Value of the base URL variable: shown and diagnosed, never contacted (SECURITY T1).
    pub base_url: Option<String>,
    /// The name of that variable.
    pub base_url_variable: Option<String>,
    /// Identifiers that a request needs besides, by the provider file's name for them. They have the
    /// form of one; that of a key may be the same, so they are sent and never shown.
    pub companions: BTreeMap<String, String>,
}

/// Something a reader noticed that does not change the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What, in a fixed sentence.
    pub text: &'static str,
}

/// What another plausible reader of the same file would see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherReading<V> {
    /// The reader, e.g. `compose`.
    pub reader: String,
    /// What speaks for it, e.g. `compose.yaml names the file`.
    pub because: String,
    /// What it sees.
    pub state: State<V>,
}

/// What one layer (one instance of it) yields for one credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading<V> {
    /// Name of the layer.
    pub layer: String,
    /// Its environment.
    pub environment: String,
    /// Its kind.
    pub kind: LayerKind,
    /// Id of the credential.
    pub credential: String,
    /// The other machine it was read on.
    pub host: Option<String>,
    /// Tells rows of one layer apart.
    pub instance: Option<Instance>,
    /// The variable that decided.
    pub variable: Option<String>,
    /// The deciding value, or why there is none.
    pub state: State<V>,
    /// Where the deciding value stands, or the place that was looked at.
    pub place: Option<Place>,
    /// Every assignment of the credential's variables, in the order of the place.
    pub occurrences: Vec<Occurrence<V>>,
    /// Names in the same place that look like a misspelt variable of the credential.
    pub near_misses: Vec<String>,
    /// What the reader noticed.
    pub problems: Vec<Problem>,
    /// Known ways for a value to differ from what was written, where they stand.
    pub traps: Vec<Trapped>,
    /// Plausible readers of the same file that see something else; none when the inventory names
    /// the reader.
    pub other_readings: Vec<OtherReading<V>>,
    /// How strong the evidence is.
    pub rank: Rank,
    /// What supports it.
    pub evidence: Evidence,
    /// What the companion variables say.
    pub context: RequestContext,
}

impl<V> Reading<V> {
    /// It is of something that runs, and so can be older than what it takes its value from. A layer
    /// may have both: a unit and its main process.
    pub const fn is_running(&self) -> bool {
        let held = matches!(self.rank, Rank::Memory | Rank::Launch | Rank::Live | Rank::Sent);
        held || self.kind.is_running()
    }

    /// The container that this is of, where it is not of a process in one.
    pub fn own_container(&self) -> Option<&ContainerFacts> {
        let is_own = matches!(self.instance, Some(Instance::Container(_)));
        self.evidence.container.as_deref().filter(|_| is_own)
    }

    /// Changes the type of the values and nothing else.
    pub fn map<W>(self, mut change: impl FnMut(V) -> W) -> Reading<W> {
        Reading {
            layer: self.layer,
            environment: self.environment,
            kind: self.kind,
            credential: self.credential,
            host: self.host,
            instance: self.instance,
            variable: self.variable,
            state: self.state.map(&mut change),
            place: self.place,
            occurrences: self
                .occurrences
                .into_iter()
                .map(|occurrence| occurrence.map(&mut change))
                .collect(),
            near_misses: self.near_misses,
            problems: self.problems,
            traps: self.traps,
            other_readings: self
                .other_readings
                .into_iter()
                .map(|other| OtherReading {
                    reader: other.reader,
                    because: other.because,
                    state: other.state.map(&mut change),
                })
                .collect(),
            rank: self.rank,
            evidence: self.evidence,
            context: self.context,
        }
    }
}

//! The contract for programs: `check --format json`.
//!
//! Its types are its own, so that a change of the domain cannot change the contract unseen; the
//! schema is generated from them and committed.

mod after;
mod container;
mod elsewhere;
mod evidence;
mod memory;
mod pod;
mod rotations;

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Write},
};

use jiff::Timestamp;
use rotations::{RetiredReport, RotationReport};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use self::after::PredictionReport;
pub(super) use self::evidence::EvidenceReport;
use crate::domain::{
    chain::Chain,
    diagnosis::Finding,
    key::Key,
    layer::Instance,
    outcome::{Confidence, ProbeReason, Received},
    place::Place,
    reading::{Occurrence, Origin, OtherReading, State, Yield},
    snapshot::{Row, Snapshot},
    trap::Trapped,
    trust::Untrusted,
    verdict::Verdict,
    way::{EndpointFacts, FromEnvironment},
};

/// Grows when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

const BUFFER: usize = 1 << 16;

/// Writes the snapshot as one JSON document and a final newline.
///
/// # Errors
/// Those of the writer.
pub fn write(snapshot: &Snapshot, exit_code: u8, out: &mut dyn Write) -> io::Result<()> {
    // Its own buffer: serde_json writes a few bytes at a time.
    let mut out = BufWriter::with_capacity(BUFFER, out);
    serde_json::to_writer_pretty(&mut out, &Report::of(snapshot, exit_code))?;
    writeln!(out)?;
    out.flush()
}

/// The JSON Schema of the contract.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Report).to_value()
}

/// The answer of one pass.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "stalekey check")]
pub struct Report<'a> {
    /// Version of this contract.
    schema_version: u32,
    /// When the answer was made, RFC 3339.
    #[schemars(with = "String")]
    generated_at: Timestamp,
    /// Which inventory was asked.
    inventory: InventoryReport<'a>,
    /// Nothing was sent.
    offline: bool,
    /// Counts over all rows.
    summary: SummaryReport,
    /// One per layer (or instance of it) and credential.
    #[schemars(with = "Vec<RowReport<'_>>")]
    rows: Rows<'a>,
    /// Findings, the most severe first.
    diagnoses: Vec<DiagnosisReport<'a>>,
    /// Layers linked by `source`.
    chains: Vec<ChainReport<'a>>,
    /// Every URL that was asked.
    endpoints: BTreeMap<&'a str, EndpointReport<'a>>,
    /// Rotations that go on.
    rotations: Vec<RotationReport<'a>>,
    /// What a person should know of this run.
    notices: &'a [String],
    /// What nobody has trusted yet, where something was not done for that; the exit code is 4.
    trust: Option<TrustReport<'a>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TrustReport<'a> {
    /// What the inventory asks for.
    asks: Vec<AskReport<'a>>,
    /// What `--trust` takes to have all of it for one run.
    digests: &'a [String],
}

#[derive(Debug, Serialize, JsonSchema)]
struct AskReport<'a> {
    /// send, run or read.
    verb: String,
    /// To whom, or what.
    what: &'a str,
}

impl<'a> TrustReport<'a> {
    fn of(untrusted: &'a Untrusted) -> Self {
        let asks = untrusted.asks.iter();
        Self {
            asks: asks
                .map(|ask| AskReport {
                    verb: ask.verb.name().to_ascii_lowercase(),
                    what: &ask.text,
                })
                .collect(),
            digests: &untrusted.digests,
        }
    }
}

/// The rows, each made when it is written: a large snapshot is not held twice.
#[derive(Debug)]
struct Rows<'a>(&'a Snapshot);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rows.iter().map(|row| RowReport::of(row, self.0)))
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct InventoryReport<'a> {
    /// Its path; null for the demo's built-in one.
    path: Option<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SummaryReport {
    /// Rows.
    rows: usize,
    /// Distinct values that layers hold.
    distinct_keys: usize,
    /// First keyed requests of each distinct (key, endpoint, organisation, project).
    requests: usize,
    /// Control probes, retries, repeats without a header.
    extra_requests: usize,
    /// Rows per verdict.
    verdicts: BTreeMap<&'static str, usize>,
    /// What `check` ends with.
    exit_code: u8,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RowReport<'a> {
    environment: &'a str,
    credential: &'a str,
    layer: &'a str,
    /// Kind of the layer.
    kind: &'a str,
    /// The other machine it was read on.
    host: Option<&'a str>,
    /// Tells rows of one layer apart.
    instance: Option<InstanceReport<'a>>,
    /// The variable that decided.
    variable: Option<&'a str>,
    /// Where the deciding value stands.
    location: Option<LocationReport<'a>>,
    /// found, empty, missing, unreadable or opaque.
    state: &'a str,
    /// Null unless the state is found.
    key: Option<KeyReport<'a>>,
    evidence: EvidenceReport<'a>,
    /// The layer it takes its value from.
    source: Option<&'a str>,
    probe: ProbeReport<'a>,
    /// Null while undecided.
    expected: Option<ExpectedReport<'a>>,
    /// Null unless a rotation of the history is about its key.
    retired: Option<RetiredReport<'a>>,
    verdict: &'a str,
    /// certain or likely.
    certainty: &'a str,
    /// Strength of the evidence.
    rank: &'a str,
    /// Why, in one sentence.
    reason: &'a str,
    /// Codes of the findings about this row.
    diagnoses: Vec<&'static str>,
    /// Every assignment of the credential's variables here; those that lose are shadowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    occurrences: Vec<OccurrenceReport<'a>>,
    /// Known ways for a value to differ from what was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    traps: Vec<TrapReport<'a>>,
    /// What other plausible readers of the same file see, where they disagree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    other_readings: Vec<OtherReadingReport<'a>>,
    /// Of what runs: what starting it again would load, the best way first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    after: Vec<PredictionReport<'a>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OccurrenceReport<'a> {
    variable: &'a str,
    /// Null for what stands in no file, such as this shell.
    location: Option<LocationReport<'a>>,
    /// file, compose_environment, compose_env_file, compose_dotenv, compose_mount,
    /// shell_environment, ci_scope, ci_reference, launch_environment, live_environment,
    /// unit_environment, unit_environment_file, manager_copy or manager_saved.
    origin: &'static str,
    /// It decides what the consumer sees.
    wins: bool,
    /// value, unset, inherited or opaque.
    yields: &'static str,
    /// Mask of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    mask: Option<&'a str>,
    /// Fingerprint of the value, where it may be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TrapReport<'a> {
    /// Its stable name.
    trap: &'static str,
    location: Option<LocationReport<'a>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OtherReadingReport<'a> {
    /// The reader.
    reader: &'a str,
    /// What speaks for it.
    because: &'a str,
    /// found, empty, missing, unreadable or opaque.
    state: &'static str,
    /// Null unless the state is found.
    key: Option<KeyReport<'a>>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum InstanceReport<'a> {
    Pid(u32),
    Service(&'a str),
    Scope(&'a str),
    Container(&'a str),
    Pod(&'a str),
    Object(&'a str),
    Reported(&'a str),
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LocationReport<'a> {
    path: Option<&'a str>,
    /// From 1.
    line: Option<u32>,
    /// From 1, in bytes, at the value.
    column: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct KeyReport<'a> {
    /// `keyfp1:<id>:<26 characters>`; null for an opaque value without a team key.
    fingerprint: Option<&'a str>,
    /// Tag of this run, for an opaque value.
    tag: Option<&'a str>,
    mask: &'a str,
    /// Exact length in bytes, for a recognised key.
    length: Option<usize>,
    /// Bucket of the length, for an opaque value.
    length_bucket: Option<&'a str>,
    /// Name of the format, `provider/type`.
    shape: Option<&'a str>,
    /// Damage.
    flags: Vec<&'static str>,
    /// The key inside a damaged value, when it is recognised.
    repaired_fingerprint: Option<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ProbeReport<'a> {
    /// What the answer means; `not_probed` when nothing was asked.
    outcome: &'a str,
    /// HTTP status.
    status: Option<u16>,
    /// The provider's own code.
    code: Option<&'a str>,
    /// Why nothing was asked, or no answer came.
    reason: Option<&'a str>,
    /// The URL that was asked.
    endpoint: Option<&'a str>,
    latency_ms: Option<u64>,
    /// RFC 3339.
    #[schemars(with = "Option<String>")]
    checked_at: Option<Timestamp>,
    /// When the host may be asked again, RFC 3339.
    #[schemars(with = "Option<String>")]
    retry_at: Option<Timestamp>,
    /// Models of the credential that the key cannot see.
    missing_models: &'a [String],
    /// How well it is known what the answer means: high, medium or low; null without an answer.
    confidence: Option<&'static str>,
    /// Whether the key that the answer repeats, masked, fits: this_key or another_key; null where it
    /// repeats none.
    received: Option<&'static str>,
    /// Of a key that belongs to another regional host: that host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    right_host: Option<&'a str>,
    /// Of a wrong organisation or project: what the key got without that header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trial: Option<TrialReport>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TrialReport {
    /// organisation or project.
    without: &'static str,
    /// What the answer meant; an accepted one proves that the header is wrong and the key is not.
    outcome: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct EndpointReport<'a> {
    /// The proxy of the environment that it is asked through.
    proxy: Option<FromEnvironmentReport<'a>>,
    /// What the environment puts in the place of the platform's root certificates.
    roots: Vec<FromEnvironmentReport<'a>>,
    /// Milliseconds to the last answers, at most ten, the newest last.
    latencies_ms: &'a [u64],
}

#[derive(Debug, Serialize, JsonSchema)]
struct FromEnvironmentReport<'a> {
    /// Its name.
    variable: &'static str,
    /// What it says, without a password.
    value: &'a str,
}

impl<'a> FromEnvironmentReport<'a> {
    fn of(setting: &'a FromEnvironment) -> Self {
        Self { variable: setting.variable, value: &setting.value }
    }
}

impl<'a> EndpointReport<'a> {
    fn of(facts: &'a EndpointFacts) -> Self {
        Self {
            proxy: facts.way.proxy.as_ref().map(FromEnvironmentReport::of),
            roots: facts.way.roots.iter().map(FromEnvironmentReport::of).collect(),
            latencies_ms: &facts.latencies_ms,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct ExpectedReport<'a> {
    /// Null for a key that no layer holds, and for an opaque one.
    fingerprint: Option<&'a str>,
    /// mark, inventory, reference, rotation, provider or newest_change.
    by: &'a str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DiagnosisReport<'a> {
    code: &'a str,
    /// error, warning or note.
    severity: &'a str,
    message: &'a str,
    /// Indexes into `rows`.
    rows: &'a [usize],
    /// Whether restarting what runs would end it; null where the question does not arise.
    will_restart_help: Option<bool>,
    fixes: Vec<FixReport<'a>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FixReport<'a> {
    text: &'a str,
    command: Option<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ChainReport<'a> {
    credential: &'a str,
    environment: &'a str,
    /// Indexes into `rows`, origin first.
    rows: &'a [usize],
    /// Index of the first row where the value stops being the expected one.
    #[serde(rename = "break")]
    break_at: Option<usize>,
}

impl<'a> Report<'a> {
    fn of(snapshot: &'a Snapshot, exit_code: u8) -> Self {
        let verdicts = Verdict::ALL
            .iter()
            .filter_map(|verdict| {
                let count = snapshot.summary.verdicts.get(verdict)?;
                Some((verdict.name(), *count))
            })
            .collect();
        Self {
            schema_version: SCHEMA_VERSION,
            generated_at: snapshot.generated_at,
            inventory: InventoryReport { path: snapshot.inventory.as_deref() },
            offline: snapshot.offline,
            summary: SummaryReport {
                rows: snapshot.summary.rows,
                distinct_keys: snapshot.summary.distinct_keys,
                requests: snapshot.summary.requests,
                extra_requests: snapshot.summary.extra_requests,
                verdicts,
                exit_code,
            },
            rows: Rows(snapshot),
            endpoints: snapshot
                .endpoints
                .iter()
                .map(|(url, facts)| (url.as_str(), EndpointReport::of(facts)))
                .collect(),
            diagnoses: snapshot.findings.iter().map(DiagnosisReport::of).collect(),
            chains: snapshot.chains.iter().map(ChainReport::of).collect(),
            rotations: snapshot.rotations.iter().map(RotationReport::of).collect(),
            notices: &snapshot.notices,
            trust: snapshot.untrusted.as_ref().map(TrustReport::of),
        }
    }
}

impl<'a> RowReport<'a> {
    fn of(row: &'a Row, snapshot: &'a Snapshot) -> Self {
        let identity = &row.identity;
        let probe = &row.probe;
        Self {
            environment: &identity.environment,
            credential: &identity.credential,
            layer: &identity.layer,
            kind: row.kind.name(),
            host: identity.host.as_deref(),
            instance: identity.instance.as_ref().map(InstanceReport::of),
            variable: row.variable.as_deref(),
            location: row.place.as_ref().and_then(LocationReport::of),
            state: row.state.name(),
            key: match &row.state {
                State::Found(key) => Some(KeyReport::of(key)),
                _ => None,
            },
            evidence: EvidenceReport::of(&row.evidence),
            source: row.source.as_deref(),
            probe: ProbeReport {
                outcome: probe.outcome.name(),
                status: probe.status,
                code: probe.code.as_deref(),
                reason: probe.reason.map(ProbeReason::text),
                endpoint: probe.endpoint.as_deref(),
                latency_ms: probe.latency_ms,
                checked_at: probe.checked_at,
                retry_at: probe.retry_at,
                missing_models: &probe.missing_models,
                confidence: probe.confidence.map(Confidence::name),
                received: probe.received.map(Received::name),
                right_host: probe.right_host.as_deref(),
                trial: probe.trial.map(|trial| TrialReport {
                    without: trial.without.name(),
                    outcome: trial.outcome.name(),
                }),
            },
            retired: row.retired.as_ref().map(RetiredReport::of),
            expected: row.expected.as_ref().map(|expected| ExpectedReport {
                fingerprint: expected.exported.as_deref(),
                by: expected.by.name(),
            }),
            verdict: row.verdict.name(),
            certainty: row.certainty.name(),
            rank: row.rank.name(),
            reason: &row.reason,
            diagnoses: row
                .findings
                .iter()
                .map(|finding| snapshot.findings[*finding].code)
                .collect(),
            occurrences: row.occurrences.iter().map(OccurrenceReport::of).collect(),
            traps: row.traps.iter().map(TrapReport::of).collect(),
            other_readings: row.other_readings.iter().map(OtherReadingReport::of).collect(),
            after: row.after.iter().map(PredictionReport::of).collect(),
        }
    }
}

impl<'a> OccurrenceReport<'a> {
    fn of(occurrence: &'a Occurrence<Key>) -> Self {
        let key = match &occurrence.yields {
            Yield::Value(key) => Some(key),
            _ => None,
        };
        Self {
            variable: &occurrence.variable,
            location: LocationReport::of(&occurrence.place),
            origin: match occurrence.origin {
                Origin::File => "file",
                Origin::ComposeEnvironment => "compose_environment",
                Origin::ComposeEnvFile => "compose_env_file",
                Origin::ComposeDotenv => "compose_dotenv",
                Origin::ComposeMount(_) => "compose_mount",
                Origin::ShellEnvironment => "shell_environment",
                Origin::CiScope(_) => "ci_scope",
                Origin::CiReference(_) => "ci_reference",
                Origin::LaunchEnvironment => "launch_environment",
                Origin::LiveEnvironment => "live_environment",
                Origin::ContainerEnvironment => "container_environment",
                Origin::UnitEnvironment => "unit_environment",
                Origin::UnitEnvironmentFile => "unit_environment_file",
                Origin::ManagerCopy => "manager_copy",
                Origin::ManagerSaved => "manager_saved",
            },
            wins: occurrence.wins,
            yields: match occurrence.yields {
                Yield::Value(_) => "value",
                Yield::Unset => "unset",
                Yield::Inherited => "inherited",
                Yield::Opaque(_) => "opaque",
            },
            mask: key.map(|key| key.mask.as_str()),
            fingerprint: key.and_then(|key| key.exported.as_deref()),
        }
    }
}

impl<'a> TrapReport<'a> {
    fn of(trapped: &'a Trapped) -> Self {
        Self { trap: trapped.trap.name(), location: LocationReport::of(&trapped.place) }
    }
}

impl<'a> OtherReadingReport<'a> {
    fn of(other: &'a OtherReading<Key>) -> Self {
        Self {
            reader: &other.reader,
            because: &other.because,
            state: other.state.name(),
            key: other.state.found().map(KeyReport::of),
        }
    }
}

impl<'a> InstanceReport<'a> {
    pub(super) fn of(instance: &'a Instance) -> Self {
        match instance {
            Instance::Pid(pid) => Self::Pid(*pid),
            Instance::Service(name) => Self::Service(name),
            Instance::Scope(name) => Self::Scope(name),
            Instance::Container(name) => Self::Container(name),
            Instance::Pod(name) => Self::Pod(name),
            Instance::Object(name) => Self::Object(name),
            Instance::Reported(name) => Self::Reported(name),
        }
    }
}

impl<'a> LocationReport<'a> {
    pub(super) fn of(place: &'a Place) -> Option<Self> {
        (place.path.is_some() || place.position.is_some()).then(|| Self {
            path: place.path.as_deref(),
            line: place.position.map(|at| at.line),
            column: place.position.map(|at| at.column),
        })
    }
}

impl<'a> KeyReport<'a> {
    pub(super) fn of(key: &'a Key) -> Self {
        Self {
            fingerprint: key.exported.as_deref(),
            tag: key.tag.as_deref(),
            mask: &key.mask,
            length: key.length,
            length_bucket: key.length_bucket,
            shape: key.shape.as_deref(),
            flags: key.flags.iter().map(|flag| flag.name()).collect(),
            repaired_fingerprint: key
                .repaired
                .as_ref()
                .and_then(|repaired| repaired.exported.as_deref()),
        }
    }
}

impl<'a> DiagnosisReport<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            code: finding.code,
            severity: finding.severity.name(),
            message: &finding.message,
            rows: &finding.rows,
            will_restart_help: finding.restart_helps,
            fixes: finding
                .fixes
                .iter()
                .map(|fix| FixReport { text: &fix.text, command: fix.command.as_deref() })
                .collect(),
        }
    }
}

impl<'a> ChainReport<'a> {
    fn of(chain: &'a Chain) -> Self {
        Self {
            credential: &chain.credential,
            environment: &chain.environment,
            rows: &chain.rows,
            break_at: chain.break_at,
        }
    }
}

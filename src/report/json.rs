//! The contract for programs: `check --format json`.
//!
//! Its types are its own, so that a change of the domain cannot change the contract unseen; the
//! schema is generated from them and committed.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::{
    chain::Chain,
    diagnosis::Finding,
    key::Key,
    layer::Instance,
    place::Place,
    reading::{Evidence, Occurrence, Origin, OtherReading, State, Yield},
    snapshot::{Row, Snapshot},
    trap::Trapped,
    verdict::Verdict,
};

/// Grows when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// Writes the snapshot as one JSON document and a final newline.
///
/// # Errors
/// Those of the writer.
pub fn write(snapshot: &Snapshot, exit_code: u8, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Report::of(snapshot, exit_code))?;
    writeln!(out)
}

/// The JSON Schema of the contract.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Report).to_value()
}

/// The answer of one pass.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "stalekey check")]
pub struct Report {
    /// Version of this contract.
    schema_version: u32,
    /// When the answer was made, RFC 3339.
    generated_at: String,
    /// Which inventory was asked.
    inventory: InventoryReport,
    /// Nothing was sent.
    offline: bool,
    /// Counts over all rows.
    summary: SummaryReport,
    /// One per layer (or instance of it) and credential.
    rows: Vec<RowReport>,
    /// Findings, the most severe first.
    diagnoses: Vec<DiagnosisReport>,
    /// Layers linked by `source`.
    chains: Vec<ChainReport>,
    /// What a person should know of this run.
    notices: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct InventoryReport {
    /// Its path; null for the demo's built-in one.
    path: Option<String>,
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
    verdicts: BTreeMap<String, usize>,
    /// What `check` ends with.
    exit_code: u8,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RowReport {
    environment: String,
    credential: String,
    layer: String,
    /// Kind of the layer.
    kind: String,
    /// The other machine it was read on.
    host: Option<String>,
    /// Tells rows of one layer apart.
    instance: Option<InstanceReport>,
    /// The variable that decided.
    variable: Option<String>,
    /// Where the deciding value stands.
    location: Option<LocationReport>,
    /// found, empty, missing, unreadable or opaque.
    state: String,
    /// Null unless the state is found.
    key: Option<KeyReport>,
    evidence: EvidenceReport,
    /// The layer it takes its value from.
    source: Option<String>,
    probe: ProbeReport,
    /// Null while undecided.
    expected: Option<ExpectedReport>,
    verdict: String,
    /// certain or likely.
    certainty: String,
    /// Strength of the evidence.
    rank: String,
    /// Why, in one sentence.
    reason: String,
    /// Codes of the findings about this row.
    diagnoses: Vec<String>,
    /// Every assignment of the credential's variables here; those that lose are shadowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    occurrences: Vec<OccurrenceReport>,
    /// Known ways for a value to differ from what was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    traps: Vec<TrapReport>,
    /// What other plausible readers of the same file see, where they disagree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    other_readings: Vec<OtherReadingReport>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OccurrenceReport {
    variable: String,
    /// Null for what stands in no file, such as this shell.
    location: Option<LocationReport>,
    /// file, compose_environment, compose_env_file, compose_dotenv, shell_environment, ci_scope or
    /// launch_environment.
    origin: &'static str,
    /// It decides what the consumer sees.
    wins: bool,
    /// value, unset, inherited or opaque.
    yields: &'static str,
    /// Mask of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    mask: Option<String>,
    /// Fingerprint of the value, where it may be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TrapReport {
    /// Its stable name.
    trap: &'static str,
    location: Option<LocationReport>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OtherReadingReport {
    /// The reader.
    reader: String,
    /// What speaks for it.
    because: String,
    /// found, empty, missing, unreadable or opaque.
    state: &'static str,
    /// Null unless the state is found.
    key: Option<KeyReport>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum InstanceReport {
    Pid(u32),
    Service(String),
    Scope(String),
    Container(String),
    Pod(String),
    Object(String),
}

#[derive(Debug, Serialize, JsonSchema)]
struct LocationReport {
    path: Option<String>,
    /// From 1.
    line: Option<u32>,
    /// From 1, in bytes, at the value.
    column: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct KeyReport {
    /// `keyfp1:<id>:<26 characters>`; null for an opaque value without a team key.
    fingerprint: Option<String>,
    /// Tag of this run, for an opaque value.
    tag: Option<String>,
    mask: String,
    /// Exact length in bytes, for a recognised key.
    length: Option<usize>,
    /// Bucket of the length, for an opaque value.
    length_bucket: Option<String>,
    /// Name of the format, `provider/type`.
    shape: Option<String>,
    /// Damage.
    flags: Vec<String>,
    /// The key inside a damaged value, when it is recognised.
    repaired_fingerprint: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct EvidenceReport {
    /// mtime of the newest file that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    modified_at: Option<String>,
    /// ctime of that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_at: Option<String>,
    /// Start of the process, or of its oldest ancestor of the same service.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    /// When a platform says that the value was updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    /// The reader that was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    reader: Option<String>,
    /// Why that reader, where the inventory names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    reader_because: Option<String>,
    /// Files that were read.
    files: Vec<String>,
    /// The process behind the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ProcessReport>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ProcessReport {
    pid: u32,
    user: String,
    program: String,
    container: Option<String>,
    /// Pid of the oldest ancestor of the same service.
    oldest_ancestor: Option<u32>,
    /// When this process itself started.
    started_at: Option<String>,
    /// What starts it again and again, where it is known by the shape of its processes.
    supervisor: Option<SupervisorReport>,
    /// What a person has to do to learn more than this row says.
    remedy: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SupervisorReport {
    pid: u32,
    /// gunicorn, uvicorn-workers, uvicorn-reload, flask-reload, django-reload, node-watch, nodemon
    /// or pm2.
    kind: &'static str,
    /// Whether its own environment has the variable; null where that cannot be known.
    holds: Option<bool>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ProbeReport {
    /// What the answer means; `not_probed` when nothing was asked.
    outcome: String,
    /// HTTP status.
    status: Option<u16>,
    /// The provider's own code.
    code: Option<String>,
    /// Why nothing was asked, or no answer came.
    reason: Option<String>,
    /// The URL that was asked.
    endpoint: Option<String>,
    latency_ms: Option<u64>,
    /// RFC 3339.
    checked_at: Option<String>,
    /// When the host may be asked again, RFC 3339.
    retry_at: Option<String>,
    /// Models of the credential that the key cannot see.
    missing_models: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ExpectedReport {
    /// Null for a key that no layer holds, and for an opaque one.
    fingerprint: Option<String>,
    /// mark, inventory, reference, provider or newest_change.
    by: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DiagnosisReport {
    code: String,
    /// error, warning or note.
    severity: String,
    message: String,
    /// Indexes into `rows`.
    rows: Vec<usize>,
    /// Whether restarting what runs would end it; null where the question does not arise.
    will_restart_help: Option<bool>,
    fixes: Vec<FixReport>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FixReport {
    text: String,
    command: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ChainReport {
    credential: String,
    environment: String,
    /// Indexes into `rows`, origin first.
    rows: Vec<usize>,
    /// Index of the first row where the value stops being the expected one.
    #[serde(rename = "break")]
    break_at: Option<usize>,
}

impl Report {
    fn of(snapshot: &Snapshot, exit_code: u8) -> Self {
        let verdicts = Verdict::ALL
            .iter()
            .filter_map(|verdict| {
                let count = snapshot.summary.verdicts.get(verdict)?;
                Some((verdict.name().to_owned(), *count))
            })
            .collect();
        Self {
            schema_version: SCHEMA_VERSION,
            generated_at: snapshot.generated_at.to_string(),
            inventory: InventoryReport { path: snapshot.inventory.clone() },
            offline: snapshot.offline,
            summary: SummaryReport {
                rows: snapshot.summary.rows,
                distinct_keys: snapshot.summary.distinct_keys,
                requests: snapshot.summary.requests,
                extra_requests: snapshot.summary.extra_requests,
                verdicts,
                exit_code,
            },
            rows: snapshot.rows.iter().map(|row| RowReport::of(row, snapshot)).collect(),
            diagnoses: snapshot.findings.iter().map(DiagnosisReport::of).collect(),
            chains: snapshot.chains.iter().map(ChainReport::of).collect(),
            notices: snapshot.notices.clone(),
        }
    }
}

impl RowReport {
    fn of(row: &Row, snapshot: &Snapshot) -> Self {
        let identity = &row.identity;
        let probe = &row.probe;
        Self {
            environment: identity.environment.clone(),
            credential: identity.credential.clone(),
            layer: identity.layer.clone(),
            kind: row.kind.name().to_owned(),
            host: identity.host.clone(),
            instance: identity.instance.as_ref().map(InstanceReport::of),
            variable: row.variable.clone(),
            location: row.place.as_ref().and_then(LocationReport::of),
            state: row.state.name().to_owned(),
            key: match &row.state {
                State::Found(key) => Some(KeyReport::of(key)),
                _ => None,
            },
            evidence: EvidenceReport::of(&row.evidence),
            source: row.source.clone(),
            probe: ProbeReport {
                outcome: probe.outcome.name().to_owned(),
                status: probe.status,
                code: probe.code.clone(),
                reason: probe.reason.map(|reason| reason.text().to_owned()),
                endpoint: probe.endpoint.clone(),
                latency_ms: probe.latency_ms,
                checked_at: probe.checked_at.map(|at| at.to_string()),
                retry_at: probe.retry_at.map(|at| at.to_string()),
                missing_models: probe.missing_models.clone(),
            },
            expected: row.expected.as_ref().map(|expected| ExpectedReport {
                fingerprint: expected.exported.clone(),
                by: expected.by.name().to_owned(),
            }),
            verdict: row.verdict.name().to_owned(),
            certainty: row.certainty.name().to_owned(),
            rank: row.rank.name().to_owned(),
            reason: row.reason.clone(),
            diagnoses: row
                .findings
                .iter()
                .map(|finding| snapshot.findings[*finding].code.to_owned())
                .collect(),
            occurrences: row.occurrences.iter().map(OccurrenceReport::of).collect(),
            traps: row.traps.iter().map(TrapReport::of).collect(),
            other_readings: row.other_readings.iter().map(OtherReadingReport::of).collect(),
        }
    }
}

impl OccurrenceReport {
    fn of(occurrence: &Occurrence<Key>) -> Self {
        let key = match &occurrence.yields {
            Yield::Value(key) => Some(key),
            _ => None,
        };
        Self {
            variable: occurrence.variable.clone(),
            location: LocationReport::of(&occurrence.place),
            origin: match occurrence.origin {
                Origin::File => "file",
                Origin::ComposeEnvironment => "compose_environment",
                Origin::ComposeEnvFile => "compose_env_file",
                Origin::ComposeDotenv => "compose_dotenv",
                Origin::ShellEnvironment => "shell_environment",
                Origin::CiScope(_) => "ci_scope",
                Origin::CiReference(_) => "ci_reference",
                Origin::LaunchEnvironment => "launch_environment",
                Origin::LiveEnvironment => "live_environment",
                Origin::UnitEnvironment => "unit_environment",
                Origin::UnitEnvironmentFile => "unit_environment_file",
            },
            wins: occurrence.wins,
            yields: match occurrence.yields {
                Yield::Value(_) => "value",
                Yield::Unset => "unset",
                Yield::Inherited => "inherited",
                Yield::Opaque(_) => "opaque",
            },
            mask: key.map(|key| key.mask.clone()),
            fingerprint: key.and_then(|key| key.exported.clone()),
        }
    }
}

impl TrapReport {
    fn of(trapped: &Trapped) -> Self {
        Self { trap: trapped.trap.name(), location: LocationReport::of(&trapped.place) }
    }
}

impl OtherReadingReport {
    fn of(other: &OtherReading<Key>) -> Self {
        Self {
            reader: other.reader.clone(),
            because: other.because.clone(),
            state: other.state.name(),
            key: other.state.found().map(KeyReport::of),
        }
    }
}

impl InstanceReport {
    fn of(instance: &Instance) -> Self {
        match instance {
            Instance::Pid(pid) => Self::Pid(*pid),
            Instance::Service(name) => Self::Service(name.clone()),
            Instance::Scope(name) => Self::Scope(name.clone()),
            Instance::Container(name) => Self::Container(name.clone()),
            Instance::Pod(name) => Self::Pod(name.clone()),
            Instance::Object(name) => Self::Object(name.clone()),
        }
    }
}

impl LocationReport {
    fn of(place: &Place) -> Option<Self> {
        (place.path.is_some() || place.position.is_some()).then(|| Self {
            path: place.path.clone(),
            line: place.position.map(|at| at.line),
            column: place.position.map(|at| at.column),
        })
    }
}

impl KeyReport {
    fn of(key: &Key) -> Self {
        Self {
            fingerprint: key.exported.clone(),
            tag: key.tag.clone(),
            mask: key.mask.clone(),
            length: key.length,
            length_bucket: key.length_bucket.map(str::to_owned),
            shape: key.shape.clone(),
            flags: key.flags.iter().map(|flag| flag.name().to_owned()).collect(),
            repaired_fingerprint: key
                .repaired
                .as_ref()
                .and_then(|repaired| repaired.exported.clone()),
        }
    }
}

impl EvidenceReport {
    fn of(evidence: &Evidence) -> Self {
        let text = |at: &jiff::Timestamp| at.to_string();
        Self {
            modified_at: evidence.modified_at.as_ref().map(text),
            changed_at: evidence.changed_at.as_ref().map(text),
            started_at: evidence.started_at.as_ref().map(text),
            updated_at: evidence.updated_at.as_ref().map(text),
            reader: evidence.reader.clone(),
            reader_because: evidence.reader_because.clone(),
            files: evidence.files.clone(),
            process: evidence.process.as_ref().map(|process| ProcessReport {
                pid: process.pid,
                user: process.user.clone(),
                program: process.program.clone(),
                container: process.container.clone(),
                oldest_ancestor: process.oldest_ancestor,
                started_at: process.started_at.as_ref().map(text),
                supervisor: process.supervisor.as_ref().map(|supervisor| SupervisorReport {
                    pid: supervisor.pid,
                    kind: supervisor.kind.name(),
                    holds: supervisor.holds,
                }),
                remedy: process.remedy.clone(),
            }),
        }
    }
}

impl DiagnosisReport {
    fn of(finding: &Finding) -> Self {
        Self {
            code: finding.code.to_owned(),
            severity: finding.severity.name().to_owned(),
            message: finding.message.clone(),
            rows: finding.rows.clone(),
            will_restart_help: finding.restart_helps,
            fixes: finding
                .fixes
                .iter()
                .map(|fix| FixReport { text: fix.text.clone(), command: fix.command.clone() })
                .collect(),
        }
    }
}

impl ChainReport {
    fn of(chain: &Chain) -> Self {
        Self {
            credential: chain.credential.clone(),
            environment: chain.environment.clone(),
            rows: chain.rows.clone(),
            break_at: chain.break_at,
        }
    }
}

//! What `stalekey report` writes: the readings and outcomes of this machine, to be a layer elsewhere.
//!
//! There is no verdict in it: which key is expected is for the inventory that reads it to say. Of keys
//! it has what `check --format json` has (SECURITY F3, M2, M3).

use std::io::{self, Write};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::json::{EvidenceReport, InstanceReport, KeyReport, LocationReport};
use crate::domain::{
    layer::LayerKind,
    outcome::ProbeReason,
    reading::State,
    snapshot::{Row, Snapshot},
};

/// Grows when a field changes its meaning or goes away.
pub const REPORT_VERSION: u32 = 1;

/// Who reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporter {
    /// The name of this machine, inert.
    pub host: Option<String>,
    /// What its fingerprints begin with: `keyfp1:<id>`.
    pub scheme: String,
}

/// Writes the report as one JSON document and a final newline.
///
/// # Errors
/// Those of the writer.
pub fn write(snapshot: &Snapshot, reporter: &Reporter, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &MachineReport::of(snapshot, reporter))?;
    writeln!(out)?;
    out.flush()
}

/// The JSON Schema of a report.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(MachineReport).to_value()
}

/// What one machine holds, without the keys.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "stalekey report")]
struct MachineReport<'a> {
    /// Version of this contract.
    report_version: u32,
    /// Version of stalekey that wrote it.
    tool_version: &'static str,
    /// When, RFC 3339, by this machine's clock.
    #[schemars(with = "String")]
    generated_at: Timestamp,
    /// This machine's name.
    host: Option<&'a str>,
    /// What its fingerprints were made with.
    fingerprint: SchemeReport<'a>,
    /// Nothing was sent.
    offline: bool,
    /// One per layer (or instance of it) and credential.
    rows: Vec<ReportedRow<'a>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SchemeReport<'a> {
    /// `keyfp1:` or `keyfpk1:` and the id of the salt or team key; fingerprints that begin with another
    /// one cannot be compared.
    scheme: &'a str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ReportedRow<'a> {
    environment: &'a str,
    credential: &'a str,
    layer: &'a str,
    /// Kind of the layer.
    kind: &'a str,
    /// The machine it was read on, where that is another one than this.
    host: Option<&'a str>,
    /// Tells rows of one layer apart.
    instance: Option<InstanceReport<'a>>,
    /// The variable that decided.
    variable: Option<&'a str>,
    /// Where the deciding value stands.
    location: Option<LocationReport<'a>>,
    /// found, empty, missing, unreadable or opaque.
    state: &'a str,
    /// Why it is missing, unreadable or opaque: a word.
    reason: Option<String>,
    /// Why it could not be read, in words.
    detail: Option<&'a str>,
    /// What a person has to do for it to be read.
    remedy: Option<&'a str>,
    /// Null unless the state is found.
    key: Option<KeyReport<'a>>,
    /// Strength of the evidence.
    rank: &'a str,
    evidence: EvidenceReport<'a>,
    probe: OutcomeReport<'a>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OutcomeReport<'a> {
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
    /// RFC 3339.
    #[schemars(with = "Option<String>")]
    checked_at: Option<Timestamp>,
}

impl<'a> MachineReport<'a> {
    fn of(snapshot: &'a Snapshot, reporter: &'a Reporter) -> Self {
        Self {
            report_version: REPORT_VERSION,
            tool_version: env!("CARGO_PKG_VERSION"),
            generated_at: snapshot.generated_at,
            host: reporter.host.as_deref(),
            fingerprint: SchemeReport { scheme: &reporter.scheme },
            offline: snapshot.offline,
            // What was reported by others is not reported again: it would look as if it were of now.
            rows: snapshot
                .rows
                .iter()
                .filter(|row| row.kind != LayerKind::Report)
                .map(ReportedRow::of)
                .collect(),
        }
    }
}

impl<'a> ReportedRow<'a> {
    fn of(row: &'a Row) -> Self {
        let identity = &row.identity;
        let (reason, unreadable) = match &row.state {
            State::Found(_) | State::Empty => (None, None),
            State::Missing(reason) => (word(reason), None),
            State::Opaque(reason) => (word(reason), None),
            State::Unreadable(why) => (word(&why.kind), Some(why)),
        };
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
            reason,
            detail: unreadable.map(|why| why.detail.as_str()),
            remedy: unreadable.and_then(|why| why.remedy.as_deref()),
            key: row.key().map(KeyReport::of),
            rank: row.rank.name(),
            evidence: EvidenceReport::of(&row.evidence),
            probe: OutcomeReport {
                outcome: row.probe.outcome.name(),
                status: row.probe.status,
                code: row.probe.code.as_deref(),
                reason: row.probe.reason.map(ProbeReason::text),
                endpoint: row.probe.endpoint.as_deref(),
                checked_at: row.probe.checked_at,
            },
        }
    }
}

/// The word of a closed set, as reports read it.
fn word(reason: &impl Serialize) -> Option<String> {
    serde_json::to_value(reason).ok()?.as_str().map(str::to_owned)
}

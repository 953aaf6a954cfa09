//! What `stalekey report` wrote elsewhere: readings without their keys.
//!
//! The file is data of somebody else: its types are strict, its texts are made inert and short, its
//! rows are counted, and fields that a newer version added are passed over.

use jiff::Timestamp;
use serde::{
    Deserialize,
    de::{IntoDeserializer, value::Error as WordError},
};

use crate::{
    domain::{
        damage::Flag,
        elsewhere::ToldProbe,
        fingerprint::Fingerprint,
        inert::{inert, inert_within},
        layer::Instance,
        mask::{ELLIPSIS, bucket_of_name},
        outcome::Outcome,
        place::{Place, Position},
        reading::{MissingReason, OpaqueReason, Rank, State, Unreadable, UnreadableKind},
        running::ProcessFacts,
    },
    formats::{Refusal, json::position_of},
};

/// The newest version that is understood; later ones change what fields mean.
pub const VERSION: u32 = 1;
/// No machine has so many.
const MOST_ROWS: usize = 10_000;
/// The longest public part of a mask, and its end.
const MOST_SHOWN: (usize, usize) = (24, 8);

const NO_JSON: &str = "this is no JSON; make it with `stalekey report -o FILE`";
const NO_REPORT: &str = "this is no report; make it with `stalekey report -o FILE`";
const NEWER: &str = "a newer stalekey made this report; update stalekey here, or report again with \
                     this version";
const BROKEN: &str = "a field of this report is not what a report has; make it again";
const TOO_MANY: &str = "this report has more than 10 000 rows";

/// A report.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When it was made, by the clock of where it was made.
    pub generated_at: Timestamp,
    /// The machine, inert.
    pub host: Option<String>,
    /// What its fingerprints begin with: `keyfp1:<id>`.
    pub scheme: String,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// A row of a report; every text is inert.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The credential.
    pub credential: String,
    /// The layer.
    pub layer: String,
    /// The machine it was read on, where that is another one than the report's.
    pub host: Option<String>,
    /// Tells rows of the layer apart.
    pub instance: Option<Instance>,
    /// The variable that decided.
    pub variable: Option<String>,
    /// Where the deciding value stands there.
    pub place: Option<Place>,
    /// What the layer yields.
    pub state: State<ReportedKey>,
    /// How strong the evidence is.
    pub rank: Rank,
    /// The times of what decided: written, replaced, started, updated.
    pub times: [Option<Timestamp>; 4],
    /// The reader that was applied.
    pub reader: Option<String>,
    /// The process behind the row.
    pub process: Option<ProcessFacts>,
    /// What the provider said there, when it was asked.
    pub probe: Option<ToldProbe>,
}

/// What a report tells of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedKey {
    /// Its fingerprint, with what that begins with; a value of unknown format has none.
    pub fingerprint: Option<(String, Fingerprint)>,
    /// Its mask; one that could show more than a mask does is none.
    pub mask: String,
    /// Its exact length.
    pub length: Option<usize>,
    /// The bucket of its length.
    pub length_bucket: Option<&'static str>,
    /// The name of its format.
    pub shape: Option<String>,
    /// Its damage.
    pub flags: Vec<Flag>,
}

#[derive(Deserialize)]
struct Head {
    report_version: u32,
}

#[derive(Deserialize)]
struct File {
    generated_at: Timestamp,
    host: Option<String>,
    fingerprint: FingerprintTable,
    rows: Vec<RowTable>,
}

#[derive(Deserialize)]
struct FingerprintTable {
    scheme: String,
}

#[derive(Deserialize)]
struct RowTable {
    credential: String,
    layer: String,
    host: Option<String>,
    instance: Option<InstanceTable>,
    variable: Option<String>,
    location: Option<LocationTable>,
    state: String,
    reason: Option<String>,
    detail: Option<String>,
    remedy: Option<String>,
    key: Option<KeyTable>,
    rank: Rank,
    #[serde(default)]
    evidence: EvidenceTable,
    probe: Option<ProbeTable>,
}

#[derive(Deserialize)]
struct InstanceTable {
    pid: Option<u32>,
    service: Option<String>,
    scope: Option<String>,
    container: Option<String>,
    pod: Option<String>,
    object: Option<String>,
}

#[derive(Deserialize)]
struct LocationTable {
    path: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
}

#[derive(Deserialize)]
struct KeyTable {
    fingerprint: Option<String>,
    mask: String,
    length: Option<u32>,
    length_bucket: Option<String>,
    shape: Option<String>,
    #[serde(default)]
    flags: Vec<String>,
}

#[derive(Default, Deserialize)]
struct EvidenceTable {
    modified_at: Option<Timestamp>,
    changed_at: Option<Timestamp>,
    started_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    reader: Option<String>,
    process: Option<ProcessTable>,
}

#[derive(Deserialize)]
struct ProcessTable {
    pid: u32,
    user: String,
    program: String,
    container: Option<String>,
    oldest_ancestor: Option<u32>,
    started_at: Option<Timestamp>,
    remedy: Option<String>,
}

#[derive(Deserialize)]
struct ProbeTable {
    outcome: String,
    checked_at: Option<Timestamp>,
    endpoint: Option<String>,
}

/// Reads a report.
///
/// # Errors
/// Where it is none, or none that this version understands.
pub fn parse(bytes: &[u8]) -> Result<Report, Refusal> {
    let broken = |reason| move |error: serde_json::Error| position_of(bytes, &error, reason);
    let _: serde::de::IgnoredAny = serde_json::from_slice(bytes).map_err(broken(NO_JSON))?;
    let head: Head =
        serde_json::from_slice(bytes).map_err(|_| Refusal { position: None, reason: NO_REPORT })?;
    if head.report_version > VERSION {
        return Err(Refusal { position: None, reason: NEWER });
    }
    let file: File = serde_json::from_slice(bytes).map_err(broken(BROKEN))?;
    if file.rows.len() > MOST_ROWS {
        return Err(Refusal { position: None, reason: TOO_MANY });
    }
    let rows = file.rows.into_iter().map(row).collect::<Option<_>>();
    Ok(Report {
        generated_at: file.generated_at,
        host: shown(file.host),
        scheme: inert_within(&file.fingerprint.scheme, 40),
        rows: rows.ok_or(Refusal { position: None, reason: BROKEN })?,
    })
}

/// An inert text that is not empty.
fn shown(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(|text| inert(&text))
}

/// A word of a closed set; `None` for one that a newer version added.
pub(in crate::formats) fn word<'de, T: Deserialize<'de>>(text: &'de str) -> Option<T> {
    let text: serde::de::value::StrDeserializer<'de, WordError> = text.into_deserializer();
    T::deserialize(text).ok()
}

fn row(table: RowTable) -> Option<Row> {
    let state = state(&table)?;
    let EvidenceTable { modified_at, changed_at, started_at, updated_at, reader, process } =
        table.evidence;
    Some(Row {
        credential: inert(&table.credential),
        layer: inert(&table.layer),
        host: shown(table.host),
        instance: table.instance.and_then(instance),
        variable: shown(table.variable),
        place: table.location.map(|location| Place {
            path: shown(location.path),
            position: location
                .line
                .zip(location.column)
                .map(|(line, column)| Position { line, column }),
        }),
        state,
        rank: table.rank,
        times: [modified_at, changed_at, started_at, updated_at],
        reader: shown(reader),
        process: process.map(|process| ProcessFacts {
            pid: process.pid,
            user: inert(&process.user),
            program: inert(&process.program),
            container: shown(process.container),
            oldest_ancestor: process.oldest_ancestor,
            started_at: process.started_at,
            supervisor: None,
            remedy: shown(process.remedy),
            ..ProcessFacts::default()
        }),
        probe: table.probe.and_then(probe),
    })
}

/// `None` where the row contradicts itself.
fn state(table: &RowTable) -> Option<State<ReportedKey>> {
    let reason = table.reason.as_deref().unwrap_or_default();
    Some(match table.state.as_str() {
        "found" => State::Found(key(table.key.as_ref()?)),
        "empty" => State::Empty,
        "missing" => State::Missing(word(reason).unwrap_or(MissingReason::NotDefined)),
        "unreadable" => State::Unreadable(Unreadable {
            kind: word(reason).unwrap_or(UnreadableKind::System),
            detail: shown(table.detail.clone()).unwrap_or_else(|| "it could not be read".into()),
            place: None,
            remedy: shown(table.remedy.clone()),
        }),
        "opaque" => State::Opaque(word(reason).unwrap_or(OpaqueReason::Elsewhere)),
        _ => return None,
    })
}

fn key(table: &KeyTable) -> ReportedKey {
    let fingerprint = table.fingerprint.as_deref().and_then(|text| {
        let (scheme, characters) = text.rsplit_once(':')?;
        Some((scheme.to_owned(), Fingerprint::of_characters(characters)?))
    });
    ReportedKey {
        fingerprint,
        mask: mask(&table.mask),
        length: table.length.map(|length| length as usize),
        length_bucket: table.length_bucket.as_deref().and_then(bucket_of_name),
        shape: shown(table.shape.clone()).map(|shape| inert_within(&shape, 60)),
        flags: table.flags.iter().filter_map(|flag| word(flag)).collect(),
    }
}

fn mask(text: &str) -> String {
    let plain =
        |part: &str, most| part.len() <= most && part.bytes().all(|byte| byte.is_ascii_graphic());
    match text.split_once(ELLIPSIS) {
        Some((head, tail)) if plain(head, MOST_SHOWN.0) && plain(tail, MOST_SHOWN.1) => {
            text.to_owned()
        }
        _ => ELLIPSIS.to_owned(),
    }
}

fn instance(table: InstanceTable) -> Option<Instance> {
    let named = |name: Option<String>, kind: fn(String) -> Instance| shown(name).map(kind);
    table
        .pid
        .map(Instance::Pid)
        .or_else(|| named(table.service, Instance::Service))
        .or_else(|| named(table.scope, Instance::Scope))
        .or_else(|| named(table.container, Instance::Container))
        .or_else(|| named(table.pod, Instance::Pod))
        .or_else(|| named(table.object, Instance::Object))
}

fn probe(table: ProbeTable) -> Option<ToldProbe> {
    let outcome = word(&table.outcome).unwrap_or(Outcome::Unknown);
    (outcome != Outcome::NotProbed).then(|| ToldProbe {
        outcome,
        checked_at: table.checked_at,
        endpoint: shown(table.endpoint),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn sample() -> Value {
        json!({
            "report_version": 1, "generated_at": "2026-01-02T03:04:05Z", "host": "web-1",
            "fingerprint": {"scheme": "keyfp1:K7QM2XPD"}, "offline": true,
            "rows": [{
                "environment": "production", "credential": "openai", "layer": "api workers",
                "kind": "process", "host": null, "instance": {"pid": 7},
                "variable": "OPENAI_API_KEY", "location": null, "state": "found",
                "reason": null, "detail": null, "remedy": null,
                "key": {"fingerprint": format!("keyfp1:K7QM2XPD:{}", "0".repeat(26)), "tag": null,
                    "mask": "sk-proj-…f3A9", "length": 164, "length_bucket": null,
                    "shape": "openai/project", "flags": []},
                "rank": "launch",
                "evidence": {"started_at": "2026-01-01T00:00:00Z", "files": [], "process":
                    {"pid": 7, "user": "www", "program": "gunicorn"}},
                "probe": {"outcome": "dead", "checked_at": "2026-01-02T03:04:04Z"}
            }]
        })
    }

    fn parsed(value: &Value) -> Result<Report, Refusal> {
        parse(value.to_string().as_bytes())
    }

    #[test]
    fn a_row_has_what_was_told() {
        let report = parsed(&sample()).unwrap();
        assert_eq!((report.host.as_deref(), &*report.scheme), (Some("web-1"), "keyfp1:K7QM2XPD"));
        let row = &report.rows[0];
        assert_eq!((row.instance.clone(), row.rank), (Some(Instance::Pid(7)), Rank::Launch));
        let key = row.state.found().unwrap();
        assert_eq!((key.mask.as_str(), key.length), ("sk-proj-…f3A9", Some(164)));
        assert!(key.fingerprint.as_ref().is_some_and(|(scheme, _)| scheme == "keyfp1:K7QM2XPD"));
        assert_eq!(row.probe.as_ref().map(|probe| probe.outcome), Some(Outcome::Dead));
        assert!(row.times[2].is_some() && row.process.is_some());
    }

    #[rstest]
    #[case::no_json("{", NO_JSON)]
    #[case::empty("", NO_JSON)]
    #[case::a_list("[]", NO_REPORT)]
    #[case::other_json(r#"{"schema_version": 1}"#, NO_REPORT)]
    #[case::newer(r#"{"report_version": 2, "rows": "other"}"#, NEWER)]
    #[case::no_rows(r#"{"report_version": 1}"#, BROKEN)]
    #[case::twice(r#"{"report_version": 1, "report_version": 1}"#, NO_REPORT)]
    fn what_is_no_report_is_refused(#[case] text: &str, #[case] reason: &str) {
        assert_eq!(parse(text.as_bytes()).unwrap_err().reason, reason);
    }

    #[rstest]
    #[case::state("/rows/0/state", json!("other"))]
    #[case::key("/rows/0/key", Value::Null)]
    #[case::pid("/rows/0/instance/pid", json!("7"))]
    #[case::rank("/rows/0/rank", json!(3))]
    #[case::time("/generated_at", json!("yesterday"))]
    #[case::length("/rows/0/key/length", json!(-1))]
    fn a_field_of_another_type_is_refused(#[case] field: &str, #[case] value: Value) {
        let mut report = sample();
        *report.pointer_mut(field).unwrap() = value;
        assert_eq!(parsed(&report).unwrap_err().reason, BROKEN);
    }

    #[test]
    fn what_a_newer_version_adds_is_passed_over() {
        let mut report = sample();
        report["more"] = json!([1]);
        report["rows"][0]["more"] = json!({"a": 1});
        report["rows"][0]["key"]["flags"] = json!(["quoted", "new-damage"]);
        report["rows"][0]["probe"]["outcome"] = json!("new_outcome");
        let row = parsed(&report).unwrap().rows.remove(0);
        assert_eq!(row.state.found().unwrap().flags, [Flag::Quoted]);
        assert_eq!(row.probe.unwrap().outcome, Outcome::Unknown);
    }

    #[rstest]
    #[case::opaque("…", "…")]
    #[case::recognised("sk-ant-api03-R2D…igAA", "sk-ant-api03-R2D…igAA")]
    #[case::no_mask("hunter2", "…")]
    #[case::long("sk-proj-abcdefghijklmnopqrstuvwxyz…f3A9", "…")]
    #[case::control("sk-\u{1b}…f3A9", "…")]
    #[case::twice("sk-…a…b", "…")]
    fn a_mask_shows_no_more_than_a_mask_does(#[case] told: &str, #[case] shown: &str) {
        assert_eq!(mask(told), shown);
    }

    #[test]
    fn texts_are_inert() {
        let mut report = sample();
        report["rows"][0]["layer"] = json!("a\u{1b}[31m\u{202e}");
        report["host"] = json!("web\n1");
        let report = parsed(&report).unwrap();
        assert_eq!(report.rows[0].layer, "a\\u{1b}[31m\\u{202e}");
        assert_eq!(report.host.as_deref(), Some("web\\u{a}1"));
    }
}

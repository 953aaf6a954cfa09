//! A report that `stalekey report` made elsewhere: readings whose keys are not here.

use super::{
    Surroundings, gate,
    open::{DOCUMENT_CAP, Failure},
    resolve::{Absence, Found},
};
use crate::{
    domain::{
        credential::CredentialFacts,
        elsewhere::Elsewhere,
        held::{Held, MadeWith, ToldKey},
        inert::inert,
        layer::{Instance, row_label},
        place::Place,
        reading::{
            Evidence, MissingReason, OpaqueReason, Reading, RequestContext, State, Unreadable,
            UnreadableKind,
        },
    },
    formats::report::{Report, ReportedKey, Row, parse},
    inventory::Layer,
};

pub(super) fn read(
    path: &str,
    layer: &Layer,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Reading<Held>> {
    let place = Place::file(inert(path));
    let refused = |why: Unreadable| Absence::Unreadable(why.at(place.clone()));
    let absent = |absence| {
        let evidence = Evidence { files: vec![inert(path)], ..Evidence::default() };
        let place = Some(place.clone());
        let found = Found { place, evidence, ..Found::configured(Err(absence)) };
        super::held(layer, credentials, &found).collect()
    };
    let opened = match gate::open_file(&surroundings.file(path), DOCUMENT_CAP, surroundings) {
        Ok(opened) => opened,
        Err(Failure::Absent) => return absent(Absence::Missing(MissingReason::FileAbsent)),
        Err(Failure::Untrusted(effect)) => return absent(Absence::Untrusted(effect)),
        Err(Failure::Unreadable(why)) => return absent(refused(why)),
    };
    let report = match parse(&opened.bytes) {
        Ok(report) => report,
        Err(refusal) => {
            let at = Place { position: refusal.position, ..place.clone() };
            let why = Unreadable::new(UnreadableKind::WrongFormat, refusal.reason).at(at);
            return absent(Absence::Unreadable(why));
        }
    };
    let mut readings = Vec::new();
    for credential in credentials {
        let own = report.rows.iter().filter(|row| row.credential == credential.id);
        let before = readings.len();
        readings.extend(own.map(|row| reading(row, &report, path, layer, surroundings)));
        if readings.len() == before {
            readings.push(not_reported(&report, path, layer, credential));
        }
    }
    readings
}

/// A reading of this layer for a credential, with nothing told yet.
fn blank(report: &Report, path: &str, layer: &Layer, credential: &str) -> Reading<Held> {
    let elsewhere = Elsewhere { told_at: report.generated_at, probe: None, note: None };
    Reading {
        layer: layer.name.clone(),
        environment: layer.environment.clone(),
        kind: layer.kind.kind(),
        credential: credential.to_owned(),
        host: report.host.clone(),
        instance: None,
        variable: None,
        state: State::Missing(MissingReason::NotDefined),
        place: Some(Place::file(inert(path))),
        occurrences: Vec::new(),
        near_misses: Vec::new(),
        problems: Vec::new(),
        traps: Vec::new(),
        other_readings: Vec::new(),
        rank: crate::domain::reading::Rank::Configured,
        evidence: Evidence {
            elsewhere: Some(Box::new(elsewhere)),
            files: vec![inert(path)],
            ..Evidence::default()
        },
        context: RequestContext::default(),
    }
}

/// The report's inventory does not know this credential by this name: nothing is known of it there.
fn not_reported(
    report: &Report,
    path: &str,
    layer: &Layer,
    credential: &CredentialFacts,
) -> Reading<Held> {
    let mut reading = blank(report, path, layer, &credential.id);
    reading.state = State::Opaque(OpaqueReason::Elsewhere);
    let mut ids: Vec<&str> = report.rows.iter().map(|row| row.credential.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(8);
    let has = if ids.is_empty() {
        "the report has no rows".to_owned()
    } else {
        format!("the report tells of {}: name it the same on both sides", ids.join(", "))
    };
    note(&mut reading, has);
    reading
}

fn reading(
    row: &Row,
    report: &Report,
    path: &str,
    layer: &Layer,
    surroundings: &Surroundings,
) -> Reading<Held> {
    let [modified_at, changed_at, started_at, updated_at] = row.times;
    let mut reading = blank(report, path, layer, &row.credential);
    let label = row_label(&row.layer, row.instance.as_ref(), None);
    reading.host = row.host.clone().or(reading.host);
    reading.instance = Some(Instance::Reported(label));
    reading.variable.clone_from(&row.variable);
    reading.place = row.place.clone().or(reading.place);
    reading.rank = row.rank;
    reading.evidence = Evidence {
        modified_at,
        changed_at,
        started_at,
        updated_at,
        reader: row.reader.clone(),
        process: row.process.clone(),
        ..reading.evidence
    };
    if let Some(elsewhere) = &mut reading.evidence.elsewhere {
        elsewhere.probe.clone_from(&row.probe);
    }
    reading.state = row.state.clone().and_then(|key| comparable(&key, &mut reading, surroundings));
    reading
}

/// A key can be compared when its fingerprint was made with what this run makes its own with
/// (SECURITY F4): other ids mean "not comparable", never "different".
fn comparable(
    key: &ReportedKey,
    reading: &mut Reading<Held>,
    surroundings: &Surroundings,
) -> State<Held> {
    let own = &surroundings.fingerprint_scheme;
    match &key.fingerprint {
        None => State::Opaque(OpaqueReason::NoFingerprint),
        Some((scheme, _)) if scheme != own => {
            note(reading, format!("made with {}, compared with {own}", inert(scheme)));
            State::Opaque(OpaqueReason::OtherSalt)
        }
        Some((_, fingerprint)) => State::Found(told(key, *fingerprint, MadeWith::OwnKey)),
    }
}

/// A reported key as the engine takes it.
pub(super) fn told(
    key: &ReportedKey,
    fingerprint: crate::domain::fingerprint::Fingerprint,
    made_with: MadeWith,
) -> Held {
    Held::Told(Box::new(ToldKey {
        made_with,
        fingerprint,
        mask: key.mask.clone(),
        length: key.length,
        length_bucket: key.length_bucket,
        shape: key.shape.clone(),
        flags: key.flags.clone(),
    }))
}

fn note(reading: &mut Reading<Held>, text: String) {
    if let Some(elsewhere) = &mut reading.evidence.elsewhere {
        elsewhere.note = Some(text);
    }
}

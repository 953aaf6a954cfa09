//! One variable is assigned more than once in one file, with different keys.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{name, quoted},
};
use crate::domain::{
    key::Key,
    reading::{Occurrence, Origin, Yield},
    snapshot::Row,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter_map(|(index, row)| {
            let variable = row.variable.as_deref()?;
            let assignments = assignments(row, variable);
            let first = assignments.first()?.1;
            if assignments.iter().all(|(_, key)| key.fingerprint == first.fingerprint) {
                return None;
            }
            let winner = assignments.iter().find(|(occurrence, _)| occurrence.wins)?;
            let lines: Vec<String> =
                assignments.iter().filter_map(|(occurrence, _)| line(occurrence)).collect();
            let reader = row.evidence.reader.as_deref().unwrap_or("its reader");
            let severity = if row.verdict.is_error() { Severity::Error } else { Severity::Warning };
            Some(Finding {
                code: "SK106",
                severity,
                message: format!(
                    "{} defines `{variable}` {} times with different keys (lines {}); {reader} \
                     takes line {}, other readers may not.",
                    name(row),
                    assignments.len(),
                    lines.join(", "),
                    line(winner.0).unwrap_or_default(),
                ),
                rows: vec![index],
                restart_helps: None,
                fixes: fixes(row, &assignments),
            })
        })
        .collect()
}

type Assignment<'a> = (&'a Occurrence<Key>, &'a Key);

/// The assignments of one file; several files overriding each other are no duplicates.
fn assignments<'a>(row: &'a Row, variable: &str) -> Vec<Assignment<'a>> {
    let winner = row.occurrences.iter().find(|occurrence| {
        occurrence.wins && occurrence.variable == variable && occurrence.origin == Origin::File
    });
    let Some(winner) = winner else { return Vec::new() };
    row.occurrences
        .iter()
        .filter(|occurrence| {
            occurrence.variable == variable && occurrence.place.path == winner.place.path
        })
        .filter_map(|occurrence| match &occurrence.yields {
            Yield::Value(key) => Some((occurrence, key)),
            _ => None,
        })
        .collect()
}

/// Delete what is not the expected key; when nothing says which that is, what does not win.
fn fixes(row: &Row, assignments: &[Assignment<'_>]) -> Vec<Fix> {
    let expected = row
        .expected
        .as_ref()
        .and_then(|expected| expected.fingerprint)
        .filter(|expected| assignments.iter().any(|(_, key)| key.fingerprint == *expected));
    assignments
        .iter()
        .filter(|(occurrence, key)| match expected {
            Some(expected) => key.fingerprint != expected,
            None => !occurrence.wins,
        })
        .filter_map(|(occurrence, _)| {
            let line = line(occurrence)?;
            let path = occurrence.place.path.as_deref()?;
            Some(Fix::command(
                format!("delete line {line}, the other key"),
                format!("sed -i {line}d {}", quoted(path)),
            ))
        })
        .collect()
}

fn line(occurrence: &Occurrence<Key>) -> Option<String> {
    occurrence.place.position.map(|at| at.line.to_string())
}

//! The value cannot be asked about as it stands: it is one half of a pair, or no secret at all.

use super::{Finding, Fix, Scene, Severity, scene::name};
use crate::domain::{outcome::ProbeReason, snapshot::Row};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene.rows().filter_map(|(index, row)| incomplete(index, row)).collect()
}

fn incomplete(index: usize, row: &Row) -> Option<Finding> {
    let (what, otherwise) = match row.probe.reason? {
        ProbeReason::NoCompanion => (
            "is one of two values that are sent together, and the layer lacks the other",
            "define the other value in the same layer",
        ),
        ProbeReason::UnprobedForm => (
            "is of a form that nobody is asked about",
            "put the secret where its name stands, or name another variable for it",
        ),
        _ => return None,
    };
    let meaning = row.probe.meaning.as_deref().map(|meaning| format!(" {meaning}"));
    Some(Finding {
        code: "SK413",
        severity: Severity::Note,
        message: format!("The key in {} {what}.{}", name(row), meaning.unwrap_or_default()),
        rows: vec![index],
        restart_helps: None,
        fixes: vec![Fix::text(row.probe.advice.as_deref().unwrap_or(otherwise))],
    })
}

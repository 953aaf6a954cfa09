//! No process matches the layer: that is "not running", never "missing".

use super::{Finding, Fix, Scene, Severity, scene::name};
use crate::domain::reading::{MissingReason, State};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter_map(|(index, row)| match row.state {
            State::Missing(MissingReason::NotRunning) => Some((index, row, "No process matches")),
            State::Missing(MissingReason::TooFew) => Some((index, row, "Too few processes match")),
            _ => None,
        })
        .map(|(index, row, what)| {
            let (message, fix) = match &row.evidence.manager {
                Some(manager) => (
                    format!("{} does not run.", name(row)),
                    Fix::command("start it", manager.start()),
                ),
                None => (
                    format!("{what} {}.", name(row)),
                    Fix::text("start it, or correct `match` in the inventory"),
                ),
            };
            Finding {
                code: "SK505",
                severity: Severity::Warning,
                message,
                rows: vec![index],
                restart_helps: None,
                fixes: vec![fix],
            }
        })
        .collect()
}

//! The files of a unit were edited, and systemd still has those that it loaded before.

use super::{
    Finding, Scene, Severity,
    old_process::{Starter, findings, restart, starter},
    scene::{is_old_process, name},
};
use crate::domain::{
    manager::Manager,
    reading::{MissingReason, State},
    snapshot::Row,
};

const REMARK: &str = "Its files were edited, and systemd still has what it loaded before, which a plain restart would \
     start it with";
const BOTH: &str = "let systemd load the files, then restart the unit; either alone is not enough";

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let mut all = findings(
        scene,
        "SK205",
        |row| is_of_systemd(scene, row),
        |_| Some(REMARK.to_owned()),
        |row| vec![restart(scene, row, BOTH)],
    );
    for finding in &mut all {
        finding.restart_helps = Some(false);
    }
    let others = scene.by_layer_and_key(|row| is_of_systemd(scene, row) && !is_old_process(row));
    all.extend(others.into_iter().filter_map(|rows| {
        let row = &scene.rows[*rows.first()?];
        let starts = match row.state {
            State::Missing(MissingReason::NotRunning) => "start",
            _ => "restart",
        };
        Some(Finding {
            code: "SK205",
            severity: Severity::Warning,
            message: format!(
                "The files of {} were edited, and systemd still has what it loaded before: a plain \
                 {starts} would not use what they say now.",
                name(row)
            ),
            restart_helps: Some(false),
            fixes: vec![restart(scene, row, BOTH)],
            rows,
        })
    }));
    all
}

fn is_of_systemd(scene: &Scene<'_>, row: &Row) -> bool {
    matches!(starter(scene, row), Starter::Behind(Manager::Systemd { .. }))
}

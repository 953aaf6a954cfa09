//! No process or container matches the layer, or the container has ended: that is "not running", never
//! "missing".

use super::{Finding, Fix, Scene, Severity, scene::name};
use crate::domain::{
    reading::{MissingReason, State},
    snapshot::Row,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter_map(|(index, row)| {
            let (message, fix) = told(row)?;
            Some(Finding {
                code: "SK505",
                severity: Severity::Warning,
                message,
                rows: vec![index],
                restart_helps: None,
                fixes: vec![fix],
            })
        })
        .collect()
}

fn told(row: &Row) -> Option<(String, Fix)> {
    if let Some(container) = row.own_container().filter(|container| !container.runs) {
        let message = format!("{} does not run: its container is {}.", name(row), container.state);
        let expected = row.expected.as_ref().and_then(|expected| expected.fingerprint);
        let is_old = row.key().is_some_and(|key| expected.is_some_and(|it| it != key.fingerprint));
        let fix = match (is_old, container.recreate()) {
            (false, _) => Fix::command(
                "start it as it was created; or remove it, if it is not used any more",
                container.start(),
            ),
            (true, Some(command)) => {
                Fix::command("create it again: it would start with another key", command)
            }
            (true, None) => Fix::text(container.recreate_by_hand()),
        };
        return Some((message, fix));
    }
    let not_running = matches!(row.state, State::Missing(MissingReason::NotRunning));
    if let Some(manager) = row.evidence.manager.as_ref().filter(|_| not_running) {
        let message = format!("{} does not run.", name(row));
        return Some((message, Fix::command("start it", manager.start())));
    }
    let what = match row.state {
        State::Missing(MissingReason::NotRunning) => "No process matches",
        State::Missing(MissingReason::TooFew) => "Too few processes match",
        State::Missing(MissingReason::NoContainer) => "No container matches",
        _ => return None,
    };
    let fix = Fix::text("start it, or correct `match` in the inventory");
    Some((format!("{what} {}.", name(row)), fix))
}

//! A manager has saved another key than it has now, and starts from that after a reboot.

use std::collections::BTreeMap;

use super::{
    Finding, Fix, Scene, Severity,
    scene::{name, variable},
};
use crate::domain::{
    key::Key,
    manager::Manager,
    reading::{Origin, Yield},
    snapshot::Row,
    verdict::Verdict,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let mut by_file: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, row) in scene.rows() {
        if let Some(saved) = row.evidence.manager.as_ref().and_then(Manager::saved)
            && is_undone(row)
        {
            by_file.entry(&saved.path).or_default().push(index);
        }
    }
    by_file.into_iter().filter_map(|(path, rows)| finding(scene, path, rows)).collect()
}

fn finding(scene: &Scene<'_>, path: &str, rows: Vec<usize>) -> Option<Finding> {
    let row = &scene.rows[*rows.first()?];
    let told = saved_key(row)?.told();
    let message = match rows.len() {
        1 => format!(
            "{} was saved with another `{}` ({told}) in {path}: after a reboot, or `pm2 \
             resurrect`, that key comes back.",
            name(row),
            variable(row),
        ),
        count => format!(
            "{count} rows, {} first, were saved with other keys ({told}) in {path} than they have \
             now: after a reboot, or `pm2 resurrect`, those come back.",
            name(row)
        ),
    };
    Some(Finding {
        code: "SK222",
        severity: Severity::Warning,
        message,
        restart_helps: None,
        fixes: row.evidence.manager.as_ref()?.save().into_iter().map(save).collect(),
        rows,
    })
}

fn save(command: String) -> Fix {
    Fix::command("save what it has now", command)
}

/// It has a key that is not the old one, and another was saved.
fn is_undone(row: &Row) -> bool {
    !matches!(row.verdict, Verdict::Stale | Verdict::Mismatch)
        && row
            .key()
            .zip(saved_key(row))
            .is_some_and(|(now, saved)| now.fingerprint != saved.fingerprint)
}

/// What was saved of the row's variable, where that is not what decides the row.
fn saved_key(row: &Row) -> Option<&Key> {
    row.occurrences.iter().find_map(|occurrence| match &occurrence.yields {
        Yield::Value(key)
            if occurrence.origin == Origin::ManagerSaved
                && !occurrence.wins
                && Some(&occurrence.variable) == row.variable.as_ref() =>
        {
            Some(key)
        }
        _ => None,
    })
}

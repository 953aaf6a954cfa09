//! The place that others take their value from still has the old key: restarting will not help.

use super::{
    Finding, Scene, Severity,
    old_process::decided_by,
    scene::{edit, name},
};
use crate::domain::{
    layer::LayerKind,
    reading::Origin,
    snapshot::Row,
    verdict::{Certainty, Verdict},
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| !row.running && row.kind != LayerKind::Shell)
        // Nobody edits what a manager keeps.
        .filter(|(_, row)| row.kind != LayerKind::Pm2 && !decided_by(row, &Origin::ManagerCopy))
        .filter(|(_, row)| matches!(row.verdict, Verdict::Stale | Verdict::Mismatch))
        .filter(|(_, row)| row.expected.is_some() && !takes_a_stale_value(scene, row))
        .map(|(index, row)| {
            let held = match row.key() {
                Some(key) => format!("has the key {}", key.told()),
                None => "was last updated before its source changed".to_owned(),
            };
            let certainty = match row.certainty {
                Certainty::Certain => "",
                Certainty::Likely => "likely ",
            };
            let expected = row.expected.as_ref().map_or("", |expected| expected.label.as_str());
            Finding {
                code: "SK213",
                severity: Severity::Error,
                message: format!(
                    "{} {held}, {certainty}not the expected one ({expected}): it was not updated, \
                     and whatever starts from it gets that key.",
                    name(row)
                ),
                rows: vec![index],
                restart_helps: Some(false),
                fixes: vec![edit(row)],
            }
        })
        .collect()
}

/// The value comes from a source that is itself wrong, or that compose found in the shell: the
/// finding belongs there.
fn takes_a_stale_value(scene: &Scene<'_>, row: &Row) -> bool {
    scene.source_of(row).is_some_and(|source| {
        source.verdict.is_error()
            && source.key().map(|key| key.fingerprint) == row.key().map(|key| key.fingerprint)
    })
}

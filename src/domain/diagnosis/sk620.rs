//! A layer holds a key again that a rotation had replaced.

use super::{
    Finding, Scene, Severity,
    scene::{edit, name},
};
use crate::domain::{judge::ago, verdict::Verdict};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| row.verdict == Verdict::Stale)
        .filter_map(|(index, row)| {
            let retired = row.retired.as_ref()?;
            let ended = retired.ended_at?;
            let key = row.key()?;
            Some(Finding {
                code: "SK620",
                severity: Severity::Error,
                message: format!(
                    "{} holds the key {} again, which rotation {} had replaced {}: something has \
                     put it back (an old backup, image, deployment or commit).",
                    name(row),
                    key.told(),
                    retired.rotation,
                    ago(scene.now, ended)
                ),
                rows: vec![index],
                restart_helps: None,
                fixes: vec![edit(row)],
            })
        })
        .collect()
}

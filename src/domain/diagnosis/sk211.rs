//! A single file is mounted into a container, and the container still sees the one that was replaced.

use std::collections::BTreeMap;

use super::{
    Finding, Fix, Scene, Severity,
    scene::{in_a_container, is_old_process, name},
};
use crate::domain::{reading::State, snapshot::Row};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    // The mounts are the container's, whatever the credential.
    let mut containers: BTreeMap<(&str, Option<&str>, &str), Vec<usize>> = BTreeMap::new();
    for (index, row) in scene.rows() {
        if let Some(container) = row.own_container().filter(|it| !it.pinned.is_empty()) {
            let identity = &row.identity;
            let id = (identity.layer.as_str(), identity.host.as_deref(), container.id.as_str());
            containers.entry(id).or_default().push(index);
        }
    }
    containers.into_values().filter_map(|rows| finding(scene, rows)).collect()
}

fn finding(scene: &Scene<'_>, rows: Vec<usize>) -> Option<Finding> {
    let row = &scene.rows[*rows.first()?];
    let container = row.own_container()?;
    let files: Vec<String> = container
        .pinned
        .iter()
        .map(|pinned| format!("`{}` (mounted from `{}`)", pinned.target, pinned.source))
        .collect();
    // A variable that the environment has is kept by nearly all that load such a file.
    let loads = |row: &Row| matches!(row.state, State::Opaque(_));
    let severity = if rows.iter().any(|index| loads(&scene.rows[*index])) {
        Severity::Error
    } else {
        Severity::Warning
    };
    let recreated = rows.iter().any(|index| {
        let row = &scene.rows[*index];
        is_old_process(row) && in_a_container(scene, row)
    });
    let mount = if recreated {
        Fix::text("recreate it, as SK206 says: the file is mounted again then, too")
    } else {
        Fix::command("restart it, so that the file is mounted again", container.restart())
    };
    Some(Finding {
        code: "SK211",
        severity,
        message: format!(
            "{} still sees the old {}: the file was replaced on this machine, and a mount of a \
             single file keeps the one it was made with.",
            name(row),
            files.join(" and ")
        ),
        // Of one that has to be created again, two answers to this would only confuse.
        restart_helps: (!recreated).then_some(true),
        fixes: vec![
            mount,
            Fix::text("mount the folder in place of the file: such a mount follows"),
        ],
        rows,
    })
}

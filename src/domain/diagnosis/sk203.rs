//! PM2 keeps a copy of the environment and gives it to every start.

use super::{
    Finding, Fix, Scene, Severity,
    old_process::{self, Starter, findings, restart, starter, with_copies},
    scene::name,
};
use crate::domain::{layer::LayerKind, manager::Manager, snapshot::Row};

const COPY: &str = "PM2 keeps a copy of the environment: `pm2 restart` and `pm2 reload` start it \
    with that copy";
const NO_COPY: &str = "PM2 keeps no copy of that key: the application loads it by itself";

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let all = findings(
        scene,
        "SK203",
        |row| matches!(starter(scene, row), Starter::Pm2),
        |row| Some(if keeps_another(scene, row) { NO_COPY } else { COPY }.to_owned()),
        |row| fixes(scene, row),
    );
    with_copies(
        scene,
        all,
        |row| row.kind == LayerKind::Pm2,
        |index, row| of_copy(scene, index, row),
    )
}

/// Nothing runs with it yet, or nothing that is known.
fn of_copy(scene: &Scene<'_>, index: usize, row: &Row) -> Finding {
    let key =
        row.key().map_or_else(|| "another key".to_owned(), |key| format!("the key {}", key.told()));
    let expected = row.expected.as_ref().map_or("", |expected| expected.label.as_str());
    let runs = matches!(row.evidence.manager, Some(Manager::Pm2 { runs: true, .. }));
    let (who, next) = if runs {
        ("PM2 keeps", "the next start gets it")
    } else {
        ("`pm2 save` has written", "`pm2 resurrect` starts it with that")
    };
    Finding {
        code: "SK203",
        severity: Severity::Error,
        message: format!(
            "{who} {key} for {}, not the expected one ({expected}): {next}.",
            name(row)
        ),
        rows: vec![index],
        restart_helps: Some(false),
        fixes: update(scene, row, row),
    }
}

/// Of an application of a layer: what PM2 keeps is no copy of what it has.
fn keeps_another(scene: &Scene<'_>, row: &Row) -> bool {
    row.kind == LayerKind::Pm2 && copy(scene, row).is_none()
}

/// The row of the copy that this process was started with.
fn copy<'a>(scene: &Scene<'a>, row: &Row) -> Option<&'a Row> {
    let key = row.key()?.fingerprint;
    scene.source_of(row).filter(|source| {
        source.kind == LayerKind::Pm2
            && source.identity.layer == row.identity.layer
            && source.key().is_some_and(|kept| kept.fingerprint == key)
    })
}

fn fixes(scene: &Scene<'_>, row: &Row) -> Vec<Fix> {
    if row.kind != LayerKind::Pm2 {
        return old_process::fixes(scene, row);
    }
    match copy(scene, row) {
        Some(copy) => update(scene, row, copy),
        None => vec![restart(scene, row, "restart it: a plain restart is enough")],
    }
}

/// The steps that give PM2 another copy.
fn update(scene: &Scene<'_>, row: &Row, copy: &Row) -> Vec<Fix> {
    let key = |row: &Row| row.key().map(|key| key.fingerprint);
    let source = scene.source_of(copy).filter(|source| key(source) == key(copy));
    if let Some(source) = source {
        let text =
            format!("update {} first: that shell would load the same key again", name(source));
        return vec![Fix::text(text)];
    }
    let Some(manager) = &row.evidence.manager else { return Vec::new() };
    let mut fixes = Vec::new();
    if let Manager::Pm2 { runs: false, saved: Some(_), .. } = manager {
        fixes.push(Fix::command("start what was saved", manager.start()));
    }
    let words = "load the new key into a shell, and type there";
    let command = row.restart.clone().or_else(|| manager.update());
    fixes.extend(command.map(|command| Fix::command(words, command)));
    if let Manager::Pm2 { from_file: true, .. } = manager {
        fixes.push(Fix::text(
            "or, if its ecosystem file has the key: put the new one there, then `pm2 restart` that \
             file",
        ));
    }
    fixes.extend(
        manager.save().map(|save| Fix::command("then keep it for the next boot as well", save)),
    );
    fixes
}

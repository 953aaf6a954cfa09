//! A variable exported in this shell hides the one in the file.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{edit_place, is_nothing, name, reader_keeps_the_shells, shells_own, variable},
};
use crate::domain::{layer::LayerKind, reading::Yield};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = of_shell_rows(scene);
    findings.extend(of_files(scene));
    findings
}

/// A file that nothing in its environment compares with this shell: no layer is the shell.
fn of_files(scene: &Scene<'_>) -> impl Iterator<Item = Finding> {
    let shell_is_a_layer = scene.rows().any(|(_, row)| row.kind == LayerKind::Shell);
    scene
        .rows()
        .filter(move |(_, row)| !shell_is_a_layer && row.kind == LayerKind::Dotenv)
        .filter_map(|(index, row)| {
            let held = row.key()?;
            let Yield::Value(exported) = &shells_own(row)?.yields else { return None };
            if exported.fingerprint == held.fingerprint || is_nothing(exported) {
                return None;
            }
            let variable = variable(row);
            let reader = row.evidence.reader.as_deref().unwrap_or("its reader");
            Some(Finding {
                code: "SK101",
                severity: Severity::Note,
                message: format!(
                    "This shell exports `{variable}` with another key ({}) than {}; {reader} \
                     leaves an exported variable as it is, so a program started from here would \
                     ignore the file.",
                    exported.told(),
                    name(row)
                ),
                rows: vec![index],
                restart_helps: None,
                fixes: vec![Fix::command(
                    "take it out of this shell before you start the program",
                    format!("unset {variable}"),
                )],
            })
        })
}

fn of_shell_rows(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| row.kind == LayerKind::Shell && row.verdict.is_error())
        .filter_map(|(index, shell)| {
            let held = shell.key()?;
            let file = scene.group(shell).into_iter().find(|row| {
                row.kind == LayerKind::Dotenv
                    && reader_keeps_the_shells(row)
                    && !row.verdict.is_error()
                    && row.key().is_some_and(|key| key.fingerprint != held.fingerprint)
            })?;
            let variable = variable(shell);
            let exported_at = scene.group(shell).into_iter().find(|row| {
                row.kind == LayerKind::ShellFile
                    && row.key().is_some_and(|key| key.fingerprint == held.fingerprint)
            });
            let mut fixes = vec![Fix::command(
                "take it out of this shell, then start the program again",
                format!("unset {variable}"),
            )];
            if let Some(place) = exported_at.and_then(edit_place) {
                fixes
                    .push(Fix::text(format!("and remove the export at {place}, or it comes back")));
            }
            Some(Finding {
                code: "SK101",
                severity: Severity::Error,
                message: format!(
                    "This shell exports `{variable}` with another key ({}) than {}; dotenv \
                     loaders leave an exported variable as it is, so the file is ignored.",
                    held.told(),
                    name(file)
                ),
                rows: vec![index],
                restart_helps: Some(false),
                fixes,
            })
        })
        .collect()
}

//! A variable exported in this shell hides the one in the file.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{
        edit_place, is_nothing, name, of_files_below_this_shell, reader_keeps_the_shells, variable,
    },
};
use crate::domain::layer::LayerKind;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = of_shell_rows(scene);
    findings.extend(of_files(scene));
    findings
}

/// A file that nothing in its environment compares with this shell.
fn of_files(scene: &Scene<'_>) -> Vec<Finding> {
    of_files_below_this_shell(scene, "SK101", |row, exported, reader| {
        let differs = row.key().is_some_and(|held| held.fingerprint != exported.fingerprint);
        (differs && !is_nothing(exported)).then(|| {
            format!(
                "This shell exports `{}` with another key ({}) than {}; {reader} leaves an \
                 exported variable as it is, so a program started from here would ignore the file.",
                variable(row),
                exported.told(),
                name(row)
            )
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

//! A variable that is set and empty in this shell hides the one in the file.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{is_nothing, name, reader_keeps_the_shells, shells_own, variable},
};
use crate::domain::{
    layer::LayerKind,
    reading::{State, Yield},
};

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
        .filter(move |(_, row)| {
            !shell_is_a_layer && row.kind == LayerKind::Dotenv && row.key().is_some()
        })
        .filter_map(|(index, row)| {
            let Yield::Value(exported) = &shells_own(row)?.yields else { return None };
            if !is_nothing(exported) {
                return None;
            }
            let variable = variable(row);
            let reader = row.evidence.reader.as_deref().unwrap_or("its reader");
            Some(Finding {
                code: "SK102",
                severity: Severity::Note,
                message: format!(
                    "`{variable}` is set and empty in this shell; {reader} leaves it so, and a \
                     program started from here would get nothing from {}.",
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
        .filter(|(_, row)| row.kind == LayerKind::Shell && matches!(row.state, State::Empty))
        .filter_map(|(index, shell)| {
            let file = scene.group(shell).into_iter().find(|row| {
                row.kind == LayerKind::Dotenv && reader_keeps_the_shells(row) && row.key().is_some()
            })?;
            let variable = variable(shell);
            Some(Finding {
                code: "SK102",
                severity: Severity::Error,
                message: format!(
                    "`{variable}` is set and empty in this shell; that still wins over {}.",
                    name(file)
                ),
                rows: vec![index],
                restart_helps: Some(false),
                fixes: vec![Fix::command(
                    "take it out of this shell, then start the program again",
                    format!("unset {variable}"),
                )],
            })
        })
        .collect()
}

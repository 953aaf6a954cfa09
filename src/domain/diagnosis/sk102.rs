//! A variable that is set and empty in this shell hides the one in the file.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{is_nothing, name, of_files_below_this_shell, reader_keeps_the_shells, variable},
};
use crate::domain::{layer::LayerKind, reading::State};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = of_shell_rows(scene);
    findings.extend(of_files(scene));
    findings
}

/// A file that nothing in its environment compares with this shell.
fn of_files(scene: &Scene<'_>) -> Vec<Finding> {
    of_files_below_this_shell(scene, "SK102", |row, exported, reader| {
        is_nothing(exported).then(|| {
            format!(
                "`{}` is set and empty in this shell; {reader} leaves it so, and a program \
                 started from here would get nothing from {}.",
                variable(row),
                name(row)
            )
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

//! A variable that is set and empty in this shell hides the one in the file.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{name, variable},
};
use crate::domain::{layer::LayerKind, reading::State};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| row.kind == LayerKind::Shell && matches!(row.state, State::Empty))
        .filter_map(|(index, shell)| {
            let file = scene
                .group(shell)
                .into_iter()
                .find(|row| row.kind == LayerKind::Dotenv && row.key().is_some())?;
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

//! Defined, with zero bytes.

use super::{
    Finding, Scene, Severity,
    scene::{edit, name, variable},
};
use crate::domain::{layer::LayerKind, reading::State};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| matches!(row.state, State::Empty) && row.kind != LayerKind::Shell)
        .map(|(index, row)| Finding {
            code: "SK305",
            severity: Severity::Error,
            message: format!("{} defines `{}`, but empty.", name(row), variable(row)),
            rows: vec![index],
            restart_helps: Some(false),
            fixes: vec![edit(row)],
        })
        .collect()
}

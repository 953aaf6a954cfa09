//! No process matches the layer: that is "not running", never "missing".

use super::{Finding, Fix, Scene, Severity, scene::name};
use crate::domain::reading::{MissingReason, State};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| matches!(row.state, State::Missing(MissingReason::NotRunning)))
        .map(|(index, row)| Finding {
            code: "SK505",
            severity: Severity::Warning,
            message: format!("No process matches {}.", name(row)),
            rows: vec![index],
            restart_helps: None,
            fixes: vec![Fix::text("start it, or correct `match` in the inventory")],
        })
        .collect()
}

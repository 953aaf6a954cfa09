//! The key is accepted, and its list of models lacks one that the inventory asks for.

use super::{Finding, Fix, Scene, Severity, scene::name};

use crate::domain::inert::inert;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| row.key().is_some() && !row.probe.missing_models.is_empty())
        .map(|(index, row)| {
            let models: Vec<String> = row
                .probe
                .missing_models
                .iter()
                .map(|model| format!("`{}`", inert(model)))
                .collect();
            Finding {
                code: "SK408",
                severity: Severity::Warning,
                message: format!(
                    "The key in {} is accepted, but the list it gets has no {}.",
                    name(row),
                    models.join(" and no ")
                ),
                rows: vec![index],
                restart_helps: None,
                fixes: vec![
                    Fix::text(
                        "compare the id letter by letter with the provider's list; a fine-tuned \
                         model may be deleted",
                    ),
                    Fix::text(
                        "or give the key's project access to the model; another key of the same \
                         project will not help",
                    ),
                ],
            }
        })
        .collect()
}

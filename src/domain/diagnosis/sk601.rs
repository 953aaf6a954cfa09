//! One key serves several environments: rotating it breaks all of them at once.

use std::collections::BTreeMap;

use super::{Finding, Fix, Scene, Severity};
use crate::domain::fingerprint::Fingerprint;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let mut holders: BTreeMap<Fingerprint, Vec<usize>> = BTreeMap::new();
    for (index, row) in scene.rows() {
        if let Some(key) =
            row.key().filter(|key| !key.is_damaged(row.probe.outcome) && key.shape.is_some())
        {
            holders.entry(key.fingerprint).or_default().push(index);
        }
    }
    holders
        .into_values()
        .filter_map(|rows| {
            let mut environments: Vec<&str> =
                rows.iter().map(|row| scene.rows[*row].identity.environment.as_str()).collect();
            environments.dedup();
            environments.sort_unstable();
            environments.dedup();
            let key = scene.rows[rows[0]].key()?;
            (environments.len() > 1).then(|| Finding {
                code: "SK601",
                severity: Severity::Warning,
                message: format!(
                    "The key {} serves {} environments: {}.",
                    key.told(),
                    environments.len(),
                    environments.join(", ")
                ),
                rows,
                restart_helps: None,
                fixes: vec![Fix::text("give every environment a key of its own")],
            })
        })
        .collect()
}

//! A key stands in a file that every user of the machine may read.

use std::collections::BTreeMap;

use super::{Finding, Fix, Scene, Severity, scene::quoted};
use crate::domain::{
    reading::{Origin, Yield},
    snapshot::Row,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let mut by_file: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, row) in scene.rows().filter(|(_, row)| has_saved_key(row)) {
        let saved = row.evidence.manager.as_ref().and_then(|manager| manager.saved());
        if let Some(saved) = saved.filter(|saved| saved.open_to_all) {
            by_file.entry(&saved.path).or_default().push(index);
        }
    }
    by_file
        .into_iter()
        .map(|(path, rows)| Finding {
            code: "SK605",
            severity: Severity::Warning,
            message: format!(
                "Every user of this machine may read {path}, in which keys stand in clear text."
            ),
            rows,
            restart_helps: None,
            fixes: vec![
                Fix::command(
                    "keep it to its user; PM2 leaves the mode as it is when it saves again",
                    format!("chmod 600 {}", quoted(path)),
                ),
                Fix::text(
                    "do the same for the file beside it that ends in `.bak`, if there is one",
                ),
            ],
        })
        .collect()
}

fn has_saved_key(row: &Row) -> bool {
    row.occurrences.iter().any(|occurrence| {
        occurrence.origin == Origin::ManagerSaved && matches!(occurrence.yields, Yield::Value(_))
    })
}

//! The names that a file gives, also those of things that have a mistake elsewhere: who refers to
//! such a thing made no mistake.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::model::File;

/// Every name that something can refer to.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) credentials: BTreeSet<String>,
    pub(super) environments: BTreeSet<String>,
    pub(super) layers: BTreeSet<String>,
}

impl Names {
    /// Those of a file without mistakes.
    pub(super) fn of(file: &File) -> Self {
        Self {
            credentials: file.credentials.keys().cloned().collect(),
            environments: file.environments.keys().cloned().collect(),
            layers: file.layers.iter().map(|layer| layer.name.clone()).collect(),
        }
    }

    /// Those of a file of which only a part could be understood.
    pub(super) fn written(text: &str) -> Self {
        let (tree, _) = DeTable::parse_recoverable(text);
        let keys = |field: &str| -> BTreeSet<String> {
            let table = tree.get_ref().get(field).and_then(|node| node.get_ref().as_table());
            table.into_iter().flat_map(DeTable::keys).map(|key| key.get_ref().to_string()).collect()
        };
        let layers = tree.get_ref().get("layers").and_then(|node| node.get_ref().as_array());
        let layers = layers
            .into_iter()
            .flat_map(|layers| layers.iter())
            .filter_map(|layer| match layer.get_ref().as_table()?.get("name")?.get_ref() {
                DeValue::String(name) => Some(name.to_string()),
                _ => None,
            })
            .collect();
        Self { credentials: keys("credentials"), environments: keys("environments"), layers }
    }
}

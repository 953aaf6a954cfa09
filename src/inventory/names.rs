//! The names that a file gives, also those of things that have a mistake elsewhere: who refers to
//! such a thing made no mistake.

use toml::de::{DeTable, DeValue};

/// Names, in no particular order.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) credentials: Vec<String>,
    pub(super) environments: Vec<String>,
    pub(super) layers: Vec<String>,
}

impl Names {
    pub(super) fn written(text: &str) -> Self {
        let (tree, _) = DeTable::parse_recoverable(text);
        let keys = |field: &str| -> Vec<String> {
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

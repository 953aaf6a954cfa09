//! `stalekey init`: what it finds in projects as people have them, and what it writes.

#[path = "init/containers.rs"]
mod containers;
#[path = "support/context.rs"]
mod context;
#[path = "init/hostile.rs"]
mod hostile;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/inventory.rs"]
mod inventory;
#[path = "support/nobody.rs"]
mod nobody;
#[path = "init/pm2.rs"]
mod pm2;
#[path = "init/processes.rs"]
mod processes;
#[path = "init/projects.rs"]
mod projects;
#[path = "init/terminal.rs"]
mod terminal;
#[path = "init/updates.rs"]
mod updates;

use std::{collections::BTreeMap, fs, path::Path};

use context::{Run, TestContext};

/// One layer of a written inventory: `kind environment credentials`, and its source.
type Layers = BTreeMap<String, String>;

impl TestContext {
    /// `stalekey init --yes` with more flags, which succeeds.
    fn init(&self, flags: &[&str]) -> Run {
        let arguments: Vec<&str> = ["init", "--yes"].iter().chain(flags).copied().collect();
        let run = self.run(&arguments);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
        run
    }

    fn written(&self) -> String {
        fs::read_to_string(self.path("stalekey.toml")).expect("an inventory")
    }
}

/// What an inventory names, told by the name of each layer.
fn layers(text: &str) -> Layers {
    let table: toml::Table = toml::from_str(text).expect("an inventory is TOML");
    let word = |layer: &toml::Value, key: &str| layer[key].as_str().expect("text").to_owned();
    let layers = table.get("layers").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    layers
        .iter()
        .map(|layer| {
            let credentials: Vec<&str> = layer["credentials"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(toml::Value::as_str)
                .collect();
            let mut told = format!(
                "{} {} {}",
                word(layer, "kind"),
                word(layer, "environment"),
                credentials.join("+")
            );
            if let Some(source) = layer.get("source").and_then(toml::Value::as_str) {
                told.push_str(&format!(" < {source}"));
            }
            (word(layer, "name"), told)
        })
        .collect()
}

/// The layers that a test expects.
fn expected(layers: &[(&str, &str)]) -> Layers {
    layers.iter().map(|(name, told)| ((*name).to_owned(), (*told).to_owned())).collect()
}

/// Every layer of the written inventory has a row, and none is missing or cannot be read.
fn every_layer_is_a_row(context: &TestContext) {
    let run = context.run(&["check", "--offline", "--format", "json"]);
    assert!(run.stderr.is_empty(), "{run:?}");
    let report = run.json();
    for name in layers(&context.written()).keys() {
        let rows: Vec<_> = report.rows().iter().filter(|row| row["layer"] == **name).collect();
        assert!(!rows.is_empty(), "`{name}` has no row");
        for row in rows {
            let state = row["state"].as_str().expect("a word");
            assert!(matches!(state, "found" | "opaque"), "{row:#}");
        }
    }
}

/// The names of all files below a folder, but those of this test's own.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !matches!(name.as_str(), "home" | "temporary"))
        .collect();
    names.sort();
    names
}

//! The TOML files of our own: inventory, user settings, providers.

use std::path::Path;

use stalekey::{
    inventory::{self, trust, user_settings},
    providers::Catalogue,
    strict_toml::Mistakes,
};

use super::{
    holds::{Sheets, same},
    input::Input,
    seeds,
};

#[derive(Clone, Copy)]
enum File {
    Inventory,
    Settings,
    Provider,
}

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let file = input.choose(&[File::Inventory, File::Settings, File::Provider]);
    let text = input.text();
    let sheets = Sheets::one(text.as_bytes());
    let shown = |result: Result<(), Mistakes>| result.map_err(|mistakes| mistakes.to_string());
    match file {
        File::Inventory => {
            let catalogue = Catalogue::embedded();
            let read = || inventory::parse(&text, "stalekey.toml", Path::new("/work"), &catalogue);
            let _ = same(|| shown(read().map(|_| ())));
            match read() {
                Ok(inventory) => {
                    same(|| trust::effects(&inventory));
                    for layer in &inventory.layers {
                        assert_eq!(inventory.layer(&layer.name), Some(layer));
                        assert!(inventory.environment(&layer.environment).is_some());
                    }
                }
                Err(mistakes) => check(&mistakes, &sheets, text.len()),
            }
        }
        File::Settings => {
            let read = || user_settings::parse(&text, "settings.toml").map(|_| ());
            let _ = same(|| shown(read()));
            if let Err(mistakes) = read() {
                check(&mistakes, &sheets, text.len());
            }
        }
        File::Provider => {
            let files = [("own.toml".to_owned(), text.to_string())];
            let read = || Catalogue::with_files(&files).map(|_| ());
            let _ = same(|| shown(read()));
            if let Err(mistakes) = read() {
                check(&mistakes, &sheets, text.len());
            }
        }
    }
}

fn check(mistakes: &Mistakes, sheets: &Sheets, length: usize) {
    assert!(!mistakes.is_empty(), "refused without a reason");
    for mistake in &mistakes.0 {
        sheets.position("", mistake.position);
        assert!(mistake.span.start <= mistake.span.end && mistake.span.end <= length);
        assert!(!mistake.what.is_empty());
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for folder in ["src/strict_toml", "tests/inventory.rs", "src/inventory"] {
        files.extend(seeds::literals(folder));
    }
    files.extend(seeds::files("assets/providers", "toml"));
    files.extend(seeds::files("config.example.toml", "toml"));
    seeds::chosen(&files, &[vec![0], vec![1], vec![2]])
}

//! The inventory and the readers name the same dialects.

use serde_json::Value;
use stalekey::formats::dotenv::Dialect;

#[test]
fn an_inventory_may_name_every_dialect_and_no_other() {
    let schema: Value =
        serde_json::from_str(include_str!("../assets/inventory.schema.json")).unwrap();
    let words = schema["$defs"]["Dialect"]["oneOf"].as_array().unwrap();
    let allowed: Vec<&str> = words.iter().map(|word| word["const"].as_str().unwrap()).collect();
    assert_eq!(allowed, Dialect::names().collect::<Vec<_>>());
}

#[test]
fn the_example_lists_every_dialect() {
    let example = include_str!("../config.example.toml");
    for name in Dialect::names() {
        let named = example
            .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '@')))
            .any(|word| word.trim_end_matches('.') == name);
        assert!(named, "{name}");
    }
}

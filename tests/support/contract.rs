//! The committed schema of `check --format json`.

use serde_json::Value;

use crate::context::Report;

/// Panics where the report does not fit the committed schema.
pub(crate) fn validate(report: &Report) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/check.schema.json");
    let schema = std::fs::read_to_string(path).expect("a committed schema");
    let schema = serde_json::from_str(&schema).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors: Vec<_> = validator.iter_errors(&report.0).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// Layer and verdict of every row, in their order.
pub(crate) fn verdicts(report: &Report) -> Vec<(&str, &str)> {
    let text = |value| Value::as_str(value).expect("text");
    report.rows().iter().map(|row| (text(&row["layer"]), text(&row["verdict"]))).collect()
}

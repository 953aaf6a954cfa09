//! Files that shells and logins read, as a user of the program sees them.

#[path = "support/context.rs"]
mod context;
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;

use context::{Report, TestContext};
use contract::validate;
use inventory::layer;
use rstest::rstest;
use serde_json::Value;

fn check(context: &TestContext) -> Report {
    let run = context.run(&["check", "--offline", "--format", "json"]);
    assert_eq!(run.stderr, "");
    let report = run.json();
    validate(&report);
    report
}

fn shell_file(path: &str) -> String {
    layer("the file", "production", "shell-file", &format!("path = \"{path}\""))
}

fn traps(row: &Value) -> Vec<&str> {
    row["traps"].as_array().into_iter().flatten().filter_map(|trap| trap["trap"].as_str()).collect()
}

fn place(row: &Value) -> String {
    let location = &row["location"];
    format!(
        "{}:{}:{}",
        location["path"].as_str().unwrap_or("-"),
        location["line"],
        location["column"]
    )
}

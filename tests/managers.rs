//! Process managers as layers, with recorded outputs of their commands.

#[path = "support/context.rs"]
mod context;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;
#[path = "support/managers.rs"]
mod managers;

#[path = "managers/pm2.rs"]
mod pm2;
#[path = "managers/supervisor.rs"]
mod supervisor;
#[path = "managers/systemd.rs"]
mod systemd;

use context::{Report, TestContext};
use contract::validate;

/// A context whose programs are those that the test writes.
fn context() -> TestContext {
    let context = TestContext::new();
    let programs = context.path("bin");
    std::fs::create_dir(&programs).expect("a new folder");
    context.with("PATH", programs)
}

fn check(context: &TestContext) -> Report {
    let report = context.run(&["check", "--offline", "--format", "json"]).json();
    validate(&report);
    report
}

/// The rows of a layer: what is configured, then what runs.
fn rows<'a>(report: &'a Report, layer: &str) -> Vec<&'a serde_json::Value> {
    report.rows().iter().filter(|row| row["layer"] == layer).collect()
}

/// The one finding with this code.
fn finding<'a>(report: &'a Report, code: &str) -> &'a serde_json::Value {
    let all = report.0["diagnoses"].as_array().expect("findings");
    let mut found = all.iter().filter(|finding| finding["code"] == code);
    let first = found.next().unwrap_or_else(|| panic!("no {code}: {all:#?}"));
    assert!(found.next().is_none(), "{code} twice: {all:#?}");
    first
}

fn has(report: &Report, code: &str) -> bool {
    report.0["diagnoses"].to_string().contains(code)
}

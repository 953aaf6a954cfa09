//! Real process managers, where they are installed: what each restart really gives, and what
//! stalekey says of it. What is not there is skipped, and says so.

#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/context.rs"]
mod context;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/programs.rs"]
mod programs;
#[path = "support/wait.rs"]
mod wait;

#[path = "real_managers/pm2.rs"]
mod pm2;
#[path = "real_managers/supervisor.rs"]
mod supervisor;
#[path = "real_managers/systemd.rs"]
mod systemd;

use context::Report;
use serde_json::Value;

/// The rows of a layer that run.
fn running<'a>(report: &'a Report, layer: &str) -> Vec<&'a Value> {
    let of_layer = report.rows().iter().filter(|row| row["layer"] == layer);
    of_layer.filter(|row| row["rank"] != "configured").collect()
}

/// The row of a layer that is configured.
fn configured<'a>(report: &'a Report, layer: &str) -> &'a Value {
    let mut of_layer = report.rows().iter().filter(|row| row["layer"] == layer);
    of_layer.find(|row| row["rank"] == "configured").expect("a row of what is configured")
}

/// The command of the finding with this code.
fn command_of(report: &Report, code: &str) -> String {
    let all = report.0["diagnoses"].as_array().expect("findings");
    let found = all.iter().find(|finding| finding["code"] == code);
    let found = found.unwrap_or_else(|| panic!("no {code}: {all:#?}"));
    found["fixes"][0]["command"].as_str().expect("a command").to_owned()
}

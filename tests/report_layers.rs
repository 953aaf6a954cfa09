//! `stalekey report` on one side, a layer of kind `report` on the other.

use std::{fs, os::unix::fs::PermissionsExt as _};

use rstest::rstest;
use serde_json::Value;

#[path = "support/context.rs"]
mod context;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/provider.rs"]
mod provider;

use context::{Report, TestContext};
use contract::validate;
use inventory::{dotenv, layer};
use provider::Provider;

/// Both sides have the same salt.
fn salt(digit: &str) -> String {
    format!("[fingerprint]\nsalt = \"{}\"\n", digit.repeat(64))
}

fn reported(name: &str) -> String {
    layer("ci job", &format!("kind = \"report\"\npath = \"{name}\"\n"))
}

/// Layers before the salt's table, which ends the list.
fn inventory(context: &TestContext, layers: &str, digit: &str) {
    context.inventory(&format!("{layers}{}", salt(digit)));
}

/// What another machine reports that holds these keys, each in a file of its own.
fn report_of(context: &TestContext, keys: &[&str], digit: &str, arguments: &[&str]) -> Value {
    let mut layers = String::new();
    for (number, key) in keys.iter().enumerate() {
        let file = format!("there-{number}.env");
        context.write(&file, format!("OPENAI_API_KEY={key}\n"));
        layers.push_str(&dotenv(&file));
    }
    inventory(context, &layers, digit);
    let run = context.run(&[&["report"], arguments].concat());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    for number in 0..keys.len() {
        fs::remove_file(context.path(&format!("there-{number}.env"))).expect("its file");
    }
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let schema = serde_json::from_str(include_str!("../assets/report.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    report
}

fn check(context: &TestContext, more: &[&str]) -> Report {
    let run = context.run(&[&["check", "--format", "json"], more].concat());
    assert_eq!(run.stderr, "");
    let report = run.json();
    validate(&report);
    report
}

fn told<'a>(report: &'a Report, name: &str) -> &'a Value {
    let rows = report.rows().iter();
    let mut rows = rows.filter(|row| row["instance"]["reported"] == name);
    rows.next().unwrap_or_else(|| panic!("no row of {name}: {:#}", report.0["rows"]))
}

#[test]
fn a_key_that_is_held_here_too_is_that_key_and_another_is_never_asked_about() {
    let context = TestContext::new();
    let (new, old) = (context.key("new"), context.key("old"));
    let report = report_of(&context, &[&new, &old], "5", &["--offline"]);
    context.write("there.json", report.to_string());
    context.write("here.env", format!("OPENAI_API_KEY={new}\n"));
    // The report stands first: what it tells is compared with what is read after it.
    inventory(&context, &(reported("there.json") + &dotenv("here.env")), "5");
    let provider = Provider::accepting(&[&new]);
    let report = check(&context, &[&provider.argument()]);
    let asked: Vec<String> = provider.asked().into_iter().flatten().collect();
    assert_eq!(asked, [new], "one question with a key, and that key is held here");
    let (here, same) = (report.row("here.env"), told(&report, "there-0.env"));
    assert_eq!((&same["verdict"], &same["kind"]), (&"current".into(), &"report".into()));
    assert_eq!((&same["key"], &same["probe"]), (&here["key"], &here["probe"]));
    assert_eq!(same["host"], host_name());
    let other = told(&report, "there-1.env");
    assert_eq!(other["verdict"], "mismatch");
    assert_eq!(other["probe"]["reason"], "not probed: the key is not held here");
    assert_eq!(report.0["summary"]["distinct_keys"], 2);
    let plan = context.run(&["providers", "--plan", &provider.argument()]);
    assert!(plan.stdout.contains("the key is not held here"), "{plan:?}");
}

/// How this machine calls itself.
fn host_name() -> Value {
    rustix::system::uname().nodename().to_string_lossy().into_owned().into()
}

#[test]
fn a_key_that_is_only_reported_can_be_the_expected_one() {
    let context = TestContext::new();
    let key = context.key("elsewhere");
    let report = report_of(&context, &[&key], "5", &["--offline"]);
    context.write("there.json", report.to_string());
    let fingerprint = report["rows"][0]["key"]["fingerprint"].as_str().expect("a fingerprint");
    let last4 = &key.as_bytes()[key.len() - 4..];
    let last4 = std::str::from_utf8(last4).expect("letters");
    for expect in [format!("fingerprint = \"{fingerprint}\""), format!("last4 = \"{last4}\"")] {
        let expect = format!("[environments.production.expect.openai]\n{expect}\n");
        inventory(&context, &(reported("there.json") + &expect), "5");
        let report = check(&context, &["--offline"]);
        let row = told(&report, "there-0.env");
        assert_eq!(row["verdict"], "current", "{row:#}");
        assert_eq!(row["expected"]["fingerprint"], fingerprint);
        let reason = row["reason"].as_str().expect("a reason");
        assert!(reason.contains("the key is not held here"), "{reason}");
    }
}

#[test]
fn what_the_provider_said_there_is_shown_and_keeps_a_row_from_being_green() {
    let context = TestContext::new();
    let key = context.key("dead");
    let provider = Provider::accepting(&[]);
    let report = report_of(&context, &[&key], "5", &[&provider.argument()]);
    assert_eq!(report["rows"][0]["probe"]["outcome"], "dead");
    context.write("there.json", report.to_string());
    inventory(&context, &reported("there.json"), "5");
    let report = check(&context, &["--offline"]);
    let row = told(&report, "there-0.env");
    assert_eq!(row["verdict"], "unproven");
    assert_eq!(row["probe"]["outcome"], "not_probed");
    assert_eq!(row["evidence"]["elsewhere"]["probe"]["outcome"], "dead");
    let reason = row["reason"].as_str().expect("a reason");
    assert!(reason.contains("asked there: dead, < 1 m ago"), "{reason}");
}

#[test]
fn fingerprints_of_another_salt_are_not_comparable_and_never_different() {
    let context = TestContext::new();
    let key = context.key("one");
    let report = report_of(&context, &[&key], "5", &["--offline"]);
    context.write("there.json", report.to_string());
    context.write("here.env", format!("OPENAI_API_KEY={key}\n"));
    inventory(&context, &(dotenv("here.env") + &reported("there.json")), "6");
    let report = check(&context, &["--offline"]);
    let row = told(&report, "there-0.env");
    assert_eq!((&row["verdict"], &row["state"]), (&"unproven".into(), &"opaque".into()));
    let reason = row["reason"].as_str().expect("a reason");
    assert!(reason.contains("made with keyfp1:") && reason.contains("compared with"), "{reason}");
    let finding = report.0["diagnoses"].as_array().expect("findings");
    let finding = finding.iter().find(|it| it["code"] == "SK503").expect("a finding");
    let fix = finding["fixes"][0]["text"].as_str().expect("a fix");
    assert!(fix.contains("the same `salt`") && fix.contains("team key"), "{fix}");
}

#[test]
fn a_team_key_makes_values_of_any_form_comparable() {
    let context = TestContext::new().with("STALEKEY_FP_KEY", "7".repeat(64));
    let report = report_of(&context, &["a phrase of words"], "5", &["--offline"]);
    assert_eq!(report["rows"][0]["key"]["mask"], "…");
    context.write("there.json", report.to_string());
    context.write("here.env", "OPENAI_API_KEY=a phrase of words\n");
    inventory(&context, &(reported("there.json") + &dotenv("here.env")), "5");
    let report = check(&context, &["--offline"]);
    let (there, here) = (told(&report, "there-0.env"), report.row("here.env"));
    assert_eq!(there["key"]["fingerprint"], here["key"]["fingerprint"]);
    assert_eq!(there["verdict"], "current");
}

#[rstest]
#[case::old("2020-01-01T00:00:00Z", "no longer tells what is")]
#[case::of_the_future("2999-01-01T00:00:00Z", "compare the clocks")]
fn a_report_of_another_time_proves_nothing(#[case] time: &str, #[case] why: &str) {
    let context = TestContext::new();
    let key = context.key("one");
    let mut report = report_of(&context, &[&key], "5", &["--offline"]);
    report["generated_at"] = time.into();
    context.write("there.json", report.to_string());
    context.write("here.env", format!("OPENAI_API_KEY={key}\n"));
    inventory(&context, &(dotenv("here.env") + &reported("there.json")), "5");
    let report = check(&context, &["--offline"]);
    let row = told(&report, "there-0.env");
    assert_eq!(row["verdict"], "unproven");
    assert_eq!(row["key"]["fingerprint"], report.row("here.env")["key"]["fingerprint"]);
    assert!(row["reason"].as_str().expect("a reason").contains(why), "{row:#}");
}

#[rstest]
#[case::absent(None, "missing", "the file does not exist")]
#[case::no_json(Some("OPENAI_API_KEY=x"), "unreadable", "this is no JSON")]
#[case::other_json(Some("{\"rows\": []}"), "unreadable", "this is no report")]
#[case::newer(Some("{\"report_version\": 2}"), "unreadable", "a newer stalekey made this report")]
fn what_is_no_report_is_a_row_with_the_next_step(
    #[case] text: Option<&str>,
    #[case] verdict: &str,
    #[case] why: &str,
) {
    let context = TestContext::new();
    if let Some(text) = text {
        context.write("there.json", text);
    }
    inventory(&context, &reported("there.json"), "5");
    let report = check(&context, &["--offline"]);
    let row = report.row("ci job");
    assert_eq!(row["verdict"], verdict);
    assert!(row["reason"].as_str().expect("a reason").contains(why), "{row:#}");
}

#[test]
fn a_credential_of_another_name_is_said_to_be_so() {
    let context = TestContext::new();
    let mut report = report_of(&context, &[&context.key("one")], "5", &["--offline"]);
    report["rows"][0]["credential"] = "open-ai".into();
    context.write("there.json", report.to_string());
    inventory(&context, &reported("there.json"), "5");
    let report = check(&context, &["--offline"]);
    let row = report.row("ci job");
    assert_eq!(row["verdict"], "unproven");
    let reason = row["reason"].as_str().expect("a reason");
    assert!(reason.contains("the report tells of open-ai"), "{reason}");
}

#[test]
fn the_file_is_for_the_user_alone_and_replaced_at_once() {
    let context = TestContext::new();
    let key = context.key("one");
    context.write("here.env", format!("OPENAI_API_KEY={key}\n"));
    inventory(&context, &dotenv("here.env"), "5");
    let old = context.write("report.json", "old");
    context::permit(&old, 0o644);
    let run = context.run(&["report", "--offline", "-o", "report.json"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    assert!(run.stderr.starts_with("wrote 1 rows to report.json"), "{run:?}");
    let mode = fs::metadata(&old).expect("the report").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(&old).expect("the report");
    assert!(text.contains("keyfp1:") && !text.contains(&key));
    let run = context.run(&["report", "--offline", "-o", "no-folder/report.json"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("there is no such folder"), "{run:?}");
}

/// A report of a report would look as if it were of now.
#[test]
fn what_was_reported_is_not_reported_again() {
    let context = TestContext::new();
    let report = report_of(&context, &[&context.key("one")], "5", &["--offline"]);
    context.write("there.json", report.to_string());
    inventory(&context, &reported("there.json"), "5");
    let run = context.run(&["report", "--offline"]);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(report["rows"], serde_json::json!([]));
}

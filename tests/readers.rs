//! Which reader a `.env` file has, what readers disagree about, and what hides a file.

#[path = "support/context.rs"]
mod context;
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;

use context::{Report, TestContext};
use contract::{validate, verdicts};
use inventory::{dotenv, layer};
use serde_json::Value;

fn check(context: &TestContext) -> Report {
    let run = context.run(&["check", "--offline", "--format", "json"]);
    assert_eq!(run.stderr, "");
    let report = run.json();
    validate(&report);
    report
}

fn texts(values: &Value, field: &str) -> Vec<String> {
    let of = |value: &Value| value[field].as_str().unwrap_or_default().to_owned();
    values.as_array().map(|values| values.iter().map(of).collect()).unwrap_or_default()
}

fn codes(row: &Value) -> Vec<&str> {
    row["diagnoses"].as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

#[test]
fn the_reader_is_inferred_and_named_with_its_reason() {
    let context = TestContext::new();
    context.write("api/.env", format!("OPENAI_API_KEY={}\n", context.key("new")));
    context.write("api/package.json", r#"{"dependencies": {"dotenv": "^16"}}"#);
    context.inventory(&dotenv("api/.env"));
    let report = check(&context);
    assert_eq!(verdicts(&report), [("api/.env", "current")]);
    let row = report.row("api/.env");
    assert_eq!(row["evidence"]["reader"], "node-dotenv");
    assert_eq!(row["evidence"]["reader_because"], "package.json lists dotenv");
    assert!(codes(row).is_empty(), "{row:#?}");
}

#[test]
fn plausible_readers_that_disagree_are_a_finding_with_both_fingerprints() {
    let context = TestContext::new();
    let key = context.key("new");
    context.write(".env", format!("OPENAI_API_KEY=\"{key}\"\n"));
    context.write("requirements.txt", "python-dotenv==1.2.4\n");
    context.write("deploy.sh", "docker run --rm --env-file .env image\n");
    context.inventory(&dotenv(".env"));
    let report = check(&context);
    let row = report.row(".env");
    assert_eq!(row["evidence"]["reader"], "docker-run");
    assert_eq!(texts(&row["other_readings"], "reader"), ["python-dotenv@load"]);
    let other = &row["other_readings"][0]["key"]["fingerprint"];
    assert!(other.as_str().is_some_and(|text| text.starts_with("keyfp")), "{row:#?}");
    assert_ne!(&row["key"]["fingerprint"], other);
    assert!(codes(row).contains(&"SK107"), "{row:#?}");
    assert_eq!(texts(&row["traps"], "trap"), ["quotes-kept"]);

    let named = layer(".env", "kind = \"dotenv\"\npath = \".env\"\ndialect = \"python-dotenv\"\n");
    context.inventory(&named);
    let report = check(&context);
    let row = report.row(".env");
    assert_eq!(row["evidence"].get("reader_because"), None);
    assert!(codes(row).is_empty(), "{row:#?}");
}

#[test]
fn this_shell_hides_a_file_where_the_reader_lets_it() {
    let context = TestContext::new();
    let (new, old) = (context.key("new"), context.key("old"));
    context.write(".env", format!("OPENAI_API_KEY={new}\n"));
    assert!(codes(&file_row(&context, "python-dotenv")).is_empty());
    let context = context.with("OPENAI_API_KEY", &old);
    let row = file_row(&context, "python-dotenv");
    assert_eq!(codes(&row), ["SK101"]);
    assert_eq!(texts(&row["occurrences"], "origin"), ["file", "shell_environment"]);
    assert_eq!(texts(&row["traps"], "trap"), ["stale-shell-shadows-file"]);
    let row = file_row(&context, "systemd");
    assert!(codes(&row).is_empty(), "{row:#?}");
    assert_eq!(texts(&row["traps"], "trap"), ["file-shadows-shell"]);
    let context = context.with("OPENAI_API_KEY", "");
    assert_eq!(codes(&file_row(&context, "python-dotenv")), ["SK102"]);
    assert!(
        codes(&file_row(&context, "dotenv-expand")).is_empty(),
        "an empty variable loses there"
    );
}

/// The row of `.env`, read by this reader.
fn file_row(context: &TestContext, reader: &str) -> Value {
    context_row(context, &format!("kind = \"dotenv\"\npath = \".env\"\ndialect = \"{reader}\"\n"))
}

fn context_row(context: &TestContext, more: &str) -> Value {
    context.inventory(&layer("file", more));
    check(context).row("file").clone()
}

#[test]
fn losers_of_several_files_are_listed_with_their_places() {
    let context = TestContext::new();
    let (new, old) = (context.key("new"), context.key("old"));
    context.write(".env.local", format!("OPENAI_API_KEY={new}\n"));
    context.write(".env", format!("A=1\nOPENAI_API_KEY={old}\n"));
    let more = "kind = \"dotenv\"\nfiles = [\".env.local\", \".env\"]\ndialect = \"next\"\n";
    let row = context_row(&context, more);
    let places: Vec<String> = row["occurrences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|occurrence| {
            let location = &occurrence["location"];
            format!("{}:{} {}", location["path"], location["line"], occurrence["wins"])
        })
        .collect();
    assert_eq!(places, ["\".env.local\":1 true", "\".env\":2 false"]);
}

#[test]
fn a_file_of_several_refers_to_the_others_as_its_reader_has_it() {
    let context = TestContext::new();
    let (new, old) = (context.key("new"), context.key("old"));
    context.write(".env", format!("SHARED={new}\nOPENAI_API_KEY={old}\n"));
    context.write(".env.local", "\nOPENAI_API_KEY=${SHARED}\n");
    let more = |reader: &str| {
        format!("kind = \"dotenv\"\nfiles = [\".env\", \".env.local\"]\ndialect = \"{reader}\"\n")
    };
    let of = |key: &str| {
        context.write("only.env", format!("OPENAI_API_KEY={key}\n"));
        let row = context_row(&context, "kind = \"dotenv\"\npath = \"only.env\"\n");
        row["key"]["fingerprint"].clone()
    };
    let (new, old) = (of(&new), of(&old));
    let row = context_row(&context, &more("vite@node22"));
    assert_eq!(row["key"]["fingerprint"], new);
    assert_eq!(row["location"]["path"], ".env.local");
    assert_eq!(row["location"]["line"], 2);
    assert_eq!(texts(&row["traps"], "trap"), ["dollar-eaten"]);
    let row = context_row(&context, &more("python-dotenv"));
    assert_eq!(row["key"]["fingerprint"], old, "the first file keeps the variable");
    let row = context_row(&context, &more("uv"));
    assert_eq!(row["state"], "empty", "{row:#?}");
    assert!(texts(&row["traps"], "trap").contains(&"interpolation-empty".to_owned()), "{row:#?}");
}

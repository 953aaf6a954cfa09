//! Layers of the kind command, with real programs on `PATH`.

use std::{fs, path::PathBuf};

use rstest::rstest;
use serde_json::Value;

#[path = "support/context.rs"]
mod context;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/contract.rs"]
mod contract;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/inventory.rs"]
mod inventory;
#[path = "support/wait.rs"]
mod wait;

use context::{TestContext, permit};
use contract::validate;
use inventory::layer;
use wait::until;

/// A folder whose `bin` stands first in `PATH`.
fn context() -> TestContext {
    let context = TestContext::new();
    let path = format!("{}:/usr/bin:/bin", context.path("bin").display());
    context.with("PATH", path)
}

/// A program that does this.
fn program(context: &TestContext, name: &str, script: &str) -> PathBuf {
    let path = context.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
    permit(&path, 0o700);
    path
}

fn command(words: &str, rest: &str) -> String {
    layer("vault", &format!("kind = \"command\"\ncommand = {words}\n{rest}\n"))
}

/// The layer's row, after a look at the contract.
fn row(context: &TestContext, layer: &str) -> Value {
    context.inventory(layer);
    let run = context.run(&["check", "--offline", "--format", "json"]);
    let report = run.json();
    validate(&report);
    report.row("vault").clone()
}

fn last_four(row: &Value) -> &str {
    let mask = row.pointer("/key/mask").and_then(Value::as_str).unwrap_or_default();
    mask.rsplit('…').next().unwrap_or_default()
}

#[rstest]
#[case::value(r#"["op", "read"]"#, "", "printf '%s\\n' \"$(cat key)\"", "value")]
#[case::no_line_end(r#"["op"]"#, "output = \"value\"", "cat key", "value")]
#[case::lines(
    r#"["op"]"#,
    "output = \"dotenv\"",
    "echo \"OTHER=1\nOPENAI_API_KEY=\\\"$(cat key)\\\"\"",
    "node-dotenv"
)]
#[case::other_lines(
    r#"["op"]"#,
    "output = \"dotenv\"\ndialect = \"docker-run\"",
    "echo OPENAI_API_KEY=$(cat key)",
    "docker-run"
)]
#[case::pointer(
    r#"["op"]"#,
    "output = \"json\"\npointer = \"/data/key\"",
    "echo \"{\\\"data\\\": {\\\"key\\\": \\\"$(cat key)\\\"}}\"",
    "json"
)]
#[case::map(
    r#"["op"]"#,
    "output = \"json\"",
    "echo \"{\\\"OPENAI_API_KEY\\\": \\\"$(cat key)\\\"}\"",
    "json"
)]
#[case::vault(
    r#"["op"]"#,
    "output = \"json\"",
    "echo \"{\\\"request_id\\\":\\\"1\\\",\\\"lease_id\\\":\\\"\\\",\\\"data\\\":{\\\"data\\\":{\\\"OPENAI_API_KEY\\\":\\\"$(cat key)\\\"},\\\"metadata\\\":{\\\"version\\\":1}}}\"",
    "vault"
)]
fn what_is_printed_is_read(
    #[case] words: &str,
    #[case] rest: &str,
    #[case] script: &str,
    #[case] reader: &str,
) {
    let context = context();
    let key = context.key("printed");
    context.write("key", &key);
    program(&context, "op", script);
    let row = row(&context, &command(words, rest));
    assert_eq!((&row["state"], &row["verdict"]), (&"found".into(), &"current".into()), "{row:#}");
    assert_eq!((&row["kind"], &row["rank"]), (&"command".into(), &"configured".into()));
    assert!(last_four(&row).len() == 4 && key.ends_with(last_four(&row)), "{row:#}");
    assert_eq!(row["variable"], "OPENAI_API_KEY");
    assert_eq!(row["evidence"]["reader"], reader);
    assert!(row["evidence"]["read_at"].is_string());
}

#[test]
fn arguments_arrive_as_they_are_written_and_no_shell_reads_them() {
    let context = context();
    let script = "printf '%s|' \"$@\" > arguments; pwd > folder; env > environment; cat > input";
    program(&context, "op", script);
    let context = context
        .with("VAULT_TOKEN", "of this shell")
        .with("OPENAI_API_KEY", context_key())
        .with("LD_PRELOAD_LIKE", "x");
    let words = r#"["op", "--flag=$HOME", "-", "a b; rm -rf *", "", "`id`"]"#;
    row(&context, &command(words, "inherit = [\"VAULT_TOKEN\", \"VAULT_ADDR\"]"));
    let read = |name: &str| fs::read_to_string(context.path(name)).expect("what it wrote");
    assert_eq!(read("arguments"), "--flag=$HOME|-|a b; rm -rf *||`id`|");
    let folder = fs::canonicalize(context.path("")).expect("the folder");
    assert_eq!(read("folder").trim_end(), folder.to_str().expect("UTF-8"));
    let environment = read("environment");
    assert!(environment.contains("VAULT_TOKEN=of this shell"), "{environment}");
    assert!(!environment.contains("OPENAI_API_KEY") && !environment.contains("LD_PRELOAD_LIKE"));
    assert_eq!(read("input"), "");
}

fn context_key() -> String {
    format!("sk-proj-{0}T3BlbkFJ{0}", "Q".repeat(74))
}

#[test]
fn a_path_is_that_of_the_inventory() {
    let context = context();
    let key = context.key("beside");
    context.write("key", &key);
    program(&context, "op", "cat key");
    context.inventory(&command(r#"["./bin/op"]"#, ""));
    let mut run = context.command(&["check", "--offline", "--format", "json", "--config"]);
    run.arg(context.path("stalekey.toml")).current_dir("/");
    let report = context.finish(run, "").json();
    let shown = last_four(report.row("vault"));
    assert!(shown.len() == 4 && key.ends_with(shown), "{shown}");
}

#[rstest]
#[case::status(
    "echo \"$SECRET\" >&2; exit 7",
    "",
    "`op` ended with status 7; run it in a terminal: there it says why"
)]
#[case::signed_out(
    "echo \"[ERROR] You are not currently signed in. $SECRET\" >&2; exit 1",
    "",
    "`op` ended with status 1; sign in: `op signin`"
)]
#[case::variable(
    "echo \"$SECRET\" >&2; exit 1",
    "inherit = [\"OP_ACCOUNT\"]",
    "set `OP_ACCOUNT` in this shell: it is named in `inherit`"
)]
#[case::signal("kill -9 $$", "", "`op` was ended by signal 9")]
#[case::endless("exec yes \"$SECRET\"", "", "more than 16 MiB")]
#[case::no_json(
    "echo \"error: $SECRET\"",
    "output = \"json\"",
    "this is not JSON; correct `output`"
)]
#[case::no_shape("echo '{\"a\": {}}'", "output = \"json\"", "give a `pointer` to the values")]
#[case::no_place(
    "echo '{}'",
    "output = \"json\"\npointer = \"/a\"",
    "nothing stands where the pointer points"
)]
fn what_fails_says_why_and_quotes_nothing(
    #[case] script: &str,
    #[case] rest: &str,
    #[case] reason: &str,
) {
    let context = context();
    let key = context.key("said");
    program(&context, "op", &format!("SECRET={key}\n{script}"));
    let row = row(&context, &command(r#"["op"]"#, rest));
    assert_eq!((&row["state"], &row["verdict"]), (&"unreadable".into(), &"unreadable".into()));
    let said = row["reason"].as_str().unwrap_or_default();
    assert!(said.contains(reason), "{said}");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let context = context();
    let row = row(&context, &command(r#"["no-such-program", "-x"]"#, ""));
    assert_eq!(row["verdict"], "unreadable");
    let said = row["reason"].as_str().unwrap_or_default();
    assert!(said.contains("no `no-such-program` here; install"), "{said}");
}

#[test]
fn what_waits_for_ever_is_ended_with_what_it_started() {
    let context = context();
    program(&context, "op", "sleep 1000 &\necho $! > child\nexec sleep 1000");
    let row = row(&context, &command(r#"["op"]"#, ""));
    let said = row["reason"].as_str().unwrap_or_default();
    assert!(said.contains("did not end in time; it may wait for an answer"), "{said}");
    gone(&context);
}

#[test]
fn what_is_left_behind_is_ended() {
    let context = context();
    program(&context, "op", "sleep 1000 > /dev/null 2>&1 &\necho $! > child\necho x");
    let row = row(&context, &command(r#"["op"]"#, ""));
    assert_eq!(row["state"], "found");
    gone(&context);
}

/// The process that the program started has ended.
fn gone(context: &TestContext) {
    let pid = fs::read_to_string(context.path("child")).expect("the child's number");
    let pid = pid.trim();
    until("the child ends", || {
        let status = fs::read_to_string(format!("/proc/{pid}/status"));
        status.map_or(true, |status| status.contains("State:\tZ")).then_some(())
    });
}

#[test]
fn a_line_end_more_is_damage() {
    let context = context();
    let key = context.key("twice");
    program(&context, "op", &format!("printf '%s\\n\\n' {key}"));
    let row = row(&context, &command(r#"["op"]"#, ""));
    assert_eq!(row["verdict"], "malformed");
    assert!(row["key"]["flags"].as_array().is_some_and(|flags| flags.contains(&"lf".into())));
}

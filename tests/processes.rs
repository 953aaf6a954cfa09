//! Running processes as layers, with real ones.

use std::{
    io::Read as _,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
};

use rstest::rstest;

#[path = "support/context.rs"]
mod context;
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;
#[path = "support/nobody.rs"]
mod nobody;

use context::{Report, TestContext};
use contract::{validate, verdicts};
use inventory::{dotenv, layer};

/// A process of the sample's kind: it waits for the end of its input. It ends with the test.
struct Worker(Child);

impl Worker {
    fn start(name: &str, token: &str, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stalekey"))
            .arg0(name)
            .args(["demo-process", "--demo", token])
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        // It says when it runs.
        child.stdout.take().expect("its words").read_exact(&mut [0]).expect("a word");
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A name that no other process has.
fn token(context: &TestContext) -> String {
    let folder = context.path("");
    let name = folder.file_name().expect("the folder has a name");
    name.to_string_lossy().chars().filter(char::is_ascii_alphanumeric).collect()
}

fn process(matching: &str) -> String {
    layer("worker", &format!("kind = \"process\"\nmatch = {{ {matching} }}\n"))
}

fn check(context: &TestContext) -> Report {
    let report = context.run(&["check", "--offline", "--format", "json"]).json();
    validate(&report);
    report
}

#[rstest]
#[case::pid("pid = PID")]
#[case::name("name = \"worker-TOKEN\"")]
#[case::command("command = \"demo-process --demo TOKEN$\"")]
#[case::all_of_them("pid = PID, name = \"worker-TOKEN\", command = \"TOKEN\"")]
fn a_process_is_found(#[case] matching: &str) {
    let context = TestContext::new();
    let (key, token) = (context.key("one"), token(&context));
    context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    let worker = Worker::start(&format!("worker-{token}"), &token, &[("OPENAI_API_KEY", &key)]);
    let matching = matching.replace("PID", &worker.pid().to_string()).replace("TOKEN", &token);
    context.inventory(&(dotenv(".env") + &process(&matching)));
    let report = check(&context);
    let row = report.row("worker");
    assert_eq!(row["instance"]["pid"], worker.pid());
    assert_eq!((&row["state"], &row["rank"]), (&"found".into(), &"launch".into()));
    assert_eq!(row["key"]["fingerprint"], report.row(".env")["key"]["fingerprint"]);
    assert_eq!((&row["verdict"], &row["certainty"]), (&"current".into(), &"likely".into()));
    assert!(row["evidence"]["started_at"].is_string());
    assert_eq!(row["evidence"]["process"]["program"], format!("worker-{token}"));
}

#[test]
fn every_process_that_fits_is_a_row() {
    let context = TestContext::new();
    let (one, two, token) = (context.key("one"), context.key("two"), token(&context));
    let first = Worker::start("first", &token, &[("OPENAI_API_KEY", &one)]);
    let second = Worker::start("second", &token, &[("OPENAI_API_KEY", &two)]);
    let third = Worker::start("third", &token, &[("OTHER", "value")]);
    let expect = format!("expect.openai = {{ last4 = \"{}\" }}\n", one.get(160..).unwrap());
    context.inventory(&(expect + &process(&format!("command = \"{token}\"")) + "min = 4\n"));
    let report = check(&context);
    let verdict = |worker: &Worker| {
        let rows = report.rows().iter();
        let row = rows.into_iter().find(|row| row["instance"]["pid"] == worker.pid()).unwrap();
        format!("{} {}", row["state"].as_str().unwrap(), row["verdict"].as_str().unwrap())
    };
    assert_eq!(verdict(&first), "found current");
    assert_eq!(verdict(&second), "found mismatch");
    assert_eq!(verdict(&third), "opaque unproven", "it may load a file of its own");
    let fewer: Vec<_> = report.rows().iter().filter(|row| row["instance"].is_null()).collect();
    assert_eq!(fewer.len(), 1, "fewer than `min` run");
    assert_eq!((&fewer[0]["state"], &fewer[0]["verdict"]), (&"missing".into(), &"unproven".into()));
}

#[test]
fn a_process_that_has_ended_is_not_running() {
    let context = TestContext::new();
    let (key, token) = (context.key("one"), token(&context));
    let worker = Worker::start("worker", &token, &[("OPENAI_API_KEY", &key)]);
    context.inventory(&process(&format!("pid = {}, command = \"{token}\"", worker.pid())));
    assert_eq!(check(&context).row("worker")["state"], "found");
    drop(worker);
    let run = context.run(&["check", "--offline", "--format", "json"]);
    assert_eq!(run.code, Some(3));
    let report = run.json();
    let row = report.row("worker");
    assert_eq!((&row["state"], &row["verdict"]), (&"missing".into(), &"unproven".into()));
    assert!(row["reason"].as_str().unwrap().starts_with("not_running"), "{row:#}");
}

/// What may not be read is never taken for "not there".
#[test]
fn a_process_of_another_user_is_unreadable() {
    let context = TestContext::new();
    let (key, token) = (context.key("one"), token(&context));
    if !rustix::process::geteuid().is_root() {
        println!("skipped: this user can start no process of another user");
        return;
    }
    let worker = Worker::start("worker", &token, &[("OPENAI_API_KEY", &key)]);
    context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    context.inventory(&(dotenv(".env") + &process(&format!("command = \"{token}\""))));
    let arguments = ["check", "--offline", "--format", "json"];
    let Some(command) = context.command_without_rights(&arguments) else { return };
    let report = context.finish(command, "").json();
    assert_eq!(verdicts(&report), [(".env", "current"), ("worker", "unreadable")]);
    let row = report.row("worker");
    assert_eq!(row["state"], "unreadable");
    assert_eq!(row["instance"]["pid"], worker.pid());
    assert_eq!(row["diagnoses"], serde_json::json!(["SK502"]));
    assert!(row["reason"].as_str().unwrap().contains("`root`"), "{row:#}");
}

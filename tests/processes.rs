//! Running processes as layers, with real ones.

use std::{
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use rstest::rstest;

#[path = "support/changing.rs"]
mod changing;
#[path = "support/context.rs"]
mod context;
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/nobody.rs"]
mod nobody;

use changing::{Changing, Linked};
use context::{Report, TestContext};
use contract::{validate, verdicts};
use inventory::{dotenv, layer};
use memory::{memory_can_be_read, without_memory};

/// A process of the sample's kind: it waits for the end of its input. It ends with the test.
struct Worker(Child);

impl Worker {
    fn start(name: &str, token: &str, variables: &[(&str, &str)]) -> Self {
        Self::start_in(Path::new("/"), name, token, variables)
    }

    fn start_in(folder: &Path, name: &str, token: &str, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stalekey"))
            .arg0(name)
            .current_dir(folder)
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
#[case::pid_file("pid_file = \"run/worker.pid\"")]
#[case::folder("folder = \"work\"")]
#[case::all_of_them("pid = PID, name = \"worker-TOKEN\", command = \"TOKEN\", folder = \"work\"")]
fn a_process_is_found(#[case] matching: &str) {
    let context = TestContext::new();
    let (key, token) = (context.key("one"), token(&context));
    context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    std::fs::create_dir(context.path("work")).unwrap();
    let name = format!("worker-{token}");
    let worker =
        Worker::start_in(&context.path("work"), &name, &token, &[("OPENAI_API_KEY", &key)]);
    context.write("run/worker.pid", format!("{}\nmore\n", worker.pid()));
    let matching = matching.replace("PID", &worker.pid().to_string()).replace("TOKEN", &token);
    let expect = "expect.openai = { reference = \".env\" }\n".to_owned();
    context.inventory(&(expect + &dotenv(".env") + &process(&matching)));
    let report = check(&context);
    let row = report.row("worker");
    assert_eq!(row["instance"]["pid"], worker.pid());
    let (rank, certainty) =
        if memory_can_be_read() { ("live", "certain") } else { ("launch", "likely") };
    assert_eq!((&row["state"], &row["rank"]), (&"found".into(), &rank.into()));
    assert_eq!(row["key"]["fingerprint"], report.row(".env")["key"]["fingerprint"]);
    assert_eq!((&row["verdict"], &row["certainty"]), (&"current".into(), &certainty.into()));
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
    assert!(fewer[0]["reason"].as_str().unwrap().contains("`min`"), "{:#}", fewer[0]);
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
#[rstest]
#[case::command("command = \"TOKEN\"")]
#[case::pid("pid = PID")]
fn a_process_of_another_user_is_unproven_and_says_what_to_do(#[case] matching: &str) {
    let context = TestContext::new();
    let (key, token) = (context.key("one"), token(&context));
    if !rustix::process::geteuid().is_root() {
        println!("skipped: this user can start no process of another user");
        return;
    }
    let worker = Worker::start("worker", &token, &[("OPENAI_API_KEY", &key)]);
    context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    let matching = matching.replace("PID", &worker.pid().to_string()).replace("TOKEN", &token);
    context.inventory(&(dotenv(".env") + &process(&matching)));
    let arguments = ["check", "--offline", "--format", "json"];
    let Some(command) = context.command_without_rights(&arguments) else { return };
    let run = context.finish(command, "");
    assert_eq!(run.code, Some(3));
    let report = run.json();
    validate(&report);
    assert_eq!(verdicts(&report), [(".env", "current"), ("worker", "unproven")]);
    let row = report.row("worker");
    assert_eq!(row["state"], "unreadable");
    assert_eq!(row["instance"]["pid"], worker.pid());
    assert_eq!(row["diagnoses"], serde_json::json!(["SK502"]));
    assert!(row["reason"].as_str().unwrap().ends_with("`root`; run stalekey as root"), "{row:#}");
}

/// The shell that stalekey was started from works in the same folder.
#[test]
fn what_stalekey_was_started_from_is_not_meant() {
    let context = TestContext::new();
    context.inventory(&process("folder = \".\""));
    let plain = context.command(&["check", "--offline", "--format", "json"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$0\" \"$@\"; exit $?"]).arg(plain.get_program()).args(plain.get_args());
    shell.current_dir(context.path(""));
    let report = context.finish(shell, "").json();
    assert!(report.row("worker")["instance"].is_null(), "{:#}", report.0["rows"]);
}

/// By what may not be seen, nothing is taken for "not running".
#[rstest]
#[case::folder("folder = \"work\"", "it may not be seen where")]
#[case::port("port = PORT", "listens on port")]
fn what_may_not_be_seen_is_not_missing(#[case] matching: &str, #[case] said: &str) {
    let context = TestContext::new();
    if !rustix::process::geteuid().is_root() {
        println!("skipped: this user can start no process of another user");
        return;
    }
    std::fs::create_dir(context.path("work")).unwrap();
    let _worker = Worker::start_in(&context.path("work"), "worker", &token(&context), &[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    context.inventory(&process(&matching.replace("PORT", &port.to_string())));
    let arguments = ["check", "--offline", "--format", "json"];
    let Some(command) = context.command_without_rights(&arguments) else { return };
    let run = context.finish(command, "");
    assert_eq!(run.code, Some(3));
    let report = run.json();
    let row = report.row("worker");
    assert_eq!((&row["state"], &row["verdict"]), (&"unreadable".into(), &"unproven".into()));
    let reason = row["reason"].as_str().unwrap();
    assert!(reason.contains(said) && reason.contains("run stalekey as"), "{row:#}");
}

/// The kernel may show what a process was launched with and keep its memory from us: then that
/// stands, and the row says what would prove it. A root without one capability stands for every
/// user where Yama is.
#[test]
fn where_memory_is_denied_the_launch_stands() {
    let context = TestContext::new();
    let (key, token) = (context.key("one"), token(&context));
    let worker = Worker::start("worker", &token, &[("OPENAI_API_KEY", &key)]);
    context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    context.inventory(&(dotenv(".env") + &process(&format!("pid = {}", worker.pid()))));
    let arguments = ["check", "--offline", "--format", "json"];
    let Some(command) = without_memory(&context.command(&arguments)) else {
        println!("skipped: this user cannot give a capability away");
        return;
    };
    let report = context.finish(command, "").json();
    validate(&report);
    let row = report.row("worker");
    assert_eq!((&row["verdict"], &row["rank"]), (&"current".into(), &"launch".into()), "{row:#}");
    assert_eq!(row["certainty"], "likely");
    assert!(row["reason"].as_str().unwrap().contains("CAP_SYS_PTRACE"), "{row:#}");
}

/// What `getenv` gives a program now, however it came there.
#[rstest]
#[case::set("put OPENAI_API_KEY=NEW", Some("new"))]
#[case::long("put OPENAI_API_KEY=LONG", Some("long"))]
#[case::first_of_two("twice OPENAI_API_KEY=NEW OPENAI_API_KEY=OLD", Some("new"))]
#[case::erased_block("erase", Some("old"))]
#[case::unset("unset OPENAI_API_KEY", None)]
#[case::cleared("clear", None)]
#[case::untouched("put OTHER=x", Some("old"))]
fn a_program_is_asked_what_it_holds_now(
    #[values(Linked::Dynamically, Linked::AtAFixedPlace, Linked::Statically)] linked: Linked,
    #[case] told: &str,
    #[case] holds: Option<&str>,
) {
    let context = TestContext::new();
    let (old, new) = (context.key("old"), context.key("new"));
    // Over the borders of pages.
    let long = format!("{new}{}", "x".repeat(70_000));
    let Some(mut program) = Changing::start(linked, "app", &[("OPENAI_API_KEY", &old)]) else {
        return;
    };
    if !memory_can_be_read() {
        println!("skipped: the system keeps memory from this user");
        return;
    }
    program.tell(&told.replace("NEW", &new).replace("OLD", &old).replace("LONG", &long));
    for (name, key) in [("old", &old), ("new", &new), ("long", &long)] {
        context.write(name, format!("OPENAI_API_KEY={key}\n"));
    }
    context.inventory(
        &(dotenv("old")
            + &dotenv("new")
            + &dotenv("long")
            + &process(&format!("pid = {}", program.pid()))),
    );
    let report = check(&context);
    let row = report.row("worker");
    assert_eq!(row["rank"], "live", "{row:#}");
    if let Some(name) = holds {
        assert_eq!(row["key"]["fingerprint"], report.row(name)["key"]["fingerprint"], "{row:#}");
    } else {
        assert_eq!((&row["state"], &row["verdict"]), (&"opaque".into(), &"unproven".into()));
        assert!(row["reason"].as_str().unwrap().contains("not in its environment now"));
    }
    if told.starts_with("put OPENAI") {
        let occurrences = row["occurrences"].as_array().unwrap();
        let origins: Vec<_> = occurrences.iter().map(|it| (&it["origin"], &it["wins"])).collect();
        let expected = [
            (&"live_environment".into(), &true.into()),
            (&"launch_environment".into(), &false.into()),
        ];
        assert_eq!(origins, expected, "what it was launched with is shown beside it");
    }
}

/// The files of a container are not those of this system.
#[test]
fn a_program_in_a_container_is_asked_through_its_own_root() {
    let context = TestContext::new();
    let (old, new) = (context.key("old"), context.key("new"));
    let folder = context.path("container");
    let Some(mut program) = Changing::start_in_a_container(&folder, &[("OPENAI_API_KEY", &old)])
    else {
        return;
    };
    program.tell(&format!("put OPENAI_API_KEY={new}"));
    context.write("new", format!("OPENAI_API_KEY={new}\n"));
    context.inventory(&(dotenv("new") + &process(&format!("pid = {}", program.pid()))));
    let report = check(&context);
    let row = report.row("worker");
    assert_eq!(row["rank"], "live", "{row:#}");
    assert_eq!(row["key"]["fingerprint"], report.row("new")["key"]["fingerprint"]);
}

#[test]
fn a_program_without_symbols_shows_its_launch_alone() {
    let context = TestContext::new();
    let (old, new) = (context.key("old"), context.key("new"));
    let Some(mut program) = Changing::start(Linked::Stripped, "app", &[("OPENAI_API_KEY", &old)])
    else {
        return;
    };
    program.tell(&format!("put OPENAI_API_KEY={new}"));
    context.write(".env", format!("OPENAI_API_KEY={old}\n"));
    context.inventory(&(dotenv(".env") + &process(&format!("pid = {}", program.pid()))));
    let report = check(&context);
    let row = report.row("worker");
    assert_eq!((&row["rank"], &row["certainty"]), (&"launch".into(), &"likely".into()));
    if memory_can_be_read() {
        assert!(row["reason"].as_str().unwrap().contains("linked statically"), "{row:#}");
    }
}

#[test]
fn who_listens_on_a_port_and_what_descends_from_it() {
    let context = TestContext::new();
    let (key, token) = (context.key("one"), token(&context));
    let port_of = |listener: &std::net::TcpListener| listener.local_addr().unwrap().port();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = port_of(&listener);
    // It inherits the socket, and this test holds it too.
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty()).unwrap();
    let worker = Worker::start("worker", &token, &[("OPENAI_API_KEY", &key)]);
    drop(listener);
    context.inventory(&process(&format!("port = {port}, command = \"{token}\"")));
    assert_eq!(check(&context).row("worker")["instance"]["pid"], worker.pid());

    let Some(mut parent) = Changing::start(Linked::Dynamically, "parent", &[]) else { return };
    parent.tell("fork");
    context.inventory(&(process(&format!("pid = {}", parent.pid())) + "tree = \"descendants\"\n"));
    let report = check(&context);
    let pids: Vec<_> = report.rows().iter().map(|row| row["instance"]["pid"].as_u64()).collect();
    assert_eq!(pids.len(), 2, "{:#}", report.0["rows"]);
    let forked = report.rows().iter().find(|row| row["instance"]["pid"] != parent.pid()).unwrap();
    if memory_can_be_read() {
        assert_eq!(forked["evidence"]["process"]["oldest_ancestor"], parent.pid());
    }
}

#[rstest]
#[case::nothing("", "not_running")]
#[case::no_number("worker\n", "does not begin with the number")]
#[case::of_an_ended_process("4194304\n", "not_running")]
fn a_pid_file_without_a_process(#[case] text: &str, #[case] said: &str) {
    let context = TestContext::new();
    if !text.is_empty() {
        context.write("worker.pid", text);
    }
    context.inventory(&process("pid_file = \"worker.pid\""));
    let report = check(&context);
    let row = report.row("worker");
    assert_eq!(row["verdict"], "unproven");
    assert!(row["reason"].as_str().unwrap().contains(said), "{row:#}");
}

#[test]
fn a_pid_file_older_than_the_process_is_of_another_one() {
    let context = TestContext::new();
    let worker = Worker::start("worker", &token(&context), &[]);
    let file = context.write("worker.pid", format!("{}\n", worker.pid()));
    let written = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
    std::fs::File::open(&file).unwrap().set_modified(written).unwrap();
    context.inventory(&process("pid_file = \"worker.pid\""));
    assert!(check(&context).row("worker")["reason"].as_str().unwrap().starts_with("not_running"));
}

//! `stalekey demo`: the sample environment, and that nothing of it stays.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, PipeWriter, Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Stdio},
};

use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

#[path = "support/context.rs"]
mod context;
#[path = "support/contract.rs"]
mod contract;
#[expect(dead_code, reason = "only what trusts an inventory is used")]
#[path = "support/inventory.rs"]
mod inventory;
#[path = "support/wait.rs"]
mod wait;

use context::{Report, TestContext, permit};
use contract::{validate, verdicts};
use wait::until;

#[test]
fn it_shows_a_rotation_that_was_forgotten_in_places() {
    let context = TestContext::new();
    let run = context.run(&["demo", "--format", "json"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""));
    let report = run.json();
    validate(&report);
    let of = |verdict: &str| -> Vec<&Value> {
        report.rows().iter().filter(|row| row["verdict"] == verdict).collect()
    };
    let mut environments: Vec<&Value> =
        report.rows().iter().map(|row| &row["environment"]).collect();
    environments.dedup();
    assert_eq!(environments, ["production", "production", "staging", "development"][1..]);
    assert!(report.rows().len() >= 9 && of("current").len() >= 4, "{report:?}");
    assert!(of("stale").len() >= 3 && of("stale").iter().any(|row| row["kind"] == "process"));
    for row in of("stale") {
        assert!(row["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{row:#}");
        assert_ne!(row["diagnoses"].as_array().map(Vec::len), Some(0), "{row:#}");
    }
    let summary = &report.0["summary"];
    assert_eq!(summary["requests"], summary["distinct_keys"]);

    assert_eq!(leftovers(&context), Vec::<PathBuf>::new());
    let pids = report.rows().iter().filter_map(|row| row["instance"]["pid"].as_u64());
    let alive: Vec<u64> = pids.filter(|pid| is_sample(*pid)).collect();
    assert_eq!(alive, Vec::<u64>::new(), "its processes are gone");
    let endpoint = report.rows()[0]["probe"]["endpoint"].as_str().unwrap();
    let port: u16 = endpoint.split([':', '/']).nth(4).unwrap().parse().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "its port is closed");
}

#[test]
fn without_a_terminal_it_prints_the_table() {
    let run = TestContext::new().run(&["demo"]);
    assert_eq!(run.code, Some(1));
    for text in
        ["production · openai", "✓ current", "✗ stale", "SK201 error", "A restart will help."]
    {
        assert!(run.stdout.contains(text), "{text}\n{}", run.stdout);
    }
    assert!(!run.stdout.contains('\u{1b}'));
}

/// It can be stopped at any moment: while the sample is made, and while a result is written.
#[rstest]
#[case::as_soon_as_its_folder_is_there(0)]
#[case::when_its_processes_run(2)]
fn a_signal_in_the_middle_leaves_nothing_behind(#[case] processes: usize) {
    let context = TestContext::new();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let (_reader, writer) = full_pipe();
        let mut command = context.command(&["demo"]);
        let mut demo = Running(command.stdout(writer).stderr(Stdio::null()).spawn().unwrap());
        until("the sample is there", || {
            (!leftovers(&context).is_empty() && demo.processes().len() >= processes).then_some(())
        });
        let started = demo.processes();
        demo.signal(signal);
        assert_eq!(demo.end(), Some(128 + signal.as_raw()));
        assert_eq!(leftovers(&context), Vec::<PathBuf>::new());
        assert!(!started.iter().any(|pid| is_sample(*pid)), "its processes are gone");
    }
}

#[test]
fn killed_without_warning_it_leaves_no_process_behind() {
    let context = TestContext::new();
    let (_reader, writer) = full_pipe();
    let mut demo = Running(context.command(&["demo"]).stdout(writer).spawn().unwrap());
    let started = until("its processes run", || {
        let processes = demo.processes();
        (processes.len() == 2).then_some(processes)
    });
    demo.signal(Signal::KILL);
    assert_eq!(demo.end(), None);
    until("its processes are gone", || (!started.iter().any(|pid| is_sample(*pid))).then_some(()));
}

#[test]
fn a_kept_sample_is_an_inventory_like_any_other() {
    let context = TestContext::new();
    let fresh = context.run(&["demo", "--format", "json"]).json();
    let mut command = context.command(&["demo", "--keep", "my sample"]);
    let mut demo = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut words = BufReader::new(demo.0.stdout.take().unwrap());
    let mut shown = String::new();
    while !shown.contains("Ctrl-C") {
        assert_ne!(words.read_line(&mut shown).unwrap(), 0, "{shown}");
    }
    assert!(shown.contains("stalekey --config 'my sample/stalekey.toml'"), "{shown}");
    // Nobody else may read or change the sample's files.
    permit(&context.path("my sample"), 0o700);
    let file = fs::read_to_string(context.path("my sample/services/api/.env")).unwrap();
    for key in file.lines().filter_map(|line| line.split_once('=')).map(|(_, key)| key) {
        context.must_not_show(key);
    }

    let arguments = ["check", "--config", "my sample/stalekey.toml", "--format", "json"];
    assert!(shown.contains("stalekey trust --config 'my sample/stalekey.toml'"), "{shown}");
    assert_eq!(context.run(&arguments).code, Some(4), "nobody trusts it yet");
    context.trust(&arguments[1..3]);
    let beside = context.run(&arguments).json();
    validate(&beside);
    assert_eq!(verdicts(&beside), verdicts(&fresh));

    let started = demo.processes();
    assert_eq!(started.len(), 2);
    demo.signal(Signal::INT);
    assert_eq!(demo.end(), Some(0));
    assert!(!started.iter().any(|pid| is_sample(*pid)), "its processes are gone");
    words.read_to_string(&mut shown).unwrap();
    assert!(context.path("my sample/stalekey.toml").exists(), "its files stay");
    let after: Report = context.run(&arguments).json();
    assert_eq!(after.row("api process")["verdict"], "unproven", "it runs no more");
}

#[test]
fn a_folder_with_something_in_it_is_refused() {
    let context = TestContext::new().with("LANG", "C");
    context.write("mine/notes.txt", "kept");
    let run = context.run(&["demo", "--keep", "mine"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("mine is not empty") && run.stderr.contains("hint:"), "{run:?}");
    assert_eq!(fs::read_dir(context.path("mine")).unwrap().count(), 1);
}

/// A demo that runs; it never outlives its test.
struct Running(Child);

impl Running {
    /// Its children that live on as processes of the sample.
    fn processes(&self) -> Vec<u64> {
        let all = fs::read_dir("/proc").expect("processes").flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok());
        pids.filter(|pid| is_sample(*pid) && parent(*pid) == Some(u64::from(self.0.id()))).collect()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it runs");
    }

    /// Its exit code, once it has ended.
    fn end(&mut self) -> Option<i32> {
        until("it ends", || self.0.try_wait().expect("our child")).code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_sample(pid: u64) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).any(|argument| argument == b"demo-process")
}

fn parent(pid: u64) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// What lies in the temporary folder.
fn leftovers(context: &TestContext) -> Vec<PathBuf> {
    let all = fs::read_dir(context.path("temporary")).expect("our folder").flatten();
    all.map(|entry| entry.path()).collect()
}

/// A pipe that nobody empties: whoever writes to it waits.
fn full_pipe() -> (io::PipeReader, PipeWriter) {
    use rustix::fs::{OFlags, fcntl_setfl};
    let (reader, mut writer) = io::pipe().expect("a pipe");
    fcntl_setfl(&writer, OFlags::NONBLOCK).expect("a mode");
    for size in [4096, 1] {
        while writer.write(&vec![b'.'; size]).is_ok() {}
    }
    fcntl_setfl(&writer, OFlags::empty()).expect("a mode");
    (reader, writer)
}

//! Panics, and what the processes that stalekey starts get to know.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use stalekey::{
    domain::secret::SecretValue,
    probe::{Endpoint, Plan},
    providers::Catalogue,
};

use super::{
    canary::{Canary, Format, Mint},
    gate::Gate,
    world::{Variables, World},
};

/// The child's canary comes out of this.
const PANIC_VARIABLE: &str = "STALEKEY_LEAK_PANIC";

/// In a process of its own: the hook is the process's.
#[test]
fn a_panic_prints_its_place_and_no_payload() {
    if let Ok(key) = std::env::var(PANIC_VARIABLE) {
        stalekey::protection::protect_this_process();
        let parsed: Result<u32, String> = Err(key);
        // What every careless `unwrap` would print.
        let _ = std::panic::catch_unwind(|| parsed.clone().unwrap());
        return;
    }
    let mut gate = Gate::new();
    let key = gate.key(Format::OpenaiProject, "a panic");
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["process::a_panic_prints_its_place_and_no_payload", "--exact", "--nocapture"])
        .env(PANIC_VARIABLE, key.text())
        .env("RUST_BACKTRACE", "full")
        .output()
        .expect("this program starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("stalekey: internal error at "), "{said}");
    gate.saw("stdout of a panic", output.stdout);
    gate.saw("stderr of a panic", output.stderr);
    gate.verdict();
}

#[test]
fn debug_of_what_holds_a_key_shows_nothing() {
    let mut gate = Gate::new();
    for format in Format::ALL {
        let key = gate.key(format, "a value");
        let secret = SecretValue::new(key.bytes());
        let plan = Plan {
            key: secret.clone(),
            provider: "openai".to_owned(),
            endpoint: Endpoint::parse("https://api.openai.com/v1").expect("an endpoint"),
            organisation: None,
            project: None,
            companions: std::collections::BTreeMap::new(),
            models: Vec::new(),
            expected: false,
        };
        let recognition = Catalogue::embedded().recognise(&secret, None);
        gate.saw("Debug", format!("{secret:?} {secret:#?} {plan:?} {plan:#?} {recognition:?}"));
    }
    gate.verdict();
}

/// The processes of the demo get their synthetic keys and nothing of this shell.
#[test]
fn children_get_nothing_of_the_shell() {
    let mut gate = Gate::new();
    let mut variables = Variables::new();
    for (variable, format) in
        [("OPENAI_API_KEY", Format::OpenaiProject), ("ANTHROPIC_API_KEY", Format::Anthropic)]
    {
        variables.push((variable.to_owned(), gate.key(format, "the shell").bytes()));
    }
    let world = World::new();
    let mut demo = world
        .program(&[b"demo", b"--keep", b"sample"], &variables)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the demo starts");
    let mut lines = BufReader::new(demo.stdout.take().expect("a pipe")).lines();
    // Once it says so, everything is running.
    let said = lines.next().expect("a line").expect("text");
    gate.saw("stdout of the demo", said);
    let children = children_of(demo.id());
    assert_eq!(children.len(), 2, "{children:?}");
    for child in children {
        for file in ["cmdline", "environ", "comm"] {
            // It is empty until the kernel has finished starting the child.
            let bytes = loop {
                let bytes = fs::read(format!("/proc/{child}/{file}")).expect("a child's file");
                if !bytes.is_empty() {
                    break bytes;
                }
                std::thread::yield_now();
            };
            gate.saw(format!("{file} of a child"), bytes);
        }
    }
    gate.saw("cmdline", fs::read(format!("/proc/{}/cmdline", demo.id())).expect("its file"));
    let pid = rustix::process::Pid::from_child(&demo);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
    assert!(demo.wait().expect("it ends").success());
    gate.verdict();
}

fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.lines().any(|line| line == format!("PPid:\t{parent}"))
        })
        .collect()
}

#[test]
fn a_printed_seed_gives_the_same_keys() {
    let bodies = |mint: &mut Mint| -> Vec<Vec<u8>> {
        Format::ALL.iter().map(|format| Canary::bytes(&mint.make(*format, "a key"))).collect()
    };
    let (mut left, mut right) = (Mint::seeded(7), Mint::seeded(7));
    assert_eq!(bodies(&mut left), bodies(&mut right));
    assert_ne!(bodies(&mut left), bodies(&mut Mint::seeded(8)));
}

//! Picking, on a real pseudo-terminal.

use std::{
    io::{Read as _, Write as _},
    sync::mpsc,
    thread,
    time::Duration,
};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::layers;
use crate::context::TestContext;

/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs `stalekey init` on a terminal and answers its questions; gives all that it wrote, and
/// whether it succeeded.
fn answering(context: &TestContext, flags: &[&str], answers: &[(&str, &str)]) -> (String, bool) {
    let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
    let plain = context.command(&[]);
    let mut command = CommandBuilder::new(plain.get_program());
    command.arg("init");
    command.args(flags);
    command.cwd(context.path(""));
    command.env_clear();
    for (name, value) in plain.get_envs() {
        command.env(name, value.expect("a value"));
    }
    command.env("TERM", "xterm");
    command.env("NO_COLOR", "1");
    command.env("LANG", "C");
    let mut child = pair.slave.spawn_command(command).expect("a process");
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().expect("its output");
    let (sender, output) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut bytes) {
            if sender.send(bytes[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut input = pair.master.take_writer().expect("its input");
    let (mut seen, mut answered) = (Vec::new(), 0);
    for (question, answer) in answers {
        loop {
            let text = String::from_utf8_lossy(&seen[answered..]).into_owned();
            if text.contains(question) {
                break;
            }
            let more = output.recv_timeout(PATIENCE);
            seen.extend(more.unwrap_or_else(|_| panic!("no `{question}`: {text}")));
        }
        answered = seen.len();
        input.write_all(answer.as_bytes()).expect("an answer");
        input.flush().expect("an answer");
    }
    let success = child.wait().expect("it ends").success();
    drop((input, pair.master));
    while let Ok(more) = output.recv_timeout(PATIENCE) {
        seen.extend(more);
    }
    (String::from_utf8(seen).expect("text"), success)
}

#[test]
fn a_person_picks_by_numbers() {
    let context = TestContext::new();
    for folder in ["a", "b", "c"] {
        let key = context.key(folder);
        context.write(&format!("{folder}/.env"), format!("OPENAI_API_KEY={key}\n"));
    }
    let answers = [
        ("running processes and containers, too?", "\n"),
        ("Which ones?", "7\n"),
        ("none of 1 to 3", "1 3\n"),
    ];
    let (seen, success) = answering(&context, &[], &answers);
    assert!(success, "{seen}");
    assert!(seen.is_ascii(), "{seen}");
    assert!(!seen.contains('\u{1b}') && seen.lines().all(|line| line.len() <= 100), "{seen}");
    assert_eq!(layers(&context.written()).keys().collect::<Vec<_>>(), ["a .env", "c .env"]);
    let first = context.written();
    // Enter alone is no yes, and whoever says none gets none.
    let (seen, success) = answering(&context, &[], &[("Add what is new to it", "\n")]);
    assert!(!success && context.written() == first, "{seen}");
    let answers =
        [("Add what is new to it", "y\n"), ("containers, too?", "n\n"), ("Which ones?", "none\n")];
    let (seen, success) = answering(&context, &[], &answers);
    assert!(!success && seen.contains("Nothing was written"), "{seen}");
    assert_eq!(context.written(), first);
    let answers = [("containers, too?", "n\n"), ("Which ones?", "\n")];
    let (seen, success) = answering(&context, &["--update"], &answers);
    assert!(success && context.written().starts_with(&first), "{seen}");
    assert_eq!(layers(&context.written()).len(), 3);
}

//! Running processes, which are looked at when a person asks for it.

use std::{
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use super::layers;
use crate::context::TestContext;

/// A process that waits for the end of its input. It ends with the test.
struct Worker(Child);

impl Worker {
    fn start(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stalekey"))
            .arg0("worker")
            .current_dir(folder)
            .args(["demo-process", "--demo", "init"])
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
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn a_process_of_this_user_is_a_layer_by_its_program_and_folder() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let context = TestContext::new();
    let key = context.key("one");
    context.write("api/.env", format!("OPENAI_API_KEY={key}\n"));
    let _two = [(); 2].map(|()| Worker::start(&context.path("api"), &[("OPENAI_API_KEY", &key)]));
    let _idle = Worker::start(&context.path("api"), &[("OTHER", &key)]);
    let outside = tempfile::tempdir().unwrap();
    let _away = Worker::start(outside.path(), &[("OPENAI_API_KEY", &key)]);
    context.init(&[]);
    assert_eq!(layers(&context.written()).len(), 1, "nobody asked for processes");
    let run = context.init(&["--update", "--running"]);
    let text = context.written();
    let found = layers(&text);
    assert_eq!(found["api worker process"], "process development openai", "{text}");
    assert_eq!(found.len(), 2, "{text}");
    assert!(text.contains("match = { name = \"worker\", folder = \"api\" }"), "{text}");
    assert!(text.contains("source = \"api .env\""), "{text}");
    assert!(run.stdout.contains("work outside this folder, not proposed: "), "{run:?}");
    assert!(
        run.stdout.contains("READ  the environments of running processes named `worker`"),
        "{run:?}"
    );
    context.trust(&[]);
    let report = context.run(&["check", "--offline", "--format", "json"]).json();
    let rows = report.rows().iter().filter(|row| row["layer"] == "api worker process");
    assert_eq!(rows.filter(|row| row["state"] == "found").count(), 2);
    // They are known now, whatever the layer is called.
    let renamed = text
        .replace("api worker process", "workers")
        .replace("name = \"worker\", folder = \"api\"", "folder = \"api\"");
    context.write("stalekey.toml", &renamed);
    let again = context.init(&["--update", "--running"]);
    assert!(again.stdout.contains("Nothing is new"), "{again:?}");
    assert_eq!(context.written(), renamed);
}

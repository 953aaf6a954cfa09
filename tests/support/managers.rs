//! Stand-ins for the commands of process managers, and processes for them to name.

use std::{
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::context::{TestContext, permit};

/// A program in the folder that every run of the context finds its programs in.
pub(crate) fn stand_in(context: &TestContext, name: &str, script: &str) {
    let file = context.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
    permit(&file, 0o700);
}

/// A process that waits for the end of its input, and ends with the test.
pub(crate) struct Worker(Child);

impl Worker {
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        Self::named("worker", variables)
    }

    /// The first word of its command line is this.
    pub(crate) fn named(name: &str, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stalekey"))
            .arg0(name)
            .current_dir(Path::new("/"))
            .args(["demo-process", "--demo", "managed"])
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

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

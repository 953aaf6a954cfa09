//! The sample's real processes: this program again, under another name, asleep.

use std::{
    env, io,
    io::Read as _,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
};

use super::sample::Sample;
use crate::domain::secret::SecretValue;

/// The hidden subcommand that the processes run.
pub const SUBCOMMAND: &str = "demo-process";

/// The two processes of the sample. They end with their standard input, so also when this program
/// is killed.
pub(super) struct Processes {
    production: Running,
    _staging: Running,
}

impl Processes {
    /// Starts both: production before its rotation, staging after its own.
    pub(super) fn start(sample: &Sample) -> io::Result<Self> {
        let keys = sample.keys();
        Ok(Self {
            production: Running::start("demo-api", sample.token(), &keys.production_old)?,
            _staging: Running::start("demo-worker", sample.token(), &keys.staging_new)?,
        })
    }

    /// What a person does with `restart`: the new process takes what the file says now.
    pub(super) fn restart_production(&mut self, sample: &Sample) -> io::Result<()> {
        self.production.stop();
        let keys = sample.keys();
        self.production = Running::start("demo-api", sample.token(), &keys.production_new)?;
        Ok(())
    }
}

struct Running(Child);

impl Running {
    fn start(name: &str, token: &str, key: &SecretValue) -> io::Result<Self> {
        use std::os::unix::ffi::OsStrExt as _;
        Command::new(env::current_exe()?)
            .arg0(name)
            .args([SUBCOMMAND, "--demo", token])
            .env_clear()
            // A synthetic key: that it stands in a child's environment is what the demo shows.
            .env("OPENAI_API_KEY", std::ffi::OsStr::from_bytes(key.expose()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
    }

    fn stop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The whole life of such a process.
pub fn wait_until_parent_ends() {
    let mut byte = [0];
    while matches!(io::stdin().read(&mut byte), Ok(1)) {}
}

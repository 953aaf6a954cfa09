//! The sample's real processes: this program again, under another name, asleep.

use std::{
    env, io,
    io::{Read as _, Write as _},
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
        let mut child = Command::new(env::current_exe()?)
            .arg0(name)
            .args([SUBCOMMAND, "--demo", token])
            .env_clear()
            // A synthetic key: that it stands in a child's environment is what the demo shows.
            .env("OPENAI_API_KEY", std::ffi::OsStr::from_bytes(key.expose()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let ready = child.stdout.take().map(|mut words| words.read_exact(&mut [0]));
        let running = Self(child);
        // Before that the system may not show its environment yet.
        ready.transpose()?;
        Ok(running)
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

/// The whole life of such a process: it says that it is there, and waits.
pub fn wait_until_parent_ends() {
    let mut byte = [0];
    // Whoever started it may not want to know.
    let _ = io::stdout().write_all(b"\n").and_then(|()| io::stdout().flush());
    while matches!(io::stdin().read(&mut byte), Ok(1)) {}
}

//! Runs as a user without rights, also where the tests run as root.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
};

use crate::context::{TestContext, permit};

/// The number of the user `nobody`.
const NOBODY: &str = "65534";

impl TestContext {
    /// The program, ready to be started as a user who owns nothing here and may read what is for
    /// the user alone in no other way. `None`, with a word on the test's output, where the system
    /// does not allow that.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    pub(crate) fn command_without_rights(&self, arguments: &[&str]) -> Option<Command> {
        let command = self.command(arguments);
        if !rustix::process::geteuid().is_root() {
            return Some(command);
        }
        self.open_to_all();
        let runs = |output: Output| output.status.success();
        if !as_nobody(&self.command(&["--version"])).output().is_ok_and(runs) {
            println!("skipped: the program cannot be run as another user here");
            return None;
        }
        Some(as_nobody(&command))
    }

    /// Everybody may read what its owner may, and keep a state of their own.
    fn open_to_all(&self) {
        permit(&self.path("."), 0o755);
        for entry in fs::read_dir(self.path(".")).expect("our own folder").flatten() {
            let mode = entry.metadata().expect("its metadata").permissions().mode();
            permit(&entry.path(), mode & 0o700 | (mode & 0o500) >> 3 | (mode & 0o500) >> 6);
        }
        permit(&self.path("home"), 0o777);
    }
}

fn as_nobody(command: &Command) -> Command {
    let mut other = Command::new("setpriv");
    other.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    other.arg(command.get_program()).args(command.get_args());
    let variables: Vec<(&OsStr, &OsStr)> =
        command.get_envs().filter_map(|(name, value)| Some((name, value?))).collect();
    other.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(variables);
    if let Some(folder) = command.get_current_dir() {
        other.current_dir(folder);
    }
    other
}

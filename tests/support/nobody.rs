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
        let mut command = as_nobody(&command);
        command.env("STALEKEY_TRUST", self.asked_of_nobody());
        Some(command)
    }

    /// The digests of what the inventory asks for: this user has accepted nothing before.
    fn asked_of_nobody(&self) -> String {
        let asked = as_nobody(&self.command(&["trust"])).output().expect("it runs").stdout;
        let text = String::from_utf8(asked).expect("its words");
        let digests =
            text.split_once("--accept ").and_then(|(_, digests)| digests.split_whitespace().next());
        digests.unwrap_or_default().to_owned()
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
    other.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    other.envs(variables.iter().copied());
    // What root has kept is for root alone.
    let state = variables.iter().find(|(name, _)| *name == "HOME");
    other
        .envs(state.map(|(_, home)| ("XDG_STATE_HOME", std::path::Path::new(home).join("nobody"))));
    if let Some(folder) = command.get_current_dir() {
        other.current_dir(folder);
    }
    other
}

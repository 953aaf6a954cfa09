//! The real program, run in a folder of its own with an environment of its own.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// No run takes this long but one that hangs.
const WATCHDOG: Duration = Duration::from_secs(90);

/// A folder, the environment of the runs in it, and the keys that none of them may show.
pub(crate) struct TestContext {
    folder: TempDir,
    variables: BTreeMap<OsString, OsString>,
    keys: RefCell<Vec<String>>,
}

impl TestContext {
    /// An empty folder; home, config, state and temporary folders are beneath it.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = folder.path().to_owned();
        for name in ["home", "temporary"] {
            fs::create_dir(at.join(name)).expect("a new folder");
        }
        Self { folder, variables: BTreeMap::new(), keys: RefCell::default() }
            .with("HOME", at.join("home"))
            .with("XDG_CONFIG_HOME", at.join("home/.config"))
            .with("XDG_STATE_HOME", at.join("home/.state"))
            .with("XDG_DATA_HOME", at.join("home/.data"))
            .with("TMPDIR", at.join("temporary"))
            .with("LANG", "C.UTF-8")
    }

    /// The same, with one more variable in the environment of every run.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.insert(name.into(), value.as_ref().to_owned());
        self
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders above it, for the user alone.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        let folder = path.parent().expect("a folder above");
        fs::create_dir_all(folder).expect("folders");
        if folder != self.folder.path() {
            permit(folder, 0o700);
        }
        fs::write(&path, contents).expect("a writable file");
        permit(&path, 0o600);
        path
    }

    /// From now on no run may show more of this key than its mask does.
    pub(crate) fn must_not_show(&self, key: &str) {
        self.keys.borrow_mut().push(key.to_owned());
    }

    /// The program, ready to be started in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stalekey"));
        command.args(arguments).env_clear().envs(&self.variables).current_dir(self.folder.path());
        command
    }

    /// Runs it to its end, with no input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.finish(self.command(arguments), "")
    }

    /// Runs a command to its end with this input. It must not hang, panic or show a key.
    pub(crate) fn finish(&self, command: Command, input: &str) -> Run {
        let output = assert_cmd::Command::from_std(command)
            .timeout(WATCHDOG)
            .write_stdin(input.as_bytes().to_vec())
            .output()
            .expect("the program runs");
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        let run = Run {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(run.code.is_some(), "killed, perhaps by the watchdog: {run:?}");
        self.check(&run);
        run
    }

    fn check(&self, run: &Run) {
        for stream in [&run.stdout, &run.stderr] {
            for word in ["internal error", "panicked"] {
                assert!(!stream.contains(word), "{run:?}");
            }
            for key in self.keys.borrow().iter() {
                for part in key.as_bytes().windows(9).skip(8) {
                    let part = std::str::from_utf8(part).expect("keys are ASCII");
                    assert!(!stream.contains(part), "shows more of a key than its mask: {run:?}");
                }
            }
        }
    }
}

/// Sets the mode of a file or folder.
pub(crate) fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a file of our own");
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    /// Results.
    pub(crate) stdout: String,
    /// Everything else.
    pub(crate) stderr: String,
}

impl Run {
    /// The contract, after a look at its exit code.
    pub(crate) fn json(&self) -> Report {
        let value: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON: {error}\n{self:?}"));
        let told = value.pointer("/summary/exit_code").and_then(Value::as_i64);
        assert_eq!(told, self.code.map(i64::from), "the exit code that the report tells");
        Report(value)
    }
}

/// A parsed `--format json`.
#[derive(Debug)]
pub(crate) struct Report(pub(crate) Value);

impl Report {
    /// All rows.
    pub(crate) fn rows(&self) -> &[Value] {
        self.0["rows"].as_array().expect("rows")
    }

    /// The one row of this layer.
    pub(crate) fn row(&self, layer: &str) -> &Value {
        let rows: Vec<_> = self.rows().iter().filter(|row| row["layer"] == layer).collect();
        assert_eq!(rows.len(), 1, "rows of `{layer}`: {:#}", self.0["rows"]);
        rows[0]
    }
}

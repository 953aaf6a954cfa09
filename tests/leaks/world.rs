//! A user with a home of their own, who runs the real program.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use stalekey::domain::secret::SecretValue;

use super::{canary::Canary, gate::Gate};

/// Variables of a process; the values are bytes.
pub(crate) type Variables = Vec<(String, Vec<u8>)>;

/// Home, settings, state, temporary files and a folder to work in.
pub(crate) struct World {
    root: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        for folder in ["home", "config", "state", "data", "cache", "run", "tmp", "work"] {
            fs::create_dir(root.path().join(folder)).expect("a folder");
        }
        Self { root }
    }

    /// The folder to work in.
    pub(crate) fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// The folder of the user's settings.
    pub(crate) fn settings(&self) -> PathBuf {
        self.root.path().join("config/stalekey")
    }

    /// The user's home.
    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Writes a file of the test's own, for the user alone.
    pub(crate) fn write(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let path = self.work().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
    }

    /// Makes a file of the test's own one that can be run.
    pub(crate) fn make_program(&self, path: &str) {
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(self.work().join(path), mode).expect("its mode");
    }

    /// Writes a program of the test's own.
    pub(crate) fn write_program(&self, path: &str, text: impl AsRef<[u8]>) {
        self.write(path, text);
        fs::set_permissions(self.work().join(path), fs::Permissions::from_mode(0o700))
            .expect("its mode");
    }

    /// The program, in this world alone.
    pub(crate) fn program(&self, arguments: &[&[u8]], variables: &Variables) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stalekey"));
        command.args(arguments.iter().map(|bytes| std::ffi::OsStr::from_bytes(bytes)));
        command.current_dir(self.work()).env_clear();
        let folders = [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_RUNTIME_DIR", "run"),
            ("TMPDIR", "tmp"),
        ];
        for (variable, folder) in folders {
            command.env(variable, self.root.path().join(folder));
        }
        command.env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8").env("RUST_BACKTRACE", "full");
        for (name, value) in variables {
            command.env(name, std::ffi::OsStr::from_bytes(value));
        }
        command
    }

    /// Runs it; the gate sees what it printed and every file that it made or changed.
    pub(crate) fn run(&self, gate: &mut Gate, arguments: &[&str], variables: &Variables) -> Output {
        let arguments: Vec<&[u8]> = arguments.iter().map(|text| text.as_bytes()).collect();
        self.run_with(gate, &arguments, variables, b"")
    }

    /// Trusts all that the inventory asks for, as a person would; the gate sees that too.
    pub(crate) fn trust(&self, gate: &mut Gate, variables: &Variables) {
        loop {
            let asked = self.run(gate, &["trust"], variables);
            let text = String::from_utf8_lossy(&asked.stdout).into_owned();
            let digests = text.split_once("--accept ").filter(|_| asked.status.code() == Some(4));
            let Some(digests) = digests.and_then(|(_, all)| all.split_whitespace().next()) else {
                break;
            };
            let accepted = self.run(gate, &["trust", "--accept", digests], variables);
            assert!(matches!(accepted.status.code(), Some(0 | 4)), "{accepted:?}");
        }
        self.run(gate, &["trust", "--list"], variables);
    }

    /// [`World::run`] with bytes as arguments and on standard input. The gate's name for it tells
    /// the beginning of the arguments only: a canary may be among them.
    pub(crate) fn run_with(
        &self,
        gate: &mut Gate,
        arguments: &[&[u8]],
        variables: &Variables,
        input: &[u8],
    ) -> Output {
        let before = self.files();
        let mut child = self
            .program(arguments, variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // It may end without reading its input.
        let _ = child.stdin.take().expect("a pipe").write_all(input);
        let output = child.wait_with_output().expect("the program ends");
        let name: Vec<_> = arguments.iter().map(|it| String::from_utf8_lossy(it)).collect();
        let name = name.join(" ");
        assert!(
            output.status.code().is_some_and(|code| code < 5),
            "`{name}` ended with {:?}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        gate.saw(format!("stdout of {name}"), self.without_root(&output.stdout));
        gate.saw(format!("stderr of {name}"), self.without_root(&output.stderr));
        for (path, bytes) in self.files() {
            if before.get(&path) != Some(&bytes) {
                let named = self.without_root(path.as_os_str().as_bytes());
                gate.saw(format!("name of a file after {name}"), named);
                gate.saw(format!("{} after {name}", path.display()), self.without_root(&bytes));
            }
        }
        output
    }

    /// The folder has a name at random, which may be like a piece of a key.
    fn without_root(&self, bytes: &[u8]) -> Vec<u8> {
        let root = self.root.path().as_os_str().as_bytes();
        let mut rest = bytes;
        let mut kept = Vec::with_capacity(bytes.len());
        while let Some(at) = rest.windows(root.len()).position(|window| window == root) {
            kept.extend_from_slice(&rest[..at]);
            kept.extend_from_slice(b"/root-of-the-world");
            rest = &rest[at + root.len()..];
        }
        kept.extend_from_slice(rest);
        kept
    }

    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.root.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let kind = entry.file_type().expect("a type");
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    files.insert(entry.path(), fs::read(entry.path()).expect("a file"));
                } else if let Ok(target) = fs::read_link(entry.path()) {
                    files.insert(entry.path(), target.as_os_str().as_bytes().to_vec());
                }
            }
        }
        files
    }
}

/// A process that waits until the test is over.
pub(crate) struct Waiting(Child);

impl Waiting {
    /// `cat` under another name, with these variables and these words on its command line.
    pub(crate) fn start(name: &[u8], words: &[&[u8]], variables: &Variables) -> Self {
        let mut command = Command::new("sh");
        command
            .arg0(std::ffi::OsStr::from_bytes(name))
            .args(["-c", "read -r line"])
            .args(words.iter().map(|word| std::ffi::OsStr::from_bytes(word)))
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, std::ffi::OsStr::from_bytes(value))))
            .stdin(Stdio::piped());
        let waiting = Self(command.spawn().expect("a process"));
        // Between fork and exec it still shows the environment of this test.
        let commands = format!("/proc/{}/cmdline", waiting.pid());
        while !fs::read(&commands).is_ok_and(|line| line.starts_with(name)) {
            std::thread::yield_now();
        }
        waiting
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Variables as the engine takes them.
pub(crate) fn environment(variables: &Variables) -> stalekey::formats::Environment {
    variables.iter().map(|(name, value)| (name.clone(), SecretValue::new(value.clone()))).collect()
}

/// A string of JSON, and of YAML between double quotes.
pub(crate) fn quoted(key: &Canary) -> String {
    serde_json::to_string(&key.text()).expect("a string")
}

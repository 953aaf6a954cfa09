//! Runs a program and takes what it prints (SECURITY R7).

use std::{
    ffi::{OsStr, OsString},
    io::{ErrorKind, Read, Write as _},
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        process::CommandExt as _,
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::{
    domain::{
        reading::{Unreadable, UnreadableKind},
        secret::SecretValue,
    },
    formats::Environment,
    inventory::trust::find,
};

/// The longest that a program may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// The most that is taken of what a program prints.
pub(super) const MOST_BYTES: usize = 16 * 1024 * 1024;

/// What a program is given of this shell's environment, where that has it: what tells it where it
/// runs, who runs it and whom it talks to.
const ALLOWED: &[&str] = &[
    "CONTAINER_CONNECTION",
    "CONTAINER_HOST",
    "CONTAINER_SSHKEY",
    "DBUS_SESSION_BUS_ADDRESS",
    "DOCKER_CERT_PATH",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "HOME",
    "KUBECONFIG",
    "LOGNAME",
    "PATH",
    "SSH_AUTH_SOCK",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
];

/// A program that is to be run, without a shell. Its standard input is empty, its language plain
/// English, and it and all that it starts end with it.
pub(super) struct Program<'a> {
    words: Vec<OsString>,
    environment: Vec<(&'a str, &'a SecretValue)>,
    input: &'a [u8],
    folder: Option<&'a Path>,
    deadline: Duration,
}

/// What a program printed, and how it ended.
pub(super) struct Printed {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub out: SecretValue,
    /// Its standard error; it may quote what it was given, and is matched, never shown.
    pub err: SecretValue,
}

/// Why a program gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotRun {
    /// There is no such program in any folder of `PATH`.
    NotFound,
    /// The system may not start it.
    NoPermission,
    /// It was still running at its deadline.
    TimedOut,
    /// It printed more than [`MOST_BYTES`].
    TooMuch,
    /// Any other failure of the system.
    System,
}

impl<'a> Program<'a> {
    /// A program, found in `PATH` where its name has no `/`, and its arguments.
    pub(super) fn new<S: AsRef<OsStr>>(
        words: impl IntoIterator<Item = S>,
        shell: &'a Environment,
    ) -> Self {
        let mut program = Self {
            words: words.into_iter().map(|word| word.as_ref().to_owned()).collect(),
            environment: Vec::new(),
            input: &[],
            folder: None,
            deadline: DEADLINE,
        };
        for name in ALLOWED {
            program = program.with_variable(name, shell);
        }
        program
    }

    /// Gives it one more variable of this shell, where that has it.
    pub(super) fn with_variable(mut self, name: &'a str, shell: &'a Environment) -> Self {
        self.environment.extend(shell.get(name).map(|value| (name, value)));
        self
    }

    /// Gives it something to read.
    pub(super) fn reading(self, input: &'a [u8]) -> Self {
        Self { input, ..self }
    }

    /// Lets it work in a folder.
    pub(super) fn in_folder(self, folder: &'a Path) -> Self {
        Self { folder: Some(folder), ..self }
    }

    /// Gives it another deadline than [`DEADLINE`].
    pub(super) fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Runs it to its end.
    pub(super) fn run(&self) -> Result<Printed, NotRun> {
        let end = Instant::now() + self.deadline;
        let mut child = self.start()?;
        // Threads, since any of the three pipes may be the one that waits.
        if let Some(mut pipe) = child.stdin.take() {
            let input = SecretValue::new(self.input);
            // One that does not read its input closes it: that is no failure.
            thread::spawn(move || drop(pipe.write_all(input.expose())));
        }
        let (sender, pipes) = mpsc::channel();
        if let Some(pipe) = child.stdout.take() {
            collect(0, pipe, sender.clone());
        }
        if let Some(pipe) = child.stderr.take() {
            collect(1, pipe, sender);
        }
        let mut texts = [None, None];
        while texts.iter().any(Option::is_none) {
            let left = end.saturating_duration_since(Instant::now());
            match pipes.recv_timeout(left) {
                Ok((index, Ok(text))) => texts[index] = Some(text),
                Ok((_, Err(failure))) => return Err(stop(&mut child, failure)),
                Err(_) => return Err(stop(&mut child, NotRun::TimedOut)),
            }
        }
        let status = wait(&mut child, end)?;
        // What it left running in its group holds no pipe any more, and is not ours to keep.
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        let [Some(out), Some(err)] = texts else { return Err(NotRun::System) };
        Ok(Printed { status, out, err })
    }

    fn start(&self) -> Result<Child, NotRun> {
        let name = self.words.first().ok_or(NotRun::NotFound)?;
        let path = self.environment.iter().find(|(name, _)| *name == "PATH");
        let path = path.map(|(_, value)| OsString::from_vec(value.expose().to_vec()));
        let program = find(name, path.as_deref()).ok_or(NotRun::NotFound)?;
        let mut command = Command::new(program);
        command.args(&self.words[1..]).env_clear().env("LC_ALL", "C").process_group(0);
        for (name, value) in &self.environment {
            command.env(name, OsStr::from_bytes(value.expose()));
        }
        if let Some(folder) = self.folder {
            command.current_dir(folder);
        }
        command.stdin(if self.input.is_empty() { Stdio::null() } else { Stdio::piped() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| {
            match error.kind() {
                ErrorKind::NotFound => NotRun::NotFound,
                ErrorKind::PermissionDenied => NotRun::NoPermission,
                _ => NotRun::System,
            }
        })
    }
}

impl NotRun {
    /// As the reason of a row.
    pub(super) fn of(self, program: &str) -> Unreadable {
        let unreadable = |kind, detail: String| Unreadable::new(kind, detail);
        match self {
            Self::NotFound => {
                unreadable(UnreadableKind::Unsupported, format!("there is no `{program}` here"))
                    .with_remedy(format!("install `{program}`, or put its folder into PATH"))
            }
            Self::NoPermission => {
                let detail = format!("`{program}` may not be started by this user");
                unreadable(UnreadableKind::NoPermission, detail)
            }
            Self::TimedOut => {
                let detail = format!("`{program}` did not end in time");
                unreadable(UnreadableKind::TimedOut, detail)
            }
            Self::TooMuch => {
                let detail = format!("`{program}` printed more than 16 MiB");
                unreadable(UnreadableKind::TooLarge, detail)
            }
            Self::System => {
                let detail = format!("the system could not run `{program}`");
                unreadable(UnreadableKind::System, detail)
            }
        }
    }
}

type Collected = (usize, Result<SecretValue, NotRun>);

fn collect(index: usize, pipe: impl Read + Send + 'static, sender: mpsc::Sender<Collected>) {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes);
        let collected = match read {
            Ok(count) if count > MOST_BYTES => Err(NotRun::TooMuch),
            Ok(_) => Ok(SecretValue::new(bytes)),
            Err(_) => Err(NotRun::System),
        };
        // Nobody listens any more when its time is over.
        let _ = sender.send((index, collected));
    });
}

/// It has closed its output, and most likely ended.
fn wait(child: &mut Child, end: Instant) -> Result<ExitStatus, NotRun> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < end => thread::park_timeout(Duration::from_millis(1)),
            Ok(None) => return Err(stop(child, NotRun::TimedOut)),
            Err(_) => return Err(stop(child, NotRun::System)),
        }
    }
}

/// Ends it with all that it has started.
fn stop(child: &mut Child, why: NotRun) -> NotRun {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
    why
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Environment {
        let variables = [("PATH", "/usr/bin:/bin"), ("OPENAI_API_KEY", "of this shell")];
        variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), SecretValue::new(value.as_bytes())))
            .collect()
    }

    fn sh<'a>(script: &str, shell: &'a Environment) -> Program<'a> {
        Program::new(["sh", "-c", script], shell)
    }

    #[test]
    fn what_it_prints_is_taken_with_how_it_ended() {
        let printed = sh("echo out; echo err >&2; exit 7", &shell()).run().unwrap();
        assert_eq!(printed.status.code(), Some(7));
        assert_eq!((printed.out.expose(), printed.err.expose()), (&b"out\n"[..], &b"err\n"[..]));
    }

    #[test]
    fn it_gets_no_key_of_this_shell_and_no_input_but_what_it_is_given() {
        let shell = shell();
        let printed = sh("env; cat", &shell).reading(b"given").run().unwrap();
        let text = String::from_utf8_lossy(printed.out.expose()).into_owned();
        assert!(text.contains("PATH=/usr/bin:/bin") && text.contains("LC_ALL=C"), "{text}");
        assert!(!text.contains("OPENAI") && text.ends_with("given"), "{text}");
        let printed = sh("env", &shell).with_variable("OPENAI_API_KEY", &shell).run().unwrap();
        assert!(String::from_utf8_lossy(printed.out.expose()).contains("of this shell"));
    }

    #[test]
    fn what_does_not_end_is_ended_with_all_that_it_started() {
        let shell = shell();
        let script = "sleep 1000 & echo $!; exec sleep 1000";
        let stuck = sh(script, &shell).within(Duration::from_millis(200)).run();
        assert_eq!(stuck.err(), Some(NotRun::TimedOut));
        // A background process that keeps the output open is no reason to wait longer.
        let left = sh("sleep 1000 &", &shell).within(Duration::from_millis(200)).run();
        assert_eq!(left.err(), Some(NotRun::TimedOut));
    }

    #[test]
    fn endless_output_is_cut_off() {
        assert_eq!(sh("yes", &shell()).run().err(), Some(NotRun::TooMuch));
    }

    #[test]
    fn relative_folders_are_not_searched() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy("/bin/sh", folder.path().join("tool")).unwrap();
        let absolute = folder.path().as_os_str();
        assert!(find(OsStr::new("tool"), Some(absolute)).is_some());
        assert_eq!(find(OsStr::new("Cargo.toml"), Some(OsStr::new(".:"))), None);
        assert_eq!(Program::new(["tool"], &shell()).run().err(), Some(NotRun::NotFound));
    }
}

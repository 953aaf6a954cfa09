//! Sessions of the system's `ssh`: the user's own configuration, keys and known hosts, nobody to ask,
//! one connection per host for all questions of a run.

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    domain::{
        fingerprint::FingerprintKey,
        inert::{inert, quoted},
        reading::{Unreadable, UnreadableKind},
        secret::SecretValue,
    },
    formats::Environment,
    layers::{
        Surroundings,
        run::{NotRun, Printed, Program},
    },
};

/// Hosts that are asked at once.
pub(super) const AT_ONCE: usize = 8;
/// The path of a socket has 108 bytes, of which `ssh` takes some for itself.
const LONGEST_FOLDER: usize = 70;
/// What ending a shared connection needs of this shell.
const NEEDED: [&str; 4] = ["PATH", "HOME", "USER", "LOGNAME"];

/// What a run made up for its questions.
pub(in crate::layers) struct RunKey {
    /// What fingerprints are made with there. It protects nothing but what crosses the wire: whoever
    /// has it and an answer could try short passwords, and it is thrown away with the run.
    pub(super) key: FingerprintKey,
    /// The same, to be sent.
    pub(super) bytes: [u8; 32],
    /// What every line of an answer begins with.
    pub(super) mark: String,
}

/// The sessions of a run.
#[derive(Default)]
pub(in crate::layers) struct Sessions {
    key: OnceLock<Option<RunKey>>,
    asked: Mutex<usize>,
    free: Condvar,
    shared: Mutex<Shared>,
}

/// Connections that outlive a question.
#[derive(Default)]
struct Shared {
    /// Where their sockets are: a folder for this user alone.
    folder: Option<TempDir>,
    /// The number of each host's socket.
    hosts: BTreeMap<String, usize>,
    environment: Environment,
    closed: bool,
}

impl Sessions {
    /// The key of this run; `None` where the system gives no random numbers.
    pub(super) fn key(&self) -> Option<&RunKey> {
        let made = self.key.get_or_init(|| {
            let (mut bytes, mut mark) = ([0_u8; 32], [0_u8; 12]);
            getrandom::fill(&mut bytes).and_then(|()| getrandom::fill(&mut mark)).ok()?;
            let mark: String = mark.iter().map(|byte| format!("{byte:02x}")).collect();
            // A team key: opaque values have fingerprints under it, and it is nobody's salt.
            Some(RunKey {
                key: FingerprintKey::team(bytes),
                bytes,
                mark: format!("stalekey-{mark}"),
            })
        });
        made.as_ref()
    }

    /// Runs a script there and takes what it prints; at most [`AT_ONCE`] at a time.
    pub(super) fn ask(
        &self,
        host: &str,
        script: &[u8],
        surroundings: &Surroundings,
    ) -> Result<Printed, Unreadable> {
        let _slot = self.slot();
        let socket = self.socket(host, &surroundings.shell);
        let mut words: Vec<String> = options().map(str::to_owned).collect();
        words.extend(sharing(socket.as_deref()));
        words.extend(["--", host, "sh", "-s"].map(str::to_owned));
        let ssh = std::iter::once("ssh".to_owned()).chain(words);
        let program =
            Program::new(ssh, &surroundings.shell).reading(script).within(surroundings.patience);
        program.run().map_err(|why| match why {
            NotRun::TimedOut => {
                let seconds = surroundings.patience.as_secs();
                let detail = format!("it did not answer within {seconds} s");
                unreachable(host, detail)
            }
            NotRun::NotFound => {
                Unreadable::new(UnreadableKind::Unreachable, "there is no `ssh` here")
                    .with_remedy("install the OpenSSH client, or put its folder into PATH")
            }
            other => other.of("ssh"),
        })
    }

    fn slot(&self) -> Slot<'_> {
        let asked = lock(&self.asked);
        let mut asked = self
            .free
            .wait_while(asked, |asked| *asked >= AT_ONCE)
            .unwrap_or_else(PoisonError::into_inner);
        *asked += 1;
        Slot(self)
    }

    /// Where the connection to this host is shared; `None` where no socket can be made.
    fn socket(&self, host: &str, shell: &Environment) -> Option<PathBuf> {
        let mut shared = lock(&self.shared);
        if shared.closed {
            return None;
        }
        if shared.folder.is_none() {
            shared.folder = Some(private_folder(shell)?);
            let needed = NEEDED.iter().filter_map(|name| shell.get_key_value(*name));
            shared.environment =
                needed.map(|(name, value)| (name.clone(), value.clone())).collect();
        }
        let next = shared.hosts.len();
        let number = *shared.hosts.entry(host.to_owned()).or_insert(next);
        Some(shared.folder.as_ref()?.path().join(number.to_string()))
    }

    /// Ends the shared connections. What is asked later has one of its own.
    pub(in crate::layers) fn close(&self) {
        let mut shared = lock(&self.shared);
        shared.closed = true;
        let Some(folder) = shared.folder.take() else { return };
        for (host, number) in std::mem::take(&mut shared.hosts) {
            let socket = folder.path().join(number.to_string());
            if !socket.exists() {
                continue;
            }
            let control = format!("ControlPath={}", socket.display());
            let words = ["ssh", "-O", "exit", "-o", &*control, "--", &*host];
            // One that does not end by itself now ends when nobody has used it for a while.
            let _ = Program::new(words, &shared.environment).within(Duration::from_secs(2)).run();
        }
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        self.close();
    }
}

struct Slot<'a>(&'a Sessions);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *lock(&self.0.asked) -= 1;
        self.0.free.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing is asked of anybody, nothing is forwarded, and nothing of the user's configuration runs in
/// the place of the question. Which hosts are known and which keys are tried is the user's own.
fn options() -> impl Iterator<Item = &'static str> {
    const SETTINGS: [&str; 8] = [
        "BatchMode=yes",
        "ConnectTimeout=5",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=1",
        "ClearAllForwardings=yes",
        "PermitLocalCommand=no",
        "RemoteCommand=none",
        "LogLevel=ERROR",
    ];
    ["-T", "-a", "-x"].into_iter().chain(SETTINGS.into_iter().flat_map(|it| ["-o", it]))
}

fn sharing(socket: Option<&Path>) -> Vec<String> {
    let settings = match socket {
        Some(socket) => [
            "ControlMaster=auto".to_owned(),
            format!("ControlPath={}", socket.display()),
            "ControlPersist=30".to_owned(),
        ],
        None => ["ControlMaster=no", "ControlPath=none", "ControlPersist=no"].map(str::to_owned),
    };
    settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]).collect()
}

/// A folder for this user alone, whose path is short and plain enough for a socket.
fn private_folder(shell: &Environment) -> Option<TempDir> {
    let path = |value: &SecretValue| std::str::from_utf8(value.expose()).ok().map(PathBuf::from);
    let named = ["XDG_RUNTIME_DIR", "TMPDIR"].into_iter().filter_map(|name| path(shell.get(name)?));
    let plain = |path: &Path| {
        let text = path.to_string_lossy();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        path.is_absolute() && text.len() <= LONGEST_FOLDER && text.bytes().all(plain)
    };
    named.chain([PathBuf::from("/tmp")]).filter(|path| plain(path)).find_map(|path| {
        let mut builder = tempfile::Builder::new();
        builder.prefix("stalekey-").permissions(std::fs::Permissions::from_mode(0o700));
        builder.tempdir_in(path).ok()
    })
}

/// Why `ssh` itself failed, by what it says; its words are matched and never shown (SECURITY P4).
pub(super) fn failure(host: &str, said: &[u8]) -> Unreadable {
    const KNOWN: [(&str, &str, Remedy); 12] = [
        (
            "REMOTE HOST IDENTIFICATION HAS CHANGED",
            "its host key is another than before",
            Remedy::Changed,
        ),
        ("Host key verification failed", "its host key is not known here", Remedy::Once),
        ("Permission denied", "it takes none of your keys without a password", Remedy::Key),
        ("Too many authentication failures", "it takes none of your keys", Remedy::Key),
        ("Could not resolve hostname", "its name does not resolve", Remedy::Name),
        ("Connection refused", "nothing listens there: connection refused", Remedy::Way),
        ("timed out", "no connection in time", Remedy::Way),
        ("No route to host", "there is no route to it", Remedy::Way),
        ("Network is unreachable", "its network cannot be reached", Remedy::Way),
        ("Connection reset", "the connection broke", Remedy::Way),
        ("Connection closed", "it closed the connection", Remedy::Way),
        ("Bad configuration option", "`ssh` does not take its own configuration", Remedy::Way),
    ];
    let said = String::from_utf8_lossy(said);
    let known = KNOWN.iter().find(|(words, ..)| said.contains(words));
    let (detail, remedy) = known
        .map_or(("`ssh` could not connect", Remedy::Way), |(_, detail, remedy)| (*detail, *remedy));
    let shown = quoted(&inert(host));
    let remedy = match remedy {
        Remedy::Once => format!("run `ssh {shown}` once by hand and compare its host key"),
        Remedy::Changed => format!(
            "find out why; if it was set up anew: `ssh-keygen -R {shown}`, then `ssh {shown}` once"
        ),
        Remedy::Key => {
            format!("`ssh-add` the key it takes, so that `ssh {shown} true` asks for nothing")
        }
        Remedy::Name => format!("correct the name, or give `{shown}` a HostName in ~/.ssh/config"),
        Remedy::Way => format!("see what `ssh {shown} true` says"),
    };
    Unreadable::new(UnreadableKind::Unreachable, detail).with_remedy(remedy)
}

#[derive(Clone, Copy)]
enum Remedy {
    Once,
    Changed,
    Key,
    Name,
    Way,
}

fn unreachable(host: &str, detail: String) -> Unreadable {
    let shown = quoted(&inert(host));
    Unreadable::new(UnreadableKind::Unreachable, detail)
        .with_remedy(format!("see what `ssh {shown} true` says"))
}

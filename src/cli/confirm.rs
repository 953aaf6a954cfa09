//! `stalekey confirm`: whether a rotation is done, with the evidence.

use std::{
    env,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::{ffi::OsStringExt as _, fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use sha2::{Digest as _, Sha256};

use super::{
    Exit, Failure, fingerprint,
    operator::operator,
    setting::{self, RunArguments},
    terminal,
};
use crate::{
    domain::{
        inert::inert,
        rotation::{Event, Evidence, Recorded, Rotation, Word, confirm},
        secret::SecretValue,
        snapshot::Snapshot,
    },
    engine::{self, Setup},
    inventory::duration,
    report,
    rotation::History,
};

/// How often everything is looked at again while it is waited for.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How old an answer of the provider may become while it is waited for.
const ASK_AGAIN: Duration = Duration::from_secs(15);

/// How to confirm.
#[derive(Debug, Clone, Args)]
pub(super) struct Options {
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Wait until it is rotated, at most so long (`10m`)
    #[arg(long, value_name = "TIME")]
    wait: Option<String>,
    /// The old key, where no layer holds it any more: `-` takes it from standard input, unseen
    #[arg(long, value_name = "-", conflicts_with = "old_key_variable")]
    old_key: Option<String>,
    /// The same, from this variable
    #[arg(long, value_name = "NAME")]
    old_key_variable: Option<String>,
    /// Write the evidence here too: Markdown for `.md`, else JSON
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Sign that file with this SSH key (`ssh-keygen -Y sign`)
    #[arg(long, value_name = "KEY", requires = "output")]
    sign: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Human,
    /// For an auditor
    Markdown,
    /// For programs
    Json,
}

pub(super) fn run(arguments: &RunArguments, options: &Options) -> Result<Exit, Failure> {
    let user = setting::user()?;
    let mut setup = setting::setup(arguments, &user)?;
    let Some(path) = setup.rotations.history.clone() else {
        return Err(Failure::Message(
            "error: There is no home folder, so there is no history".into(),
        ));
    };
    let wait = options.wait.as_deref().map(patience).transpose()?;
    let history = History::read(&path).map_err(|failed| Failure::Message(failed.to_string()))?;
    let wanted = |rotation: &Rotation| {
        rotation.is_open()
            && (arguments.credential.is_empty()
                || arguments.credential.contains(&rotation.credential))
            && (arguments.environment.is_empty()
                || rotation.environments.iter().any(|name| arguments.environment.contains(name)))
    };
    let rotations: Vec<Rotation> = history.rotations().into_iter().filter(wanted).collect();
    if rotations.is_empty() {
        return Err(Failure::Message(
            "error: No rotation is open\n\nhint: `stalekey audit --start` begins one".to_owned(),
        ));
    }
    if options.output.is_some() {
        the_only_one(&rotations, "That file is for the evidence of one rotation.")?;
    }
    if let Some(secret) = old_key(options)? {
        let only = the_only_one(&rotations, "Whose old key is that?")?;
        setup.rotations.old_keys.push((only.credential.clone(), secret));
    }
    let about = About {
        inventory: setup.inventory.path.as_ref().map(|path| inert(&path.to_string_lossy())),
        digest: setup.inventory.digest.clone(),
        fingerprint_id: setup.fingerprint_key.id().to_owned(),
    };
    let mut is_trusted = true;
    let evidence = match wait {
        None => {
            let snapshot = super::audit::look(setup, arguments)?;
            is_trusted = snapshot.untrusted.is_none();
            about.evidence(&rotations, &snapshot)
        }
        Some(wait) => until_rotated(setup, wait, &about, &rotations)?,
    };
    let mut word = Word::Rotated;
    for evidence in &evidence {
        report(evidence, options, &path)?;
        // `not rotated` is known to be so, and ranks above what is not known.
        word = match (word, evidence.confirmation.word) {
            (Word::NotRotated, _) | (_, Word::NotRotated) => Word::NotRotated,
            (Word::NotProven, _) | (_, Word::NotProven) => Word::NotProven,
            _ => Word::Rotated,
        };
    }
    Ok(match word {
        Word::Rotated => Exit::Success,
        Word::NotRotated => Exit::Finding,
        Word::NotProven if !is_trusted => Exit::Untrusted,
        Word::NotProven => Exit::Unproven,
    })
}

/// What one thing is given for can be meant for one rotation alone.
fn the_only_one<'a>(rotations: &'a [Rotation], why: &str) -> Result<&'a Rotation, Failure> {
    if let [only] = rotations {
        return Ok(only);
    }
    let ids: Vec<&str> = rotations.iter().map(|rotation| rotation.id.as_str()).collect();
    Err(Failure::Message(format!(
        "error: {why} Several rotations are open: {}\n\nhint: narrow it with `--credential` or \
         `--environment`",
        ids.join(", ")
    )))
}

fn patience(text: &str) -> Result<Duration, Failure> {
    duration::read(text).ok_or_else(|| {
        Failure::Message("error: `--wait` takes a time like `90s`, `10m` or `1h`".to_owned())
    })
}

fn old_key(options: &Options) -> Result<Option<SecretValue>, Failure> {
    if let Some(name) = &options.old_key_variable {
        let askable = !name.is_empty() && !name.contains(['=', '\0']);
        let value = askable.then(|| env::var_os(name)).flatten();
        return value.map(|value| Some(SecretValue::new(value.into_vec()))).ok_or_else(|| {
            Failure::Message("error: That variable is not set in this shell".to_owned())
        });
    }
    match options.old_key.as_deref() {
        None => Ok(None),
        Some("-") => fingerprint::from_input().map(Some),
        Some(_) => Err(Failure::Message(
            "error: A key is never an argument\n\nhint: `--old-key -` takes it from standard \
             input, `--old-key-variable NAME` from a variable"
                .to_owned(),
        )),
    }
}

/// What the evidence says of the run itself.
struct About {
    inventory: Option<String>,
    digest: Option<String>,
    fingerprint_id: String,
}

impl About {
    fn evidence(&self, rotations: &[Rotation], snapshot: &Snapshot) -> Vec<Evidence> {
        let of_rotation = |rotation: &Rotation| {
            let progress = snapshot.rotations.iter().find(|it| it.rotation == rotation.id)?;
            let rows = snapshot
                .rows
                .iter()
                .filter(|row| rotation.covers(&row.identity.environment, &row.identity.credential));
            Some(Evidence {
                generated_at: snapshot.generated_at,
                operator: operator(),
                inventory: self.inventory.clone(),
                inventory_digest: self.digest.clone(),
                fingerprint_id: self.fingerprint_id.clone(),
                progress: progress.clone(),
                confirmation: confirm(progress),
                before: rotation.baseline.clone(),
                after: rows.map(Recorded::from).collect(),
            })
        };
        rotations.iter().filter_map(of_rotation).collect()
    }
}

/// Looks again and again until every rotation is done, or the time is over.
fn until_rotated(
    mut setup: Setup,
    wait: Duration,
    about: &About,
    rotations: &[Rotation],
) -> Result<Vec<Evidence>, Failure> {
    let settings = &mut setup.inventory.settings;
    settings.refresh = settings.refresh.min(LOOK_AGAIN);
    settings.probe_every = settings.probe_every.min(ASK_AGAIN);
    let end = Instant::now() + wait;
    let stopped = || Failure::Message("error: The system gives no runtime".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|_| stopped())?;
    let mut handle = engine::start(setup);
    let mut line = Waiting::default();
    runtime.block_on(async {
        loop {
            let picture: Arc<Snapshot> = Arc::clone(&handle.snapshots.borrow_and_update());
            let looked = !picture.progress.running && picture.progress.total > 0;
            if looked {
                let evidence = about.evidence(rotations, &picture);
                let done = |it: &Evidence| it.confirmation.word == Word::Rotated;
                if evidence.iter().all(done) && !evidence.is_empty() || Instant::now() >= end {
                    line.clear();
                    return Ok(evidence);
                }
                line.show(&evidence);
            }
            let deadline = if looked { end } else { end + LOOK_AGAIN };
            match tokio::time::timeout_at(deadline.into(), handle.snapshots.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(stopped()),
                Err(_) => {
                    line.clear();
                    return Ok(about.evidence(rotations, &handle.snapshots.borrow()));
                }
            }
        }
    })
}

/// How far it is, on standard error, when a person watches.
#[derive(Default)]
struct Waiting {
    shown: String,
}

impl Waiting {
    fn show(&mut self, evidence: &[Evidence]) {
        use std::io::IsTerminal as _;
        let parts: Vec<String> = evidence
            .iter()
            .map(|it| {
                let progress = &it.progress;
                let next = it.confirmation.gaps.first().map(|gap| format!("; next: {gap}"));
                format!(
                    "{}: {} of {} layers moved{}",
                    progress.rotation,
                    progress.moved(),
                    progress.total(),
                    next.unwrap_or_default()
                )
            })
            .collect();
        let text = parts.join("  ");
        if io::stderr().is_terminal() && text != self.shown {
            let short: String = text.chars().take(78).collect();
            let _ = write!(io::stderr(), "\r\u{1b}[K{short}");
            self.shown = text;
        }
    }

    fn clear(&self) {
        if !self.shown.is_empty() {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

/// Writes the evidence, and records what came of it.
fn report(evidence: &Evidence, options: &Options, history: &Path) -> Result<(), Failure> {
    let mut digest = None;
    if let Some(path) = &options.output {
        let bytes = file(evidence, path)?;
        digest = Some(sha256(&bytes));
        if let Some(key) = &options.sign {
            sign(path, key)?;
        }
    }
    let event = Event::Confirmed {
        rotation: evidence.progress.rotation.clone(),
        word: evidence.confirmation.word,
        gaps: evidence.confirmation.gaps.clone(),
        rows: evidence.after.clone(),
        evidence: digest,
    };
    let kept = History::append(history, event, &operator());
    let mut out = io::stdout().lock();
    match options.format {
        Format::Human => report::confirmation::write(evidence, terminal::style(), &mut out)?,
        Format::Markdown => report::evidence::markdown(evidence, &mut out)?,
        Format::Json => report::evidence::json(evidence, &mut out)?,
    }
    let kept = kept.map_err(|failed| Failure::Message(failed.to_string()))?;
    let _ = writeln!(io::stderr(), "recorded as {}", kept.head());
    Ok(())
}

/// Writes the evidence beside its place and moves it there, for the user alone.
fn file(evidence: &Evidence, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|extension| extension == "md") {
        report::evidence::markdown(evidence, &mut bytes)?;
    } else {
        report::evidence::json(evidence, &mut bytes)?;
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().map_err(|_| {
        let _ = fs::remove_file(&draft);
        Failure::Message(format!(
            "error: {}: the evidence could not be written; is the folder there, with room in it?",
            inert(&path.to_string_lossy())
        ))
    })?;
    Ok(bytes)
}

fn sha256(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// `ssh-keygen -Y sign`, which asks for the key's passphrase itself.
fn sign(path: &Path, key: &Path) -> Result<(), Failure> {
    // One of the evidence that was there before fits no more, and `ssh-keygen` would ask about it.
    let mut signature = path.as_os_str().to_owned();
    signature.push(".sig");
    let _ = fs::remove_file(&signature);
    let status = std::process::Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", "stalekey", "-f"])
        .arg(key)
        .arg(path)
        .stdout(std::process::Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::Message(
            "error: `ssh-keygen` did not sign the evidence; it is written, and not signed".into(),
        )),
        Err(_) => Err(Failure::Message(
            "error: `ssh-keygen` could not be run; the evidence is written, and not signed".into(),
        )),
    }
}

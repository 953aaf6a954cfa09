//! One file of lines. Each line is a record, and carries the digest of the line before it.
//!
//! A record is written with one call at the end of the file and flushed to the disk before it
//! counts. What a crash leaves unfinished is a last line without an end: it was never reported as
//! kept, and the next record takes its place.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::rotation::{Event, Rotation, rotations};

/// The most that is read of a history.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// So long another program may hold the history before this one gives up.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// What the first record names as the one before it.
const BEGINNING: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 1.
    pub number: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Who wrote it: user and machine.
    pub operator: String,
    /// The version of stalekey that wrote it.
    pub version: String,
    /// Digest of the line before it.
    pub previous: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Everything that was kept, as far as it is whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The records, oldest first.
    pub records: Vec<Record>,
    /// The digest of each record's line.
    pub digests: Vec<String>,
    /// What is wrong with the file.
    pub damage: Option<Damage>,
}

/// What is wrong with a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The last line is not finished: a crash, or a full disk. Nothing that was kept is lost.
    Unfinished,
    /// This line is no record; nothing after it is believed.
    NoRecord {
        /// Its number, from 1.
        line: u64,
    },
    /// This record does not follow the one before it: something was changed, left out or put in.
    Broken {
        /// Its line, from 1.
        line: u64,
    },
    /// The file is larger than any history.
    TooLarge,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished => formatter.write_str(
                "the last record is not finished (a crash, or a full disk); every record before \
                 it is whole",
            ),
            Self::NoRecord { line } => {
                write!(formatter, "line {line} is no record; nothing after it is believed")
            }
            Self::Broken { line } => write!(
                formatter,
                "line {line} does not follow the one before it: a record was changed, left out or \
                 put in"
            ),
            Self::TooLarge => formatter.write_str("it is larger than 64 MiB"),
        }
    }
}

/// What checking the chain came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Records that follow each other.
    pub records: usize,
    /// Digest of the last of them, for a ticket.
    pub head: String,
    /// What is wrong.
    pub damage: Option<Damage>,
}

/// Why nothing was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The file.
    pub path: PathBuf,
    /// Why, in a fixed sentence.
    pub why: &'static str,
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = crate::domain::inert::inert(&self.path.to_string_lossy());
        write!(formatter, "error: {path}: nothing was recorded: {}", self.why)
    }
}

impl std::error::Error for Failed {}

impl History {
    /// Reads a history. One that is not there is empty.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(path: &Path) -> Result<Self, Failed> {
        let failed = |kind| Failed { path: path.to_owned(), why: reason(kind) };
        match File::open(path) {
            Ok(file) => {
                let mut bytes = Vec::new();
                file.take(MOST_BYTES + 1)
                    .read_to_end(&mut bytes)
                    .map_err(|error| failed(error.kind()))?;
                Ok(Self::of(&bytes))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(failed(error.kind())),
        }
    }

    /// The history that these bytes are.
    fn of(bytes: &[u8]) -> Self {
        let mut history = Self::default();
        if bytes.len() as u64 > MOST_BYTES {
            history.damage = Some(Damage::TooLarge);
            return history;
        }
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let number = index as u64 + 1;
            let Some(line) = line.strip_suffix(b"\n") else {
                history.damage = Some(Damage::Unfinished);
                break;
            };
            let Ok(record) = serde_json::from_slice::<Record>(line) else {
                history.damage = Some(Damage::NoRecord { line: number });
                break;
            };
            if record.number != number || record.previous != history.head() {
                history.damage = Some(Damage::Broken { line: number });
                break;
            }
            history.records.push(record);
            history.digests.push(digest(line));
        }
        history
    }

    /// The digest that the next record has to name.
    pub fn head(&self) -> &str {
        self.digests.last().map_or(BEGINNING, String::as_str)
    }

    /// What checking the chain came to.
    pub fn chain(&self) -> Chain {
        Chain { records: self.records.len(), head: self.head().to_owned(), damage: self.damage }
    }

    /// The rotations that it tells of.
    pub fn rotations(&self) -> Vec<Rotation> {
        rotations(self.records.iter().map(|record| (record.at, &record.event)))
    }

    /// Keeps one more event, and gives the history with it. Another program that writes at the same
    /// time is waited for, and what it has written stays.
    ///
    /// # Errors
    /// When nothing was kept: no permission, a full disk, a history that is damaged in its middle.
    pub fn append(path: &Path, event: Event, operator: &str) -> Result<Self, Failed> {
        let failed = |why| Failed { path: path.to_owned(), why };
        let system = |error: std::io::Error| failed(reason(error.kind()));
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(system)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(system)?;
        lock(&file).map_err(failed)?;
        let mut bytes = Vec::new();
        (&file).take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(system)?;
        let mut history = Self::of(&bytes);
        match history.damage {
            None | Some(Damage::Unfinished) => {}
            Some(_) => {
                return Err(failed(
                    "it is damaged; `stalekey history verify` says where. Move it away to begin a \
                     new one",
                ));
            }
        }
        let record = Record {
            number: history.records.len() as u64 + 1,
            at: Timestamp::now(),
            operator: operator.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            previous: history.head().to_owned(),
            event,
        };
        let mut line =
            serde_json::to_vec(&record).map_err(|_| failed("it could not be written down"))?;
        let kept = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end as u64 + 1);
        history.digests.push(digest(&line));
        history.records.push(record);
        history.damage = None;
        line.push(b'\n');
        let written = file
            .set_len(kept)
            .and_then(|()| file.seek(SeekFrom::Start(kept)))
            .and_then(|_| file.write_all(&line))
            .and_then(|()| file.sync_all());
        if let Err(error) = written {
            // What was written of it has no end, so it is no record; better still if it is gone.
            let _ = file.set_len(kept);
            return Err(system(error));
        }
        if let Some(folder) = path.parent() {
            // The name of a new file is kept too.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(history)
    }
}

/// Waits for another program that writes, for a while.
fn lock(file: &File) -> Result<(), &'static str> {
    let end = Instant::now() + LOCK_PATIENCE;
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < end => {
                thread::park_timeout(Duration::from_millis(10));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err("another stalekey writes to it; try again");
            }
            // Also on a file system without locks the record is written.
            _ => return Ok(()),
        }
    }
}

fn digest(line: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(line).into();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

const fn reason(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full",
        ErrorKind::NotADirectory => "a part of its path is no folder",
        ErrorKind::IsADirectory => "it is a folder",
        _ => "the system refused",
    }
}

/// Where the history of an inventory is kept, in the state folder: by the real path of the inventory.
pub fn place(state_folder: &Path, inventory: &Path) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    let real = fs::canonicalize(inventory).unwrap_or_else(|_| inventory.to_owned());
    let name = digest(real.as_os_str().as_bytes());
    let short = name.trim_start_matches("sha256:").get(..16).unwrap_or("inventory").to_owned();
    state_folder.join("history").join(format!("{short}.jsonl"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use proptest::prelude::*;

    use super::*;

    fn event(number: usize) -> Event {
        Event::GivenUp { rotation: format!("openai-{number}") }
    }

    fn written(count: usize) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/history/a.jsonl");
        for number in 0..count {
            History::append(&path, event(number), "someone@somewhere").unwrap();
        }
        let bytes = fs::read(&path).unwrap_or_default();
        (folder, path, bytes)
    }

    #[test]
    fn what_was_kept_is_read_again_and_is_the_users_alone() {
        let (folder, path, _) = written(3);
        let history = History::read(&path).unwrap();
        assert_eq!(history.damage, None);
        let events: Vec<&Event> = history.records.iter().map(|record| &record.event).collect();
        assert_eq!(events, [&event(0), &event(1), &event(2)]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&folder.path().join("state/history")), 0o700);
    }

    /// Whatever a crash leaves of the file: every record that was whole is there, and the history
    /// goes on from it.
    #[test]
    fn a_crash_at_any_byte_loses_nothing_that_was_kept() {
        let (folder, path, bytes) = written(4);
        for cut in 0..=bytes.len() {
            fs::write(&path, &bytes[..cut]).unwrap();
            let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
            let history = History::read(&path).unwrap();
            assert_eq!(history.records.len(), whole, "cut at {cut}");
            let torn = cut > 0 && bytes[cut - 1] != b'\n';
            assert_eq!(history.damage, torn.then_some(Damage::Unfinished), "cut at {cut}");
            let history = History::append(&path, event(9), "someone@somewhere").unwrap();
            assert_eq!(history.records.len(), whole + 1);
            assert_eq!(History::read(&path).unwrap(), history, "cut at {cut}");
        }
        drop(folder);
    }

    #[test]
    fn programs_that_write_at_once_write_one_after_the_other() {
        let (_folder, path, _) = written(0);
        thread::scope(|scope| {
            for writer in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..10 {
                        History::append(path, event(writer), "someone@somewhere").unwrap();
                    }
                });
            }
        });
        let history = History::read(&path).unwrap();
        assert_eq!((history.records.len(), history.damage), (80, None));
    }

    #[test]
    fn a_history_that_was_changed_is_told_and_left_alone() {
        let (_folder, path, bytes) = written(3);
        let text = String::from_utf8(bytes).unwrap();
        fs::write(&path, text.replacen("openai-1", "openai-7", 1)).unwrap();
        let history = History::read(&path).unwrap();
        // The changed record still follows; the one behind it does not follow the changed one.
        assert_eq!(history.damage, Some(Damage::Broken { line: 3 }));
        let refused = History::append(&path, event(4), "someone@somewhere").unwrap_err();
        assert!(refused.to_string().contains("history verify"), "{refused}");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_an_error_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let path = folder.path().join("file/history.jsonl");
        let failed = History::append(&path, event(0), "someone@somewhere").unwrap_err();
        assert!(failed.to_string().contains("nothing was recorded"), "{failed}");
        let full = Path::new("/dev/full");
        if full.exists() {
            let failed = History::append(full, event(0), "someone@somewhere").unwrap_err();
            assert!(!failed.why.is_empty());
        }
    }

    proptest! {
        /// Any one changed, missing or doubled byte is noticed, but for the last line's own contents.
        #[test]
        fn a_change_is_noticed(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let (_folder, _path, mut bytes) = written(3);
            let history = History::of(&bytes);
            let end_of_second = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0;
            let index = at.index(end_of_second);
            prop_assume!(bytes[index] != byte);
            bytes[index] = byte;
            prop_assert_ne!(History::of(&bytes), history);
        }
    }
}

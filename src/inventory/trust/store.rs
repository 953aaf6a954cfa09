//! What a person has accepted, kept in the state folder: a file for each inventory, for the user
//! alone (SECURITY P6, T5).

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{pin::Pin, program::hex};
use crate::{
    domain::{inert::inert, trust::Ask},
    inventory::discovery,
};

const FOLDER: &str = "trust";
const VERSION: u32 = 1;

/// What was accepted for one inventory.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    inventory: PathBuf,
    held: Vec<Entry>,
    /// Why what was accepted cannot be known.
    problem: Option<String>,
}

/// One accepted line, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The line, inert.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    /// The inventory's real path; bytes that are no plain ASCII are escaped.
    inventory: String,
    effects: Vec<Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    pin: Pin,
    /// As it was read by who accepted it.
    text: String,
    at: Timestamp,
}

impl Store {
    /// What the state folder has for the inventory at this real path.
    pub fn read(state: &Path, inventory: &Path) -> Self {
        let mut store = Self {
            folder: state.join(FOLDER),
            inventory: inventory.to_owned(),
            held: Vec::new(),
            problem: None,
        };
        match read(&store.file()) {
            Ok(Some(document)) if document.inventory == escaped(inventory) => {
                store.held = document.effects;
            }
            Ok(Some(_)) => store.problem = Some(store.failed("it is of another inventory")),
            Ok(None) => {}
            Err(why) => store.problem = Some(why),
        }
        store
    }

    /// Why what was accepted cannot be known; nothing is, then.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    pub(super) fn pins(&self) -> BTreeSet<Pin> {
        self.held.iter().map(|entry| entry.pin.clone()).collect()
    }

    /// The accepted lines.
    pub fn accepted(&self) -> Vec<Accepted> {
        self.held.iter().map(Accepted::of).collect()
    }

    /// Adds lines, beside those that others have added meanwhile.
    pub(super) fn add(&self, lines: Vec<(Pin, Ask)>) -> Result<(), String> {
        let failed = |error: &std::io::Error| self.failed(reason(error.kind()));
        let _lock = self.lock().map_err(|error| failed(&error))?;
        let mut effects = match read(&self.file()) {
            Ok(document) => document.map(|document| document.effects).unwrap_or_default(),
            // What is damaged is replaced by what was accepted now.
            Err(_) => Vec::new(),
        };
        let at = Timestamp::now();
        for (pin, ask) in lines {
            if !effects.iter().any(|entry| entry.pin == pin) {
                effects.push(Entry { pin, text: ask.to_string(), at });
            }
        }
        let inventory = escaped(&self.inventory);
        let document = Document { version: VERSION, inventory, effects };
        self.write(&document).map_err(|error| failed(&error))
    }

    /// Forgets everything; gives whether there was anything.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn revoke(&self) -> Result<bool, String> {
        let failed = |error: &std::io::Error| self.failed(reason(error.kind()));
        if !self.folder.is_dir() {
            return Ok(false);
        }
        let _lock = self.lock().map_err(|error| failed(&error))?;
        match fs::remove_file(self.file()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed(&error)),
        }
    }

    fn file(&self) -> PathBuf {
        let name = hex(&Sha256::digest(self.inventory.as_os_str().as_bytes()));
        self.folder.join(format!("{}.json", name.get(..32).unwrap_or(&name)))
    }

    /// Held until it is dropped; one for all inventories.
    fn lock(&self) -> std::io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.folder.join("lock"))?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }

    /// Beside its place first, so that nobody ever reads half of it.
    fn write(&self, document: &Document) -> std::io::Result<()> {
        let mut draft = tempfile::NamedTempFile::new_in(&self.folder)?;
        serde_json::to_writer_pretty(&mut draft, document)?;
        draft.write_all(b"\n")?;
        draft.as_file().sync_all()?;
        draft.persist(self.file()).map_err(|failed| failed.error)?;
        Ok(())
    }

    fn failed(&self, why: &str) -> String {
        let file = inert(&self.file().to_string_lossy());
        format!("{file}: what was trusted could not be kept there: {why}")
    }
}

impl Accepted {
    fn of(entry: &Entry) -> Self {
        Self { text: inert(&entry.text), at: entry.at }
    }
}

/// Everything that the state folder has: the inventories with what was accepted for each. One that
/// cannot be read is its reason.
pub fn all(state: &Path) -> Vec<Result<(String, Vec<Accepted>), String>> {
    let Ok(entries) = fs::read_dir(state.join(FOLDER)) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
        .iter()
        .filter_map(|file| read(file).transpose())
        .map(|document| {
            let document = document?;
            let accepted = document.effects.iter().map(Accepted::of).collect();
            Ok((inert(&document.inventory), accepted))
        })
        .collect()
}

fn read(file: &Path) -> Result<Option<Document>, String> {
    if matches!(file.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    // Whoever can write it could trust anything (SECURITY T8).
    let (_, text) = discovery::read_own(file).map_err(|refusal| refusal.to_string())?;
    let shown = inert(&file.to_string_lossy());
    let document: Document = serde_json::from_str(&text)
        .map_err(|_| format!("error: {shown}: it is damaged; remove it and trust again"))?;
    if document.version != VERSION {
        return Err(format!("error: {shown}: another version of stalekey wrote it"));
    }
    Ok(Some(document))
}

fn escaped(path: &Path) -> String {
    path.as_os_str().as_bytes().escape_ascii().to_string()
}

const fn reason(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::StorageFull => "the disk is full",
        _ => "the system refused",
    }
}

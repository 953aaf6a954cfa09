//! The `.env` files that were read, so that a file that several layers name is read and parsed once
//! per reader and change.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;

use super::{
    open::{Failure, LINES_CAP, Opened, Stamp, open, stamp},
    process::Symbols,
};
use crate::formats::{
    Contents, Environment, Refusal, Wanted,
    dotenv::{Dialect, parse_wanted, traps},
};

/// A file that changed less than this before it was read may change again within the same tick of
/// its file system's clock; a later pass reads it again.
const SAME_TICK_SECONDS: i64 = 2;

/// What one file gives the readers that were asked for.
pub(super) struct ReadFile {
    /// mtime.
    pub modified_at: Option<Timestamp>,
    /// ctime.
    pub changed_at: Option<Timestamp>,
    /// For each reader, in the order in which they were asked for. Values only of the variables
    /// that some credential wants.
    pub by_reader: Vec<Result<Arc<Contents>, Refusal>>,
    /// What the first of the readers stumbles over.
    pub traps: Vec<traps::Found>,
}

/// A file as it was at one time; `None` while nobody has read it.
type Slot = Arc<Mutex<Option<Known>>>;

struct Known {
    stamp: Stamp,
    read_at: Timestamp,
    pass: u64,
    file: Arc<ReadFile>,
}

/// The files of a run. Secrets in it are wiped when it forgets or is dropped.
pub struct ReadFiles {
    wanted: Wanted,
    /// Of the programs whose processes were looked into.
    pub(super) symbols: Symbols,
    known: Mutex<HashMap<(PathBuf, Vec<Dialect>), Slot>>,
}

impl Default for ReadFiles {
    /// For layers that read no dotenv file: no variable is wanted.
    fn default() -> Self {
        Self::new(BTreeSet::new())
    }
}

impl ReadFiles {
    /// Nothing is known yet. Values of `wanted` variables are kept, and of no others.
    pub fn new(wanted: BTreeSet<String>) -> Self {
        Self { wanted: Wanted::new(wanted), symbols: Symbols::default(), known: Mutex::default() }
    }

    /// The file, read by each of `readers`. In one pass an unchanged file is read once.
    pub(super) fn read(
        &self,
        path: &Path,
        readers: &[Dialect],
        environment: &Environment,
        pass: u64,
    ) -> Result<Arc<ReadFile>, Failure> {
        let slot = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry((path.to_owned(), readers.to_vec())).or_default())
        };
        // Held while the file is read: who wants the same file waits for it and reads it no more.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*slot
            && (known.pass == pass || is_settled(known))
            && stamp(path).is_some_and(|now| now == known.stamp)
        {
            return Ok(Arc::clone(&known.file));
        }
        *slot = None;
        let opened = open(path, LINES_CAP)?;
        let file = Arc::new(self.parse(&opened, readers, environment));
        let read_at = Timestamp::now();
        *slot = Some(Known { stamp: opened.stamp, read_at, pass, file: Arc::clone(&file) });
        Ok(file)
    }

    fn parse(&self, opened: &Opened, readers: &[Dialect], environment: &Environment) -> ReadFile {
        let wanted: Vec<&str> = self.wanted.iter().collect();
        let mut found = Vec::new();
        let mut by_reader = Vec::with_capacity(readers.len());
        for (number, reader) in readers.iter().enumerate() {
            let read = parse_wanted(*reader, &opened.bytes, environment, &self.wanted);
            if number == 0 {
                found = traps::traps(*reader, &opened.bytes, &read, environment, &wanted);
            }
            by_reader.push(read.map(|contents| Arc::new(contents.only(&self.wanted))));
        }
        ReadFile {
            modified_at: opened.modified_at,
            changed_at: opened.changed_at,
            by_reader,
            traps: found,
        }
    }
}

fn is_settled(known: &Known) -> bool {
    known.file.changed_at.is_some_and(|changed| {
        known.read_at.as_second().saturating_sub(changed.as_second()) > SAME_TICK_SECONDS
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn files() -> ReadFiles {
        ReadFiles::new(BTreeSet::from(["KEY".to_owned()]))
    }

    fn read(files: &ReadFiles, path: &Path, reader: Dialect, pass: u64) -> Arc<ReadFile> {
        files
            .read(path, &[reader], &Environment::new(), pass)
            .unwrap_or_else(|_| panic!("readable"))
    }

    #[test]
    fn a_file_is_parsed_once_per_reader_and_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "KEY=1\n").unwrap();
        let files = files();
        let first = read(&files, &path, Dialect::PythonDotenv, 1);
        assert!(Arc::ptr_eq(&first, &read(&files, &path, Dialect::PythonDotenv, 1)));
        assert!(!Arc::ptr_eq(&first, &read(&files, &path, Dialect::Node, 1)));
        fs::write(&path, "KEY=22\n").unwrap();
        let second = read(&files, &path, Dialect::PythonDotenv, 1);
        assert!(!Arc::ptr_eq(&first, &second), "it changed");
        fs::remove_file(&path).unwrap();
        let gone = files.read(&path, &[Dialect::PythonDotenv], &Environment::new(), 1);
        assert!(matches!(gone, Err(Failure::Absent)));
    }

    #[test]
    fn what_changed_a_moment_before_is_read_again_by_the_next_pass() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "KEY=1\n").unwrap();
        let files = files();
        let first = read(&files, &path, Dialect::PythonDotenv, 1);
        assert!(!Arc::ptr_eq(&first, &read(&files, &path, Dialect::PythonDotenv, 2)));
    }

    #[test]
    fn values_nobody_wants_are_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "OTHER=1\nKEY=2\nKEYS=3\n").unwrap();
        let file = read(&files(), &path, Dialect::PythonDotenv, 1);
        let contents = file.by_reader[0].as_ref().unwrap();
        assert_eq!(contents.occurrences.len(), 1);
        assert_eq!(contents.other_names, ["OTHER", "KEYS"]);
    }
}

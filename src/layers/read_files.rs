//! The `.env` files that were read, so that files that several layers name are read and parsed once
//! per reader and change.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;

use super::{
    Surroundings,
    gate::open_file,
    hosts::Sessions,
    open::{Failure, LINES_CAP, Opened, Stamp, stamp},
    process::Symbols,
};
use crate::formats::{
    Contents, Environment, Refusal, Wanted,
    dotenv::{Dialect, read_wanted, traps},
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

/// The files of one layer; `None` stands for one that does not exist.
pub(super) type FileSet = Arc<Vec<Option<ReadFile>>>;

/// Files as they were at one time; `None` while nobody has read them.
type Slot = Arc<Mutex<Option<Known>>>;

/// The files of a layer in their order, and the readers that are asked.
type Asked = (Vec<PathBuf>, Vec<Dialect>);

struct Known {
    stamps: Vec<Option<Stamp>>,
    read_at: Timestamp,
    pass: u64,
    files: FileSet,
}

/// The files of a run. Secrets in it are wiped when it forgets or is dropped.
pub struct ReadFiles {
    wanted: Wanted,
    /// Of the programs whose processes were looked into.
    pub(super) symbols: Symbols,
    /// With the machines that were asked.
    pub(super) sessions: Sessions,
    known: Mutex<HashMap<Asked, Slot>>,
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
        Self {
            wanted: Wanted::new(wanted),
            symbols: Symbols::default(),
            sessions: Sessions::default(),
            known: Mutex::default(),
        }
    }

    /// Ends what outlives a question: connections to other machines.
    pub fn close(&self) {
        self.sessions.close();
    }

    /// The files, read by each of `readers`. In one pass unchanged files are read once.
    ///
    /// # Errors
    /// Which of the files cannot be read, and why.
    pub(super) fn read(
        &self,
        paths: &[PathBuf],
        readers: &[Dialect],
        surroundings: &Surroundings,
    ) -> Result<FileSet, (usize, Failure)> {
        let pass = surroundings.pass;
        let slot = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry((paths.to_vec(), readers.to_vec())).or_default())
        };
        // Held while the files are read: who wants the same ones waits and reads them no more.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*slot
            && (known.pass == pass || is_settled(known))
            && paths.iter().zip(&known.stamps).all(|(path, known)| stamp(path) == *known)
        {
            return Ok(Arc::clone(&known.files));
        }
        *slot = None;
        let mut opened = Vec::with_capacity(paths.len());
        for (number, path) in paths.iter().enumerate() {
            opened.push(match open_file(path, LINES_CAP, surroundings) {
                Ok(file) => Some(file),
                Err(Failure::Absent) => None,
                Err(failure) => return Err((number, failure)),
            });
        }
        let files = Arc::new(self.parse(&opened, readers, &surroundings.shell));
        let read_at = Timestamp::now();
        let stamps = opened.iter().map(|file| file.as_ref().map(|file| file.stamp)).collect();
        *slot = Some(Known { stamps, read_at, pass, files: Arc::clone(&files) });
        Ok(files)
    }

    fn parse(
        &self,
        opened: &[Option<Opened>],
        readers: &[Dialect],
        environment: &Environment,
    ) -> Vec<Option<ReadFile>> {
        let present: Vec<&Opened> = opened.iter().flatten().collect();
        let bytes: Vec<&[u8]> = present.iter().map(|file| file.bytes.as_slice()).collect();
        let read = read_wanted(readers, &bytes, environment, &self.wanted);
        let mut files = present.into_iter().zip(read).map(|(file, read)| ReadFile {
            modified_at: file.modified_at,
            changed_at: file.changed_at,
            by_reader: read.by_reader.into_iter().map(|read| read.map(Arc::new)).collect(),
            traps: read.traps,
        });
        opened.iter().map(|file| file.as_ref().and_then(|_| files.next())).collect()
    }
}

/// None of the files can have changed again within the tick in which it was read.
fn is_settled(known: &Known) -> bool {
    known.files.iter().flatten().all(|file| {
        file.changed_at.is_some_and(|changed| {
            known.read_at.as_second().saturating_sub(changed.as_second()) > SAME_TICK_SECONDS
        })
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn files() -> ReadFiles {
        ReadFiles::new(BTreeSet::from(["KEY".to_owned()]))
    }

    fn read(files: &ReadFiles, path: &Path, reader: Dialect, pass: u64) -> FileSet {
        let mut surroundings = Surroundings::new(
            Path::new("/"),
            None,
            Environment::new(),
            Arc::default(),
            Arc::new(crate::inventory::trust::Trust::All),
        );
        surroundings.pass = pass;
        files
            .read(&[path.to_owned()], &[reader], &surroundings)
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
        assert!(read(&files, &path, Dialect::PythonDotenv, 1)[0].is_none(), "it is gone");
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
        let read = read(&files(), &path, Dialect::PythonDotenv, 1);
        let contents = read[0].as_ref().unwrap().by_reader[0].as_ref().unwrap();
        assert_eq!(contents.occurrences.len(), 1);
        assert_eq!(contents.other_names, ["KEYS"]);
    }
}

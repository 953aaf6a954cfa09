//! Opens what files name, for formats that follow them, and remembers it for the evidence.

use std::{
    io::{Error, ErrorKind},
    path::{Path, PathBuf},
};

use super::{
    Surroundings,
    dotenv::keep_newest,
    gate,
    open::{Failure, Opened, open},
    resolve::Absence,
};
use crate::{
    domain::{
        inert::inert,
        place::Place,
        reading::{Evidence, Looked, MissingReason, Unreadable, UnreadableKind},
    },
    formats::files::{Entry, Files, Missed},
};

/// Opens a file that the inventory names, and remembers when it changed.
pub(super) fn open_named(
    path: &str,
    cap: usize,
    surroundings: &Surroundings,
    evidence: &mut Evidence,
) -> Result<Opened, Absence> {
    match gate::open_file(&surroundings.file(path), cap, surroundings) {
        Ok(opened) => {
            keep_newest(evidence, &opened);
            Ok(opened)
        }
        Err(Failure::Absent) => Err(Absence::Missing(MissingReason::FileAbsent)),
        Err(Failure::Untrusted(effect)) => Err(Absence::Untrusted(effect)),
        Err(Failure::Unreadable(why)) => Err(Absence::Unreadable(why.at(Place::file(inert(path))))),
    }
}

/// Most entries of a folder that are looked at.
const MOST_ENTRIES: usize = 10_000;

pub(super) struct Opener<'a> {
    surroundings: &'a Surroundings,
    cap: usize,
    anywhere: bool,
    pub(super) evidence: Evidence,
}

impl<'a> Opener<'a> {
    /// Opens files of at most `cap` bytes (SECURITY R1).
    pub(super) fn new(surroundings: &'a Surroundings, cap: usize, reader: &str) -> Self {
        let evidence = Evidence { reader: Some(reader.to_owned()), ..Evidence::default() };
        Self { surroundings, cap, anywhere: false, evidence }
    }

    /// The file decides what the layer yields, read or not.
    pub(super) fn note(&mut self, path: &str) {
        let path = inert(path);
        if !self.evidence.files.contains(&path) {
            self.evidence.files.push(path);
        }
    }

    /// Opens what was named by somebody who may name anything: the system, for a unit of its own.
    pub(super) fn anywhere(self) -> Self {
        Self { anywhere: true, ..self }
    }

    fn open(&self, file: &Path) -> Result<Opened, Failure> {
        if self.anywhere {
            open(file, self.cap)
        } else {
            gate::open_file(file, self.cap, self.surroundings)
        }
    }

    fn folder(&self, path: &str) -> Result<PathBuf, Failure> {
        let folder = self.surroundings.file(path);
        if self.anywhere { Ok(folder) } else { gate::folder(&folder, self.surroundings) }
    }
}

impl Files for Opener<'_> {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Missed> {
        let file = self.surroundings.file(path);
        match self.open(&file) {
            Ok(opened) => {
                self.note(path);
                keep_newest(&mut self.evidence, &opened);
                Ok(opened.bytes.to_vec())
            }
            Err(Failure::Absent) => {
                self.evidence.looked.push(Looked::File(path.to_owned()));
                Err(Missed::Absent)
            }
            // A link to nothing has nothing to hide.
            Err(Failure::Untrusted(_) | Failure::Unreadable(_)) if is_null(&file) => {
                Err(Missed::Null)
            }
            Err(Failure::Untrusted(effect)) => {
                Err(Missed::Unreadable(gate::refused(&effect, &mut self.evidence)))
            }
            Err(Failure::Unreadable(why)) => Err(Missed::Unreadable(why)),
        }
    }

    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Missed> {
        let folder = match self.folder(path) {
            Ok(folder) => folder,
            Err(Failure::Untrusted(effect)) => {
                return Err(Missed::Unreadable(gate::refused(&effect, &mut self.evidence)));
            }
            Err(_) => return Err(Missed::Absent),
        };
        self.evidence.looked.push(Looked::Folder(path.to_owned()));
        let folder = std::fs::read_dir(folder).map_err(|error| missed(&error))?;
        let mut entries = Vec::new();
        for entry in folder {
            let entry = entry.map_err(|error| missed(&error))?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            entries
                .push(Entry { name: entry.file_name().to_string_lossy().into_owned(), is_folder });
            if entries.len() > MOST_ENTRIES {
                let detail = "it is a folder with more than 10000 entries";
                return Err(Missed::Unreadable(Unreadable::new(UnreadableKind::TooLarge, detail)));
            }
        }
        Ok(entries)
    }
}

fn missed(error: &Error) -> Missed {
    let (kind, detail) = match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => return Missed::Absent,
        ErrorKind::PermissionDenied => (UnreadableKind::NoPermission, "permission denied"),
        _ => (UnreadableKind::System, "the system could not list this folder"),
    };
    Missed::Unreadable(Unreadable::new(kind, detail))
}

/// It is a link to `/dev/null`, or that itself.
fn is_null(file: &Path) -> bool {
    std::fs::canonicalize(file).is_ok_and(|real| real == Path::new("/dev/null"))
}

//! Opens what files name, for formats that follow them, and remembers it for the evidence.

use std::path::Path;

use super::{
    Surroundings,
    dotenv::keep_newest,
    open::{Failure, open},
};
use crate::{
    domain::{inert::inert, reading::Evidence},
    formats::files::{Entry, Files, Missed},
};

/// Most entries of a folder that are looked at.
const MOST_ENTRIES: usize = 10_000;

pub(super) struct Opener<'a> {
    surroundings: &'a Surroundings,
    cap: usize,
    pub(super) evidence: Evidence,
}

impl<'a> Opener<'a> {
    /// Opens files of at most `cap` bytes (SECURITY R1).
    pub(super) fn new(surroundings: &'a Surroundings, cap: usize, reader: &str) -> Self {
        let evidence = Evidence { reader: Some(reader.to_owned()), ..Evidence::default() };
        Self { surroundings, cap, evidence }
    }
}

impl Files for Opener<'_> {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Missed> {
        let file = self.surroundings.file(path);
        match open(&file, self.cap) {
            Ok(opened) => {
                self.evidence.files.push(inert(path));
                keep_newest(&mut self.evidence, &opened);
                Ok(opened.bytes.to_vec())
            }
            Err(Failure::Absent) => Err(Missed::Absent),
            Err(Failure::Unreadable(_)) if is_null(&file) => Err(Missed::Null),
            Err(Failure::Unreadable(why)) => Err(Missed::Unreadable(why)),
        }
    }

    fn list(&mut self, path: &str) -> Option<Vec<Entry>> {
        let entries = std::fs::read_dir(self.surroundings.file(path)).ok()?;
        let entries = entries.take(MOST_ENTRIES).filter_map(|entry| {
            let entry = entry.ok()?;
            let is_folder = entry.file_type().ok()?.is_dir();
            Some(Entry { name: entry.file_name().into_string().ok()?, is_folder })
        });
        Some(entries.collect())
    }
}

/// It is a link to `/dev/null`, or that itself.
fn is_null(file: &Path) -> bool {
    std::fs::canonicalize(file).is_ok_and(|real| real == Path::new("/dev/null"))
}

//! Looks beside a `.env` file, and above it up to the inventory's folder, for what reads it.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use super::{Surroundings, gate, open::LINES_CAP};
use crate::formats::dotenv::inference::{
    Candidate, Clue, Level, TELLING_NAMES, candidates, clues, tells_by_its_kind,
};

/// Folders that are looked at, the file's own included.
const MOST_LEVELS: usize = 8;
/// Entries of a folder that are looked at for units, scripts and further requirements.
const MOST_ENTRIES: usize = 512;
/// Where workflows of GitHub stand.
const WORKFLOWS: &str = ".github/workflows";

/// What the folders of one pass say; each is looked at once.
#[derive(Default)]
pub(super) struct Folders {
    known: Mutex<HashMap<PathBuf, Arc<OnceLock<Vec<Clue>>>>>,
}

impl Folders {
    /// The readers that the file may have, the most plausible first.
    pub(super) fn candidates(&self, file: &Path, surroundings: &Surroundings) -> Vec<Candidate> {
        let above: Vec<(Arc<OnceLock<Vec<Clue>>>, String)> = levels(file, &surroundings.folder)
            .filter_map(|level| {
                let clues = self.of(level, surroundings);
                let is_silent = clues.get().is_none_or(Vec::is_empty);
                let path = file.strip_prefix(level).ok()?.to_str()?.to_owned();
                Some((clues, if is_silent { String::new() } else { path }))
            })
            .collect();
        let levels: Vec<Level<'_>> = above
            .iter()
            .filter_map(|(clues, path)| Some(Level { file: path, clues: clues.get()? }))
            .collect();
        if levels.iter().all(|level| level.clues.is_empty()) {
            return Vec::new();
        }
        candidates(&levels)
    }

    fn of(&self, folder: &Path, surroundings: &Surroundings) -> Arc<OnceLock<Vec<Clue>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let clues = match known.get(folder) {
            Some(clues) => Arc::clone(clues),
            None => Arc::clone(known.entry(folder.to_owned()).or_default()),
        };
        drop(known);
        clues.get_or_init(|| look(folder, surroundings));
        clues
    }
}

/// The folders that say who reads the file: its own first.
pub(super) fn levels<'a>(file: &'a Path, top: &Path) -> impl Iterator<Item = &'a Path> {
    let folder = file.parent().unwrap_or(file);
    let is_beneath = folder.starts_with(top);
    folder
        .ancestors()
        .take(if is_beneath { MOST_LEVELS } else { 1 })
        .take_while(move |level| !is_beneath || level.starts_with(top))
}

/// The folder of the workflows that may name a `.env` file.
pub(super) fn workflows(level: &Path) -> PathBuf {
    level.join(WORKFLOWS)
}

fn look(folder: &Path, surroundings: &Surroundings) -> Vec<Clue> {
    if !gate::may_look_beside(folder, surroundings) {
        return Vec::new();
    }
    let read = |name: &str, path: &Path| match gate::open_beside(path, LINES_CAP, surroundings) {
        Ok(opened) => clues(name, &opened.bytes),
        Err(_) => Vec::new(),
    };
    let mut found: Vec<Clue> =
        TELLING_NAMES.iter().flat_map(|name| read(name, &folder.join(name))).collect();
    let mut more = names(folder, tells_by_its_kind);
    more.sort_unstable();
    found.extend(
        more.iter()
            .filter(|name| !TELLING_NAMES.contains(&name.as_str()))
            .flat_map(|name| read(name, &folder.join(name))),
    );
    let workflows = workflows(folder);
    if !gate::may_look_beside(&workflows, surroundings) {
        return found;
    }
    let mut steps =
        names(&workflows, |name| matches!(name.rsplit_once('.'), Some((_, "yml" | "yaml"))));
    steps.sort_unstable();
    found.extend(steps.iter().flat_map(|name| read(name, &workflows.join(name))));
    found
}

fn names(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .take(MOST_ENTRIES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_wanted(name))
        .collect()
}

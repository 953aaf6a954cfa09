//! The names below a folder: bounded, and no link is followed.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::domain::inert::inert;

/// Folders inside each other.
const MOST_DEPTH: usize = 12;
/// Entries in all.
const MOST_ENTRIES: usize = 20_000;
/// What one folder counts at the most: one that is full of data must not hide all others.
const MOST_COUNTED: usize = 2_000;
/// Names of one folder that are looked at.
const MOST_NAMES: usize = 200_000;
/// Folders that are named where there are several.
const MOST_NAMED: usize = 5;

/// What version control, package managers and compilers make. Nothing in there is anybody's layer.
const SKIPPED: &[&str] = &[
    ".cache",
    ".direnv",
    ".git",
    ".gradle",
    ".hg",
    ".idea",
    ".mypy_cache",
    ".next",
    ".nuxt",
    ".nx",
    ".output",
    ".parcel-cache",
    ".pnpm-store",
    ".pytest_cache",
    ".ruff_cache",
    ".svelte-kit",
    ".svn",
    ".terraform",
    ".tox",
    ".turbo",
    ".venv",
    ".vscode",
    ".yarn",
    "Pods",
    "__pycache__",
    "bower_components",
    "coverage",
    "dist",
    "jspm_packages",
    "node_modules",
    "site-packages",
    "target",
    "vendor",
    "venv",
];

/// The files that a finder wants, as paths from the folder, sorted.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<String>,
}

/// What was passed by, for one sentence each.
#[derive(Default)]
struct Passed {
    skipped: BTreeMap<&'static str, usize>,
    unreadable: Vec<String>,
    deep: Vec<String>,
    unread: Vec<String>,
    crowded: Vec<String>,
    links: Vec<String>,
    nameless: usize,
}

/// Lists what `wants` a path; the nearest folders first, so that the bound cuts the deepest.
pub(super) fn walk(folder: &Path, wants: &dyn Fn(&str) -> bool, notes: &mut Vec<String>) -> Tree {
    let mut tree = Tree::default();
    let mut passed = Passed::default();
    let mut left = MOST_ENTRIES;
    let mut folders = VecDeque::from([(String::new(), 0_usize)]);
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    while let Some((below, depth)) = folders.pop_front() {
        if left == 0 {
            passed.unread.push(below);
            continue;
        }
        let entries = match fs::read_dir(folder.join(&below)) {
            Ok(entries) => entries,
            // It was there a moment ago.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(_) => {
                passed.unreadable.push(shown(&below));
                continue;
            }
        };
        let mut inner = Vec::new();
        let mut count = 0_usize;
        for entry in entries.take(MOST_NAMES).flatten() {
            count += 1;
            let Ok(name) = entry.file_name().into_string() else {
                passed.nameless += 1;
                continue;
            };
            let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                match SKIPPED.iter().find(|skipped| **skipped == name) {
                    Some(skipped) => *passed.skipped.entry(skipped).or_default() += 1,
                    None => inner.push(path),
                }
            } else if wants(&path) {
                if kind.is_symlink() && !leads_inside(&folder.join(&path), &real) {
                    passed.links.push(shown(&path));
                } else {
                    tree.files.push(path);
                }
            }
        }
        if count >= MOST_NAMES {
            passed.crowded.push(shown(&below));
        }
        left = left.saturating_sub(count.min(MOST_COUNTED));
        inner.sort_unstable();
        for path in inner {
            // A virtual environment of Python under another name.
            if folder.join(&path).join("pyvenv.cfg").exists() {
                *passed.skipped.entry("venv").or_default() += 1;
            } else if depth + 1 > MOST_DEPTH {
                passed.deep.push(shown(&path));
            } else {
                folders.push_back((path, depth + 1));
            }
        }
    }
    tree.files.sort_unstable();
    passed.tell(notes);
    tree
}

/// A link to a file within the folder is one of its files; where else it leads is not looked at.
fn leads_inside(link: &Path, real: &Path) -> bool {
    let target: Option<PathBuf> = link.canonicalize().ok();
    target.is_some_and(|target| target.starts_with(real) && target.is_file())
}

fn shown(path: &str) -> String {
    if path.is_empty() { ".".to_owned() } else { inert(path) }
}

impl Passed {
    fn tell(mut self, notes: &mut Vec<String>) {
        self.links.sort_unstable();
        if !self.skipped.is_empty() {
            let folders: Vec<String> = self
                .skipped
                .iter()
                .map(
                    |(name, count)| {
                        if *count == 1 { (*name).to_owned() } else { format!("{name} ({count})") }
                    },
                )
                .collect();
            notes.push(format!("not looked into: {}", folders.join(", ")));
        }
        let mut tell = |what: &str, paths: &[String]| {
            if !paths.is_empty() {
                notes.push(format!("{what}: {}", listed(paths)));
            }
        };
        tell("no permission to look into", &self.unreadable);
        tell("a link out of this folder, not followed", &self.links);
        tell("too deep, not looked into", &self.deep);
        tell("more than 200000 entries, the rest not looked at", &self.crowded);
        let unread: Vec<String> = self.unread.iter().map(|path| shown(path)).collect();
        tell("20000 entries were looked at, and these folders not any more", &unread);
        if self.nameless > 0 {
            notes.push(format!(
                "{} with a name that is not UTF-8, which no inventory can write",
                counted(self.nameless, "entry", "entries")
            ));
        }
    }
}

/// A few names, and how many there are besides.
pub(super) fn listed(names: &[String]) -> String {
    let mut text = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > MOST_NAMED {
        text.push_str(&format!(" and {} more", names.len() - MOST_NAMED));
    }
    text
}

/// `1 entry`, `2 entries`.
pub(super) fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn walked(folder: &Path) -> (Vec<String>, Vec<String>) {
        let mut notes = Vec::new();
        let tree = walk(folder, &|path| path.ends_with("env"), &mut notes);
        (tree.files, notes)
    }

    fn touch(folder: &Path, path: &str) {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }

    #[test]
    fn what_tools_make_is_passed_by_and_told() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            ".env",
            "a/.env",
            "a/node_modules/b/.env",
            "node_modules/c/.env",
            ".git/.env",
            "python/pyvenv.cfg",
            "python/.env",
        ] {
            touch(folder.path(), path);
        }
        let (files, notes) = walked(folder.path());
        assert_eq!(files, [".env", "a/.env"]);
        assert_eq!(notes, ["not looked into: .git, node_modules (2), venv"]);
    }

    #[test]
    fn links_lead_neither_out_nor_round() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        touch(outside.path(), ".env");
        touch(folder.path(), "a/.env");
        symlink(folder.path(), folder.path().join("a/loop")).unwrap();
        symlink(outside.path(), folder.path().join("out")).unwrap();
        symlink(outside.path().join(".env"), folder.path().join("far.env")).unwrap();
        symlink(folder.path().join("a/.env"), folder.path().join("near.env")).unwrap();
        symlink("round.env", folder.path().join("round.env")).unwrap();
        let (files, notes) = walked(folder.path());
        assert_eq!(files, ["a/.env", "near.env"]);
        assert_eq!(notes, ["a link out of this folder, not followed: far.env, round.env"]);
    }

    #[test]
    fn a_crowded_folder_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        for number in 0..30_000 {
            fs::write(folder.path().join(format!("data/{number}.json")), "").unwrap();
        }
        touch(folder.path(), "data/.env");
        touch(folder.path(), "services/api/.env");
        let (files, notes) = walked(folder.path());
        assert_eq!(files, ["data/.env", "services/api/.env"]);
        assert!(notes.is_empty(), "{notes:?}");
    }

    #[test]
    fn both_bounds_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut deep = "d".to_owned();
        for _ in 0..MOST_DEPTH {
            deep.push_str("/d");
        }
        touch(folder.path(), &format!("{deep}/.env"));
        let (files, notes) = walked(folder.path());
        assert!(files.is_empty(), "{files:?}");
        assert_eq!(notes, [format!("too deep, not looked into: {deep}")]);
        for number in 0..12 {
            let crowd = folder.path().join(format!("c{number:02}"));
            fs::create_dir(&crowd).unwrap();
            for entry in 0..MOST_COUNTED {
                fs::write(crowd.join(entry.to_string()), "").unwrap();
            }
        }
        let (_, notes) = walked(folder.path());
        let last = notes.last().unwrap();
        assert!(last.starts_with("20000 entries were looked at"), "{notes:?}");
        assert!(last.contains("c10"), "{notes:?}");
    }
}

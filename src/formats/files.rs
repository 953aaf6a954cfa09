//! The file system, as a format sees it that follows what its files name.

use crate::domain::reading::Unreadable;

/// What the caller opens for a format. Paths are as the files name them, joined with `/`.
pub trait Files {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Why there are none.
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Missed>;

    /// What stands in a folder.
    ///
    /// # Errors
    /// [`Missed::Absent`] when there is no such folder, or why it could not be listed.
    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Missed>;
}

/// Without `.` and `x/..`, so that two ways to write a path are one.
pub fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, ".." | "")) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// Why a file has no bytes, or a folder no entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// It does not exist.
    Absent,
    /// It is a link to `/dev/null`: there, and empty on purpose.
    Null,
    /// It could not be read.
    Unreadable(Unreadable),
}

/// What stands in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// It is a folder itself, and no link to one.
    pub is_folder: bool,
}

/// `name` in `folder`; an absolute name stays.
pub fn join(folder: &str, name: &str) -> String {
    let name = name.strip_prefix("./").unwrap_or(name);
    if folder.is_empty() || folder == "." || name.starts_with('/') {
        name.to_owned()
    } else {
        format!("{}/{name}", folder.trim_end_matches('/'))
    }
}

/// The name ends in this extension, written just so.
pub fn has_extension(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}

/// The part of a path behind its last slash.
pub fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The folder that a path stands in.
pub fn folder_of(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => "",
    }
}

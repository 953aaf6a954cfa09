//! Writes the inventory whole or not at all.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::Failure;
use crate::{
    domain::inert::inert,
    inventory::discovery::{self, InventoryFile},
};

/// For others to read, as the user's mask lets it be; never for others to write (SECURITY T8).
const MODE: u32 = 0o644;

/// A file beside the inventory, gone again unless it became that.
struct Draft(PathBuf);

impl Draft {
    /// Written, and readable by the rules for an inventory: a folder that others can write is told
    /// before there is one.
    fn write(beside: &Path, text: &str, mode: u32) -> Result<Self, Failure> {
        let name = beside.file_name().unwrap_or_default().to_string_lossy();
        let path = beside.with_file_name(format!(".{name}.{}", std::process::id()));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .map_err(|error| failed(beside, &error))?;
        let draft = Self(path);
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|error| failed(beside, &error))?;
        discovery::read(&draft.0).map_err(|mut refusal| {
            if refusal.path == draft.0 {
                beside.clone_into(&mut refusal.path);
            }
            Failure::Message(format!("{refusal}\n\nNothing was written."))
        })?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A new inventory. One that came into being meanwhile is not written over.
pub(super) fn create(path: &Path, text: &str) -> Result<(), Failure> {
    let draft = Draft::write(path, text, MODE)?;
    fs::hard_link(&draft.0, path).map_err(|error| failed(path, &error))
}

/// The inventory that was read, with more behind it. One that changed meanwhile stays as it is.
pub(super) fn replace(file: &InventoryFile, text: &str) -> Result<(), Failure> {
    let path = &file.real_path;
    let mode = fs::metadata(path).map_err(|error| failed(path, &error))?.permissions().mode();
    let draft = Draft::write(path, text, mode & 0o777)?;
    fs::set_permissions(&draft.0, fs::Permissions::from_mode(mode & 0o777))
        .map_err(|error| failed(path, &error))?;
    let now = fs::read(path).map_err(|error| failed(path, &error))?;
    if now != file.text.as_bytes() {
        return Err(Failure::Message(format!(
            "error: {} changed meanwhile\n\nNothing was written. hint: run it again",
            inert(&path.to_string_lossy())
        )));
    }
    fs::rename(&draft.0, path).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    let why = match error.kind() {
        ErrorKind::PermissionDenied => "you have no permission to write there",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full",
        ErrorKind::AlreadyExists => "it came into being meanwhile, and is not written over",
        _ => "the system refused",
    };
    Failure::Message(format!(
        "error: {}: it could not be written: {why}\n\nNothing was written.",
        inert(&path.to_string_lossy())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_one_is_never_written_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stalekey.toml");
        create(&path, "version = 1\n").unwrap();
        assert!(create(&path, "other").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "version = 1\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft stays");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o022, 0);
    }

    #[test]
    fn one_that_changed_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stalekey.toml");
        fs::write(&path, "one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let read = discovery::read(&path).unwrap();
        replace(&read, "one and more").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one and more");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(replace(&read, "again").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one and more");
    }
}

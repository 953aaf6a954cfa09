//! The user's own salt, for inventories without one (SECURITY F1, P6).

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::domain::{fingerprint::FingerprintKey, inert::inert};

const FILE_NAME: &str = "fingerprint-salt";

/// Where stalekey keeps what it has to remember; `None` where there is no home.
pub(super) fn state_folder() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "stalekey")?;
    Some(folders.state_dir().unwrap_or_else(|| folders.data_local_dir()).to_owned())
}

/// Reads the salt in the state folder; makes it at the first call.
///
/// # Errors
/// A message with the place and the next step.
pub(super) fn read_or_make() -> Result<[u8; 32], String> {
    match state_folder() {
        Some(folder) => in_folder(&folder),
        None => Err(failed(Path::new("~"), "there is no home folder")),
    }
}

fn in_folder(folder: &Path) -> Result<[u8; 32], String> {
    let path = folder.join(FILE_NAME);
    match read(&path) {
        Err(None) => {}
        Err(Some(message)) => return Err(message),
        Ok(salt) => return Ok(salt),
    }
    make(folder, &path).map_err(|kind| failed(&path, reason(kind)))?;
    read(&path).map_err(|message| {
        message.unwrap_or_else(|| failed(&path, "it vanished while it was made"))
    })
}

/// `Err(None)`: there is none yet.
fn read(path: &Path) -> Result<[u8; 32], Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => FingerprintKey::decode_hex(text.trim_end())
            .map_err(|why| Some(failed(path, &format!("it {why}; delete it to get a new one")))),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(None),
        Err(error) => Err(Some(failed(path, reason(error.kind())))),
    }
}

/// Written beside its place and linked into it: two first starts at once agree on one salt.
fn make(folder: &Path, path: &Path) -> Result<(), ErrorKind> {
    let kind = |error: std::io::Error| error.kind();
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(kind)?;
    let mut salt = [0_u8; 32];
    getrandom::fill(&mut salt).map_err(|_| ErrorKind::Other)?;
    let hex: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
    let draft = folder.join(format!("{FILE_NAME}.{}", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(kind)?;
    let written = writeln!(file, "{hex}").and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.kind()),
        _ => Ok(()),
    }
}

const fn reason(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::StorageFull => "the disk is full",
        _ => "the system refused",
    }
}

fn failed(path: &Path, why: &str) -> String {
    format!(
        "error: {}: the fingerprint salt could not be kept: {why}\n\nhint: give the inventory one: \
         `[fingerprint]` with `salt = \"…\"` (64 hex digits)",
        inert(&path.to_string_lossy())
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_made_once_and_for_the_user_alone() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("state");
        let first = in_folder(&folder).unwrap();
        assert_eq!(in_folder(&folder).unwrap(), first);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join(FILE_NAME)), 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_broken_one_is_named_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), "not a salt").unwrap();
        let message = in_folder(folder.path()).unwrap_err();
        assert!(message.contains(FILE_NAME) && !message.contains("not a salt"), "{message}");
    }
}

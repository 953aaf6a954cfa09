//! Which file a program's name means, and which bytes it has.

use std::{
    ffi::OsStr,
    fs::{File, Metadata},
    io::Read as _,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// The file that a name means. Folders of `PATH` that are relative are left out: they would be
/// whatever folder a repository was unpacked to (SECURITY T9).
pub fn find(name: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(name));
    }
    std::env::split_paths(path?)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| file.metadata().is_ok_and(|file| is_program(&file)))
}

fn is_program(file: &Metadata) -> bool {
    file.is_file() && file.permissions().mode() & 0o111 != 0
}

/// Two states of a file differ in this: device, inode, size, mtime and ctime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp([i128; 7]);

pub(super) fn stamp(file: &Path) -> Option<Stamp> {
    let data = file.metadata().ok().filter(Metadata::is_file)?;
    Some(Stamp([
        i128::from(data.dev()),
        i128::from(data.ino()),
        i128::from(data.size()),
        i128::from(data.mtime()),
        i128::from(data.mtime_nsec()),
        i128::from(data.ctime()),
        i128::from(data.ctime_nsec()),
    ]))
}

/// SHA-256 of a regular file, 64 hex digits.
pub(super) fn hash(file: &Path) -> Option<String> {
    let mut file =
        File::open(file).ok().filter(|file| file.metadata().is_ok_and(|data| data.is_file()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(hex(&hasher.finalize()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

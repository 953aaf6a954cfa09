//! Opening a file of a layer without a hang, a side effect or a surprise (SECURITY R1).

use std::{fs::File, io::Read, os::fd::OwnedFd, path::Path};

use jiff::Timestamp;
use rustix::{
    buffer::spare_capacity,
    fs::{FileType, Mode, OFlags, Stat},
    io::Errno,
};
use zeroize::Zeroizing;

use crate::domain::reading::{Unreadable, UnreadableKind};

/// The most of a dotenv or shell file that is read (SECURITY R1).
pub(super) const LINES_CAP: usize = 1 << 20;
/// The most of a YAML or JSON file that is read (SECURITY R1).
pub(super) const DOCUMENT_CAP: usize = 4 << 20;

/// The bytes of a regular file, and when they changed.
pub(super) struct Opened {
    /// Wiped when dropped: a file of a layer holds keys.
    pub bytes: Zeroizing<Vec<u8>>,
    /// mtime.
    pub modified_at: Option<Timestamp>,
    /// ctime.
    pub changed_at: Option<Timestamp>,
    /// What tells this state of the file from another.
    pub stamp: Stamp,
}

/// Two states of a file differ in this: device, inode, size, mtime and ctime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp([i128; 7]);

impl Stamp {
    fn of(stat: &Stat) -> Self {
        Self([
            i128::from(stat.st_dev),
            i128::from(stat.st_ino),
            i128::from(stat.st_size),
            i128::from(stat.st_mtime),
            i128::from(stat.st_mtime_nsec),
            i128::from(stat.st_ctime),
            i128::from(stat.st_ctime_nsec),
        ])
    }
}

/// The present state of a file; `None` where it cannot be told.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    rustix::fs::stat(path).ok().map(|stat| Stamp::of(&stat))
}

/// Why there are no bytes.
#[derive(Debug)]
pub(super) enum Failure {
    /// The file does not exist.
    Absent,
    /// Anything else.
    Unreadable(Unreadable),
}

/// Reads a regular file of at most `cap` bytes that does not change meanwhile.
pub(super) fn open(path: &Path, cap: usize) -> Result<Opened, Failure> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let descriptor = rustix::fs::open(path, flags, Mode::empty()).map_err(failure)?;
    let before = rustix::fs::fstat(&descriptor).map_err(failure)?;
    refuse_what_is_no_file(&before)?;
    if usize::try_from(before.st_size).is_ok_and(|size| size > cap) {
        return Err(too_large(cap));
    }
    let bytes = read(&descriptor, usize::try_from(before.st_size).unwrap_or(0), cap)?;
    let after = rustix::fs::fstat(&descriptor).map_err(failure)?;
    let stamp = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    if stamp(&before) != stamp(&after) {
        let detail = "it changed while it was read";
        return Err(Failure::Unreadable(Unreadable::new(UnreadableKind::Changed, detail)));
    }
    Ok(Opened {
        bytes,
        modified_at: timestamp(after.st_mtime, after.st_mtime_nsec),
        changed_at: timestamp(after.st_ctime, after.st_ctime_nsec),
        stamp: Stamp::of(&after),
    })
}

/// The bytes of a file that says how many it has. It is not asked for more than those: should it
/// have grown, its new state tells.
fn read(descriptor: &OwnedFd, size: usize, cap: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if size == 0 {
        return read_to_end(descriptor, cap);
    }
    // Room for all of it, so that no read ever reallocates a copy of a key.
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    while bytes.len() < size {
        match rustix::io::read(descriptor, spare_capacity(&mut bytes)) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(failure(error)),
        }
    }
    Ok(bytes)
}

/// A file of the kernel has bytes without saying so.
fn read_to_end(descriptor: &OwnedFd, cap: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::default();
    let mut file = File::from(descriptor.try_clone().map_err(|error| system(&error))?);
    (&mut file).take(cap as u64 + 1).read_to_end(&mut bytes).map_err(|error| system(&error))?;
    if bytes.len() > cap { Err(too_large(cap)) } else { Ok(bytes) }
}

fn system(error: &std::io::Error) -> Failure {
    failure(Errno::from_io_error(error).unwrap_or(Errno::IO))
}

/// Systems have different types for the second part.
fn timestamp(seconds: i64, nanoseconds: impl TryInto<i32>) -> Option<Timestamp> {
    Timestamp::new(seconds, nanoseconds.try_into().ok()?).ok()
}

fn refuse_what_is_no_file(stat: &Stat) -> Result<(), Failure> {
    let what = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => return Ok(()),
        FileType::Directory => "it is a directory",
        FileType::Fifo => "it is a FIFO",
        FileType::Socket => "it is a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "it is a device",
        _ => "it is no regular file",
    };
    Err(Failure::Unreadable(Unreadable::new(UnreadableKind::NotAFile, what)))
}

fn too_large(cap: usize) -> Failure {
    let detail = format!("it is larger than {} MiB", cap >> 20);
    Failure::Unreadable(Unreadable::new(UnreadableKind::TooLarge, detail))
}

fn failure(error: Errno) -> Failure {
    let (kind, detail) = match error {
        Errno::NOENT | Errno::NOTDIR => return Failure::Absent,
        Errno::ACCESS | Errno::PERM => (UnreadableKind::NoPermission, "permission denied"),
        Errno::LOOP => (UnreadableKind::NotAFile, "its symbolic links go in a circle"),
        Errno::NXIO => (UnreadableKind::NotAFile, "it is a socket or device"),
        Errno::NAMETOOLONG => (UnreadableKind::System, "its name is too long"),
        Errno::AGAIN => (UnreadableKind::NotAFile, "nothing can be read from it now"),
        Errno::MFILE | Errno::NFILE => (UnreadableKind::System, "too many files are open"),
        Errno::IO => (UnreadableKind::System, "the disk or network file system failed"),
        _ => (UnreadableKind::System, "the system could not open it"),
    };
    Failure::Unreadable(Unreadable::new(kind, detail))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn kind(path: &Path) -> Option<UnreadableKind> {
        match open(path, LINES_CAP) {
            Err(Failure::Unreadable(why)) => Some(why.kind),
            _ => None,
        }
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_a_hang() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(kind(folder.path()), Some(UnreadableKind::NotAFile));
        assert_eq!(kind(Path::new("/dev/zero")), Some(UnreadableKind::NotAFile));
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("fifo"),
            FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        assert_eq!(kind(&at("fifo")), Some(UnreadableKind::NotAFile));
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert_eq!(kind(&at("socket")), Some(UnreadableKind::NotAFile));
        symlink(at("b"), at("a")).unwrap();
        symlink(at("a"), at("b")).unwrap();
        assert_eq!(kind(&at("a")), Some(UnreadableKind::NotAFile));
        File::create(at("sparse")).unwrap().set_len(5 << 30).unwrap();
        assert_eq!(kind(&at("sparse")), Some(UnreadableKind::TooLarge));
        assert!(matches!(open(&at("nowhere"), LINES_CAP), Err(Failure::Absent)));
    }

    #[test]
    fn a_file_is_read_whole_with_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, "A=1\n").unwrap();
        let opened = open(&path, LINES_CAP).unwrap_or_else(|_| panic!("readable"));
        assert_eq!(&**opened.bytes, b"A=1\n");
        assert!(opened.modified_at.is_some());
    }
}

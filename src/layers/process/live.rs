//! The environment of a running process as `getenv` sees it now.
//!
//! `environ` is found by the symbols of the program or of its C library, and followed through the
//! process's memory: pointers first, then the strings. Nothing is attached to, stopped or written.
//! Values are read of the variables that a layer asks for, and of no others.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File},
    io::{self, BufRead as _, ErrorKind},
    os::unix::{ffi::OsStrExt as _, fs::FileExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rustix::fs::{FileType, Mode, OFlags};
use zeroize::Zeroizing;

use super::elf::{self, Role};
use crate::domain::secret::SecretValue;

/// More entries than any real environment has.
const MOST_ENTRIES: usize = 10_000;
/// The longest entry that is read.
const LONGEST_ENTRY: usize = 1 << 20;
/// Enough of an entry to see its name, and most values whole.
const GLANCE: usize = 256;
/// A process that changes its environment all the time is given up on.
const MOST_ATTEMPTS: usize = 4;

/// What the environment shows now.
pub(super) enum Live {
    /// The variables that were asked for, in the order of the environment.
    Environment(Vec<(String, SecretValue)>),
    /// The memory may not be read.
    NoPermission,
    /// Neither the program nor a C library says where its environment is.
    NoSymbol,
    /// It changed whenever it was read.
    Changing,
    /// The process has ended.
    Gone,
    /// This system does not tell.
    Unsupported,
}

/// Where files keep `environ`. A file that is the same by device, inode and time of change is not
/// looked into again.
#[derive(Debug, Default)]
pub(in crate::layers) struct Symbols(Mutex<HashMap<Identity, Option<u64>>>);

/// Device, inode, time of change in seconds and the rest of it, and what the file is for.
type Identity = (u64, u64, i64, i64, Role);

impl Symbols {
    fn environ(&self, file: &File, role: Role) -> io::Result<Option<u64>> {
        let metadata = file.metadata()?;
        let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
        let identity = (metadata.dev(), metadata.ino(), seconds, nanoseconds, role);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = known.get(&identity) {
            return Ok(*place);
        }
        let place = elf::environ(file, role)?;
        known.insert(identity, place);
        Ok(place)
    }
}

/// Reads the variables that `wanted` names from the process whose folder below `/proc` this is.
pub(super) fn read(folder: &Path, wanted: &BTreeSet<&str>, symbols: &Symbols) -> Live {
    // First of all: what is opened stays with this program, also when the process starts another.
    let memory = match File::open(folder.join("mem")) {
        Ok(memory) => Memory(memory),
        Err(error) => return refused(&error),
    };
    let pointer = match pointer(folder, symbols) {
        Ok(Some(pointer)) => pointer,
        Ok(None) => return Live::NoSymbol,
        Err(error) => return refused(&error),
    };
    let mut before = None;
    for _ in 0..MOST_ATTEMPTS {
        let now = memory.environment(pointer, wanted);
        match (before.take(), now) {
            (Some(before), Ok(now)) if before == now => return Live::Environment(now),
            (_, Ok(now)) => before = Some(now),
            // A page went away meanwhile.
            (_, Err(_)) => {}
        }
    }
    Live::Changing
}

fn refused(error: &io::Error) -> Live {
    match error.kind() {
        ErrorKind::PermissionDenied => Live::NoPermission,
        ErrorKind::NotFound => Live::Gone,
        _ if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => Live::Gone,
        _ => Live::NoSymbol,
    }
}

/// The address of the variable `environ`. A program's own one comes first: where it has one, the
/// library's is a copy that nobody uses.
fn pointer(folder: &Path, symbols: &Symbols) -> io::Result<Option<u64>> {
    let Mappings { program, library } = mappings(folder)?;
    if let Some(start) = program {
        let file = open(&folder.join("exe"))?;
        if let Some(offset) = symbols.environ(&file, Role::Program)? {
            return Ok(start.checked_add(offset));
        }
    }
    let Some(library) = library else { return Ok(None) };
    let Some(file) = library.open(folder) else { return Ok(None) };
    let offset = symbols.environ(&file, Role::Library)?;
    Ok(offset.and_then(|offset| library.start.checked_add(offset)))
}

/// Where the first bytes of the program and of its C library are.
#[derive(Default)]
struct Mappings {
    program: Option<u64>,
    library: Option<Library>,
}

struct Library {
    start: u64,
    /// `START-END`, as the kernel names the mapping.
    range: String,
    inode: u64,
    path: PathBuf,
}

impl Library {
    /// As the process sees it: in its container, in its root folder.
    fn open(&self, folder: &Path) -> Option<File> {
        const REPLACED: &[u8] = b" (deleted)";
        let path = self.path.as_os_str().as_bytes();
        if path.ends_with(REPLACED) {
            // Another file has its name by now; this one is still reached by its mapping.
            return open(&folder.join("map_files").join(&self.range)).ok();
        }
        let within = self.path.strip_prefix("/").unwrap_or(&self.path);
        if let Ok(file) = open(&folder.join("root").join(within)) {
            return Some(file);
        }
        // The root folder of the process is not that of its names.
        let file = open(&self.path).ok()?;
        file.metadata().is_ok_and(|metadata| metadata.ino() == self.inode).then_some(file)
    }
}

fn mappings(folder: &Path) -> io::Result<Mappings> {
    let program = fs::read_link(folder.join("exe"))?;
    let mut found = Mappings::default();
    let mut lines = io::BufReader::new(File::open(folder.join("maps"))?);
    let mut line = Vec::new();
    while found.program.is_none() || found.library.is_none() {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let Some(mapping) = first_mapping(&line) else { continue };
        if found.program.is_none() && mapping.path == program {
            found.program = Some(mapping.start);
        } else if found.library.is_none() && is_c_library(&mapping.path) {
            found.library = Some(mapping);
        }
    }
    Ok(found)
}

/// A line of `maps` that is about the beginning of a file:
/// `7f0c1a600000-7f0c1a628000 r--p 00000000 08:01 1234    /usr/lib/libc.so.6`.
fn first_mapping(line: &[u8]) -> Option<Library> {
    let slash = line.iter().position(|byte| *byte == b'/')?;
    let (head, path) = line.split_at(slash);
    let path = path.strip_suffix(b"\n").unwrap_or(path);
    let mut fields = std::str::from_utf8(head).ok()?.split_ascii_whitespace();
    let (range, _, offset) = (fields.next()?, fields.next()?, fields.next()?);
    let inode = fields.nth(1)?.parse().ok()?;
    if offset.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let start = u64::from_str_radix(range.split_once('-')?.0, 16).ok()?;
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(path));
    Some(Library { start, range: range.to_owned(), inode, path })
}

/// `libc.so.6`, `libc-2.31.so`, `libc.musl-x86_64.so.1`, `ld-musl-x86_64.so.1`.
fn is_c_library(path: &Path) -> bool {
    let name = path.file_name().map(std::ffi::OsStr::as_bytes).unwrap_or_default();
    [&b"libc.so"[..], b"libc-", b"libc.musl", b"ld-musl"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// A regular file, without a hang (SECURITY R1).
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let descriptor = rustix::fs::open(path, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&descriptor)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(ErrorKind::InvalidInput.into());
    }
    Ok(File::from(descriptor))
}

/// The memory of a process, for reading.
struct Memory(File);

impl Memory {
    fn environment(
        &self,
        pointer: u64,
        wanted: &BTreeSet<&str>,
    ) -> io::Result<Vec<(String, SecretValue)>> {
        let mut found: Vec<(String, SecretValue)> = Vec::new();
        let mut wanted = wanted.clone();
        for entry in self.entries(self.word(pointer)?)? {
            if let Some((name, value)) = self.entry(entry, &wanted)? {
                // The first of several wins, and a hostile environment repeats without end.
                wanted.remove(name.as_str());
                found.push((name, value));
            }
        }
        Ok(found)
    }

    /// The pointers of an array that ends with zero.
    fn entries(&self, array: u64) -> io::Result<Vec<u64>> {
        let mut entries = Vec::new();
        let mut at = array;
        // Of an environment that was cleared there is no array.
        while at != 0 && entries.len() < MOST_ENTRIES {
            let mut piece = [0; 64 * 8];
            let read = self.some(&mut piece, at)? / 8 * 8;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            for word in piece[..read].chunks_exact(8) {
                match word.try_into().map_or(0, u64::from_ne_bytes) {
                    0 => return Ok(entries),
                    entry => entries.push(entry),
                }
            }
            at += read as u64;
        }
        Ok(entries)
    }

    /// `NAME=value`, when the name is wanted.
    fn entry(&self, at: u64, wanted: &BTreeSet<&str>) -> io::Result<Option<(String, SecretValue)>> {
        let mut size = GLANCE;
        loop {
            let mut text = Zeroizing::new(vec![0; size]);
            let read = self.some(&mut text, at)?;
            let text = &text[..read];
            let end = memchr::memchr(0, text);
            let whole = &text[..end.unwrap_or(read)];
            let Some(equals) = memchr::memchr(b'=', whole) else { return Ok(None) };
            let (name, value) = (&whole[..equals], &whole[equals + 1..]);
            let name = std::str::from_utf8(name).ok().filter(|name| wanted.contains(name));
            let Some(name) = name else { return Ok(None) };
            if end.is_some() {
                return Ok(Some((name.to_owned(), SecretValue::new(value))));
            }
            if read < size || size >= LONGEST_ENTRY {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            size *= 2;
        }
    }

    fn word(&self, at: u64) -> io::Result<u64> {
        let mut word = [0; 8];
        self.0.read_exact_at(&mut word, at)?;
        Ok(u64::from_ne_bytes(word))
    }

    /// As much as is mapped there, and at least a byte.
    fn some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match self.0.read_at(&mut buffer[read..], at + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if read == 0 => return Err(error),
                Err(_) => break,
            }
        }
        if read == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(read) }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/usr/lib/x86_64-linux-gnu/libc.so.6", true)]
    #[case("/lib/libc-2.31.so", true)]
    #[case("/lib/libc.musl-x86_64.so.1", true)]
    #[case("/lib/ld-musl-aarch64.so.1", true)]
    #[case("/usr/lib/libcurl.so.4", false)]
    #[case("/usr/lib/libcrypto.so.3", false)]
    fn c_libraries_are_known_by_name(#[case] path: &str, #[case] expected: bool) {
        assert_eq!(is_c_library(Path::new(path)), expected);
    }

    #[test]
    fn mappings_of_the_beginning_of_a_file_count() {
        let line = b"7f00-7f10 r--p 00000000 08:01 12     /lib/with space.so (deleted)\n";
        let mapping = first_mapping(line).unwrap();
        assert_eq!((mapping.start, mapping.inode), (0x7f00, 12));
        assert_eq!(mapping.range, "7f00-7f10");
        assert_eq!(mapping.path, Path::new("/lib/with space.so (deleted)"));
        assert!(first_mapping(b"7f00-7f10 r-xp 00001000 08:01 12   /lib/libc.so.6\n").is_none());
        assert!(first_mapping(b"7f00-7f10 rw-p 00000000 00:00 0   [heap]\n").is_none());
    }
}

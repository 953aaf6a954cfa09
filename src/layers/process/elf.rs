//! Where a program or library keeps `environ`: just as much of ELF as that takes. Files are read in
//! pieces; the symbols of a large program are never held whole.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use memchr::memmem;

const PIECE: usize = 256 << 10;
/// No table of a real program is larger.
const MOST_TABLE: u64 = 64 << 20;
/// Names that end in `environ`: real libraries have three. A file may be anybody's.
const MOST_NAMES: usize = 64;
const SYMBOL: usize = 24;

const LOAD: u32 = 1;
const INTERPRETER: u32 = 3;
const SYMBOLS: u32 = 2;
const DYNAMIC_SYMBOLS: u32 = 11;

/// Which definitions of `environ` count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// The program itself. One that is linked statically has no other symbols than its full table;
    /// in any other that table may hold a private variable of the same name.
    Program,
    /// The C library.
    Library,
}

/// Where `environ` is, counted from where the first byte of the file is mapped; `None` when the
/// file does not define it, or is of another kind than this machine runs.
pub(super) fn environ(file: &File, role: Role) -> io::Result<Option<u64>> {
    let head: [u8; 64] = bytes(file, 0)?;
    let data = if cfg!(target_endian = "little") { 1 } else { 2 };
    if head[..6] != [0x7f, b'E', b'L', b'F', 2, data] {
        return Ok(None);
    }
    let mut base = None;
    let mut interpreted = false;
    let (at, size, count) = (long(&head, 0x20), short(&head, 0x36), short(&head, 0x38));
    for number in 0..u64::from(count) {
        let header: [u8; 56] = bytes(file, row(at, number, size))?;
        match word(&header, 0) {
            INTERPRETER => interpreted = true,
            LOAD if base.is_none() => {
                base = long(&header, 0x10).checked_sub(long(&header, 0x08));
            }
            _ => {}
        }
    }
    let Some(base) = base else { return Ok(None) };
    let mut found = symbol(file, &head, DYNAMIC_SYMBOLS)?;
    if found.is_none() && role == Role::Program && !interpreted {
        found = symbol(file, &head, SYMBOLS)?;
    }
    Ok(found.and_then(|address| address.checked_sub(base)))
}

/// The address of `environ` in the symbol table of this type.
fn symbol(file: &File, head: &[u8; 64], kind: u32) -> io::Result<Option<u64>> {
    let (at, size, count) = (long(head, 0x28), short(head, 0x3a), short(head, 0x3c));
    let section = |number: u64| bytes::<64>(file, row(at, number, size));
    for number in 0..u64::from(count) {
        let header = section(number)?;
        if word(&header, 4) != kind {
            continue;
        }
        let names = section(u64::from(word(&header, 0x28)))?;
        let names = names_of_environ(file, long(&names, 0x18), long(&names, 0x20))?;
        if names.is_empty() {
            return Ok(None);
        }
        return address(file, long(&header, 0x18), long(&header, 0x20), &names);
    }
    Ok(None)
}

/// Every offset in a table of names at which `environ` or `__environ` stands. Names may share their
/// ends, so that one may begin inside another.
fn names_of_environ(file: &File, start: u64, size: u64) -> io::Result<Vec<u32>> {
    const NAME: &[u8] = b"environ\0";
    let mut names = Vec::new();
    pieces(file, start, size, NAME.len() + 2, |offset, piece| {
        for at in memmem::find_iter(piece, NAME) {
            let place = offset + at as u64;
            names.extend(u32::try_from(place));
            if piece.get(..at).is_some_and(|before| before.ends_with(b"__")) {
                names.extend(u32::try_from(place - 2));
            }
        }
        names.len() >= MOST_NAMES
    })?;
    Ok(names)
}

fn address(file: &File, start: u64, size: u64, names: &[u32]) -> io::Result<Option<u64>> {
    let mut found = None;
    pieces(file, start, size, 0, |_, piece| {
        found = piece.chunks_exact(SYMBOL).find_map(|symbol| {
            let (kind, binding) = (symbol[4] & 15, symbol[4] >> 4);
            // Defined here, a variable or of no type, and visible to others.
            let counts = short(symbol, 6) != 0 && kind <= 1 && matches!(binding, 1 | 2);
            (counts && names.contains(&word(symbol, 0))).then(|| long(symbol, 8))
        });
        found.is_some()
    })?;
    Ok(found)
}

/// A table, piece by piece until `look` has seen enough; each piece begins with the last `overlap`
/// bytes of the one before it.
fn pieces(
    file: &File,
    start: u64,
    size: u64,
    overlap: usize,
    mut look: impl FnMut(u64, &[u8]) -> bool,
) -> io::Result<()> {
    if size > MOST_TABLE {
        return Ok(());
    }
    // A whole number of symbols.
    let mut buffer = vec![0; PIECE / SYMBOL * SYMBOL];
    let mut offset = 0;
    while offset < size {
        let wanted = usize::try_from(size - offset).unwrap_or(usize::MAX).min(buffer.len());
        let piece = &mut buffer[..wanted];
        file.read_exact_at(piece, start.saturating_add(offset))?;
        if look(offset, piece) || offset + wanted as u64 == size {
            break;
        }
        offset += (wanted - overlap) as u64;
    }
    Ok(())
}

/// Where a row of a table stands. What a file says may be beyond every bound; reading there fails.
fn row(start: u64, number: u64, size: u16) -> u64 {
    start.saturating_add(number * u64::from(size))
}

fn bytes<const N: usize>(file: &File, at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|it| it.try_into().ok()).map_or(0, u16::from_ne_bytes)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|it| it.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|it| it.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// Headers, one segment, and a table of symbols that defines `__environ` at `0x2010`.
    fn sample() -> Vec<u8> {
        let data = if cfg!(target_endian = "little") { 1 } else { 2 };
        let mut bytes = vec![0; 0x200];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, data]);
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        // One segment at 64, from the beginning of the file at 0x1000.
        put(0x20, &64_u64.to_ne_bytes());
        put(0x36, &56_u16.to_ne_bytes());
        put(0x38, &1_u16.to_ne_bytes());
        put(64, &LOAD.to_ne_bytes());
        put(64 + 0x10, &0x1000_u64.to_ne_bytes());
        // Two sections at 128: symbols at 256, their names at 320.
        put(0x28, &128_u64.to_ne_bytes());
        put(0x3a, &64_u16.to_ne_bytes());
        put(0x3c, &2_u16.to_ne_bytes());
        put(128 + 4, &DYNAMIC_SYMBOLS.to_ne_bytes());
        put(128 + 0x18, &256_u64.to_ne_bytes());
        put(128 + 0x20, &(2 * SYMBOL as u64).to_ne_bytes());
        put(128 + 0x28, &1_u32.to_ne_bytes());
        put(192 + 0x18, &320_u64.to_ne_bytes());
        put(192 + 0x20, &20_u64.to_ne_bytes());
        put(320, b"\0my\0__environ\0xxxxx\0");
        let symbol = 256 + SYMBOL;
        put(symbol, &4_u32.to_ne_bytes());
        put(symbol + 4, &[0x11]);
        put(symbol + 6, &[5, 5]);
        put(symbol + 8, &0x2010_u64.to_ne_bytes());
        bytes
    }

    #[test]
    fn a_symbol_is_found_by_either_of_its_names() {
        assert_eq!(environ(&file(&sample()), Role::Library).unwrap(), Some(0x1010));
        let mut shared = sample();
        // `environ`, as the end of `__environ`.
        shared[256 + SYMBOL..256 + SYMBOL + 4].copy_from_slice(&6_u32.to_ne_bytes());
        assert_eq!(environ(&file(&shared), Role::Library).unwrap(), Some(0x1010));
    }

    #[test]
    fn what_only_refers_to_it_does_not_define_it() {
        let mut undefined = sample();
        undefined[256 + SYMBOL + 6..256 + SYMBOL + 8].fill(0);
        assert_eq!(environ(&file(&undefined), Role::Program).unwrap(), None);
        assert_eq!(
            environ(&file(b"#!/bin/sh\n".repeat(20).as_slice()), Role::Program).unwrap(),
            None
        );
    }

    /// Files of a container are anybody's.
    #[test]
    fn no_header_leads_astray() {
        let sample = sample();
        for at in 6..sample.len() {
            for broken in [0xff, 0x80, 0x00] {
                let mut bytes = sample.clone();
                bytes[at] = broken;
                let _ = environ(&file(&bytes), Role::Program);
            }
            let mut bytes = sample.clone();
            let end = (at + 8).min(bytes.len());
            bytes[at..end].fill(0xff);
            let _ = environ(&file(&bytes), Role::Program);
            let _ = environ(&file(&sample[..at]), Role::Library);
        }
        assert!(
            environ(&file(&fs::read("/proc/self/maps").unwrap()), Role::Library).unwrap().is_none()
        );
    }
}

//! Which parts of a process's address space are its own, writable, and in memory.

use std::{fs::File, io, os::unix::fs::FileExt as _};

/// Of the kernel's eight bytes about a page: it is in memory, and it is in swap space.
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
/// Entries that are read at once; those of 32 MiB.
const ENTRIES: usize = 8192;

/// A part of an address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    /// Its first address.
    pub start: u64,
    /// The address behind it.
    pub end: u64,
}

/// The writable private mappings of `maps`. Devices are none of the program's memory.
pub(super) fn regions(maps: &[u8]) -> impl Iterator<Item = Region> + '_ {
    maps.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.splitn(6, |byte| *byte == b' ');
        let (range, rights) = (fields.next()?, fields.next()?);
        let path = fields.nth(3).unwrap_or_default().trim_ascii();
        let own = rights.len() == 4
            && rights.starts_with(b"rw")
            && rights[3] == b'p'
            && !path.starts_with(b"/dev/");
        let (start, end) = std::str::from_utf8(range).ok().filter(|_| own)?.split_once('-')?;
        let address = |text| u64::from_str_radix(text, 16).ok();
        let (start, end) = (address(start)?, address(end)?);
        (start < end).then_some(Region { start, end })
    })
}

/// Calls `run` for each run of pages of a region that are in memory, and with `true` for each that
/// is in swap space, until it returns `false`, or `goes_on` does: what is reserved may be larger than
/// any time is long. Other pages were never touched, or are given back.
pub(super) fn present(
    pagemap: &File,
    region: Region,
    goes_on: &impl Fn() -> bool,
    run: &mut impl FnMut(Region, bool) -> bool,
) -> io::Result<bool> {
    let page = rustix::param::page_size() as u64;
    let mut entries = vec![0; ENTRIES * 8];
    let mut open: Option<(u64, bool)> = None;
    let mut at = region.start / page;
    let last = region.end.div_ceil(page);
    let limited = |from: u64, to: u64| Region {
        start: (from * page).max(region.start),
        end: (to * page).min(region.end),
    };
    while at < last {
        if !goes_on() {
            return Ok(false);
        }
        let count = usize::try_from(last - at).unwrap_or(ENTRIES).min(ENTRIES);
        let read = pagemap.read_at(&mut entries[..count * 8], at * 8)? / 8;
        if read == 0 {
            break;
        }
        for entry in entries[..read * 8].chunks_exact(8) {
            let entry = entry.try_into().map_or(0, u64::from_ne_bytes);
            let state = match (entry & PRESENT != 0, entry & SWAPPED != 0) {
                (true, _) => Some(false),
                (_, true) => Some(true),
                _ => None,
            };
            if let Some((from, swapped)) = open.filter(|(_, swapped)| state != Some(*swapped)) {
                open = None;
                if !run(limited(from, at), swapped) {
                    return Ok(false);
                }
            }
            if let Some(swapped) = state
                && open.is_none()
            {
                open = Some((at, swapped));
            }
            at += 1;
        }
    }
    Ok(open.is_none_or(|(from, swapped)| run(limited(from, at), swapped)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writable_private_mappings_count_and_no_others() {
        let maps = b"\
55d0-55d1 r--p 00000000 08:01 12 /bin/a
55d1-55d2 rw-p 00001000 08:01 12 /bin/a
7f00-7f10 rw-p 00000000 00:00 0
7f10-7f20 ---p 00000000 00:00 0
7f20-7f30 rw-s 00000000 00:05 9 /dev/shm/x
7f30-7f40 rw-p 00000000 00:06 9 /dev/dri/card0
7f40-7f50 rwxp 00000000 00:00 0
7ffc-7ffd rw-p 00000000 00:00 0 [stack]
7ffe-7fff r--p 00000000 00:00 0 [vvar]
odd line
";
        let starts: Vec<u64> = regions(maps).map(|region| region.start).collect();
        assert_eq!(starts, [0x55d1, 0x7f00, 0x7f40, 0x7ffc]);
    }

    fn runs(entries: &[u64], region: Region) -> Vec<(u64, u64, bool)> {
        let page = rustix::param::page_size() as u64;
        let file = tempfile::tempfile().unwrap();
        for (index, entry) in entries.iter().enumerate() {
            file.write_all_at(&entry.to_ne_bytes(), index as u64 * 8).unwrap();
        }
        let mut found = Vec::new();
        present(&file, region, &|| true, &mut |run, swapped| {
            found.push((run.start / page, run.end / page, swapped));
            true
        })
        .unwrap();
        found
    }

    #[test]
    fn runs_of_pages_are_told_apart() {
        let page = rustix::param::page_size() as u64;
        let (none, here, away) = (0, PRESENT, SWAPPED);
        let entries = [none, here, here, away, none, here, away, away, here];
        let all = Region { start: 0, end: 9 * page };
        let expected = [(1, 3, false), (3, 4, true), (5, 6, false), (6, 8, true), (8, 9, false)];
        assert_eq!(runs(&entries, all), expected);
        let inner = Region { start: 2 * page, end: 4 * page };
        assert_eq!(runs(&entries, inner), [(2, 3, false), (3, 4, true)]);
    }

    #[test]
    fn what_is_reserved_without_end_is_left_when_the_time_is_over() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 40).unwrap();
        let region = Region { start: 0, end: 1 << 46 };
        let asked = std::cell::Cell::new(0);
        let goes_on = || asked.replace(asked.get() + 1) < 2;
        let ended = present(&file, region, &goes_on, &mut |_, _| true).unwrap();
        assert!(!ended);
        assert_eq!(asked.get(), 3);
    }

    #[test]
    fn a_large_region_is_read_in_pieces() {
        let page = rustix::param::page_size() as u64;
        let entries = vec![PRESENT; ENTRIES + 3];
        let region = Region { start: 0, end: entries.len() as u64 * page };
        assert_eq!(runs(&entries, region), [(0, entries.len() as u64, false)]);
    }
}

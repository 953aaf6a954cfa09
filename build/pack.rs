//! From texts to a block that `src/providers/packed.rs` unpacks: runs of bytes, and copies of bytes
//! that came before.

use std::collections::HashMap;

/// Shorter copies take as much room as their bytes.
const SHORTEST: usize = 4;
const LONGEST: usize = SHORTEST + 0x7f;
const FARTHEST: usize = 0xffff;
/// More earlier places than these are not looked at.
const PLACES: usize = 64;

/// Name and text of each file, without the lines that only people read.
pub(crate) fn join(files: &[(String, String)]) -> Vec<u8> {
    let mut joined = String::new();
    for (name, text) in files {
        joined.push_str(name);
        joined.push('\0');
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            joined.push_str(line);
            joined.push('\n');
        }
        joined.push('\0');
    }
    joined.into_bytes()
}

/// `0nnnnnnn` and `n + 1` bytes; or `1nnnnnnn`, and two bytes that say how far back the `n + 4`
/// bytes start that follow here again.
pub(crate) fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut places: HashMap<&[u8], Vec<usize>> = HashMap::new();
    let mut packed = Vec::new();
    let (mut at, mut plain) = (0, 0);
    while at < bytes.len() {
        let copy = bytes.get(at..at + SHORTEST).and_then(|start| {
            let earlier = places.get(start)?.iter().rev().take(PLACES);
            earlier
                .filter(|place| at - **place <= FARTHEST)
                .map(|place| (common(&bytes[*place..], &bytes[at..]), *place))
                .max_by_key(|(length, place)| (*length, *place))
        });
        let step = match copy {
            Some((length, place)) => {
                run(&bytes[plain..at], &mut packed);
                packed.push(0x80 | u8::try_from(length - SHORTEST).unwrap_or(0x7f));
                packed.extend(u16::try_from(at - place).unwrap_or(u16::MAX).to_le_bytes());
                plain = at + length;
                length
            }
            None => 1,
        };
        for place in at..at + step {
            if let Some(start) = bytes.get(place..place + SHORTEST) {
                places.entry(start).or_default().push(place);
            }
        }
        at += step;
    }
    run(&bytes[plain..], &mut packed);
    packed
}

fn common(earlier: &[u8], here: &[u8]) -> usize {
    earlier.iter().zip(here).take(LONGEST).take_while(|(one, other)| one == other).count()
}

fn run(bytes: &[u8], packed: &mut Vec<u8>) {
    for part in bytes.chunks(0x80) {
        packed.push(u8::try_from(part.len() - 1).unwrap_or(0x7f));
        packed.extend(part);
    }
}

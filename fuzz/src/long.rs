//! Long files: an input of another target, one part of it repeated. What is quadratic shows as an
//! input that takes seconds.

use super::{TARGETS, input::Input};

/// Bytes of a long file.
const LENGTH: usize = 64 * 1024;

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let target = usize::from(input.byte()) % TARGETS.len();
    let (first, second) = (usize::from(input.byte()), usize::from(input.byte()));
    let rest = input.rest();
    if !rest.is_empty() {
        (TARGETS[target].run)(&repeated(rest, first, second));
    }
}

/// The part between two cuts, of 256 of the whole, as often as it takes.
fn repeated(bytes: &[u8], first: usize, second: usize) -> Vec<u8> {
    let cut = |at: usize| at * bytes.len() / 255;
    let (start, end) = (cut(first.min(second)), cut(first.max(second)));
    let part = &bytes[start..end.max(start + 1).min(bytes.len())];
    let mut long = bytes[..start].to_vec();
    while long.len() < LENGTH && !part.is_empty() {
        long.extend_from_slice(part);
    }
    long.extend_from_slice(&bytes[end..]);
    long
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (index, target) in TARGETS.iter().enumerate() {
        let index = u8::try_from(index).unwrap_or(u8::MAX);
        for (count, seed) in (target.seeds)().into_iter().enumerate() {
            // The bytes that choose are the first and stay; then a different part every time.
            let start = u8::try_from(count * 37 % 200).unwrap_or_default();
            seeds.push([&[index, start.max(16), start.saturating_add(55)], &*seed].concat());
        }
    }
    seeds
}

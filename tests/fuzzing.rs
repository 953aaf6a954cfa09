//! Every fuzz target over its seeds and over changed ones, always the same. This keeps the targets
//! of `fuzz/` from rotting and finds the plain mistakes; `fuzz/run` searches for as long as it is
//! told to.
//!
//! `STALEKEY_FUZZ_INPUTS` says how many changed inputs each target is given.

#[expect(unreachable_pub, reason = "it is the library of the fuzz targets' own package too")]
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use rstest::rstest;
use targets::{LONG, TARGETS, Target, target};

/// SplitMix64: the same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one, which is not 0.
    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).expect("a number below one that fits")
    }

    fn choose<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// A part of the bytes.
    fn part<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let start = self.below(bytes.len() + 1);
        let length = self.below((bytes.len() - start).min(64) + 1);
        &bytes[start..start + length]
    }

    /// One small change.
    fn change(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[Vec<u8>]) {
        let at = self.below(bytes.len() + 1);
        match self.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..(at + self.below(16)).min(bytes.len()))),
            2 => bytes.insert(at, self.next() as u8),
            3 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = self.next() as u8;
                }
            }
            4 => {
                let part = self.part(bytes).to_vec();
                bytes.splice(at..at, part);
            }
            5 => {
                let other = self.choose(seeds);
                bytes.splice(at..at, self.part(other).iter().copied());
            }
            _ => drop(bytes.splice(at..at, self.choose(words).iter().copied())),
        }
    }
}

/// The words of a dictionary, which libFuzzer reads too.
fn words(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/dictionaries");
    let text = fs::read_to_string(path.join(name).with_extension("dict")).expect("a dictionary");
    let words: Vec<_> = text.lines().filter(|line| !line.is_empty()).map(word).collect();
    assert!(!words.is_empty(), "{name} has no words");
    words
}

/// `"word"` with `\\`, `\"` and `\xAB`.
fn word(line: &str) -> Vec<u8> {
    let text = line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let mut bytes = text.unwrap_or_else(|| panic!("{line} is no word")).bytes();
    let mut word = Vec::new();
    while let Some(byte) = bytes.next() {
        word.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'x') => {
                    let digits: Vec<u8> = bytes.by_ref().take(2).collect();
                    let digits = String::from_utf8(digits).expect("two digits");
                    u8::from_str_radix(&digits, 16).expect("two digits")
                }
                Some(other @ (b'\\' | b'"')) => other,
                _ => panic!("{line} has an escape that libFuzzer does not know"),
            },
            other => other,
        });
    }
    word
}

fn run(target: &Target, bytes: &[u8]) {
    let holds = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).is_ok();
    assert!(holds, "{}: b\"{}\"", target.name, bytes.escape_ascii());
}

/// The seeds, then this many changed ones.
fn search(target: &Target, words: &[Vec<u8>], inputs: usize) {
    let seeds = (target.seeds)();
    assert!(seeds.len() > 10, "{} has {} seeds", target.name, seeds.len());
    let mut numbers = Numbers(7);
    for _ in 0..inputs {
        let mut bytes = numbers.choose(&seeds).clone();
        for _ in 0..=numbers.below(6) {
            numbers.change(&mut bytes, &seeds, words);
        }
        run(target, &bytes);
    }
}

fn inputs(usual: usize) -> usize {
    let count = std::env::var("STALEKEY_FUZZ_INPUTS").ok();
    count.map_or(usual, |count| count.parse().expect("a number"))
}

#[rstest]
fn nothing_breaks(
    #[values(
        "ci",
        "classify",
        "cluster",
        "compose",
        "container",
        "dotenv",
        "export",
        "inference",
        "kubernetes",
        "managers",
        "pointer",
        "recognise",
        "shell",
        "strict_toml",
        "systemd",
        "template",
        "text",
        "yaml"
    )]
    name: &str,
) {
    let target = target(name);
    for seed in (target.seeds)() {
        run(target, &seed);
    }
    search(target, &words(name), inputs(1_000));
}

#[test]
fn nothing_breaks_when_it_is_long() {
    search(&LONG, &words("dotenv"), inputs(1_000) / 20);
}

#[test]
fn every_target_has_its_program_and_is_run_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("the manifest");
    let here = fs::read_to_string(file!()).expect("this file");
    for target in TARGETS.iter().chain([&LONG]) {
        let path = format!("fuzz_targets/{}.rs", target.name);
        let program = fs::read_to_string(folder.join(&path)).expect("a program");
        assert!(program.contains(&format!("target(\"{}\")", target.name)), "{path}");
        assert!(manifest.contains(&format!("path = \"{path}\"")), "{path} is in no [[bin]]");
        assert!(target.name == LONG.name || here.contains(&format!("\"{}\"", target.name)));
    }
}

/// `fuzz/run` begins with these.
#[test]
#[ignore = "writes the seeds of every target below the folder that STALEKEY_FUZZ_CORPUS names"]
fn seeds_are_written() {
    let corpus = std::env::var_os("STALEKEY_FUZZ_CORPUS").expect("STALEKEY_FUZZ_CORPUS");
    for target in TARGETS.iter().chain([&LONG]) {
        let folder = Path::new(&corpus).join(target.name);
        fs::create_dir_all(&folder).expect("a folder for the seeds");
        for (index, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{index}")), seed).expect("a seed");
        }
    }
}

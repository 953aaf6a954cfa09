//! Files beside a `.env` that say who reads it.

use stalekey::formats::dotenv::inference::{Level, TELLING_NAMES, candidates, clues};

use super::{holds::same, input::Input, seeds};

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let name =
        input.choose(&[TELLING_NAMES, &["api.service", "run.sh", "requirements-dev.txt"]].concat());
    let file = input.choose(&[".env", ".env.local", "api/.env"]);
    let content = input.rest();
    let clues = same(|| clues(name, content));
    let levels = [Level { file, clues: &clues }, Level { file: "sub/.env", clues: &clues }];
    let found = same(|| candidates(&levels));
    for (index, candidate) in found.iter().enumerate() {
        assert!(!candidate.because.is_empty());
        assert!(candidate.because.chars().count() < 1_000, "a reason is a few words");
        let before = &found[..index];
        assert!(before.iter().all(|other| other.dialect != candidate.dialect), "named twice");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut files = seeds::literals("src/formats/dotenv/inference");
    files.extend(seeds::literals("src/formats/dotenv/inference.rs"));
    files.extend(seeds::literals("tests/readers.rs"));
    let names = 0..u8::try_from(TELLING_NAMES.len() + 3).unwrap_or(u8::MAX);
    seeds::chosen(&files, &names.map(|name| vec![name, 0]).collect::<Vec<_>>())
}

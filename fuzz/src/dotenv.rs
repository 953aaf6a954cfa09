//! `.env` files, one and two, in every dialect.

use std::collections::BTreeMap;

use stalekey::{
    domain::reading::Yield,
    formats::{
        Contents, Wanted,
        dotenv::{Dialect, parse, parse_several, read_wanted, traps},
    },
};

use super::{
    holds::{Sheets, same},
    input::{END_OF_FILE, Input, environment},
    seeds,
};

const WANTED: [&str; 3] = ["K", "A", "X_1"];

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let dialect = input.choose(Dialect::ALL);
    let environment = environment();
    let wanted = Wanted::new(WANTED.map(str::to_owned).into());
    let files: Vec<&[u8]> = input.rest().splitn(2, |byte| *byte == END_OF_FILE).collect();
    for file in &files {
        let read = same(|| parse(dialect, file, &environment));
        Sheets::one(file).answer(&read);
        let some = read_wanted(&[dialect], &[file], &environment, &wanted);
        assert_eq!(some[0].by_reader[0], read.clone().map(|all| all.only(&wanted)));
        if let (Ok(read), Some(plain)) = (read, plain(file)) {
            assert_eq!(winners(&read), plain, "{} disagrees about a plain file", dialect.name());
        }
    }
    let read = same(|| parse_several(dialect, &files, &environment));
    assert_eq!(read.len(), files.len());
    let found = same(|| traps::of_files(dialect, &files, &read, &environment, &WANTED));
    for ((file, read), found) in files.iter().zip(&read).zip(found) {
        let sheets = Sheets::one(file);
        sheets.answer(read);
        for found in found {
            sheets.position("", found.position);
        }
    }
}

/// The variables of a file that is written so that every reader agrees about it.
fn plain(file: &[u8]) -> Option<BTreeMap<&str, &[u8]>> {
    let text = std::str::from_utf8(file).ok()?.strip_suffix('\n')?;
    let mut variables = BTreeMap::new();
    for line in text.split('\n') {
        let (name, value) = line.split_once('=')?;
        let is_name = name.starts_with(|character: char| character.is_ascii_uppercase())
            && name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte);
        if !is_name || value.is_empty() || !value.bytes().all(is_plain) {
            return None;
        }
        if variables.insert(name, value.as_bytes()).is_some() {
            return None;
        }
    }
    Some(variables)
}

fn winners(contents: &Contents) -> BTreeMap<&str, &[u8]> {
    let winners = contents.occurrences.iter().filter(|occurrence| occurrence.wins);
    winners
        .map(|occurrence| {
            let value = match &occurrence.yields {
                Yield::Value(value) => value.expose(),
                _ => b"no value",
            };
            (occurrence.variable.as_str(), value)
        })
        .collect()
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut files = seeds::literals("src/formats/dotenv");
    files.extend(seeds::texts("corpus/dotenv_matrix.json", "text"));
    let dialects = 0..u8::try_from(Dialect::ALL.len()).unwrap_or(u8::MAX);
    seeds::chosen(&files, &dialects.map(|dialect| vec![dialect]).collect::<Vec<_>>())
}

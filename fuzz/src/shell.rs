//! Files that shells and logins read.

use stalekey::formats::shell::{Shell, parse};

use super::{
    holds::{Sheets, same},
    input::{Input, environment},
    seeds,
};

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let shell = input.choose(Shell::ALL);
    let file = input.rest();
    let environment = environment();
    Sheets::one(file).named(&same(|| parse(shell, file, &environment)));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut files = seeds::literals("src/formats/shell");
    files.extend(seeds::texts("corpus/dotenv_matrix.json", "text"));
    let shells = 0..u8::try_from(Shell::ALL.len()).unwrap_or(u8::MAX);
    seeds::chosen(&files, &shells.map(|shell| vec![shell]).collect::<Vec<_>>())
}

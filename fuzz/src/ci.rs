//! Variable lists and pipeline files of CI platforms.

use stalekey::formats::ci::{Platform, read};

use super::{
    holds::{Sheets, same},
    input::Input,
    seeds,
};

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let platform = input.choose_or_none(Platform::ALL);
    let scope = input.choose_or_none(&["deploy", "production", "repository", "project"]);
    let file = input.rest();
    let sheets = Sheets::one(file);
    match same(|| read(platform, scope, file)) {
        Ok(found) => {
            assert!(platform.is_none_or(|platform| platform == found.platform));
            found.rows.iter().for_each(|row| sheets.contents(&row.contents));
        }
        Err(refusal) => sheets.refusal("", &refusal),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let files = seeds::literals("src/formats/ci");
    let platforms = 0..=u8::try_from(Platform::ALL.len()).unwrap_or(u8::MAX);
    seeds::chosen(&files, &platforms.map(|platform| vec![platform, 4]).collect::<Vec<_>>())
}

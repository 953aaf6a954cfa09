//! What hosting platforms and secret managers print.

use stalekey::formats::export::{Shape, parse};

use super::{
    holds::{Sheets, same},
    input::Input,
    seeds,
};

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let shape = input.choose_or_none(Shape::ALL);
    check(shape, None, input.rest());
}

/// Reads an export and looks at everything that it gives.
pub fn check(shape: Option<Shape>, pointer: Option<&str>, file: &[u8]) {
    let sheets = Sheets::one(file);
    match same(|| parse(shape, pointer, file)) {
        Ok(export) => {
            assert!(shape.is_none_or(|shape| shape == export.shape));
            for part in &export.parts {
                sheets.contents(&part.contents);
                part.bare.iter().for_each(|bare| sheets.place(&bare.place));
            }
        }
        Err(refusal) => sheets.refusal("", &refusal),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let files = seeds::literals("src/formats/export");
    let shapes = 0..=u8::try_from(Shape::ALL.len()).unwrap_or(u8::MAX);
    seeds::chosen(&files, &shapes.map(|shape| vec![shape]).collect::<Vec<_>>())
}

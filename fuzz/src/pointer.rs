//! JSON, YAML and TOML by a pointer: the first line is the pointer.

use stalekey::formats::export::Shape;

use super::{export::check, input::Input, seeds};

const SHAPES: [Option<Shape>; 4] = [Some(Shape::Json), Some(Shape::Toml), Some(Shape::Yaml), None];

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let shape = input.choose(&SHAPES);
    let rest = input.rest();
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let pointer = String::from_utf8_lossy(&rest[..end]);
    let file = rest.get(end + 1..).unwrap_or_default();
    check(shape, Some(&*pointer), file);
    check(shape, None, file);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut files = seeds::literals("src/formats/tree");
    files.extend(seeds::literals("src/formats/export"));
    let pointers: [&[u8]; 5] = [b"\n", b"/a\n", b"/a/0/b\n", b"/data/K\n", b"/a~1b~0c\n"];
    let starts = (0..4).flat_map(|shape| pointers.map(|pointer| [&[shape], pointer].concat()));
    seeds::chosen(&files, &starts.collect::<Vec<_>>())
}

//! Inputs to begin with: the texts that the project's tests and sources hold anyway, and the
//! conformance data where it is there. None is kept twice.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{input::END_OF_FILE, support::shared};

/// A longer text is a page, and slow to change into something telling.
const LONGEST: usize = 4 * 1024;

/// Files below a path, in the order of their names.
fn below(path: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let mut entries: Vec<_> =
            fs::read_dir(path).expect("a folder").flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for entry in &entries {
            below(entry, extension, found);
        }
    } else if path.extension().is_some_and(|found| found == extension) {
        found.push(path.to_owned());
    }
}

/// Every file of the project below a path.
pub fn files(path: &str, extension: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    // Seeds are made by the tests of the project, whose folder this is then.
    below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path), extension, &mut found);
    assert!(!found.is_empty(), "no seeds in {path}");
    found.iter().map(|file| fs::read(file).expect("a file of the project")).collect()
}

/// The text literals of the Rust sources below a path.
pub fn literals(path: &str) -> Vec<Vec<u8>> {
    let sources = files(path, "rs");
    let found: BTreeSet<_> = sources.iter().flat_map(|source| literals_of(source)).collect();
    found.into_iter().filter(|text| (2..LONGEST).contains(&text.len())).collect()
}

fn literals_of(source: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = source.get(at) {
        let rest = &source[at..];
        at += match byte {
            b'/' if rest.starts_with(b"//") => length_before(rest, b"\n"),
            b'\'' if rest.starts_with(b"'\\") => 3,
            b'\'' if rest.starts_with(b"'\"'") => 3,
            b'r' if rest.starts_with(b"r\"") || rest.starts_with(b"r#") => {
                let marks = rest[1..].iter().take_while(|byte| **byte == b'#').count();
                if rest.get(1 + marks) == Some(&b'"') {
                    let close = [b"\"".as_slice(), &b"#".repeat(marks)].concat();
                    let text = &rest[marks + 2..];
                    let length = length_before(text, &close);
                    found.push(text[..length].to_vec());
                    marks + 2 + length + close.len()
                } else {
                    1
                }
            }
            b'"' => {
                let (text, length) = unescaped(&rest[1..]);
                found.push(text);
                1 + length
            }
            _ => 1,
        };
    }
    found
}

/// Bytes before this pattern; all where it does not stand.
fn length_before(bytes: &[u8], pattern: &[u8]) -> usize {
    bytes.windows(pattern.len()).position(|window| window == pattern).unwrap_or(bytes.len())
}

/// A literal up to its closing quote, and its length in the source.
fn unescaped(source: &[u8]) -> (Vec<u8>, usize) {
    let mut text = Vec::new();
    let mut at = 0;
    while let Some(byte) = source.get(at) {
        at += 1;
        if *byte == b'"' {
            break;
        }
        if *byte != b'\\' {
            text.push(*byte);
            continue;
        }
        let escape = source.get(at).copied().unwrap_or_default();
        at += 1;
        let number = |digits: &[u8]| {
            u32::from_str_radix(std::str::from_utf8(digits).unwrap_or_default(), 16).ok()
        };
        match escape {
            b'n' => text.push(b'\n'),
            b't' => text.push(b'\t'),
            b'r' => text.push(b'\r'),
            b'0' => text.push(0),
            b'x' => {
                let digits = source.get(at..at + 2).unwrap_or_default();
                text.extend(number(digits).and_then(|byte| u8::try_from(byte).ok()));
                at += 2;
            }
            b'u' => {
                let digits = source.get(at + 1..).unwrap_or_default();
                let digits = &digits[..length_before(digits, b"}")];
                let character = number(digits).and_then(char::from_u32);
                text.extend(character.into_iter().flat_map(|found| found.to_string().into_bytes()));
                at += digits.len() + 2;
            }
            b'\n' => {
                let indented = source.get(at..).unwrap_or_default();
                at += indented.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            }
            other => text.push(other),
        }
    }
    (text, at)
}

/// A file of the conformance data, when it is there.
fn conformance(path: &str) -> Option<Value> {
    serde_json::from_slice(&fs::read(shared(path)?).ok()?).ok()
}

/// The texts of one field of the conformance data.
pub fn texts(path: &str, field: &str) -> Vec<Vec<u8>> {
    let data = conformance(path).unwrap_or_default();
    let cases = data.get("cases").unwrap_or(&data).as_array().cloned().unwrap_or_default();
    cases.iter().filter_map(|case| Some(case[field].as_str()?.as_bytes().to_vec())).collect()
}

/// The projects of the conformance data: their files in the order of these names; others take a
/// place that is free.
pub fn projects(path: &str, names: &[&str]) -> Vec<Vec<u8>> {
    let data = conformance(path).unwrap_or_default();
    let cases = data["cases"].as_array().cloned().unwrap_or_default();
    let project = |case: &Value| {
        let files = case["files"].as_object()?;
        let mut others =
            files.iter().filter(|(name, _)| !names.contains(&name.as_str())).map(|(_, text)| text);
        let contents = names.iter().map(|name| {
            let text = files.get(*name).or_else(|| others.next()).and_then(Value::as_str);
            text.unwrap_or_default().as_bytes().to_vec()
        });
        Some(contents.collect::<Vec<_>>().join(&END_OF_FILE))
    };
    cases.iter().filter_map(project).collect()
}

/// Every file behind one of the beginnings that choose, each beginning in its turn.
pub fn chosen(files: &[Vec<u8>], starts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let starts = starts.iter().cycle();
    files.iter().zip(starts).map(|(file, start)| [start.as_slice(), file].concat()).collect()
}

//! Inputs to begin with: the texts that the project's tests and sources hold anyway, and the
//! conformance data where it is there. None is kept twice.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::input::END_OF_FILE;

/// A longer text is a page, and slow to change into something telling.
const LONGEST: usize = 4 * 1024;

/// The folder of the project, from its own package and from the one of the fuzz targets.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let above = package.parent().filter(|_| !package.join("assets").is_dir());
    above.unwrap_or(package).to_owned()
}

/// Files below a path, in the order of their names.
fn below(path: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let mut entries: Vec<_> =
            fs::read_dir(path).expect("a folder").flatten().map(|entry| entry.path()).collect();
        entries.sort();
        entries.iter().for_each(|entry| below(entry, extension, found));
    } else if path.extension().is_some_and(|found| found == extension) {
        found.push(path.to_owned());
    }
}

/// Every file of the project below a path.
pub fn files(path: &str, extension: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    below(&root().join(path), extension, &mut found);
    assert!(!found.is_empty(), "no seeds in {path}");
    found.iter().map(|file| fs::read(file).expect("a file of the project")).collect()
}

/// The text literals of the Rust sources below a path.
pub fn literals(path: &str) -> Vec<Vec<u8>> {
    let sources = files(path, "rs");
    let mut found = BTreeSet::new();
    for source in &sources {
        found.extend(literals_of(&String::from_utf8_lossy(source)));
    }
    found
        .into_iter()
        .filter(|text| (2..LONGEST).contains(&text.len()))
        .map(String::into_bytes)
        .collect()
}

fn literals_of(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find(['"', '\'', '/']) {
        let raw = rest[..start].len() - rest[..start].trim_end_matches('#').len();
        let is_raw = rest[..start - raw].ends_with('r');
        let (mark, after) = rest[start..].split_at(1);
        rest = after;
        match mark {
            "/" if after.starts_with('/') => {
                rest = &after[after.find('\n').unwrap_or(after.len())..];
            }
            "'" if after.starts_with('\\') => rest = after.get(2..).unwrap_or_default(),
            "'" if after.starts_with("\"'") => rest = &after[2..],
            "\"" if is_raw => {
                let close = format!("\"{}", "#".repeat(raw));
                let Some(end) = after.find(&close) else { break };
                found.push(after[..end].to_owned());
                rest = &after[end + close.len()..];
            }
            "\"" => {
                let (text, end) = unescaped(after);
                found.push(text);
                rest = &after[end..];
            }
            _ => {}
        }
    }
    found
}

/// A literal up to its closing quote, and where it ends.
fn unescaped(source: &str) -> (String, usize) {
    let mut text = String::new();
    let mut characters = source.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text, at + 1),
            '\\' => match characters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, '0')) => text.push('\0'),
                Some((_, 'x')) => {
                    let digits: String =
                        characters.by_ref().take(2).map(|(_, digit)| digit).collect();
                    text.extend(u8::from_str_radix(&digits, 16).ok().map(char::from));
                }
                Some((_, 'u')) => {
                    let braced = characters.by_ref().map(|(_, digit)| digit);
                    let digits: String = braced.skip(1).take_while(|digit| *digit != '}').collect();
                    text.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
                }
                Some((line, '\n')) => {
                    let indented = &source[line + 1..];
                    let skipped = indented.len() - indented.trim_start().len();
                    characters = source[..].char_indices();
                    let next = line + 1 + skipped;
                    characters.by_ref().take_while(|(at, _)| at + 1 < next).for_each(drop);
                }
                Some((_, other)) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    (text, source.len())
}

/// A file of the conformance data, when it is there.
fn conformance(path: &str) -> Option<Value> {
    let beside = root().join("../shared");
    let folders =
        std::env::var_os("STALEKEY_SHARED").map(PathBuf::from).into_iter().chain([beside]);
    let text = folders.map(|folder| folder.join(path)).find_map(|file| fs::read(file).ok())?;
    serde_json::from_slice(&text).ok()
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

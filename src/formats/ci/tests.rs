use proptest::prelude::*;

use super::*;
use crate::domain::{
    reading::{OpaqueReason, Origin, Yield},
    secret::SecretValue,
};

mod lists;
mod pipelines;

fn key(letter: &str) -> String {
    format!("sk-proj-{}T3BlbkFJ{}", letter.repeat(74), letter.repeat(74))
}

fn value(text: impl Into<Vec<u8>>) -> Yield<SecretValue> {
    Yield::Value(SecretValue::new(text))
}

fn file(text: &str, scope: Option<&str>) -> CiFile {
    let file = read(None, scope, text.as_bytes()).unwrap();
    for row in &file.rows {
        check_places(row, text);
    }
    file
}

/// A value stands where its place says, unless it is written in another way than it reads.
fn check_places(row: &Row, text: &str) {
    let lines: Vec<&str> = text.split('\n').collect();
    for occurrence in &row.contents.occurrences {
        let at = occurrence.place.position.unwrap();
        let line = lines[at.line as usize - 1].as_bytes();
        assert!(at.column as usize <= line.len() + 1);
        if let Yield::Value(value) = &occurrence.yields
            && value.expose().starts_with(b"sk-")
            && occurrence.origin != Origin::CiReference(String::new())
            && !matches!(occurrence.origin, Origin::CiReference(_))
        {
            assert!(line[at.column as usize - 1..].starts_with(value.expose()));
        }
    }
}

fn row<'a>(file: &'a CiFile, name: &str) -> &'a Row {
    file.rows.iter().find(|row| row.name.as_deref() == Some(name)).unwrap()
}

fn winner(row: &Row, variable: &str) -> Yield<SecretValue> {
    row.contents.winner(variable).unwrap().yields.clone()
}

fn line_of(row: &Row, variable: &str) -> u32 {
    row.contents.winner(variable).unwrap().place.position.unwrap().line
}

fn origin(row: &Row, variable: &str) -> String {
    match &row.contents.winner(variable).unwrap().origin {
        Origin::CiScope(name) | Origin::CiReference(name) => name.clone(),
        _ => panic!("an origin of a CI platform"),
    }
}

const OPAQUE: fn(OpaqueReason) -> Yield<SecretValue> = Yield::Opaque;

#[test]
fn what_is_unknown_is_told_what_is_known() {
    for text in ["[{\"id\": 1}]", "{\"a\": 1}", "a: 1\n", "no variables found\n", ""] {
        let reason = read(None, None, text.as_bytes()).unwrap_err().reason;
        let knows = ["GitLab", "GitHub", "CircleCI", "Bitbucket", "Azure", "Buildkite", "Jenkins"];
        let told = knows.iter().all(|name| reason.contains(name));
        assert!(told || text.is_empty(), "{text}: {reason}");
    }
    let other = read(Some(Platform::Jenkins), None, lists::gitlab().as_bytes()).unwrap_err();
    assert_eq!(other.reason, OTHER_PLATFORM);
    assert_eq!(read(None, None, b"[]").unwrap_err().reason, EMPTY);
    for platform in Platform::ALL {
        assert_eq!(Platform::from_name(platform.name()), Some(*platform));
        let empty = read(Some(*platform), None, b"[]").unwrap();
        assert!(empty.rows[0].contents.occurrences.is_empty());
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_begin() {
    let refusal = read(None, None, b"[{\"key\": \"K\",\n\"value\": \"\xff\"}]").unwrap_err();
    assert_eq!(refusal.position, Some(Position { line: 2, column: 11 }));
}

fn samples() -> Vec<String> {
    let mut samples = lists::samples();
    samples.extend(pipelines::samples());
    samples
}

fn check(bytes: &[u8], scope: Option<&str>) -> Result<(), TestCaseError> {
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let inside = |position: Position| {
        let line = lines.get(position.line as usize - 1);
        line.is_some_and(|line| (1..=line.len() + 1).contains(&(position.column as usize)))
    };
    for platform in Platform::ALL.iter().copied().map(Some).chain([None]) {
        match read(platform, scope, bytes) {
            Ok(file) => {
                for row in file.rows {
                    let mut winners = std::collections::BTreeSet::new();
                    for occurrence in &row.contents.occurrences {
                        prop_assert!(inside(occurrence.place.position.unwrap()));
                        prop_assert!(!occurrence.wins || winners.insert(&occurrence.variable));
                    }
                    for problem in &row.contents.problems {
                        prop_assert!(problem.place.position.is_none_or(inside));
                    }
                }
            }
            Err(refusal) => prop_assert!(refusal.position.is_none_or(inside)),
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        check(&bytes, None)?;
    }

    #[test]
    fn any_words_are_read_without_panic(
        text in "(pipeline|node|environment|stage|withEnv|credentials|jobs:|steps:|env:|variables:|secrets|script: x|runs-on: x|- |\\{|\\}|\\[|\\]|\\(|\\)|'|\"|=|\\$\\{\\{|\\}\\}|\\$\\(|\\$|\\\\|/|<a>|</a>|<id>|CredentialsImpl|: |\n|\n  |ü|,)*",
    ) {
        check(text.as_bytes(), None)?;
    }

    #[test]
    fn damage_anywhere_never_panics(
        sample in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let samples = samples();
        let mut bytes = sample.get(&samples).clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        check(&bytes, Some("production"))?;
        check(&bytes[..at], None)?;
    }
}

//! What holds of every answer.

use std::collections::{BTreeMap, BTreeSet};

use stalekey::{
    domain::{
        place::{Place, Position},
        reading::Yield,
    },
    formats::{Contents, Refusal},
};

/// No value, and no file's values together, grow beyond this by interpolation.
const MOST_VALUE_BYTES: usize = 4 * 1024 * 1024;

/// The same question twice has the same answer.
pub fn same<T: PartialEq + std::fmt::Debug>(mut ask: impl FnMut() -> T) -> T {
    let (first, second) = (ask(), ask());
    assert!(first == second, "two answers to one question: {first:?} and {second:?}");
    first
}

/// The files that an answer is about.
pub struct Sheets {
    /// Bytes of every line, by path.
    lines: BTreeMap<String, Vec<usize>>,
    length: usize,
}

impl Sheets {
    /// One file, whose places have no path.
    pub fn one(bytes: &[u8]) -> Self {
        Self::several([("", bytes)])
    }

    /// Files with their paths.
    pub fn several<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut sheets = Self { lines: BTreeMap::new(), length: 0 };
        for (path, bytes) in files {
            let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).collect();
            sheets.lines.insert(path.to_owned(), lines);
            sheets.length += bytes.len();
        }
        sheets
    }

    /// The position is one of the file.
    pub fn position(&self, path: &str, position: Position) {
        let lines = self.lines.get(path).unwrap_or_else(|| panic!("{path} is no file here"));
        let line = position.line.checked_sub(1).and_then(|line| lines.get(line as usize));
        let line = line.unwrap_or_else(|| panic!("{path} has no line {}", position.line));
        let column = position.column as usize;
        assert!((1..=line + 1).contains(&column), "{path} has no {position:?}");
    }

    /// The place is one of these files.
    pub fn place(&self, place: &Place) {
        if let Some(position) = place.position {
            self.position(place.path.as_deref().unwrap_or_default(), position);
        }
    }

    /// A refusal is about a place of the file.
    pub fn refusal(&self, path: &str, refusal: &Refusal) {
        assert!(!refusal.reason.is_empty());
        if let Some(position) = refusal.position {
            self.position(path, position);
        }
    }

    /// Occurrences and problems have places, of a variable one occurrence wins, and no value is
    /// longer than it may be.
    pub fn contents(&self, contents: &Contents) {
        let occurrences = contents.occurrences.iter().map(|occurrence| &occurrence.place);
        let problems = contents.problems.iter().map(|problem| &problem.place);
        occurrences.chain(problems).for_each(|place| self.place(place));
        let mut winners = BTreeSet::new();
        for occurrence in contents.occurrences.iter().filter(|occurrence| occurrence.wins) {
            let variable = &occurrence.variable;
            assert!(winners.insert(variable), "{variable:?} is won twice");
        }
        let most = MOST_VALUE_BYTES + self.length;
        for occurrence in &contents.occurrences {
            if let Yield::Value(value) = &occurrence.yields {
                assert!(value.len() <= most, "{} bytes from {}", value.len(), self.length);
            }
        }
    }

    /// As [`Sheets::contents`], and every variable that wins has a name; an export's only value may
    /// have none.
    pub fn named(&self, contents: &Contents) {
        self.contents(contents);
        let mut winners = contents.occurrences.iter().filter(|occurrence| occurrence.wins);
        assert!(winners.all(|winner| !winner.variable.is_empty()), "one without a name wins");
    }

    /// The contents of one file, or why its reader refuses it.
    pub fn answer(&self, answer: &Result<Contents, Refusal>) {
        match answer {
            Ok(contents) => self.named(contents),
            Err(refusal) => self.refusal("", refusal),
        }
    }
}

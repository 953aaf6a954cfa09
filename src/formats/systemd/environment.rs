//! From assignments to the environment of the unit's processes.

use std::collections::{HashMap, hash_map::Entry};

use zeroize::Zeroizing;

use super::{
    Failure, Machine,
    specifiers::Specifiers,
    unit_file::{Assignment, Directive},
    words,
};
use crate::{
    domain::{
        inert::inert,
        place::Place,
        reading::{Occurrence, OpaqueReason, Origin, Problem, Yield},
        secret::SecretValue,
    },
    formats::{
        Contents, Refusal,
        dotenv::{Dialect, parse},
        files::{Files, Missed, join},
        glob,
    },
};

/// The trap `rest-ignored`.
pub const REST_IGNORED: &str =
    "systemd ignores the rest of this line: an open quote, or an escape that it does not know";
/// The same.
pub const NO_ASSIGNMENT: &str =
    "systemd ignores this word: it is no assignment; quote what has blanks";
const NO_NAME: &str = "systemd ignores this word: it is no variable's name";
const UNKNOWN_SPECIFIER: &str =
    "only the machine that runs the unit knows this specifier; a percent sign is written `%%`";
const NOT_ABSOLUTE: &str = "systemd ignores this file: its path is not absolute";
const FILE_ABSENT: &str =
    "this file does not exist, so the unit does not start; a `-` before the path makes it optional";
const FILE_REFUSED: &str = "systemd cannot read this file, so the unit does not start";
const FILE_ELSEWHERE: &str =
    "this file stands on the machine that the unit runs on; it is not read here";
const FILE_IGNORED: &str = "systemd cannot read this file, and goes on without it";

const TOO_MANY: &str = "this pattern names more than 1000 files; they are not read";

/// A file that the unit names.
struct NamedFile {
    place: Place,
    path: Option<String>,
    optional: bool,
}

/// The directives, while they are taken in.
pub(super) struct Builder<'a> {
    specifiers: Specifiers,
    root: Option<&'a str>,
    machine: &'a Machine,
    passed: Vec<Occurrence<SecretValue>>,
    own: Vec<Occurrence<SecretValue>>,
    /// How many of them an empty assignment has taken back.
    forgotten: usize,
    files: Vec<NamedFile>,
    unset: Vec<(SecretValue, Place)>,
    problems: Vec<Problem>,
    elsewhere: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        specifiers: Specifiers,
        root: Option<&'a str>,
        machine: &'a Machine,
        problems: Vec<Problem>,
    ) -> Self {
        Self {
            specifiers,
            root,
            machine,
            passed: Vec::new(),
            own: Vec::new(),
            forgotten: 0,
            files: Vec::new(),
            unset: Vec::new(),
            problems,
            elsewhere: false,
        }
    }

    /// An empty assignment takes back what stood before it.
    pub(super) fn take(&mut self, assignment: &Assignment) {
        let empty = assignment.value.is_empty();
        match assignment.directive {
            Directive::Environment if empty => {
                let since = self.own.iter_mut().skip(self.forgotten);
                since.for_each(|earlier| earlier.wins = false);
                self.forgotten = self.own.len();
            }
            Directive::Environment => self.environment(assignment),
            Directive::EnvironmentFile if empty => self.files.clear(),
            Directive::EnvironmentFile => self.file(assignment),
            Directive::PassEnvironment if empty => self.passed.clear(),
            Directive::PassEnvironment => self.pass(assignment),
            Directive::UnsetEnvironment if empty => self.unset.clear(),
            Directive::UnsetEnvironment => {
                for (word, place) in self.words(assignment, true) {
                    if let Ok((word, _)) = word {
                        self.unset.push((SecretValue::new(word), place));
                    }
                }
            }
        }
    }

    /// The words with their specifiers replaced; of a word that cannot be, the word itself.
    #[expect(clippy::type_complexity, reason = "used within this file only")]
    fn words(
        &mut self,
        assignment: &Assignment,
        escapes: bool,
    ) -> Vec<(Result<(Vec<u8>, Vec<usize>), Zeroizing<Vec<u8>>>, Place)> {
        let (words, broken) = words::split(&assignment.value, escapes);
        if let Some(offset) = broken {
            self.problems.push(Problem { place: assignment.place(offset), text: REST_IGNORED });
        }
        let mut expanded = Vec::new();
        for word in words {
            let start = word.offsets.first().copied().unwrap_or_default();
            let place = assignment.place(start);
            if let Ok((text, sources)) = self.specifiers.expand(&word.text) {
                let offset = |source: &usize| word.offsets.get(*source).copied().unwrap_or(start);
                expanded.push((Ok((text, sources.iter().map(offset).collect())), place));
            } else {
                self.problems.push(Problem { place: place.clone(), text: UNKNOWN_SPECIFIER });
                expanded.push((Err(word.text), place));
            }
        }
        expanded
    }

    fn environment(&mut self, assignment: &Assignment) {
        for (word, place) in self.words(assignment, true) {
            let (text, place, yields) = match &word {
                Ok((text, offsets)) => {
                    let Some(equals) = memchr::memchr(b'=', text) else {
                        self.problems.push(Problem { place, text: NO_ASSIGNMENT });
                        continue;
                    };
                    let value = text.get(equals + 1..).unwrap_or_default();
                    let offset = offsets.get(equals + 1).copied().unwrap_or_default();
                    let value = Yield::Value(SecretValue::new(value));
                    (text.as_slice(), assignment.place(offset), value)
                }
                Err(text) => (text.as_slice(), place, Yield::Opaque(OpaqueReason::Reference)),
            };
            let name = text.split(|byte| *byte == b'=').next().unwrap_or_default();
            let Some(name) = variable(name) else {
                self.problems.push(Problem { place, text: NO_ASSIGNMENT });
                continue;
            };
            let origin = Origin::UnitEnvironment;
            let variable = name.to_owned();
            self.own.push(Occurrence { variable, place, origin, yields, wins: true });
        }
    }

    fn pass(&mut self, assignment: &Assignment) {
        for (word, place) in self.words(assignment, false) {
            let Ok((text, _)) = word else { continue };
            match variable(&text) {
                Some(name) => self.passed.push(Occurrence {
                    variable: name.to_owned(),
                    place,
                    origin: Origin::UnitEnvironment,
                    yields: Yield::Inherited,
                    wins: true,
                }),
                None => self.problems.push(Problem { place, text: NO_NAME }),
            }
        }
    }

    fn file(&mut self, assignment: &Assignment) {
        let value = assignment.value.as_slice();
        let optional = value.starts_with(b"-");
        let place = assignment.place(usize::from(optional));
        let text = value.get(usize::from(optional)..).unwrap_or_default();
        let path = if let Ok((path, _)) = self.specifiers.expand(text) {
            String::from_utf8(path).ok()
        } else {
            self.problems.push(Problem { place: place.clone(), text: UNKNOWN_SPECIFIER });
            None
        };
        if path.as_ref().is_some_and(|path| !path.starts_with('/')) {
            self.problems.push(Problem { place, text: NOT_ABSOLUTE });
            return;
        }
        self.files.push(NamedFile { place, path, optional });
    }

    /// What the processes would be started with.
    pub(super) fn finish(mut self, files: &mut dyn Files) -> Result<(Contents, bool), Failure> {
        let mut occurrences = std::mem::take(&mut self.passed);
        occurrences.append(&mut self.own);
        for named in std::mem::take(&mut self.files) {
            self.read(&named, files, &mut occurrences)?;
        }
        let mut winners = HashMap::new();
        for index in (0..occurrences.len()).rev() {
            if let Some(occurrence) = occurrences.get_mut(index).filter(|one| one.wins) {
                match winners.entry(occurrence.variable.clone()) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(index);
                    }
                    Entry::Occupied(_) => occurrence.wins = false,
                }
            }
        }
        for (pattern, place) in std::mem::take(&mut self.unset) {
            unset(pattern.expose(), &place, &mut winners, &mut occurrences);
        }
        let contents = Contents { occurrences, problems: self.problems, ..Contents::default() };
        Ok((contents, self.elsewhere))
    }

    fn read(
        &mut self,
        named: &NamedFile,
        files: &mut dyn Files,
        occurrences: &mut Vec<Occurrence<SecretValue>>,
    ) -> Result<(), Failure> {
        let (Some(path), Some(root)) = (&named.path, self.root) else {
            self.elsewhere = true;
            if named.path.is_some() {
                self.problems.push(Problem { place: named.place.clone(), text: FILE_ELSEWHERE });
            }
            return Ok(());
        };
        let paths = if glob::is_pattern(path) {
            glob::expand(root, path, files)
                .map_err(|(path, why)| Failure::Unreadable { path, why })?
        } else if root.is_empty() {
            vec![path.clone()]
        } else {
            vec![join(root, path.trim_start_matches('/'))]
        };
        if paths.is_empty() {
            return self.absent(named);
        }
        if paths.len() > glob::MOST_PATHS {
            return Err(named.refuse(TOO_MANY));
        }
        for path in paths {
            let bytes = match files.read(&path) {
                Ok(bytes) => Zeroizing::new(bytes),
                Err(Missed::Null) => continue,
                Err(Missed::Absent) => {
                    self.absent(named)?;
                    continue;
                }
                Err(Missed::Unreadable(why)) => return Err(Failure::Unreadable { path, why }),
            };
            let contents = match parse(Dialect::Systemd, &bytes, &self.machine.environment) {
                Ok(contents) => contents,
                Err(refusal) if named.optional => {
                    let place = Place { path: Some(inert(&path)), position: refusal.position };
                    self.problems.push(Problem { place, text: FILE_IGNORED });
                    continue;
                }
                Err(Refusal { position: None, .. }) => return Err(named.refuse(FILE_REFUSED)),
                Err(refusal) => return Err(Failure::Refused { path, refusal }),
            };
            let path = inert(&path);
            occurrences.extend(contents.occurrences.into_iter().map(|mut occurrence| {
                occurrence.place.path.get_or_insert_with(|| path.clone());
                occurrence.origin = Origin::UnitEnvironmentFile;
                occurrence
            }));
            self.problems.extend(contents.problems.into_iter().map(|mut problem| {
                problem.place.path.get_or_insert_with(|| path.clone());
                problem
            }));
        }
        Ok(())
    }

    /// On this machine a file that is needed and not there keeps the unit from starting; among
    /// files that were collected elsewhere it may just not have been collected.
    fn absent(&mut self, named: &NamedFile) -> Result<(), Failure> {
        if self.root == Some("") {
            return if named.optional { Ok(()) } else { Err(named.refuse(FILE_ABSENT)) };
        }
        self.elsewhere = true;
        self.problems.push(Problem { place: named.place.clone(), text: FILE_ELSEWHERE });
        Ok(())
    }
}

impl NamedFile {
    /// The unit does not start because of this file.
    fn refuse(&self, reason: &'static str) -> Failure {
        Failure::Refused {
            path: self.place.path.clone().unwrap_or_default(),
            refusal: Refusal { position: self.place.position, reason },
        }
    }
}

/// Takes a variable away: by name, or only with exactly this value.
fn unset(
    pattern: &[u8],
    place: &Place,
    winners: &mut HashMap<String, usize>,
    occurrences: &mut Vec<Occurrence<SecretValue>>,
) {
    let (name, value) = match memchr::memchr(b'=', pattern) {
        Some(equals) => (pattern.get(..equals).unwrap_or_default(), pattern.get(equals + 1..)),
        None => (pattern, None),
    };
    let Some(name) = variable(name) else { return };
    let Some(winner) = winners.get(name).and_then(|index| occurrences.get_mut(*index)) else {
        return;
    };
    let same = match (value, &winner.yields) {
        (None, _) => true,
        (Some(value), Yield::Value(found)) => found.expose() == value,
        (Some(_), _) => false,
    };
    if !same {
        return;
    }
    winner.wins = false;
    winners.remove(name);
    occurrences.push(Occurrence {
        variable: name.to_owned(),
        place: place.clone(),
        origin: Origin::UnitEnvironment,
        yields: Yield::Unset,
        wins: true,
    });
}

/// Letters, digits and underscores, no digit first.
fn variable(name: &[u8]) -> Option<&str> {
    let first = name.first()?;
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    (!first.is_ascii_digit() && name.iter().all(fits)).then_some(())?;
    std::str::from_utf8(name).ok()
}

//! The files that a file reads: `. FILE`, `source FILE`, the tests in front of them and the loops
//! around them.
//!
//! What is there decides: a test for a file that the caller can open is answered, a pattern gives
//! the files that fit it. What a file reads that cannot be told or opened is named, and a variable
//! that was not found may then stand there.

use std::collections::VecDeque;

use crate::{
    domain::{
        inert::inert,
        reading::{OpaqueReason, UnreadableKind},
    },
    formats::{
        files::{Files, Missed, base_name, folder_of, join},
        pattern::matches,
        shell::{
            MADE, Shell,
            scanner::{Block, End, Scanner, Status, Stop},
            state::{Certainty, Known, Source},
            words::{Piece, Word, Words},
        },
    },
};

/// Files inside files go no deeper than this.
const DEEPEST: usize = 20;

/// So many files are read for one layer, and no more.
const MOST_FILES: usize = 200;

/// So many turns of loops are taken for one layer, and no more.
const MOST_TURNS: usize = 2_000;

pub(super) const NOT_KNOWN: &str = "another file is read here; what it sets is not known";
pub(super) const NOT_FOUND: &str = "reads a file that does not exist";
pub(super) const RELATIVE: &str =
    "reads a file by a relative path; which one depends on the folder that the shell is in";
const CIRCLE: &str = "reads a file that is being read already; that is not followed";
const TOO_MANY: &str = "reads more files, or deeper, than are followed; what they set is not known";

/// The files that were opened, and where they come from.
#[derive(Default)]
pub(super) struct Sources<'caller> {
    /// `None` when files are not followed.
    files: Option<&'caller mut dyn Files>,
    /// The files that are being read, outermost first.
    open: Vec<String>,
    followed: usize,
    turns: usize,
    /// What an unread file sets is not known.
    pub(super) elsewhere: bool,
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sources").field("open", &self.open).finish_non_exhaustive()
    }
}

/// The rest of a loop over known words.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    name: String,
    name_at: usize,
    values: VecDeque<Vec<u8>>,
    /// Where the commands of the loop begin.
    pub(super) body: usize,
    /// How many here-documents were announced before the loop.
    documents: usize,
}

impl<'caller> Sources<'caller> {
    /// Files are followed from this one on.
    pub(super) fn of(path: &str, files: &'caller mut dyn Files) -> Self {
        Self { files: Some(files), open: vec![path.to_owned()], ..Self::default() }
    }

    /// The file of the layer itself is read.
    pub(super) fn is_outermost(&self) -> bool {
        self.open.len() <= 1
    }

    /// Opens a file that the one being read names.
    pub(super) fn read(&mut self, path: &str) -> Result<Vec<u8>, Missed> {
        self.files.as_mut().map_or(Err(Missed::Absent), |files| files.read(path))
    }

    /// Whether one more may be opened; why not.
    pub(super) fn may_follow(&mut self, path: &str) -> Result<(), &'static str> {
        if self.open.iter().any(|open| open == path) {
            return Err(CIRCLE);
        }
        self.followed += 1;
        if self.open.len() > DEEPEST || self.followed > MOST_FILES {
            self.elsewhere = true;
            return Err(TOO_MANY);
        }
        Ok(())
    }

    /// Files are opened at all.
    pub(super) const fn follows(&self) -> bool {
        self.files.is_some()
    }

    /// The folder of the file that is being read.
    pub(super) fn folder(&self) -> &str {
        self.open.last().map_or("", |path| folder_of(path))
    }

    pub(super) fn enter(&mut self, path: &str) {
        self.open.push(path.to_owned());
    }

    pub(super) fn leave(&mut self) {
        self.open.pop();
    }

    /// What `test` says of a path: `None` where it cannot be told from here.
    pub(super) fn test(&mut self, operator: &[u8], path: &str) -> Option<bool> {
        if !self.follows() || !path.starts_with('/') {
            return None;
        }
        match (self.read(path), operator) {
            (Ok(bytes), b"-s") => Some(!bytes.is_empty()),
            (Ok(_), b"-f" | b"-r" | b"-e") => Some(true),
            (Ok(_), b"-d") | (Err(Missed::Absent), b"-f" | b"-r" | b"-e" | b"-s" | b"-d") => {
                Some(false)
            }
            (Err(Missed::Unreadable(why)), _) if why.kind == UnreadableKind::NotAFile => {
                let is_folder = self.files.as_mut()?.list(path).is_ok();
                match operator {
                    b"-d" | b"-e" | b"-r" | b"-s" if is_folder => Some(true),
                    b"-f" if is_folder => Some(false),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The files that fit a pattern, sorted; `None` where the folder cannot be listed.
    pub(super) fn fitting(&mut self, folder: &str, pattern: &str) -> Option<Vec<String>> {
        if !folder.starts_with('/') {
            return None;
        }
        let mut entries = match self.files.as_mut()?.list(folder) {
            Ok(entries) => entries,
            Err(Missed::Absent) => Vec::new(),
            Err(_) => return None,
        };
        entries.sort();
        let fitting = entries.into_iter().filter(|entry| matches(pattern, &entry.name));
        Some(fitting.map(|entry| join(folder, &entry.name)).collect())
    }

    /// One more turn of a loop may be taken.
    pub(super) fn may_turn(&mut self) -> bool {
        self.turns += 1;
        self.turns <= MOST_TURNS
    }
}

/// Why a file could not be read, as a fixed sentence.
pub(super) const fn unread(kind: UnreadableKind) -> &'static str {
    match kind {
        UnreadableKind::NoPermission => {
            "it is read by another file, and this user may not read it; what it sets is not known"
        }
        UnreadableKind::NotAFile => {
            "it is read by another file, and is no regular file; what it sets is not known"
        }
        UnreadableKind::TooLarge => {
            "it is read by another file, and is too large; what it sets is not known"
        }
        _ => "it is read by another file, and could not be read; what it sets is not known",
    }
}

impl Scanner<'_, '_, '_> {
    /// `. FILE` and `source FILE`.
    pub(super) fn source(
        &mut self,
        at: usize,
        words: &[&Word],
        certainty: Certainty,
    ) -> Result<Status, Stop> {
        let words = match words {
            [first, rest @ ..] if first.literal().as_deref() == Some(b"--") => rest,
            words => words,
        };
        let Some(word) = words.first() else {
            // `source <(command)`.
            self.state.problem(at, MADE);
            return Ok(Status::Unknown);
        };
        let path = match self.expand(word, certainty)? {
            Known::Bytes(path) if self.sources.follows() => String::from_utf8(path).ok(),
            _ => None,
        };
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            self.sources.elsewhere = true;
            self.state.problem(at, NOT_KNOWN);
            return Ok(Status::Unknown);
        };
        if path.starts_with('/') {
            return self.follow(at, &path, certainty);
        }
        let beside = join(self.sources.folder(), &path);
        self.state.problem(at, RELATIVE);
        self.sources.elsewhere = true;
        self.follow(at, &beside, Certainty::Maybe)?;
        Ok(Status::Unknown)
    }

    fn follow(&mut self, at: usize, path: &str, certainty: Certainty) -> Result<Status, Stop> {
        if let Err(why) = self.sources.may_follow(path) {
            self.state.problem(at, why);
            return Ok(Status::Unknown);
        }
        let bytes = match self.sources.read(path) {
            Ok(bytes) => bytes,
            Err(Missed::Null) => return Ok(Status::Success),
            Err(Missed::Absent) => {
                if certainty == Certainty::Runs {
                    self.state.problem(at, NOT_FOUND);
                }
                return Ok(Status::Failure);
            }
            Err(Missed::Unreadable(why)) => {
                self.sources.elsewhere = true;
                self.state.problem_of(inert(path), unread(why.kind));
                return Ok(Status::Unknown);
            }
        };
        self.sources.enter(path);
        let before = self.state.turn_to(Source::new(&bytes, Some(inert(path))));
        let end = Scanner::new(&bytes, self.shell, self.state, self.sources, certainty).run();
        self.state.turn_to(before);
        self.sources.leave();
        match end {
            End::Reached => Ok(Status::Unknown),
            End::ShellExits(position) => Err(Stop::Ended(position)),
        }
    }

    /// What `test` and `[[ … ]]` say of a file.
    pub(super) fn tested(&mut self, operands: &[Word]) -> Result<Status, Stop> {
        let (negated, operands) = match operands {
            [sign, rest @ ..] if sign.literal().as_deref() == Some(b"!") => (true, rest),
            operands => (false, operands),
        };
        let [operator, path] = operands else { return Ok(Status::Unknown) };
        let (Some(operator), Known::Bytes(path)) =
            (operator.literal(), self.expand(path, self.certainty())?)
        else {
            return Ok(Status::Unknown);
        };
        let Ok(path) = String::from_utf8(path) else { return Ok(Status::Unknown) };
        Ok(match self.sources.test(&operator, &path) {
            Some(holds) if holds != negated => Status::Success,
            Some(_) => Status::Failure,
            None => Status::Unknown,
        })
    }

    /// What a word of `for NAME in …` gives: `None` where that is not known.
    pub(super) fn listed(
        &mut self,
        start: usize,
        word: &Word,
        certainty: Certainty,
    ) -> Result<Option<Vec<Vec<u8>>>, Stop> {
        let raw = &self.words.text[start..self.at];
        let braces =
            raw.iter().zip(raw.iter().skip(1)).any(|pair| *pair.1 == b'{' && *pair.0 != b'$');
        if braces || raw.first() == Some(&b'{') {
            return Ok(None);
        }
        if raw.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[')) && !word.is_whole_quote(raw) {
            return self.files_of(raw, certainty);
        }
        let Known::Bytes(bytes) = self.expand(word, certainty)? else { return Ok(None) };
        let expands = word.pieces.iter().any(|piece| matches!(piece, Piece::Parameter(_)));
        if !expands || word.is_whole_quote(raw) || self.shell == Shell::Zsh && !bytes.is_empty() {
            return Ok(Some(vec![bytes]));
        }
        // An unquoted value is cut at blanks, and its parts may be patterns.
        if word.quoted || bytes.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[')) {
            return Ok(None);
        }
        let parts = bytes.split(|byte| matches!(byte, b' ' | b'\t' | b'\n'));
        Ok(Some(parts.filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect()))
    }

    /// `FOLDER/PATTERN`, as files.
    fn files_of(&mut self, raw: &[u8], certainty: Certainty) -> Result<Option<Vec<Vec<u8>>>, Stop> {
        let Some(text) = std::str::from_utf8(raw).ok() else { return Ok(None) };
        let (text, may_be_none) = match text.strip_suffix("(N)") {
            Some(text) if self.shell == Shell::Zsh => (text, true),
            _ => (text, false),
        };
        let pattern = base_name(text);
        let folder = text.strip_suffix(pattern).unwrap_or_default();
        let plain = |text: &str, signs: &[char]| !text.contains(signs);
        if !plain(folder, &['*', '?', '[']) || !plain(pattern, &['"', '\'', '\\', '$', '`', '(']) {
            return Ok(None);
        }
        let words = Words { text: folder.as_bytes(), grammar: self.words.grammar };
        let Ok((word, _)) = words.word(0) else { return Ok(None) };
        let Known::Bytes(folder) = self.expand(&word, certainty)? else { return Ok(None) };
        let Ok(folder) = String::from_utf8(folder) else { return Ok(None) };
        let Some(found) = self.sources.fitting(&folder, pattern) else { return Ok(None) };
        Ok(match self.shell {
            _ if !found.is_empty() || may_be_none => {
                Some(found.into_iter().map(String::into_bytes).collect())
            }
            // zsh gives the file up; the other shells keep the pattern as it stands.
            Shell::Zsh if certainty == Certainty::Runs => return Err(Stop::NoFile(self.at)),
            Shell::Zsh => None,
            _ => Some(vec![[folder.as_bytes(), pattern.as_bytes()].concat()]),
        })
    }

    /// The loop that has just been opened goes over these words, where they are known.
    pub(super) fn begin_turns(&mut self, name: &str, name_at: usize, values: Option<Vec<Vec<u8>>>) {
        let Some(values) = values.filter(|_| self.sources.may_turn()) else {
            let value = Known::Opaque(OpaqueReason::Conditional);
            return self.state.assign(name, name_at, value, self.certainty(), false);
        };
        let mut values = VecDeque::from(values);
        let first = values.pop_front();
        let documents = self.here_documents.len();
        let body = self.at;
        let turns = Turns { name: name.to_owned(), name_at, values, body, documents };
        if let Some(frame) = self.frames.last_mut() {
            frame.branch = if first.is_some() { Certainty::Runs } else { Certainty::Never };
            frame.turns = Some(turns);
        }
        if let Some(first) = first {
            let certainty = self.certainty();
            self.state.assign(name, name_at, Known::Bytes(first), certainty, false);
        }
    }

    /// At `done`: goes back to the start of the loop, where a word is left.
    pub(super) fn next_turn(&mut self) -> bool {
        let in_body = self.frames.last().is_some_and(|frame| frame.block == Block::LoopBody);
        let Some(frame) = self.frames.last_mut().filter(|_| in_body) else { return false };
        let Some(turns) = &mut frame.turns else { return false };
        let Some(value) = turns.values.pop_front() else { return false };
        if !self.sources.may_turn() {
            frame.branch = frame.branch.max(Certainty::Maybe);
            turns.values.clear();
        }
        let (name, name_at) = (turns.name.clone(), turns.name_at);
        let (body, documents) = (turns.body, turns.documents);
        let certainty = self.certainty();
        self.state.assign(&name, name_at, Known::Bytes(value), certainty, false);
        self.at = body;
        self.here_documents.truncate(documents);
        self.starts_over();
        true
    }

    /// `break` and `continue`: what is below in the loop may not run.
    pub(super) fn leave_loop(&mut self, ends_it: bool) {
        let loops = self.frames.iter_mut().rev().filter(|frame| frame.block == Block::LoopBody);
        for (depth, frame) in loops.enumerate() {
            frame.branch = frame.branch.max(Certainty::Maybe);
            if let Some(turns) = frame.turns.as_mut().filter(|_| ends_it && depth == 0) {
                turns.values.clear();
            }
        }
    }
}

impl Word {
    /// One pair of double quotes, and nothing beside it.
    fn is_whole_quote(&self, raw: &[u8]) -> bool {
        self.quoted
            && raw.len() > 1
            && (raw.first() == Some(&b'"')
                && raw.iter().rposition(|byte| *byte == b'"') == Some(raw.len() - 1)
                && raw.iter().filter(|byte| **byte == b'"').count() == 2
                || raw.first() == Some(&b'\'')
                    && raw.iter().filter(|byte| **byte == b'\'').count() == 2
                    && raw.last() == Some(&b'\''))
    }
}

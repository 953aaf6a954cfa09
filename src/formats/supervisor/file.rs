//! The files as Python's `RawConfigParser` reads them, with the options that supervisor gives it:
//! comments begin with `;` or `#`, at the start of a line or behind a blank.

use crate::{
    domain::place::Position,
    formats::{Refusal, yaml::lines::Lines},
};

const NOT_UTF8: &str = "this file is not UTF-8 text, so supervisord does not load it";
const NO_HEADER: &str = "an option before the first section: supervisord does not load this";
const NO_OPTION: &str =
    "neither a section nor an option with a value: supervisord does not load this";

/// Characters and where each stands in its file.
#[derive(Debug, Clone, Default)]
pub(super) struct Text {
    characters: Vec<(char, usize)>,
    plain: String,
    file: usize,
}

impl Text {
    pub(super) fn of(characters: Vec<(char, usize)>, file: usize) -> Self {
        let plain = characters.iter().map(|(character, _)| character).collect();
        Self { characters, plain, file }
    }

    /// The same file.
    pub(super) fn beside(&self, characters: Vec<(char, usize)>) -> Self {
        Self::of(characters, self.file)
    }

    pub(super) fn characters(&self) -> &[(char, usize)] {
        &self.characters
    }

    pub(super) fn plain(&self) -> &str {
        &self.plain
    }
}

#[derive(Debug)]
struct File {
    path: String,
    lines: Lines,
}

type Options = Vec<(String, Text)>;

/// The sections of all files, in the order in which they were first seen.
#[derive(Debug, Default)]
pub(super) struct Sections {
    files: Vec<File>,
    sections: Vec<(String, Options)>,
}

/// What this section sets is set in every other.
const DEFAULT: &str = "DEFAULT";

impl Sections {
    pub(super) fn has(&self, section: &str) -> bool {
        self.names().any(|name| name == section)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(|(name, _)| name.as_str()).filter(|name| *name != DEFAULT)
    }

    pub(super) fn get(&self, section: &str, option: &str) -> Option<&Text> {
        let of = |section: &str| {
            let (_, options) = self.sections.iter().find(|(name, _)| name == section)?;
            options.iter().find(|(name, _)| name == option).map(|(_, text)| text)
        };
        of(section).or_else(|| of(DEFAULT))
    }

    /// Every option with its section.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str, &Text)> {
        self.sections.iter().flat_map(|(section, options)| {
            options.iter().map(move |(option, text)| (section.as_str(), option.as_str(), text))
        })
    }

    pub(super) fn path(&self, text: &Text) -> &str {
        self.files.get(text.file).map_or("", |file| file.path.as_str())
    }

    pub(super) fn position(&self, text: &Text, offset: usize) -> Position {
        let file = self.files.get(text.file);
        file.map_or(Position { line: 1, column: 1 }, |file| file.lines.position(offset))
    }

    /// Reads one more file; what it says of a known option replaces that.
    pub(super) fn add(&mut self, path: &str, bytes: &[u8]) -> Result<(), Refusal> {
        let lines = Lines::of(bytes);
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Refusal::at(lines.position(error.valid_up_to()), NOT_UTF8))?;
        let refuse = |offset, reason| Refusal::at(lines.position(offset), reason);
        let mut reader = Reader { section: None, option: None, indent: 0 };
        for (start, line) in lines_of(text) {
            reader
                .line(start, line, self.files.len(), &mut self.sections)
                .map_err(|reason| refuse(start, reason))?;
        }
        for (_, options) in &mut self.sections {
            for (_, text) in options.iter_mut().filter(|(_, text)| text.file == self.files.len()) {
                *text = Text::of(trimmed_end(&text.characters).to_vec(), text.file);
            }
        }
        self.files.push(File { path: path.to_owned(), lines });
        Ok(())
    }
}

/// Lines end with `\n`, `\r\n` or `\r`.
fn lines_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let (line, broken) = rest.split_at_checked(end)?;
        let line = (start, line);
        start += end + if broken.starts_with("\r\n") { 2 } else { usize::from(!broken.is_empty()) };
        Some(line)
    })
}

struct Reader {
    section: Option<usize>,
    option: Option<usize>,
    indent: usize,
}

impl Reader {
    fn line(
        &mut self,
        start: usize,
        line: &str,
        file: usize,
        sections: &mut Vec<(String, Options)>,
    ) -> Result<(), &'static str> {
        let comment = comment_in(line);
        let content = line.get(..comment.unwrap_or(line.len())).unwrap_or_default();
        let value = content.trim();
        let current = self.section.zip(self.option);
        let current = current.and_then(|(section, option)| {
            sections.get_mut(section).and_then(|(_, options)| options.get_mut(option))
        });
        if value.is_empty() {
            if let (None, Some((_, text))) = (comment, current) {
                text.characters.push(('\n', start));
            }
            return Ok(());
        }
        let indent = line.len() - line.trim_start().len();
        let offset = start + (content.len() - content.trim_start().len());
        if let Some((_, text)) = current
            && indent > self.indent
        {
            text.characters.push(('\n', offset));
            text.characters.extend(placed(value, offset));
            return Ok(());
        }
        self.indent = indent;
        let header = value.strip_prefix('[').and_then(|rest| rest.rsplit_once(']'));
        if let Some((name, _)) = header.filter(|(name, _)| !name.is_empty()) {
            let known = sections.iter().position(|(other, _)| other == name);
            self.section = Some(known.unwrap_or(sections.len()));
            self.option = None;
            if known.is_none() {
                sections.push((name.to_owned(), Vec::new()));
            }
            return Ok(());
        }
        let options = self.section.and_then(|section| sections.get_mut(section));
        let Some((_, options)) = options else { return Err(NO_HEADER) };
        let Some(end) = value.find(['=', ':']).filter(|end| *end > 0) else {
            return Err(NO_OPTION);
        };
        let name = value.get(..end).unwrap_or_default().trim_end().to_lowercase();
        let behind = value.get(end + 1..).unwrap_or_default();
        let offset = offset + end + 1 + (behind.len() - behind.trim_start().len());
        let text = Text::of(placed(behind.trim(), offset).collect(), file);
        let known = options.iter().position(|(other, _)| *other == name);
        self.option = Some(known.unwrap_or(options.len()));
        match known.and_then(|known| options.get_mut(known)) {
            Some((_, earlier)) => *earlier = text,
            None => options.push((name, text)),
        }
        Ok(())
    }
}

fn placed(text: &str, offset: usize) -> impl Iterator<Item = (char, usize)> {
    text.char_indices().map(move |(index, character)| (character, offset + index))
}

fn trimmed_end(characters: &[(char, usize)]) -> &[(char, usize)] {
    let end = characters.iter().rposition(|(character, _)| !character.is_whitespace());
    characters.get(..end.map_or(0, |end| end + 1)).unwrap_or_default()
}

/// Where the comment of a line begins. The marks are looked at in turns, each time the next of each,
/// until one is found behind a blank.
fn comment_in(line: &str) -> Option<usize> {
    if line.trim_start().starts_with(['#', ';']) {
        return Some(0);
    }
    let behind_blank = |index: usize| {
        index == 0 || line.get(..index).is_some_and(|before| before.ends_with(char::is_whitespace))
    };
    let mut marks = [';', '#'].map(|mark| line.match_indices(mark));
    loop {
        let turn = marks.each_mut().map(|mark| mark.next().map(|(index, _)| index));
        if turn == [None, None] {
            return None;
        }
        let found = turn.into_iter().flatten().filter(|index| behind_blank(*index)).min();
        if found.is_some() {
            return found;
        }
    }
}

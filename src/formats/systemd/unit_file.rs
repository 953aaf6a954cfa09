//! A unit file: sections, assignments, continued lines with comments inside.

use crate::{
    domain::{
        inert::inert,
        place::{Place, Position},
        reading::Problem,
    },
    formats::{Refusal, yaml::lines::Lines},
};

const NOT_UTF8: &str = "this line is not UTF-8 text; systemd stops reading the file here";
const HEADER: &str =
    "this section header has no closing bracket; systemd stops reading the file here";
const NO_EQUALS: &str = "this line has no `=`; systemd ignores it";

/// What bounds words and is stripped from the ends of lines.
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The directives that make an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    Environment,
    EnvironmentFile,
    PassEnvironment,
    UnsetEnvironment,
}

impl Directive {
    pub(super) fn of(key: &[u8]) -> Option<Self> {
        match key {
            b"Environment" => Some(Self::Environment),
            b"EnvironmentFile" => Some(Self::EnvironmentFile),
            b"PassEnvironment" => Some(Self::PassEnvironment),
            b"UnsetEnvironment" => Some(Self::UnsetEnvironment),
            _ => None,
        }
    }
}

/// One assignment of a directive.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) directive: Directive,
    /// Continued lines joined by blanks, stripped at both ends.
    pub(super) value: zeroize::Zeroizing<Vec<u8>>,
    path: String,
    /// The place of each byte of the value, and of its end.
    places: Vec<Position>,
}

impl Assignment {
    /// One that stands in no file.
    pub(super) fn shown(directive: Directive, value: zeroize::Zeroizing<Vec<u8>>) -> Self {
        Self { directive, value, path: String::new(), places: Vec::new() }
    }

    /// The place of a byte of the value.
    pub(super) fn place(&self, offset: usize) -> Place {
        let last = self.places.len().saturating_sub(1);
        let position = self.places.get(offset.min(last)).copied();
        Place { path: Some(self.path.clone()), position }
    }
}

/// What a file assigns, up to where systemd stops reading it.
pub(super) struct Parsed {
    pub(super) assignments: Vec<Assignment>,
    pub(super) refusal: Option<Refusal>,
}

/// The sections whose units start processes.
const SECTIONS: [(&str, &[u8]); 4] =
    [(".service", b"Service"), (".socket", b"Socket"), (".mount", b"Mount"), (".swap", b"Swap")];

pub(super) fn parse(path: &str, bytes: &[u8], unit: &str, problems: &mut Vec<Problem>) -> Parsed {
    let section = SECTIONS.iter().find(|(suffix, _)| unit.ends_with(suffix));
    let mut reader = Reader {
        path: inert(path),
        lines: Lines::of(bytes),
        section: section.map_or(b"Service", |(_, section)| section),
        inside: false,
        assignments: Vec::new(),
        problems,
    };
    let refusal = reader.read(bytes).err();
    Parsed { assignments: reader.assignments, refusal }
}

struct Reader<'a> {
    path: String,
    lines: Lines,
    section: &'static [u8],
    inside: bool,
    assignments: Vec<Assignment>,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn read(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        // Bytes of the logical line and where each stands in the file.
        let mut logical: Vec<(u8, usize)> = Vec::new();
        let mut offset = if bytes.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
        while offset < bytes.len() {
            let rest = bytes.get(offset..).unwrap_or_default();
            let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r' | 0);
            let length = rest.iter().position(is_end).unwrap_or(rest.len());
            let line = rest.get(..length).unwrap_or_default();
            let start = offset;
            offset += length + 1;
            // Blank lines and comments are skipped, even between continued lines.
            match line.iter().find(|byte| !is_blank(**byte)) {
                None | Some(b'#' | b';') => continue,
                Some(_) => {}
            }
            logical.extend(line.iter().enumerate().map(|(index, byte)| (*byte, start + index)));
            if ends_escaped(&logical) {
                if let Some(last) = logical.last_mut() {
                    last.0 = b' ';
                }
                continue;
            }
            self.line(&logical)?;
            logical.clear();
        }
        if logical.is_empty() { Ok(()) } else { self.line(&logical) }
    }

    fn line(&mut self, line: &[(u8, usize)]) -> Result<(), Refusal> {
        let line = stripped(line);
        let Some((first, start)) = line.first().copied() else { return Ok(()) };
        let text: zeroize::Zeroizing<Vec<u8>> =
            zeroize::Zeroizing::new(line.iter().map(|(byte, _)| *byte).collect());
        let position = self.lines.position(start);
        if let Err(error) = std::str::from_utf8(&text) {
            let at = line.get(error.valid_up_to()).map_or(start, |(_, offset)| *offset);
            return Err(Refusal::at(self.lines.position(at), NOT_UTF8));
        }
        if first == b'[' {
            let Some(name) = text.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"))
            else {
                return Err(Refusal::at(position, HEADER));
            };
            self.inside = name == self.section;
            return Ok(());
        }
        if !self.inside {
            return Ok(());
        }
        let Some(equals) = memchr::memchr(b'=', &text) else {
            let place = Place { path: Some(self.path.clone()), position: Some(position) };
            self.problems.push(Problem { place, text: NO_EQUALS });
            return Ok(());
        };
        let key = text.get(..equals).unwrap_or_default().trim_ascii();
        let Some(directive) = Directive::of(key) else { return Ok(()) };
        let behind = line.get(equals + 1..).unwrap_or_default();
        let value = stripped(behind);
        let end = value.last().or(line.get(equals)).map_or(start, |(_, offset)| offset + 1);
        let mut places: Vec<_> =
            value.iter().map(|(_, offset)| self.lines.position(*offset)).collect();
        places.push(self.lines.position(end));
        self.assignments.push(Assignment {
            directive,
            value: zeroize::Zeroizing::new(value.iter().map(|(byte, _)| *byte).collect()),
            path: self.path.clone(),
            places,
        });
        Ok(())
    }
}

/// The last byte is a backslash that nothing escapes.
fn ends_escaped(line: &[(u8, usize)]) -> bool {
    let backslashes = line.iter().rev().take_while(|(byte, _)| *byte == b'\\').count();
    backslashes % 2 == 1
}

fn stripped(line: &[(u8, usize)]) -> &[(u8, usize)] {
    let is_text = |(byte, _): &(u8, usize)| !is_blank(*byte);
    let Some(start) = line.iter().position(is_text) else { return &[] };
    let end = line.iter().rposition(is_text).map_or(start, |last| last + 1);
    line.get(start..end).unwrap_or_default()
}

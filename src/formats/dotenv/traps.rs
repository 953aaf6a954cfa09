//! Traps that the bytes of a `.env` file show, next to what its reader made of them.

use std::collections::HashSet;

use crate::{
    domain::{
        place::Position,
        reading::{Occurrence, OpaqueReason, Yield},
        secret::SecretValue,
        trap::{Trap, is_invisible},
    },
    formats::{Contents, Environment, Refusal, dotenv::Dialect},
};

/// A trap of a variable; of the whole file where `variable` is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The variable that it is about.
    pub variable: Option<String>,
    /// Which.
    pub trap: Trap,
    /// Where.
    pub position: Position,
}

/// The traps of the variables that `wanted` chooses. `read` is what the reader made of `bytes`.
pub fn traps(
    dialect: Dialect,
    bytes: &[u8],
    read: &Result<Contents, Refusal>,
    environment: &Environment,
    wanted: &[&str],
) -> Vec<Found> {
    let mut found = Vec::new();
    let start = Position { line: 1, column: 1 };
    let mut of_file = |trap, position| found.push(Found { variable: None, trap, position });
    if is_oddly_encoded(bytes) {
        of_file(Trap::Encoding, start);
    }
    let contents = match read {
        Ok(contents) => contents,
        Err(refusal) => {
            of_file(Trap::FileRejected, refusal.position.unwrap_or(start));
            return found;
        }
    };
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let winners = contents.occurrences.iter().filter(|occurrence| occurrence.wins);
    let winners: HashSet<&str> = winners.map(|winner| winner.variable.as_str()).collect();
    for occurrence in &contents.occurrences {
        if wanted.contains(&occurrence.variable.as_str())
            && let Some(position) = occurrence.place.position
        {
            let (before, raw) = line_around(&lines, position);
            let source = Source { dialect, winners: &winners, environment, before, raw };
            found.extend(source.traps(occurrence).into_iter().map(|trap| Found {
                variable: Some(occurrence.variable.clone()),
                trap,
                position,
            }));
        }
    }
    for name in wanted {
        found.extend(swallowed(bytes, &lines, contents, name));
    }
    found
}

/// A byte order mark, UTF-16 without one, or bytes that are no UTF-8.
fn is_oddly_encoded(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xef\xbb\xbf")
        || bytes.starts_with(b"\xff\xfe")
        || bytes.starts_with(b"\xfe\xff")
        || std::str::from_utf8(bytes).is_err()
        || memchr::memchr(0, bytes).is_some()
}

/// What stands before and behind a position on its line.
fn line_around<'a>(lines: &[&'a [u8]], at: Position) -> (&'a [u8], &'a [u8]) {
    let line = lines.get(at.line as usize - 1).copied().unwrap_or_default();
    line.split_at((at.column as usize - 1).min(line.len()))
}

/// What one assignment is compared with.
struct Source<'a> {
    dialect: Dialect,
    /// The variables that the file sets.
    winners: &'a HashSet<&'a str>,
    environment: &'a Environment,
    /// What stands before the value on its line: the name, when the line is the value's own.
    before: &'a [u8],
    raw: &'a [u8],
}

impl Source<'_> {
    fn traps(&self, occurrence: &Occurrence<SecretValue>) -> Vec<Trap> {
        let mut traps = Vec::new();
        match &occurrence.yields {
            Yield::Inherited => traps.push(Trap::BareNamePassthrough),
            Yield::Unset => traps.push(Trap::BareName),
            Yield::Opaque(OpaqueReason::Dynamic) if runs_commands(self.dialect) => {
                traps.push(Trap::ExecutesCommands);
            }
            Yield::Opaque(_) => {}
            Yield::Value(value) => self.of_value(value.expose(), &mut traps),
        }
        traps
    }

    fn of_value(&self, value: &[u8], traps: &mut Vec<Trap>) {
        if let Some(hash) = memchr::memchr(b'#', self.raw)
            && value.len() == hash
            && self.raw.starts_with(value)
            && hash > 0
            && !self.raw[hash - 1].is_ascii_whitespace()
        {
            traps.push(Trap::HashCut);
        }
        let swallows = memchr::memchr(b'\n', value)
            .is_some_and(|at| value[at + 1..].split(|byte| *byte == b'\n').any(assigns))
            || (self.before.trim_ascii().is_empty() && assigns(value));
        if swallows {
            traps.push(Trap::SwallowedNextLine);
        }
        self.of_references(value, traps);
    }

    /// `$` in the raw text that is not in the value.
    fn of_references(&self, value: &[u8], traps: &mut Vec<Trap>) {
        let count = |bytes: &[u8]| memchr::memchr_iter(b'$', bytes).count();
        if count(self.raw) <= count(value) {
            return;
        }
        let mut names = references(self.raw).peekable();
        // Without a name it is `$$` or a `$` in a comment.
        if names.peek().is_none() {
            return;
        }
        traps.push(Trap::DollarEaten);
        let names: Vec<(&[u8], Option<&[u8]>)> = names.collect();
        let is_set = |name: &[u8]| {
            std::str::from_utf8(name).is_ok_and(|name| {
                self.environment.contains_key(name) || self.winners.contains(name)
            })
        };
        if names.iter().any(|(name, default)| default.is_none() && !is_set(name)) {
            traps.push(Trap::InterpolationEmpty);
        }
        let lost = |(name, default): &(&[u8], Option<&[u8]>)| {
            default.is_some_and(|default| {
                !default.is_empty()
                    && !is_set(name)
                    && (memchr::memmem::find(value, default).is_none()
                        || memchr::memmem::find(value, b":-").is_some())
            })
        };
        if names.iter().any(lost) {
            traps.push(Trap::DefaultNotSupported);
        }
    }
}

/// Readers that run `$(…)`.
const fn runs_commands(dialect: Dialect) -> bool {
    matches!(
        dialect,
        Dialect::RubyDotenv
            | Dialect::RubyDotenvLoad
            | Dialect::Dotenvx
            | Dialect::DotenvExpand1000
            | Dialect::Symfony
            | Dialect::Sh
    )
}

/// A line of the form `NAME=…`.
fn assigns(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"export ").unwrap_or(line);
    let name =
        line.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    name > 1 && line.get(name) == Some(&b'=') && !line[0].is_ascii_digit()
}

/// The names behind `$` and `${`, with the default behind `:-` or `-`.
fn references(raw: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    memchr::memchr_iter(b'$', raw).filter_map(|at| {
        let rest = &raw[at + 1..];
        let braced = rest.first() == Some(&b'{');
        let rest = if braced { &rest[1..] } else { rest };
        let length =
            rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let (name, rest) = rest.split_at(length);
        if name.is_empty() {
            return None;
        }
        let word = rest.strip_prefix(b":-").or_else(|| rest.strip_prefix(b"-"));
        let default = word
            .filter(|_| braced)
            .and_then(|word| memchr::memchr(b'}', word).map(|end| &word[..end]));
        Some((name, default))
    })
}

/// Lines that name `name` and gave no assignment: swallowed by the line before, or not seen.
fn swallowed(bytes: &[u8], lines: &[&[u8]], contents: &Contents, name: &str) -> Vec<Found> {
    let named = contents.occurrences.iter().filter(|occurrence| occurrence.variable == name);
    let seen: HashSet<u32> =
        named.filter_map(|occurrence| Some(occurrence.place.position?.line)).collect();
    let finder = memchr::memmem::Finder::new(name);
    let mut found = Vec::new();
    let mut start = 0;
    for (index, line) in lines.iter().enumerate() {
        let line_start = start;
        start += line.len() + 1;
        let Some(at) = finder.find(line) else { continue };
        let before = line[..at].trim_ascii();
        let before = before.strip_prefix(b"\xef\xbb\xbf").unwrap_or(before).trim_ascii();
        let after = bytes[line_start + at + name.len()..].trim_ascii_start();
        let is_invisible_before = std::str::from_utf8(before)
            .is_ok_and(|text| !text.is_empty() && text.chars().all(is_invisible));
        if !(before.is_empty() || before == b"export" || is_invisible_before)
            || after.first() != Some(&b'=')
        {
            continue;
        }
        let position = Position { line: index as u32 + 1, column: at as u32 + 1 };
        if !seen.contains(&position.line) && !seen.contains(&(position.line + 1)) {
            found.push(Found {
                variable: Some(name.to_owned()),
                trap: Trap::SwallowedKey,
                position,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::formats::dotenv::parse;

    fn names(dialect: Dialect, file: &str) -> Vec<&'static str> {
        let environment = Environment::new();
        let read = parse(dialect, file.as_bytes(), &environment);
        traps(dialect, file.as_bytes(), &read, &environment, &["KEY"])
            .iter()
            .map(|found| found.trap.name())
            .collect()
    }

    #[rstest]
    #[case::plain(Dialect::PythonDotenv, "KEY=abc\n", &[])]
    #[case::comment_is_no_trap(Dialect::NodeDotenv, "KEY=abc # mine\n", &[])]
    #[case::hash(Dialect::NodeDotenv, "KEY=abc#def\n", &["hash-cut"])]
    #[case::hash_kept(Dialect::PythonDotenv, "KEY=abc#def\n", &[])]
    #[case::dollar(Dialect::Sh, "KEY=abc$def\n", &["dollar-eaten", "interpolation-empty"])]
    #[case::dollar_kept(Dialect::NodeDotenv, "KEY=abc$def\n", &[])]
    #[case::set(Dialect::PythonDotenv, "A=1\nKEY=${A}\n", &["dollar-eaten"])]
    #[case::node_blank(Dialect::Node, "KEY=  \nBB=1\n", &["swallowed-next-line"])]
    #[case::node_takes_it(Dialect::Node, "BB=  \nKEY=1\n", &["swallowed-key"])]
    #[case::systemd_quote(Dialect::Systemd, "KEY=\"a\nBB=2\n", &["swallowed-next-line"])]
    #[case::bare(Dialect::DockerRun, "KEY\n", &["bare-name-passthrough"])]
    #[case::bare_python(Dialect::PythonDotenv, "KEY\n", &["bare-name"])]
    #[case::refused(Dialect::DockerRun, "KEY=1\nB C=2\n", &["file-rejected"])]
    #[case::mark(Dialect::Node, "\u{feff}KEY=1\n", &["encoding", "swallowed-key"])]
    #[case::ruby_runs(Dialect::RubyDotenv, "KEY=$(id)\n", &["executes-commands"])]
    #[case::ruby_default(Dialect::Dotenvy, "KEY=${NONE:-abc}\n", &["dollar-eaten", "default-not-supported"])]
    fn bytes_show_their_traps(
        #[case] dialect: Dialect,
        #[case] file: &str,
        #[case] expected: &[&str],
    ) {
        assert_eq!(names(dialect, file), expected);
    }

    #[test]
    fn a_trap_stands_at_its_line() {
        let file = b"A=1\nKEY=abc#def\n";
        let environment = Environment::new();
        let read = parse(Dialect::NodeDotenv, file, &environment);
        let found = traps(Dialect::NodeDotenv, file, &read, &environment, &["KEY"]);
        assert_eq!(found[0].position, Position { line: 2, column: 5 });
    }
}

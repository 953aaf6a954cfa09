//! Traps that the bytes of a `.env` file show, next to what its reader made of them.

use std::collections::HashSet;

use crate::{
    domain::{
        place::Position,
        reading::{Occurrence, OpaqueReason, Yield},
        secret::SecretValue,
        trap::{Trap, is_invisible},
    },
    formats::{
        Contents, Environment, Refusal,
        dotenv::{Dialect, several::sees_others},
    },
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

/// The traps of the variables that `wanted` chooses, in files that are read as a set: what one of
/// them defines, the others may refer to.
pub fn of_files(
    dialect: Dialect,
    files: &[&[u8]],
    read: &[Result<Contents, Refusal>],
    environment: &Environment,
    wanted: &[&str],
) -> Vec<Vec<Found>> {
    let others: HashSet<&str> = if sees_others(dialect) {
        read.iter().flatten().flat_map(winners).collect()
    } else {
        HashSet::new()
    };
    let is_known = |name: &str| environment.contains_key(name) || others.contains(name);
    let of_file = |(bytes, read): (&&[u8], &Result<Contents, Refusal>)| match read {
        Ok(contents) => of_read(dialect, bytes, contents, &is_known, wanted),
        Err(refusal) => {
            let start = Position { line: 1, column: 1 };
            let position = refusal.position.unwrap_or(start);
            let mut found = oddly_encoded(bytes);
            found.push(Found { variable: None, trap: Trap::FileRejected, position });
            found
        }
    };
    files.iter().zip(read).map(of_file).collect()
}

/// The variables that a file sets.
fn winners(contents: &Contents) -> impl Iterator<Item = &str> {
    let winners = contents.occurrences.iter().filter(|occurrence| occurrence.wins);
    winners.map(|winner| winner.variable.as_str())
}

/// The traps of one file that its reader accepts. `is_known` tells which variables a reference
/// finds outside the file.
pub fn of_read(
    dialect: Dialect,
    bytes: &[u8],
    contents: &Contents,
    is_known: &dyn Fn(&str) -> bool,
    wanted: &[&str],
) -> Vec<Found> {
    let mut found = oddly_encoded(bytes);
    let mut of_file = |trap, position| found.push(Found { variable: None, trap, position });
    // What dotenvy passes over is all the rest of the file.
    if matches!(dialect, Dialect::Uv | Dialect::DotenvyLoad)
        && let Some(position) = contents.problems.first().and_then(|stop| stop.place.position)
    {
        of_file(Trap::RestIgnored, position);
    }
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let winners: HashSet<&str> = winners(contents).collect();
    for occurrence in &contents.occurrences {
        if wanted.contains(&occurrence.variable.as_str())
            && let Some(position) = occurrence.place.position
        {
            let (before, raw) = line_around(&lines, position);
            let source = Source { dialect, winners: &winners, is_known, before, raw };
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

fn oddly_encoded(bytes: &[u8]) -> Vec<Found> {
    let position = Position { line: 1, column: 1 };
    let found = Found { variable: None, trap: Trap::Encoding, position };
    is_oddly_encoded(bytes).then_some(found).into_iter().collect()
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
    is_known: &'a dyn Fn(&str) -> bool,
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
            std::str::from_utf8(name)
                .is_ok_and(|name| (self.is_known)(name) || self.winners.contains(name))
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
        of_files(dialect, &[file.as_bytes()], &[read], &environment, &["KEY"])
            .iter()
            .flatten()
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
    #[case::rest(Dialect::Uv, "KEY=1\nB C=2\n", &["rest-ignored"])]
    #[case::rest_of_dotenvy(Dialect::DotenvyLoad, "KEY=1\nB C=2\n", &["rest-ignored"])]
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
        let found = of_files(Dialect::NodeDotenv, &[file], &[read], &environment, &["KEY"]);
        assert_eq!(found[0][0].position, Position { line: 2, column: 5 });
    }
}

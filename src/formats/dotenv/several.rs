//! Several files that one reader reads as a set: what a reference in one sees of the others, and
//! which of them wins.
//!
//! Measured with the programs themselves. Most libraries put each file's values into the
//! environment before they read the next one; some read the files from the last to the first, some
//! parse all before they expand any, and some read each as if there were no other.

use super::{
    Dialect, collector::Above, compose, dotenv_expand, node, node_20, node_dotenv, parse,
    python_dotenv, symfony, vite,
};
use crate::{
    domain::{
        place::{Place, Position},
        reading::{Problem, Yield},
    },
    formats::{Contents, Environment, Refusal},
};

const NOT_READ: &str = "phpdotenv reads the first of these files that exists, and no other, unless \
    its short circuit is switched off";

/// What a file sees of those that are read before it.
#[derive(Debug, Clone, Copy)]
enum Sight {
    /// Nothing.
    Alone,
    /// Their values as variables of the process, where it has none of that name.
    FillsIn(fn(&[u8], &Environment) -> Read),
    /// The same, read from the last file to the first.
    FillsInBackwards,
    /// Their values as variables of the process, in place of what it has.
    Overlays,
    /// Their lines, as if they stood above its own.
    Behind(fn(&[u8], &Environment, &Above) -> Read),
    /// All are parsed, and then expanded together.
    Together(fn(&[u8], &Environment) -> Read, fn(Contents, &Environment) -> Read),
    /// The first file is read and no other.
    First,
}

type Read = Result<Contents, Refusal>;

const fn sight(dialect: Dialect) -> Sight {
    match dialect {
        Dialect::PythonDotenv | Dialect::PythonDotenvLoad => Sight::FillsIn(python_dotenv::load),
        Dialect::PythonDotenv123 => Sight::FillsIn(python_dotenv::load_1_2_3),
        Dialect::PythonDotenv11 => Sight::FillsIn(python_dotenv::load_1_1),
        Dialect::RubyDotenvLoad | Dialect::DotenvyLoad | Dialect::Dotenvx | Dialect::Next => {
            Sight::FillsIn(dialect.engine())
        }
        Dialect::Bun | Dialect::Deno => Sight::FillsInBackwards,
        Dialect::RubyDotenv
        | Dialect::Dotenvy
        | Dialect::Sh
        | Dialect::Direnv
        | Dialect::EnvironmentD
        | Dialect::Make => Sight::Overlays,
        Dialect::Compose => Sight::Behind(compose::read_behind),
        Dialect::ComposeInterpolation => Sight::Behind(compose::read_behind_for_interpolation),
        Dialect::Symfony => Sight::Behind(symfony::read_behind),
        Dialect::DotenvExpand => Sight::Together(node_dotenv::read, dotenv_expand::expanded),
        Dialect::DotenvExpand1000 => {
            Sight::Together(node_dotenv::read, dotenv_expand::expanded_by_1000)
        }
        Dialect::Vite => Sight::Together(node_20::parse, vite::expanded),
        Dialect::ViteNode22 => Sight::Together(node::parse, vite::expanded),
        Dialect::Phpdotenv | Dialect::PhpdotenvLoad => Sight::First,
        Dialect::NodeDotenv
        | Dialect::Node
        | Dialect::Node20
        | Dialect::Decouple
        | Dialect::DjangoEnviron
        | Dialect::Uv
        | Dialect::Foreman
        | Dialect::Godotenv
        | Dialect::Compose1
        | Dialect::DockerRun
        | Dialect::Kubectl
        | Dialect::Systemd
        | Dialect::Systemd252
        | Dialect::Pam => Sight::Alone,
    }
}

/// References in one file find what the others define.
pub(super) const fn sees_others(dialect: Dialect) -> bool {
    !matches!(sight(dialect), Sight::Alone | Sight::First)
}

impl Dialect {
    /// Of several files the first that defines a variable keeps it; the others let the last one
    /// win.
    const fn first_file_wins(self) -> bool {
        matches!(
            self,
            Self::PythonDotenv
                | Self::PythonDotenvLoad
                | Self::PythonDotenv123
                | Self::PythonDotenv11
                | Self::DjangoEnviron
                | Self::NodeDotenv
                | Self::DotenvExpand
                | Self::DotenvExpand1000
                | Self::Dotenvx
                | Self::Next
                | Self::RubyDotenvLoad
                | Self::DotenvyLoad
                | Self::Godotenv
                | Self::Phpdotenv
                | Self::PhpdotenvLoad
        )
    }
}

/// What each of the files gives the reader, in the order in which they are listed. Of all
/// occurrences of a variable one wins.
pub fn parse_several(dialect: Dialect, files: &[&[u8]], environment: &Environment) -> Vec<Read> {
    let refers = files.iter().any(|file| memchr::memchr(b'$', file).is_some());
    let alone = |file: &&[u8]| parse(dialect, file, environment);
    let mut read = match (files, sight(dialect)) {
        ([] | [_], _) | (_, Sight::Alone) => files.iter().map(alone).collect(),
        (_, Sight::First) => first_only(files.iter().map(alone).collect()),
        _ if !refers => files.iter().map(alone).collect(),
        (_, Sight::FillsIn(parse)) => in_turn(parse, files.iter(), environment, false),
        (_, Sight::Overlays) => in_turn(dialect.engine(), files.iter(), environment, true),
        (_, Sight::FillsInBackwards) => {
            let mut read = in_turn(dialect.engine(), files.iter().rev(), environment, false);
            read.reverse();
            read
        }
        (_, Sight::Behind(parse)) => {
            let mut above = Above::new();
            files
                .iter()
                .map(|file| {
                    let read = parse(file, environment, &above);
                    add_winners(&mut above, read.as_ref());
                    read
                })
                .collect()
        }
        (_, Sight::Together(parse, expand)) => together(files, environment, dialect, parse, expand),
    };
    decide(&mut read, dialect.first_file_wins());
    read
}

/// Each file in the environment that those before it leave.
fn in_turn<'f>(
    parse: fn(&[u8], &Environment) -> Read,
    files: impl Iterator<Item = &'f &'f [u8]>,
    environment: &Environment,
    replaces: bool,
) -> Vec<Read> {
    let mut seen = environment.clone();
    let of_file = |file: &&[u8]| {
        let read = parse(file, &seen);
        for winner in read.iter().flat_map(|contents| &contents.occurrences) {
            if let (true, Yield::Value(value)) = (winner.wins, &winner.yields)
                && (replaces || !seen.contains_key(&winner.variable))
            {
                seen.insert(winner.variable.clone(), value.clone());
            }
        }
        read
    };
    files.map(of_file).collect()
}

/// What this file gives the ones behind it.
pub(in crate::formats) fn add_winners(above: &mut Above, read: Result<&Contents, &Refusal>) {
    for winner in read.iter().flat_map(|contents| &contents.occurrences) {
        if winner.wins && winner.yields != Yield::Inherited {
            above.insert(winner.variable.clone(), winner.yields.clone());
        }
    }
}

/// All files parsed, then expanded as one.
fn together(
    files: &[&[u8]],
    environment: &Environment,
    dialect: Dialect,
    parse: fn(&[u8], &Environment) -> Read,
    expand: fn(Contents, &Environment) -> Read,
) -> Vec<Read> {
    let mut read: Vec<Read> = files.iter().map(|file| parse(file, environment)).collect();
    if read.iter().any(Result::is_err) {
        return read;
    }
    decide(&mut read, dialect.first_file_wins());
    let counts: Vec<usize> = read.iter().flatten().map(|file| file.occurrences.len()).collect();
    let mut all = Contents::default();
    for file in read.iter_mut().flatten() {
        all.occurrences.append(&mut file.occurrences);
    }
    match expand(all, environment) {
        Ok(mut expanded) => {
            for (file, count) in read.iter_mut().flatten().zip(counts) {
                let rest = expanded.occurrences.split_off(count);
                file.occurrences = std::mem::replace(&mut expanded.occurrences, rest);
            }
            read
        }
        // The references of several files lead back to themselves: no one line is to blame.
        Err(refusal) => {
            vec![Err(Refusal { position: None, ..refusal }); files.len()]
        }
    }
}

/// Of the other files it is said that they are not read.
fn first_only(mut read: Vec<Read>) -> Vec<Read> {
    for file in read.iter_mut().skip(1) {
        let mut contents = std::mem::replace(file, Ok(Contents::default())).unwrap_or_default();
        for occurrence in &mut contents.occurrences {
            occurrence.wins = false;
        }
        let place = Place::at(Position { line: 1, column: 1 });
        contents.problems = vec![Problem { place, text: NOT_READ }];
        *file = Ok(contents);
    }
    read
}

/// One winner of each variable over all files.
fn decide(read: &mut [Read], first_wins: bool) {
    let mut taken = std::collections::HashSet::new();
    let mut take = |contents: &mut Contents| {
        let mut own = Vec::new();
        for occurrence in contents.occurrences.iter_mut().filter(|occurrence| occurrence.wins) {
            occurrence.wins = !taken.contains(&occurrence.variable);
            own.push(occurrence.variable.clone());
        }
        taken.extend(own);
    };
    if first_wins {
        read.iter_mut().flatten().for_each(&mut take);
    } else {
        read.iter_mut().rev().flatten().for_each(&mut take);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::secret::SecretValue;

    const FIRST: &str = "X=a\nONLYA=a\nFWD=${LATER}\n";
    const SECOND: &str = "K1=${X}\nX=b\nK2=${X}\nK3=${ONLYA}\nLATER=b\n";
    const NAMES: [&str; 7] = ["X", "ONLYA", "FWD", "K1", "K2", "K3", "LATER"];

    fn read(dialect: Dialect, files: &[&str], shell: &Environment) -> Vec<Contents> {
        let files: Vec<&[u8]> = files.iter().map(|file| file.as_bytes()).collect();
        parse_several(dialect, &files, shell).into_iter().map(Result::unwrap).collect()
    }

    fn values(read: &[Contents]) -> String {
        let value = |name: &&str| {
            let winners: Vec<_> = read.iter().filter_map(|file| file.winner(name)).collect();
            assert!(winners.len() < 2, "one winner of {name}");
            match winners.first().map(|winner| &winner.yields) {
                Some(Yield::Value(value)) => String::from_utf8_lossy(value.expose()).into_owned(),
                _ => "-".to_owned(),
            }
        };
        NAMES.iter().map(value).collect::<Vec<_>>().join(" ")
    }

    /// What python-dotenv 1.2, Ruby's dotenv, dotenv-expand 12 and 1000, @next/env 16, Vite 8,
    /// dotenvx, Bun 1.4, Deno, uv, bash and Symfony print of these two files. An empty text is `''`.
    #[rstest]
    #[case::python(Dialect::PythonDotenv, "a a  a a a b")]
    #[case::ruby(Dialect::RubyDotenvLoad, "a a  a a a b")]
    #[case::ruby_overwrites(Dialect::RubyDotenv, "b a  a b a b")]
    #[case::next(Dialect::Next, "a a  a a a b")]
    #[case::dotenvx(Dialect::Dotenvx, "a a  a a a b")]
    #[case::expand(Dialect::DotenvExpand, "a a b a a a b")]
    #[case::expand_1000(Dialect::DotenvExpand1000, "a a b a a a b")]
    #[case::vite(Dialect::ViteNode22, "b a b b b a b")]
    #[case::bun(Dialect::Bun, "b a b b b  b")]
    #[case::deno(Dialect::Deno, "b a b  b  b")]
    #[case::uv(Dialect::Uv, "b a   b  b")]
    #[case::shell(Dialect::Sh, "b a  a b a b")]
    #[case::symfony(Dialect::Symfony, "b a  a b a b")]
    #[case::compose(Dialect::Compose, "b a  a b a b")]
    #[case::phpdotenv(Dialect::PhpdotenvLoad, "a a ${LATER} - - - -")]
    #[case::node(Dialect::Node, "b a ${LATER} ${X} ${X} ${ONLYA} b")]
    fn files_see_each_other_as_the_reader_has_it(#[case] dialect: Dialect, #[case] expected: &str) {
        assert_eq!(values(&read(dialect, &[FIRST, SECOND], &Environment::new())), expected);
    }

    #[test]
    fn the_process_stays_above_files_where_the_reader_lets_it() {
        let shell = Environment::from([("X".to_owned(), SecretValue::new("shell"))]);
        let of = |dialect| values(&read(dialect, &["X=a\n", "K1=${X}\n"], &shell));
        assert_eq!(of(Dialect::PythonDotenv), "a - - shell - - -");
        assert_eq!(of(Dialect::Sh), "a - - a - - -");
        assert_eq!(of(Dialect::Symfony), "a - - shell - - -");
    }

    #[test]
    fn every_occurrence_keeps_the_place_in_its_own_file() {
        for dialect in [Dialect::Compose, Dialect::ViteNode22, Dialect::Sh, Dialect::Bun] {
            let read = read(dialect, &["A=1\nX=a", "\u{feff}K1=${X}\nX=b\n"], &Environment::new());
            let places: Vec<_> = read
                .iter()
                .map(|file| {
                    let of = |occurrence: &crate::domain::reading::Occurrence<SecretValue>| {
                        (occurrence.variable.clone(), occurrence.place.position.unwrap().line)
                    };
                    let all = file.occurrences.iter().map(of);
                    all.filter(|(name, _)| name == "X").collect::<Vec<_>>()
                })
                .collect();
            let x = |line| vec![("X".to_owned(), line)];
            assert_eq!(places, [x(2), x(2)], "{dialect:?}");
        }
    }

    #[test]
    fn a_file_that_is_refused_is_refused_among_others() {
        let files: [&[u8]; 2] = [b"X=${A}\n", b"no assignment\n"];
        let read = parse_several(Dialect::Compose, &files, &Environment::new());
        assert!(read[0].is_ok());
        assert_eq!(read[1].as_ref().unwrap_err().position.unwrap().line, 1);
    }
}

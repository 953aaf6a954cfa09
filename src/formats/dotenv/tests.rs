use proptest::{prelude::*, test_runner::TestCaseError};
use rstest::rstest;

use super::*;
use crate::{
    domain::{reading::Yield, secret::SecretValue},
    formats::shell::tests::file,
};

/// What holds of every file in every format: places lie in the file, and one occurrence wins.
pub(in crate::formats) fn hold(contents: &Contents, bytes: &[u8]) -> Result<(), TestCaseError> {
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let places = contents.occurrences.iter().map(|occurrence| &occurrence.place);
    for place in places.chain(contents.problems.iter().map(|problem| &problem.place)) {
        let at = place.position.unwrap();
        prop_assert!(at.line >= 1 && at.line as usize <= lines.len());
        prop_assert!(at.column >= 1);
        prop_assert!(at.column as usize <= lines[at.line as usize - 1].len() + 1);
    }
    for occurrence in contents.occurrences.iter().filter(|occurrence| occurrence.wins) {
        let same = |other: &&_| {
            let other: &crate::domain::reading::Occurrence<SecretValue> = other;
            other.wins && other.variable == occurrence.variable
        };
        prop_assert_eq!(contents.occurrences.iter().filter(same).count(), 1);
        prop_assert!(!occurrence.variable.is_empty());
    }
    Ok(())
}

fn environment() -> Environment {
    [("PARENT".to_owned(), SecretValue::new("from-parent"))].into()
}

#[test]
fn every_dialect_is_found_by_its_name() {
    for dialect in Dialect::ALL {
        assert_eq!(Dialect::from_name(dialect.name()), Some(*dialect));
    }
    assert_eq!(Dialect::from_name("dotenv"), None);
}

#[rstest]
#[case("python-dotenv@1.1.0", Some(Dialect::PythonDotenv11))]
#[case("python-dotenv@0.21", Some(Dialect::PythonDotenv11))]
#[case("python-dotenv@1.2.3", Some(Dialect::PythonDotenv123))]
#[case("python-dotenv@1.2.4", Some(Dialect::PythonDotenv))]
#[case("python-dotenv@1.2", Some(Dialect::PythonDotenv))]
#[case("node@20.11.1", Some(Dialect::Node20))]
#[case("node@22", Some(Dialect::Node))]
#[case("node@26", Some(Dialect::Node))]
#[case("node-dotenv@16", Some(Dialect::NodeDotenv))]
#[case("dotenv-expand@12", Some(Dialect::DotenvExpand))]
#[case("compose@2", Some(Dialect::Compose))]
#[case("systemd@247", Some(Dialect::Systemd252))]
#[case("systemd@257", Some(Dialect::Systemd))]
#[case("node@x", None)]
#[case("node@1.2.3.4", None)]
#[case("node@", None)]
#[case("sh@5", None)]
fn versions_are_found(#[case] name: &str, #[case] dialect: Option<Dialect>) {
    assert_eq!(Dialect::from_name(name), dialect);
}

#[rstest]
#[case::process(ProcessWins::Always, &[
    "python-dotenv", "python-decouple", "django-environ", "uv", "node-dotenv", "dotenvx", "node",
    "node@20", "next", "vite", "bun", "deno", "ruby-dotenv", "dotenvy", "godotenv", "phpdotenv",
    "symfony", "compose-interpolation",
])]
#[case::process_with_a_value(ProcessWins::UnlessEmpty, &["dotenv-expand", "dotenv-expand@1000"])]
#[case::file(ProcessWins::Never, &[
    "compose", "compose@1", "docker-run", "kubectl", "sh", "direnv", "systemd", "environment.d",
    "pam", "make", "foreman",
])]
fn who_wins_is_known(#[case] wins: ProcessWins, #[case] names: &[&str]) {
    for name in names {
        assert_eq!(Dialect::from_name(name).unwrap().process_wins(), wins, "{name}");
    }
}

#[rstest]
#[case::plain(Dialect::PythonDotenv, "A=1\nK = v\n", 2, 5)]
#[case::quoted(Dialect::PythonDotenv, "K='v'\n", 1, 4)]
#[case::carriage_returns(Dialect::PythonDotenv, "A=1\r\nK=v\r\n", 2, 3)]
#[case::byte_order_mark(Dialect::NodeDotenv, "\u{feff}K=v\n", 1, 6)]
#[case::backticks(Dialect::NodeDotenv, "A=1\r\n\r\nexport K=`v`\r\n", 3, 11)]
#[case::colon(Dialect::Compose, "A=1\n\nK: \"v\"\n", 3, 5)]
#[case::literal(Dialect::DockerRun, "  K='v'\n", 1, 5)]
#[case::program(Dialect::Sh, "A=1; K=v\n", 1, 8)]
fn values_have_their_places(
    #[case] dialect: Dialect,
    #[case] text: &str,
    #[case] line: u32,
    #[case] column: u32,
) {
    let contents = parse(dialect, text.as_bytes(), &environment()).unwrap();
    let at = contents.winner("K").unwrap().place.position.unwrap();
    assert_eq!((at.line, at.column), (line, column));
}

#[rstest]
#[case::python(Dialect::PythonDotenv, b"K=v\nA=\xff\n", 2, 3)]
#[case::compose_quote(Dialect::Compose, b"K=v\nA=\"x\n", 2, 3)]
#[case::compose_name(Dialect::Compose, b"K=v\nA!=x\n", 2, 2)]
#[case::compose_reference(Dialect::Compose, b"K=${X\n", 1, 3)]
#[case::docker_space(Dialect::DockerRun, b"K =v\n", 1, 2)]
#[case::docker_nameless(Dialect::DockerRun, b"K=v\n=v\n", 2, 1)]
#[case::shell_exits(Dialect::Sh, b"K=${X:?no}\n", 1, 3)]
fn refusals_have_their_places(
    #[case] dialect: Dialect,
    #[case] bytes: &[u8],
    #[case] line: u32,
    #[case] column: u32,
) {
    let refusal = parse(dialect, bytes, &environment()).unwrap_err();
    let at = refusal.position.unwrap();
    assert_eq!((at.line, at.column), (line, column), "{}", refusal.reason);
}

#[rstest]
#[case(Dialect::DockerRun)]
#[case(Dialect::Compose)]
fn a_bare_name_is_passed_through(#[case] dialect: Dialect) {
    let contents = parse(dialect, b"PARENT=x\nPARENT\nK=v\nK\n", &environment()).unwrap();
    assert_eq!(contents.winner("PARENT").unwrap().yields, Yield::Inherited);
    assert_eq!(contents.winner("K").unwrap().yields, Yield::Value(SecretValue::new("v")));
}

#[test]
fn every_assignment_is_an_occurrence_and_one_wins() {
    for dialect in Dialect::ALL {
        let Ok(contents) = parse(*dialect, b"K=11\nK=22\n", &environment()) else {
            assert_eq!(*dialect, Dialect::Kubectl);
            continue;
        };
        let wins: Vec<bool> =
            contents.occurrences.iter().map(|occurrence| occurrence.wins).collect();
        let should: &[bool] = match dialect {
            Dialect::Uv | Dialect::Deno | Dialect::DotenvyLoad => &[true, false],
            _ => &[false, true],
        };
        assert_eq!(wins, should, "{}", dialect.name());
    }
}

#[test]
fn deeply_nested_references_are_refused_not_followed() {
    let file = format!("K={}{}\n", "${A:-".repeat(20_000), "}".repeat(20_000));
    for dialect in Dialect::ALL {
        let _ = parse(*dialect, file.as_bytes(), &environment());
    }
    assert!(parse(Dialect::Compose, file.as_bytes(), &environment()).is_err());
}

#[test]
fn values_that_double_with_every_line_are_not_followed() {
    let file = format!("A=xxxxxxxx\n{}", "A=${A}${A}\n".repeat(200));
    for dialect in [Dialect::PythonDotenv, Dialect::Compose, Dialect::Godotenv, Dialect::Deno] {
        let refusal = parse(dialect, file.as_bytes(), &Environment::new()).unwrap_err();
        assert!(refusal.reason.contains("4 MiB"), "{}", refusal.reason);
    }
    let contents = parse(Dialect::Sh, file.as_bytes(), &Environment::new()).unwrap();
    assert!(matches!(contents.winner("A").unwrap().yields, Yield::Opaque(_)));
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in file(), dialect in prop::sample::select(Dialect::ALL)) {
        if let Ok(contents) = parse(dialect, &bytes, &environment()) {
            hold(&contents, &bytes)?;
        }
    }
}

/// Lines of random files that the readers and we once read differently.
#[rstest]
#[case::underscore(Dialect::Deno, "A=1\nA_B=2\nK=$A_B\n", "2")]
#[case::no_such_name(Dialect::Deno, "A=1\nK=$A_B,\n", ",")]
#[case::quote_below(Dialect::Bun, "K=\n\n 'v' x\nA=1\n", "v")]
#[case::open_quote_below(Dialect::Bun, "K=\n'v\nA=1\n", "")]
#[case::no_name(Dialect::Bun, "K=a${}b\n", "ab")]
#[case::name_of_the_process(Dialect::Dotenvx, "PARENT='${E}'\nK=w$PARENT$A\n", "wfrom-parent")]
#[case::name_of_the_file(Dialect::Dotenvx, "E='${E}'\nK=w$E$A\n", "w${E}$A")]
#[case::values(Dialect::PythonDotenv, "PARENT=file\nK=${PARENT}\n", "file")]
#[case::load(Dialect::PythonDotenvLoad, "PARENT=file\nK=${PARENT}\n", "from-parent")]
#[case::comment_inside(Dialect::Pam, "K=a\\\n# c\n\n\tb\n", "a\tb")]
#[case::nothing_follows(Dialect::Pam, "K=v\nK=w\\\n \n", "v")]
fn random_files_are_matched(#[case] dialect: Dialect, #[case] text: &str, #[case] value: &str) {
    let contents = parse(dialect, text.as_bytes(), &environment()).unwrap();
    let winner = contents.winner("K").unwrap();
    assert_eq!(winner.yields, Yield::Value(SecretValue::new(value)), "{text:?}");
}

use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::{
    domain::{
        place::Position,
        reading::{OpaqueReason, Origin, Unreadable, UnreadableKind, Yield},
        secret::SecretValue,
    },
    formats::files::{Entry, Missed},
};

fn key(letter: &str) -> String {
    format!("sk-proj-{}T3BlbkFJ{}", letter.repeat(74), letter.repeat(74))
}

/// Files in memory. The text `NULL` is a link to `/dev/null`, `LOCKED` a file nobody may read.
#[derive(Default)]
struct Memory(BTreeMap<String, Vec<u8>>);

impl Memory {
    fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
        Self(files.iter().map(file).collect())
    }
}

impl Files for Memory {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Missed> {
        match self.0.get(path).map(Vec::as_slice) {
            None => Err(Missed::Absent),
            Some(b"NULL") => Err(Missed::Null),
            Some(b"LOCKED") => Err(Missed::Unreadable(locked())),
            Some(bytes) => Ok(bytes.to_vec()),
        }
    }

    fn list(&mut self, path: &str) -> Option<Vec<Entry>> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let names = self.0.keys().filter_map(|file| file.strip_prefix(&prefix)?.split('/').next());
        let mut entries: Vec<_> =
            names.map(|name| Entry { name: name.to_owned(), is_folder: false }).collect();
        entries.dedup();
        (!entries.is_empty()).then_some(entries)
    }
}

fn locked() -> Unreadable {
    Unreadable::new(UnreadableKind::NoPermission, "permission denied")
}

const API: &str = "/etc/systemd/system/api.service";

fn named(unit: &str) -> Request {
    Request { unit: Some(unit.to_owned()), ..Request::default() }
}

fn find(unit: &str, files: &[(&str, &str)]) -> Result<Unit, Failure> {
    resolve(&named(unit), &Machine::default(), &mut Memory::of(files))
}

fn unit(service: &str) -> Unit {
    find("api", &[(API, &format!("[Unit]\nDescription=x\n[Service]\n{service}\n"))]).unwrap()
}

fn winner(unit: &Unit, variable: &str) -> Option<Yield<SecretValue>> {
    unit.contents.winner(variable).map(|found| found.yields.clone())
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what a lookup gives")]
fn value(text: impl Into<Vec<u8>>) -> Option<Yield<SecretValue>> {
    Some(Yield::Value(SecretValue::new(text)))
}

fn has_problem(unit: &Unit, text: &str) -> bool {
    unit.contents.problems.iter().any(|problem| problem.text.contains(text))
}

#[rstest]
#[case::two("Environment=\"A=x y\" B=1", &[("A", "x y"), ("B", "1")])]
#[case::later_wins("Environment=A=1\nEnvironment=A=2", &[("A", "2")])]
#[case::reset("Environment=A=1 B=1\nEnvironment=\nEnvironment=B=2", &[("B", "2")])]
#[case::continued("Environment=A=1 \\\n  # a comment\n\n  B=2", &[("A", "1"), ("B", "2")])]
#[case::crlf("Environment=A=1\r\nEnvironment=B=2\r", &[("A", "1"), ("B", "2")])]
#[case::escaped("Environment=\"A=\\x41\\n\" B=%%", &[("A", "A\n"), ("B", "%")])]
#[case::dollar("Environment=A=$B B=${A}", &[("A", "$B"), ("B", "${A}")])]
#[case::comment("Environment=A=1#x\n;Environment=A=2\n  #Environment=A=3", &[("A", "1#x")])]
#[case::percent("Environment=A=50%", &[("A", "50%")])]
#[case::name("Environment=A=%n", &[("A", "api.service")])]
#[case::empty("Environment=A= B=\"\"", &[("A", ""), ("B", "\"\"")])]
#[case::spaces(" Environment = A=1 ", &[("A", "1")])]
#[case::export("Environment=export A=1", &[("A", "1")])]
fn environment_is_systemds(#[case] service: &str, #[case] expected: &[(&str, &str)]) {
    let unit = unit(service);
    let winners = unit.contents.occurrences.iter().filter(|occurrence| occurrence.wins);
    let mut found: Vec<_> =
        winners.map(|one| (one.variable.clone(), winner(&unit, &one.variable))).collect();
    found.sort_by(|left, right| left.0.cmp(&right.0));
    let unquoted = |text: &str| value(if text == "\"\"" { "" } else { text });
    let expected: Vec<_> =
        expected.iter().map(|(name, text)| ((*name).to_owned(), unquoted(text))).collect();
    assert_eq!(found, expected);
}

#[rstest]
#[case::word("Environment=A=1 b", "no assignment", (4, 17))]
#[case::name("Environment=1A=x", "no assignment", (4, 16))]
#[case::quote("Environment=A=1 B=it's", "rest of this line", (4, 17))]
#[case::escape("Environment=A=1 B=\\$x", "rest of this line", (4, 17))]
#[case::specifier("Environment=A=1 B=%m", "specifier", (4, 17))]
#[case::no_equals("Environment A\nEnvironment=A=1", "no `=`", (4, 1))]
#[case::relative("Environment=A=1\nEnvironmentFile=app.env", "not absolute", (5, 17))]
#[case::pass("Environment=A=1\nPassEnvironment=A-B", "no variable's name", (5, 17))]
fn what_systemd_ignores_is_told(
    #[case] service: &str,
    #[case] text: &str,
    #[case] (line, column): (u32, u32),
) {
    let unit = unit(service);
    let problem = &unit.contents.problems[0];
    assert!(problem.text.contains(text), "{problem:?}");
    assert_eq!(problem.place.to_string(), format!("{API}:{line}:{column}"));
    if !service.contains("1A") {
        assert_eq!(winner(&unit, "A"), value("1"));
    }
}

#[test]
fn a_value_is_found_where_it_stands() {
    let text = format!("[Service]\nEnvironment=A=1 \\\n  \"OPENAI_API_KEY={}\"\n", key("A"));
    let unit = find("api", &[(API, &text)]).unwrap();
    let found = unit.contents.winner("OPENAI_API_KEY").unwrap();
    assert_eq!(found.yields, value(key("A")).unwrap());
    assert_eq!(found.place.position, Some(Position { line: 3, column: 19 }));
    assert_eq!(found.origin, Origin::UnitEnvironment);
    assert_eq!((unit.name.as_str(), unit.elsewhere), ("api.service", false));
}

#[test]
fn an_unknown_specifier_makes_the_value_unknown() {
    let unit = unit("Environment=A=%m");
    assert_eq!(winner(&unit, "A"), Some(Yield::Opaque(OpaqueReason::Reference)));
}

#[test]
fn passing_comes_first_and_unsetting_last() {
    let unit =
        unit("UnsetEnvironment=C D=no E=yes\nPassEnvironment=A B\nEnvironment=B=1 C=1 D=1 E=yes");
    assert_eq!(winner(&unit, "A"), Some(Yield::Inherited));
    assert_eq!(winner(&unit, "B"), value("1"));
    assert_eq!(winner(&unit, "C"), Some(Yield::Unset));
    assert_eq!(winner(&unit, "D"), value("1"));
    assert_eq!(winner(&unit, "E"), Some(Yield::Unset));
}

#[test]
fn other_sections_say_nothing() {
    let text = "Environment=A=0\n[Unit]\nEnvironment=A=1\n[Service]\nEnvironment=B=1\n[Install]\nEnvironment=B=2\n";
    let unit = find("api", &[(API, text)]).unwrap();
    assert_eq!(unit.contents.occurrences.len(), 1);
    let socket = "[Service]\nEnvironment=A=1\n[Socket]\nEnvironment=A=2\n";
    let unit = find("api.socket", &[("/run/systemd/system/api.socket", socket)]).unwrap();
    assert_eq!(winner(&unit, "A"), value("2"));
}

#[test]
fn drop_ins_apply_by_name_and_mask_each_other() {
    let set = |text: &str| format!("[Service]\nEnvironment={text}\n");
    let (base, ten, late, early) =
        (set("A=base B=base"), set("A=ten"), set("A=late"), set("C=early"));
    let files = [
        ("/usr/lib/systemd/system/api.service", base.as_str()),
        ("/etc/systemd/system/api.service.d/10-a.conf", &ten),
        ("/run/systemd/system/api.service.d/05-b.conf", &early),
        ("/usr/lib/systemd/system/api.service.d/10-a.conf", &late),
        ("/usr/lib/systemd/system/api.service.d/20-c.conf", &late),
        ("/etc/systemd/system/api.service.d/20-c.conf", "NULL"),
        ("/etc/systemd/system/api.service.d/notes.txt", &late),
    ];
    let unit = find("api", &files).unwrap();
    assert_eq!(winner(&unit, "A"), value("ten"));
    assert_eq!(winner(&unit, "B"), value("base"));
    assert_eq!(winner(&unit, "C"), value("early"));
}

#[test]
fn instances_take_their_template_and_every_drop_in() {
    let files = [
        ("/usr/lib/systemd/system/my-app@.service", "[Service]\nEnvironment=A=%i B=%p\n"),
        ("/etc/systemd/system/my-app@.service.d/b.conf", "[Service]\nEnvironment=T=1\n"),
        ("/etc/systemd/system/my-.service.d/a.conf", "[Service]\nEnvironment=P=1\n"),
        ("/etc/systemd/system/service.d/c.conf", "[Service]\nEnvironment=S=1\n"),
        ("/etc/systemd/system/my-app@eu.service.d/b.conf", "[Service]\nEnvironment=T=exact\n"),
    ];
    let unit = find("my-app@eu", &files).unwrap();
    for (variable, expected) in
        [("A", "eu"), ("B", "my-app"), ("T", "exact"), ("P", "1"), ("S", "1")]
    {
        assert_eq!(winner(&unit, variable), value(expected), "{variable}");
    }
}

#[test]
fn a_users_unit_is_the_users() {
    let request = Request { scope: Scope::User, ..named("api") };
    let machine = Machine { home: Some("/home/me".into()), ..Machine::default() };
    let mut files = Memory::of(&[
        ("/home/me/.config/systemd/user/api.service", "[Service]\nEnvironment=A=%h\n"),
        ("/etc/systemd/user/api.service", "[Service]\nEnvironment=A=other\n"),
    ]);
    let unit = resolve(&request, &machine, &mut files).unwrap();
    assert_eq!(winner(&unit, "A"), value("/home/me"));
    assert!(unit.elsewhere);
    assert_eq!(Scope::from_name("user"), Some(Scope::User));
}

#[rstest]
#[case::absent(&[], Failure::Absent)]
#[case::masked(&[(API, "NULL")], Failure::Masked { path: API.into() })]
#[case::empty(&[(API, "")], Failure::Masked { path: API.into() })]
#[case::locked(&[(API, "LOCKED")], Failure::Unreadable { path: API.into(), why: locked() })]
#[case::header(&[(API, "[Service]\n[Unit\n")], Failure::Refused {
    path: API.into(),
    refusal: Refusal {
        position: Some(Position { line: 2, column: 1 }),
        reason: "this section header has no closing bracket; systemd stops reading the file here",
    },
})]
fn units_that_do_not_start(#[case] files: &[(&str, &str)], #[case] expected: Failure) {
    assert_eq!(find("api", files).unwrap_err(), expected);
}

#[test]
fn a_broken_drop_in_is_used_as_far_as_it_goes() {
    let mut files = Memory::of(&[(API, "[Service]\nEnvironment=A=1\n")]);
    files.0.insert(
        format!("{API}.d/x.conf"),
        b"[Service]\nEnvironment=A=2\nEnvironment=B=\xff\nEnvironment=A=3\n".to_vec(),
    );
    let unit = resolve(&named("api"), &Machine::default(), &mut files).unwrap();
    assert_eq!(winner(&unit, "A"), value("2"));
    assert!(has_problem(&unit, "UTF-8"));
    assert_eq!(unit.contents.problems[0].place.position, Some(Position { line: 3, column: 15 }));
}

fn files_of(service: &str, others: &[(&str, &str)]) -> Result<Unit, Failure> {
    let text = format!("[Service]\n{service}\n");
    let files: Vec<_> = [(API, text.as_str())].into_iter().chain(others.iter().copied()).collect();
    find("api", &files)
}

#[test]
fn files_go_before_environment_wherever_they_are_named() {
    let unit = files_of(
        "EnvironmentFile=/etc/first.env\nEnvironmentFile=-/etc/none.env\nEnvironmentFile=/etc/d/*.env\nEnvironment=A=unit B=unit C=unit\nUnsetEnvironment=D",
        &[
            ("/etc/first.env", "A=first\nB=first\nD=first\n"),
            ("/etc/d/1.env", "B=1\n"),
            ("/etc/d/2.env", "B=2\n"),
            ("/etc/d/.hidden.env", "B=hidden\n"),
        ],
    )
    .unwrap();
    assert_eq!(winner(&unit, "A"), value("first"));
    assert_eq!(winner(&unit, "B"), value("2"));
    assert_eq!(winner(&unit, "C"), value("unit"));
    assert_eq!(winner(&unit, "D"), Some(Yield::Unset));
    let found = unit.contents.winner("B").unwrap();
    assert_eq!(found.place.to_string(), "/etc/d/2.env:1:3");
    assert_eq!(found.origin, Origin::UnitEnvironmentFile);
}

#[test]
fn an_empty_assignment_forgets_the_files() {
    let unit = files_of("EnvironmentFile=/etc/none.env\nEnvironmentFile=\nEnvironment=A=1", &[]);
    assert_eq!(winner(&unit.unwrap(), "A"), value("1"));
}

#[rstest]
#[case::absent("EnvironmentFile=/etc/none.env", (2, 17))]
#[case::glob("Environment=A=1\nEnvironmentFile=/etc/*.none", (3, 17))]
fn a_file_that_is_needed_keeps_the_unit_from_starting(
    #[case] service: &str,
    #[case] (line, column): (u32, u32),
) {
    let Err(Failure::Refused { path, refusal }) = files_of(service, &[]) else { panic!("refused") };
    assert_eq!(path, API);
    assert_eq!(refusal.position, Some(Position { line, column }));
    assert!(refusal.reason.contains("optional"));
}

#[test]
fn files_that_were_collected_have_a_root_of_their_own() {
    let request = |files: &[&str]| Request {
        files: files.iter().map(|file| (*file).to_owned()).collect(),
        ..Request::default()
    };
    let service = "[Service]\nEnvironment=A=unit\nEnvironmentFile=/etc/app.env\n";
    let mut files = Memory::of(&[
        ("host/usr/lib/systemd/system/api.service", service),
        ("host/etc/systemd/system/api.service.d/x.conf", "[Service]\nEnvironment=B=%n\n"),
        ("host/etc/app.env", "A=file\n"),
        ("deploy/api.service", service),
    ]);
    let both = request(&[
        "host/etc/systemd/system/api.service.d",
        "host/usr/lib/systemd/system/api.service",
    ]);
    let unit = resolve(&both, &Machine::default(), &mut files).unwrap();
    assert_eq!(winner(&unit, "A"), value("file"));
    assert_eq!(winner(&unit, "B"), value("api.service"));
    assert!(!unit.elsewhere);
    let alone = request(&["deploy/api.service"]);
    let unit = resolve(&alone, &Machine::default(), &mut files).unwrap();
    assert_eq!(winner(&unit, "A"), value("unit"));
    assert!(unit.elsewhere && has_problem(&unit, "not read here"));
    let none = request(&["deploy/none.service"]);
    assert_eq!(resolve(&none, &Machine::default(), &mut files), Err(Failure::Absent));
    let drop_ins = request(&["host/etc/systemd/system/api.service.d"]);
    let unit = resolve(&drop_ins, &Machine::default(), &mut files).unwrap();
    assert_eq!(winner(&unit, "B"), value("api.service"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        let mut files = Memory(BTreeMap::from([(API.to_owned(), bytes)]));
        let _ = resolve(&named("api"), &Machine::default(), &mut files);
    }

    #[test]
    fn places_lie_inside(text in "(Environment=|PassEnvironment=|UnsetEnvironment=|A=|b | |\"|'|\\\\|%n|%m|%|#|\r?\n|ü|\\[Service\\]\n|x41)*") {
        let text = format!("[Service]\n{text}");
        let lines: Vec<_> = text.split('\n').collect();
        let Ok(unit) = find("api", &[(API, &text)]) else { return Ok(()) };
        let places = unit.contents.occurrences.iter().map(|one| &one.place);
        for place in places.chain(unit.contents.problems.iter().map(|one| &one.place)) {
            let position = place.position.unwrap();
            prop_assert!(position.line as usize <= lines.len());
            prop_assert!(position.column as usize <= lines[position.line as usize - 1].len() + 1);
        }
    }
}

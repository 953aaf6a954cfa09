use std::collections::BTreeMap;

use rstest::rstest;

use super::*;
use crate::formats::files::Entry;

/// Files by their paths.
struct Tree(BTreeMap<&'static str, &'static str>);

impl Files for Tree {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Missed> {
        self.0.get(path).map(|text| text.as_bytes().to_vec()).ok_or(Missed::Absent)
    }

    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Missed> {
        let below = self.0.keys().filter_map(|file| file.strip_prefix(path)?.strip_prefix('/'));
        let mut names: Vec<_> = below.filter_map(|rest| rest.split('/').next()).collect();
        names.dedup();
        let entry = |name: &str| Entry { name: name.to_owned(), is_folder: false };
        Ok(names.into_iter().map(entry).collect())
    }
}

const MAIN: &str = "/etc/supervisor/supervisord.conf";

fn config(text: &'static str) -> Result<Config, Failure> {
    read(MAIN, "host-1", &mut Tree([(MAIN, text)].into()))
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    let pairs = pairs.iter();
    pairs.map(|(name, value)| ((*name).to_owned(), SecretValue::new(value.as_bytes()))).collect()
}

/// Winner, line and column of a variable.
fn value(program: &Program, name: &str) -> (String, u32, u32) {
    let winner = program.contents.winner(name).unwrap();
    let text = match &winner.yields {
        Yield::Value(value) => String::from_utf8(value.expose().to_vec()).unwrap(),
        other => format!("{other:?}"),
    };
    let at = winner.place.position.unwrap();
    (text, at.line, at.column)
}

#[test]
fn a_program_goes_over_the_section_of_supervisord() {
    let config = config(
        "[supervisord]\nenvironment=KEY=\"shared\",OTHER=x\n\n[program:api]\ncommand=/bin/x ; why\n\
         environment =\n    A=\"1\",  ; a remark\n    KEY='own,one'\n[program:web]\ncommand=x\n",
    )
    .unwrap();
    let programs = config.programs(None, None).unwrap();
    assert_eq!(programs.len(), 2);
    assert_eq!(value(&programs[0], "KEY"), ("own,one".to_owned(), 8, 10));
    assert_eq!(value(&programs[0], "OTHER"), ("x".to_owned(), 2, 32));
    assert_eq!(value(&programs[1], "KEY"), ("shared".to_owned(), 2, 18));
    let occurrences = &programs[0].contents.occurrences;
    assert_eq!(occurrences.iter().filter(|it| it.variable == "KEY").count(), 2);
    assert_eq!(config.programs(Some("web"), None).unwrap().len(), 1);
}

#[test]
fn names_are_replaced_by_what_supervisord_was_started_with() {
    let config = config(
        "[supervisord]\nenvironment=SET=\"own\"\n[program:api]\ncommand=x\nnumprocs=2\n\
         process_name=%(program_name)s_%(process_num)02d\n\
         environment=KEY=\"%(ENV_SECRET)s\",B=\"%(ENV_SET)s-%(host_node_name)s 5%%\",C=%(process_num)d\n",
    )
    .unwrap();
    assert_eq!(config.names(), BTreeSet::from(["SECRET".to_owned(), "SET".to_owned()]));
    let daemon = environment(&[("SECRET", "a'b")]);
    let programs = config.programs(None, Some(&daemon)).unwrap();
    assert_eq!(value(&programs[0], "KEY").0, "a'b");
    assert_eq!(value(&programs[0], "B").0, "own-host-1 5%");
    assert_eq!(value(&programs[0], "C").0, "0");
    assert_eq!(programs[0].processes, ["api_00", "api_01"]);
    assert_eq!(programs[0].target(), "api:*");
    // Without supervisord nobody knows.
    let unknown = config.programs(None, None).unwrap();
    let winner = unknown[0].contents.winner("KEY").unwrap();
    assert_eq!(winner.yields, Yield::Opaque(OpaqueReason::Reference));
    assert_eq!(value(&unknown[0], "B").0, "own-host-1 5%");
    let bare = environment(&[]);
    let Err(Failure::Refused { refusal, .. }) = config.programs(None, Some(&bare)) else {
        panic!("a name that is not defined is refused")
    };
    assert_eq!(refusal.position.map(|at| (at.line, at.column)), Some((7, 18)));
}

#[test]
fn included_files_count_in_their_order_and_groups_name_programs() {
    let files = [
        (
            MAIN,
            "[supervisord]\npidfile=%(here)s/s.pid\n[include]\nfiles = conf.d/*.conf /srv/x.ini none*",
        ),
        ("/etc/supervisor/conf.d/b.conf", "[program:api]\ncommand=y\nenvironment=KEY=b\n"),
        ("/etc/supervisor/conf.d/a.conf", "[program:api]\ncommand=x\nenvironment=KEY=a\n"),
        ("/etc/supervisor/conf.d/c.txt", "[program:c]\ncommand=x\n"),
        ("/srv/x.ini", "[group:all]\nprograms=web, api\n[program:web]\ncommand=%(here)s/x\n"),
    ];
    let config = read(MAIN, "", &mut Tree(files.into())).unwrap();
    assert_eq!(config.pid_file().as_deref(), Some("/etc/supervisor/s.pid"));
    let programs = config.programs(None, None).unwrap();
    let names: Vec<_> = programs.iter().map(|it| (it.name.as_str(), it.target())).collect();
    assert_eq!(names, [("api", "all:api".to_owned()), ("web", "all:web".to_owned())]);
    assert_eq!(value(&programs[0], "KEY"), ("b".to_owned(), 3, 17));
    assert_eq!(programs[0].path, "/etc/supervisor/conf.d/b.conf");
}

#[rstest]
#[case::no_section("[program:a]\ncommand=x\n", None)]
#[case::no_header("a=b\n", Some(1))]
#[case::no_option("[supervisord]\nnodaemon\n", Some(2))]
#[case::lone_percent("[supervisord]\nenvironment=A=\"5%\"\n[program:a]\ncommand=x\n", Some(2))]
#[case::open_quote("[supervisord]\n[program:a]\ncommand=x\nenvironment=A=\"b\n", Some(4))]
#[case::bare_equals("[supervisord]\n[program:a]\ncommand=x\nenvironment=A=b=c\n", Some(4))]
#[case::no_value("[supervisord]\n[program:a]\ncommand=x\nenvironment=A=\n", Some(4))]
#[case::no_command("[supervisord]\n[program:a]\n", None)]
#[case::no_files("[supervisord]\n[include]\n", None)]
fn what_supervisord_refuses_is_refused(#[case] text: &'static str, #[case] line: Option<u32>) {
    let failure = config(text).and_then(|config| config.programs(None, None)).unwrap_err();
    let Failure::Refused { path, refusal } = failure else { panic!("{failure:?}") };
    assert_eq!(path, MAIN);
    assert_eq!(refusal.position.map(|at| at.line), line);
}

#[test]
fn what_is_not_there_is_absent() {
    let mut none = Tree(BTreeMap::new());
    assert_eq!(read(MAIN, "", &mut none).map(|_| ()), Err(Failure::Absent));
}

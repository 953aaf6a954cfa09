use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::domain::{
    reading::{OpaqueReason, Origin, UnreadableKind, Yield},
    secret::SecretValue,
};

/// Files in memory; an empty path part stands for nothing.
struct Folder(BTreeMap<String, Vec<u8>>);

impl Files for Folder {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Unreadable> {
        let bytes = self.0.get(path).filter(|bytes| bytes.as_slice() != b"no permission");
        let why = || Unreadable::new(UnreadableKind::NoPermission, "may not be read");
        bytes.cloned().ok_or_else(why)
    }

    fn exists(&mut self, path: &str) -> bool {
        self.0.contains_key(path)
    }
}

fn folder(files: &[(&str, &str)]) -> Folder {
    Folder(
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect(),
    )
}

fn shell(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), SecretValue::new(*value))).collect()
}

fn resolved(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Project, Failure> {
    resolve(&Request::default(), &shell(variables), &mut folder(files))
}

/// `place value origin`, a star before the winner.
fn told(project: &Project, service: &str, variable: &str) -> Vec<String> {
    let contents = &project.service(service).unwrap().contents;
    let occurrences = contents.occurrences.iter().filter(|o| o.variable == variable);
    occurrences
        .map(|occurrence| {
            let value = match &occurrence.yields {
                Yield::Value(value) => String::from_utf8_lossy(value.expose()).into_owned(),
                Yield::Unset => "unset".to_owned(),
                other => format!("{other:?}"),
            };
            let origin = match occurrence.origin {
                Origin::ComposeEnvironment => "environment",
                Origin::ComposeEnvFile => "env_file",
                Origin::ComposeDotenv => "dotenv",
                Origin::ShellEnvironment => "shell",
                _ => "other",
            };
            let star = if occurrence.wins { "*" } else { "" };
            format!("{star}{} {value} {origin}", occurrence.place)
        })
        .collect()
}

const API: &str = "services:\n  api:\n    image: x\n";

#[test]
fn environment_wins_over_env_files_and_every_loser_is_told() {
    let compose = format!(
        "{API}    env_file: [a.env, b.env]\n    environment:\n      KEY: \"from-compose\"\n"
    );
    let files =
        [("compose.yaml", compose.as_str()), ("a.env", "# a\nKEY=from-a\n"), ("b.env", "KEY='b'")];
    let project = resolved(&files, &[]).unwrap();
    assert_eq!(
        told(&project, "api", "KEY"),
        [
            "a.env:2:5 from-a env_file",
            "b.env:1:6 b env_file",
            "*compose.yaml:6:13 from-compose environment",
        ]
    );
    assert_eq!(project.files, ["a.env", "b.env", "compose.yaml"]);
    assert!(project.absent.contains(&".env".to_owned()));
}

#[test]
fn an_interpolated_value_names_the_shell_and_the_dotenv_line() {
    let compose = format!("{API}    environment:\n      - KEY=${{SOURCE:-none}}\n");
    let files = [("compose.yaml", compose.as_str()), (".env", "OTHER=1\nSOURCE=dot\n")];
    let project = resolved(&files, &[("SOURCE", "shell")]).unwrap();
    assert_eq!(
        told(&project, "api", "KEY"),
        ["*compose.yaml:5:13 shell environment", "- shell shell", ".env:2:8 dot dotenv"]
    );
    let project = resolved(&files, &[]).unwrap();
    assert_eq!(
        told(&project, "api", "KEY"),
        ["*compose.yaml:5:13 dot environment", ".env:2:8 dot dotenv"]
    );
}

#[rstest]
#[case::map("      KEY:\n", "compose.yaml:6:7")]
#[case::map_null("      KEY: ~\n", "compose.yaml:6:12")]
#[case::list("      - KEY\n", "compose.yaml:6:9")]
fn a_name_alone_removes_what_the_env_file_gives(#[case] entry: &str, #[case] place: &str) {
    let compose = format!("{API}    env_file: a.env\n    environment:\n{entry}");
    let files = [("compose.yaml", compose.as_str()), ("a.env", "KEY=a\n")];
    let project = resolved(&files, &[]).unwrap();
    let expected = ["a.env:1:5 a env_file".to_owned(), format!("*{place} unset environment")];
    assert_eq!(told(&project, "api", "KEY"), expected);
    let project = resolved(&files, &[("KEY", "shell")]).unwrap();
    let expected = [
        "a.env:1:5 a env_file".to_owned(),
        format!("*{place} shell environment"),
        "- shell shell".to_owned(),
    ];
    assert_eq!(told(&project, "api", "KEY"), expected);
}

#[test]
fn override_files_tell_what_they_replace() {
    let base = format!("{API}    environment: {{KEY: base, GONE: base, KEPT: base}}\n");
    let over = "services:\n  api:\n    environment:\n      KEY: over\n      GONE: !reset null\n";
    let files = [("compose.yaml", base.as_str()), ("compose.override.yaml", over)];
    let project = resolved(&files, &[]).unwrap();
    assert_eq!(
        told(&project, "api", "KEY"),
        ["compose.yaml:4:24 base environment", "*compose.override.yaml:4:12 over environment"]
    );
    assert_eq!(told(&project, "api", "GONE"), ["compose.yaml:4:36 base environment"]);
    assert_eq!(told(&project, "api", "KEPT"), ["*compose.yaml:4:48 base environment"]);
}

#[test]
fn an_override_block_replaces_the_whole() {
    let base = format!("{API}    environment: {{KEY: base, OTHER: base}}\n");
    let over = "services:\n  api:\n    environment: !override\n      KEY: over\n";
    let files = [("compose.yaml", base.as_str()), ("compose.override.yml", over)];
    let project = resolved(&files, &[]).unwrap();
    let winners =
        project.service("api").unwrap().contents.occurrences.iter().filter(|o| o.wins).count();
    assert_eq!(winners, 1);
    assert_eq!(told(&project, "api", "OTHER"), ["compose.yaml:4:37 base environment"]);
}

#[test]
fn anchors_are_told_where_the_value_stands() {
    let compose = "x-env: &env\n  KEY: anchored\nservices:\n  api:\n    image: x\n    environment:\n      <<: *env\n";
    let project = resolved(&[("compose.yaml", compose)], &[]).unwrap();
    assert_eq!(told(&project, "api", "KEY"), ["*compose.yaml:2:8 anchored environment"]);
}

#[test]
fn extends_of_another_file_counts_paths_from_there() {
    let main = "services:\n  api:\n    extends: {file: sub/base.yaml, service: base}\n";
    let base = "services:\n  root:\n    image: x\n    env_file: base.env\n  base:\n    extends: root\n    environment: [\"KEY=${V}\"]\n";
    let files = [
        ("compose.yaml", main),
        ("sub/base.yaml", base),
        ("sub/base.env", "FILE=f\n"),
        (".env", "V=top\n"),
        ("sub/.env", "V=sub\n"),
    ];
    let project = resolved(&files, &[]).unwrap();
    assert_eq!(told(&project, "api", "FILE"), ["*sub/base.env:1:6 f env_file"]);
    assert_eq!(
        told(&project, "api", "KEY"),
        ["*sub/base.yaml:7:24 top environment", ".env:1:3 top dotenv"]
    );
}

#[test]
fn an_included_project_has_its_own_dotenv_below_ours() {
    let main = "include: [sub/compose.yaml]\nservices: {api: {image: x}}\n";
    let sub = "services:\n  job:\n    image: y\n    env_file: job.env\n    environment:\n      A: ${A}\n      B: ${B}\n";
    let files = [
        ("compose.yaml", main),
        ("sub/compose.yaml", sub),
        ("sub/job.env", "C=c\n"),
        (".env", "A=top\n"),
        ("sub/.env", "A=sub\nB=sub\n"),
    ];
    let project = resolved(&files, &[]).unwrap();
    assert_eq!(
        told(&project, "job", "A"),
        [
            "*sub/compose.yaml:6:10 top environment",
            ".env:1:3 top dotenv",
            "sub/.env:1:3 sub dotenv"
        ]
    );
    assert_eq!(
        told(&project, "job", "B"),
        ["*sub/compose.yaml:7:10 sub environment", "sub/.env:2:3 sub dotenv"]
    );
    assert_eq!(told(&project, "job", "C"), ["*sub/job.env:1:3 c env_file"]);
}

#[test]
fn raw_env_files_keep_quotes_and_dollars() {
    let compose = format!(
        "{API}    env_file:\n      - {{path: a.env, format: raw}}\n      - path: no.env\n        required: false\n"
    );
    let files = [("compose.yaml", compose.as_str()), ("a.env", "KEY=\"$V\"\nPASSED\n")];
    let project = resolved(&files, &[("V", "v"), ("PASSED", "shell")]).unwrap();
    assert_eq!(told(&project, "api", "KEY"), ["*a.env:1:5 \"$V\" env_file"]);
    let passed = told(&project, "api", "PASSED");
    assert_eq!(passed, ["*a.env:2:1 shell env_file", "- shell shell"]);
    assert!(project.absent.contains(&"no.env".to_owned()));
}

#[rstest]
#[case::nothing(&[], &[], &["api"])]
#[case::flag(&["debug"], &[], &["api", "dbg"])]
#[case::all(&["*"], &[], &["api", "dbg"])]
#[case::variable(&[], &[("COMPOSE_PROFILES", "x, debug")], &["api", "dbg"])]
fn profiles_choose_services(
    #[case] profiles: &[&str],
    #[case] variables: &[(&str, &str)],
    #[case] expected: &[&str],
) {
    let compose = format!("{API}  dbg: {{image: y, profiles: [debug], env_file: no.env}}\n");
    let files = [("compose.yaml", compose.as_str()), ("no.env", "")];
    let profiles = profiles.iter().map(|profile| (*profile).to_owned()).collect();
    let request = Request { profiles, ..Request::default() };
    let project = resolve(&request, &shell(variables), &mut folder(&files)).unwrap();
    let names: Vec<_> = project.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, expected);
}

#[test]
fn a_named_service_is_given_whatever_its_profiles() {
    let compose = format!("{API}  dbg: {{image: y, profiles: [debug]}}\n");
    let files = [("compose.yaml", compose.as_str())];
    let of = |service: &str| {
        let request = Request { service: Some(service.to_owned()), ..Request::default() };
        resolve(&request, &Environment::new(), &mut folder(&files))
    };
    assert_eq!(of("dbg").unwrap().services.len(), 1);
    assert!(matches!(of("nobody"), Err(Failure::Refused { path: None, .. })));
}

#[test]
fn the_project_has_a_name() {
    let of = |head: &str, path: &str| {
        let compose =
            format!("{head}{API}    environment: [\"NAME=${{COMPOSE_PROJECT_NAME:?}}\"]\n");
        let request = Request { files: vec![path.to_owned()], ..Request::default() };
        let files = [(path, compose.as_str())];
        let project = resolve(&request, &Environment::new(), &mut folder(&files)).unwrap();
        project.services[0].contents.winner("NAME").unwrap().yields.clone()
    };
    assert_eq!(of("", "My.App/compose.yaml"), Yield::Value(SecretValue::new("myapp")));
    assert_eq!(of("name: other\n", "app/compose.yaml"), Yield::Value(SecretValue::new("other")));
}

#[test]
fn discovery_looks_above_and_beside() {
    let compose = format!("{API}    environment: {{KEY: \"${{V}}\"}}\n");
    let files = [("app/compose.yml", compose.as_str()), ("app/.env", "V=beside\n")];
    let request = Request { folder: "app/src/deep".to_owned(), ..Request::default() };
    let project = resolve(&request, &Environment::new(), &mut folder(&files)).unwrap();
    assert_eq!(told(&project, "api", "KEY")[0], "*app/compose.yml:4:25 beside environment");
}

#[rstest]
#[case::no_file(&[], None, None)]
#[case::no_yaml(&[("compose.yaml", "a: b: c\n")], Some("compose.yaml"), Some(1))]
#[case::duplicate(&[("compose.yaml", "services:\n  a: {image: x}\n  a: {image: y}\n")], Some("compose.yaml"), Some(3))]
#[case::two_merge_keys(&[("compose.yaml", "services:\n  a:\n    <<: {image: x}\n    <<: {tty: true}\n")], Some("compose.yaml"), Some(4))]
#[case::required_elsewhere(&[("compose.yaml", "x-a: 1\nx-b:\n  - ${NO:?tell}\nservices: {}\n")], Some("compose.yaml"), Some(3))]
#[case::number_as_key(&[("compose.yaml", "services:\n  a:\n    image: x\n    environment:\n      1: x\n")], Some("compose.yaml"), Some(5))]
#[case::missing_env_file(&[("compose.yaml", "services:\n  a:\n    image: x\n    env_file: no.env\n")], Some("compose.yaml"), Some(4))]
#[case::bad_env_file(&[("compose.yaml", "services: {a: {image: x, env_file: a.env}}\n"), ("a.env", "A=1\nB='x\n")], Some("a.env"), Some(2))]
#[case::no_image(&[("compose.yaml", "services:\n  a:\n    tty: true\n")], Some("compose.yaml"), Some(2))]
#[case::circular_extends(&[("compose.yaml", "services:\n  a: {extends: b}\n  b: {extends: a}\n")], Some("compose.yaml"), Some(2))]
#[case::circular_include(&[("compose.yaml", "include: [b.yaml]\n"), ("b.yaml", "include:\n  - compose.yaml\n")], Some("b.yaml"), Some(2))]
#[case::remote(&[("compose.yaml", "include:\n  - https://example.com/a.yaml\n")], Some("compose.yaml"), Some(2))]
fn what_compose_refuses(
    #[case] files: &[(&str, &str)],
    #[case] expected_path: Option<&str>,
    #[case] line: Option<u32>,
) {
    match resolved(files, &[]).unwrap_err() {
        Failure::Refused { path, refusal } => {
            assert_eq!(path.as_deref(), expected_path, "{refusal:?}");
            assert_eq!(refusal.position.map(|position| position.line), line, "{refusal:?}");
        }
        Failure::Unreadable { path, .. } => panic!("{path} is unreadable"),
    }
}

#[test]
fn an_unreadable_file_is_named() {
    let failure = resolved(&[("compose.yaml", "no permission")], &[]).unwrap_err();
    assert!(matches!(failure, Failure::Unreadable { path, .. } if path == "compose.yaml"));
}

#[test]
fn what_a_person_should_know() {
    let compose = format!("{API}    enviroment: {{}}\n    environment:\n      KEY: ${{NO}}\n");
    let project = resolved(&[("compose.yaml", compose.as_str())], &[]).unwrap();
    let places: Vec<_> = project
        .service("api")
        .unwrap()
        .contents
        .problems
        .iter()
        .map(|p| p.place.to_string())
        .collect();
    assert_eq!(places, ["compose.yaml:4:5", "compose.yaml:6:12"]);
}

#[test]
fn includes_of_includes_end() {
    let mut files: Vec<(String, String)> = (0..30)
        .map(|level| {
            let next = level + 1;
            (format!("f{level}.yaml"), format!("include: [f{next}.yaml, ./f{next}.yaml]\n"))
        })
        .collect();
    files.push(("f30.yaml".to_owned(), "services: {a: {image: x}}\n".to_owned()));
    let request = Request { files: vec!["f0.yaml".to_owned()], ..Request::default() };
    let bytes = files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    let failure = resolve(&request, &Environment::new(), &mut Folder(bytes)).unwrap_err();
    assert!(matches!(failure, Failure::Refused { refusal, .. } if refusal.position.is_none()));
}

#[test]
fn long_chains_of_extends_end() {
    let services: String = (0..2_000)
        .map(|index| format!("  s{index}: {{image: x, extends: s{}}}\n", index + 1))
        .collect();
    let compose = format!("services:\n{services}  s2000: {{image: x}}\n");
    assert!(resolved(&[("compose.yaml", compose.as_str())], &[]).is_err());
}

#[rstest]
#[case::extended("  s{}: {image: x, extends: base}\n")]
#[case::passed_through("  s{}: {image: x, environment: [BIG]}\n")]
#[case::env_file("  s{}: {image: x, env_file: .env}\n")]
#[case::explained("  s{}: {image: x, environment: [\"A=${BIG:+x}\"]}\n")]
fn one_large_value_cannot_fill_the_memory(#[case] service: &str) {
    let large = "x".repeat(200_000);
    let services: String =
        (0..2_000).map(|index| service.replace("{}", &index.to_string())).collect();
    let compose = format!(
        "services:\n  base:\n    image: x\n    environment:\n      LARGE: {large}\n{services}"
    );
    let env = format!("BIG={large}\n");
    let files = [("compose.yaml", compose.as_str()), (".env", env.as_str())];
    let failure = resolved(&files, &[]).unwrap_err();
    assert!(matches!(failure, Failure::Refused { refusal, .. } if refusal.reason == TOO_LARGE));
}

proptest! {
    #[test]
    fn any_bytes_are_resolved_without_panic(compose: Vec<u8>, env: Vec<u8>) {
        let files = BTreeMap::from([("compose.yaml".to_owned(), compose), (".env".to_owned(), env)]);
        let _ = resolve(&Request::default(), &Environment::new(), &mut Folder(files));
    }

    #[test]
    fn places_lie_inside_and_one_occurrence_wins(
        lines in proptest::collection::vec(
            "      (- )?(KEY|\"KEY|V|<<)(: |=| =|:)?(\\$\\{V(:-|:\\?)?\\}|x|\"|'|\\*a|!reset|\\[|>\n        x|~|012)?(\r)?\n",
            0..6,
        ),
        list: bool,
    ) {
        let marker = if list { "      - FIRST=ü\n" } else { "      FIRST: &a ü\n" };
        let body: String = lines.concat();
        let compose = format!("{API}    env_file: [a.env]\n    environment:\n{marker}{body}");
        let files = [("compose.yaml", compose.as_str()), ("a.env", "KEY=file\nV=${V}\n")];
        match resolved(&files, &[("V", "shell")]) {
            Ok(project) => {
                let occurrences = &project.service("api").unwrap().contents.occurrences;
                for occurrence in occurrences {
                    let winners = occurrences
                        .iter()
                        .filter(|other| other.variable == occurrence.variable && other.wins);
                    prop_assert!(winners.count() <= 1);
                    let Some(position) = occurrence.place.position else { continue };
                    let path = occurrence.place.path.as_deref();
                    let (_, text) = files.iter().find(|(name, _)| Some(*name) == path).unwrap();
                    let line = text.split('\n').nth(position.line as usize - 1);
                    prop_assert!(position.column as usize <= line.unwrap().len() + 1);
                }
            }
            Err(Failure::Refused { refusal, .. }) => {
                if let Some(position) = refusal.position {
                    prop_assert!((position.line as usize) <= compose.split('\n').count());
                }
            }
            Err(Failure::Unreadable { path, .. }) => prop_assert!(false, "{path}"),
        }
    }
}

/// `variable value` of the winner, its place and its origin's path; problems and traps behind it.
fn mounted(project: &Project, service: &str, variable: &str) -> (String, String, Vec<String>) {
    let contents = &project.service(service).unwrap().contents;
    let winner = contents.winner(variable).unwrap();
    let value = match &winner.yields {
        Yield::Value(value) => String::from_utf8_lossy(value.expose()).into_owned(),
        other => format!("{other:?}"),
    };
    let Origin::ComposeMount(path) = &winner.origin else { panic!("{:?}", winner.origin) };
    let traps = contents.traps.iter().filter(|(of, _)| of.as_deref() == Some(variable));
    let traps = traps.map(|(_, trapped)| trapped.trap.name().to_owned()).collect();
    (format!("{} {value}", winner.place), path.clone(), traps)
}

#[rstest]
#[case::file("file: ./keys/one.txt", "keys/one.txt:1:1 from-file", &["trailing-newline"])]
#[case::environment("environment: SOURCE", "compose.yaml:7:18 from-dotenv", &[])]
#[case::external("external: true", "compose.yaml:7:5 Opaque(Elsewhere)", &[])]
#[case::absent("file: ./keys/none", "compose.yaml:7:5 Unset", &[])]
#[case::not_set("environment: NOTHING", "compose.yaml:7:18 Unset", &[])]
fn a_secret_is_a_value_of_its_service(
    #[case] source: &str,
    #[case] told: &str,
    #[case] traps: &[&str],
) {
    let compose =
        format!("{API}    secrets: [openai_api_key]\nsecrets:\n  openai_api_key:\n    {source}\n");
    let files = [
        ("compose.yaml", compose.as_str()),
        ("keys/one.txt", "from-file\n"),
        (".env", "SOURCE=from-dotenv\n"),
    ];
    let project = resolved(&files, &[]).unwrap();
    let (found, path, noted) = mounted(&project, "api", "OPENAI_API_KEY");
    assert_eq!(found, told);
    assert_eq!(path, "/run/secrets/openai_api_key");
    assert_eq!(noted, traps);
}

#[test]
fn a_variable_tells_which_file_holds_the_value() {
    let compose = format!(
        "{API}    environment: {{OPENAI_API_KEY_FILE: /etc/keys/a, OTHER_FILE: /data/x}}\n    \
         secrets:\n      - {{source: one, target: /etc/keys/a}}\n      - two\n    configs:\n      \
         - source: three\n        target: /etc/openai.key\nsecrets: {{one: {{file: a}}, two: {{file: \
         b}}}}\nconfigs: {{three: {{content: \"${{X}}-$$5\"}}}}\n"
    );
    let files = [("compose.yaml", compose.as_str()), ("a", "key"), ("b", "second")];
    let project = resolved(&files, &[("X", "x")]).unwrap();
    let (found, path, _) = mounted(&project, "api", "OPENAI_API_KEY");
    assert_eq!((found.as_str(), path.as_str()), ("a:1:1 key", "/etc/keys/a"));
    let contents = &project.service("api").unwrap().contents;
    let other = contents.winner("OTHER").unwrap();
    assert_eq!(other.yields, Yield::Opaque(OpaqueReason::Reference), "a file of the image");
    assert!(contents.winner("ONE").is_none(), "its path has another name");
    let (found, path, _) = mounted(&project, "api", "OPENAI");
    assert_eq!((found.as_str(), path.as_str()), ("compose.yaml:12:29 x-$5", "/etc/openai.key"));
    assert_eq!(mounted(&project, "api", "TWO").1, "/run/secrets/two");
}

#[test]
fn a_variable_of_the_service_stays_above_a_secret() {
    let compose = format!(
        "{API}    environment: {{KEY: direct}}\n    secrets: [key]\nsecrets: {{key: {{file: a}}}}\n"
    );
    let files = [("compose.yaml", compose.as_str()), ("a", "mounted")];
    let project = resolved(&files, &[]).unwrap();
    assert_eq!(
        told(&project, "api", "KEY"),
        ["*compose.yaml:4:24 direct environment", "a:1:1 mounted other"]
    );
}

#[test]
fn secrets_of_names_that_nobody_asks_for_are_not_opened() {
    let compose = format!(
        "{API}    secrets: [cert, key]\nsecrets: {{cert: {{file: c}}, key: {{file: a}}}}\n"
    );
    let files = [("compose.yaml", compose.as_str()), ("a", "v"), ("c", "no permission")];
    let request = Request { variables: vec!["KEY".to_owned()], ..Request::default() };
    let project = resolve(&request, &Environment::new(), &mut folder(&files)).unwrap();
    assert_eq!(project.files, ["a", "compose.yaml"]);
    assert!(project.service("api").unwrap().contents.problems.len() == 1, "how it is reached");
}

#[rstest]
#[case::undefined("    secrets: [none]\n", UNDEFINED_SECRET, "compose.yaml:4:15")]
#[case::two(
    "    secrets: [a]\nsecrets:\n  a: {file: x, environment: Y}\n",
    TWO_SOURCES,
    "compose.yaml:6:16"
)]
#[case::no_list("    secrets: {a: b}\n", "lists of names", "compose.yaml:4:14")]
#[case::no_map("secrets: [a]\n", "mappings of names", "compose.yaml:4:10")]
fn broken_secrets_are_refused_at_their_place(
    #[case] more: &str,
    #[case] reason: &str,
    #[case] place: &str,
) {
    let compose = format!("{API}{more}");
    let Err(Failure::Refused { path, refusal }) = resolved(&[("compose.yaml", &compose)], &[])
    else {
        panic!("refused")
    };
    assert!(refusal.reason.contains(reason), "{}", refusal.reason);
    let at = refusal.position.unwrap();
    assert_eq!(format!("{}:{}:{}", path.unwrap(), at.line, at.column), place);
}

const UNDEFINED_SECRET: &str = "defines no secret or config";
const TWO_SOURCES: &str = "exclude each other";

#[test]
fn later_files_and_included_ones_bring_secrets_too() {
    let base = format!(
        "{API}    secrets: [key]\nsecrets: {{key: {{file: a}}}}\ninclude: [sub/compose.yaml]\n"
    );
    let over = "secrets: {key: {file: b}}\n";
    let sub = "services: {db: {image: x, secrets: [word]}}\nsecrets: {word: {file: w}}\n";
    let files = [
        ("compose.yaml", base.as_str()),
        ("compose.override.yaml", over),
        ("sub/compose.yaml", sub),
        ("b", "second"),
        ("sub/w", "word"),
    ];
    let project = resolved(&files, &[]).unwrap();
    assert_eq!(mounted(&project, "api", "KEY").0, "b:1:1 second");
    assert_eq!(mounted(&project, "db", "WORD").0, "sub/w:1:1 word");
}

/// `trap place` of one variable and of the file.
fn traps_of(project: &Project, service: &str, variable: &str) -> Vec<String> {
    let contents = &project.service(service).unwrap().contents;
    let is_own = |of: &Option<String>| of.as_deref().is_none_or(|of| of == variable);
    let traps = contents.traps.iter().filter(|(of, _)| is_own(of));
    traps.map(|(_, found)| format!("{} {}", found.trap.name(), found.place)).collect()
}

#[rstest]
#[case::octal("KEY: 012", &["yaml-retyped compose.yaml:5:12"])]
#[case::exponent("KEY: 1e5", &["yaml-retyped compose.yaml:5:12"])]
#[case::null("KEY: null", &["bare-name-passthrough compose.yaml:5:12", "yaml-retyped compose.yaml:5:12"])]
#[case::bare("KEY:", &["bare-name-passthrough compose.yaml:5:7"])]
#[case::bare_item("- KEY", &["bare-name-passthrough compose.yaml:5:9"])]
#[case::same_number("KEY: 12", &[])]
#[case::word("KEY: yes", &[])]
#[case::quoted("KEY: '012'", &[])]
#[case::block("KEY: |\n        text\n", &["yaml-block-newline compose.yaml:6:9"])]
#[case::chomped("KEY: |-\n        text\n", &[])]
#[case::blank("KEY: a${NOTHING}", &["interpolation-empty compose.yaml:5:12"])]
#[case::believed("KEY: own", &["wrong-precedence-belief compose.yaml:5:12"])]
fn what_yaml_and_compose_do_to_a_value_is_a_trap(#[case] entry: &str, #[case] traps: &[&str]) {
    let compose = format!("{API}    environment:\n      {entry}\n");
    let shell: &[(&str, &str)] = if entry.ends_with("own") { &[("KEY", "shell")] } else { &[] };
    let project = resolved(&[("compose.yaml", compose.as_str())], shell).unwrap();
    assert_eq!(traps_of(&project, "api", "KEY"), traps);
}

#[test]
fn a_date_is_refused_and_what_newer_versions_do_is_told() {
    let compose = format!("{API}    environment: {{A: 2024-01-01}}\n");
    let refused = resolved(&[("compose.yaml", compose.as_str())], &[]).unwrap_err();
    assert!(format!("{refused:?}").contains("newer versions"), "{refused:?}");
}

#[test]
fn an_env_file_shows_its_traps_and_sees_those_above_it() {
    let compose = format!("{API}    env_file: [a.env, {{path: b.env, format: raw}}, c.env]\n");
    let files = [
        ("compose.yaml", compose.as_str()),
        ("a.env", "FIRST=1\n"),
        ("b.env", "RAW=\"r\"\n"),
        ("c.env", "FIRST_AGAIN=${FIRST}-${RAW}\nKEY=a$NOTHING\n"),
    ];
    let request = Request { variables: vec!["KEY".to_owned()], ..Request::default() };
    let project = resolve(&request, &Environment::new(), &mut folder(&files)).unwrap();
    assert_eq!(told(&project, "api", "FIRST_AGAIN"), ["*c.env:1:13 1-\"r\" env_file"]);
    assert_eq!(
        traps_of(&project, "api", "KEY"),
        ["dollar-eaten c.env:2:5", "interpolation-empty c.env:2:5"]
    );
}

#[test]
fn an_override_file_beside_a_named_one_is_told() {
    let files = [("compose.yaml", API), ("compose.override.yaml", API)];
    let request = Request { files: vec!["compose.yaml".to_owned()], ..Request::default() };
    let project = resolve(&request, &Environment::new(), &mut folder(&files)).unwrap();
    assert_eq!(project.problems.len(), 1);
    assert_eq!(project.problems[0].text, OVERRIDE_IGNORED);
    assert_eq!(project.problems[0].place.to_string(), "compose.override.yaml");
    assert!(resolved(&files, &[]).unwrap().problems.is_empty());
}

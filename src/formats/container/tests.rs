//! What the engines print, recorded: Docker 20.10 and Podman 4.3.

use rstest::rstest;

use super::*;

const DOCKER: &str = include_str!("../../../tests/fixtures/containers/docker-20.10.json");
const PODMAN: &str = include_str!("../../../tests/fixtures/containers/podman-4.3.json");

fn only(printed: &str, engine: Engine) -> Container {
    let is_wanted = |name: &str| name == "OPENAI_API_KEY";
    let mut all = inspected(printed.as_bytes(), engine, &is_wanted).expect("containers");
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn values(container: &Container) -> Vec<(&str, &[u8])> {
    container
        .contents
        .occurrences
        .iter()
        .map(|occurrence| match &occurrence.yields {
            Yield::Value(value) => (occurrence.variable.as_str(), value.expose()),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn docker_tells_all_of_a_compose_container() {
    let container = only(DOCKER, Engine::Docker);
    assert_eq!(values(&container), [("OPENAI_API_KEY", &b"@KEY@"[..])]);
    let facts = &container.facts;
    assert_eq!((facts.name.as_str(), facts.image.as_str()), ("proj-api-1", "shop/api:1.4"));
    assert_eq!((facts.state.as_str(), facts.runs, facts.id.len()), ("running", true, 64));
    let created = facts.created_at.expect("a time");
    let started = container.started_at.expect("a time");
    assert!(created < started, "{created} {started}");
    assert_eq!(container.pid, Some(4_194_305));
    assert_eq!(container.mounts, [("/srv/proj/.env".to_owned(), "/app/.env".to_owned())]);
    let labels = facts.compose.as_ref().expect("labels");
    assert_eq!((labels.project.as_str(), labels.service.as_str()), ("proj", "api"));
    assert_eq!(labels.files, ["/srv/proj/compose.yaml"]);
    assert_eq!((labels.folder.as_deref(), labels.number), (Some("/srv/proj"), Some(1)));
    assert!(!container.is_one_off && !labels.by_podman_compose);
}

#[test]
fn podman_tells_the_same_in_its_own_form() {
    let container = only(PODMAN, Engine::Podman);
    assert_eq!(values(&container), [("OPENAI_API_KEY", &b"@KEY@"[..])]);
    let facts = &container.facts;
    assert_eq!((facts.name.as_str(), facts.image.as_str()), ("api-1", "localhost/kp:latest"));
    assert!(facts.created_at.is_some() && facts.runs && facts.compose.is_none());
    assert_eq!(container.mounts, [("/srv/proj/.env".to_owned(), "/app/.env".to_owned())]);
}

#[test]
fn what_nobody_wants_is_not_kept() {
    let shown = format!("{:?}", only(DOCKER, Engine::Docker));
    assert!(!shown.contains("another secret"), "{shown}");
}

/// The least that an engine tells, with something else in it.
fn least(more: &str, env: &str, labels: &str) -> String {
    format!(
        r#"[{{"Id":"{id}","Name":"/a","Created":"2023-05-01T10:00:00.5+02:00","New":[{{}}],{more}
        "State":{{"Status":"exited","Pid":0,"StartedAt":"0001-01-01T00:00:00Z"}},
        "Config":{{"Env":{env},"Image":"x","Labels":{labels}}}}}]"#,
        id = "0a".repeat(32)
    )
}

#[rstest]
#[case::none("null", &[])]
#[case::empty("[]", &[])]
#[case::no_value(r#"["OPENAI_API_KEY"]"#, &[])]
#[case::empty_value(r#"["OPENAI_API_KEY="]"#, &[""])]
#[case::escapes(r#"["OPENAI_API_KEY=a\"b\\c\u00e9\n="]"#, &["a\"b\\cé\n="])]
#[case::others(r#"["XOPENAI_API_KEY=1","openai_api_key=2","=3"]"#, &[])]
fn the_environment_is_read_exactly(#[case] env: &str, #[case] expected: &[&str]) {
    let container = only(&least("", env, "null"), Engine::Docker);
    let found: Vec<&[u8]> = values(&container).into_iter().map(|(_, value)| value).collect();
    assert_eq!(found, expected.iter().map(|text| text.as_bytes()).collect::<Vec<_>>());
    assert_eq!((container.pid, container.started_at), (None, None));
    assert!(!container.facts.runs);
    assert_eq!(container.facts.created_at, Some("2023-05-01T08:00:00.5Z".parse().unwrap()));
}

#[test]
fn labels_are_taken_as_they_come() {
    let labels = r#"{"com.docker.compose.project":"p","com.docker.compose.service":"s",
        "com.docker.compose.oneoff":"True","com.docker.compose.container-number":"x",
        "com.docker.compose.project.config_files":"a.yaml, /b/c.yaml,",
        "com.docker.compose.project.working_dir":"/srv/\u001b[31mp",
        "io.podman.compose.project":"p","nothing":null}"#;
    let container = only(&least(r#""Mounts":null,"#, "[]", labels), Engine::Podman);
    let labels = container.facts.compose.expect("labels");
    assert!(container.is_one_off && labels.by_podman_compose);
    assert_eq!(labels.files, ["/srv/\\u{1b}[31mp/a.yaml", "/b/c.yaml"]);
    assert_eq!(labels.number, None);
}

#[rstest]
#[case::nothing("")]
#[case::words("Emulate Docker CLI using podman.")]
#[case::object("{}")]
#[case::other_list("[1]")]
#[case::cut_off(r#"[{"Id":"0a","Name":"/a""#)]
#[case::no_state(r#"[{"Id":"0a","Name":"/a","Config":{}}]"#)]
#[case::environment_of_numbers(
    r#"[{"Id":"0a","Name":"/a","State":{"Status":"running"},"Config":{"Env":[1]}}]"#
)]
fn anything_else_is_no_container(#[case] printed: &str) {
    assert_eq!(inspected(printed.as_bytes(), Engine::Docker, &|_| true), None);
}

#[test]
fn a_remark_before_the_list_is_passed_over() {
    let printed = format!("Emulate Docker CLI using podman. Create [1] to quiet.\n{PODMAN}");
    assert_eq!(only(&printed, Engine::Docker).facts.name, "api-1");
    assert_eq!(inspected(b"[]\n", Engine::Docker, &|_| true), Some(vec![]));
}

#[test]
fn ids_alone_are_taken_from_a_list() {
    let id = "0123456789ab".repeat(5);
    let printed =
        format!("Emulate Docker CLI\n{id}\n--privileged\nabc\n\n {id} \n{id}0123456789\n");
    assert_eq!(ids(printed.as_bytes()), [id.as_str(), id.as_str()]);
    assert!(ids(b"\xff\xfe\n").is_empty());
}

/// As Docker 20.10 and 28.2, Podman 4.3 and their clients print them.
#[rstest]
#[case(
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    Refusal::NotRunning
)]
#[case(
    "Cannot connect to the Docker daemon at tcp://127.0.0.1:1. Is the docker daemon running?",
    Refusal::NotRunning
)]
#[case(
    "Error: unable to connect to Podman socket: Get \"http://d/v4.3.1/libpod/_ping\": dial unix /run/nope.sock: connect: no such file or directory",
    Refusal::NotRunning
)]
#[case(
    "WARNING: Error loading config file: open /root/.docker/config.json: permission denied\npermission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get \"http://%2Fvar%2Frun%2Fdocker.sock/v1.50/containers/json?all=1\": dial unix /var/run/docker.sock: connect: permission denied",
    Refusal::NoPermission
)]
#[case(
    "Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: dial unix: connect: permission denied",
    Refusal::NoPermission
)]
#[case(
    "WARNING: Error loading config file: open /root/.docker/config.json: permission denied\nCannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    Refusal::NotRunning
)]
#[case(
    "time=\"2026-11-21T17:32:27Z\" level=error msg=\"stat /root/.config/containers/storage.conf: permission denied\"",
    Refusal::NoPermission
)]
#[case(
    "Failed to initialize: unable to resolve docker endpoint: context \"nope\": context not found: open /root/.docker/contexts/meta/ca37/meta.json: no such file or directory",
    Refusal::NoContext
)]
#[case(
    "error during connect: Get \"http://docker.example.com/v1.50/containers/json?all=1\": command [ssh -o ConnectTimeout=30 -T -- nohost.invalid docker system dial-stdio] has exited with exit status 255, make sure the URL is valid",
    Refusal::Unreachable
)]
#[case(
    "error during connect: Get \"http://garbage:2375/v1.50/containers/json?all=1\": dial tcp: lookup garbage on 10.0.0.53:53: no such host",
    Refusal::Unreachable
)]
#[case(
    "Error response from daemon: client version 1.99 is too new. Maximum supported API version is 1.41",
    Refusal::OtherVersion
)]
#[case("Error: strconv.Atoi: parsing \"\": invalid syntax", Refusal::Unknown)]
#[case("", Refusal::Unknown)]
fn refusals_are_told_apart(#[case] printed: &str, #[case] expected: Refusal) {
    assert_eq!(refusal(printed.as_bytes()), expected);
}

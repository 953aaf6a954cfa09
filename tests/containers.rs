//! Containers as layers, through engines that only play what real ones print.

use rstest::rstest;
use serde_json::Value;

#[path = "support/context.rs"]
mod context;
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;

use context::{Report, TestContext, permit};
use contract::{validate, verdicts};
use inventory::{dotenv, layer};

const DOCKER: &str = include_str!("fixtures/containers/docker-20.10.json");
const PODMAN: &str = include_str!("fixtures/containers/podman-4.3.json");
const EXPECT: &str = "expect.openai = { reference = \".env\" }\n";
const BY_NAME: &str = "match = { name = \"proj-api-1\" }";

/// A world in which no programs are found but those of its folder `bin`.
fn world() -> TestContext {
    let context = TestContext::new();
    std::fs::create_dir(context.path("bin")).expect("a folder");
    let path = context.path("bin");
    context.with("PATH", path)
}

fn program(context: &TestContext, name: &str, script: &str) {
    let path = context.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
    permit(&path, 0o700);
}

/// An engine: it notes what it is asked, lists one container and prints what `inspect` is to print.
fn engine(context: &TestContext, name: &str, inspected: &str) {
    let printed = context.write("inspected.json", inspected);
    let script = format!(
        "echo \"$*\" >>{asked}\ncase $1 in ps) echo {id};; inspect) /bin/cat {printed};; esac",
        id = "9600c44cd506".repeat(5),
        asked = context.path("asked").display(),
        printed = printed.display()
    );
    program(context, name, &script);
}

/// What the engine was asked, line by line.
fn asked(context: &TestContext) -> Vec<String> {
    let text = std::fs::read_to_string(context.path("asked")).expect("an engine was asked");
    text.lines().map(str::to_owned).collect()
}

fn container(rest: &str) -> String {
    layer("containers", &format!("kind = \"container\"\n{rest}\n"))
}

fn compose(rest: &str) -> String {
    layer("compose", &format!("kind = \"compose\"\n{rest}\n"))
}

fn check(context: &TestContext) -> Report {
    let report = context.run(&["check", "--offline", "--format", "json"]).json();
    validate(&report);
    report
}

fn codes(report: &Report) -> Vec<&str> {
    let findings = report.0["diagnoses"].as_array().expect("findings");
    findings.iter().map(|finding| finding["code"].as_str().expect("a code")).collect()
}

fn finding<'a>(report: &'a Report, code: &str) -> &'a Value {
    let findings = report.0["diagnoses"].as_array().expect("findings");
    findings.iter().find(|finding| finding["code"] == code).expect("this finding")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

#[rstest]
#[case::name("docker", BY_NAME, "name=^/?proj-api-1$")]
#[case::label("docker", "match = { label = \"-a=b c\" }", "label=-a=b c")]
#[case::service(
    "docker",
    "match = { project = \"proj\", service = \"api\" }",
    "label=com.docker.compose.project=proj --filter label=com.docker.compose.service=api"
)]
#[case::podman("podman", "match = { name = \"api-1\" }\nengine = \"podman\"", "name=^/?api-1$")]
#[case::podman_alone("podman", "match = { name = \"api-1\" }", "name=^/?api-1$")]
fn the_engine_is_asked_for_a_list_and_then_for_all_of_it(
    #[case] name: &str,
    #[case] rest: &str,
    #[case] filter: &str,
) {
    let context = world();
    if rest.contains("engine") {
        program(&context, "docker", "exit 1");
    }
    let key = context.key("one");
    context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    let printed = if name == "docker" { DOCKER } else { PODMAN };
    engine(&context, name, &printed.replace("@KEY@", &key));
    context.inventory(&(EXPECT.to_owned() + &dotenv(".env") + &container(rest)));
    let report = check(&context);
    let row = report.row("containers");
    assert_eq!((&row["state"], &row["rank"]), (&"found".into(), &"launch".into()));
    assert_eq!((&row["verdict"], &row["certainty"]), (&"current".into(), &"certain".into()));
    let facts = &row["evidence"]["container"];
    assert_eq!(facts["engine"], name);
    assert_eq!(facts["name"], row["instance"]["container"]);
    assert!(facts["created_at"].is_string());
    let asked = asked(&context);
    assert_eq!(asked[0], format!("ps --all --quiet --no-trunc --filter {filter}"));
    assert_eq!(asked[1], format!("inspect --type container {}", "9600c44cd506".repeat(5)));
    assert_eq!(asked.len(), 2);
}

/// The processes of a container on another machine are not those of this one, whatever their numbers.
#[test]
fn processes_elsewhere_are_no_failure() {
    let context = world();
    let key = context.key("one");
    context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    let own = format!("\"Pid\": {}", std::process::id());
    engine(&context, "docker", &DOCKER.replace("@KEY@", &key).replace("\"Pid\": 4194305", &own));
    context.inventory(&(EXPECT.to_owned() + &dotenv(".env") + &container(BY_NAME)));
    let report = check(&context);
    assert_eq!(verdicts(&report), [(".env", "current"), ("containers", "current")]);
    let remedy = text(&report.row("containers")["evidence"]["container"]["remedy"]);
    assert!(remedy.starts_with("the processes in it are not seen from here"), "{remedy}");
}

#[rstest]
#[case::same_files("files = [\"compose.yaml\"]", "name the same compose files")]
#[case::a_link("files = [\"link.yaml\"]", "name the same compose files")]
#[case::one_of_them("files = [\"compose.yaml\", \"more.yaml\"]", "name some of the same")]
#[case::its_service(
    "files = [\"compose.yaml\"]\nservice = \"api\"",
    "project `proj`, service `api`"
)]
#[case::the_folder("", "name the same folder")]
fn an_old_container_is_told_with_the_command_that_recreates_it(
    #[case] rest: &str,
    #[case] because: &str,
) {
    let context = world();
    let (old, new) = (context.key("old"), context.key("new"));
    context.write(".env", format!("OPENAI_API_KEY={new}\n"));
    let file = "services:\n  other:\n    image: x\n  api:\n    image: x\n    env_file: .env\n";
    context.write("compose.yaml", file);
    context.write("more.yaml", "services: {}\n");
    std::os::unix::fs::symlink("compose.yaml", context.path("link.yaml")).expect("a link");
    let folder = context.path("");
    let folder = folder.to_str().expect("a path that is text").trim_end_matches('/');
    let printed = DOCKER.replace("@KEY@", &old).replace("/srv/proj", folder);
    engine(&context, "docker", &printed);
    let layers = dotenv(".env") + &compose(rest) + &container(BY_NAME);
    context.inventory(&(EXPECT.to_owned() + &layers));
    let report = check(&context);
    let row = report.row("containers");
    assert_eq!((&row["verdict"], &row["certainty"]), (&"mismatch".into(), &"certain".into()));
    assert_eq!(row["source"], "compose");
    let linked = &row["evidence"]["container"]["linked"];
    assert!(text(&linked["because"]).contains(because), "{linked}");
    assert_eq!(row["diagnoses"], serde_json::json!(["SK206"]));
    let finding = finding(&report, "SK206");
    assert_eq!(finding["will_restart_help"], false);
    let command = format!(
        "docker compose -p proj -f {folder}/compose.yaml up -d --no-deps --force-recreate api"
    );
    assert_eq!(finding["fixes"][0]["command"], command);
    let message = text(&finding["message"]);
    assert!(message.starts_with("`containers (proj-api-1)` was created"), "{message}");
    let own = |row: &Value| row["instance"] == serde_json::json!({ "service": "api" });
    let source = report.rows().iter().position(own).expect("the service's row");
    let chains = report.0["chains"].as_array().expect("chains");
    let chain = chains.iter().find(|chain| chain["break"].is_u64()).expect("a broken chain");
    assert_eq!(chain["rows"][0], source, "{chains:?}");
}

#[rstest]
#[case::other_environment("staging", "files = [\"compose.yaml\"]")]
#[case::other_files("production", "files = [\"more.yaml\"]")]
#[case::other_service("production", "files = [\"compose.yaml\"]\nservice = \"other\"")]
fn a_container_is_linked_to_nothing_that_does_not_describe_it(
    #[case] environment: &str,
    #[case] rest: &str,
) {
    let context = world();
    let key = context.key("one");
    context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    let file =
        "services:\n  other: { image: x, env_file: .env }\n  api: { image: x, env_file: .env }\n";
    context.write("compose.yaml", file);
    context.write("more.yaml", file);
    let folder = context.path("");
    let folder = folder.to_str().expect("a path that is text").trim_end_matches('/');
    engine(&context, "docker", &DOCKER.replace("@KEY@", &key).replace("/srv/proj", folder));
    let compose = compose(rest).replace("\"production\"", &format!("\"{environment}\""));
    let layers = dotenv(".env") + &compose + &container(BY_NAME);
    context.inventory(&(EXPECT.to_owned() + "[environments.staging]\n" + &layers));
    let report = check(&context);
    let row = report.row("containers");
    assert_eq!((&row["source"], &row["verdict"]), (&Value::Null, &"current".into()));
    assert_eq!(row["evidence"]["container"]["linked"], Value::Null);
}

#[test]
fn without_compose_a_person_creates_it_again_and_a_restart_in_the_inventory_is_no_fix() {
    let context = world();
    let (old, new) = (context.key("old"), context.key("new"));
    context.write(".env", format!("OPENAI_API_KEY={new}\n"));
    engine(&context, "podman", &PODMAN.replace("@KEY@", &old));
    let rest =
        "match = { name = \"api-1\" }\nsource = \".env\"\nrestart = \"podman restart api-1\"";
    context.inventory(&(EXPECT.to_owned() + &dotenv(".env") + &container(rest)));
    let report = check(&context);
    let fixes = &finding(&report, "SK206")["fixes"];
    assert!(text(&fixes[0]["text"]).contains("`podman rm -f api-1`"), "{fixes}");
    assert_eq!(fixes[0]["command"], Value::Null);
    assert!(text(&fixes[1]["text"]).contains("correct it"), "{fixes}");
    let human = context.run(&["check", "--offline"]).stdout;
    assert!(human.contains("podman container of image localhost/kp:latest"), "{human}");
    assert!(human.contains("A restart will not help"), "{human}");
}

/// What a person has to do stands on the row; nothing is called missing.
#[rstest]
#[case::not_running(
    "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker \
     daemon running?' >&2; exit 1",
    "the engine of `docker` does not run; start it: sudo systemctl start docker",
    "SK501"
)]
#[case::no_permission(
    "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1",
    "add this user to group docker (sudo usermod -aG docker \"$USER\", then log in again), or run \
     stalekey as root",
    "SK502"
)]
#[case::no_context(
    "echo 'context \"nope\": context not found' >&2; exit 1",
    "the context that `docker` is to use does not exist; choose one that exists; `docker context ls`",
    "SK501"
)]
#[case::unknown(
    "echo 'a canary of the engine' >&2; exit 7",
    "run `docker ps` in this shell",
    "SK501"
)]
#[case::garbage("echo 9600c44cd506; echo garbage", "printed something else than", "SK501")]
#[case::endless("/bin/cat /dev/zero", "printed more than 16 MiB", "SK501")]
#[case::fails_later(
    "if [ $1 = ps ]; then echo 9600c44cd506; else echo 'connection refused' >&2; exit 1; fi",
    "the engine of `docker` does not run",
    "SK501"
)]
fn an_engine_that_gives_nothing_is_unproven_with_what_to_do(
    #[case] script: &str,
    #[case] said: &str,
    #[case] code: &str,
) {
    let context = world();
    program(&context, "docker", script);
    context.inventory(&container(BY_NAME));
    let report = check(&context);
    let row = report.row("containers");
    assert_eq!((&row["state"], &row["verdict"]), (&"unreadable".into(), &"unproven".into()));
    let reason = text(&row["reason"]);
    assert!(reason.contains(said), "{reason}");
    assert!(!reason.contains("canary"), "{reason}");
    assert_eq!(codes(&report), [code]);
    let fix = text(&finding(&report, code)["fixes"][0]["text"]);
    assert!(reason.ends_with(fix) || code == "SK501" && said.contains("16 MiB"), "{fix}\n{reason}");
    assert_eq!(report.0["summary"]["exit_code"], 3);
}

#[test]
fn a_variable_that_leads_astray_is_named() {
    let context = world().with("DOCKER_HOST", "ssh://elsewhere");
    program(
        &context,
        "docker",
        "echo 'error during connect: docker system dial-stdio' >&2; exit 1",
    );
    context.inventory(&container(BY_NAME));
    let report = check(&context);
    let reason = text(&report.row("containers")["reason"]).to_owned();
    assert!(reason.contains("cannot be reached; check DOCKER_HOST"), "{reason}");
}

/// Where both are installed, Docker is taken, and whoever runs Podman has to say so.
#[test]
fn the_other_engine_is_named_when_the_first_does_not_run() {
    let context = world();
    program(&context, "docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1");
    program(&context, "podman", "exit 0");
    for (rest, ends) in
        [("", "; or name `engine = \"podman\"`"), ("\nengine = \"docker\"", "docker")]
    {
        context.inventory(&container(&format!("{BY_NAME}{rest}")));
        let report = check(&context);
        let reason = text(&report.row("containers")["reason"]);
        assert!(reason.ends_with(ends), "{reason}");
    }
}

#[test]
fn without_an_engine_there_is_a_word_about_it() {
    let context = world();
    context.inventory(&container(BY_NAME));
    let report = check(&context);
    let row = report.row("containers");
    assert_eq!(row["verdict"], "unproven");
    assert!(
        text(&row["reason"]).starts_with("there is neither `docker` nor `podman` here; install")
    );
    let rest = format!("{BY_NAME}\nengine = \"podman\"");
    context.inventory(&container(&rest));
    let report = check(&context);
    let reason = text(&report.row("containers")["reason"]);
    assert!(reason.starts_with("there is no `podman` here; install `podman`"), "{reason}");
}

#[test]
fn an_engine_that_hangs_costs_one_row() {
    let context = world();
    let key = context.key("one");
    context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    program(&context, "docker", "exec /bin/sleep 15");
    let layers = dotenv(".env") + &container(BY_NAME);
    let text = format!(
        "version = 1\n[settings]\ntimeout = \"5s\"\n[credentials.openai]\nprovider = \"openai\"\n\
         [environments.production]\n{EXPECT}{layers}"
    );
    context.write("stalekey.toml", text);
    context.trust(&[]);
    let report = check(&context);
    assert_eq!(verdicts(&report), [(".env", "current"), ("containers", "unproven")]);
    let reason = &report.row("containers")["reason"];
    assert_eq!(reason, "reading it took more than 5 s");
}

#[test]
fn no_container_is_not_missing() {
    let context = world();
    program(&context, "docker", "exit 0");
    context.inventory(&container(BY_NAME));
    let report = check(&context);
    let row = report.row("containers");
    assert_eq!(row["reason"], "not_running: no container matches");
    assert_eq!((&row["verdict"], codes(&report)), (&"unproven".into(), vec!["SK505"]));
    assert_eq!(report.0["summary"]["exit_code"], 3);
}

/// One of a name that only begins the same, or one that was run once beside a service, is not meant.
#[rstest]
#[case::name("match = { name = \"proj-api\" }", "", "")]
#[case::one_off(
    "match = { project = \"proj\", service = \"api\" }",
    "\"com.docker.compose.oneoff\": \"False\"",
    "\"com.docker.compose.oneoff\": \"True\""
)]
fn what_is_not_meant_is_no_row(#[case] rest: &str, #[case] from: &str, #[case] to: &str) {
    let context = world();
    let printed = if from.is_empty() { DOCKER.to_owned() } else { DOCKER.replace(from, to) };
    engine(&context, "docker", &printed);
    context.inventory(&container(rest));
    let row = check(&context);
    assert_eq!(row.row("containers")["reason"], "not_running: no container matches");
}

#[rstest]
#[case::exited_with_the_new("exited", "new", "would start with the expected key", "docker start")]
#[case::exited_with_the_old("exited", "old", "would start with another key", "up -d --no-deps")]
#[case::never_started("created", "new", "the container is created", "docker start proj-api-1")]
#[case::dead("dead", "new", "the container is dead", "docker start proj-api-1")]
fn what_has_ended_is_neither_green_nor_red(
    #[case] state: &str,
    #[case] holds: &str,
    #[case] said: &str,
    #[case] command: &str,
) {
    let context = world();
    context.write(".env", format!("OPENAI_API_KEY={}\n", context.key("new")));
    let printed = DOCKER
        .replace("@KEY@", &context.key(holds))
        .replace("\"running\"", &format!("\"{state}\""));
    engine(&context, "docker", &printed);
    let layers = dotenv(".env") + &container(&format!("{BY_NAME}\nsource = \".env\""));
    context.inventory(&(EXPECT.to_owned() + &layers));
    let report = check(&context);
    let row = report.row("containers");
    assert_eq!((&row["state"], &row["verdict"]), (&"found".into(), &"unproven".into()));
    assert!(text(&row["reason"]).contains(said), "{}", row["reason"]);
    assert_eq!(codes(&report), ["SK505"]);
    let fix = &finding(&report, "SK505")["fixes"][0];
    assert!(text(&fix["command"]).contains(command), "{fix}");
}

#[test]
fn a_container_that_is_restarted_again_and_again_has_its_environment() {
    let context = world();
    context.write(".env", format!("OPENAI_API_KEY={}\n", context.key("new")));
    let printed =
        DOCKER.replace("@KEY@", &context.key("old")).replace("\"running\"", "\"restarting\"");
    engine(&context, "docker", &printed);
    let layers = dotenv(".env") + &container(BY_NAME);
    context.inventory(&(EXPECT.to_owned() + &layers));
    assert_eq!(check(&context).row("containers")["verdict"], "mismatch");
}

/// Its compose file got the variable after it was created; a restart does not bring it.
#[test]
fn a_variable_that_came_later_needs_a_new_container() {
    let context = world();
    context.write(".env", format!("OPENAI_API_KEY={}\n", context.key("new")));
    context.write("compose.yaml", "services:\n  api:\n    image: x\n    env_file: .env\n");
    let created = "\"Created\": \"2026-11-21T17:31:21.806699004Z\"";
    assert!(DOCKER.contains(created));
    let printed = DOCKER
        .replace("OPENAI_API_KEY=@KEY@", "OTHER=1")
        .replace(created, "\"Created\": \"2020-01-01T00:00:00Z\"");
    engine(&context, "docker", &printed);
    let rest = format!("{BY_NAME}\nsource = \"compose\"");
    let layers = dotenv(".env") + &compose("files = [\"compose.yaml\"]") + &container(&rest);
    context.inventory(&(EXPECT.to_owned() + &layers));
    let report = check(&context);
    let row = report.row("containers");
    assert_eq!((&row["state"], &row["verdict"]), (&"opaque".into(), &"stale".into()));
    assert!(text(&row["reason"]).starts_with("likely stale: created"), "{}", row["reason"]);
    let finding = finding(&report, "SK206");
    assert!(text(&finding["message"]).contains("without the variable"), "{finding}");
    assert!(text(&finding["fixes"][0]["command"]).contains("--force-recreate api"), "{finding}");
}

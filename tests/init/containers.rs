//! Running containers, through engines that only play what real ones print.

use rstest::rstest;

use super::layers;
use crate::context::{Run, TestContext, permit};

const DOCKER: &str = include_str!("../fixtures/containers/docker-20.10.json");
const PODMAN: &str = include_str!("../fixtures/containers/podman-4.3.json");
const COMPOSE: &str = "services:\n  api:\n    image: shop/api:1.4\n    env_file: .env.production\n";

/// A project whose service runs, and a world in which no programs are found but those of `bin`.
fn world() -> TestContext {
    let context = TestContext::new();
    std::fs::create_dir(context.path("bin")).expect("a folder");
    let path = context.path("bin");
    let context = context.with("PATH", path);
    context.write(".env.production", format!("OPENAI_API_KEY={}\n", context.key("one")));
    context.write("compose.yaml", COMPOSE);
    context
}

fn program(context: &TestContext, name: &str, script: &str) {
    let path = context.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
    permit(&path, 0o700);
}

/// An engine that notes what it is asked; `@FOLDER@` becomes the folder of the test.
fn engine(context: &TestContext, name: &str, inspected: &str) {
    let printed = inspected
        .replace("@KEY@", &context.key("one"))
        .replace("/srv/proj", context.path("").to_str().expect("text").trim_end_matches('/'));
    let printed = context.write(&format!("home/{name}.json"), printed);
    let script = format!(
        "echo \"$*\" >>{asked}\ncase $1 in ps) echo {id};; inspect) /bin/cat {printed};; esac",
        id = "9600c44cd506".repeat(5),
        asked = context.path("home/asked").display(),
        printed = printed.display()
    );
    program(context, name, &script);
}

fn told(text: &str) -> String {
    text.split("[[layers]]").find(|layer| layer.contains("\"container\"")).unwrap_or("").to_owned()
}

fn running(context: &TestContext) -> Run {
    context.init(&["--running"])
}

#[test]
fn a_container_of_a_service_is_a_layer_whose_source_is_its_compose_layer() {
    let context = world();
    engine(&context, "docker", DOCKER);
    context.init(&[]);
    assert!(!context.path("home/asked").exists(), "nobody asked for containers");
    let run = context.init(&["--update", "--running"]);
    let text = context.written();
    let found = layers(&text);
    let name = "proj api container";
    assert_eq!(found[name], "container production openai < compose.yaml", "{text} {run:?}");
    assert!(text.contains("match = { project = \"proj\", service = \"api\" }"), "{text}");
    assert!(
        text.contains("# a container runs of service `api` of the compose project `proj`"),
        "{text}"
    );
    assert!(!told(&text).contains("engine"), "{text}");
    assert!(!run.stdout.contains("another secret") && !text.contains("DATABASE_URL"), "{run:?}");
    let asked = std::fs::read_to_string(context.path("home/asked")).expect("an engine was asked");
    assert!(asked.starts_with("ps --quiet --no-trunc\ninspect --type container 9600"), "{asked}");
    context.trust(&[]);
    let report = context.run(&["check", "--offline", "--format", "json"]).json();
    assert_eq!(report.row(name)["state"], "found");
    // It is known now, whatever the layer is called and however it names the container.
    let by_name = text
        .replace("proj api container", "ours")
        .replace("project = \"proj\", service = \"api\"", "name = \"proj-api-1\"");
    context.write("stalekey.toml", &by_name);
    let again = context.init(&["--update", "--running"]);
    assert!(again.stdout.contains("Nothing is new"), "{again:?}");
    assert_eq!(context.written(), by_name);
}

#[rstest]
#[case::without_labels(DOCKER.replace("com.docker.compose", "other"), "name = \"proj-api-1\"")]
#[case::odd_labels(
    DOCKER.replace("\"com.docker.compose.project\": \"proj\"", "\"com.docker.compose.project\": \"-p\""),
    "name = \"proj-api-1\""
)]
#[case::other_files(
    DOCKER.replace("/srv/proj/compose.yaml", "/elsewhere/compose.yaml"),
    "project = \"proj\", service = \"api\""
)]
#[case::other_service(
    DOCKER.replace("service\": \"api\"", "service\": \"web\""),
    "project = \"proj\", service = \"web\""
)]
fn a_source_is_written_only_where_the_labels_tell_it(#[case] printed: String, #[case] by: &str) {
    let context = world();
    // Two services: a layer of one is not the source of the other.
    context.write("compose.yaml", format!("{COMPOSE}  web:\n    image: x\n"));
    engine(&context, "docker", &printed);
    let run = running(&context);
    let layer = told(&context.written());
    assert!(layer.contains(&format!("match = {{ {by} }}")), "{layer} {run:?}");
    assert!(!layer.contains("source"), "{layer}");
}

#[test]
fn podman_is_named_where_docker_is_here_too() {
    let context = world();
    engine(&context, "podman", PODMAN);
    running(&context);
    assert!(!told(&context.written()).contains("engine"), "{}", context.written());
    std::fs::remove_file(context.path("stalekey.toml")).expect("the inventory");
    program(&context, "docker", "exit 0");
    running(&context);
    assert!(told(&context.written()).contains("engine = \"podman\""), "{}", context.written());
}

#[rstest]
#[case::one_off(DOCKER.replace("oneoff\": \"False\"", "oneoff\": \"True\""))]
#[case::no_variable(DOCKER.replace("OPENAI_API_KEY", "OTHER"))]
#[case::ended_meanwhile(DOCKER.replace("\"running\"", "\"exited\""))]
fn what_holds_nothing_or_is_gone_soon_is_no_layer(#[case] printed: String) {
    let context = world();
    engine(&context, "docker", &printed);
    running(&context);
    assert_eq!(told(&context.written()), "");
}

#[rstest]
#[case::absent("", "there is neither `docker` nor `podman` here (install one of them")]
#[case::not_running(
    "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon \
     running?' >&2; exit 1",
    "the engine of `docker` does not run (start it: "
)]
#[case::not_permitted(
    "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1",
    "this user may not talk to the engine of `docker` (add this user to group docker"
)]
#[case::something_else("echo 9600c44cd506", "`docker` printed something else than containers")]
fn an_engine_that_does_not_answer_is_a_note(#[case] script: &str, #[case] note: &str) {
    let context = world();
    if !script.is_empty() {
        program(&context, "docker", script);
    }
    let run = running(&context);
    let note = format!("note: running containers were not looked at: {note}");
    assert!(run.stdout.contains(&note), "{run:?}");
    assert_eq!(told(&context.written()), "");
    assert!(!context.written().is_empty());
}

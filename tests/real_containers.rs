//! Containers of a real Docker, which the test starts for itself where it may.

use serde_json::{Value, json};

#[path = "support/context.rs"]
mod context;
#[path = "support/contract.rs"]
mod contract;
#[path = "support/docker.rs"]
mod docker;
#[path = "support/inventory.rs"]
mod inventory;
#[path = "support/nobody.rs"]
mod nobody;
#[path = "support/wait.rs"]
mod wait;

use context::{Report, TestContext};
use contract::{validate, verdicts};
use docker::{Docker, IMAGE};
use inventory::{dotenv, layer};
use wait::until;

/// A project whose `.env` is mounted into its container, and its inventory.
fn project(docker: &Docker, layers: &str) -> TestContext {
    let path = std::env::var_os("PATH").expect("a path");
    let context = TestContext::new().with("PATH", path).with("DOCKER_HOST", docker.host());
    let salt = format!("[fingerprint]\nsalt = \"{}\"\n", "0f".repeat(32));
    let expect = "expect.openai = { reference = \".env\" }\n";
    context.inventory(&format!("{expect}{salt}{}{layers}", dotenv(".env")));
    context
}

fn containers(source: &str) -> String {
    let matching = "match = { project = \"shop\", service = \"api\" }";
    layer("containers", &format!("kind = \"container\"\n{matching}\n{source}\n"))
}

/// As Compose would create it.
fn create(docker: &Docker, context: &TestContext) {
    let path = |name: &str| context.path(name).to_str().expect("a path that is text").to_owned();
    let label = |name: &str, value: &str| format!("com.docker.compose.{name}={value}");
    let labels = [
        label("project", "shop"),
        label("service", "api"),
        label("oneoff", "False"),
        label("container-number", "1"),
        label("project.config_files", &path("compose.yaml")),
        label("project.working_dir", path("").trim_end_matches('/')),
    ];
    let mount = format!("{}:/app/.env:ro", path(".env"));
    let env = path(".env");
    let mut words = vec!["run", "--detach", "--name", "shop-api-1", "--network", "none"];
    words.extend(["--env-file", &env, "--volume", &mount]);
    words.extend(labels.iter().flat_map(|label| ["--label", label.as_str()]));
    words.extend([IMAGE, "sleep", "100000"]);
    docker.must(&words);
}

/// Another file takes the place of the `.env`, as most editors and deployments do it.
fn replace(context: &TestContext, key: &str) {
    let new = context.write(".env.new", format!("OPENAI_API_KEY={key}\n"));
    std::fs::rename(new, context.path(".env")).expect("a file of our own");
}

/// What a check says, once the machine has time for it.
fn check(context: &TestContext) -> Report {
    until("an engine that answers in time", || {
        let report = context.run(&["check", "--offline", "--format", "json"]).json();
        validate(&report);
        let late = |row: &Value| row["state"] == "unreadable";
        (!report.rows().iter().any(late)).then_some(report)
    })
}

/// The container's row, and those of the processes in it.
fn rows(report: &Report) -> (&Value, Vec<&Value>) {
    let of_layer = report.rows().iter().filter(|row| row["layer"] == "containers");
    let (own, inside): (Vec<_>, Vec<_>) =
        of_layer.partition(|row| row["instance"]["container"].is_string());
    assert_eq!(own.len(), 1, "{own:?}");
    (own[0], inside)
}

#[test]
fn a_restart_keeps_the_environment_and_a_new_container_has_the_new_one() {
    let Some(docker) = Docker::start() else { return };
    let compose = "kind = \"compose\"\nfiles = [\"compose.yaml\"]\nsource = \".env\"\n";
    let context = project(&docker, &(layer("compose", compose) + &containers("")));
    context.write("compose.yaml", "services:\n  api:\n    image: x\n    env_file: .env\n");
    let (old, new) = (context.key("old"), context.key("new"));
    context.write(".env", format!("OPENAI_API_KEY={old}\n"));
    create(&docker, &context);

    let report = check(&context);
    let (own, inside) = rows(&report);
    assert_eq!((&own["verdict"], &own["certainty"]), (&json!("current"), &json!("certain")));
    assert_eq!(own["source"], "compose");
    assert_eq!(own["evidence"]["container"]["state"], "running");
    assert_eq!(own["diagnoses"], json!([]));
    assert_eq!(inside.len(), 1, "one program runs in it");
    assert_eq!((&inside[0]["state"], &inside[0]["verdict"]), (&json!("found"), &json!("current")));
    let last = report.rows().len() - 1;
    let chains = report.0["chains"].as_array().expect("chains");
    assert!(
        chains.iter().any(|chain| chain["rows"] == json!([0, 1, last - 1, last])),
        "{chains:?}"
    );

    replace(&context, &new);
    let report = check(&context);
    let (own, inside) = rows(&report);
    assert_eq!((&own["verdict"], &own["certainty"]), (&json!("mismatch"), &json!("certain")));
    assert_eq!(own["diagnoses"], json!(["SK206", "SK211"]));
    assert_eq!(own["evidence"]["container"]["pinned"][0]["target"], "/app/.env");
    assert_eq!(inside[0]["verdict"], "mismatch");

    let created = own["evidence"]["container"]["created_at"].clone();
    docker.must(&["restart", "--time", "0", "shop-api-1"]);
    let report = check(&context);
    let (own, _) = rows(&report);
    assert_eq!(own["verdict"], "mismatch");
    assert_eq!(own["evidence"]["container"]["created_at"], created);
    assert_eq!(
        own["diagnoses"],
        json!(["SK206"]),
        "the file is mounted again, the rest is as it was"
    );
    let findings = report.0["diagnoses"].as_array().expect("findings");
    assert_eq!(findings[0]["will_restart_help"], false);

    docker.must(&["rm", "--force", "shop-api-1"]);
    create(&docker, &context);
    let report = check(&context);
    assert!(verdicts(&report).iter().all(|(_, verdict)| *verdict == "current"), "{report:#?}");
    assert_eq!(report.0["diagnoses"], json!([]));

    docker.must(&["stop", "--time", "0", "shop-api-1"]);
    let report = check(&context);
    let (own, inside) = rows(&report);
    assert_eq!((&own["verdict"], inside.len()), (&json!("unproven"), 0));
    assert_eq!(own["diagnoses"], json!(["SK505"]));

    docker.must(&["rm", "--force", "shop-api-1"]);
    let report = check(&context);
    let row = report.row("containers");
    assert_eq!(row["reason"], "not_running: no container matches");

    let Some(command) = context.command_without_rights(&["check", "--offline"]) else { return };
    let run = context.finish(command, "");
    let said = &run.stdout;
    assert!(said.contains("this user may not talk to the engine of `docker`"), "{run:?}");
    assert!(said.contains("add this user to group docker"), "{run:?}");
}

/// A program that loads the mounted file by itself has no variable: the file alone tells.
#[test]
fn a_pinned_file_is_an_error_where_nothing_else_gives_the_key() {
    let Some(docker) = Docker::start() else { return };
    let context = project(&docker, &containers("source = \".env\""));
    let (old, new) = (context.key("old"), context.key("new"));
    context.write(".env", "OTHER=1\n");
    create(&docker, &context);
    context.write(".env", format!("OPENAI_API_KEY={old}\n"));
    assert_eq!(pinned(&check(&context)), None, "the same file, written again");
    replace(&context, &old);
    assert_eq!(pinned(&check(&context)), None, "another file with the same bytes");
    replace(&context, &new);
    assert_eq!(pinned(&check(&context)).as_deref(), Some("error"));
    docker.must(&["restart", "--time", "0", "shop-api-1"]);
    assert_eq!(pinned(&check(&context)), None, "mounted again");
}

/// How bad it is that the container sees an old file.
fn pinned(report: &Report) -> Option<String> {
    let findings = report.0["diagnoses"].as_array().expect("findings");
    let finding = findings.iter().find(|finding| finding["code"] == "SK211")?;
    assert_eq!(finding["fixes"][0]["command"], "docker restart shop-api-1");
    Some(finding["severity"].as_str().expect("a word").to_owned())
}

//! `stalekey init` reads every place a key can stand in, and writes a file: names only.

use super::{
    canary::Format,
    gate::Gate,
    world::{Variables, Waiting, World},
};

#[test]
fn an_inventory_that_is_made_holds_no_key() {
    let mut gate = Gate::new();
    let world = World::new();
    let mut key = |format, place: &str| gate.key(format, place).text();
    let openai = Format::OpenaiProject;
    let files = [
        (
            ".env",
            format!(
                "OPENAI_API_KEY={}\nACME_API_KEY={}\n",
                key(openai, ".env"),
                key(Format::Opaque, ".env")
            ),
        ),
        ("web/.env.production", format!("ANTHROPIC_API_KEY='{}'\n", key(Format::Anthropic, "web"))),
        (
            "broken.env",
            format!(
                "OPENAI_API_KEY=\"{}\nexport ={}\n",
                key(openai, "broken"),
                key(openai, "no name")
            ),
        ),
        ("bare.env", format!("{}\nOPENAI_API_KEY\n", key(openai, "a bare line"))),
        (
            "compose.yaml",
            format!(
                "services:\n  api:\n    image: x\n    env_file: keys.txt\n    environment:\n      OPENAI_API_KEY: {}\n",
                key(openai, "compose")
            ),
        ),
        ("keys.txt", format!("GEMINI_API_KEY={}\n", key(Format::Gemini, "an env_file"))),
        (
            "other/compose.yaml",
            format!("services: [\n  OPENAI_API_KEY: {}\n", key(openai, "broken compose")),
        ),
        (
            ".github/workflows/a.yml",
            format!(
                "on: push\njobs:\n  a:\n    runs-on: x\n    env:\n      OPENAI_API_KEY: {}\n",
                key(openai, "a workflow")
            ),
        ),
        (
            ".github/workflows/b.yml",
            format!("jobs: {{ OPENAI_API_KEY: {} \n", key(openai, "broken workflow")),
        ),
        (
            "k8s/secret.yaml",
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nstringData:\n  OPENAI_API_KEY: {}\n",
                key(openai, "a manifest")
            ),
        ),
        (
            "k8s/broken.yaml",
            format!(
                "apiVersion: v1\nkind: Secret\ndata: [OPENAI_API_KEY {}\n",
                key(openai, "broken manifest")
            ),
        ),
        (
            "api.service",
            format!("[Service]\nEnvironment=OPENAI_API_KEY={}\n", key(openai, "a unit")),
        ),
        ("../home/.bashrc", format!("export OPENAI_API_KEY={}\nif\n", key(openai, ".bashrc"))),
    ];
    let shell: Variables =
        vec![("MISTRAL_API_KEY".to_owned(), gate.key(Format::Opaque, "the shell").bytes())];
    let argument = gate.key(openai, "a word of a command line").bytes();
    let of_process: Variables =
        vec![("OPENAI_API_KEY".to_owned(), gate.key(openai, "a process").bytes())];
    for (path, text) in &files {
        world.write(path, text);
    }
    let _waiting = Waiting::start(b"waiting", &[&argument], &of_process);
    let made = world.run(&mut gate, &["init", "--yes", "--running", "--templates"], &shell);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    for place in ["compose.yaml", "api.service", "~/.bashrc", "this shell", "keys.txt"] {
        assert!(said.contains(place), "{place}: {said}");
    }
    world.write("more/.env", "OPENAI_API_KEY=value\n");
    world.run(&mut gate, &["init", "--yes", "--update", "--running"], &shell);
    world.run(&mut gate, &["init", "--yes"], &shell);
    world.run(&mut gate, &["init"], &shell);
    gate.verdict();
}

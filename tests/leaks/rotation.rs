//! A rotation from its beginning to its end: checklists, records and evidence.

use super::{
    canary::Format,
    gate::Gate,
    world::{Variables, World},
};

const INVENTORY: &str = r#"
version = 1
[fingerprint]
salt = "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"
[credentials.openai]
provider = "openai"
[credentials.own]
variables = ["OWN_KEY"]
[environments.production]
[[layers]]
name = "api .env"
environment = "production"
kind = "dotenv"
path = ".env"
[[layers]]
name = "api copy"
environment = "production"
kind = "dotenv"
path = "copy.env"
source = "api .env"
optional = true
"#;

#[test]
fn a_rotation_keeps_masks_and_fingerprints() {
    let mut gate = Gate::new();
    let world = World::new();
    let old = gate.key(Format::OpenaiProject, "the old key");
    let new = gate.key(Format::OpenaiProject, "the new key");
    let own = gate.key(Format::Opaque, "a value without a format");
    let typed = gate.key(Format::Anthropic, "a key that was typed by mistake");
    let mistake = typed.text();
    let none = Variables::new();
    world.write("stalekey.toml", INVENTORY);
    let write = |key: &str| {
        let text = format!("OPENAI_API_KEY={key}\nOWN_KEY={}\n", own.text());
        world.write(".env", &text);
        world.write("copy.env", &text);
    };
    write(&old.text());
    let offline = "--offline";
    let written = format!("api copy={mistake}");
    let lines: [&[&str]; 12] = [
        &["audit", offline],
        &["audit", offline, "--format", "json"],
        &["audit", offline, "--start", "--credential", "openai"],
        &["audit", offline, "--start", "--credential", "own"],
        &["audit", offline, "--new", &mistake],
        &["audit", offline, "--credential", "openai", "--tick", &mistake],
        &["audit", offline, "--credential", "openai", "--note", &written],
        &["audit", offline, "--credential", "openai", "--note", &mistake],
        &["audit", "--give-up", &mistake],
        &["confirm", offline, "--old-key", &mistake],
        &["confirm", offline, "--wait", &mistake],
        &["history", &mistake],
    ];
    for line in lines {
        world.run(&mut gate, line, &none);
    }
    let input = new.text();
    let new_key = ["audit", offline, "--credential", "openai", "--new", "-"];
    let bytes = |line: &[&str]| line.iter().map(|it| it.as_bytes().to_vec()).collect::<Vec<_>>();
    let run_with = |gate: &mut Gate, line: &[&str], input: &[u8]| {
        let line = bytes(line);
        let line: Vec<&[u8]> = line.iter().map(Vec::as_slice).collect();
        world.run_with(gate, &line, &none, input);
    };
    run_with(&mut gate, &new_key, input.as_bytes());
    write(&new.text());
    for format in ["human", "markdown", "json"] {
        world.run(&mut gate, &["confirm", offline, "--format", format], &none);
    }
    for output in ["evidence.json", "evidence.md"] {
        let arguments =
            ["confirm", offline, "--credential", "openai", "--old-key", "-", "-o", output];
        run_with(&mut gate, &arguments, old.text().as_bytes());
        gate.saw(output, std::fs::read(world.work().join(output)).expect("it was written"));
    }
    let variables = vec![("OLD".to_owned(), old.text().into())];
    let arguments = ["confirm", offline, "--credential", "openai", "--old-key-variable", "OLD"];
    world.run(&mut gate, &arguments, &variables);
    for line in [&["history"][..], &["history", "verify"], &["check", offline, "--format", "json"]]
    {
        world.run(&mut gate, line, &none);
    }
    gate.assert_shown(&old);
    gate.assert_shown(&new);
    gate.verdict();
}

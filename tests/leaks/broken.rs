//! Keys where a file is broken: on the line that an error is about.

use super::{
    canary::{Canary, Format},
    gate::Gate,
    layers::{credentials, variables},
    world::{Variables, World, quoted},
};

/// Kind and name of a file, and what stands in it; `{}` is the key, `{j}` the same between quotes.
const FILES: &[(&str, &str)] = &[
    ("dotenv", "{}\n"),
    ("dotenv", "export {}\n"),
    ("dotenv", "{} = 1\n"),
    ("dotenv", "OPENAI_API_KEY {}\n"),
    ("dotenv", "OPENAI API KEY={}\n"),
    ("dotenv", "OPENAI_API_KEY: {}\n"),
    ("dotenv", "={}\n"),
    ("dotenv", "OPENAI_API_KEY='{}\n"),
    ("dotenv", "OPENAI_API_KEY=\"{}\nA=1\n"),
    ("dotenv", "OPENAI_API_KEY=\"{}\" {}\n"),
    ("dotenv", "OPENAI_API_KEY=${{}\n"),
    ("dotenv", "OPENAI_API_KEY=${{}}\n"),
    ("dotenv", "OPENAI_API_KEY=${A:?{}}\n"),
    ("dotenv", "OPENAI_API_KEY=${A:-{}\n"),
    ("dotenv", "OPENAI_API_KEY=$({})\n"),
    ("dotenv", "OPENAI_API_KEY=`{}\n"),
    ("dotenv", "OPENAI_API_KEY={}\0{}\n"),
    ("dotenv", "if {}; then OPENAI_API_KEY={}\n"),
    ("dotenv", "OPENAI_API_KEY=({})\n"),
    ("shell-file", "{}\n"),
    ("shell-file", "export OPENAI_API_KEY='{}\n"),
    ("shell-file", "export OPENAI_API_KEY=\"${A:?{}}\"\n"),
    ("shell-file", "export OPENAI_API_KEY=$(echo {}\n"),
    ("shell-file", "source {}; export {}; unset {}\nOPENAI_API_KEY=$(cat {})\n"),
    ("shell-file", "case {} in {}) export OPENAI_API_KEY={};;\n"),
    ("shell-file", "cat <<{}\nOPENAI_API_KEY={}\n"),
    ("shell-file", "set -gx OPENAI_API_KEY '{}\n"),
    ("shell-file", "set -gx OPENAI_API_KEY={}\nsource {}; set -e {}\n"),
    ("compose", "services: {}\n"),
    ("compose", "services:\n  api: {}\n"),
    ("compose", "services:\n  api:\n    image: x\n    environment: {}\n"),
    ("compose", "services:\n  api:\n    image: x\n    environment: [{}, {j}: 1, 3]\n"),
    ("compose", "services:\n  api:\n    image: x\n    environment:\n      OPENAI_API_KEY: \"{}\n"),
    ("compose", "services:\n  api:\n    image: x\n    environment:\n      OPENAI_API_KEY: [{}]\n"),
    (
        "compose",
        "services:\n  api:\n    image: x\n    environment:\n      OPENAI_API_KEY: {{}: 1}\n",
    ),
    ("compose", "services:\n  api:\n    image: x\n    environment:\n      OPENAI_API_KEY: *{}\n"),
    ("compose", "services:\n  api:\n    image: x\n    environment:\n      OPENAI_API_KEY: !{} 1\n"),
    (
        "compose",
        "services:\n  api:\n    image: x\n    environment:\n      OPENAI_API_KEY: \"${{}\"\n",
    ),
    (
        "compose",
        "services:\n  api:\n    image: x\n    environment:\n      OPENAI_API_KEY: \"${A?{}}\"\n",
    ),
    (
        "compose",
        "services:\n  api:\n    image: x\n    environment:\n      OPENAI_API_KEY: \"${A:?{}}\"\n",
    ),
    ("compose", "services:\n  api:\n    image: x\n    environment:\n      OPENAI_API_KEY: @{}\n"),
    ("compose", "services:\n  api:\n    image: x\n    environment:\n\t{}: 1\n"),
    ("compose", "services:\n  api:\n    image: x\n    environment:\n      {}: 1\n      {}: 2\n"),
    ("compose", "services:\n  api:\n    {}: 1\n    image: [{}]\n"),
    ("compose", "{}: 1\n"),
    ("compose", "{}\n"),
    ("compose", "include: [{j}\n"),
    ("compose", "services:\n  api:\n    image: x\n    secrets: [{}]\n"),
    (
        "compose",
        "services:\n  api:\n    image: x\n    secrets: [openai_api_key]\nsecrets:\n  openai_api_key:\n    file: {}\n",
    ),
    (
        "compose",
        "services:\n  api:\n    image: x\n    secrets: [openai_api_key]\nsecrets:\n  openai_api_key:\n    environment: {}\n",
    ),
    (
        "compose",
        "services:\n  api:\n    image: x\n    configs: [{source: openai_api_key, target: {}}]\nconfigs:\n  openai_api_key:\n    content: \"{}${NO:?{}}\"\n",
    ),
    ("ci", "include: [{j}, {local: {j}}]\nvariables:\n  OPENAI_API_KEY: [{}]\n"),
    ("ci", "version: 2.1\njobs:\n  b:\n    machine: x\n    environment: [{j}]\n"),
    (
        "ci",
        "version: 2.1\njobs:\n  b:\n    machine: x\n    environment: {OPENAI_API_KEY: [{}]}\nworkflows: {w: {jobs: [b: {context: {}}]}}\n",
    ),
    (
        "ci",
        "variables:\n- group: {}\n- name: OPENAI_API_KEY\n  value: [{}]\nsteps:\n- script: {}\n",
    ),
    ("ci", "{}"),
    ("ci", "{j}"),
    ("ci", "[{j}]"),
    ("ci", "[{\"key\": \"OPENAI_API_KEY\", \"value\": {}}]"),
    ("ci", "[{\"key\": \"OPENAI_API_KEY\", \"value\": [{j}]}]"),
    ("ci", "[{\"key\": {j}, \"value\": 7}]"),
    ("ci", "[{\"key\": \"OPENAI_API_KEY\", \"value\": {j}, \"variable_type\": {j}}]"),
    ("ci", "[{\"key\": \"OPENAI_API_KEY\", \"value\": {j}"),
    ("ci", "[{\"name\": \"OPENAI_API_KEY\", \"value\": {j}, \"updatedAt\": {j}}]"),
    ("ci", "[{\"name\": \"OPENAI_API_KEY\", \"value\": {j}, {j}: {j}}, {}]"),
    ("ci", "{\"message\": {j}, \"error\": {j}}"),
    ("export", "{\"SecretString\": {j}, \"x\": {}}"),
    ("export", "{\"Environment\": {\"Error\": {\"Message\": {j}}}, \"FunctionName\": \"f\"}"),
    ("export", "{\"a\": {\"OPENAI_API_KEY\": {j}}}"),
    ("export", "[x]\nOPENAI_API_KEY = {}\n"),
    ("kubernetes", "kind: Secret\nmetadata: {name: keys}\ndata: {OPENAI_API_KEY: {j}}\n"),
    ("kubernetes", "kind: Secret\nstringData: {OPENAI_API_KEY: {j}\n: {}: {}\n"),
    ("systemd", "[Service]\nEnvironment=OPENAI_API_KEY={} {j} 'x{}\n[{}\n"),
    ("systemd", "[Service]\nEnvironment=OPENAI_API_KEY={} %m{}\nEnvironmentFile={}\n"),
];

fn filled(template: &str, key: &Canary) -> Vec<u8> {
    let quoted = quoted(key);
    template.replace("{j}", &quoted).replace("{}", &key.text()).into_bytes()
}

#[test]
fn broken_files_are_told_by_place_alone() {
    let mut gate = Gate::new();
    let world = World::new();
    let mut inventory = format!("version = 1\n{}[environments.production]\n", credentials());
    let mut number = 0;
    for (kind, template) in FILES {
        let readers: &[&str] = match *kind {
            "dotenv" => &["python-dotenv", "node-dotenv", "compose", "docker-run", "sh"],
            "shell-file" => &["bash", "zsh", "fish", "environment.d", "environment"],
            "ci" => &["gitlab", "github", ""],
            _ => &[""],
        };
        for reader in readers {
            for format in [Format::OpenaiProject, Format::Opaque] {
                number += 1;
                let key = gate.key(format, &format!("{kind} {reader} {template:?}"));
                let file = format!("{number}.txt");
                world.write(&file, filled(template, &key));
                let place = match (*kind, *reader) {
                    ("dotenv", reader) => format!("path = \"{file}\"\ndialect = \"{reader}\""),
                    ("shell-file", reader) => format!("path = \"{file}\"\nshell = \"{reader}\""),
                    ("ci", "") | ("export", _) => format!("path = \"{file}\""),
                    ("ci", reader) => format!("path = \"{file}\"\nplatform = \"{reader}\""),
                    ("kubernetes", _) => format!("paths = [\"{file}\"]"),
                    _ => format!("files = [\"{file}\"]"),
                };
                inventory.push_str(&format!(
                    "[[layers]]\nname = \"layer {number}\"\nenvironment = \"production\"\n\
                     kind = \"{kind}\"\n{place}\ncredentials = [\"openai\", \"passphrase\"]\n"
                ));
            }
        }
    }
    world.write("stalekey.toml", inventory);
    let none = Variables::new();
    for form in ["human", "json"] {
        let output = world.run(&mut gate, &["check", "--offline", "--format", form], &none);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    }
    gate.verdict();
}

/// Inventories with a key pasted somewhere.
const INVENTORIES: &[&str] = &[
    "{}",
    "{} = 1",
    "version = {}",
    "version = {j}",
    "version = \"{}",
    "version = 1\n{} = 1",
    "version = 1\n[{}]",
    "version = 1\n[{}\n",
    "version = 1\nsalt = {j}",
    "version = 1\n[fingerprint]\nsalt = {j}",
    "version = 1\n[fingerprint]\nsalt = {}",
    "version = 1\n[fingerprint]\n{} = {j}",
    "version = 1\n[settings]\nrefresh = {j}",
    "version = 1\n[settings]\ntimeout = [{j}]",
    "version = 1\n[settings]\nconcurrency = {j}",
    "version = 1\n[settings]\nconcurrency = {}",
    "version = 1\n[credentials]\nopenai = {j}",
    "version = 1\n[credentials.openai]\nprovider = {j}",
    "version = 1\n[credentials.openai]\nprovider = \"openai\"\nkey = {j}",
    "version = 1\n[credentials.openai]\nprovider = \"openai\"\nvariables = {j}",
    "version = 1\n[credentials.openai]\nprovider = \"openai\"\nvariables = [{j}, \"=\"]",
    "version = 1\n[credentials.openai]\nprovider = \"openai\"\nmodels = {j}",
    "version = 1\n[credentials.openai]\nprovider = \"openai\"\nrotate_every = {j}",
    "version = 1\n[credentials.openai]\nprovider = \"openai\"\nendpoint = {j}",
    "version = 1\n[credentials.openai]\nprovider = \"openai\"\nendpoint = \"https://{}@host.example\"",
    "version = 1\n[credentials.openai]\nprovider = \"openai\"\nendpoint = \"http://host.example/{}\"",
    "version = 1\n[environments.a]\nexpect.openai = {j}",
    "[A]expect.openai = { last4 = {j} }",
    "[A]expect.openai = { fingerprint = {j} }",
    "[A]expect.openai = { reference = {j} }",
    "[A]expect.openai = { {} = {j} }",
    "[A]expect.{} = { last4 = \"abcd\" }",
    "[A]endpoint.openai = {j}",
    "[A]endpoint.openai = \"https://host.example/v1?key={}\"",
    "[A]{} = {j}",
    "[L]name = {j}\nenvironment = \"b\"\nkind = \"shell\"",
    "[L]name = \"x\"\nenvironment = {j}\nkind = \"shell\"",
    "[L]name = \"x\"\nenvironment = \"a\"\nkind = {j}",
    "[L]name = \"x\"\nenvironment = \"a\"\nkind = \"shell\"\n{} = {j}",
    "[L]name = \"x\"\nenvironment = \"a\"\nkind = \"shell\"\nkey = {j}",
    "[L]name = \"x\"\nenvironment = \"a\"\nkind = \"shell\"\nsource = {j}",
    "[L]name = \"x\"\nenvironment = \"a\"\nkind = \"shell\"\ncredentials = [{j}]",
    "[L]name = \"x\"\nenvironment = \"a\"\nkind = \"shell\"\noptional = {j}",
    "[L]name = \"x\"\nenvironment = \"a\"\nkind = \"dotenv\"\npath = \".env\"\ndialect = {j}",
    "[L]name = \"x\"\nenvironment = \"a\"\nkind = \"dotenv\"\npath = \".env\"\nvalue = {j}",
    "[L]name = \"x\"\nenvironment = \"a\"\nkind = \"ci\"\npath = \"a\"\nplatform = {j}",
    "[L]name = \"x\"\nenvironment = \"a\"\nkind = \"process\"\nmatch = {j}",
    "[L]name = \"x\"\nenvironment = \"a\"\nkind = \"process\"\nmatch = { command = \"({}\" }",
    "[L]name = \"x\"\nenvironment = \"a\"\nkind = \"process\"\nmatch = { {} = {j} }",
    "[L]name = \"x\"\nenvironment = \"a\"\nkind = \"process\"\nmatch = { pid = {j} }",
    "version = 1\n# {}\nx = \"{}\" {}\n",
    "version = 1\nx = '''{}\n",
    "version = 1\n\"{}\n",
    "version = 1\n[[layers]]\n[[layers]\nname = {j}",
    "version = 1\na = 1\na = {j}\n",
    "version = 1\nOPENAI_API_KEY={}\n",
    "version = 1\nx = 2026-{}\n",
];

const ENVIRONMENT: &str =
    "version = 1\n[credentials.openai]\nprovider = \"openai\"\n[environments.a]\n";

#[test]
fn a_broken_inventory_is_told_by_place_alone() {
    let mut gate = Gate::new();
    let world = World::new();
    let none = Variables::new();
    for (number, template) in INVENTORIES.iter().enumerate() {
        let whole = template.replacen("[A]", ENVIRONMENT, 1).replacen(
            "[L]",
            &format!("{ENVIRONMENT}[[layers]]\n"),
            1,
        );
        let format = [Format::OpenaiProject, Format::Azure, Format::Anthropic][number % 3];
        let key = gate.key(format, &format!("an inventory: {template:?}"));
        world.write("stalekey.toml", filled(&whole, &key));
        world.run(&mut gate, &["check", "--offline"], &none);
        world.run(&mut gate, &["check", "--offline", "--format", "json"], &none);
    }
    gate.verdict();
}

/// The user's own settings and providers with a key pasted somewhere.
const SETTINGS: &[&str] = &[
    "{}",
    "{} = 1",
    "theme = {j}",
    "ascii = {j}",
    "key = {j}",
    "[keys]\nquit = {j}",
    "[keys]\n{} = \"q\"",
    "[keys]\nquit = [\"\", {j}]",
    "[keys]\nquit = { {} = 1 }",
    "[fingerprint]\nteam_key = {j}",
    "[fingerprint]\nteam_key = {}",
    "[fingerprint]\n{} = {j}",
    "[{}]\n",
];
const PROVIDERS: &[&str] = &[
    "{}",
    "id = {j}",
    "id = \"mine\"\nname = {j}\nkey = {j}",
    "id = \"mine\"\nname = \"Mine\"\nendpoint = {j}",
    "id = \"mine\"\nname = \"Mine\"\nendpoint = \"https://{}@host.example\"",
    "id = \"mine\"\nname = \"Mine\"\nvariables = {j}",
    "id = \"mine\"\nname = \"Mine\"\n[[shapes]]\nname = \"a\"\npattern = \"({}\"",
    "id = \"mine\"\nname = \"Mine\"\n[probe]\npath = {j}\nheader = {j}\nscheme = {j}",
    "id = \"mine\"\nname = \"Mine\"\n[probe]\npath = \"/models\"\nheader = \"a b\"\nheaders = { {} = {j} }",
    "id = \"mine\"\nname = \"Mine\"\n[[answers]]\nstatus = {j}\noutcome = {j}\nmeaning = {j}",
    "id = \"openai\"\nname = {j}",
];

#[test]
fn broken_settings_and_providers_are_told_by_place_alone() {
    let mut gate = Gate::new();
    let shell_key = gate.key(Format::OpenaiProject, "this shell");
    let shell = variables(&[("OPENAI_API_KEY", shell_key)]);
    let cases = SETTINGS.iter().map(|it| ("settings.toml", it));
    for (file, template) in cases.chain(PROVIDERS.iter().map(|it| ("providers/mine.toml", it))) {
        let world = World::new();
        world.write(
            "stalekey.toml",
            format!(
                "{ENVIRONMENT}[[layers]]\nname = \"x\"\nenvironment = \"a\"\nkind = \"shell\"\n"
            ),
        );
        let key = gate.key(Format::OpenaiProject, &format!("{file}: {template:?}"));
        world.write(world.settings().join(file), filled(template, &key));
        world.run(&mut gate, &["check", "--offline"], &shell);
        world.run(&mut gate, &["fingerprint", "--variable", "OPENAI_API_KEY"], &shell);
    }
    gate.verdict();
}

/// What the dashboard says of keys that are none; on a terminal alone it comes so far.
#[test]
fn chords_that_are_none_are_not_quoted() {
    let mut gate = Gate::new();
    for format in [Format::OpenaiProject, Format::Opaque, Format::Azure] {
        let chord = gate.key(format, "a chord").text();
        let action = gate.key(format, "an action").text();
        for (action, chord) in [("quit", chord.as_str()), (action.as_str(), "q")] {
            let keys = [(action.to_owned(), vec![chord.to_owned()])].into();
            let mistake = stalekey::tui::Keymap::with(&keys).expect_err("a mistake");
            gate.saw("a mistake of the key map", mistake);
        }
    }
    gate.verdict();
}

//! Keys in every kind of layer, whole and damaged; every front end looks at them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use stalekey::{
    domain::{credential::CredentialFacts, fingerprint::FingerprintKey, snapshot::Snapshot},
    engine::{self, Setup},
    inventory,
    layers::{self, ReadFiles, Surroundings},
    providers::Catalogue,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    canary::{Canary, Format},
    changing::{Changing, Linked},
    gate::Gate,
    memory::memory_can_be_read,
    screens::look_at_everything,
    world::{Variables, Waiting, World, environment, quoted},
};

/// Credential, provider, variable, form of its key.
pub(crate) const CREDENTIALS: [(&str, Option<&str>, &str, Format); 10] = [
    ("openai", Some("openai"), "OPENAI_API_KEY", Format::OpenaiProject),
    ("legacy", Some("openai"), "LEGACY_KEY", Format::OpenaiLegacy),
    ("anthropic", Some("anthropic"), "ANTHROPIC_API_KEY", Format::Anthropic),
    ("azure", Some("azure-openai"), "AZURE_KEY", Format::Azure),
    ("gemini", Some("google-gemini"), "GEMINI_API_KEY", Format::Gemini),
    ("openrouter", Some("openrouter"), "OPENROUTER_API_KEY", Format::Openrouter),
    ("passphrase", None, "PASSPHRASE", Format::Opaque),
    ("lines", None, "ODD_LINES", Format::OpaqueLineEnds),
    ("wide", None, "ODD_WIDE", Format::OpaqueUtf8),
    ("escape", None, "ODD_ESCAPE", Format::OpaqueEscape),
];
/// The first of them are plain words.
pub(crate) const PLAIN: usize = 7;
const DIALECTS: [&str; 5] = ["python-dotenv", "node-dotenv", "compose", "docker-run", "sh"];

/// The tables of all credentials.
pub(crate) fn credentials() -> String {
    CREDENTIALS
        .iter()
        .map(|(id, provider, variable, _)| {
            let provider = provider.map_or_else(String::new, |id| format!("provider = \"{id}\"\n"));
            let endpoint = match *id {
                "azure" => "endpoint = \"https://example.openai.azure.com\"\n",
                _ => "",
            };
            format!("[credentials.{id}]\n{provider}{endpoint}variables = [\"{variable}\"]\n")
        })
        .collect()
}

/// What every inventory here begins with.
pub(crate) fn head() -> String {
    let salt = "5e".repeat(32);
    let credentials = credentials();
    format!(
        "version = 1\n[fingerprint]\nsalt = \"{salt}\"\n{credentials}[environments.production]\n"
    )
}

/// One key for each credential, in this place.
pub(crate) fn keys(gate: &mut Gate, place: &str) -> Vec<(&'static str, Canary)> {
    CREDENTIALS
        .iter()
        .map(|(_, _, variable, format)| (*variable, gate.key(*format, place)))
        .collect()
}

pub(crate) fn lines(keys: &[(&str, Canary)], write: impl Fn(&str, &Canary) -> String) -> String {
    keys.iter().map(|(variable, key)| write(variable, key)).collect()
}

/// An environment full of keys.
pub(crate) fn variables(keys: &[(&str, Canary)]) -> Variables {
    keys.iter().map(|(variable, key)| ((*variable).to_owned(), key.bytes())).collect()
}

/// The files, the inventory, this shell and the processes of the test.
struct Scene {
    world: World,
    inventory: String,
    shell: Variables,
    /// Masks of these have to be seen.
    whole: Vec<Canary>,
    waiting: Vec<Waiting>,
    changing: Option<Changing>,
}

impl Scene {
    fn new(gate: &mut Gate) -> Self {
        let mut scene = Self {
            world: World::new(),
            inventory: head(),
            shell: Vec::new(),
            whole: Vec::new(),
            waiting: Vec::new(),
            changing: None,
        };
        scene.dotenv(gate);
        scene.damaged(gate);
        scene.shell(gate);
        scene.compose(gate);
        scene.ci(gate);
        scene.commands(gate);
        scene.cluster(gate);
        scene.processes(gate);
        scene.containers(gate);
        let inventory = scene.inventory.clone();
        scene.world.write("stalekey.toml", inventory);
        scene
    }

    fn layer(&mut self, name: &str, rest: &str) {
        self.inventory.push_str(&format!(
            "[[layers]]\nname = \"{name}\"\nenvironment = \"production\"\n{rest}\n"
        ));
    }

    fn whole(&mut self, keys: &[(&str, Canary)]) {
        self.whole.extend(keys[..PLAIN - 1].iter().map(|(_, key)| key.clone()));
    }

    fn dotenv(&mut self, gate: &mut Gate) {
        for dialect in DIALECTS {
            let keys = keys(gate, dialect);
            let text = lines(&keys[..PLAIN], |name, key| format!("{name}={}\n", key.text()));
            self.world.write(format!("{dialect}.env"), text);
            self.layer(
                dialect,
                &format!("kind = \"dotenv\"\npath = \"{dialect}.env\"\ndialect = \"{dialect}\""),
            );
            self.whole(&keys);
            for (number, (name, key)) in keys[PLAIN..].iter().enumerate() {
                let file = format!("{dialect}.{number}.env");
                self.world.write(&file, format!("{name}=\"{}\"\n", key.text()));
                self.layer(
                    &file,
                    &format!("kind = \"dotenv\"\npath = \"{file}\"\ndialect = \"{dialect}\""),
                );
            }
        }
    }

    /// What a person gets wrong.
    fn damaged(&mut self, gate: &mut Gate) {
        type Damage = fn(&str, &Canary) -> String;
        let damages: [(&str, Damage); 9] = [
            ("quoted", |name, key| format!("{name}=\"{}\"\n", key.text())),
            ("spaces", |name, key| format!("{name}= {} \r\n", key.text())),
            ("bearer", |name, key| format!("{name}=Bearer {}\n", key.text())),
            ("cut short", |name, key| format!("{name}={}\n", half(&key.text()))),
            ("twice", |name, key| format!("{name}={0}x\n{name}={0}\n", key.text())),
            ("misspelt", |name, key| format!("{}={}\n", name.replace("_KEY", "KEY"), key.text())),
            ("as a name", |name, key| format!("{0}=1\n{name}=${{{0}}}\n", key.text())),
            ("commented", |name, key| format!("# {name}={0}\n{name}= # {0}\n", key.text())),
            ("zero width", |name, key| format!("{name}=\u{feff}{}\u{200b}\n", key.text())),
        ];
        for (name, damage) in damages {
            for dialect in ["docker-run", "python-dotenv"] {
                let label = format!("{name} {dialect}");
                let keys = keys(gate, &label);
                let file = format!("{}.env", label.replace(' ', "-"));
                self.world.write(&file, lines(&keys[..PLAIN], damage));
                self.layer(
                    &label,
                    &format!("kind = \"dotenv\"\npath = \"{file}\"\ndialect = \"{dialect}\""),
                );
            }
        }
        // Another vendor's key in each variable.
        let mut keys = keys(gate, "other vendor");
        let first = keys[0].1.clone();
        for number in 0..PLAIN - 1 {
            keys[number].1 = keys[number + 1].1.clone();
        }
        keys[PLAIN - 1].1 = first;
        self.world.write(
            "swapped.env",
            lines(&keys[..PLAIN], |name, key| format!("{name}={}\n", key.text())),
        );
        self.layer(
            "swapped",
            "kind = \"dotenv\"\npath = \"swapped.env\"\ndialect = \"docker-run\"",
        );
        self.companions(gate);
    }

    /// Keys in the variables beside a key.
    fn companions(&mut self, gate: &mut Gate) {
        let [key, user, query, path, org, project, whole] = [
            Format::OpenaiProject,
            Format::Opaque,
            Format::Gemini,
            Format::OpenaiLegacy,
            Format::OpenaiProject,
            Format::Anthropic,
            Format::Openrouter,
        ]
        .map(|format| gate.key(format, "the variables beside a key").text());
        let base = format!("https://me:{user}@gateway.example/{path}/v1?key={query}#{user}");
        self.world.write(
            "beside.env",
            format!(
                "OPENAI_API_KEY={key}\nOPENAI_BASE_URL={base}\nOPENAI_ORG_ID={org}\n\
                 OPENAI_PROJECT_ID={project}\n"
            ),
        );
        self.layer(
            "beside",
            "kind = \"dotenv\"\npath = \"beside.env\"\ncredentials = [\"openai\"]",
        );
        self.world.write(
            "instead.env",
            format!("OPENAI_API_KEY={key}\nOPENAI_BASE_URL={whole}\nOPENAI_ORG_ID=Bearer {org}\n"),
        );
        self.layer(
            "instead",
            "kind = \"dotenv\"\npath = \"instead.env\"\ncredentials = [\"openai\"]",
        );
    }

    fn shell(&mut self, gate: &mut Gate) {
        let here = keys(gate, "this shell");
        self.shell = variables(&here);
        self.whole(&here);
        self.layer("my shell", "kind = \"shell\"");
        for shell in ["bash", "zsh", "sh", "fish", "environment.d", "environment"] {
            let keys = keys(gate, shell);
            let export = if shell.starts_with("environment") { "" } else { "export " };
            let text = lines(&keys, |name, key| format!("{export}{name}='{}'\n", key.text()));
            self.world.write(format!("rc-{shell}"), text);
            self.layer(
                &format!("{shell} file"),
                &format!("kind = \"shell-file\"\npath = \"rc-{shell}\"\nshell = \"{shell}\""),
            );
            if shell != "environment" {
                self.whole(&keys);
            }
        }
    }

    fn compose(&mut self, gate: &mut Gate) {
        let (written, file, dotenv, other) = (
            keys(gate, "compose environment"),
            keys(gate, "compose env_file"),
            keys(gate, "compose .env"),
            keys(gate, "other parts of compose"),
        );
        let environment = lines(&written[..PLAIN], |name, key| {
            format!("      {name}: {}\n", quoted(key).replace('$', "$$"))
        });
        let through = lines(&written, |name, _| format!("      - {name}\n"));
        let replaced = lines(&written, |name, _| format!("      {name}: \"${{FROM_{name}}}\"\n"));
        let labels = lines(&other[..PLAIN], |name, key| format!("      {name}: {}\n", quoted(key)));
        self.world.write(
            "compose.yaml",
            format!(
                "services:\n  api:\n    image: x\n    environment:\n{environment}  file:\n    image: x\n    env_file: c.env\n  \
                 shell:\n    image: x\n    environment:\n{through}  dotenv:\n    image: x\n    environment:\n{replaced}  \
                 labels:\n    image: x\n    labels:\n{labels}    command: [\"run\", \"--key\", {key}]\n",
                key = quoted(&other[0].1)
            ),
        );
        let plain = |prefix: &str, keys: &[(&str, Canary)]| {
            lines(&keys[..PLAIN], |name, key| format!("{prefix}{name}={}\n", key.text()))
        };
        for (number, (name, key)) in written[PLAIN..].iter().enumerate() {
            let file = format!("odd-{number}.yaml");
            let key = quoted(key);
            self.world.write(
                &file,
                format!("services:\n  api:\n    image: x\n    environment:\n      {name}: {key}\n"),
            );
            self.layer(&file, &format!("kind = \"compose\"\nfiles = [\"{file}\"]"));
        }
        self.world.write("c.env", plain("", &file));
        self.world.write(".env", plain("FROM_", &dotenv));
        self.layer("all of compose", "kind = \"compose\"");
        self.layer(
            "api compose",
            "kind = \"compose\"\nservice = \"api\"\nsource = \"all of compose\"",
        );
        for keys in [&written, &file, &dotenv] {
            self.whole(keys);
        }
    }

    fn ci(&mut self, gate: &mut Gate) {
        let (gitlab, github) = (keys(gate, "gitlab"), keys(gate, "github"));
        let of_gitlab = lines(&gitlab, |name, key| {
            format!(
                r#"{{"key":"{name}","value":{},"variable_type":"env_var","protected":true,
                "masked":false,"hidden":false,"raw":true,"environment_scope":"*",
                "description":{}}},"#,
                quoted(key),
                quoted(key)
            )
        });
        self.world.write("gitlab.json", format!("[{}]", of_gitlab.trim_end_matches(',')));
        self.layer("gitlab", "kind = \"ci\"\npath = \"gitlab.json\"\nscope = \"production\"");
        let of_github = lines(&github, |name, key| {
            let value = quoted(key);
            format!(r#"{{"name":"{name}","value":{value},"updatedAt":"2026-01-02T03:04:05Z"}},"#)
        });
        self.world.write("github.json", format!("[{}]", of_github.trim_end_matches(',')));
        self.layer("github", "kind = \"ci\"\npath = \"github.json\"\nplatform = \"github\"");
        self.whole(&gitlab);
        self.whole(&github);
    }

    /// Programs that print keys, as they are meant to and in their complaints.
    fn commands(&mut self, gate: &mut Gate) {
        let (printed, said) = (keys(gate, "a command"), keys(gate, "a command's complaint"));
        let of = |keys: &[(&str, Canary)]| {
            lines(&keys[..PLAIN], |name, key| format!("{name}={}\n", key.text()))
        };
        let (printed_lines, said_lines) = (of(&printed), of(&said));
        let programs = [
            ("prints", "dotenv", format!("cat <<'END'\n{printed_lines}END\n")),
            ("complains", "dotenv", format!("cat >&2 <<'END'\nsign in {said_lines}END\nexit 1\n")),
            ("refuses", "json", format!("cat <<'END'\nerror: {said_lines}END\n")),
        ];
        for (name, output, script) in programs {
            let file = format!("bin/{name}");
            let credentials = if name == "prints" { "" } else { "credentials = [\"openai\"]" };
            self.world.write(&file, format!("#!/bin/sh\n{script}"));
            self.world.make_program(&file);
            self.layer(
                name,
                &format!("kind = \"command\"\ncommand = [\"./{file}\"]\noutput = \"{output}\"\n{credentials}"),
            );
        }
        for (id, _, variable, _) in CREDENTIALS {
            let key = said.iter().find(|(name, _)| *name == variable);
            let text = key.map(|(_, key)| key.text()).unwrap_or_default();
            let file = format!("bin/one-{id}");
            self.world.write(&file, format!("#!/bin/sh\ncat <<'END'\n{text}\nEND\n"));
            self.world.make_program(&file);
            let rest = format!("command = [\"./{file}\"]\ncredentials = [\"{id}\"]");
            self.layer(&format!("one {id}"), &format!("kind = \"command\"\n{rest}"));
        }
        self.whole(&printed);
        self.whole(&said);
    }

    /// A cluster, asked through a `kubectl` that prints what the real one does, and complains.
    fn cluster(&mut self, gate: &mut Gate) {
        let (held, literal, said) =
            (keys(gate, "a Secret"), keys(gate, "a pod"), keys(gate, "what kubectl says"));
        let complaint = lines(&said[..PLAIN], |name, key| format!("{name}: {}\n", key.text()));
        let data = |keys: &[(&str, Canary)]| -> serde_json::Value {
            let encoded = |(name, key): &(&str, Canary)| {
                ((*name).to_owned(), STANDARD.encode(key.bytes()).into())
            };
            serde_json::Value::Object(keys.iter().map(encoded).collect())
        };
        let template = |env: serde_json::Value| json!({"containers": [{"name": "web", "env": env, "envFrom": [{"secretRef": {"name": "keys"}}]}]});
        let env: Vec<_> =
            literal.iter().map(|(name, key)| json!({"name": name, "value": key.text()})).collect();
        let owner = json!([{"kind": "ReplicaSet", "name": "api-7d", "controller": true}]);
        let pod = |name: &str, env: &[serde_json::Value], state: serde_json::Value| {
            let owner = if name.starts_with("api") { owner.clone() } else { json!([]) };
            json!({"kind": "Pod", "metadata": {"name": name, "labels": {"app": "api"}, "ownerReferences": owner},
                "spec": template(env.into()), "status": {"phase": "Running", "containerStatuses": [{"name": "web", "state": state}]}})
        };
        let crash = json!({"waiting": {"reason": "Error", "message": complaint}});
        let workloads = json!({"kind": "List", "items": [
            {"kind": "Deployment", "metadata": {"name": "api"}, "spec": {
                "selector": {"matchLabels": {"app": "api"}}, "template": {"spec": template(json!([]))}}},
            pod("old", &[], json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}})),
            pod("api-7d-new", &[], json!({"running": {"startedAt": "2026-03-01T00:00:00Z"}})),
            pod("api-7d-own", &env, json!({"running": {"startedAt": "2026-03-01T00:00:00Z"}})),
            pod("down", &[], crash),
        ]});
        let secrets = json!({"kind": "Secret", "data": data(&held), "metadata": {
            "name": "keys", "creationTimestamp": "2026-02-01T00:00:00Z",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": complaint}}});
        self.world.write("answers/workloads", workloads.to_string());
        self.world.write("answers/secrets", secrets.to_string());
        let fields: serde_json::Map<String, serde_json::Value> =
            held.iter().map(|(name, _)| (format!("f:{name}"), json!({}))).collect();
        let managed = json!([{"time": "2026-02-01T00:00:00Z", "fieldsV1": {"f:data": fields}}]);
        self.world.write("answers/times", format!("keys\t2026-02-01T00:00:00Z\t{managed}\n"));
        let script = format!(
            "#!/bin/sh\ncat >&2 <<'END'\n{complaint}END\ncase \"$*\" in\n*broken*) exit 1;;\n\
             *jsonpath*) cat answers/times;;\n*secrets/*) cat answers/secrets;;\n\
             *) cat answers/workloads;;\nesac\n"
        );
        self.world.write("bin/kubectl", script);
        self.world.make_program("bin/kubectl");
        let path = format!("{}:/usr/bin:/bin", self.world.work().join("bin").display());
        self.shell.push(("PATH".to_owned(), path.into_bytes()));
        let cluster = "kind = \"kubernetes\"\nnamespace = \"prod\"\ncontext";
        // What fails does so for each credential alike.
        let one = "credentials = [\"openai\"]";
        self.layer("cluster", &format!("{cluster} = \"prod\"\n{one}"));
        self.layer(
            "cluster read",
            &format!("{cluster} = \"prod\"\nsecrets = \"read\"\nworkload = \"api\""),
        );
        self.layer("cluster broken", &format!("{cluster} = \"broken\"\n{one}"));
        self.whole(&held);
        self.whole(&literal);
    }

    fn processes(&mut self, gate: &mut Gate) {
        let (own, words, title) = (
            keys(gate, "a process"),
            gate.key(Format::OpenaiProject, "a command line"),
            gate.key(Format::Anthropic, "the title of a process"),
        );
        let assigned = format!("--key={}", words.text()).into_bytes();
        let processes = [
            Waiting::start(b"plain", &[], &variables(&own)),
            Waiting::start(b"with-words", &[&words.bytes(), &assigned], &variables(&own)),
            Waiting::start(
                format!("app: key {}", title.text()).as_bytes(),
                &[],
                &variables(&own[..1]),
            ),
            Waiting::start(
                format!("app --key={}", title.text()).as_bytes(),
                &[],
                &variables(&own[..1]),
            ),
        ];
        // What a process has come to hold after its start, over what it was launched with.
        let changed: Vec<_> = CREDENTIALS[..PLAIN]
            .iter()
            .map(|(_, _, variable, format)| (*variable, gate.key(*format, "a changed environment")))
            .collect();
        let start = Changing::start(Linked::Dynamically, "changing", &[]);
        if let Some(mut changing) = start {
            for (variable, key) in &changed {
                changing.tell(&format!("put {variable}={}", key.text()));
            }
            let pid = changing.pid();
            self.layer("changing", &format!("kind = \"process\"\nmatch = {{ pid = {pid} }}"));
            if memory_can_be_read() {
                self.whole(&changed);
            }
            self.changing = Some(changing);
        }
        for process in &processes {
            let pid = process.pid();
            self.layer(
                &format!("process {pid}"),
                &format!("kind = \"process\"\nmatch = {{ pid = {pid} }}"),
            );
        }
        self.layer(
            "by its command",
            &format!("kind = \"process\"\nmatch = {{ command = \"with-words -c\" }}\nmin = {}", 2),
        );
        self.whole(&own);
        self.waiting.extend(processes);
    }

    /// Engines that note all that they are given, and print more than is wanted of them.
    fn containers(&mut self, gate: &mut Gate) {
        let own = keys(gate, "a container");
        let other = gate.key(Format::OpenaiProject, "another variable of a container");
        let command = gate.key(Format::OpenaiLegacy, "the command that created a container");
        let said = gate.key(Format::OpenaiProject, "what an engine says when it fails");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("canaries are UTF-8");
        let mut env: Vec<String> =
            own.iter().map(|(name, key)| format!("{name}={}", text(key.bytes()))).collect();
        env.push(format!("SOMEBODY_ELSES={}", other.text()));
        let id = "9f".repeat(32);
        let inspected = serde_json::json!([{
            "Id": id, "Name": "/api-1", "Created": "2026-01-01T00:00:00Z", "ImageName": "api",
            "State": { "Status": "running", "Pid": 0 },
            "Config": { "Env": env, "CreateCommand": ["podman", "run", "-e", command.text()] },
        }]);
        self.world.write("inspected.json", inspected.to_string());
        let work = self.world.work();
        let work = work.display();
        let notes = format!("#!/bin/sh\n{{ echo \"$*\"; env; }} >>{work}/asked\n");
        let docker = format!("case $1 in ps) echo {id};; *) cat {work}/inspected.json;; esac\n");
        let podman = format!("echo {} | tee /dev/stderr\nexit 1\n", said.text());
        for (name, script) in [("docker", docker), ("podman", podman)] {
            self.world.write_program(&format!("bin/{name}"), format!("{notes}{script}"));
        }
        self.shell.push(("PATH".to_owned(), format!("{work}/bin:/usr/bin:/bin").into_bytes()));
        self.layer("container", "kind = \"container\"\nmatch = { name = \"api-1\" }");
        self.layer(
            "container elsewhere",
            "kind = \"container\"\nmatch = { label = \"a=b\" }\nengine = \"podman\"",
        );
        self.whole(&own);
    }

    /// The parts of a run that stays in this process.
    fn setup(&self) -> Setup {
        setup(&self.world, &self.inventory, &self.shell)
    }
}

/// The parts of a run that stays in this process.
pub(crate) fn setup(world: &World, inventory: &str, shell: &Variables) -> Setup {
    let catalogue = Arc::new(Catalogue::embedded());
    let inventory = inventory::parse(inventory, "stalekey.toml", &world.work(), &*catalogue)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"));
    Setup {
        fingerprint_key: FingerprintKey::salt(inventory.salt.unwrap_or_default()),
        inventory,
        catalogue,
        shell: environment(shell),
        home: Some(world.home()),
        offline: true,
        endpoints: BTreeMap::new(),
        environments: BTreeSet::new(),
        credentials: BTreeSet::new(),
        rotations: stalekey::engine::RotationSetup::default(),
        trust: Arc::new(stalekey::inventory::trust::Trust::All),
        tour: None,
    }
}

fn half(text: &str) -> &str {
    text.split_at(text.len() * 2 / 3).0
}

#[test]
fn every_layer_kind_through_every_front_end() {
    let mut gate = Gate::new();
    let scene = Scene::new(&mut gate);
    let with = |name: &str, value: &str| {
        let mut variables = scene.shell.clone();
        variables.push((name.to_owned(), value.as_bytes().to_vec()));
        variables
    };
    let (world, shell) = (&scene.world, &scene.shell);
    let runs: &[&[&str]] = &[
        &["check", "--offline"],
        &["check", "--offline", "--format", "json"],
        &["check", "--offline", "--fail-on", "never"],
        &["--offline"],
        &["--offline", "--environment", "production", "--credential", "lines"],
    ];
    for run in runs {
        world.run(&mut gate, run, shell);
    }
    world.run(&mut gate, &["check", "--offline"], &with("LC_ALL", "C"));
    world.run(&mut gate, &["check", "--offline"], &with("RUST_LOG", "trace"));
    let team = gate.key(Format::TeamKey, "STALEKEY_FP_KEY");
    world.run(
        &mut gate,
        &["check", "--offline", "--format", "json"],
        &with("STALEKEY_FP_KEY", &team.text()),
    );
    for key in &scene.whole {
        gate.assert_shown(key);
    }
    gate.verdict();
}

#[test]
fn every_layer_kind_on_every_screen() {
    let mut gate = Gate::new();
    let scene = Scene::new(&mut gate);
    let setup = scene.setup();
    gate.saw("Debug of the inventory", format!("{:?}", setup.inventory));
    gate.saw("Debug of the shell", format!("{:?}", setup.shell));
    gate.saw("Debug of the fingerprint key", format!("{:?}", setup.fingerprint_key));
    let facts: Vec<CredentialFacts> = CREDENTIALS.iter().map(facts).collect();
    let facts: Vec<&CredentialFacts> = facts.iter().collect();
    let wanted = facts.iter().flat_map(|facts| facts.wanted_variables()).map(str::to_owned);
    let surroundings = Surroundings::new(
        &setup.inventory.folder,
        setup.home.clone(),
        setup.shell.clone(),
        Arc::new(ReadFiles::new(wanted.collect())),
        Arc::clone(&setup.trust),
    );
    for layer in &setup.inventory.layers {
        let readings = layers::read(layer, &facts, &surroundings);
        gate.saw(format!("Debug of readings of {}", layer.name), format!("{readings:?}"));
    }
    let mut pictures: Vec<Snapshot> = Vec::new();
    let snapshot = engine::check(setup, |picture| pictures.push(picture.clone())).expect("a pass");
    gate.saw("Debug of progress", format!("{pictures:?}"));
    look_at_everything(&mut gate, "offline", &snapshot);
    gate.verdict();
}

fn facts((id, provider, variable, _): &(&str, Option<&str>, &str, Format)) -> CredentialFacts {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    CredentialFacts {
        id: (*id).to_owned(),
        provider: provider.map(str::to_owned),
        variables: texts(&[variable]),
        organisation_variables: texts(&["OPENAI_ORG_ID"]),
        project_variables: texts(&["OPENAI_PROJECT_ID"]),
        base_url_variables: texts(&["OPENAI_BASE_URL"]),
        companions: Vec::new(),
        models: Vec::new(),
        owner: None,
    }
}

//! The inventory as a person writes it: what it may say, and how its mistakes are told.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use proptest::prelude::*;
use rstest::rstest;
use stalekey::{
    inventory::{
        self, Expect, Inventory, LayerSpec, ProcessMatch, Settings,
        trust::{self, Effect, Trust},
    },
    strict_toml::Mistakes,
};

fn providers() -> BTreeMap<String, Vec<String>> {
    let provider = |id: &str, variables: &[&str]| {
        (id.to_owned(), variables.iter().map(|&name| name.to_owned()).collect())
    };
    BTreeMap::from([
        provider("openai", &["OPENAI_API_KEY"]),
        provider("anthropic", &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"]),
        provider("azure", &[]),
    ])
}

fn parse(text: &str) -> Result<Inventory, Mistakes> {
    inventory::parse(text, "stalekey.toml", Path::new("/srv/project"), &providers())
}

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).expect("a file of this project")
}

const HEAD: &str =
    "version = 1\n[credentials.openai]\nprovider = \"openai\"\n[environments.prod]\n";

#[test]
fn the_example_loads_and_shows_everything() {
    let text = file("config.example.toml");
    let inventory = parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(inventory.settings, Settings::default(), "the example shows the defaults");
    assert!(inventory.salt.is_some());
    let ids: Vec<_> = inventory.credentials.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["openai", "anthropic", "webhook"], "in file order");
    let openai = &inventory.credentials[0];
    assert_eq!(openai.variables, ["OPENAI_API_KEY"], "those of the provider");
    assert_eq!(openai.rotate_every, Some(Duration::from_hours(90 * 24)));
    assert_eq!(inventory.credentials[1].variables, ["CLAUDE_KEY", "ANTHROPIC_API_KEY"]);
    let production = inventory.environment("production").unwrap();
    assert_eq!(production.expect["openai"], Expect::Last4("f3A9".to_owned()));
    assert_eq!(production.expect["webhook"], Expect::Reference("api .env".to_owned()));
    assert_eq!(
        inventory.endpoint("production", "anthropic"),
        Some("https://llm-gateway.example/anthropic")
    );
    assert_eq!(inventory.endpoint("development", "anthropic"), None);
    let workers = inventory.layer("api workers").unwrap();
    assert_eq!(
        workers.kind,
        LayerSpec::Process {
            matching: ProcessMatch {
                command: Some("gunicorn .*api".to_owned()),
                user: Some("www-data".to_owned()),
                ..ProcessMatch::default()
            },
            min: Some(2),
            memory: true,
        }
    );
    let kinds: std::collections::BTreeSet<_> =
        inventory.layers.iter().map(|layer| layer.kind.kind()).collect();
    assert_eq!(kinds.len(), 14, "every kind");
    for field in fields(&inventory::schema()) {
        let shown = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let found = shown.into_iter().any(|line| line.contains(&field));
        assert!(found || ["name", "pid"].contains(&field.as_str()), "not in the example: {field}");
    }
}

/// Every field that an inventory can have.
fn fields(schema: &serde_json::Value) -> Vec<String> {
    let mut fields = Vec::new();
    match schema {
        serde_json::Value::Object(object) => {
            if let Some(serde_json::Value::Object(properties)) = object.get("properties") {
                fields.extend(properties.keys().cloned());
            }
            fields.extend(object.values().flat_map(self::fields));
        }
        serde_json::Value::Array(array) => fields.extend(array.iter().flat_map(self::fields)),
        _ => {}
    }
    fields
}

#[test]
fn the_example_fits_the_schema() {
    let example: toml::Table = toml::from_str(&file("config.example.toml")).unwrap();
    let example = serde_json::to_value(example).unwrap();
    let validator = jsonschema::validator_for(&inventory::schema()).unwrap();
    let errors: Vec<_> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    let with = |pointer: &str, field: &str, value: serde_json::Value| {
        let mut changed = example.clone();
        changed.pointer_mut(pointer).unwrap()[field] = value;
        validator.is_valid(&changed)
    };
    assert!(with("/layers/3", "dialect", "sh".into()));
    assert!(!with("/layers/3", "dialect", "cobol".into()), "an unknown dialect");
    assert!(!with("/layers/3", "service", "api".into()), "a field of another kind");
    assert!(!with("/layers/3", "pth", "api".into()), "an unknown field");
    assert!(!with("/layers/3", "kind", "fax".into()), "an unknown kind");
    assert!(!with("", "version", 2.into()), "another version");
}

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let committed: serde_json::Value =
        serde_json::from_str(&file("assets/inventory.schema.json")).unwrap_or_default();
    assert!(
        committed == inventory::schema(),
        "assets/inventory.schema.json is stale: run `stalekey schema > assets/inventory.schema.json`"
    );
}

#[test]
fn an_empty_inventory_is_an_inventory() {
    let inventory = parse("version = 1").unwrap();
    assert_eq!(inventory.folder, PathBuf::from("/srv/project"));
    assert!(inventory.layers.is_empty());
    assert_eq!(trust::effects(&inventory), []);
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn effects_are_what_reaches_out() {
    let inventory = parse(&file("config.example.toml")).unwrap();
    let effects = trust::effects(&inventory);
    assert_eq!(
        effects,
        [
            Effect::Send {
                credential: "anthropic".to_owned(),
                provider: Some("anthropic".to_owned()),
                endpoint: "https://llm-gateway.example/anthropic".to_owned(),
            },
            Effect::ReadOutside { path: "/etc/supervisor/supervisord.conf".into() },
            Effect::ReadOutside { path: "~/.pm2".into() },
            Effect::ReadOutside { path: "~/.zshrc".into() },
            Effect::Unit { name: "mailer.service".to_owned() },
            Effect::Processes {
                what: "whose command line fits /gunicorn .*api/, of the user `www-data`".to_owned()
            },
            Effect::Processes {
                what: "whose pid stands in `run/importer.pid`, that listen on port 8000, that \
                       work in the folder `importer`, of the unit `importer.service`"
                    .to_owned()
            },
            Effect::Memory {
                what: "whose command line fits /gunicorn .*api/, of the user `www-data`".to_owned()
            },
            Effect::Containers { what: "label role=batch, through docker or podman".to_owned() },
            Effect::Containers { what: "name mailer-1, through docker or podman".to_owned() },
            Effect::Containers { what: "project shop, service api, through docker".to_owned() },
            Effect::Manager { what: "pm2 web, home ~/.pm2".to_owned() },
            Effect::Manager {
                what: "supervisor queue, config /etc/supervisor/supervisord.conf".to_owned()
            },
            Effect::Cluster {
                what: "context production, namespace shop: workload deploy/api and its pods, the \
                       ConfigMaps they name, when the Secrets they name changed (no value is kept); \
                       kubectl is given AWS_PROFILE"
                    .to_owned()
            },
            Effect::Run {
                command: texts(&["op", "read", "op://production/openai/key"]),
                inherit: vec![]
            },
            Effect::Run {
                command: texts(&["vault", "kv", "get", "-format=json", "secret/webhook"]),
                inherit: texts(&["VAULT_ADDR", "VAULT_TOKEN"])
            },
            Effect::Host { name: "ubuntu@10.0.0.5".to_owned() },
            Effect::Host { name: "web-1".to_owned() },
        ]
    );
    assert!(effects.iter().all(|effect| Trust::All.grants(effect)));
    let none = trust::Context {
        inventory: "/srv/project/stalekey.toml".into(),
        folder: "/srv/project".into(),
        home: None,
        path: None,
    };
    let none = Trust::Only(Box::new(trust::Ledger::new(none, &inventory, None, Vec::new())));
    assert!(!effects.iter().any(|effect| none.grants(effect)));
}

/// Each rule: what follows the head (four lines), the message, its place, and what else is shown.
#[rstest]
#[case::host_option("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"dotenv\"\npath = \"x\"\nhosts = [\"-oProxyCommand=x\"]", "this is not the name of a host", (10, 10), "write it as `ssh` takes it")]
#[case::host_twice("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"dotenv\"\npath = \"x\"\nhosts = [\"a\", \"a\"]", "this host is named twice", (10, 15), "leave one of them out")]
#[case::hosts_of_kind("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"shell\"\nhosts = [\"a\"]", "a layer of kind `shell` is not read on other machines", (9, 1), "dotenv, process and systemd")]
#[case::unknown_field("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"dotenv\"\npth = \"x\"\npath = \"x\"", "unknown field `pth`", (9, 1), "did you mean `path`?")]
#[case::field_of_another_kind("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"dotenv\"\npath = \"x\"\nservice = \"x\"", "unknown field `service`", (10, 1), "`service` belongs to kind `compose`")]
#[case::unknown_setting("[settings]\nrefesh = \"5m\"", "unknown field `refesh`", (6, 1), "did you mean `refresh`?")]
#[case::unknown_table("[layer]", "unknown field `layer`", (5, 2), "did you mean `layers`?")]
#[case::unknown_kind("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"dotnev\"", "unknown kind `dotnev`", (8, 8), "did you mean `dotenv`?")]
#[case::no_kind("[[layers]]\nname = \"a\"\nenvironment = \"prod\"", "missing field `kind`", (5, 1), "[[layers]]")]
#[case::no_name("[[layers]]\nenvironment = \"prod\"\nkind = \"shell\"", "missing field `name`", (5, 1), "`name`: unique")]
#[case::no_path("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"ci\"", "missing field `path`", (5, 1), "the file")]
#[case::wrong_type("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"shell\"\noptional = \"yes\"", "expected true or false, found text", (9, 12), "optional = \"…\"")]
#[case::command_as_text("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"command\"\ncommand = \"op read x\"", "expected a list, found text", (9, 11), "each part a text of its own: [\"…\", \"…\"]")]
#[case::command_in_one_word("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"command\"\ncommand = [\"op read x\"]", "no shell takes this text apart", (9, 12), "write each word as a text of its own")]
#[case::no_command("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"command\"\ncommand = []", "this list is empty", (9, 11), "name the program")]
#[case::one_value_of_several("[credentials.b]\nvariables = [\"B\"]\n[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"command\"\ncommand = [\"op\"]", "the program prints one value, and this layer holds several credentials", (7, 1), "`credentials = [\"…\"]`")]
#[case::pointer_into_a_value("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"command\"\ncommand = [\"op\"]\npointer = \"/a\"", "only JSON has places that a pointer names", (10, 1), "add `output = \"json\"`")]
#[case::dialect_of_a_value("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"command\"\ncommand = [\"op\"]\ndialect = \"sh\"", "only printed lines have a dialect", (10, 1), "add `output = \"dotenv\"`")]
#[case::inherited_value("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"command\"\ncommand = [\"op\"]\ninherit = [\"A=b\"]", "this is not the name of a variable", (10, 12), "never the value")]
#[case::neither_manifests_nor_cluster("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"kubernetes\"", "a layer of kind `kubernetes` needs `paths`, or `context` and `namespace`", (5, 1), "or name a cluster")]
#[case::manifests_and_cluster("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"kubernetes\"\npaths = [\"k8s\"]\ncontext = \"prod\"", "`paths` are manifests, and this is of a cluster", (10, 1), "a layer is either")]
#[case::half_a_cluster("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"kubernetes\"\nnamespace = \"shop\"", "a cluster is named by `context` and `namespace`, and one is missing", (5, 1), "get-contexts")]
#[case::secrets_of_manifests("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"kubernetes\"\npaths = [\"k8s\"]\nsecrets = \"read\"", "`paths` are manifests, and this is of a cluster", (10, 1), "keep one")]
#[case::unknown_dialect("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"dotenv\"\npath = \"x\"\ndialect = \"python\"", "unknown value `python`", (10, 11), "`python-dotenv`")]
#[case::not_a_pointer("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"export\"\npath = \"x\"\npointer = \"data/key\"", "this is not a JSON pointer", (10, 11), "`~1`")]
#[case::unknown_shape("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"export\"\npath = \"x\"\nshape = \"hero\"", "unknown value `hero`", (10, 9), "did you mean `heroku`?")]
#[case::no_manifests("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"kubernetes\"\npaths = []", "this list is empty", (9, 9), "file or folder")]
#[case::empty_workload("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"kubernetes\"\npaths = [\"x\"]\nworkload = \" \"", "this is empty", (10, 12), "leave it out")]
#[case::no_unit("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"systemd\"", "a layer of kind `systemd` needs `unit` or `files`", (5, 1), "unit = ")]
#[case::unit_with_path("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"systemd\"\nunit = \"/etc/a.service\"", "this is not the name of a unit", (9, 8), "`files`")]
#[case::empty_app("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"pm2\"\napp = \" \"", "this is not a name", (9, 7), "leave it out for all")]
#[case::empty_config("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"supervisor\"\nconfig = \"\"", "this is not a path", (9, 10), "inventory's folder")]
#[case::unknown_shell("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"shell-file\"\npath = \"x\"\nshell = \"fisch\"", "unknown value `fisch`", (10, 9), "did you mean `fish`?")]
#[case::unknown_platform("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"ci\"\npath = \"x\"\nplatform = \"git-lab\"", "unknown value `git-lab`", (10, 12), "did you mean `gitlab`?")]
#[case::duplicate_name("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"shell\"\n[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"shell\"", "layer name `a` is given twice", (10, 8), "line 6 has it already")]
#[case::dangling_source("[[layers]]\nname = \"api\"\nenvironment = \"prod\"\nkind = \"shell\"\nsource = \"apy\"", "unknown layer `apy`", (9, 10), "did you mean `api`?")]
#[case::source_is_itself("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"shell\"\nsource = \"a\"", "layers take their value in a circle: `a` from `a`", (9, 10), "take the `source` out")]
#[case::circle("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"shell\"\nsource = \"b\"\n[[layers]]\nname = \"b\"\nenvironment = \"prod\"\nkind = \"shell\"\nsource = \"c\"\n[[layers]]\nname = \"c\"\nenvironment = \"prod\"\nkind = \"shell\"\nsource = \"b\"", "layers take their value in a circle: `b` from `c` from `b`", (14, 10), "source = \"c\"")]
#[case::bad_duration("[settings]\ntimeout = \"ten\"", "this is not a length of time", (6, 11), "write it like \"500ms\"")]
#[case::duration_as_number("[settings]\ntimeout = 10", "expected text, found a whole number", (6, 11), "timeout = 10")]
#[case::refresh_too_short("[settings]\nrefresh = \"4s\"", "`refresh` must be at least 5s", (6, 11), "^^^")]
#[case::no_concurrency("[settings]\nconcurrency = 0", "this number must be from 1 to 65535", (6, 15), "concurrency = 0")]
#[case::unknown_provider("[credentials.a]\nprovider = \"opnai\"", "unknown provider `opnai`", (6, 12), "did you mean `openai`?")]
#[case::nothing_of_a_credential("[credentials.a]\nowner = \"me\"", "credential `a` has neither provider nor variables", (5, 14), "[credentials.a]")]
#[case::provider_without_variables("[credentials.a]\nprovider = \"azure\"", "provider `azure` brings no variables", (5, 14), "add `variables")]
#[case::empty_variables("[credentials.a]\nvariables = []", "this list is empty", (6, 13), "name a variable")]
#[case::variable_with_value("[credentials.a]\nvariables = [\"A\", \"B=c\"]", "a variable's name has no `=` and no NUL", (6, 19), "[\"…\", \"…\"]")]
#[case::variable_with_nul("[credentials.a]\nvariables = [\"A\\u0000\"]", "a variable's name has no `=` and no NUL", (6, 14), "the name only")]
#[case::variable_without_name("[credentials.a]\nvariables = [\"\"]", "a variable needs a name", (6, 14), "\"…\"")]
#[case::variable_twice("[credentials.a]\nvariables = [\"A\", \"A\"]", "variable `A` is named twice", (6, 19), "[\"…\", \"A\"]")]
#[case::bad_rotate_every("[credentials.a]\nprovider = \"openai\"\nrotate_every = \"90\"", "this is not a length of time", (7, 16), "\"90d\"")]
#[case::plain_endpoint("[credentials.a]\nprovider = \"openai\"\nendpoint = \"http://gateway.example\"", "http is for this machine only; an endpoint elsewhere is https", (7, 12), "endpoint = \"…\"")]
#[case::endpoint_with_password("[credentials.a]\nprovider = \"openai\"\nendpoint = \"https://me:hush@gateway.example\"", "an endpoint has no user name or password", (7, 12), "endpoint = \"…\"")]
#[case::endpoint_with_query("[environments.dev]\nendpoint.openai = \"https://gateway.example?key=hush\"", "an endpoint has no query", (6, 19), "= \"…\"")]
#[case::endpoint_of_nothing("[environments.dev]\nendpoint.opnai = \"https://gateway.example\"", "unknown credential `opnai`", (6, 10), "did you mean `openai`?")]
#[case::unknown_credential("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"shell\"\ncredentials = [\"opnai\"]", "unknown credential `opnai`", (9, 16), "did you mean `openai`?")]
#[case::credential_twice("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"shell\"\ncredentials = [\"openai\", \"openai\"]", "credential `openai` is named twice", (9, 26), "[\"…\", \"openai\"]")]
#[case::expect_unknown_credential("[environments.dev]\nexpect.opnai = { last4 = \"abcd\" }", "unknown credential `opnai`", (6, 8), "did you mean `openai`?")]
#[case::expect_nothing("[environments.dev]\nexpect.openai = {}", "`expect.openai` says nothing of the key", (6, 8), "exactly one of")]
#[case::expect_two("[environments.dev]\nexpect.openai = { last4 = \"abcd\", reference = \"a\" }", "`expect.openai` says more than one thing of the key", (6, 8), "last4 = \"…\"")]
#[case::last4_of_five("[environments.dev]\nexpect.openai = { last4 = \"abcde\" }", "`last4` must be four characters", (6, 27), "last4 = \"…\"")]
#[case::no_fingerprint("[environments.dev]\nexpect.openai = { fingerprint = \"abcde\" }", "this is not a fingerprint", (6, 33), "never write the key itself")]
#[case::expect_unknown_layer("[environments.dev]\nexpect.openai = { reference = \"vault\" }", "unknown layer `vault`", (6, 31), "no layer yet")]
#[case::unknown_environment("[[layers]]\nname = \"a\"\nenvironment = \"prd\"\nkind = \"shell\"", "unknown environment `prd`", (7, 15), "did you mean `prod`?")]
#[case::bad_salt("[fingerprint]\nsalt = \"abc\"", "the salt must be 64 hex digits (32 bytes)", (6, 8), "salt = \"…\"")]
#[case::path_and_files("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"dotenv\"\npath = \"x\"\nfiles = [\"y\"]", "`path` and `files` exclude each other", (10, 1), "keep one of them")]
#[case::neither_path_nor_files("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"dotenv\"", "a layer of kind `dotenv` needs `path` or `files`", (5, 1), "[[layers]]")]
#[case::no_files("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"dotenv\"\nfiles = []", "this list is empty", (9, 9), "at least one file")]
#[case::empty_path("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"ci\"\npath = \"\"", "this is not a path", (9, 8), "relative to")]
#[case::match_nothing("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"process\"\nmatch = { user = \"me\" }", "`match` says nothing of the process", (9, 9), "`port`, `folder` or `unit`")]
#[case::match_unknown("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"process\"\nmatch = { name = \"x\", ports = 80 }", "unknown field `ports`", (9, 23), "did you mean `port`?")]
#[case::match_port("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"process\"\nmatch = { port = 0 }", "nothing listens on port 0", (9, 18), "its port")]
#[case::match_folder("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"process\"\nmatch = { folder = \"\" }", "this is not a path", (9, 20), "relative to")]
#[case::bad_expression("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"process\"\nmatch = { command = \"a(b\" }", "this is not a regular expression", (9, 21), "put a `\\`")]
#[case::container_of_nothing("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"container\"\nmatch = {}", "`match` says nothing of the container", (9, 9), "`project` and `service`")]
#[case::service_alone("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"container\"\nmatch = { service = \"api\" }", "`project` and `service` belong together", (9, 9), "the project's name")]
#[case::two_ways("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"container\"\nmatch = { name = \"a\", label = \"b\" }", "`name`, `label` and `project` with `service` exclude each other", (9, 9), "keep one of them")]
#[case::container_that_is_an_option("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"container\"\nmatch = { name = \"--all\" }", "no container has such a name", (9, 18), "a letter or a digit")]
#[case::container_with_a_space("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"container\"\nmatch = { project = \"a b\", service = \"c\" }", "no container has such a name", (9, 21), "a letter or a digit")]
#[case::no_label("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"container\"\nmatch = { label = \"=b\" }", "this is no label", (9, 19), "name=value")]
#[case::unknown_engine("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"container\"\nmatch = { name = \"a\" }\nengine = \"dcoker\"", "unknown value `dcoker`", (10, 10), "did you mean `docker`?")]
#[case::invisible_name("[[layers]]\nname = \"a\\u200b\"\nenvironment = \"prod\"\nkind = \"shell\"", "a name needs visible characters, no control characters, and 300 at the most", (6, 8), "\"…\"")]
fn each_rule_is_told_at_its_place(
    #[case] rest: &str,
    #[case] what: &str,
    #[case] place: (u32, u32),
    #[case] shown: &str,
) {
    let mistakes = parse(&format!("{HEAD}{rest}\n")).expect_err("a mistake");
    let all = mistakes.to_string();
    assert_eq!(mistakes.len(), 1, "{all}");
    let mistake = &mistakes.0[0];
    assert_eq!(mistake.what, what, "{all}");
    assert_eq!((mistake.position.line, mistake.position.column), place, "{all}");
    assert!(all.contains(shown), "{all}");
    assert!(all.contains(&format!("--> stalekey.toml:{}:{}", place.0, place.1)), "{all}");
}

#[rstest]
#[case::missing("", "missing field `version`", (1, 1))]
#[case::newer("\nversion = 2", "version 2 is not known", (2, 11))]
#[case::text("version = \"1\"", "expected a whole number, found text", (1, 11))]
fn the_version_is_one(#[case] text: &str, #[case] what: &str, #[case] place: (u32, u32)) {
    let mistakes = parse(text).expect_err("a mistake");
    let told: Vec<_> = mistakes
        .iter()
        .map(|mistake| (mistake.what.as_str(), mistake.position.line, mistake.position.column))
        .collect();
    assert_eq!(told, [(what, place.0, place.1)]);
}

#[test]
fn a_mistake_reads_like_this() {
    let text = format!(
        "{HEAD}[[layers]]\nname = \"api .env\"\nenvironment = \"prod\"\nkind = \"dotenv\"\npth = \"services/api/.env\"\npath = \"x\"\n"
    );
    let expected = "\
error: unknown field `pth`
 --> stalekey.toml:9:1
  |
9 | pth = \"…\"
  | ^^^
  = allowed: `credentials`, `dialect`, `environment`, `files`, `hosts`, `kind`, `name`, `optional`, `owner`, `path`, `restart`, `source`
  = help: did you mean `path`?";
    assert_eq!(parse(&text).expect_err("a mistake").to_string(), expected);
}

#[test]
fn ten_mistakes_are_told_in_one_go() {
    let text = r#"version = 3
[settings]
refresh = "1s"
[fingerprint]
salt = "12"
[credentials.openai]
provider = "opena"
[environments.prod]
expect.openai = { last4 = "abc" }
colour = "red"
[[layers]]
name = "a"
environment = "production"
kind = "dotenv"
source = "b"
[[layers]]
name = "b"
environment = "prod"
kind = "dotenvv"
[[layers]]
name = "a"
environment = "prod"
kind = "shell"
optional = 1
"#;
    let mistakes = parse(text).expect_err("mistakes");
    let told: Vec<_> = mistakes
        .iter()
        .map(|mistake| (mistake.position.line, mistake.position.column, mistake.what.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (1, 11, "version 3 is not known"),
            (3, 11, "`refresh` must be at least 5s"),
            (5, 8, "the salt must be 64 hex digits (32 bytes)"),
            (7, 12, "unknown provider `opena`"),
            (9, 27, "`last4` must be four characters"),
            (10, 1, "unknown field `colour`"),
            (11, 1, "a layer of kind `dotenv` needs `path` or `files`"),
            (13, 15, "unknown environment `production`"),
            (19, 8, "unknown kind `dotenvv`"),
            (21, 8, "layer name `a` is given twice"),
            (24, 12, "expected true or false, found a whole number"),
        ]
    );
}

/// A field with a mistake is there, and who refers to a thing with a mistake made none.
#[rstest]
#[case::path("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"dotenv\"\npath = 3")]
#[case::files("[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"dotenv\"\nfiles = [3]")]
#[case::variables("[credentials.a]\nvariables = 3")]
#[case::provider("[credentials.a]\nprovider = 3")]
#[case::selector(
    "[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"process\"\nmatch = { name = 3 }"
)]
#[case::expected("[environments.a]\nexpect.openai = { last4 = 3 }")]
#[case::layer(
    "[environments.a]\nexpect.openai.reference = \"a\"\n[[layers]]\nname = \"a\"\nenvironment = \"prod\"\nkind = \"ci\""
)]
#[case::environment(
    "[environments]\na = 3\n[[layers]]\nname = \"a\"\nenvironment = \"a\"\nkind = \"shell\""
)]
fn one_mistake_is_told_once(#[case] rest: &str) {
    let mistakes = parse(&format!("{HEAD}{rest}\n")).expect_err("a mistake");
    assert_eq!(mistakes.len(), 1, "{mistakes}");
}

#[test]
fn a_file_that_is_not_toml_is_told_where() {
    let text = format!("{HEAD}[[layers]]\nname = api\nenvironment = \"prod\"\nkind = \"shel\"\n");
    let mistakes = parse(&text).expect_err("mistakes");
    let told: Vec<_> =
        mistakes.iter().map(|mistake| (mistake.position.line, mistake.what.as_str())).collect();
    assert_eq!(told, [(6, "text must stand in quotes"), (8, "unknown kind `shel`")]);
}

/// Made at run time: no literal here looks like a key.
fn keys() -> [String; 5] {
    [
        format!("sk-proj-{}T3BlbkFJ{}", "aB3dE".repeat(14), "xY9wQ".repeat(14)),
        format!("sk-ant-api03-{}AA", "pQ7_rS-t".repeat(11)),
        format!("AIza{}", "SyQwErTyUiOpAsDfGhJkLzXcVbNmQwErTyU"),
        format!("gsk_{}", "Zx8Cv7Bn6M".repeat(5)),
        "0f1e2d3c".repeat(4),
    ]
}

/// Every string of the example is replaced by a key in turn, quoted and bare, and so is every key of
/// a table; nothing of it comes out again.
#[test]
fn a_pasted_key_never_comes_out() {
    let example = file("config.example.toml");
    let mut tried = 0;
    for ((start, end), key) in words(&example).into_iter().zip(keys().iter().cycle()) {
        let before = example.get(..start).unwrap();
        let after = example.get(end..).unwrap();
        for written in [format!("\"{key}\""), key.clone()] {
            let Err(mistakes) = parse(&format!("{before}{written}{after}")) else { continue };
            tried += 1;
            let shown = mistakes.to_string();
            let pieces: Vec<_> = key.as_bytes().windows(6).skip(13).collect();
            let leaks = shown.as_bytes().windows(6).any(|window| pieces.contains(&window));
            assert!(!leaks, "{before}{written}\n{shown}");
        }
    }
    assert!(tried > 200, "{tried}");
}

/// Start and end of every quoted string and every name, comments aside.
fn words(text: &str) -> Vec<(usize, usize)> {
    let expression = regex::Regex::new(r#"(?m)^\s*#.*$|"[^"\n]*"|[A-Za-z_][A-Za-z0-9_]*"#)
        .expect("an expression");
    expression
        .find_iter(text)
        .filter(|found| !found.as_str().trim_start().starts_with('#'))
        .map(|found| (found.start(), found.end()))
        .collect()
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text: String) {
        let _ = parse(&text).map_err(|mistakes| mistakes.to_string());
    }

    #[test]
    fn nor_does_an_inventory_with_a_piece_missing(start in 0_usize..4000, length in 0_usize..40) {
        let example = file("config.example.toml");
        let text: String =
            example.chars().enumerate().filter(|(at, _)| !(start..start + length).contains(at))
                .map(|(_, letter)| letter).collect();
        let _ = parse(&text).map_err(|mistakes| mistakes.to_string());
    }

    #[test]
    fn nor_does_one_with_a_piece_too_many(start in 0_usize..4000, piece in "[\\PC\n]{0,8}") {
        let example: Vec<char> = file("config.example.toml").chars().collect();
        let at = start.min(example.len());
        let text: String =
            example[..at].iter().copied().chain(piece.chars()).chain(example[at..].iter().copied())
                .collect();
        let _ = parse(&text).map_err(|mistakes| mistakes.to_string());
    }
}

//! Every trap of the catalogue is found in the bytes of a file, at its place.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
};

use stalekey::{
    domain::{credential::CredentialFacts, secret::SecretValue, trap::Trap},
    formats::Environment,
    inventory,
    layers::{self, ReadFiles, Surroundings},
};

const VARIABLE: &str = "OPENAI_API_KEY";

/// A trap, the files that hold it (`K` stands for the variable), the layer, and where it stands.
struct Sample<'s> {
    trap: &'s str,
    files: &'s [(&'s str, &'s str)],
    layer: &'s str,
    place: &'s str,
}

/// A `.env` file and its reader.
const DOTENV: &[(&str, &str, &str, &str)] = &[
    ("quotes-kept", "docker-run", "K=\"abc\"\n", "1:16"),
    ("quote-lost-or-half", "python-dotenv", "K=abc\"\n", "1:16"),
    ("leading-space", "docker-run", "K= abc\n", "1:16"),
    ("trailing-space", "docker-run", "K=abc \n", "1:16"),
    ("trailing-cr", "sh", "K=abc\r\n", "1:16"),
    ("trailing-newline", "sh", "K=\"abc\n\"\n", "1:17"),
    ("literal-backslash-n", "systemd", "K='abc\\n'\n", "1:17"),
    ("hash-cut", "node-dotenv", "A=1\nK=abc#def\n", "2:16"),
    ("comment-in-value", "docker-run", "K=abc # mine\n", "1:16"),
    ("dollar-eaten", "sh", "K=abc$def\n", "1:16"),
    ("interpolation-empty", "sh", "K=abc${def}\n", "1:16"),
    ("default-not-supported", "dotenvy", "K=${NONE:-abc}\n", "1:16"),
    ("swallowed-next-line", "node", "K=  \nBB=1\n", "2:1"),
    ("swallowed-key", "node", "BB=  \nK=1\n", "2:1"),
    ("file-rejected", "compose", "K=1\nno assignment\n", "2:3"),
    ("rest-ignored", "uv", "K=1\nB C=2\n", "2:3"),
    ("bare-name-passthrough", "docker-run", "K\n", "1:1"),
    ("bare-name", "python-dotenv", "K\n", "1:1"),
    ("duplicate-key", "python-dotenv", "K=1\nK=2\n", "2:16"),
    ("empty-shadows", "python-dotenv", "K=1\nK=\n", "2:16"),
    ("stale-shell-shadows-file", "python-dotenv", "K=abc\n", "1:16"),
    ("file-shadows-shell", "systemd", "K=abc\n", "1:16"),
    ("dynamic-value", "python-dotenv", "K=op://vault/item/field\n", "1:16"),
    ("executes-commands", "ruby-dotenv", "K=$(id)\n", "1:16"),
    ("masked-or-unreadable", "python-dotenv", "K=[SENSITIVE]\n", "1:16"),
    ("placeholder", "python-dotenv", "K=changeme\n", "1:16"),
    ("json-wrapped", "python-dotenv", "K='{\"a\": \"b\"}'\n", "1:17"),
    ("invisible-chars", "python-dotenv", "K=a\u{200b}b\n", "1:16"),
    ("encoding", "python-dotenv", "\u{feff}K=abc\n", "1:1"),
];

/// Files of other layers.
const OTHERS: &[Sample<'_>] = &[
    Sample {
        trap: "not-exported",
        files: &[(".bashrc", "A=1\nK=abc\n")],
        layer: "kind = \"shell-file\"\npath = \".bashrc\"",
        place: ".bashrc:2:16",
    },
    Sample {
        trap: "interactive-only",
        files: &[(".bashrc", "case $- in *i*) ;; *) return;; esac\nexport K=abc\n")],
        layer: "kind = \"shell-file\"\npath = \".bashrc\"",
        place: ".bashrc:1",
    },
    Sample {
        trap: "wrong-startup-file",
        files: &[(".profile", "export K=abc\n"), (".bash_profile", "A=1\n")],
        layer: "kind = \"shell-file\"\npath = \".profile\"",
        place: ".bash_profile",
    },
    Sample {
        trap: "fish-universal",
        files: &[
            ("config.fish", "set -gx A 1\n"),
            ("fish_variables", "# VERSION: 3.0\nSETUVAR --export K:abc\n"),
        ],
        layer: "kind = \"shell-file\"\npath = \"config.fish\"",
        place: "fish_variables:2:",
    },
    Sample {
        trap: "yaml-retyped",
        files: &[("compose.yaml", "services: {a: {image: x, environment: {K: 012}}}\n")],
        layer: "kind = \"compose\"",
        place: "compose.yaml:1:",
    },
    Sample {
        trap: "yaml-retyped",
        files: &[("ci.yml", "variables:\n  K: 012345\ntest: {script: x}\n")],
        layer: "kind = \"ci\"\npath = \"ci.yml\"\nplatform = \"gitlab\"",
        place: "ci.yml:2:19",
    },
    Sample {
        trap: "yaml-block-newline",
        files: &[("w.yml", "jobs:\n  a:\n    runs-on: x\n    env:\n      K: |\n        abc\n")],
        layer: "kind = \"ci\"\npath = \"w.yml\"\nplatform = \"github\"",
        place: "w.yml:6:9",
    },
    Sample {
        trap: "wrong-precedence-belief",
        files: &[
            ("compose.yaml", "services: {a: {image: x, env_file: a.env}}\n"),
            ("a.env", "K=abc\n"),
        ],
        layer: "kind = \"compose\"",
        place: "a.env:1:16",
    },
    Sample {
        trap: "wrong-precedence-belief",
        files: &[
            (
                "host/etc/systemd/system/a.service",
                "[Service]\nEnvironment=K=one\nEnvironmentFile=/etc/a.env\n",
            ),
            ("host/etc/a.env", "K=two\n"),
        ],
        layer: "kind = \"systemd\"\nfiles = [\"host/etc/systemd/system/a.service\"]",
        place: "host/etc/a.env:1:16",
    },
    Sample {
        trap: "rest-ignored",
        files: &[("a.service", "[Service]\nEnvironment=K=one two\n")],
        layer: "kind = \"systemd\"\nfiles = [\"a.service\"]",
        place: "a.service:2:",
    },
    Sample {
        trap: "override-file-ignored",
        files: &[
            ("compose.yaml", "services: {a: {image: x, environment: {K: abc}}}\n"),
            ("compose.override.yaml", "services: {}\n"),
        ],
        layer: "kind = \"compose\"\nfiles = [\"compose.yaml\"]",
        place: "compose.override.yaml",
    },
    Sample {
        trap: "scope-mismatch",
        files: &[(
            "v.json",
            "[{\"key\":\"K\",\"value\":\"a\",\"environment_scope\":\"*\"},\n{\"key\":\"K\",\"value\":\"b\",\"environment_scope\":\"staging\"}]",
        )],
        layer: "kind = \"ci\"\npath = \"v.json\"\nscope = \"production\"",
        place: "v.json:2:",
    },
    Sample {
        trap: "scope-mismatch",
        files: &[(
            "compose.yaml",
            "services: {a: {image: x, profiles: [p], environment: {K: abc}}}\n",
        )],
        layer: "kind = \"compose\"\nservice = \"a\"",
        place: "compose.yaml:1:12",
    },
    Sample {
        trap: "base64-layer",
        files: &[("s.yaml", "kind: Secret\nmetadata: {name: s}\ndata:\n  K: c2stYWJjCg==\n")],
        layer: "kind = \"kubernetes\"\npaths = [\"s.yaml\"]",
        place: "s.yaml:4:19",
    },
    Sample {
        trap: "staged",
        files: &[(
            "fly.json",
            "[{\"name\":\"K\",\"digest\":\"c1a2b3d4e5f60718\",\"status\":\"Staged\"}]",
        )],
        layer: "kind = \"export\"\npath = \"fly.json\"\nshape = \"fly\"",
        place: "fly.json:1:",
    },
];

/// The traps of the layer's only reading, as `name place`.
fn traps(sample: &Sample<'_>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in sample.files {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, named(text)).unwrap();
    }
    let text = format!(
        "version = 1\n[credentials.openai]\nvariables = [\"{VARIABLE}\"]\n[environments.prod]\n\
         [[layers]]\nname = \"l\"\nenvironment = \"prod\"\n{}\n",
        sample.layer
    );
    let providers = BTreeMap::<String, Vec<String>>::new();
    let inventory = inventory::parse(&text, "stalekey.toml", folder.path(), &providers)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let credential = CredentialFacts {
        id: "openai".to_owned(),
        variables: vec![VARIABLE.to_owned()],
        ..CredentialFacts::default()
    };
    let shell = Environment::from([(VARIABLE.to_owned(), SecretValue::new("shell"))]);
    let shell = if needs_shell(sample.trap) { shell } else { Environment::new() };
    let files = Arc::new(ReadFiles::new(BTreeSet::from([VARIABLE.to_owned()])));
    let surroundings = Surroundings::new(
        folder.path(),
        None,
        shell,
        files,
        Arc::new(stalekey::inventory::trust::Trust::All),
    );
    let readings = layers::read(&inventory.layers[0], &[&credential], &surroundings);
    let all = readings.iter().flat_map(|reading| &reading.traps);
    all.map(|found| format!("{} {}", found.trap.name(), found.place)).collect()
}

/// `K` where it is a whole name.
fn named(text: &str) -> String {
    let mut named = String::new();
    for (index, character) in text.char_indices() {
        let beside = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        let before = index.checked_sub(1).and_then(|before| bytes.get(before));
        if character == 'K' && !beside(before) && !beside(bytes.get(index + 1)) {
            named.push_str(VARIABLE);
        } else {
            named.push(character);
        }
    }
    named
}

fn needs_shell(trap: &str) -> bool {
    matches!(trap, "stale-shell-shadows-file" | "file-shadows-shell" | "wrong-precedence-belief")
}

#[test]
fn every_trap_of_the_catalogue_is_found_at_its_place() {
    let (mut shown, mut wrong) = (BTreeSet::new(), Vec::new());
    for (trap, reader, text, place) in DOTENV {
        let layer = format!("kind = \"dotenv\"\npath = \".env\"\ndialect = \"{reader}\"");
        let sample = Sample { trap, files: &[(".env", text)], layer: &layer, place };
        let found = traps(&sample);
        if !found.contains(&format!("{trap} .env:{place}")) {
            wrong.push(format!("{trap} of {reader} at {place}: {found:?}"));
        }
        shown.insert(*trap);
    }
    for sample in OTHERS {
        let found = traps(sample);
        let expected = format!("{} {}", sample.trap, sample.place);
        if !found.iter().any(|found| found.starts_with(&expected)) {
            wrong.push(format!("{expected}: {found:?}"));
        }
        shown.insert(sample.trap);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let all: BTreeSet<&str> = Trap::ALL.iter().map(|trap| trap.name()).collect();
    assert_eq!(shown, all);
}

//! Providers, proxies and addresses that try to get a key out.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use stalekey::{
    domain::{fingerprint::FingerprintKey, outcome::Outcome},
    engine::{self, Setup},
    inventory,
    providers::Catalogue,
};

use super::{
    canary::{Canary, Format},
    gate::Gate,
    hostile::{ANSWERS, Hostile},
    screens::look_at_everything,
    world::{Variables, World, environment},
};

/// Credential, provider, variable, form of its key.
const ASKED: [(&str, &str, &str, Format); 6] = [
    ("openai", "openai", "OPENAI_API_KEY", Format::OpenaiProject),
    ("anthropic", "anthropic", "ANTHROPIC_API_KEY", Format::Anthropic),
    ("azure", "azure-openai", "AZURE_KEY", Format::Azure),
    ("gemini", "google-gemini", "GEMINI_API_KEY", Format::Gemini),
    ("openrouter", "openrouter", "OPENROUTER_API_KEY", Format::Openrouter),
    ("own", "openai-compatible", "OWN_KEY", Format::Opaque),
];

fn head() -> String {
    let credentials: String = ASKED
        .iter()
        .map(|(id, provider, variable, _)| {
            format!("[credentials.{id}]\nprovider = \"{provider}\"\nvariables = [\"{variable}\"]\nmodels = [\"gpt-4o\"]\n")
        })
        .collect();
    format!(
        "version = 1\n[settings]\nrequests_per_second = 1000\nin_flight_per_host = 8\n\
         timeout = \"5s\"\nstop_after_refusals = 1000\n[fingerprint]\nsalt = \"{}\"\n{credentials}",
        "5e".repeat(32)
    )
}

fn keys(gate: &mut Gate, place: &str) -> Vec<(&'static str, Canary)> {
    ASKED.iter().map(|(_, _, variable, format)| (*variable, gate.key(*format, place))).collect()
}

fn dotenv(keys: &[(&str, Canary)]) -> String {
    keys.iter().map(|(name, key)| format!("{name}={}\n", key.text())).collect()
}

#[test]
fn what_a_hostile_provider_answers_stays_there() {
    let mut gate = Gate::new();
    let world = World::new();
    let elsewhere = Hostile::start(|_, _| Vec::new(), 0);
    let servers: Vec<Hostile> =
        ANSWERS.iter().map(|(_, answer)| Hostile::start(*answer, elsewhere.port)).collect();
    let keys = keys(&mut gate, "a file");
    // What is refused with the key is left out of one more request.
    let context = "OPENAI_ORG_ID=org-of-ours\nOPENAI_PROJECT_ID=proj_ours\n";
    world.write(".env", dotenv(&keys) + context);
    let mut text = head();
    for ((name, _), server) in ANSWERS.iter().zip(&servers) {
        text.push_str(&format!("[environments.\"{name}\"]\n"));
        for (id, ..) in ASKED {
            let base = format!("http://127.0.0.1:{}/v1", server.port);
            text.push_str(&format!("endpoint.{id} = \"{base}\"\n"));
        }
    }
    for (name, _) in ANSWERS {
        text.push_str(&format!(
            "[[layers]]\nname = \"{name} .env\"\nenvironment = \"{name}\"\nkind = \"dotenv\"\npath = \".env\"\n"
        ));
    }
    world.write("stalekey.toml", &text);
    let none = Variables::new();
    world.run(&mut gate, &["check"], &none);
    world.run(&mut gate, &["check", "--format", "json"], &none);
    for ((name, _), server) in ANSWERS.iter().zip(&servers) {
        // Who asks to wait is not asked again.
        let least = if *name == "limited" { 1 } else { 2 * ASKED.len() };
        assert!(server.keyed() >= least, "{name} was not asked about every key");
    }

    let catalogue = Arc::new(Catalogue::embedded());
    let inventory = inventory::parse(&text, "stalekey.toml", &world.work(), &*catalogue)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let setup = Setup {
        fingerprint_key: FingerprintKey::salt([3; 32]),
        inventory,
        catalogue,
        shell: environment(&none),
        home: None,
        offline: false,
        endpoints: BTreeMap::new(),
        environments: BTreeSet::new(),
        credentials: BTreeSet::new(),
        rotations: stalekey::engine::RotationSetup::default(),
        trust: Arc::new(stalekey::inventory::trust::Trust::All),
        tour: None,
    };
    let snapshot = engine::check(setup, |_| {}).expect("a pass");
    let outcomes: BTreeSet<Outcome> = snapshot.rows.iter().map(|row| row.probe.outcome).collect();
    assert!(outcomes.len() >= 5, "too little was told apart: {outcomes:?}");
    let trials = snapshot.rows.iter().filter(|row| row.probe.trial.is_some()).count();
    assert_eq!(trials, 2, "one for the organisation, one for the project");
    look_at_everything(&mut gate, "online", &snapshot);

    for ((name, _), server) in ANSWERS.iter().zip(&servers) {
        for request in server.requests_without_key() {
            gate.saw(format!("a request to {name}, without the header of the key"), request);
        }
    }
    assert_eq!(elsewhere.asked(), 0, "a redirect was followed");
    for (_, key) in &keys[..5] {
        gate.assert_shown(key);
    }
    gate.verdict();
}

/// The proxy sees names of hosts, and a report says which proxy; its password is nobody's business.
#[test]
fn a_proxy_gets_no_key_and_its_password_is_not_shown() {
    let mut gate = Gate::new();
    let world = World::new();
    let keys = keys(&mut gate, "a file");
    world.write(".env", dotenv(&keys));
    let password = gate.key(Format::Opaque, "the password of a proxy").text();
    let proxy = Hostile::start(|_, _| Vec::new(), 0);
    let address = format!("http://me:{password}@127.0.0.1:{}", proxy.port).into_bytes();
    let mut text = head().replace(
        "[credentials.azure]\n",
        "[credentials.azure]\nendpoint = \"https://example.openai.azure.com\"\n",
    );
    text = text.replace(
        "[credentials.own]\n",
        "[credentials.own]\nendpoint = \"https://models.example.com/v1\"\n",
    );
    text.push_str(
        "[environments.a]\n[[layers]]\nname = \"x\"\nenvironment = \"a\"\nkind = \"dotenv\"\npath = \".env\"\n",
    );
    world.write("stalekey.toml", &text);
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let variables = vec![(name.to_owned(), address.clone())];
        world.run(&mut gate, &["check"], &variables);
        let output = world.run(&mut gate, &["check", "--format", "json"], &variables);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(&format!("127.0.0.1:{}", proxy.port)), "{said}");
    }
    assert!(proxy.asked() > 0);
    for request in proxy.requests_without_key() {
        let lines = request.lines().filter(|line| {
            // The one who asked for a password gets it.
            !line.to_ascii_lowercase().starts_with("proxy-authorization:")
        });
        gate.saw("a request to the proxy", lines.collect::<Vec<_>>().join("\n"));
    }
    gate.verdict();
}

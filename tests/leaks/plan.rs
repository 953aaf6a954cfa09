//! The plan of requests, and the values that stand beside a key and are sent with it.

use super::{
    canary::{Canary, Format},
    gate::Gate,
    hostile::Hostile,
    world::{Variables, World},
};

/// Credential, provider, variable, form of its key.
const ASKED: [(&str, &str, &str, Format); 7] = [
    ("openai", "openai", "OPENAI_API_KEY", Format::OpenaiProject),
    ("anthropic", "anthropic", "ANTHROPIC_API_KEY", Format::Anthropic),
    ("azure", "azure-openai", "AZURE_KEY", Format::Azure),
    ("gemini", "google-gemini", "GEMINI_API_KEY", Format::Gemini),
    ("twilio", "twilio", "TWILIO_AUTH_TOKEN", Format::Azure),
    ("datadog", "datadog", "DD_API_KEY", Format::Azure),
    ("own", "openai-compatible", "OWN_KEY", Format::Opaque),
];
/// Variables of companions, organisations and addresses: where a key may stand by mistake.
const BESIDE: [(&str, Format); 9] = [
    ("TWILIO_ACCOUNT_SID", Format::Azure),
    ("TWILIO_API_KEY_SID", Format::OpenaiLegacy),
    ("CLOUDFLARE_ACCOUNT_ID", Format::Azure),
    ("LANGFUSE_PUBLIC_KEY", Format::Opaque),
    ("AWS_ACCESS_KEY_ID", Format::Gemini),
    ("OPENAI_ORG_ID", Format::OpenaiProject),
    ("OPENAI_PROJECT_ID", Format::Azure),
    ("OPENAI_BASE_URL", Format::Openrouter),
    ("DD_SITE", Format::Azure),
];

fn inventory(endpoint: &str) -> String {
    let mut text = format!("version = 1\n[fingerprint]\nsalt = \"{}\"\n", "5e".repeat(32));
    for (id, provider, variable, _) in ASKED {
        text.push_str(&format!(
            "[credentials.{id}]\nprovider = \"{provider}\"\nvariables = [\"{variable}\"]\n"
        ));
    }
    for (id, provider) in [("cloudflare", "cloudflare"), ("langfuse", "langfuse"), ("aws", "aws")] {
        text.push_str(&format!("[credentials.{id}]\nprovider = \"{provider}\"\n"));
    }
    text.push_str("[environments.a]\n");
    for (id, ..) in ASKED {
        text.push_str(&format!("endpoint.{id} = \"{endpoint}\"\n"));
    }
    text.push_str(&format!("endpoint.cloudflare = \"{endpoint}\"\n"));
    text + "[[layers]]\nname = \"x\"\nenvironment = \"a\"\nkind = \"dotenv\"\npath = \".env\"\n"
}

#[test]
fn a_plan_shows_masks_and_names() {
    let mut gate = Gate::new();
    let world = World::new();
    let keys: Vec<(&str, Canary)> = ASKED
        .iter()
        .map(|(_, _, variable, format)| (*variable, gate.key(*format, "a key")))
        .collect();
    let mut text: String =
        keys.iter().map(|(name, key)| format!("{name}={}\n", key.text())).collect();
    for (name, format) in BESIDE {
        let key = gate.key(format, &format!("beside a key, in {name}"));
        text.push_str(&format!("{name}={}\n", key.text()));
    }
    let account = format!("cfat_{}{}", "aB".repeat(20), "3d".repeat(4));
    text.push_str(&format!("CLOUDFLARE_API_TOKEN={account}\n"));
    world.write(".env", &text);
    world.write("stalekey.toml", inventory("http://127.0.0.1:9/v1"));
    let none = Variables::new();
    world.run(&mut gate, &["providers", "--plan"], &none);
    world.trust(&mut gate, &none);
    for arguments in [
        &["providers", "--plan"][..],
        &["providers", "--plan", "--format", "json"],
        &["providers", "--plan", "--offline"],
        &["providers", "--plan", "--credential", "twilio", "--format", "json"],
        &["check", "--offline", "--format", "json"],
    ] {
        let output = world.run(&mut gate, arguments, &none);
        assert!(!output.stdout.is_empty(), "{arguments:?}");
    }
    for (_, key) in keys.iter().take(4) {
        gate.assert_shown(key);
    }
    gate.verdict();
}

/// What a layer holds as a key goes into no address, also when it has the form of an account's id
/// and stands in its variable (SECURITY H5).
#[test]
fn a_key_that_stands_for_an_account_is_not_sent_as_one() {
    let mut gate = Gate::new();
    let world = World::new();
    let key = gate.key(Format::Azure, "a key, and in the variable of an account's id");
    let server = Hostile::start(|_, _| Vec::new(), 0);
    let token = format!("cfat_{}{}", "aB".repeat(20), "3d".repeat(4));
    world.write(
        ".env",
        format!(
            "AZURE_KEY={0}\nCLOUDFLARE_ACCOUNT_ID={0}\nCLOUDFLARE_API_TOKEN={token}\n",
            key.text()
        ),
    );
    world.write("stalekey.toml", inventory(&format!("http://127.0.0.1:{}/v1", server.port)));
    let arguments = ["check", "--credential", "azure", "--credential", "cloudflare"];
    let none = Variables::new();
    world.trust(&mut gate, &none);
    world.run(&mut gate, &arguments, &none);
    let output = world.run(&mut gate, &[&arguments[..], &["--format", "json"]].concat(), &none);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("lacks a value that has to be sent"), "{said}");
    assert!(server.asked() > 0, "the key itself was asked about");
    for request in server.requests_without_key() {
        assert!(!request.contains("/accounts/"), "{request}");
        gate.saw("a request, without the header of the key", request);
    }
    gate.verdict();
}

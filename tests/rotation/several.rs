//! Rotations beside each other, providers with two keys, and keys without a known format.

use super::{
    context::{Run, TestContext},
    last4,
    provider::Provider,
};

struct Place {
    context: TestContext,
    provider: Provider,
}

impl Place {
    fn new(accepted: &[&str], context: TestContext) -> Self {
        Self { context, provider: Provider::accepting(accepted) }
    }

    /// The provider, for the credentials that the inventory has.
    fn endpoints(&self) -> Vec<String> {
        let text =
            std::fs::read_to_string(self.context.path("stalekey.toml")).expect("it is there");
        let root = format!("http://127.0.0.1:{}", self.provider.port());
        let all =
            [("openai", self.provider.argument()), ("azure", format!("--endpoint=azure={root}"))];
        let has = |name: &str| text.contains(&format!("[credentials.{name}]"));
        all.into_iter().filter(|(name, _)| has(name)).map(|(_, argument)| argument).collect()
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let endpoints = self.endpoints();
        let mut all = arguments.to_vec();
        all.extend(endpoints.iter().map(String::as_str));
        self.context.run(&all)
    }

    fn run_with_input(&self, arguments: &[&str], input: &str) -> Run {
        let endpoints = self.endpoints();
        let mut all = arguments.to_vec();
        all.extend(endpoints.iter().map(String::as_str));
        self.context.finish(self.context.command(&all), input)
    }

    /// An inventory of files: credential, environment, name.
    fn inventory(&self, credentials: &str, files: &[(&str, &str, &str)]) {
        let mut text = format!(
            "version = 1\n[settings]\nin_flight_per_host = 8\nrequests_per_second = 200\n\
             {credentials}[environments.production]\n[environments.staging]\n"
        );
        for (credential, environment, name) in files {
            text += &format!(
                "[[layers]]\nname = \"{name}\"\nenvironment = \"{environment}\"\n\
                 kind = \"dotenv\"\npath = \"{name}\"\ncredentials = [\"{credential}\"]\n"
            );
        }
        self.context.write("stalekey.toml", text);
        self.context.trust(&[]);
    }

    fn file(&self, name: &str, variable: &str, key: &str) {
        self.context.write(name, format!("{variable}={key}\n"));
    }
}

const OPENAI: &str = "[credentials.openai]\nprovider = \"openai\"\n";
const AZURE: &str = "[credentials.azure]\nprovider = \"azure-openai\"\n";

/// 32 hex digits that depend on the name, as Azure makes them.
fn hex(context: &TestContext, name: &str) -> String {
    let mut state = name.bytes().fold(7_u64, |state, byte| {
        state.wrapping_mul(0x0100_0000_01B3).wrapping_add(u64::from(byte))
    });
    let digits = (0..32).map(|_| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        char::from(b"0123456789abcdef"[(state >> 60) as usize])
    });
    let key: String = digits.collect();
    context.must_not_show(&key);
    key
}

#[test]
fn two_keys_of_one_resource_are_told_apart_until_the_first_is_made_anew() {
    let context = TestContext::new();
    let (one, two) = (hex(&context, "key 1"), hex(&context, "key 2"));
    let place = Place::new(&[&one, &two], context);
    place.inventory(AZURE, &[("azure", "production", "a.env"), ("azure", "production", "b.env")]);
    for name in ["a.env", "b.env"] {
        place.file(name, "AZURE_OPENAI_API_KEY", &one);
    }
    let started = place.run(&["audit", "--start", "--new", last4(&two)]);
    assert_eq!(started.code, Some(0), "{started:?}");
    place.file("a.env", "AZURE_OPENAI_API_KEY", &two);
    let half = place.run(&["confirm"]);
    assert_eq!(half.code, Some(1), "{half:?}");
    assert!(half.stdout.contains("1 of 2 layers hold the new key"), "{half:?}");
    assert!(half.stdout.contains("not yet revoked"), "{half:?}");
    place.file("b.env", "AZURE_OPENAI_API_KEY", &two);
    let alive = place.run_with_input(&["confirm", "--old-key", "-"], &one);
    assert_eq!(alive.code, Some(1), "{alive:?}");
    assert!(alive.stdout.contains("2 of 2 layers hold the new key"), "{alive:?}");
    assert!(alive.stdout.contains("not yet revoked"), "{alive:?}");
    place.provider.revoke(&one);
    let done = place.run_with_input(&["confirm", "--old-key", "-"], &one);
    assert_eq!(done.code, Some(0), "{done:?}");
}

#[test]
fn two_credentials_go_their_own_ways() {
    let context = TestContext::new();
    let [old, new] = ["old", "new"].map(|name| context.key(name));
    let [one, two] = ["key 1", "key 2"].map(|name| hex(&context, name));
    let place = Place::new(&[&old, &new, &one, &two], context);
    let files = [("openai", "production", "o.env"), ("azure", "production", "a.env")];
    place.inventory(&format!("{OPENAI}{AZURE}"), &files);
    place.file("o.env", "OPENAI_API_KEY", &old);
    place.file("a.env", "AZURE_OPENAI_API_KEY", &one);
    let which = place.run(&["audit", "--start"]);
    assert!(which.stderr.contains("--credential"), "{which:?}");
    for (credential, new) in [("openai", &new), ("azure", &two)] {
        let start = ["audit", "--start", "--credential", credential, "--new", last4(new)];
        assert_eq!(place.run(&start).code, Some(0));
    }
    for arguments in [&["confirm", "--old-key", "-"][..], &["confirm", "-o", "both.json"]] {
        let whose = place.run_with_input(arguments, &old);
        assert_eq!(whose.code, Some(2), "{whose:?}");
        assert!(whose.stderr.contains("--credential"), "{whose:?}");
        assert!(whose.stderr.contains("openai-1, azure-1"), "{whose:?}");
    }
    assert!(!place.context.path("both.json").exists());
    place.file("o.env", "OPENAI_API_KEY", &new);
    place.provider.revoke(&old);
    let narrow = ["confirm", "--credential", "openai"];
    assert_eq!(place.run(&narrow).code, Some(3), "nobody holds the old key any more");
    let both = place.run(&["confirm"]);
    assert_eq!(both.code, Some(1), "the worst: {both:?}");
    assert!(both.stdout.contains("openai-1: not proven"), "{both:?}");
    assert!(both.stdout.contains("azure-1: not rotated"), "{both:?}");
    let done = place.run_with_input(&[&narrow[..], &["--old-key", "-"]].concat(), &old);
    assert_eq!(done.code, Some(0), "{done:?}");
    let rest = place.run(&["confirm"]);
    assert_eq!(rest.code, Some(1), "{rest:?}");
    assert!(!rest.stdout.contains("openai-1"), "{rest:?}");
}

#[test]
fn one_credential_is_rotated_in_each_environment_by_itself() {
    let context = TestContext::new();
    let [old, new, other, next] = ["old", "new", "other", "next"].map(|name| context.key(name));
    let place = Place::new(&[&old, &new, &other, &next], context);
    let files = [("openai", "production", "p.env"), ("openai", "staging", "s.env")];
    place.inventory(OPENAI, &files);
    place.file("p.env", "OPENAI_API_KEY", &old);
    place.file("s.env", "OPENAI_API_KEY", &other);
    for (environment, new) in [("production", &new), ("staging", &next)] {
        let start = ["audit", "--start", "--environment", environment, "--new", last4(new)];
        assert_eq!(place.run(&start).code, Some(0));
    }
    let whose = place.run_with_input(&["confirm", "--old-key", "-"], &old);
    assert!(whose.stderr.contains("--environment"), "{whose:?}");
    place.file("p.env", "OPENAI_API_KEY", &new);
    place.provider.revoke(&old);
    let production = ["confirm", "--environment", "production", "--old-key", "-"];
    let done = place.run_with_input(&production, &old);
    assert_eq!(done.code, Some(0), "{done:?}");
    let rest = place.run(&["confirm"]);
    assert_eq!(rest.code, Some(1), "{rest:?}");
    assert!(rest.stdout.starts_with("openai-2: not rotated"), "{rest:?}");
    place.file("s.env", "OPENAI_API_KEY", &next);
    place.provider.revoke(&other);
    let done = place.run_with_input(&["confirm", "--old-key", "-"], &other);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(place.run(&["confirm"]).code, Some(2), "all is over");
}

/// Another environment that still uses the old key shows that it lives.
#[test]
fn a_key_that_another_environment_uses_is_not_revoked() {
    let context = TestContext::new();
    let [old, new] = ["old", "new"].map(|name| context.key(name));
    let place = Place::new(&[&old, &new], context);
    let files = [("openai", "production", "p.env"), ("openai", "staging", "s.env")];
    place.inventory(OPENAI, &files);
    place.file("p.env", "OPENAI_API_KEY", &old);
    place.file("s.env", "OPENAI_API_KEY", &old);
    let start = ["audit", "--start", "--environment", "production", "--new", last4(&new)];
    assert_eq!(place.run(&start).code, Some(0));
    place.file("p.env", "OPENAI_API_KEY", &new);
    let alive = place.run(&["confirm"]);
    assert_eq!(alive.code, Some(1), "{alive:?}");
    assert!(alive.stdout.contains("1 of 1 layers hold the new key"), "{alive:?}");
    assert!(alive.stdout.contains("not yet revoked"), "{alive:?}");
}

#[test]
fn a_key_without_a_format_or_a_provider_is_never_proven() {
    let context = TestContext::new();
    let (old, new) = ("Zq7-first.value-of.ours-8841", "Zq7-second.value-of.ours-9952");
    let place = Place::new(&[], context);
    place.context.must_not_show(old);
    place.context.must_not_show(new);
    let own = "[credentials.own]\nvariables = [\"OWN_KEY\"]\n";
    place.inventory(own, &[("own", "production", "own.env")]);
    place.file("own.env", "OWN_KEY", old);
    let start = ["audit", "--start", "--new", last4(new)];
    assert_eq!(place.context.run(&start).code, Some(0));
    place.file("own.env", "OWN_KEY", new);
    let run = place.context.run(&["confirm"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    let text: String = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("not proven"), "{run:?}");
    assert!(text.contains("the credential names no provider"), "{run:?}");
    assert!(text.contains("`STALEKEY_FP_KEY`"), "{run:?}");
}

#[test]
fn with_a_team_key_a_key_without_a_format_is_rotated() {
    let context = TestContext::new().with("STALEKEY_FP_KEY", "5e".repeat(32));
    let (old, new) = ("Zq7-first.value-of.ours-8841", "Zq7-second.value-of.ours-9952");
    let place = Place::new(&[old, new], context);
    place.context.must_not_show(old);
    place.context.must_not_show(new);
    let own = "[credentials.openai]\nprovider = \"openai-compatible\"\n";
    place.inventory(own, &[("openai", "production", "own.env")]);
    place.file("own.env", "OPENAI_API_KEY", old);
    assert_eq!(place.run(&["audit", "--start", "--new", last4(new)]).code, Some(0));
    let before = place.run(&["confirm"]);
    assert_eq!(before.code, Some(1), "{before:?}");
    place.file("own.env", "OPENAI_API_KEY", new);
    place.provider.revoke(old);
    let done = place.run_with_input(&["confirm", "--old-key", "-"], old);
    assert_eq!(done.code, Some(0), "{done:?}");
}

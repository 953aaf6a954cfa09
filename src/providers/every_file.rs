//! What holds for every built-in file: it is complete, its formats are what they say, and no two
//! providers claim the same key.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    string::string_regex,
    test_runner::TestRunner,
};

use super::*;
use crate::{
    domain::secret::SecretValue,
    providers::{check::body_of_pattern, file::ShapeEntry, provider::Shape},
};

/// Keys of this format, made of its pattern: one of every length that the file names, when it names
/// any, and always several.
pub(crate) fn examples(shape: &ShapeEntry) -> Vec<String> {
    let strategy = string_regex(body_of_pattern(&shape.pattern).unwrap()).unwrap();
    let mut runner = TestRunner::deterministic();
    let mut keys = Vec::new();
    let mut missing: BTreeSet<usize> = shape.lengths.iter().copied().collect();
    while keys.len() < 8 || (!missing.is_empty() && keys.len() < 4000) {
        let key = strategy.new_tree(&mut runner).unwrap().current();
        missing.remove(&key.len());
        keys.push(key);
    }
    assert!(missing.is_empty(), "{}: nothing is {missing:?} long", shape.name);
    keys
}

fn every_shape() -> Vec<(Arc<Provider>, usize)> {
    let catalogue = Catalogue::embedded();
    let all = catalogue.providers.iter();
    all.flat_map(|provider| {
        (0..provider.shapes().len()).map(|index| (Arc::clone(provider), index)).collect::<Vec<_>>()
    })
    .collect()
}

/// Every format of every file, with its name in full.
fn each(mut look: impl FnMut(&Provider, &Shape, String)) {
    for (provider, index) in every_shape() {
        let shape = &provider.shapes()[index];
        look(&provider, shape, format!("{}/{}", provider.id(), shape.entry.name));
    }
}

#[test]
fn files_are_complete() {
    for provider in Catalogue::embedded().providers() {
        let (id, file) = (provider.id(), provider.file());
        assert!(!provider.variables().is_empty(), "{id} has no variable");
        assert!(!file.sources.is_empty(), "{id} has no source");
        assert!(file.rotation.is_some(), "{id} does not say how a key is replaced");
        let own_server = provider.endpoint().is_none() && provider.dashboard().is_none();
        assert!(
            provider.dashboard().is_some_and(|it| it.starts_with("https://"))
                || (own_server && file.accepts_other_formats),
            "{id} has no dashboard"
        );
        assert_ne!(file.probe.is_some(), file.no_probe.is_some(), "{id}: a probe, or why not");
        assert!(!file.answers.is_empty() || !file.usual.is_empty(), "{id} knows no answer");
        for row in provider.answers() {
            assert!(!row.source.is_empty(), "{id}: {row:?} has no source");
            assert!(!row.meaning.is_empty(), "{id}: {row:?} says nothing");
        }
        let text = file.probe.as_ref().and_then(|probe| probe.body.as_deref()).unwrap_or_default();
        assert!(!text.contains("key"), "{id}: nothing of the key goes into the body");
    }
}

/// Nothing is asked that would have an effect or cost something (PROVIDERS: POST but harmless).
#[test]
fn few_providers_are_asked_by_post() {
    let catalogue = Catalogue::embedded();
    let posts: Vec<&str> = catalogue
        .providers()
        .filter(|provider| provider.probe().is_some_and(|probe| probe.method == Method::Post))
        .map(Provider::id)
        .collect();
    assert_eq!(posts, ["voyage", "slack", "linear", "wandb"]);
}

/// SECURITY H1.
#[test]
fn hosts_are_exact() {
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for provider in Catalogue::embedded().providers() {
        for endpoint in provider.endpoints() {
            let host = endpoint.strip_prefix("https://").unwrap().split('/').next().unwrap();
            assert!(host.contains('.') && !host.contains(['*', '{', ':', '@']), "{host}");
            let owner = owners.entry(host.to_owned()).or_insert(provider.vendor().to_owned());
            assert_eq!(owner, provider.vendor(), "{host} belongs to two");
        }
    }
    assert!(owners.len() > 60, "{}", owners.len());
}

#[test]
fn every_format_fits_its_own_keys() {
    let mut formats = 0;
    each(|_, shape, name| {
        for key in examples(&shape.entry) {
            assert!(shape.fits(key.as_bytes()), "{name}: {key}");
            assert!(!shape.fits(format!("{key}\n").as_bytes()), "{name} is not anchored");
            assert!(!shape.fits(format!(" {key}").as_bytes()), "{name} is not anchored");
            let lengths = &shape.entry.lengths;
            assert!(lengths.is_empty() || lengths.contains(&key.len()), "{name}: {}", key.len());
        }
        formats += 1;
    });
    assert!(formats >= 80, "{formats}");
}

/// A key of a format that nobody shares is its provider's, whatever variable it stands in: of two
/// prefixes the longer one wins.
#[test]
fn every_key_is_recognised_as_its_own_providers() {
    let catalogue = Catalogue::embedded();
    each(|provider, shape, name| {
        for key in examples(&shape.entry) {
            let secret = SecretValue::new(key);
            let here = catalogue.recognise(&secret, Some(provider.id())).unwrap();
            if shape.entry.assigned_only {
                assert!(here.shape.starts_with(provider.id()), "{name} taken for {}", here.shape);
                continue;
            }
            assert!(here.shape.starts_with(provider.id()), "{name} taken for {}", here.shape);
            for assigned in [None, Some("openai"), Some("mistral"), Some("stability")] {
                let found = catalogue.recognise(&secret, assigned).unwrap();
                assert_eq!(found.provider, provider.id(), "{name} taken for {}", found.shape);
            }
        }
    });
}

#[test]
fn a_format_that_others_share_is_nobodys_without_its_variable() {
    let catalogue = Catalogue::embedded();
    each(|provider, shape, name| {
        for key in examples(&shape.entry) {
            let found = catalogue.recognise(&SecretValue::new(key), None);
            if shape.entry.assigned_only {
                assert_ne!(
                    found.map(|found| found.provider),
                    Some(provider.id().to_owned()),
                    "{name}"
                );
            }
        }
    });
}

/// SECURITY M2: whatever the format, at most a quarter of what is not public is shown.
#[test]
fn no_mask_shows_more_than_a_quarter() {
    let catalogue = Catalogue::embedded();
    each(|provider, shape, name| {
        let secret = SecretValue::new(examples(&shape.entry).remove(0));
        let recognition = catalogue.recognise(&secret, Some(provider.id()));
        let shown = crate::domain::mask::mask(&secret, recognition.as_ref()).chars().count() - 1;
        let public = recognition.as_ref().map_or(0, |found| found.prefix_length);
        let body = secret.len() - public;
        assert!(shown - public <= body / 4, "{name}: {shown} of {body}");
    });
}

/// A value that may stand in an address cannot be a key of the provider itself (SECURITY H5).
#[test]
fn companions_are_no_keys() {
    let catalogue = Catalogue::embedded();
    let mut companions = 0;
    for provider in catalogue.providers() {
        for companion in provider.companions() {
            let strategy = string_regex(body_of_pattern(companion.pattern).unwrap()).unwrap();
            let value = strategy.new_tree(&mut TestRunner::deterministic()).unwrap().current();
            let secret = SecretValue::new(value);
            assert!(
                provider.probe_of(&secret).is_err()
                    || catalogue.recognise(&secret, Some(provider.id())).is_none(),
                "{}: {} has the form of a key",
                provider.id(),
                companion.name
            );
            companions += 1;
        }
    }
    assert_eq!(companions, 5);
}

/// What the conformance data knows of a provider, its file knows too.
#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Data {
        providers: Vec<Facts>,
    }

    #[derive(Deserialize)]
    struct Facts {
        id: String,
        confidence: String,
        env_vars: Vec<String>,
        base_url_env: Vec<String>,
        secondary_env: BTreeMap<String, Vec<String>>,
        key_patterns: Vec<Pattern>,
        probe: Option<Probe>,
        default_base_url: Option<String>,
    }

    #[derive(Deserialize)]
    struct Pattern {
        regex: String,
    }

    #[derive(Deserialize)]
    struct Probe {
        method: String,
        url: String,
    }

    fn facts() -> Option<Vec<Facts>> {
        let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned();
        let folders = [std::env::var("STALEKEY_SHARED").ok(), Some(beside)];
        let bytes = folders
            .into_iter()
            .flatten()
            .find_map(|folder| std::fs::read(format!("{folder}/facts/providers.json")).ok())?;
        Some(serde_json::from_slice::<Data>(&bytes).unwrap().providers)
    }

    /// Left out on purpose, each with its reason.
    const LEFT_OUT: [&str; 20] = [
        // A job's token is sent in another header and would be refused in this one.
        "CI_JOB_TOKEN",
        // Moves the models, and not the host that judges the key.
        "NVIDIA_BASE_URL",
        // Another kind of credential, with rules of its own.
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "AZURE_OPENAI_AD_TOKEN",
        "DD_APP_KEY",
        "DATADOG_APP_KEY",
        "SUPABASE_SERVICE_ROLE_KEY",
        "SUPABASE_ANON_KEY",
        "SUPABASE_KEY",
        // Of no consequence for the request that judges the key.
        "OPENAI_CUSTOM_HEADERS",
        "ANTHROPIC_CUSTOM_HEADERS",
        "ANTHROPIC_PROFILE",
        "AZURE_RESOURCE_NAME",
        "AZURE_COGNITIVE_SERVICES_RESOURCE_NAME",
        "OPENAI_API_VERSION",
        "AZURE_API_VERSION",
        "AZURE_OPENAI_API_VERSION",
        "SUPABASE_URL",
        "NEXT_PUBLIC_SUPABASE_URL",
    ];

    #[test]
    fn every_provider_and_variable_is_there() {
        let Some(facts) = facts() else {
            println!("skipped: no corpus");
            return;
        };
        let catalogue = Catalogue::embedded();
        let ids: Vec<&str> = facts.iter().map(|facts| facts.id.as_str()).collect();
        assert_eq!(catalogue.ids().collect::<Vec<_>>(), ids);
        for facts in &facts {
            let provider = catalogue.provider(&facts.id).unwrap();
            assert_eq!(provider.confidence().name(), facts.confidence, "{}", facts.id);
            let companions: Vec<&String> =
                provider.companions().flat_map(|companion| companion.variables).collect();
            let mut known = provider
                .variables()
                .iter()
                .chain(provider.organisation_variables())
                .chain(provider.project_variables())
                .chain(provider.base_url_variables())
                .chain(companions)
                .map(String::as_str)
                .collect::<BTreeSet<_>>();
            known.extend(LEFT_OUT);
            for name in facts
                .env_vars
                .iter()
                .chain(&facts.base_url_env)
                .chain(facts.secondary_env.values().flatten())
            {
                assert!(known.contains(name.as_str()), "{}: {name}", facts.id);
            }
        }
    }

    #[test]
    fn every_format_is_one_of_theirs_and_theirs_are_all_there() {
        let Some(facts) = facts() else {
            println!("skipped: no corpus");
            return;
        };
        let catalogue = Catalogue::embedded();
        for facts in &facts {
            let provider = catalogue.provider(&facts.id).unwrap();
            let theirs: Vec<regex::Regex> =
                facts.key_patterns.iter().map(|it| regex::Regex::new(&it.regex).unwrap()).collect();
            for shape in provider.shapes() {
                // The facts do not know the form of these.
                if facts.id == "twilio" && shape.entry.name == "api-secret" {
                    continue;
                }
                for key in examples(&shape.entry) {
                    assert!(
                        theirs.iter().any(|pattern| pattern.is_match(&key)),
                        "{}/{}: {key}",
                        facts.id,
                        shape.entry.name
                    );
                }
            }
            for pattern in &facts.key_patterns {
                let Some(body) = body_of_pattern(&pattern.regex) else { continue };
                let strategy = string_regex(body).unwrap();
                let mut runner = TestRunner::deterministic();
                for _ in 0..24 {
                    let key = strategy.new_tree(&mut runner).unwrap().current();
                    let loose = pattern.regex.contains("|None)");
                    let known = provider.shape_of(key.as_bytes()).is_some();
                    assert!(known || loose, "{}: {key}", facts.id);
                }
            }
        }
    }

    #[test]
    fn every_request_is_theirs() {
        let Some(facts) = facts() else {
            println!("skipped: no corpus");
            return;
        };
        let catalogue = Catalogue::embedded();
        for facts in &facts {
            let provider = catalogue.provider(&facts.id).unwrap();
            let Some(theirs) = &facts.probe else {
                assert!(provider.probe().is_none(), "{}", facts.id);
                continue;
            };
            let ours = provider.probe().unwrap();
            assert_eq!(ours.method.name(), theirs.method, "{}", facts.id);
            let base = facts.default_base_url.as_deref().unwrap_or("https://endpoint.example");
            let url = theirs
                .url
                .replace("{base}", base)
                .replace("{endpoint}", "https://endpoint.example")
                .replace("{site}", "datadoghq.com");
            let own = provider.endpoint().unwrap_or(base);
            assert_eq!(ours.url(own, false), url, "{}", facts.id);
        }
    }
}

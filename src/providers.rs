//! The catalogue: what is known of each provider, as data. Files say which keys a provider has, how
//! one is checked without side effects, and what each answer means; the code only interprets them.
//!
//! The files of `assets/providers` are built in. A user's own files add providers or replace them
//! by id.

mod check;
mod classify;
mod describe;
mod echo;
#[cfg(test)]
pub(crate) mod every_file;
mod file;
mod provider;
mod recognise;
mod usual;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use self::{check::check, file::ProviderFile};
pub use self::{
    classify::{Answer, Classification},
    describe::AnswerRow,
    file::{Method, Scheme},
    provider::{Companion, KeyFormat, ProbeRequest, Provider, Unprobed},
};
use crate::strict_toml::{self, Mistakes, Source};

macro_rules! built_in {
    ($($id:literal),+ $(,)?) => {
        [$(($id, include_str!(concat!("../assets/providers/", $id, ".toml")))),+]
    };
}

/// Id and text of the built-in files, in the order of the catalogue.
const FILES: [(&str, &str); 47] = built_in![
    "openai",
    "openai-admin",
    "azure-openai",
    "anthropic",
    "anthropic-admin",
    "google-gemini",
    "mistral",
    "cohere",
    "groq",
    "xai",
    "deepseek",
    "openrouter",
    "together",
    "fireworks",
    "perplexity",
    "huggingface",
    "replicate",
    "elevenlabs",
    "voyage",
    "cerebras",
    "nvidia",
    "ai21",
    "stability",
    "pinecone",
    "github",
    "gitlab",
    "stripe",
    "sendgrid",
    "twilio",
    "slack",
    "datadog",
    "cloudflare",
    "digitalocean",
    "sentry",
    "linear",
    "notion",
    "mailgun",
    "postmark",
    "vercel",
    "supabase",
    "resend",
    "langfuse",
    "langsmith",
    "wandb",
    "litellm-proxy",
    "openai-compatible",
    "aws",
];

/// Read once, when the first key is looked at, and without the strict reader: a test proves that every
/// file is clean, and this way is three times as fast.
static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut catalogue = Catalogue::default();
    for (_, text) in FILES {
        if let Ok(file) = toml::from_str(text) {
            catalogue.add(file);
        }
    }
    catalogue
});

/// The providers that are known. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    providers: Vec<Arc<Provider>>,
    by_id: BTreeMap<String, usize>,
}

impl Catalogue {
    /// The built-in providers.
    pub fn embedded() -> Self {
        BUILT_IN.clone()
    }

    /// The built-in providers and those of the user's files (path, text), which add a provider or
    /// replace the one of the same id.
    ///
    /// # Errors
    /// Every mistake of every file, each at its place; an id that two of the files have is one.
    pub fn with_files(files: &[(String, String)]) -> Result<Self, Mistakes> {
        let mut catalogue = Self::embedded();
        let mut mistakes = Mistakes::default();
        let mut seen = BTreeMap::new();
        for (name, text) in files {
            let outcome = strict_toml::read_all::<ProviderFile>(&Source { name, text });
            mistakes.extend(outcome.mistakes);
            let Some(document) = outcome.document else { continue };
            mistakes.extend(check(&document));
            if let Some(other) = seen.insert(document.value().id.clone(), name) {
                mistakes.push(
                    document
                        .mistake_at_name(&["id"], format!("`{other}` has a provider of this id")),
                );
            }
            catalogue.add(document.into_value());
        }
        if mistakes.is_empty() { Ok(catalogue) } else { Err(mistakes) }
    }

    /// The provider of this id.
    pub fn provider(&self, id: &str) -> Option<&Provider> {
        self.by_id.get(id).map(|index| &*self.providers[*index])
    }

    /// Every provider, in the order of the catalogue.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.providers.iter().map(AsRef::as_ref)
    }

    /// Every id, in the order of the catalogue.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.providers().map(Provider::id)
    }

    fn add(&mut self, file: ProviderFile) {
        let id = file.id.clone();
        let provider = Arc::new(Provider::new(file));
        if let Some(index) = self.by_id.get(&id) {
            self.providers[*index] = provider;
        } else {
            self.by_id.insert(id, self.providers.len());
            self.providers.push(provider);
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Path and text of every file of the folder, by name.
    fn folder() -> Vec<(String, String)> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/providers");
        let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let text = std::fs::read_to_string(entry.path()).unwrap();
                (format!("assets/providers/{}", entry.file_name().display()), text)
            })
            .collect();
        files.sort();
        files
    }

    #[test]
    fn every_built_in_file_is_clean() {
        let catalogue = Catalogue::with_files(&folder()).map_err(|mistakes| mistakes.to_string());
        assert_eq!(catalogue.map(|catalogue| catalogue.ids().count()), Ok(FILES.len()));
    }

    #[test]
    fn every_provider_of_the_folder_is_built_in() {
        assert_eq!(Catalogue::embedded().ids().collect::<Vec<_>>(), FILES.map(|(id, _)| id));
        let mut built_in: Vec<String> =
            FILES.iter().map(|(id, _)| format!("assets/providers/{id}.toml")).collect();
        built_in.sort_unstable();
        let found: Vec<String> = folder().into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, built_in);
    }

    const MINIMAL: &str = "id = \"mine\"\nname = \"Mine\"\nconfidence = \"low\"\n";

    fn with(text: &str) -> Result<Catalogue, String> {
        Catalogue::with_files(&[("mine.toml".to_owned(), format!("{MINIMAL}{text}"))])
            .map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn a_users_file_adds_or_replaces() {
        let added = with("").unwrap();
        assert_eq!(added.provider("mine").unwrap().name(), "Mine");
        let text = "id = \"openai\"\nname = \"Ours\"\nconfidence = \"low\"\n";
        let replaced = Catalogue::with_files(&[("x.toml".to_owned(), text.to_owned())]).unwrap();
        assert_eq!(replaced.provider("openai").unwrap().name(), "Ours");
        assert_eq!(replaced.ids().count(), FILES.len());
    }

    #[rstest]
    #[case::unknown_field("colour = \"red\"\n", "colour")]
    #[case::pattern(
        "[[shapes]]\nname = \"a\"\nprefix = \"a-\"\npattern = '^a-(b$'\n",
        "regular expression"
    )]
    #[case::anchors("[[shapes]]\nname = \"a\"\nprefix = \"a-\"\npattern = 'a-b'\n", "whole key")]
    #[case::no_prefix("[[shapes]]\nname = \"a\"\npattern = '^[0-9a-f]{32}$'\n", "assigned_only")]
    #[case::other_prefix(
        "[[shapes]]\nname = \"a\"\nprefix = \"b-\"\npattern = '^a-b$'\n",
        "literally"
    )]
    #[case::http("endpoint = \"http://example.com\"\n", "https")]
    #[case::user("endpoint = \"https://a@example.com\"\n", "no user")]
    #[case::address("endpoint = \"https://10.0.0.1\"\n", "base URL")]
    #[case::status("[[answers]]\nstatus = \"6xx\"\noutcome = \"dead\"\n", "2xx")]
    #[case::condition(
        "[[answers]]\nstatus = 401\nwhen = { pointer = \"/a\" }\noutcome = \"dead\"\n",
        "equals"
    )]
    #[case::outcome("[[answers]]\nstatus = 401\noutcome = \"not_probed\"\n", "dead")]
    #[case::placeholder(
        "[[answers]]\nstatus = 401\noutcome = \"dead\"\nadvice = \"ask {key}\"\n",
        "only placeholder"
    )]
    #[case::mentions(
        "[[answers]]\nstatus = 401\noutcome = \"dead\"\nadvice = \"ask {mentioned}\"\n",
        "unmentioned"
    )]
    #[case::no_success("[probe]\npath = \"/models\"\nheader = \"x-api-key\"\n", "success")]
    #[case::source(
        "[[answers]]\nstatus = 401\noutcome = \"dead\"\nsource = \"nobody\"\n",
        "sources"
    )]
    #[case::only("[[answers]]\nstatus = 401\noutcome = \"dead\"\nonly = [\"a\"]\n", "shape")]
    #[case::usual("usual = [\"sometimes\"]\n", "throttled")]
    #[case::region("regions.eu = \"http://eu.example.com\"\n", "https")]
    #[case::companion_name(
        "[[companions]]\nname = \"A b\"\nvariables = [\"B\"]\npattern = '^a$'\n",
        "lower-case"
    )]
    #[case::companion_of_the_key(
        "variables = [\"A\"]\n[[companions]]\nname = \"a\"\nvariables = [\"A\"]\npattern = '^a$'\n",
        "not of one that holds the key"
    )]
    #[case::companion_pattern(
        "[[companions]]\nname = \"a\"\nvariables = [\"A\"]\npattern = 'a'\n",
        "whole value"
    )]
    #[case::unknown_placeholder(
        "[probe]\npath = \"/{a}\"\nheader = \"x\"\n[success]\nstatus = 200\nwhen = { pointer = \"/data\", exists = true }\n",
        "companions"
    )]
    #[case::variant_of_nothing(
        "[[shapes]]\nname = \"a\"\nprefix = \"a-\"\npattern = '^a-b$'\nprobe = { scheme = \"bearer\" }\n",
        "[probe]"
    )]
    #[case::echo("[[echoes]]\npointer = \"error\"\nafter = \"key: \"\n", "echo")]
    #[case::agent(
        "[probe]\npath = \"/m\"\nheader = \"x\"\nheaders = { User-Agent = \"curl\" }\n[success]\nstatus = 200\nwhen = { pointer = \"/data\", exists = true }\n",
        "cannot be set"
    )]
    fn mistakes_are_named_with_their_place(#[case] text: &str, #[case] expected: &str) {
        let mistakes = with(text).unwrap_err();
        assert!(mistakes.contains(expected), "{mistakes}");
        assert!(mistakes.contains("mine.toml"), "{mistakes}");
    }

    #[test]
    fn two_files_of_one_id_are_a_mistake() {
        let file = |name: &str| (name.to_owned(), MINIMAL.to_owned());
        let mistakes = Catalogue::with_files(&[file("one.toml"), file("two.toml")]).unwrap_err();
        assert!(mistakes.to_string().contains("one.toml"));
    }
}

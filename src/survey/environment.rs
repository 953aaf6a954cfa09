//! Which environment a name speaks of.

/// Words and what they mean, as parts of a file's name.
const WORDS: &[(&str, &str)] = &[
    ("production", "production"),
    ("prod", "production"),
    ("prd", "production"),
    ("staging", "staging"),
    ("stage", "staging"),
    ("stg", "staging"),
    ("preview", "preview"),
    ("sandbox", "sandbox"),
    ("qa", "qa"),
    ("uat", "uat"),
    ("testing", "test"),
    ("test", "test"),
    ("development", "development"),
    ("develop", "development"),
    ("dev", "development"),
    ("local", "development"),
];
/// Words of a pipeline's name that say where it deploys. A workflow that is called `test` runs tests.
const OF_PIPELINES: &[&str] = &["production", "staging", "preview", "sandbox", "qa", "uat"];

/// A guess, and what it rests on; `None` where nothing speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) name: String,
    pub(super) because: Option<String>,
}

impl Guess {
    /// Where nothing speaks.
    pub(super) fn default(name: &str) -> Self {
        Self { name: name.to_owned(), because: None }
    }

    pub(super) fn new(name: &str, because: impl Into<String>) -> Self {
        Self { name: name.to_owned(), because: Some(because.into()) }
    }
}

/// By the name of the file, then by the folders above it, the nearest first.
pub(super) fn of_path(path: &str) -> Option<Guess> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    of_file(name).or_else(|| of_folder(folder))
}

/// By the name of a file. The first word of the table counts: `.env.production.local` is for
/// production.
pub(super) fn of_file(name: &str) -> Option<Guess> {
    let parts: Vec<String> = name.split(['.', '-', '_']).map(str::to_ascii_lowercase).collect();
    let (word, environment) =
        WORDS.iter().find(|(word, _)| parts.iter().any(|part| part == word))?;
    Some(Guess::new(environment, format!("`{word}` in its name")))
}

/// By whole names of folders: `live-chat` and `test-utils` are no environments.
pub(super) fn of_folder(folder: &str) -> Option<Guess> {
    folder.rsplit('/').find_map(|part| {
        let part = part.trim_start_matches('.').to_ascii_lowercase();
        let environment = of_word(&part)?;
        Some(Guess::new(environment, format!("its folder `{part}`")))
    })
}

/// By the name of a workflow or pipeline file.
pub(super) fn of_pipeline(name: &str) -> Option<Guess> {
    of_file(name).filter(|guess| OF_PIPELINES.contains(&guess.name.as_str()))
}

/// The environment that one word means.
pub(super) fn of_word(word: &str) -> Option<&'static str> {
    WORDS.iter().find(|(known, _)| *known == word).map(|(_, environment)| *environment)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(".env", None)]
    #[case(".env.production", Some("production"))]
    #[case(".env.production.local", Some("production"))]
    #[case(".env.local", Some("development"))]
    #[case(".env.stg", Some("staging"))]
    #[case("prod/.env", Some("production"))]
    #[case("deploy/prod/api/.env", Some("production"))]
    #[case("prod/.env.staging", Some("staging"))]
    #[case(".envs/.production/.django", Some("production"))]
    #[case("docker-compose.prod.yml", Some("production"))]
    #[case("docker-compose-prod.yml", Some("production"))]
    #[case("k8s/overlays/production/secret.yaml", Some("production"))]
    #[case("live-chat/.env", None)]
    #[case("test-utils/.env", None)]
    #[case("product/.env", None)]
    #[case("latest.env", None)]
    fn names_tell_the_environment(#[case] path: &str, #[case] expected: Option<&str>) {
        assert_eq!(of_path(path).map(|guess| guess.name).as_deref(), expected);
    }

    #[rstest]
    #[case("deploy-production.yml", Some("production"))]
    #[case("test.yml", None)]
    #[case("local-build.yml", None)]
    fn pipelines_tell_where_they_deploy(#[case] name: &str, #[case] expected: Option<&str>) {
        assert_eq!(of_pipeline(name).map(|guess| guess.name).as_deref(), expected);
    }
}

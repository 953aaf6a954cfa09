//! Which reader a `.env` file has, by the files beside it and above it.
//!
//! Names and contents in, candidates with a reason out; nothing is opened here. Several readers of
//! one file are the usual case, so all of them come out, the most plausible first.

use crate::formats::dotenv::Dialect;

mod commands;
mod manifests;

/// Files that may say who reads a `.env`; see also [`tells_by_its_kind`].
pub const TELLING_NAMES: &[&str] = &[
    "package.json",
    "pyproject.toml",
    "requirements.txt",
    "Pipfile",
    "setup.py",
    "setup.cfg",
    "Gemfile",
    "Cargo.toml",
    "go.mod",
    "composer.json",
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
    "justfile",
    "Justfile",
    ".justfile",
    "Makefile",
    "makefile",
    "GNUmakefile",
    ".envrc",
    "Dockerfile",
    "Procfile",
    "bun.lock",
    "bun.lockb",
    "deno.json",
    "deno.jsonc",
    "deno.lock",
    ".gitlab-ci.yml",
];

/// Whether a file of any other name may say who reads a `.env`: units, further requirements, scripts.
pub fn tells_by_its_kind(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((_, "service" | "sh")) => true,
        Some((stem, "txt")) => stem.starts_with("requirements"),
        _ => false,
    }
}

/// How directly a file speaks of the `.env`, the most direct first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Strength {
    /// It names the very file.
    Names,
    /// It brings a framework that reads such files by itself.
    Framework,
    /// It brings a library that reads such files.
    Library,
    /// Its being there makes it possible.
    Possible,
}

/// What one file of a folder says about the readers of `.env` files there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clue {
    dialect: Dialect,
    strength: Strength,
    /// The path that is named, from the folder of the clue.
    names: Option<String>,
    because: String,
}

/// A reader that the `.env` file may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The reader.
    pub dialect: Dialect,
    /// What speaks for it, in a few words: `requirements.txt lists python-dotenv`.
    pub because: String,
}

/// What this file says.
pub fn clues(name: &str, content: &[u8]) -> Vec<Clue> {
    let text = String::from_utf8_lossy(content);
    let mut clues = manifests::clues(name, &text);
    clues.extend(commands::clues(name, &text));
    clues
}

/// The clues of a folder on the way from the `.env` file upwards.
#[derive(Debug, Clone, Copy)]
pub struct Level<'a> {
    /// The `.env` file, as a path from this folder with `/` between its parts.
    pub file: &'a str,
    /// What the folder's files say.
    pub clues: &'a [Clue],
}

/// The readers that the file may have, the most plausible first; `levels` begin at its own folder.
///
/// Whoever names the file comes first. Of what only could read it, the nearest folder that brings
/// any decides: the manifest of a service says more of its `.env` than the one of the repository.
pub fn candidates(levels: &[Level<'_>]) -> Vec<Candidate> {
    let mut found: Vec<(Strength, &Clue)> = Vec::new();
    let mut decided = false;
    for (distance, level) in levels.iter().enumerate() {
        let mut brings_any = false;
        for clue in level.clues {
            let applies = match &clue.names {
                Some(named) => is_named(named, level.file),
                None => !decided && may_read(clue, level.file, distance),
            };
            if applies {
                brings_any |= matches!(clue.strength, Strength::Framework | Strength::Library);
                found.push((clue.strength, clue));
            }
        }
        decided |= brings_any;
    }
    // Stable: within one strength the nearer folder stays first.
    found.sort_by_key(|(strength, _)| *strength);
    let mut candidates: Vec<Candidate> = Vec::new();
    for (_, clue) in found {
        if candidates.iter().all(|known| known.dialect != clue.dialect) {
            candidates.push(Candidate { dialect: clue.dialect, because: clue.because.clone() });
        }
    }
    candidates
}

/// A path as it is written in a unit, a script or a manifest means this file.
fn is_named(named: &str, file: &str) -> bool {
    let named = named.trim_start_matches("./");
    named == file || (named.starts_with('/') && named.ends_with(&format!("/{file}")))
}

/// Frameworks read files of certain names only; Compose its `.env` in the project's own folder.
fn may_read(clue: &Clue, file: &str, distance: usize) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    match (clue.dialect, clue.strength) {
        (Dialect::ComposeInterpolation, _) => distance == 0 && name == ".env",
        (_, Strength::Framework | Strength::Possible) => name.starts_with(".env"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn dialects(files: &[(&str, &str)], env: &str) -> Vec<&'static str> {
        let clues: Vec<Clue> =
            files.iter().flat_map(|(name, content)| clues(name, content.as_bytes())).collect();
        let level = Level { file: env, clues: &clues };
        candidates(&[level]).iter().map(|candidate| candidate.dialect.name()).collect()
    }

    #[rstest]
    #[case("package.json", r#"{"dependencies":{"dotenv":"^16"}}"#, &["node-dotenv"])]
    #[case("package.json", r#"{"dependencies":{"next":"16","dotenv":"^16"}}"#, &["next", "node-dotenv"])]
    #[case("package.json", r#"{"devDependencies":{"vite":"8"}}"#, &["vite@node22"])]
    #[case("package.json", r#"{"devDependencies":{"@dotenvx/dotenvx":"1"}}"#, &["dotenvx"])]
    #[case("package.json", r#"{"scripts":{"start":"node --env-file=.env app.js"}}"#, &["node"])]
    #[case("package.json", r#"{"scripts":{"start":"node --env-file=other app.js"}}"#, &[])]
    #[case("package.json", "{ broken", &[])]
    #[case("pyproject.toml", "dependencies = [\"python-dotenv>=1\"]", &["python-dotenv@load"])]
    #[case("requirements.txt", "flask\n# python-dotenv\n", &[])]
    #[case("requirements-dev.txt", "python-dotenv[cli]==1.2.4\n", &["python-dotenv@load"])]
    #[case("requirements.txt", "pydantic_settings\n", &["python-dotenv"])]
    #[case("requirements.txt", "python-decouple\ndjango-environ\n", &["python-decouple", "django-environ"])]
    #[case("Gemfile", "gem 'dotenv-rails', groups: [:test]\n", &["ruby-dotenv@load"])]
    #[case("Cargo.toml", "[dependencies]\ndotenvy = \"0.15\"\n", &["dotenvy@load"])]
    #[case("go.mod", "require github.com/joho/godotenv v1.5.1\n", &["godotenv"])]
    #[case("composer.json", r#"{"require":{"vlucas/phpdotenv":"^5"}}"#, &["phpdotenv@load"])]
    #[case("composer.json", r#"{"require":{"symfony/dotenv":"^7"}}"#, &["symfony"])]
    #[case("compose.yaml", "services: {}\n", &["compose-interpolation"])]
    #[case("compose.yaml", "services:\n  a:\n    env_file: .env\n", &["compose", "compose-interpolation"])]
    #[case("compose.yaml", "services:\n  a:\n    env_file:\n      - path: ./.env\n        required: false\n", &["compose", "compose-interpolation"])]
    #[case("compose.yaml", "services:\n  a:\n    env_file:\n      - path: .env\n        format: raw\n", &["docker-run", "compose-interpolation"])]
    #[case("compose.yaml", "services: {a: {env_file: [{format: raw, path: .env}]}}\n", &["docker-run", "compose-interpolation"])]
    #[case("compose.yaml", "services:\n  a: {env_file: .env\n", &["compose-interpolation"])]
    #[case("app.service", "[Service]\nEnvironmentFile=-/srv/app/.env\n", &["systemd"])]
    #[case("justfile", "set dotenv-load\n", &["dotenvy@load"])]
    #[case("Makefile", "-include .env\nexport\n", &["make"])]
    #[case(".envrc", "dotenv\n", &["direnv"])]
    #[case(".envrc", "dotenv_if_exists .env\n", &["direnv"])]
    #[case(".envrc", "dotenv .env.local\n", &[])]
    #[case("run.sh", "set -a\nsource .env\nset +a\n", &["sh"])]
    #[case(".gitlab-ci.yml", "  - docker run --rm --env-file .env image\n", &["docker-run"])]
    #[case("Makefile", "run:\n\tuv run --env-file .env main.py\n", &["uv"])]
    #[case("Procfile", "web: uvicorn app:app --env-file .env\n", &["python-dotenv@load"])]
    #[case("bun.lock", "", &["bun"])]
    fn a_file_tells_the_reader(
        #[case] name: &str,
        #[case] content: &str,
        #[case] expected: &[&str],
    ) {
        assert_eq!(dialects(&[(name, content)], ".env"), expected);
    }

    #[test]
    fn who_names_the_file_comes_before_who_could_read_it() {
        let files = [
            ("requirements.txt", "python-dotenv\n"),
            ("app.service", "[Service]\nEnvironmentFile=/srv/.env\n"),
        ];
        assert_eq!(dialects(&files, ".env"), ["systemd", "python-dotenv@load"]);
    }

    #[test]
    fn the_nearest_manifest_decides_and_a_mention_from_above_counts() {
        let near = clues("requirements.txt", b"python-dotenv\n");
        let mut above = clues("package.json", br#"{"dependencies":{"dotenv":"16"}}"#);
        above.extend(clues("compose.yaml", b"services:\n a:\n  env_file: api/.env\n"));
        let levels =
            [Level { file: ".env", clues: &near }, Level { file: "api/.env", clues: &above }];
        let found: Vec<_> = candidates(&levels).iter().map(|candidate| candidate.dialect).collect();
        assert_eq!(found, [Dialect::Compose, Dialect::PythonDotenvLoad]);
        let found = candidates(&[Level { file: ".env", clues: &[] }, levels[1]]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].because, "package.json lists dotenv");
    }
}

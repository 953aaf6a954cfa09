//! What manifests and lock files bring: libraries and frameworks that read `.env` files.

use serde_json::Value;

use super::{Clue, Dialect, Strength};

/// Packages of Node.
const NODE: &[(&str, Dialect, Strength)] = &[
    ("next", Dialect::Next, Strength::Framework),
    ("vite", Dialect::ViteNode22, Strength::Framework),
    ("vitest", Dialect::ViteNode22, Strength::Framework),
    ("react-scripts", Dialect::DotenvExpand, Strength::Framework),
    ("@dotenvx/dotenvx", Dialect::Dotenvx, Strength::Library),
    ("dotenv-expand", Dialect::DotenvExpand, Strength::Library),
    ("dotenv", Dialect::NodeDotenv, Strength::Library),
    ("foreman", Dialect::Foreman, Strength::Library),
];
/// Packages of Python, with `-` for every `_` and `.`.
const PYTHON: &[(&str, Dialect, Strength)] = &[
    ("python-dotenv", Dialect::PythonDotenvLoad, Strength::Library),
    ("pydantic-settings", Dialect::PythonDotenv, Strength::Library),
    ("environs", Dialect::PythonDotenvLoad, Strength::Library),
    ("python-decouple", Dialect::Decouple, Strength::Library),
    ("django-environ", Dialect::DjangoEnviron, Strength::Library),
];
/// Packages of PHP.
const PHP: &[(&str, Dialect, Strength)] = &[
    ("laravel/framework", Dialect::PhpdotenvLoad, Strength::Framework),
    ("vlucas/phpdotenv", Dialect::PhpdotenvLoad, Strength::Library),
    ("symfony/dotenv", Dialect::Symfony, Strength::Library),
];
/// Packages of Ruby, Rust and Go.
const RUBY: &[(&str, Dialect, Strength)] = &[
    ("dotenv-rails", Dialect::RubyDotenvLoad, Strength::Library),
    ("dotenv", Dialect::RubyDotenvLoad, Strength::Library),
];
const RUST: &[(&str, Dialect, Strength)] = &[
    ("dotenvy", Dialect::DotenvyLoad, Strength::Library),
    ("dotenv", Dialect::DotenvyLoad, Strength::Library),
];
const GO: &[(&str, Dialect, Strength)] =
    &[("github.com/joho/godotenv", Dialect::Godotenv, Strength::Library)];

/// What the file brings by its name or by what it lists.
pub(super) fn clues(name: &str, text: &str) -> Vec<Clue> {
    let clue = |dialect, strength, what: &str| Clue {
        dialect,
        strength,
        names: None,
        because: format!("{name} {what}"),
    };
    match name {
        "package.json" => json(
            name,
            text,
            NODE,
            &["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"],
        ),
        "composer.json" => json(name, text, PHP, &["require", "require-dev"]),
        "pyproject.toml" | "Pipfile" | "setup.py" | "setup.cfg" => words(name, text, "#", PYTHON),
        _ if name.starts_with("requirements") => words(name, text, "#", PYTHON),
        "Gemfile" => words(name, text, "#", RUBY),
        "Cargo.toml" => words(name, text, "#", RUST),
        "go.mod" => words(name, text, "//", GO),
        "compose.yaml" | "compose.yml" | "docker-compose.yaml" | "docker-compose.yml" => {
            vec![clue(Dialect::ComposeInterpolation, Strength::Possible, "stands beside it")]
        }
        "bun.lock" | "bun.lockb" => vec![clue(Dialect::Bun, Strength::Possible, "is Bun's")],
        "deno.json" | "deno.jsonc" | "deno.lock" => {
            vec![clue(Dialect::Deno, Strength::Possible, "is Deno's")]
        }
        "justfile" | "Justfile" | ".justfile" if loads_dotenv(text) => {
            vec![clue(Dialect::DotenvyLoad, Strength::Framework, "sets dotenv-load")]
        }
        _ => Vec::new(),
    }
}

/// `set dotenv-load`, without `:= false` behind it.
fn loads_dotenv(text: &str) -> bool {
    text.lines().filter_map(|line| line.trim().strip_prefix("set dotenv-load")).any(|rest| {
        let rest = rest.trim_start_matches([' ', ':', '=']);
        !rest.starts_with("false")
    })
}

/// Packages that a JSON manifest lists in one of these tables. A broken manifest lists none.
fn json(
    name: &str,
    text: &str,
    packages: &[(&str, Dialect, Strength)],
    tables: &[&str],
) -> Vec<Clue> {
    let manifest: Value = serde_json::from_str(text).unwrap_or_default();
    packages
        .iter()
        .filter(|(package, ..)| tables.iter().any(|table| manifest[*table].get(package).is_some()))
        .map(|(package, dialect, strength)| listed(name, package, *dialect, *strength))
        .collect()
}

/// Packages whose names stand in the text outside comments.
fn words(
    name: &str,
    text: &str,
    comment: &str,
    packages: &[(&str, Dialect, Strength)],
) -> Vec<Clue> {
    let part = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | '/')
    };
    let present: Vec<String> = text
        .lines()
        .map(|line| line.split(comment).next().unwrap_or_default())
        .flat_map(|line| line.split(|character| !part(character)))
        .filter(|word| !word.is_empty())
        .map(|word| {
            if comment == "#" {
                word.to_ascii_lowercase().replace(['_', '.'], "-")
            } else {
                word.to_owned()
            }
        })
        .collect();
    packages
        .iter()
        .filter(|(package, ..)| present.iter().any(|word| word == package))
        .map(|(package, dialect, strength)| listed(name, package, *dialect, *strength))
        .collect()
}

fn listed(name: &str, package: &str, dialect: Dialect, strength: Strength) -> Clue {
    Clue { dialect, strength, names: None, because: format!("{name} lists {package}") }
}

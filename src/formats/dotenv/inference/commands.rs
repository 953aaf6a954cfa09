//! Who names a `.env` file: commands with `--env-file`, `source`, units, compose, make, direnv.

use super::{Clue, Dialect, Strength};
use crate::formats::yaml;

/// Programs that take `--env-file`: words that stand before it on its line, the most telling first.
const PROGRAMS: &[(&[&str], Dialect)] = &[
    (&["docker", "compose"], Dialect::ComposeInterpolation),
    (&["docker-compose"], Dialect::ComposeInterpolation),
    (&["docker"], Dialect::DockerRun),
    (&["podman"], Dialect::DockerRun),
    (&["uvicorn"], Dialect::PythonDotenvLoad),
    (&["flask"], Dialect::PythonDotenv),
    (&["uv"], Dialect::Uv),
    (&["bun"], Dialect::Bun),
    (&["deno"], Dialect::Deno),
    (&["tsx"], Dialect::Node),
    (&["node"], Dialect::Node),
];

/// Every place of the file that names another one as a source of variables.
pub(super) fn clues(name: &str, text: &str) -> Vec<Clue> {
    let mut found: Vec<(Dialect, String)> = Vec::new();
    let is_compose = name.contains("compose") && (name.ends_with("yml") || name.ends_with("yaml"));
    if is_compose {
        env_files(text, &mut found);
    }
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if name.ends_with(".service")
            && let Some(path) = line.strip_prefix("EnvironmentFile=")
        {
            found.push((Dialect::Systemd, path.trim_start_matches('-').to_owned()));
        }
        if name.to_ascii_lowercase().ends_with("makefile")
            && let Some(paths) = ["include ", "-include ", "sinclude "]
                .iter()
                .find_map(|word| line.strip_prefix(word))
        {
            let paths = paths.split_whitespace().map(|path| (Dialect::Make, path.to_owned()));
            found.extend(paths);
        }
        if name == ".envrc" {
            let mut words = line.split_whitespace();
            if matches!(words.next(), Some("dotenv" | "dotenv_if_exists")) {
                found.push((Dialect::Direnv, words.next().unwrap_or(".env").to_owned()));
            }
        }
        in_commands(line, &mut found);
    }
    found
        .into_iter()
        .map(|(dialect, path)| {
            let path = path.trim_matches(['"', '\'', ',', ';', ')', ']', '[']);
            Clue {
                dialect,
                strength: Strength::Names,
                names: Some(path.trim_start_matches("./").to_owned()),
                because: format!("{name} names the file"),
            }
        })
        .collect()
}

/// `--env-file PATH`, `source PATH` and `. PATH` in a line of commands.
fn in_commands(line: &str, found: &mut Vec<(Dialect, String)>) {
    let separates = |character: char| character.is_whitespace() || matches!(character, '"' | '\'');
    let words: Vec<&str> = line.split(separates).filter(|word| !word.is_empty()).collect();
    for (index, word) in words.iter().enumerate() {
        let next = words.get(index + 1).copied();
        if let Some(rest) = word.strip_prefix("--env-file") {
            let path = rest.strip_prefix("-if-exists").unwrap_or(rest);
            let path = if path.is_empty() { next } else { path.strip_prefix('=') };
            let before = &words[..index];
            let program = PROGRAMS.iter().find(|(program, _)| {
                program
                    .iter()
                    .all(|part| before.iter().any(|word| word.rsplit('/').next() == Some(part)))
            });
            if let (Some(path), Some((_, dialect))) = (path, program) {
                found.push((*dialect, path.to_owned()));
            }
        }
        let begins = index == 0
            || matches!(words[index - 1], "&&" | ";" | "-c" | "-" | "||")
            || words[index - 1].ends_with(';');
        if matches!(*word, "source" | ".")
            && begins
            && let Some(path) = next
        {
            found.push((Dialect::Sh, path.to_owned()));
        }
    }
}

/// `env_file:` of each service of a compose file: one path, a list of paths, or a list of tables
/// with `path:`. A broken file names none.
fn env_files(text: &str, found: &mut Vec<(Dialect, String)>) {
    let documents = yaml::parse(text.as_bytes()).unwrap_or_default();
    let services = documents.iter().filter_map(|document| document.root.get("services")?.pairs());
    for service in services.flatten() {
        let Some(named) = service.value.get("env_file") else { continue };
        for item in named.items().unwrap_or(std::slice::from_ref(named)) {
            let word = |key: &str| item.get(key).and_then(yaml::Node::name);
            let dialect =
                if word("format") == Some("raw") { Dialect::DockerRun } else { Dialect::Compose };
            let path = item.name().or_else(|| word("path")).filter(|path| !path.is_empty());
            found.extend(path.map(|path| (dialect, path.to_owned())));
        }
    }
}

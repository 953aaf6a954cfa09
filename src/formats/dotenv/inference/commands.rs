//! Who names a `.env` file: commands with `--env-file`, `source`, units, compose, make, direnv.

use super::{Clue, Dialect, Strength};

/// Programs that take `--env-file`: words that stand before it on its line, the most telling first.
const PROGRAMS: &[(&[&str], Dialect)] = &[
    (&["docker", "compose"], Dialect::ComposeInterpolation),
    (&["docker-compose"], Dialect::ComposeInterpolation),
    (&["docker"], Dialect::DockerRun),
    (&["podman"], Dialect::DockerRun),
    (&["uvicorn"], Dialect::PythonDotenv),
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

/// `env_file:` of a compose file: one path, a list of paths, or a list of tables with `path:`.
fn env_files(text: &str, found: &mut Vec<(Dialect, String)>) {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(rest) = line.trim().strip_prefix("env_file:") else { continue };
        let indent = |line: &str| line.len() - line.trim_start().len();
        let outer = indent(line);
        let mut add = |path: &str| {
            let path = path.split(" #").next().unwrap_or(path);
            found.extend(
                path.split(',')
                    .map(|path| {
                        path.trim_matches(|c: char| c.is_whitespace() || "[]\"'".contains(c))
                    })
                    .filter(|path| !path.is_empty())
                    .map(|path| (Dialect::Compose, path.to_owned())),
            );
        };
        if !rest.trim().is_empty() {
            add(rest);
            continue;
        }
        while let Some(item) = lines.next_if(|item| {
            item.trim().is_empty()
                || indent(item) > outer
                || (indent(item) == outer && item.trim_start().starts_with("- "))
        }) {
            let item = item.trim();
            let entry = item.strip_prefix("- ").unwrap_or(item).trim();
            match entry.strip_prefix("path:") {
                Some(path) => add(path),
                None if item.starts_with("- ") && !entry.contains(": ") => add(entry),
                None => {}
            }
        }
    }
}

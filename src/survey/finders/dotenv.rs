//! `.env` files: each a layer, or those together that a framework reads together.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{Finder, base_name, folder_of, join, short_name};
use crate::{
    domain::inert::inert,
    formats::{
        Environment,
        dotenv::{Dialect, parse},
    },
    inventory::LayerSpec,
    layers,
    survey::{
        Proposal,
        environment::{self, Guess},
        ground::{Ground, Look},
        proposal::Candidate,
        universe::Universe,
        walk::listed,
    },
};

pub(super) const FINDER: Finder = Finder { wants: is_dotenv, find };

/// Parts of names of files that are there to be copied.
const TEMPLATES: &[&str] =
    &["dist", "example", "examples", "sample", "samples", "schema", "template", "tmpl", "tpl"];
/// Parts of names of files that nobody reads any more.
const BACKUPS: &[&str] = &["backup", "bak", "old", "orig", "save", "swp"];
/// Ends of names that are no dotenv files, whatever they begin with.
const OTHERS: &[&str] = &[
    "age", "asc", "cjs", "enc", "gpg", "html", "js", "json", "jsx", "keys", "lock", "md", "me",
    "mjs", "php", "ps1", "py", "rb", "sh", "sops", "toml", "ts", "tsx", "txt", "vault", "yaml",
    "yml", "zip",
];
/// Ends of names of keys: what else a name of no provider has to look like one.
const KEY_NAMES: &[&str] = &[
    "_ACCESS_KEY",
    "_ACCESS_TOKEN",
    "_API_KEY",
    "_API_SECRET",
    "_API_TOKEN",
    "_APIKEY",
    "_AUTH_TOKEN",
    "_SECRET_KEY",
];
/// Beginnings of names that everybody sees.
const PUBLIC: &[&str] = &["EXPO_PUBLIC_", "NEXT_PUBLIC_", "NUXT_PUBLIC_", "REACT_APP_", "VITE_"];

/// Readers that read several files, and in which order they are listed; `*` is the mode.
const FRAMEWORKS: &[(&str, &[&str])] = &[
    ("next", &[".env.*.local", ".env.local", ".env.*", ".env"]),
    ("ruby-dotenv@load", &[".env.*.local", ".env.local", ".env.*", ".env"]),
    ("vite", &[".env", ".env.local", ".env.*", ".env.*.local"]),
    ("vite@node22", &[".env", ".env.local", ".env.*", ".env.*.local"]),
    ("symfony", &[".env", ".env.local", ".env.*", ".env.*.local"]),
    ("bun", &[".env", ".env.*", ".env.local"]),
];

fn is_dotenv(path: &str) -> bool {
    let name = base_name(path);
    let named = name == ".env"
        || name == ".flaskenv"
        || name == ".dev.vars"
        || name.starts_with(".env.")
        || name.starts_with(".env-")
        || (has_end(name, "env") && name.len() > 4);
    named && !name.ends_with('~') && !OTHERS.iter().any(|other| has_end(name, other))
}

fn has_end(name: &str, end: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| found.eq_ignore_ascii_case(end))
}

fn has_part(name: &str, parts: &[&str]) -> bool {
    name.split(['.', '-', '_']).any(|part| parts.contains(&part.to_ascii_lowercase().as_str()))
}

fn find(ground: &Ground<'_>) -> Vec<Candidate> {
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let (mut templates, mut backups) = (Vec::new(), Vec::new());
    for path in ground.files(is_dotenv) {
        let name = base_name(path);
        if has_part(name, TEMPLATES) && !ground.templates {
            templates.push(inert(path));
        } else if has_part(name, BACKUPS) {
            backups.push(inert(path));
        } else {
            folders.entry(folder_of(path)).or_default().push(path);
        }
    }
    if !templates.is_empty() {
        ground.note(format!("templates, not layers (`--templates`): {}", listed(&templates)));
    }
    if !backups.is_empty() {
        ground.note(format!("backups that no program reads, not layers: {}", listed(&backups)));
    }
    folders.iter().flat_map(|(folder, files)| of_folder(ground, folder, files)).collect()
}

/// The files of one folder.
fn of_folder(ground: &Ground<'_>, folder: &str, files: &[&str]) -> Vec<Candidate> {
    let Some(order) = framework(ground, folder, files) else {
        return files.iter().filter_map(|path| of_files(ground, &[(*path).to_owned()])).collect();
    };
    let there = |name: &str| {
        let path = join(folder, name);
        files.contains(&path.as_str()).then_some(path)
    };
    let is_general = |mode: &&str| *mode != "local" && !mode.contains('.');
    let modes: BTreeSet<&str> = files
        .iter()
        .filter_map(|path| base_name(path).strip_prefix(".env."))
        .map(|mode| mode.strip_suffix(".local").unwrap_or(mode))
        .filter(is_general)
        .collect();
    let mut sets: Vec<Vec<String>> = modes
        .iter()
        .map(|mode| order.iter().filter_map(|name| there(&name.replace('*', mode))).collect())
        .collect();
    // What a start without a mode of its own reads.
    if !modes.iter().any(|mode| environment::of_word(mode) == Some("development")) {
        sets.push(
            order
                .iter()
                .filter(|name| !name.contains('*'))
                .filter_map(|name| there(name))
                .collect(),
        );
    }
    let grouped: BTreeSet<String> = sets.iter().flatten().cloned().collect();
    let single = files.iter().filter(|path| !grouped.contains(**path));
    let single = single.map(|path| vec![(*path).to_owned()]);
    let sets = sets.into_iter().filter(|files| !files.is_empty()).chain(single);
    sets.filter_map(|files| of_files(ground, &files)).collect()
}

/// In which order the files of this folder are read together, where they are.
fn framework(ground: &Ground<'_>, folder: &str, files: &[&str]) -> Option<&'static [&'static str]> {
    let general = join(folder, ".env");
    let of_kind = |path: &&&str| base_name(path).starts_with(".env");
    let first =
        files.iter().find(|path| **path == general).or_else(|| files.iter().find(of_kind))?;
    let kind = LayerSpec::Dotenv { files: vec![(*first).to_owned()], dialect: None };
    let (reader, _) = ground.look(&kind).reader?;
    FRAMEWORKS.iter().find(|(name, _)| *name == reader).map(|(_, order)| *order)
}

/// One layer.
fn of_files(ground: &Ground<'_>, files: &[String]) -> Option<Candidate> {
    let kind = LayerSpec::Dotenv { files: files.to_vec(), dialect: None };
    let Look { rows, unreadable, reader, .. } = ground.look(&kind);
    if let Some(why) = unreadable {
        ground.note(format!("could not be read, so it is not proposed: {why}"));
        return None;
    }
    let row = rows.into_iter().next()?;
    let (reader, because) = reader?;
    let first = files.first()?;
    let guess = files.iter().find_map(|path| {
        environment::of_file(base_name(path)).filter(|found| {
            // Of several files `.env.local` says nothing.
            files.len() == 1 || found.name != "development" || !path.ends_with(".env.local")
        })
    });
    let guess = guess
        .or_else(|| environment::of_folder(folder_of(first)))
        .unwrap_or_else(|| Guess::default("development"));
    let (name, place, why) = if files.len() == 1 {
        (short_name(first), first.clone(), "a dotenv file".to_owned())
    } else {
        let folder = folder_of(first);
        let name = format!("{} ({})", short_name(&join(folder, ".env files")), guess.name);
        (name, files.join(" "), format!("dotenv files that {reader} reads together"))
    };
    let remark = if because.starts_with("nothing") {
        format!("read as {reader}, as {because}: `dialect = \"…\"` does")
    } else {
        format!("read as {reader}: {because}")
    };
    let candidate = Candidate::new(kind, name, place, guess, why).holding([&row]);
    Some(Candidate { remarks: vec![inert(&remark)], ..candidate })
}

/// Variables of proposed dotenv files whose names look like those of keys, and that no provider has.
pub(in crate::survey) fn unknown_names(
    folder: &Path,
    proposals: &[Proposal],
    universe: &Universe,
) -> Vec<(String, String)> {
    let known = universe.variables();
    let looks_like_one = |name: &str| {
        KEY_NAMES.iter().any(|end| name.ends_with(end) && name.len() > end.len())
            && !PUBLIC.iter().any(|begin| name.starts_with(begin))
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && name.len() <= 60
            && !known.contains_key(name)
    };
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for proposal in proposals {
        let LayerSpec::Dotenv { files, .. } = &proposal.layer.kind else { continue };
        for path in files {
            let names = layers::peek(&folder.join(path), |bytes| {
                let contents = parse(Dialect::PythonDotenv, bytes, &Environment::new());
                let names = contents.into_iter().flat_map(|contents| contents.occurrences);
                names.map(|occurrence| occurrence.variable).collect::<Vec<_>>()
            });
            for name in names.into_iter().flatten().filter(|name| looks_like_one(name)) {
                found.entry(name).or_insert_with(|| inert(path));
            }
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(".env", true)]
    #[case("a/.env.production.local", true)]
    #[case("prod.env", true)]
    #[case(".envrc", false)]
    #[case(".env.ts", false)]
    #[case("src/.env.d.ts", false)]
    #[case(".env.keys", false)]
    #[case(".env.vault", false)]
    #[case(".env~", false)]
    #[case("environment", false)]
    #[case("env.py", false)]
    fn names_of_dotenv_files(#[case] path: &str, #[case] expected: bool) {
        assert_eq!(is_dotenv(path), expected);
    }

    #[rstest]
    #[case(".env.example", true)]
    #[case(".env.local.example", true)]
    #[case("example.env", true)]
    #[case(".env.dist", true)]
    #[case(".env.production", false)]
    #[case("distribution.env", false)]
    fn templates_are_told_by_a_part_of_their_name(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(has_part(name, TEMPLATES), expected);
    }
}

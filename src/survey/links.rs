//! Names of layers, and what one takes its value from.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    environment,
    ground::Ground,
    proposal::{Candidate, Named},
};
use crate::formats::files::plain;
use crate::{
    domain::{inert::inert_within, reading::Origin},
    inventory::{Inventory, LayerSpec},
};

/// How a file is named whose reader is PM2: it is followed where it is a layer, and by this alone it
/// becomes none, since how PM2 reads it is not known.
pub(super) const FOR_PM2: &str = "as env_file for PM2";
/// The most characters of a layer's name.
const LONGEST_NAME: usize = 80;

/// The files that something comes from, and how that is said of them.
pub(super) fn words(
    from: &BTreeMap<String, Origin>,
    by: &str,
    service: Option<&str>,
) -> BTreeMap<String, Named> {
    from.iter()
        .filter_map(|(path, origin)| {
            let how = match origin {
                Origin::ComposeEnvFile => "names it as env_file",
                Origin::ComposeDotenv => "takes ${…} from it",
                Origin::UnitEnvironmentFile => "names it as EnvironmentFile",
                Origin::File => "reads it",
                _ => return None,
            };
            let of = service.map(|service| format!("`{service}`")).into_iter().collect();
            Some((path.clone(), Named { by: format!("{by} {how}"), of }))
        })
        .collect()
}

/// Several that are named by the same are one: `compose.yaml names it as env_file of `a`, `b``.
fn together(named: &[Named]) -> String {
    let mut all: Vec<Named> = Vec::new();
    for one in named {
        match all.iter_mut().find(|known| known.by == one.by) {
            Some(known) => known.of.extend(one.of.iter().cloned()),
            None => all.push(one.clone()),
        }
    }
    let words: Vec<String> = all
        .iter()
        .map(|one| {
            let of: Vec<&str> = one.of.iter().map(String::as_str).collect();
            if of.is_empty() { one.by.clone() } else { format!("{} of {}", one.by, of.join(", ")) }
        })
        .collect();
    words.join("; ")
}

/// The dotenv layer of exactly this file.
fn is_of(candidate: &Candidate, path: &str) -> bool {
    matches!(&candidate.kind, LayerSpec::Dotenv { files, .. }
        if matches!(files.as_slice(), [only] if plain(only) == path))
}

/// The layer of exactly the compose files that a container was created from, and of its service.
fn compose_of(candidate: &Candidate, all: &[Candidate]) -> Option<usize> {
    let created = candidate.compose.as_ref()?;
    all.iter().position(|other| {
        matches!(&other.kind, LayerSpec::Compose { files, service, .. }
            if service.as_ref().is_none_or(|service| *service == created.service)
                && files.iter().map(|file| plain(file)).collect::<BTreeSet<_>>() == created.files)
    })
}

/// Files that others name become layers too, whatever they are called; those that are layers already
/// are told who reads them.
pub(super) fn add_named_files(ground: &Ground<'_>, candidates: &mut Vec<Candidate>) {
    let mut named: BTreeMap<String, Vec<Named>> = BTreeMap::new();
    for (path, words) in candidates.iter().flat_map(|candidate| &candidate.from) {
        named.entry(path.clone()).or_default().push(words.clone());
    }
    let mut added = Vec::new();
    for (path, words) in named {
        let because = together(&words);
        if let Some(known) = candidates.iter_mut().find(|candidate| is_of(candidate, &path)) {
            known.because = format!("{}: {because}", known.because);
        } else if ground.has_file(&path) && words.iter().any(|it| !it.by.ends_with(FOR_PM2)) {
            added.extend(named_file(ground, &path, &because));
        }
    }
    // Before what reads them.
    let at = candidates
        .iter()
        .position(|candidate| {
            !matches!(
                candidate.kind,
                LayerSpec::Shell | LayerSpec::ShellFile { .. } | LayerSpec::Dotenv { .. }
            )
        })
        .unwrap_or(candidates.len());
    candidates.splice(at..at, added);
}

fn named_file(ground: &Ground<'_>, path: &str, because: &str) -> Option<Candidate> {
    let kind = |dialect: Option<&str>| LayerSpec::Dotenv {
        files: vec![path.to_owned()],
        dialect: dialect.map(str::to_owned),
    };
    // Whoever names it reads it, where the files beside it do not say so themselves.
    let inferred = ground.look(&kind(None)).reader.map(|(reader, _)| reader);
    let by_namer = if because.contains("EnvironmentFile") {
        "systemd"
    } else if because.contains("env_file") {
        "compose"
    } else if because.contains("${") {
        "compose-interpolation"
    } else {
        "kubectl"
    };
    let is_known = inferred.is_some_and(|reader| reader == by_namer || reader == "docker-run");
    let kind = kind((!is_known).then_some(by_namer));
    let rows = ground.look(&kind).rows;
    if rows.is_empty() {
        return None;
    }
    let guess =
        environment::of_path(path).unwrap_or_else(|| environment::Guess::default("development"));
    let folder = path.rsplit_once('/').and_then(|(folder, _)| folder.rsplit('/').next());
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = folder.map_or_else(|| name.to_owned(), |folder| format!("{folder} {name}"));
    Some(Candidate::new(kind, name, path, guess, because).holding(&rows))
}

/// Whose environment nothing tells is of that of what reads it, or what it reads.
pub(super) fn settle_environments(candidates: &mut [Candidate]) {
    // From files to what reads them, and then back.
    for number in 0..candidates.len() {
        if candidates[number].environment.because.is_some() {
            continue;
        }
        let guess = candidates[number].from.keys().find_map(|path| {
            let source = candidates.iter().find(|other| is_of(other, path))?;
            source.environment.because.as_ref()?;
            let because = format!("that of {}", source.name);
            Some(environment::Guess::new(&source.environment.name, because))
        });
        if let Some(guess) = guess {
            candidates[number].environment = guess;
        }
    }
    for number in 0..candidates.len() {
        let LayerSpec::Dotenv { files, .. } = &candidates[number].kind else { continue };
        let [path] = files.as_slice() else { continue };
        if candidates[number].environment.because.is_some() {
            continue;
        }
        let path = plain(path);
        let readers: Vec<&Candidate> =
            candidates.iter().filter(|other| other.from.contains_key(&path)).collect();
        let environments: BTreeSet<&str> =
            readers.iter().map(|reader| reader.environment.name.as_str()).collect();
        if let (Some(first), 1) = (readers.first(), environments.len()) {
            let because = format!("that of {}", first.name);
            let guess = environment::Guess::new(&first.environment.name, because);
            candidates[number].environment = guess;
        }
    }
    // A process is where its unit is.
    let units: BTreeMap<String, environment::Guess> = candidates
        .iter()
        .filter(|candidate| matches!(candidate.kind, LayerSpec::Systemd { .. }))
        .filter_map(|candidate| Some((candidate.unit.clone()?, candidate.environment.clone())))
        .collect();
    for candidate in candidates.iter_mut() {
        if matches!(candidate.kind, LayerSpec::Process { .. })
            && let Some(guess) = candidate.unit.as_ref().and_then(|unit| units.get(unit))
        {
            candidate.environment = guess.clone();
        }
    }
    // A container is where its compose file is.
    for number in 0..candidates.len() {
        if let Some(source) = compose_of(&candidates[number], candidates) {
            candidates[number].environment = candidates[source].environment.clone();
        }
    }
}

/// Every name once, and none that the inventory has for another layer. What is in the inventory is
/// called as it is there.
pub(super) fn name(
    candidates: &mut [Candidate],
    inventory: Option<&Inventory>,
    present: &[Option<usize>],
) {
    let layers = inventory.map_or(&[][..], |inventory| &inventory.layers);
    let mut taken: BTreeSet<String> = layers.iter().map(|layer| layer.name.clone()).collect();
    for (candidate, present) in candidates.iter_mut().zip(present) {
        if let Some(layer) = present.and_then(|number| layers.get(number)) {
            candidate.name.clone_from(&layer.name);
            continue;
        }
        let short = visible(&candidate.name);
        let long = visible(&format!("{} ({})", candidate.name, candidate.place));
        let numbered = (2..).map(|number| format!("{long} {number}"));
        let names = [short, long.clone()].into_iter().chain(numbered);
        if let Some(free) = names.into_iter().find(|name| !taken.contains(name)) {
            taken.insert(free.clone());
            candidate.name = free;
        }
    }
}

/// A name that can be told on a screen.
fn visible(name: &str) -> String {
    let name = inert_within(name, LONGEST_NAME);
    if name.trim().is_empty() { "layer".to_owned() } else { name }
}

/// Writes the sources that are certain, and says of others where they could be.
pub(super) fn link(candidates: &mut [Candidate], present: &[Option<usize>]) {
    for number in 0..candidates.len() {
        let (candidate, rest) = (&candidates[number], &*candidates);
        let unit =
            candidate.unit.as_ref().filter(|_| matches!(candidate.kind, LayerSpec::Process { .. }));
        let by_unit = unit.and_then(|unit| {
            rest.iter().position(|other| {
                matches!(other.kind, LayerSpec::Systemd { .. }) && other.unit.as_ref() == Some(unit)
            })
        });
        let sources: BTreeSet<usize> = candidate
            .from
            .keys()
            .filter_map(|path| rest.iter().position(|other| is_of(other, path)))
            .collect();
        let certain = match sources.iter().copied().collect::<Vec<_>>().as_slice() {
            [only] => Some(*only),
            _ => by_unit.or_else(|| compose_of(candidate, rest)),
        };
        let mut remarks = Vec::new();
        if sources.len() > 1 {
            let names: Vec<String> =
                sources.iter().map(|source| format!("`{}`", rest[*source].name)).collect();
            remarks.push(format!("takes values from {}", names.join(" and ")));
        } else if certain.is_none() {
            remarks.extend(likely(candidate, rest));
        }
        let source = certain.map(|source| rest[source].name.clone());
        let source_is_present =
            certain.is_some_and(|source| present.get(source).copied().flatten().is_some());
        let candidate = &mut candidates[number];
        candidate.remarks.extend(remarks);
        candidate.source = source;
        candidate.source_is_present = source_is_present;
    }
}

/// A `.env` file in the folder that a process works in, of the same environment.
fn likely(candidate: &Candidate, all: &[Candidate]) -> Option<String> {
    let LayerSpec::Process { matching, .. } = &candidate.kind else { return None };
    let folder = matching.folder.as_deref()?;
    let file = if folder == "." { ".env".to_owned() } else { format!("{folder}/.env") };
    let source = all.iter().find(|other| {
        matches!(&other.kind, LayerSpec::Dotenv { files, .. } if files.contains(&file))
            && !other.variables.is_disjoint(&candidate.variables)
    })?;
    Some(format!("likely, as it works in that folder: source = \"{}\"", source.name))
}

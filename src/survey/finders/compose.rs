//! Projects of Docker Compose: what `docker compose up` would find in a folder, and each further
//! file that is laid over it or stands alone.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finder, base_name, folder_of, is_yaml, join, short_name};
use crate::{
    domain::layer::Instance,
    formats::{
        compose::{FILES, OVERRIDES},
        yaml::{self, Node},
    },
    inventory::LayerSpec,
    layers,
    survey::{
        environment::{self, Guess},
        ground::{Ground, Row},
        links,
        proposal::Candidate,
    },
};

pub(super) const FINDER: Finder = Finder { wants, find };

/// What starts services that only a profile starts.
const EVERY_PROFILE: &str = "*";

fn wants(path: &str) -> bool {
    let name = base_name(path);
    let rest = name.strip_prefix("docker-compose").or_else(|| name.strip_prefix("compose"));
    is_yaml(name) && rest.is_some_and(|rest| rest.starts_with(['.', '-', '_']))
}

/// The services of one file, and whether each could run by itself.
#[derive(Default)]
struct Services {
    names: BTreeSet<String>,
    all_run: bool,
}

fn find(ground: &Ground<'_>) -> Vec<Candidate> {
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in ground.files(wants) {
        folders.entry(folder_of(path)).or_default().push(base_name(path));
    }
    let mut found = Vec::new();
    for (folder, names) in folders {
        for (files, because) in projects(ground, folder, &names) {
            found.extend(of_project(ground, &files, &because));
        }
    }
    found
}

/// The files of each project of a folder, and why they are one.
fn projects(ground: &Ground<'_>, folder: &str, names: &[&str]) -> Vec<(Vec<String>, String)> {
    let first = |known: &[&'static str]| known.iter().find(|name| names.contains(name)).copied();
    let main = first(&FILES);
    let over = first(&OVERRIDES).filter(|_| main.is_some());
    let path = |name: &str| join(folder, name);
    let mut projects = Vec::new();
    if let Some(main) = main {
        let because = match over {
            Some(over) => format!("what Compose finds here: {main}, and {over} over it"),
            None => "what Compose finds here".to_owned(),
        };
        projects.push((std::iter::once(main).chain(over).map(path).collect(), because));
    }
    let of_main = main.map(|main| services(ground, &path(main))).unwrap_or_default();
    let is_further =
        |name: &&&str| !FILES.contains(*name) && !OVERRIDES.contains(*name) && !is_template(name);
    for name in names.iter().filter(is_further) {
        let own = services(ground, &path(name));
        match main {
            // It brings everything that the main file has: it is meant to be used alone.
            Some(main) if !(own.all_run && own.names.is_superset(&of_main.names)) => {
                let because = format!("{name}, laid over {main}");
                projects.push((vec![path(main), path(name)], because));
            }
            _ => projects.push((vec![path(name)], "a compose file of its own".to_owned())),
        }
    }
    projects
}

fn is_template(name: &str) -> bool {
    name.split(['.', '-', '_']).any(|part| matches!(part, "example" | "sample" | "template"))
}

fn services(ground: &Ground<'_>, path: &str) -> Services {
    let read = |bytes: &[u8]| {
        let documents = yaml::parse(bytes).unwrap_or_default();
        let pairs = documents
            .first()
            .and_then(|document| document.root.get("services"))
            .and_then(Node::pairs)
            .unwrap_or_default();
        let runs = |service: &Node| {
            ["image", "build", "extends", "provider"].iter().any(|key| service.get(key).is_some())
        };
        Services {
            names: pairs.iter().filter_map(|pair| pair.key.name().map(str::to_owned)).collect(),
            all_run: !pairs.is_empty() && pairs.iter().all(|pair| runs(&pair.value)),
        }
    };
    layers::peek(&ground.surroundings.file(path), read).unwrap_or_default()
}

fn of_project(ground: &Ground<'_>, files: &[String], because: &str) -> Vec<Candidate> {
    let Some(last) = files.last() else { return Vec::new() };
    let kind = |service: Option<String>, profiles: &[&str]| LayerSpec::Compose {
        files: files.to_vec(),
        folder: None,
        service,
        profiles: profiles.iter().map(|profile| (*profile).to_owned()).collect(),
        env_files: Vec::new(),
    };
    let guess = files
        .iter()
        .rev()
        .find_map(|path| environment::of_file(base_name(path)))
        .or_else(|| environment::of_folder(folder_of(last)))
        .unwrap_or_else(|| Guess::default("development"));
    // An override file is Compose's own and says nothing of itself.
    let named = files.iter().rev().find(|path| !OVERRIDES.contains(&base_name(path)));
    let named = named.unwrap_or(last);
    let name = short_name(named);
    let candidate = |service: Option<&str>| {
        let (label, place) = match service {
            Some(service) => (format!("{name} {service}"), format!("{last} {service}")),
            None => (name.clone(), files.join(" ")),
        };
        let kind = kind(service.map(str::to_owned), &[]);
        Candidate::new(kind, label, place, guess.clone(), because)
    };
    let look = ground.look(&kind(None, &[]));
    if let Some(why) = look.unreadable {
        let variables: BTreeSet<String> =
            files.iter().flat_map(|path| ground.mentioned(path)).collect();
        if variables.is_empty() {
            ground.note(format!("Compose would refuse it, so it is not proposed: {why}"));
            return Vec::new();
        }
        let refused = candidate(None).mentioning(variables);
        return vec![Candidate { remarks: vec![why], ..refused }];
    }
    let of_row = |row: &Row| {
        let from = links::words(&row.from, base_name(named), service(row));
        Candidate { from, ..candidate(service(row)).holding([row]) }
    };
    let mut found: Vec<Candidate> = look.rows.iter().map(of_row).collect();
    // One layer for all services where all are given the same: a service that holds nothing would be
    // a row in which it is missing.
    let is_like = |first: &Row, row: &Row| {
        row.variables == first.variables && row.from.keys().eq(first.from.keys())
    };
    if let [first, others @ ..] = look.rows.as_slice()
        && look.idle == 0
        && others.iter().all(|row| is_like(first, row))
    {
        let whole = candidate(None).holding(&look.rows);
        found = vec![found.into_iter().fold(whole, |whole, one| whole.from(one.from))];
    }
    // Named, a service starts whatever its profiles.
    let held: BTreeSet<&str> = look.rows.iter().filter_map(service).collect();
    let all = ground.look(&kind(None, &[EVERY_PROFILE]));
    let is_new = |row: &&Row| service(row).is_some_and(|name| !held.contains(name));
    found.extend(all.rows.iter().filter(is_new).map(of_row));
    found
}

fn service(row: &Row) -> Option<&str> {
    match &row.instance {
        Some(Instance::Service(name)) => Some(name),
        _ => None,
    }
}

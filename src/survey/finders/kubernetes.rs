//! Manifests of Kubernetes: overlays of kustomize, and folders of plain files.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finder, base_name, folder_of, is_yaml, join};
use crate::formats::files::plain;
use crate::{
    domain::{inert::inert, layer::Instance},
    formats::yaml::{self, Node},
    inventory::LayerSpec,
    layers,
    survey::{
        environment::{self, Guess},
        ground::{Ground, Row},
        links,
        proposal::Candidate,
        walk::listed,
    },
};

pub(super) const FINDER: Finder = Finder { wants, find };

/// Files that are opened to see whether they are manifests.
const MOST_FILES: usize = 5_000;
/// Kinds that could give a container a variable, or are one that does.
const KINDS: &[&str] = &[
    "ConfigMap",
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "List",
    "Pod",
    "ReplicaSet",
    "Secret",
    "StatefulSet",
];

/// Folders above an overlay, and below the folder of all: the base and the components.
struct Kustomization {
    folder: String,
    /// The folders and files that it lists.
    lists: BTreeSet<String>,
}

fn wants(path: &str) -> bool {
    let name = base_name(path);
    is_yaml(name) || name == "Kustomization" || has_end(name, "json") && path.contains('/')
}

fn has_end(name: &str, end: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| found == end)
}

fn is_kustomization(path: &str) -> bool {
    matches!(base_name(path), "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

/// What a file is to this finder.
enum File {
    Manifest,
    /// A template of Helm's: no YAML before it is rendered.
    Template,
    Other,
}

fn find(ground: &Ground<'_>) -> Vec<Candidate> {
    let files = ground.files(|path| wants(path) && !path.starts_with(".github/"));
    if files.len() > MOST_FILES {
        ground.note(format!(
            "{} YAML and JSON files; the first {MOST_FILES} were looked at for manifests",
            files.len()
        ));
    }
    let (kustomizations, plain_files): (Vec<&str>, Vec<&str>) =
        files.into_iter().take(MOST_FILES).partition(|path| is_kustomization(path));
    let kustomizations: Vec<Kustomization> =
        kustomizations.into_iter().map(|path| kustomization(ground, path)).collect();
    let (mut manifests, mut templates) = (Vec::new(), BTreeSet::new());
    for path in plain_files {
        match layers::peek(&ground.surroundings.file(path), what).unwrap_or(File::Other) {
            File::Manifest => manifests.push(path),
            File::Template if !ground.mentioned(path).is_empty() => {
                templates.insert(inert(folder_of(path)));
            }
            File::Template | File::Other => {}
        }
    }
    if !templates.is_empty() {
        let templates: Vec<String> = templates.into_iter().collect();
        ground.note(format!(
            "templates of Helm, which name variables of the catalogue and are not read before \
             `helm template` renders them: {}",
            listed(&templates)
        ));
    }
    let mut found: Vec<Candidate> = kustomizations
        .iter()
        .filter(|own| !is_listed(own, &kustomizations))
        .flat_map(|own| {
            let folder = if own.folder.is_empty() { "." } else { &own.folder };
            layers_of(ground, &[folder.to_owned()], folder, "an overlay of kustomize")
        })
        .collect();
    let is_followed = |path: &&str| {
        kustomizations.iter().any(|own| {
            own.lists.contains(*path)
                || own.lists.contains(folder_of(path))
                || is_below(path, &own.folder)
        })
    };
    manifests.retain(|path| !is_followed(path));
    found.extend(plain_folders(ground, &manifests));
    found
}

/// Another one lists its folder: it is a base.
fn is_listed(own: &Kustomization, all: &[Kustomization]) -> bool {
    all.iter().any(|other| {
        other.lists.contains(&own.folder)
            || ["kustomization.yaml", "kustomization.yml", "Kustomization"]
                .iter()
                .any(|name| other.lists.contains(&join(&own.folder, name)))
    })
}

fn is_below(path: &str, folder: &str) -> bool {
    !folder.is_empty() && path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn kustomization(ground: &Ground<'_>, path: &str) -> Kustomization {
    let folder = folder_of(path).to_owned();
    let read = |bytes: &[u8]| -> BTreeSet<String> {
        let documents = yaml::parse(bytes).unwrap_or_default();
        let Some(root) = documents.first().map(|document| &document.root) else {
            return BTreeSet::new();
        };
        ["resources", "bases", "components"]
            .iter()
            .filter_map(|field| root.get(field)?.items())
            .flatten()
            .filter_map(Node::name)
            .map(|listed| plain(&join(&folder, listed)).trim_end_matches('/').to_owned())
            .collect()
    };
    let lists = layers::peek(&ground.surroundings.file(path), read).unwrap_or_default();
    Kustomization { folder, lists }
}

/// By its first lines, so that not every YAML file is parsed.
fn what(bytes: &[u8]) -> File {
    let text = String::from_utf8_lossy(bytes);
    if text.trim_start().starts_with('{') {
        let text: String = text.chars().filter(|character| !character.is_whitespace()).collect();
        let has = |kind: &&str| text.contains(&format!("\"kind\":\"{kind}\""));
        let is_object = text.contains("\"apiVersion\":") && KINDS.iter().any(has);
        return if is_object { File::Manifest } else { File::Other };
    }
    let is_kind = |line: &str| {
        let rest = line.trim_start_matches(['-', ' ']).strip_prefix("kind:");
        let kind = rest.map(|rest| rest.trim_matches(['"', '\'', ' ', '\r']));
        kind.is_some_and(|kind| KINDS.contains(&kind))
    };
    let is_object = text.lines().any(|line| line.starts_with("apiVersion:"));
    if !is_object || !text.lines().any(is_kind) {
        File::Other
    } else if text.contains("{{") {
        File::Template
    } else {
        File::Manifest
    }
}

/// Folders of plain manifests: a folder with those inside it that are for the same environment.
fn plain_folders(ground: &Ground<'_>, manifests: &[&str]) -> Vec<Candidate> {
    let guess = |folder: &str| environment::of_folder(folder).map(|guess| guess.name);
    let mut groups: BTreeMap<(String, Option<String>), Vec<String>> = BTreeMap::new();
    let folders: BTreeSet<&str> = manifests.iter().map(|path| folder_of(path)).collect();
    for path in manifests {
        let own = folder_of(path);
        let name = environment::of_file(base_name(path)).map(|guess| guess.name);
        let environment = name.or_else(|| guess(own));
        // The topmost folder of manifests above it that is for the same environment.
        let top = folders
            .iter()
            .filter(|folder| **folder == own || is_below(own, folder))
            .filter(|folder| **folder == own || guess(folder) == environment)
            .min_by_key(|folder| folder.len())
            .copied()
            .unwrap_or(own);
        groups.entry((top.to_owned(), environment)).or_default().push((*path).to_owned());
    }
    let mut found = Vec::new();
    for ((folder, _), files) in groups {
        let all: BTreeSet<&str> =
            ground.files(|path| wants(path) && is_below(path, &folder)).into_iter().collect();
        let own: BTreeSet<&str> = files.iter().map(String::as_str).collect();
        // A folder is named as one where it holds nothing else: what is added to it belongs there.
        let paths = if all == own { vec![folder.clone()] } else { files.clone() };
        let place = paths.first().cloned().unwrap_or_default();
        let name = if paths.len() == 1 || folder.is_empty() { place } else { folder.clone() };
        found.extend(layers_of(ground, &paths, &name, "manifests of Kubernetes"));
    }
    found
}

/// The layers of these manifests: one, or one for each container that is given something where others
/// are not, as those would be rows in which it is missing.
fn layers_of(ground: &Ground<'_>, paths: &[String], name: &str, because: &str) -> Vec<Candidate> {
    let guess = paths
        .iter()
        .find_map(|path| environment::of_path(path).or_else(|| environment::of_folder(path)))
        .unwrap_or_else(|| Guess::default("production"));
    let kind = |workload: Option<&str>, container: Option<&str>| LayerSpec::Kubernetes {
        paths: paths.to_vec(),
        cluster: None,
        workload: workload.map(str::to_owned),
        container: container.map(str::to_owned),
    };
    let look = ground.look(&kind(None, None));
    let place = paths.join(" ");
    let whole = || Candidate::new(kind(None, None), name, place.clone(), guess.clone(), because);
    if let Some(why) = look.unreadable {
        let mentioned: BTreeSet<String> = paths
            .iter()
            .flat_map(|path| {
                let files = ground.files(|file| file == path || is_below(file, path));
                files.into_iter().flat_map(|file| ground.mentioned(file)).collect::<Vec<_>>()
            })
            .collect();
        let candidate = whole().holding(&look.rows).mentioning(mentioned);
        if candidate.variables.is_empty() {
            ground.note(format!("could not be read, so it is not proposed: {why}"));
            return Vec::new();
        }
        return vec![Candidate { remarks: vec![why], ..candidate }];
    }
    if look.rows.is_empty() {
        if look.elsewhere {
            ground.note(format!(
                "{} takes variables from objects that are not among these manifests, so it is not \
                 known which",
                inert(&place)
            ));
        }
        return Vec::new();
    }
    let from = |row: &Row| {
        let outside = row.from.iter().filter(|(path, _)| !is_yaml(path) && !has_end(path, "json"));
        let outside = outside.map(|(path, origin)| (path.clone(), origin.clone())).collect();
        links::words(&outside, name, None)
    };
    let is_like = |first: &Row, row: &Row| row.variables == first.variables;
    let [first, others @ ..] = look.rows.as_slice() else { return Vec::new() };
    let containers: Vec<_> = look.rows.iter().map(container).collect();
    if (look.idle == 0 && others.iter().all(|row| is_like(first, row)))
        || containers.iter().any(Option::is_none)
    {
        // Of objects none can be named alone: those that hold nothing are not missing it.
        let optional = look.idle > 0;
        let all = whole().holding(&look.rows);
        let all = look.rows.iter().fold(all, |all, row| all.from(from(row)));
        return vec![Candidate { optional, ..all }];
    }
    look.rows
        .iter()
        .zip(containers)
        .filter_map(|(row, found)| Some((row, found?)))
        .map(|(row, (workload, container))| {
            let (label, place) =
                (format!("{name} {workload}/{container}"), format!("{place} {workload}"));
            let kind = kind(Some(&workload), Some(&container));
            Candidate::new(kind, label, place, guess.clone(), because)
                .holding([row])
                .from(from(row))
        })
        .collect()
}

/// `deploy/api` and `web` of `deploy/api/web`, also behind a namespace.
fn container(row: &Row) -> Option<(String, String)> {
    let Some(Instance::Container(name)) = &row.instance else { return None };
    match name.split('/').rev().collect::<Vec<_>>().as_slice() {
        [container, workload, kind, ..] => {
            Some((format!("{kind}/{workload}"), (*container).to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("apiVersion: v1\nkind: Secret\n", "manifest")]
    #[case("---\napiVersion: apps/v1\nkind: \"Deployment\"\n", "manifest")]
    #[case("{\"apiVersion\": \"v1\",\n \"kind\": \"Secret\"}", "manifest")]
    #[case("{\"kind\":\"Secret\",\"apiVersion\":\"v1\"}", "manifest")]
    #[case("{\"kind\":\"Service\",\"apiVersion\":\"v1\"}", "other")]
    #[case("apiVersion: v1\nkind: Service\n", "other")]
    #[case("apiVersion: v2\nname: chart\n", "other")]
    #[case("apiVersion: v1\nkind: Secret\nstringData:\n  a: {{ .Values.a }}\n", "template")]
    #[case("services:\n  a: {}\n", "other")]
    fn files_are_told_by_their_first_keys(#[case] text: &str, #[case] expected: &str) {
        let found = match what(text.as_bytes()) {
            File::Manifest => "manifest",
            File::Template => "template",
            File::Other => "other",
        };
        assert_eq!(found, expected);
    }
}

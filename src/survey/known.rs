//! What the inventory has already, and what it has that is gone.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{ground::Ground, proposal::Candidate};
use crate::formats::files::plain;
use crate::{
    domain::{inert::inert, layer::Instance},
    inventory::{Inventory, Layer, LayerSpec},
    layers::absolute,
};

/// For each candidate the number of the layer that is the same place.
pub(super) fn present(
    ground: &Ground<'_>,
    inventory: Option<&Inventory>,
    candidates: &[Candidate],
) -> Vec<Option<usize>> {
    let layers = inventory.map_or(&[][..], |inventory| &inventory.layers);
    let pids: Vec<BTreeSet<u32>> = layers
        .iter()
        .map(|layer| match &layer.kind {
            LayerSpec::Process { .. } if ground.running => pids(ground, &layer.kind),
            _ => BTreeSet::new(),
        })
        .collect();
    let containers: Vec<BTreeSet<String>> = layers
        .iter()
        .map(|layer| match &layer.kind {
            LayerSpec::Container { .. } if ground.running => containers(ground, &layer.kind),
            _ => BTreeSet::new(),
        })
        .collect();
    candidates
        .iter()
        .map(|candidate| {
            layers.iter().enumerate().position(|(number, layer)| {
                let runs = !candidate.pids.is_empty() && candidate.pids.is_subset(&pids[number])
                    || !candidate.containers.is_empty()
                        && candidate.containers.is_subset(&containers[number]);
                runs || is_same(ground, &layer.kind, candidate)
            })
        })
        .collect()
}

fn pids(ground: &Ground<'_>, kind: &LayerSpec) -> BTreeSet<u32> {
    let rows = ground.look(kind).rows;
    rows.iter()
        .filter_map(|row| match row.instance {
            Some(Instance::Pid(pid)) => Some(pid),
            _ => None,
        })
        .collect()
}

/// The containers that a layer has, by their names.
fn containers(ground: &Ground<'_>, kind: &LayerSpec) -> BTreeSet<String> {
    let rows = ground.look(kind).rows;
    rows.into_iter()
        .filter_map(|row| match row.instance {
            Some(Instance::Container(name)) => Some(name),
            _ => None,
        })
        .collect()
}

/// Two ways to name the same place.
fn is_same(ground: &Ground<'_>, layer: &LayerSpec, candidate: &Candidate) -> bool {
    let real = |path: &str| ground.surroundings.file(&plain(path));
    let all = |paths: &[String]| -> BTreeSet<PathBuf> { paths.iter().map(|it| real(it)).collect() };
    match (layer, &candidate.kind) {
        (LayerSpec::Shell, LayerSpec::Shell) => true,
        (LayerSpec::ShellFile { path: one, .. }, LayerSpec::ShellFile { path: other, .. }) => {
            real(one) == real(other)
        }
        (LayerSpec::Dotenv { files: one, .. }, LayerSpec::Dotenv { files: other, .. }) => {
            all(other).is_subset(&all(one))
        }
        (
            LayerSpec::Ci { path: one, scope: part, .. },
            LayerSpec::Ci { path: other, scope, .. },
        ) => real(one) == real(other) && (part.is_none() || part == scope || scope.is_none()),
        (
            LayerSpec::Compose { files: one, folder, service: part, .. },
            LayerSpec::Compose { files: other, service, .. },
        ) => {
            // Without files it is what Compose finds in the folder.
            let found = one.is_empty()
                && other.first().is_some_and(|first| {
                    real(first).parent().map(Path::to_owned)
                        == Some(plain_folder(ground, folder.as_deref()))
                        && candidate.because.starts_with("what Compose finds")
                });
            let last = |files: &[String]| files.last().map(|path| real(path));
            let same = all(one) == all(other) || (!one.is_empty() && last(one) == last(other));
            (found || same) && (part.is_none() || part == service)
        }
        (LayerSpec::Kubernetes { paths: one, .. }, LayerSpec::Kubernetes { paths: other, .. }) => {
            let one = all(one);
            all(other).iter().all(|path| one.iter().any(|above| path.starts_with(above)))
        }
        (
            LayerSpec::Systemd { unit: name, files: one, .. },
            LayerSpec::Systemd { files: other, .. },
        ) => (name.is_some() && *name == candidate.unit) || !all(one).is_disjoint(&all(other)),
        (
            LayerSpec::Supervisor { program: part, config: Some(one) },
            LayerSpec::Supervisor { program, config: Some(other) },
        ) => real(one) == real(other) && (part.is_none() || part == program),
        // What starts an application says nothing of PM2's folder.
        (LayerSpec::Pm2 { app: part, .. }, LayerSpec::Pm2 { app, .. }) => {
            part.is_none() || part == app
        }
        (one, other) => one == other,
    }
}

fn plain_folder(ground: &Ground<'_>, folder: Option<&str>) -> PathBuf {
    match folder.map(plain) {
        None => ground.folder.clone(),
        Some(folder) if folder == "." => ground.folder.clone(),
        Some(folder) => ground.surroundings.file(&folder),
    }
}

/// Layers of the inventory whose files are all gone, with those; inert.
pub fn vanished(inventory: &Inventory, home: Option<&Path>) -> Vec<(String, String)> {
    inventory.layers.iter().filter_map(|layer| gone(layer, inventory, home)).collect()
}

fn gone(layer: &Layer, inventory: &Inventory, home: Option<&Path>) -> Option<(String, String)> {
    let paths = layer.kind.paths();
    let is_gone = |path: &&str| {
        // What cannot be looked at is there (SECURITY R6).
        absolute(&inventory.folder, home, path)
            .symlink_metadata()
            .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    };
    let all_gone = !paths.is_empty() && paths.iter().all(is_gone);
    all_gone.then(|| (inert(&layer.name), inert(&paths.join(", "))))
}

//! Which compose layer of the inventory a container was created from.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    domain::container::{ComposeLabels, Linked},
    inventory::{Layer, LayerSpec},
    layers::absolute,
};

/// What the readers of containers know of the other layers.
#[derive(Debug, Default)]
pub(in crate::layers) struct Neighbours {
    compose: Vec<Project>,
    files: BTreeSet<PathBuf>,
}

/// A compose layer.
#[derive(Debug)]
struct Project {
    layer: String,
    environment: String,
    files: Vec<PathBuf>,
    folder: PathBuf,
    service: Option<String>,
}

impl Neighbours {
    /// Those of an inventory; none where no layer is about containers.
    pub(in crate::layers) fn of(layers: &[Layer], folder: &Path, home: Option<&Path>) -> Self {
        let is_container = |layer: &Layer| matches!(layer.kind, LayerSpec::Container { .. });
        if !layers.iter().any(is_container) {
            return Self::default();
        }
        let path = |path: &str| absolute(folder, home, path);
        let compose = layers.iter().filter_map(|layer| {
            let LayerSpec::Compose { files, folder: own, service, .. } = &layer.kind else {
                return None;
            };
            let own = path(own.as_deref().unwrap_or("."));
            Some(Project {
                layer: layer.name.clone(),
                environment: layer.environment.clone(),
                files: files.iter().map(|file| absolute(&own, home, file)).collect(),
                folder: own,
                service: service.clone(),
            })
        });
        let files = layers.iter().flat_map(|layer| layer.kind.paths()).map(path);
        Self { compose: compose.collect(), files: files.collect() }
    }

    /// Whether a layer names this file.
    pub(super) fn names(&self, path: &str) -> bool {
        let path = Path::new(path);
        self.files.contains(path) || {
            let real = real(path);
            self.files.iter().any(|file| fs::canonicalize(file).is_ok_and(|file| file == real))
        }
    }

    /// The layer that describes the project and the service of these labels: by the same files or,
    /// where the layer leaves them to Compose, by the same folder.
    pub(super) fn source(&self, labels: &ComposeLabels, environment: &str) -> Option<Linked> {
        let files: BTreeSet<PathBuf> =
            labels.files.iter().map(|file| real(Path::new(file))).collect();
        let of_folder = labels.folder.as_ref().map(|folder| real(Path::new(folder)));
        let folders: BTreeSet<PathBuf> = of_folder
            .into_iter()
            .chain(files.iter().filter_map(|file| file.parent()).map(Path::to_owned))
            .collect();
        let fits = |project: &&Project| {
            project.environment == environment
                && project.service.as_ref().is_none_or(|service| *service == labels.service)
        };
        let close = |project: &&Project| -> Option<Closeness> {
            if project.files.is_empty() {
                return folders.contains(&real(&project.folder)).then_some(Closeness::SameFolder);
            }
            let own: BTreeSet<PathBuf> = project.files.iter().map(|file| real(file)).collect();
            if own == files {
                Some(Closeness::SameFiles)
            } else {
                own.intersection(&files).next().map(|_| Closeness::SomeFiles)
            }
        };
        let (how, _, project) = self
            .compose
            .iter()
            .filter(fits)
            .filter_map(|project| Some((close(&project)?, project.service.is_none(), project)))
            .min_by_key(|(how, every_service, _)| (*how, *every_service))?;
        let how = match how {
            Closeness::SameFiles => "the same compose files",
            Closeness::SameFolder => "the same folder",
            Closeness::SomeFiles => "some of the same compose files",
        };
        let ComposeLabels { project: name, service, .. } = labels;
        let because =
            format!("its compose labels name {how}: project `{name}`, service `{service}`");
        Some(Linked { layer: project.layer.clone(), because })
    }
}

/// How well a layer fits, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    SameFiles,
    SameFolder,
    SomeFiles,
}

/// Without links, where it exists here.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.components().collect())
}

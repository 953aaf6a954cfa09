//! From paths to objects: files, folders, documents, lists.

use std::collections::BTreeSet;

use super::{Failure, data::Data, kustomize, place};
use crate::{
    domain::{
        place::{Place, Position},
        reading::Problem,
    },
    formats::{
        files::{Files, Missed, base_name, join},
        tree::{self, Node, Syntax},
    },
};

/// Most files of one layer.
const MOST_FILES: usize = 2_000;
/// Most folders inside each other.
const MOST_DEPTH: usize = 30;

const TOO_MANY: &str = "these folders hold more than 2000 manifests; name those that matter";
const TOO_DEEP: &str = "these folders are nested more than 30 levels deep, or name each other";

/// What was read.
#[derive(Default)]
pub(super) struct Loaded {
    /// Path and content, in the order in which they would be applied.
    pub(super) documents: Vec<(String, Node)>,
    /// What kustomizations make.
    pub(super) generated: Vec<Data>,
    pub(super) problems: Vec<Problem>,
    seen: BTreeSet<String>,
}

/// One object of the manifests.
pub(super) struct Object<'d> {
    pub(super) path: &'d str,
    pub(super) kind: &'d str,
    pub(super) name: &'d str,
    pub(super) namespace: Option<&'d str>,
    pub(super) node: &'d Node,
}

impl Object<'_> {
    pub(super) fn place(&self) -> Place {
        place(self.path, self.node.position)
    }
}

pub(super) fn load(paths: &[String], files: &mut dyn Files) -> Result<Loaded, Failure> {
    let mut loaded = Loaded::default();
    for path in paths {
        loaded.add(path, files, 0)?;
    }
    Ok(loaded)
}

impl Loaded {
    /// A file or a folder.
    pub(super) fn add(
        &mut self,
        path: &str,
        files: &mut dyn Files,
        depth: usize,
    ) -> Result<(), Failure> {
        if depth > MOST_DEPTH {
            return Err(refuse(path, TOO_DEEP));
        }
        let Some(mut entries) = files.list(path) else { return self.add_file(path, files, depth) };
        entries.sort();
        if let Some(found) = entries.iter().find(|entry| kustomize::is_kustomization(&entry.name)) {
            return self.add_file(&join(path, &found.name), files, depth);
        }
        for entry in entries.iter().filter(|entry| !entry.name.starts_with('.')) {
            if entry.is_folder {
                self.add(&join(path, &entry.name), files, depth + 1)?;
            } else if is_manifest(&entry.name) {
                self.add_file(&join(path, &entry.name), files, depth)?;
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &str, files: &mut dyn Files, depth: usize) -> Result<(), Failure> {
        if !self.seen.insert(path.to_owned()) {
            return Ok(());
        }
        if self.seen.len() > MOST_FILES {
            return Err(refuse(path, TOO_MANY));
        }
        let bytes = match files.read(path) {
            Ok(bytes) => zeroize::Zeroizing::new(bytes),
            Err(Missed::Null) => return Ok(()),
            Err(Missed::Absent) => return Err(Failure::Absent { path: path.to_owned() }),
            Err(Missed::Unreadable(why)) => {
                return Err(Failure::Unreadable { path: path.to_owned(), why });
            }
        };
        if bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        let extension = path.rsplit('.').next().unwrap_or_default();
        let syntax =
            if extension.eq_ignore_ascii_case("json") { Syntax::Json } else { Syntax::Yaml };
        let documents = match tree::parse(&bytes, Some(syntax)) {
            Ok((_, documents)) => documents,
            // Comments alone.
            Err(refusal) if refusal.position.is_none() => return Ok(()),
            Err(refusal) => return Err(Failure::refused(path, refusal)),
        };
        for document in documents {
            if kustomize::is_kustomization(base_name(path)) {
                kustomize::follow(self, path, &document, files, depth)?;
            } else {
                self.documents.push((path.to_owned(), document));
            }
        }
        Ok(())
    }

    pub(super) fn problem(&mut self, path: &str, position: Position, text: &'static str) {
        self.problems.push(Problem { place: place(path, position), text });
    }
}

fn refuse(path: &str, reason: &'static str) -> Failure {
    Failure::refused(path, crate::formats::Refusal { position: None, reason })
}

fn is_manifest(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    matches!(extension.as_deref(), Some("yaml" | "yml" | "json"))
}

/// Every object, those inside of lists too. What has no kind and no name is none.
pub(super) fn objects(documents: &[(String, Node)]) -> Vec<Object<'_>> {
    let mut objects = Vec::new();
    for (path, node) in documents {
        add(path, node, 0, &mut objects);
    }
    objects
}

fn add<'d>(path: &'d str, node: &'d Node, depth: usize, objects: &mut Vec<Object<'d>>) {
    let Some(kind) = node.word("kind") else { return };
    if kind.ends_with("List") && node.has("items") {
        if depth < MOST_DEPTH {
            for item in node.list("items") {
                add(path, item, depth + 1, objects);
            }
        }
        return;
    }
    let Some(metadata) = node.get("metadata") else { return };
    let Some(name) = metadata.word("name").or_else(|| metadata.word("generateName")) else {
        return;
    };
    objects.push(Object { path, kind, name, namespace: metadata.word("namespace"), node });
}

//! Kubernetes manifests: what every container of a workload would be given, or what a Secret or
//! ConfigMap holds.
//!
//! Resolves as the API server and the kubelet do (Kubernetes 1.32): `stringData` over `data`,
//! `env` over `envFrom`, the last source over those before, `$(NAME)` from what stands earlier.
//! Folders are read whole, or as their `kustomization.yaml` says where that is simple.

use std::collections::BTreeMap;

use crate::{
    domain::{inert::inert, place::Place, reading::Unreadable},
    formats::{Contents, Refusal, files::Files},
};

pub use data::{ENCODED_AGAIN, ENCODED_BREAK};
pub use pods::{Pod, PodState};

mod base64;
mod data;
mod expand;
pub mod kubectl;
mod kustomize;
pub mod live;
mod manifests;
mod pods;
mod workload;

/// Which manifests, and what of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Files and folders.
    pub paths: Vec<String>,
    /// Only this workload: `api` or `deployment/api`; absent: all.
    pub workload: Option<String>,
    /// Only this container; absent: all.
    pub container: Option<String>,
}

/// What one consumer is given: a container, or where there is no workload an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `deploy/api/web`, `secret/keys`; behind the namespace where several have the same name.
    pub name: String,
    /// The namespace, when the manifest says it.
    pub namespace: Option<String>,
    /// It is a container of a workload.
    pub is_container: bool,
    /// Where it stands.
    pub place: Place,
    /// Its variables, or why Kubernetes would refuse what they come from.
    pub contents: Result<Contents, Failure>,
    /// More variables come from an object that is not among these manifests.
    pub elsewhere: bool,
}

/// Why there is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A path of the request does not exist.
    Absent {
        /// The path.
        path: String,
    },
    /// A file that is needed could not be read.
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        why: Unreadable,
    },
    /// Kubernetes would refuse it.
    Refused {
        /// The file.
        path: String,
        /// Why and where.
        refusal: Refusal,
    },
    /// No workload of that name is among the manifests.
    NoWorkload,
    /// The workload has no container of that name.
    NoContainer,
    /// There is no workload, no Secret and no ConfigMap.
    NoObjects,
}

impl Failure {
    fn refused(path: &str, refusal: Refusal) -> Self {
        Self::Refused { path: path.to_owned(), refusal }
    }
}

/// Resolves manifests.
///
/// # Errors
/// Files that are missing, unreadable or no YAML or JSON, and a request that fits nothing in them.
pub fn resolve(request: &Request, files: &mut dyn Files) -> Result<Vec<Row>, Failure> {
    let loaded = manifests::load(&request.paths, files)?;
    let objects = manifests::objects(&loaded.documents);
    let store = data::Store::of(&objects, loaded.generated);
    let mut workloads: Vec<_> =
        objects.iter().filter(|object| workload::pod(object).is_some()).collect();
    manifests::keep_last(&mut workloads);
    if let Some(wanted) = &request.workload {
        workloads.retain(|object| workload::is_named(object, wanted));
        if workloads.is_empty() {
            return Err(Failure::NoWorkload);
        }
    }
    let mut rows = Vec::new();
    for object in &workloads {
        rows.extend(workload::rows(object, request.container.as_deref(), &store));
    }
    if workloads.is_empty() {
        rows = store.rows();
        if rows.is_empty() {
            return Err(Failure::NoObjects);
        }
    } else if rows.is_empty() {
        return Err(Failure::NoContainer);
    }
    tell_apart(&mut rows);
    for contents in rows.iter_mut().filter_map(|row| row.contents.as_mut().ok()) {
        contents.problems.extend(loaded.problems.iter().take(MOST_PROBLEMS).cloned());
    }
    Ok(rows)
}

/// Most that is told of the kustomizations together.
const MOST_PROBLEMS: usize = 100;

/// Rows of one name in several namespaces begin with the namespace.
fn tell_apart(rows: &mut [Row]) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.iter() {
        *count.entry(row.name.clone()).or_default() += 1;
    }
    for row in rows.iter_mut().filter(|row| count.get(&row.name).is_some_and(|count| *count > 1)) {
        if let Some(namespace) = &row.namespace {
            row.name = format!("{namespace}/{}", row.name);
        }
    }
}

/// A place in a file.
fn place(path: &str, position: crate::domain::place::Position) -> Place {
    Place::at(position).in_file(inert(path))
}

#[cfg(test)]
mod tests;

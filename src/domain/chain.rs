//! Layers linked by `source`, from the origin to the running process.

use std::collections::{HashMap, HashSet};

use crate::domain::{
    container::ComposeLabels,
    layer::Instance,
    manager::Manager,
    restart::Configured,
    snapshot::{Row, RowIdentity},
};

/// One path from an origin to the last layer that takes its value from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The credential.
    pub credential: String,
    /// The environment of the last layer.
    pub environment: String,
    /// Indexes of rows, origin first.
    pub rows: Vec<usize>,
    /// The first row where the value stops being the expected one.
    pub break_at: Option<usize>,
}

/// Which row each row takes its value from.
pub(super) struct Sources<'a> {
    first_of: HashMap<(&'a str, &'a str), usize>,
    /// With whether it has a key.
    configured: HashMap<Place<'a>, (usize, bool)>,
    /// What workloads would start: layer, credential, `deploy/api/web`.
    workloads: HashMap<(&'a str, &'a str, &'a str), usize>,
    /// Of a compose layer, by service.
    services: HashMap<(&'a str, &'a str, &'a str), usize>,
    /// By id.
    containers: HashMap<(&'a str, &'a str, Option<&'a str>, &'a str), usize>,
}

/// Layer, credential, other machine, and which of the things that a manager starts.
type Place<'a> = (&'a str, &'a str, Option<&'a str>, Option<&'a str>);

fn configured(row: &Row) -> Place<'_> {
    let RowIdentity { layer, credential, host, .. } = &row.identity;
    (layer, credential, host.as_deref(), row.evidence.manager.as_ref().map(Manager::name))
}

impl<'a> Sources<'a> {
    pub(super) fn of(rows: &'a [Row]) -> Self {
        let mut sources = Self {
            first_of: HashMap::new(),
            configured: HashMap::new(),
            workloads: HashMap::new(),
            services: HashMap::new(),
            containers: HashMap::new(),
        };
        for (index, row) in rows.iter().enumerate() {
            let RowIdentity { layer, credential, host, instance, .. } = &row.identity;
            sources.first_of.entry((layer, credential)).or_insert(index);
            if let Some(Instance::Service(service)) = instance {
                sources.services.entry((layer, credential, service)).or_insert(index);
            }
            if let Some(container) = row.own_container() {
                let host = host.as_deref();
                sources.containers.insert((layer, credential, host, &container.id), index);
            }
            if !row.running {
                let found = (index, row.key().is_some());
                sources.configured.entry(configured(row)).or_insert(found);
                if let Some(Instance::Container(name)) = &row.identity.instance {
                    sources.workloads.entry((layer, credential, name)).or_insert(index);
                }
            }
        }
        sources
    }

    /// The nearest layer from which a start of this row takes its value: the first that is no running
    /// thing, and the running ones before it.
    pub(super) fn configured<'rows>(
        &self,
        rows: &'rows [Row],
        row: &Row,
    ) -> Option<Configured<'rows>> {
        let mut through = Vec::new();
        let mut at = &rows[self.index(row)?];
        while at.running {
            through.push(at);
            // A circle of sources has no beginning.
            if through.len() > rows.len() {
                return None;
            }
            at = &rows[self.index(at)?];
        }
        Some(Configured { row: at, through })
    }

    /// What a workload would start, for a pod; the container that a process runs in; what its own layer
    /// configures, for a row that runs; else its service's row of its source, or the first. A layer
    /// that configures no key tells nothing of one that a program has loaded by itself.
    pub(super) fn index(&self, row: &Row) -> Option<usize> {
        let RowIdentity { layer, credential, host, .. } = &row.identity;
        if let Some(pod) = &row.evidence.pod {
            let name = format!("{}/{}", pod.workload.as_deref()?, pod.container);
            let container = (layer.as_str(), credential.as_str(), name.as_str());
            return self.workloads.get(&container).copied();
        }
        let process = row.evidence.process.as_ref();
        if let Some(id) = process.and_then(|process| process.container.as_deref()) {
            let layers = std::iter::once(layer).chain(&row.source);
            let found = layers.filter_map(|layer| {
                self.containers.get(&(layer.as_str(), credential.as_str(), host.as_deref(), id))
            });
            if let Some(container) = found.copied().next() {
                return Some(container);
            }
        }
        let own = self.configured.get(&configured(row)).filter(|_| row.running);
        if let Some((own, true)) = own {
            return Some(*own);
        }
        let labels = row.own_container().and_then(|container| container.compose.as_ref());
        let of_source = |source: &str| {
            let service = |labels: &'_ ComposeLabels| {
                self.services.get(&(source, credential.as_str(), labels.service.as_str())).copied()
            };
            labels
                .and_then(service)
                .or_else(|| self.first_of.get(&(source, credential.as_str())).copied())
        };
        row.source.as_deref().and_then(of_source).or(own.map(|(own, _)| *own))
    }
}

/// Every chain of two rows or more: one for each row that nothing takes its value from.
pub fn chains(rows: &[Row]) -> Vec<Chain> {
    let sources = Sources::of(rows);
    // Of a source with several rows the others are no ends either.
    let layers: HashSet<(&str, &str)> = rows
        .iter()
        .filter_map(|row| Some((row.source.as_deref()?, row.identity.credential.as_str())))
        .collect();
    let taken: HashSet<usize> = rows.iter().filter_map(|row| sources.index(row)).collect();
    rows.iter()
        .enumerate()
        .filter(|(index, row)| {
            let RowIdentity { layer, credential, .. } = &row.identity;
            !taken.contains(index) && !layers.contains(&(layer.as_str(), credential.as_str()))
        })
        .filter_map(|(last, row)| {
            let mut path = vec![last];
            let mut at = row;
            while let Some(next) = sources.index(at) {
                if path.contains(&next) {
                    break;
                }
                path.push(next);
                at = &rows[next];
            }
            path.reverse();
            (path.len() > 1).then(|| Chain {
                credential: row.identity.credential.clone(),
                environment: row.identity.environment.clone(),
                break_at: path.iter().copied().find(|index| rows[*index].verdict.is_error()),
                rows: path,
            })
        })
        .collect()
}

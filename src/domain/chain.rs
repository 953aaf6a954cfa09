//! Layers linked by `source`, from the origin to the running process.

use std::collections::{HashMap, HashSet};

use crate::domain::{
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
    containers: HashMap<(&'a str, &'a str, &'a str), usize>,
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
            containers: HashMap::new(),
        };
        for (index, row) in rows.iter().enumerate() {
            let RowIdentity { layer, credential, .. } = &row.identity;
            sources.first_of.entry((layer, credential)).or_insert(index);
            if !row.running {
                let found = (index, row.key().is_some());
                sources.configured.entry(configured(row)).or_insert(found);
                if let Some(Instance::Container(name)) = &row.identity.instance {
                    sources.containers.entry((layer, credential, name)).or_insert(index);
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

    /// What its own layer configures, for a row that runs; else the first row of its source. A layer
    /// that configures no key tells nothing of one that a program has loaded by itself.
    pub(super) fn index(&self, row: &Row) -> Option<usize> {
        if let Some(pod) = &row.evidence.pod {
            let RowIdentity { layer, credential, .. } = &row.identity;
            let name = format!("{}/{}", pod.workload.as_deref()?, pod.container);
            let container = (layer.as_str(), credential.as_str(), name.as_str());
            return self.containers.get(&container).copied();
        }
        let own = self.configured.get(&configured(row)).filter(|_| row.running);
        if let Some((own, true)) = own {
            return Some(*own);
        }
        let credential = row.identity.credential.as_str();
        let source =
            row.source.as_deref().and_then(|source| self.first_of.get(&(source, credential)));
        source.copied().or(own.map(|(own, _)| *own))
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

//! Layers linked by `source`, from the origin to the running process.

use std::collections::{HashMap, HashSet};

use crate::domain::snapshot::Row;

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

/// Every chain of two rows or more: one for each row that nothing takes its value from.
pub fn chains(rows: &[Row]) -> Vec<Chain> {
    let mut first_of: HashMap<(&str, &str), usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        let identity = &row.identity;
        first_of.entry((&identity.layer, &identity.credential)).or_insert(index);
    }
    let sources: HashSet<(&str, &str)> = rows
        .iter()
        .filter_map(|row| Some((row.source.as_deref()?, row.identity.credential.as_str())))
        .collect();
    rows.iter()
        .enumerate()
        .filter(|(_, row)| {
            !sources.contains(&(row.identity.layer.as_str(), row.identity.credential.as_str()))
        })
        .filter_map(|(last, row)| {
            let mut path = vec![last];
            let mut at = row;
            while let Some(source) = &at.source {
                let credential = at.identity.credential.as_str();
                let Some(next) = first_of.get(&(source.as_str(), credential)) else { break };
                if path.contains(next) {
                    break;
                }
                path.push(*next);
                at = &rows[*next];
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

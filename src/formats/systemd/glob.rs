//! Shell patterns in the paths of `EnvironmentFile=`.

use super::{Failure, lookup::list};
use crate::formats::{
    files::{Files, join},
    pattern::matches,
};

/// Beyond this many paths a pattern is not followed; what there is is more than enough to say so.
pub(super) const MOST_PATHS: usize = 1_000;

pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The files that a pattern names, sorted.
pub(super) fn expand(
    root: &str,
    pattern: &str,
    files: &mut dyn Files,
) -> Result<Vec<String>, Failure> {
    let mut paths = vec![if root.is_empty() { "/".to_owned() } else { root.to_owned() }];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for folder in paths {
            if !is_pattern(part) {
                next.push(below(&folder, part));
                continue;
            }
            let mut entries = list(&folder, files)?.unwrap_or_default();
            entries.sort();
            let fitting = entries.iter().filter(|entry| matches(part, &entry.name));
            next.extend(fitting.map(|entry| below(&folder, &entry.name)));
        }
        paths = next;
        if paths.len() > MOST_PATHS {
            break;
        }
    }
    Ok(paths)
}

fn below(folder: &str, name: &str) -> String {
    if folder == "/" { format!("/{name}") } else { join(folder, name) }
}

//! Shell patterns in paths that files name.

use crate::{
    domain::reading::Unreadable,
    formats::{
        files::{Files, Missed, join},
        pattern::matches,
    },
};

/// Beyond this many paths a pattern is not followed; what there is is more than enough to say so.
pub(in crate::formats) const MOST_PATHS: usize = 1_000;

pub(in crate::formats) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The files that a pattern names, sorted.
///
/// # Errors
/// A folder that could not be listed, and why.
pub(in crate::formats) fn expand(
    root: &str,
    pattern: &str,
    files: &mut dyn Files,
) -> Result<Vec<String>, (String, Unreadable)> {
    let mut paths = vec![if root.is_empty() { "/".to_owned() } else { root.to_owned() }];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for folder in paths {
            if !is_pattern(part) {
                next.push(below(&folder, part));
                continue;
            }
            let mut entries = match files.list(&folder) {
                Ok(entries) => entries,
                Err(Missed::Absent | Missed::Null) => Vec::new(),
                Err(Missed::Unreadable(why)) => return Err((folder, why)),
            };
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

//! What a path of the inventory means on this machine.

use std::path::{Path, PathBuf};

/// `~/x` is in the user's home, a relative path in the inventory's folder.
pub fn absolute(folder: &Path, home: Option<&Path>, path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => folder.join(path),
    }
}

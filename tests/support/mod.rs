//! What several integration tests need.

use std::path::{Path, PathBuf};

/// A file of the conformance data, when the data is there: in the folder that `STALEKEY_SHARED`
/// names, or beside the project.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    std::env::var_os("STALEKEY_SHARED")
        .map(PathBuf::from)
        .into_iter()
        .chain([beside])
        .map(|folder| folder.join(path))
        .find(|file| file.exists())
}

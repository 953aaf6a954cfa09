//! What several integration tests need.

use std::path::PathBuf;

/// A file of the conformance data, where it is present: in the folder that `STALEKEY_SHARED` names,
/// or beside the project.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");
    let named = std::env::var_os("STALEKEY_SHARED").map(PathBuf::from);
    named
        .into_iter()
        .chain([PathBuf::from(beside)])
        .map(|folder| folder.join(path))
        .find(|path| path.exists())
}

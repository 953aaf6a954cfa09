//! One finder per kind of place. A new one is one file here and one line in [`FINDERS`].

mod ci;
mod compose;
mod container;
mod dotenv;
mod kubernetes;
mod pm2;
mod process;
mod shell;
mod shell_file;
mod supervisor;
mod systemd;

pub(super) use dotenv::unknown_names;

use super::{ground::Ground, proposal::Candidate};
use crate::formats::files::{base_name, folder_of, join};

/// Knows one kind of place.
pub(super) struct Finder {
    /// Whether it wants to see the file with this path.
    pub(super) wants: fn(&str) -> bool,
    /// The layers of its kind.
    pub(super) find: fn(&Ground<'_>) -> Vec<Candidate>,
}

/// From where a value begins to where it is used.
pub(super) const FINDERS: &[Finder] = &[
    shell_file::FINDER,
    shell::FINDER,
    dotenv::FINDER,
    ci::FINDER,
    compose::FINDER,
    kubernetes::FINDER,
    systemd::FINDER,
    supervisor::FINDER,
    pm2::FINDER,
    container::FINDER,
    process::FINDER,
];

/// Whether any finder wants to see the file with this path.
pub(super) fn wants(path: &str) -> bool {
    FINDERS.iter().any(|finder| (finder.wants)(path))
}

fn no_file(_: &str) -> bool {
    false
}

/// The name of a file, behind that of its folder: `api .env`.
fn short_name(path: &str) -> String {
    match base_name(folder_of(path)) {
        "" => base_name(path).to_owned(),
        folder => format!("{folder} {}", base_name(path)),
    }
}

fn is_yaml(name: &str) -> bool {
    matches!(name.rsplit_once('.'), Some((_, "yml" | "yaml")))
}

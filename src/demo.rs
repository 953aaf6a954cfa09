//! A sample environment with real files, real processes and a provider on loopback: everything
//! works with no network and no keys.
//!
//! A rotation has just happened in it, as rotations do: some layers moved, others did not. The
//! guided tour repairs it step by step.

mod keys;
mod process;
mod provider;
mod sample;
mod tour;

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::sync::{mpsc, watch};

pub use process::{SUBCOMMAND as PROCESS_SUBCOMMAND, wait_until_parent_ends};

use crate::domain::command::Tour;

use self::{process::Processes, provider::Provider, sample::Sample};

/// A running sample environment. Dropping it stops its processes and its provider; a temporary
/// folder goes away too.
pub struct Demo {
    sample: Sample,
    // Held for their ends: the tour stops first, then the processes, then the provider.
    tour: tour::Director,
    _provider: Provider,
    _temporary: Option<tempfile::TempDir>,
}

impl Demo {
    /// Makes the sample environment in a temporary folder.
    ///
    /// # Errors
    /// When the system gives no folder, port or process.
    pub fn temporary() -> io::Result<Self> {
        let temporary = tempfile::Builder::new().prefix("stalekey-demo-").tempdir()?;
        let folder = temporary.path().to_owned();
        Self::make(&folder, Some(temporary))
    }

    /// Makes the sample environment in this folder, which must be new or empty, and leaves its
    /// files there.
    ///
    /// # Errors
    /// When the folder is not empty, or the system gives no folder, port or process.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        if std::fs::read_dir(folder)?.next().is_some() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        Self::make(folder, None)
    }

    fn make(folder: &Path, temporary: Option<tempfile::TempDir>) -> io::Result<Self> {
        let keys = keys::Keys::generate()?;
        let provider = Provider::start(keys.accepted())?;
        let sample = Sample::new(folder, keys, provider.port())?;
        let processes = Processes::start(&sample)?;
        // The rotation came after the processes: that is the story.
        sample.rotate()?;
        let tour = tour::Director::start(sample.clone(), processes)?;
        Ok(Self { sample, tour, _provider: provider, _temporary: temporary })
    }

    /// The text of its inventory.
    pub fn inventory(&self) -> &str {
        self.sample.inventory()
    }

    /// Its folder.
    pub fn folder(&self) -> PathBuf {
        self.sample.folder().to_owned()
    }

    /// What the tour says, and where the wish for its next step goes.
    pub fn tour(&self) -> (watch::Receiver<Tour>, mpsc::Sender<()>) {
        self.tour.guide()
    }
}

//! Tells when a file that decides a reading changes.
//!
//! The parent folders are watched, since editors and deployments replace files by renaming.
//! Opening and reading are not watched, or our own reads would wake us. Where there is no inotify,
//! the regular refresh serves.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use crate::formats::dotenv::inference::{TELLING_NAMES, tells_by_its_kind};

/// The layers (by number) that each watched place decides.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct WatchList {
    files: HashMap<PathBuf, BTreeSet<usize>>,
    /// Folders each entry of which counts.
    folders: HashMap<PathBuf, BTreeSet<usize>>,
    /// Folders whose manifests and scripts count.
    manifests: HashMap<PathBuf, BTreeSet<usize>>,
}

impl WatchList {
    pub(super) fn add(&mut self, file: PathBuf, layer: usize) {
        self.files.entry(file).or_default().insert(layer);
    }

    /// A folder: what comes into it, and the folder itself when there is none yet.
    pub(super) fn add_folder(&mut self, folder: PathBuf, layer: usize) {
        self.add(folder.clone(), layer);
        self.folders.entry(folder).or_default().insert(layer);
    }

    /// A folder in which a file may say who reads a `.env`.
    pub(super) fn add_manifests(&mut self, folder: PathBuf, layer: usize) {
        self.manifests.entry(folder).or_default().insert(layer);
    }

    pub(super) fn layers_of(&self, file: &Path) -> impl Iterator<Item = usize> + '_ {
        let folder = file.parent().unwrap_or(file);
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let tells = TELLING_NAMES.contains(&name) || tells_by_its_kind(name);
        let telling = self.manifests.get(folder).filter(|_| tells);
        let found = [self.files.get(file), self.folders.get(folder), telling];
        found.into_iter().flatten().flatten().copied()
    }

    /// The layers whose files changed at this second (since the epoch) or after it: what happened
    /// between reading a file and watching it would be missed otherwise.
    pub(super) fn changed_since(&self, second: i64) -> BTreeSet<usize> {
        use std::os::unix::fs::MetadataExt as _;
        self.files
            .iter()
            .filter(|(file, _)| file.metadata().is_ok_and(|metadata| metadata.ctime() >= second))
            .flat_map(|(_, layers)| layers.iter().copied())
            .collect()
    }

    #[cfg(any(target_os = "linux", test))]
    fn watched_folders(&self) -> BTreeSet<PathBuf> {
        let parents = self.files.keys().filter_map(|file| file.parent()).map(Path::to_owned);
        parents.chain(self.folders.keys().chain(self.manifests.keys()).cloned()).collect()
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::{
        collections::{BTreeSet, HashMap},
        path::PathBuf,
    };

    use futures_util::StreamExt as _;
    use inotify::{EventStream, Inotify, WatchDescriptor, WatchMask};

    use super::WatchList;

    /// The kernel's watches.
    pub(in crate::engine) struct Watcher {
        stream: Option<EventStream<[u8; 4096]>>,
        folders: HashMap<WatchDescriptor, PathBuf>,
    }

    impl Watcher {
        pub(in crate::engine) fn new() -> Self {
            let stream =
                Inotify::init().ok().and_then(|inotify| inotify.into_event_stream([0; 4096]).ok());
            Self { stream, folders: HashMap::new() }
        }

        /// Watches exactly the folders of this list.
        pub(in crate::engine) fn follow(&mut self, list: &WatchList) {
            let Some(stream) = &self.stream else { return };
            let mut watches = stream.watches();
            let wanted = list.watched_folders();
            let known: BTreeSet<PathBuf> = self.folders.values().cloned().collect();
            let gone: Vec<WatchDescriptor> = self
                .folders
                .iter()
                .filter(|(_, folder)| !wanted.contains(*folder))
                .map(|(descriptor, _)| descriptor.clone())
                .collect();
            for descriptor in gone {
                self.folders.remove(&descriptor);
                let _ = watches.remove(descriptor);
            }
            let mask = WatchMask::CLOSE_WRITE
                | WatchMask::MOVE
                | WatchMask::CREATE
                | WatchMask::DELETE
                | WatchMask::ATTRIB
                | WatchMask::ONLYDIR;
            for folder in wanted.difference(&known) {
                if let Ok(descriptor) = watches.add(folder, mask) {
                    self.folders.insert(descriptor, folder.clone());
                }
            }
        }

        /// The next file in a watched folder that changed. Never returns where nothing can be
        /// watched.
        pub(in crate::engine) async fn changed(&mut self) -> PathBuf {
            loop {
                let event = match &mut self.stream {
                    Some(stream) => stream.next().await,
                    None => std::future::pending().await,
                };
                match event {
                    Some(Ok(event)) => {
                        let folder = self.folders.get(&event.wd);
                        if let (Some(folder), Some(name)) = (folder, event.name) {
                            return folder.join(name);
                        }
                    }
                    Some(Err(_)) | None => self.stream = None,
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::PathBuf;

    use super::WatchList;

    /// Nothing is watched here; the refresh serves.
    pub(in crate::engine) struct Watcher;

    impl Watcher {
        pub(in crate::engine) fn new() -> Self {
            Self
        }

        pub(in crate::engine) fn follow(&mut self, _list: &WatchList) {}

        pub(in crate::engine) async fn changed(&mut self) -> PathBuf {
            std::future::pending().await
        }
    }
}

pub(super) use system::Watcher;

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(list: &WatchList, file: &str) -> Vec<usize> {
        list.layers_of(Path::new(file)).collect::<BTreeSet<_>>().into_iter().collect()
    }

    #[test]
    fn a_place_wakes_the_layers_that_looked_there() {
        let mut list = WatchList::default();
        list.add(PathBuf::from("/p/.env"), 1);
        list.add_manifests(PathBuf::from("/p"), 1);
        list.add_folder(PathBuf::from("/p/app.service.d"), 2);
        assert_eq!(layers(&list, "/p/.env"), [1]);
        assert_eq!(layers(&list, "/p/package.json"), [1], "it may name another reader");
        assert_eq!(layers(&list, "/p/deploy.sh"), [1]);
        assert!(layers(&list, "/p/app.log").is_empty(), "it tells nothing");
        assert_eq!(layers(&list, "/p/app.service.d/new.conf"), [2], "a new drop-in");
        assert_eq!(layers(&list, "/p/app.service.d"), [2], "the folder itself is made");
        let folders = ["/p", "/p/app.service.d"].map(PathBuf::from);
        assert_eq!(list.watched_folders(), BTreeSet::from(folders));
    }
}

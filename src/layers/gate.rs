//! The gate in front of every file that a layer, or what stands in one, names (SECURITY T2, T7):
//! what is beneath the inventory's folder is open, all else only when somebody trusts it. Links are
//! judged by what they lead to.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use rustix::fs::{Mode, OFlags};

use super::{
    Surroundings,
    open::{Failure, Opened, is_beneath, open, open_beneath, open_no_link},
};
use crate::{
    domain::reading::{Evidence, Unreadable, UnreadableKind},
    inventory::trust::{Effect, Trust, would},
};

/// The inventory's folder, opened once a pass.
#[derive(Default)]
pub(super) struct Folder(OnceLock<Option<OwnedFd>>);

impl Folder {
    fn opened(&self, path: &Path) -> Option<&OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        self.0.get_or_init(|| rustix::fs::open(path, flags, Mode::empty()).ok()).as_ref()
    }
}

/// Reads a file of at most `cap` bytes, when it may be read.
pub(super) fn open_file(
    path: &Path,
    cap: usize,
    surroundings: &Surroundings,
) -> Result<Opened, Failure> {
    if matches!(*surroundings.trust, Trust::All) {
        return open(path, cap);
    }
    if let Ok(beneath) = path.strip_prefix(&surroundings.folder)
        && let Some(folder) = surroundings.opened.opened(&surroundings.folder)
        && let Some(opened) = open_beneath(folder.as_fd(), beneath, cap)
    {
        return opened;
    }
    match surroundings.trust.file(path) {
        // All its links were followed: one that is there now was put there meanwhile.
        Ok(real) => open_no_link(&real, cap),
        Err(effect) => Err(Failure::Untrusted(Box::new(effect))),
    }
}

/// The real folder behind a path, when it may be looked into.
pub(super) fn folder(path: &Path, surroundings: &Surroundings) -> Result<PathBuf, Failure> {
    surroundings.trust.file(path).map_err(|effect| Failure::Untrusted(Box::new(effect)))
}

/// Whether something is there. What may not be read is: reading it then says why.
pub(super) fn exists(path: &Path, surroundings: &Surroundings) -> bool {
    let Ok(real) = surroundings.trust.file(path) else { return true };
    !real.metadata().is_err_and(|error| {
        matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    })
}

/// Whether the manifests in a folder may be read that tell who reads a `.env` there.
pub(super) fn may_look_beside(path: &Path, surroundings: &Surroundings) -> bool {
    if matches!(*surroundings.trust, Trust::All) {
        return true;
    }
    let beneath = path.strip_prefix(&surroundings.folder).ok().and_then(|beneath| {
        let folder = surroundings.opened.opened(&surroundings.folder)?;
        is_beneath(folder.as_fd(), beneath)
    });
    beneath.unwrap_or_else(|| surroundings.trust.may_look_beside(path))
}

/// Reads such a manifest. One that is a link out of the folder tells nothing: whose it is, nobody
/// asked for.
pub(super) fn open_beside(
    path: &Path,
    cap: usize,
    surroundings: &Surroundings,
) -> Result<Opened, Failure> {
    if matches!(*surroundings.trust, Trust::All) {
        return open(path, cap);
    }
    let Ok(beneath) = path.strip_prefix(&surroundings.folder) else {
        return open_no_link(path, cap);
    };
    if let Some(folder) = surroundings.opened.opened(&surroundings.folder)
        && let Some(opened) = open_beneath(folder.as_fd(), beneath, cap)
    {
        return opened;
    }
    match surroundings.trust.inside(path) {
        Some(real) => open_no_link(&real, cap),
        None => Err(Failure::Absent),
    }
}

/// What a row says of it.
pub(super) fn refused(effect: &Effect, evidence: &mut Evidence) -> Unreadable {
    if let Some(would) = would(std::slice::from_ref(effect))
        && !evidence.untrusted.contains(&would)
    {
        evidence.untrusted.push(would);
    }
    let detail = "it is outside the inventory's folder, and the inventory is not trusted";
    Unreadable::new(UnreadableKind::NoPermission, detail)
}

//! Single files that are mounted into a container: such a mount keeps the file that was there when
//! the container started, when another one takes its place.

use crate::domain::{container::Pinned, inert::inert};

/// The mounted files that hold keys and are other ones on the host by now; `known` are those that
/// layers name, and only what `may_read` allows is compared by its bytes. An error is what a person
/// has to do for it to be seen.
#[cfg(target_os = "linux")]
pub(super) fn pinned(
    pid: u32,
    mounts: &[(String, String)],
    known: impl Fn(&str) -> bool,
    may_read: impl Fn(&str) -> bool,
) -> Result<Vec<Pinned>, String> {
    use std::io::ErrorKind;

    let candidates =
        mounts.iter().filter(|(source, target)| may_hold_keys(source, target) || known(source));
    let mut pinned = Vec::new();
    for (source, target) in candidates {
        match linux::is_pinned(pid, source, target, may_read(source)) {
            Ok(true) => pinned.push(Pinned { source: inert(source), target: inert(target) }),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(
                    "run stalekey as root to see whether its mounted files are still those \
                            of this machine"
                        .to_owned(),
                );
            }
            // It is the same one; or the container ended, or has no such file any more.
            Ok(false) | Err(_) => {}
        }
    }
    Ok(pinned)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn pinned(
    _: u32,
    _: &[(String, String)],
    _: impl Fn(&str) -> bool,
    _: impl Fn(&str) -> bool,
) -> Result<Vec<Pinned>, String> {
    Ok(Vec::new())
}

/// `.env`, `prod.env`, and what Compose mounts as a secret.
fn may_hold_keys(source: &str, target: &str) -> bool {
    let is_env =
        |path: &str| path.rsplit('/').next().unwrap_or(path).split('.').any(|part| part == "env");
    is_env(source) || is_env(target) || target.starts_with("/run/secrets/")
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        fs::{self, File},
        io::{self, Read as _},
        os::unix::fs::MetadataExt as _,
        path::Path,
    };

    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
    use zeroize::Zeroizing;

    /// The most of a file that is compared.
    const MOST: u64 = 1 << 20;

    /// Whether the container sees another file than this machine has, with other bytes in it.
    pub(super) fn is_pinned(
        pid: u32,
        source: &str,
        target: &str,
        may_read: bool,
    ) -> io::Result<bool> {
        let here = match fs::metadata(source) {
            Ok(here) if here.is_file() => Some(here),
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let there = open_inside(pid, target)?;
        let seen = there.metadata()?;
        if !seen.is_file() {
            return Ok(false);
        }
        let Some(here) = here else { return Ok(seen.nlink() == 0) };
        if (here.dev(), here.ino()) == (seen.dev(), seen.ino()) {
            return Ok(false);
        }
        if !may_read {
            return Ok(true);
        }
        // A copy with the same bytes does no harm.
        let own = crate::layers::open::open(Path::new(source), MOST as usize);
        let own = own.ok().map(|opened| opened.bytes);
        let theirs = content(there)?;
        Ok(own.is_none_or(|own| theirs.is_none_or(|theirs| *own != *theirs)))
    }

    /// A file as the container sees it: its links lead to its own files, never to ours.
    fn open_inside(pid: u32, target: &str) -> io::Result<File> {
        let root = format!("/proc/{pid}/root");
        let folder = openat(CWD, root, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        Ok(openat2(&folder, target, flags, Mode::empty(), resolve)?.into())
    }

    /// `None` when it is longer than anything that is compared.
    fn content(file: File) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(16 << 10));
        file.take(MOST + 1).read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 <= MOST).then_some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/srv/api/.env", "/app/.env", true)]
    #[case("/srv/api/.env.prod", "/app/settings", true)]
    #[case("/srv/prod.env", "/x", true)]
    #[case("/srv/openai_key", "/run/secrets/openai_key", true)]
    #[case("/srv/nginx.conf", "/etc/nginx/nginx.conf", false)]
    #[case("/srv/app/env", "/x", true)]
    #[case("/srv/environment", "/environment", false)]
    fn mounts_that_may_hold_keys(
        #[case] source: &str,
        #[case] target: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(may_hold_keys(source, target), expected);
    }
}

//! What exactly is trusted: an effect with everything resolved that a name could hide (SECURITY T5).

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Effect, find, program::hex, resolved};
use crate::inventory::absolute;

/// Words of a program, a path or an address, none of which can run into the next. Bytes that are no
/// plain ASCII are escaped, so that two different ones never look alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Pin(Vec<String>);

const FILE: &str = "file";
const FOLDER: &str = "folder";

/// Where an inventory stands, for everything that depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The inventory's file with every link followed.
    pub inventory: PathBuf,
    /// Its folder: relative paths start here.
    pub folder: PathBuf,
    /// The user's home folder, for `~/`.
    pub home: Option<PathBuf>,
    /// Where programs are searched.
    pub path: Option<OsString>,
}

impl Context {
    /// The file that is read where this path stands: every link is followed as far as there are any.
    pub(super) fn real(&self, path: &Path) -> PathBuf {
        let path = match path.to_str() {
            Some(text) => absolute(&self.folder, self.home.as_deref(), text),
            None => self.folder.join(path),
        };
        real(&path)
    }

    /// The program that these words start, with every link followed.
    pub(super) fn program(&self, command: &[String]) -> Option<PathBuf> {
        let name = OsStr::new(command.first()?);
        let found = find(name, self.path.as_deref())?;
        fs::canonicalize(self.folder.join(found)).ok()
    }
}

/// The longest part that exists with its links followed, and the rest as text.
fn real(path: &Path) -> PathBuf {
    let path = resolved(path);
    for ancestor in path.ancestors() {
        if let Ok(found) = fs::canonicalize(ancestor) {
            let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
            return if rest.as_os_str().is_empty() { found } else { found.join(rest) };
        }
    }
    path
}

impl Pin {
    /// `hash` gives the bytes of a program their name.
    pub(super) fn of(
        effect: &Effect,
        context: &Context,
        hash: &mut dyn FnMut(&Path) -> Option<String>,
    ) -> Self {
        let word = |text: &String| text.as_bytes().escape_ascii().to_string();
        let words = |kind: &str, rest: &[&String]| {
            Self(std::iter::once(kind.to_owned()).chain(rest.iter().map(|it| word(it))).collect())
        };
        match effect {
            Effect::Send { credential, provider, endpoint } => {
                let nobody = String::new();
                let provider = provider.as_ref().unwrap_or(&nobody);
                words("send", &[credential, provider, endpoint])
            }
            Effect::SendUnrecognised { credential, provider, variables } => {
                let names: Vec<&String> =
                    [credential, provider].into_iter().chain(variables).collect();
                words("send-unrecognised", &names)
            }
            Effect::ReadOutside { path } => Self::read(&context.real(path)),
            Effect::LookBeside { folder } => {
                Self(vec!["beside".to_owned(), escaped(&context.real(folder))])
            }
            Effect::Unit { name } => words("unit", &[name]),
            Effect::Processes { what } => words("processes", &[what]),
            Effect::Memory { what } => words("memory", &[what]),
            Effect::Containers { what } => words("containers", &[what]),
            Effect::Manager { what } => words("manager", &[what]),
            Effect::Cluster { what } => words("cluster", &[what]),
            Effect::Host { name } => words("host", &[name]),
            Effect::Run { command, inherit } => {
                let program = context.program(command);
                let bytes = program.as_deref().and_then(hash).unwrap_or_default();
                let program = program.as_deref().map(escaped).unwrap_or_default();
                let rest = command.iter().map(word);
                let given = inherit.iter().map(|name| format!("given {}", word(name)));
                let head = ["run".to_owned(), program, bytes];
                Self(head.into_iter().chain(given).chain(rest).collect())
            }
        }
    }

    fn read(real: &Path) -> Self {
        let kind = if real.is_dir() { FOLDER } else { FILE };
        Self(vec!["read".to_owned(), kind.to_owned(), escaped(real)])
    }

    /// Whether what is trusted here covers `other`: it is the same, or a file beneath a folder that
    /// was trusted as one. By whole components: `/a/b-evil` is not beneath `/a/b` (SECURITY T9).
    pub(super) fn covers(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        match (self.0.as_slice(), other.0.as_slice()) {
            ([verb, kind, folder], [read, _, path]) => {
                verb == "read"
                    && read == "read"
                    && kind == FOLDER
                    && Path::new(path).starts_with(Path::new(folder))
            }
            _ => false,
        }
    }
}

fn escaped(path: &Path) -> String {
    path.as_os_str().as_bytes().escape_ascii().to_string()
}

/// The digest of a list of pins for the inventory at a real path: `sha256:` and 64 hex digits. It
/// does not depend on the order of the layers.
pub(super) fn digest<'a>(inventory: &Path, pins: impl IntoIterator<Item = &'a Pin>) -> String {
    let pins: BTreeSet<&Pin> = pins.into_iter().collect();
    // A list of lists of texts is always written.
    let list = serde_json::to_vec(&(escaped(inventory), pins)).unwrap_or_default();
    let mut hasher = Sha256::new();
    hasher.update(b"stalekey trust 1\0");
    hasher.update(list);
    format!("sha256:{}", hex(&hasher.finalize()))
}

/// The digests in what was typed: `sha256:` and 64 hex digits, several with commas between.
///
/// # Errors
/// When something else is among them. It is not repeated: it may be anything.
pub fn digests_in(text: &str) -> Result<Vec<String>, &'static str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let digits = part.strip_prefix("sha256:").unwrap_or_default();
            let whole = digits.len() == 64
                && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            whole.then(|| part.to_owned()).ok_or("it takes `sha256:` and 64 hex digits")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rstest::rstest;

    use super::*;

    fn context(folder: &Path) -> Context {
        Context {
            inventory: folder.join("stalekey.toml"),
            folder: folder.to_owned(),
            home: Some(folder.join("home")),
            path: Some("/usr/bin:/bin".into()),
        }
    }

    fn pin(effect: &Effect, context: &Context) -> Pin {
        Pin::of(effect, context, &mut super::super::program::hash)
    }

    fn read(path: &str, context: &Context) -> Pin {
        pin(&Effect::ReadOutside { path: PathBuf::from(path) }, context)
    }

    #[test]
    fn a_folder_covers_what_is_beneath_it_and_nothing_that_begins_alike() {
        let there = tempfile::tempdir().unwrap();
        let context = context(there.path());
        for name in ["a", "a-evil", "a/b"] {
            fs::create_dir(there.path().join(name)).unwrap();
        }
        let at = |name: &str| read(there.path().join(name).to_str().unwrap(), &context);
        assert!(at("a").covers(&at("a/b/.env")));
        assert!(at("a").covers(&at("a")));
        assert!(!at("a").covers(&at("a-evil/.env")));
        assert!(!at("a").covers(&at("a/../a-evil/.env")));
        assert!(!at("a/b").covers(&at("a/.env")));
        assert!(!at("a/.env").covers(&at("a/.env/x")), "it is no folder yet");
    }

    #[test]
    fn a_link_is_what_it_leads_to() {
        let there = tempfile::tempdir().unwrap();
        let real = there.path().canonicalize().unwrap();
        let context = context(&real);
        fs::create_dir(real.join("home")).unwrap();
        fs::write(real.join("one"), "").unwrap();
        fs::write(real.join("two"), "").unwrap();
        symlink(real.join("one"), real.join("home/link")).unwrap();
        let before = read("~/link", &context);
        assert_eq!(before, read(real.join("one").to_str().unwrap(), &context));
        fs::remove_file(real.join("home/link")).unwrap();
        symlink(real.join("two"), real.join("home/link")).unwrap();
        assert_ne!(before, read("~/link", &context), "it leads elsewhere now");
        let absent = read("~/absent/file", &context);
        assert_eq!(absent.0[2], escaped(&real.join("home/absent/file")));
    }

    #[test]
    fn a_program_is_its_bytes() {
        let there = tempfile::tempdir().unwrap();
        let context = context(there.path());
        let tool = there.path().join("tool");
        let run = |words: &[&str]| Effect::Run {
            command: words.iter().map(|word| (*word).to_owned()).collect(),
            inherit: Vec::new(),
        };
        fs::write(&tool, "one").unwrap();
        let before = pin(&run(&["./tool", "a"]), &context);
        assert_eq!(before.0[2].len(), 64);
        assert_ne!(before, pin(&run(&["./tool", "a", ""]), &context));
        assert_ne!(
            pin(&run(&["./tool", "a b"]), &context),
            pin(&run(&["./tool", "a", "b"]), &context)
        );
        fs::write(&tool, "two").unwrap();
        assert_ne!(before, pin(&run(&["./tool", "a"]), &context));
        assert_eq!(pin(&run(&["no-such-tool"]), &context).0[1..3], ["", ""]);
    }

    #[test]
    fn a_digest_is_of_the_list_and_of_the_place() {
        let context = context(Path::new("/srv/project"));
        let pins = ["/etc/a", "/etc/b"].map(|path| read(path, &context));
        let here = |pins: &[Pin]| digest(Path::new("/srv/project/stalekey.toml"), pins);
        let one = here(&pins);
        assert_eq!(digests_in(&one), Ok(vec![one.clone()]));
        assert_eq!(one, here(&[pins[1].clone(), pins[0].clone(), pins[1].clone()]));
        assert_ne!(one, here(&pins[..1]));
        assert_ne!(one, digest(Path::new("/srv/other/stalekey.toml"), &pins));
    }

    #[rstest]
    #[case::nothing("", Some(0))]
    #[case::short("sha256:abc", None)]
    #[case::no_name("0000000000000000000000000000000000000000000000000000000000000000", None)]
    #[case::capitals(
        "sha256:ABCDEF0000000000000000000000000000000000000000000000000000000000",
        None
    )]
    #[case::yes("yes", None)]
    #[case::two(
        "sha256:0000000000000000000000000000000000000000000000000000000000000000, \
         sha256:1111111111111111111111111111111111111111111111111111111111111111",
        Some(2)
    )]
    fn only_digests_are_taken(#[case] text: &str, #[case] count: Option<usize>) {
        assert_eq!(digests_in(text).ok().map(|digests| digests.len()), count);
    }
}

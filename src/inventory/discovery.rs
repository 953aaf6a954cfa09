//! Where the inventory is, and whether it may be believed.

use std::{
    ffi::OsString,
    fmt,
    fs::{File, Metadata, OpenOptions},
    io::{ErrorKind, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{Inventory, Providers};
use crate::{
    domain::{
        inert::{inert, quoted},
        place::Position,
    },
    strict_toml::Mistakes,
};

/// The name of an inventory.
pub const FILE_NAME: &str = "stalekey.toml";
/// The variable that names one.
pub const VARIABLE: &str = "STALEKEY_CONFIG";
/// The most bytes that are read: twenty thousand layers and more.
pub const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// A file of ours that is not read, why, and the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The file, or the folder that is the reason.
    pub path: PathBuf,
    /// Why, in a fixed sentence.
    pub reason: String,
    /// The command or the step that helps.
    pub help: Option<String>,
}

impl Refusal {
    fn new(path: &Path, reason: impl Into<String>) -> Self {
        Self { path: path.to_owned(), reason: reason.into(), help: None }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "error: {}: {}", inert(&self.path.to_string_lossy()), self.reason)?;
        if let Some(help) = &self.help {
            write!(formatter, "\n  = help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// The folder of the user's own settings; `None` where there is no home.
pub fn user_folder() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "stalekey")?;
    Some(folders.config_dir().to_owned())
}

/// The places where an inventory is looked for, in order. One that a person named is the only one.
pub fn places(
    flag: Option<&Path>,
    environment: &dyn Fn(&str) -> Option<OsString>,
    current_folder: &Path,
) -> Vec<PathBuf> {
    places_with(flag, environment, current_folder, user_folder().as_deref())
}

fn places_with(
    flag: Option<&Path>,
    environment: &dyn Fn(&str) -> Option<OsString>,
    current_folder: &Path,
    user_folder: Option<&Path>,
) -> Vec<PathBuf> {
    if let Some(path) = flag {
        return vec![current_folder.join(path)];
    }
    if let Some(path) = environment(VARIABLE).filter(|path| !path.is_empty()) {
        return vec![current_folder.join(path)];
    }
    let user = user_folder.map(|folder| folder.join(FILE_NAME));
    std::iter::once(current_folder.join(FILE_NAME)).chain(user).collect()
}

/// The inventory that is to be used: of `--config`, of `STALEKEY_CONFIG`, `stalekey.toml` here, or
/// `stalekey.toml` in the user's folder. `None` when there is none; [`places`] says where was looked.
///
/// # Errors
/// When a person named one and it is not there.
pub fn find(
    flag: Option<&Path>,
    environment: &dyn Fn(&str) -> Option<OsString>,
    current_folder: &Path,
) -> Result<Option<PathBuf>, Refusal> {
    find_among(&places(flag, environment, current_folder), flag, environment)
}

fn find_among(
    places: &[PathBuf],
    flag: Option<&Path>,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<PathBuf>, Refusal> {
    // What cannot be looked at is taken too, so that reading it says why.
    let found = places.iter().find(|place| {
        !matches!(place.symlink_metadata(), Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
    });
    let named = flag.is_some() || environment(VARIABLE).is_some_and(|path| !path.is_empty());
    match (found, places.first()) {
        (None, Some(place)) if named => {
            let by = if flag.is_some() { "--config" } else { VARIABLE };
            Err(Refusal::new(place, format!("{by} names this inventory, and it is not there"))
                .help("name another one; config.example.toml is one to begin with"))
        }
        (found, _) => Ok(found.cloned()),
    }
}

/// An inventory that was read. What is hashed, parsed and shown are the same bytes (SECURITY T5).
#[derive(Debug, Clone)]
pub struct InventoryFile {
    /// As it was named.
    pub path: PathBuf,
    /// With every link followed.
    pub real_path: PathBuf,
    /// All of it.
    pub text: String,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
}

impl InventoryFile {
    /// Its path as a person here would open it: relative to this folder when it is beneath.
    pub fn display_name(&self) -> String {
        let here = std::env::current_dir().ok();
        let beneath = here.as_deref().and_then(|here| self.path.strip_prefix(here).ok());
        inert(&beneath.unwrap_or(&self.path).to_string_lossy())
    }

    /// What it says.
    ///
    /// # Errors
    /// Every mistake, in file order.
    pub fn parse(&self, providers: &dyn Providers) -> Result<Inventory, Mistakes> {
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let mut inventory = super::parse(&self.text, &self.display_name(), folder, providers)?;
        inventory.path = Some(self.path.clone());
        let hex: String = self.digest.iter().map(|byte| format!("{byte:02x}")).collect();
        inventory.digest = Some(format!("sha256:{hex}"));
        Ok(inventory)
    }
}

/// Reads an inventory once.
///
/// # Errors
/// When it is no regular file, too large, not UTF-8, or when another user can change it or a folder
/// of it (SECURITY T8).
pub fn read(path: &Path) -> Result<InventoryFile, Refusal> {
    let (real_path, text) = read_own(path)?;
    let digest = Sha256::digest(text.as_bytes()).into();
    Ok(InventoryFile { path: path.to_owned(), real_path, text, digest })
}

/// Reads a file that configures stalekey; gives its real path and its text.
pub(super) fn read_own(path: &Path) -> Result<(PathBuf, String), Refusal> {
    let failed = |error: &std::io::Error| Refusal::new(path, reading_failed(error.kind()));
    let file = OpenOptions::new()
        .read(true)
        // A pipe without a writer would block for ever.
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(|error| failed(&error))?;
    let metadata = file.metadata().map_err(|error| failed(&error))?;
    if !metadata.is_file() {
        return Err(Refusal::new(path, "this is not a regular file"));
    }
    let real_path = path.canonicalize().map_err(|error| failed(&error))?;
    let users = Users::of_this_system();
    users.check(&real_path, &metadata, false)?;
    check_folders(&users, &real_path)?;
    // A link is as good as the folder it is in.
    if let Ok(absolute) = std::path::absolute(path) {
        check_folders(&users, &absolute)?;
    }
    let text = read_text(path, file)?;
    Ok((real_path, text))
}

fn read_text(path: &Path, file: File) -> Result<String, Refusal> {
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Refusal::new(path, reading_failed(error.kind())))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Refusal::new(path, "this is larger than 4 MiB"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = Position::of_offset(error.as_bytes(), error.utf8_error().valid_up_to());
        let place = format!("line {}, column {}", at.line, at.column);
        Refusal::new(path, format!("this is not UTF-8: {place}"))
    })
}

fn reading_failed(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "there is no such file",
        ErrorKind::PermissionDenied => "you have no permission to read it",
        ErrorKind::IsADirectory => "this is a folder",
        ErrorKind::NotADirectory => "a part of its path is not a folder",
        _ => "it cannot be read",
    }
}

fn check_folders(users: &Users, path: &Path) -> Result<(), Refusal> {
    for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
        let metadata = folder
            .metadata()
            .map_err(|_| Refusal::new(folder, "this folder cannot be looked at"))?;
        users.check(folder, &metadata, true)?;
    }
    Ok(())
}

/// Who this is, and who else is in which group.
struct Users {
    me: u32,
    accounts: String,
    groups: String,
}

impl Users {
    fn of_this_system() -> Self {
        Self {
            me: rustix::process::geteuid().as_raw(),
            accounts: std::fs::read_to_string("/etc/passwd").unwrap_or_default(),
            groups: std::fs::read_to_string("/etc/group").unwrap_or_default(),
        }
    }

    /// Refuses what another user can write. In a sticky folder nobody can replace another's entry.
    fn check(&self, path: &Path, metadata: &Metadata, folder: bool) -> Result<(), Refusal> {
        self.check_mode(path, (metadata.uid(), metadata.gid(), metadata.mode()), folder)
    }

    fn check_mode(
        &self,
        path: &Path,
        (owner, group, mode): (u32, u32, u32),
        folder: bool,
    ) -> Result<(), Refusal> {
        const STICKY: u32 = 0o1000;
        let what = if folder { "folder, and so what is in it" } else { "file" };
        let place = if folder { "folder" } else { "file" };
        let quoted = quoted(&inert(&path.to_string_lossy()));
        if owner != self.me && owner != 0 {
            return Err(Refusal::new(path, format!("this {place} belongs to another user"))
                .help(format!("sudo chown {} {quoted}", self.me)));
        }
        if folder && mode & STICKY != 0 {
            return Ok(());
        }
        if mode & 0o002 != 0 {
            return Err(Refusal::new(path, format!("every user can write this {what}"))
                .help(format!("chmod o-w {quoted}")));
        }
        if mode & 0o020 != 0 && !self.is_private(group) {
            return Err(Refusal::new(
                path,
                format!("other users of a group can write this {what}"),
            )
            .help(format!("chmod g-w {quoted}")));
        }
        Ok(())
    }

    /// Whether only this user and root are in a group, as members or by their account.
    fn is_private(&self, group: u32) -> bool {
        let trusted = |id: u32| id == self.me || id == 0;
        let accounts: Vec<(&str, u32, u32)> = self
            .accounts
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(':');
                let (name, id) = (fields.next()?, fields.nth(1)?.parse().ok()?);
                Some((name, id, fields.next()?.parse().ok()?))
            })
            .collect();
        let is_trusted_name =
            |name: &str| accounts.iter().any(|(own, id, _)| *own == name && trusted(*id));
        let members = self.groups.lines().find_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            (fields.get(2)?.parse() == Ok(group)).then(|| fields.get(3).copied().unwrap_or(""))
        });
        let Some(members) = members else { return false };
        members.split(',').map(str::trim).filter(|name| !name.is_empty()).all(is_trusted_name)
            && accounts.iter().all(|(_, id, main)| *main != group || trusted(*id))
            && accounts.iter().any(|(_, id, _)| *id == self.me)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use rstest::rstest;

    use super::*;

    fn no_variable(_: &str) -> Option<OsString> {
        None
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        folder
    }

    #[test]
    fn the_nearest_place_wins() {
        let here = folder();
        let user = folder();
        let search = |flag: Option<&str>, variable: Option<&str>| {
            let environment =
                |name: &str| variable.filter(|_| name == VARIABLE).map(OsString::from);
            let flag = flag.map(Path::new);
            let places = places_with(flag, &environment, here.path(), Some(user.path()));
            find_among(&places, flag, &environment)
        };
        assert_eq!(search(None, None), Ok(None));
        fs::write(user.path().join(FILE_NAME), "").unwrap();
        assert_eq!(search(None, None), Ok(Some(user.path().join(FILE_NAME))));
        fs::write(here.path().join(FILE_NAME), "").unwrap();
        assert_eq!(search(None, None), Ok(Some(here.path().join(FILE_NAME))));
        assert_eq!(search(None, Some("")), Ok(Some(here.path().join(FILE_NAME))));
        let error = search(None, Some("other.toml")).unwrap_err();
        assert!(error.to_string().contains("STALEKEY_CONFIG names"), "{error}");
        fs::write(here.path().join("other.toml"), "").unwrap();
        assert_eq!(search(None, Some("other.toml")), Ok(Some(here.path().join("other.toml"))));
        let error = search(Some("third.toml"), Some("other.toml")).unwrap_err();
        assert!(error.to_string().contains("--config names"), "{error}");
    }

    #[test]
    fn the_user_folder_is_looked_at_last() {
        let places = places(None, &no_variable, Path::new("/project"));
        assert_eq!(places.first(), Some(&PathBuf::from("/project/stalekey.toml")));
        assert!(places.iter().skip(1).all(|place| place.ends_with("stalekey/stalekey.toml")));
    }

    #[test]
    fn the_same_bytes_are_hashed_and_parsed() {
        let folder = folder();
        let path = folder.path().join(FILE_NAME);
        fs::write(&path, "version = 1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let file = read(&path).unwrap();
        assert_eq!(file.digest, <[u8; 32]>::from(Sha256::digest("version = 1\n")));
        let inventory =
            file.parse(&std::collections::BTreeMap::<String, Vec<String>>::new()).unwrap();
        assert_eq!(inventory.folder, folder.path());
        assert_eq!(inventory.path, Some(path));
    }

    #[test]
    fn what_is_no_small_text_is_refused() {
        let folder = folder();
        let path = folder.path().join(FILE_NAME);
        let refused = |path: &Path| read(path).unwrap_err().reason;
        assert_eq!(refused(&path), "there is no such file");
        assert_eq!(refused(folder.path()), "this is not a regular file");
        fs::write(&path, b"version = 1\na = \"\xff\"").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(refused(&path), "this is not UTF-8: line 2, column 6");
        File::create(&path).unwrap().set_len(MOST_BYTES + 1).unwrap();
        assert_eq!(refused(&path), "this is larger than 4 MiB");
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(refused(&pipe), "this is not a regular file");
    }

    #[test]
    fn what_others_can_write_is_refused() {
        let folder = folder();
        let path = folder.path().join(FILE_NAME);
        fs::write(&path, "version = 1").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o646)).unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(error.reason, "every user can write this file");
        assert!(error.help.unwrap().starts_with("chmod o-w /"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).is_ok());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o757)).unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(error.reason, "every user can write this folder, and so what is in it");
        let link = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(&path, link.path().join("a.toml")).unwrap();
        assert!(read(&link.path().join("a.toml")).is_ok());
        fs::set_permissions(link.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(read(&link.path().join("a.toml")).is_err());
    }

    #[rstest]
    #[case::own((1000, 1000, 0o644), false, None)]
    #[case::private_group((1000, 1000, 0o664), false, None)]
    #[case::group_of_a_team((1000, 50, 0o664), false, Some("chmod g-w '/my files/a'"))]
    #[case::group_of_another((1000, 1001, 0o664), false, Some("chmod g-w '/my files/a'"))]
    #[case::main_group_of_two((1000, 100, 0o664), false, Some("chmod g-w '/my files/a'"))]
    #[case::unknown_group((1000, 77, 0o664), false, Some("chmod g-w '/my files/a'"))]
    #[case::group_of_root((0, 0, 0o775), true, None)]
    #[case::of_another((1001, 1001, 0o600), false, Some("sudo chown 1000 '/my files/a'"))]
    #[case::of_root((0, 0, 0o644), false, None)]
    #[case::for_everybody((1000, 1000, 0o666), false, Some("chmod o-w '/my files/a'"))]
    #[case::sticky((0, 0, 0o1777), true, None)]
    #[case::sticky_file((1000, 1000, 0o1777), false, Some("chmod o-w '/my files/a'"))]
    #[case::sticky_of_another((1001, 0, 0o1777), true, Some("sudo chown 1000 '/my files/a'"))]
    fn who_can_write(
        #[case] file: (u32, u32, u32),
        #[case] folder: bool,
        #[case] fix: Option<&str>,
    ) {
        let users = Users {
            me: 1000,
            accounts: "root:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\n\
                       bob:x:1001:1001::/:/bin/sh\ncat:x:1002:100::/:/bin/sh\nbad line\n"
                .to_owned(),
            groups: "root:x:0:\nann:x:1000:\nbob:x:1001:\nstaff:x:50:ann,bob\nusers:x:100:\nbad\n"
                .to_owned(),
        };
        let refusal = users.check_mode(Path::new("/my files/a"), file, folder).err();
        assert_eq!(refusal.and_then(|refusal| refusal.help).as_deref(), fix);
    }
}

//! Files that shells and logins read, read without running anything (SECURITY R4).
//!
//! A scanner follows the shell's own grammar as far as it decides which assignments reach the
//! processes that the shell starts. What only execution could tell is opaque, and says why. A
//! syntax error ends the file where the shell would give it up; what stands above it counts.

use crate::formats::{
    Contents, Environment, Refusal,
    files::{Files, Missed, base_name, join},
};

mod commands;
mod environment_d;
mod environment_file;
mod expansion;
mod fish;
mod scanner;
mod sources;
mod state;
mod words;

pub(in crate::formats) use scanner::{End, Scan, scan};

/// The problem of a variable that programs do not get.
pub const NOT_EXPORTED: &str = "assigned but not exported";

/// The problem of a guard: what stands below it is for some shells only.
pub const LEAVES: &str = "leaves the file under a condition; not every shell reads what is below";

/// The problem of commands that are made while a file runs.
pub const MADE: &str = "a command is made while the file runs; what it sets is not known";

/// Who reads the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shell {
    /// bash.
    Bash,
    /// zsh.
    Zsh,
    /// A POSIX shell, such as dash.
    Posix,
    /// fish.
    Fish,
    /// systemd, which reads `environment.d` for a user's services and session.
    EnvironmentD,
    /// `pam_env`, which reads `/etc/environment` at login; no shell at all.
    EnvironmentFile,
}

impl Shell {
    /// Every reader.
    pub const ALL: &[Self] = &[
        Self::Bash,
        Self::Zsh,
        Self::Posix,
        Self::Fish,
        Self::EnvironmentD,
        Self::EnvironmentFile,
    ];

    /// The name used in the inventory and on every screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Posix => "sh",
            Self::Fish => "fish",
            Self::EnvironmentD => "environment.d",
            Self::EnvironmentFile => "environment",
        }
    }

    /// The reader of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|shell| shell.name() == name)
    }

    /// The reader that a file of this name has by convention; a POSIX shell when there is none.
    pub fn guess(path: &str) -> Self {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let bare = name.trim_start_matches('.');
        let extension = bare.rsplit_once('.').map(|(_, extension)| extension);
        if environment_d::is_named(path) {
            Self::EnvironmentD
        } else if name == "environment" {
            Self::EnvironmentFile
        } else if extension == Some("fish") || fish::is_named(path) {
            Self::Fish
        } else if bare.starts_with("zsh")
            || matches!(bare, "zprofile" | "zlogin" | "zlogout")
            || extension == Some("zsh")
        {
            Self::Zsh
        } else if bare.starts_with("bash") || extension == Some("bash") || bare == "envrc" {
            Self::Bash
        } else {
            Self::Posix
        }
    }
}

/// Which file, and who reads it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The file; for fish and `environment.d` also a folder.
    pub path: &'a str,
    /// Who reads it.
    pub shell: Shell,
    /// The environment the shell starts with: a variable that stands there is exported already.
    pub environment: &'a Environment,
}

/// What a file and those that it reads give to the processes that the shell starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Their variables. Of the files that the first one reads, each place names its file.
    pub contents: Contents,
    /// A file that is read, too, could not be told or opened: more may be set there.
    pub elsewhere: bool,
}

/// Why there is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The file could not be opened.
    Missed(Missed),
    /// Its reader refuses the file and runs nothing of it.
    Refused(Refusal),
}

impl From<Missed> for Failure {
    fn from(missed: Missed) -> Self {
        Self::Missed(missed)
    }
}

/// Reads a file, and the files that it reads, through `files`.
///
/// # Errors
/// The file cannot be opened, or its reader refuses it.
pub fn read(request: &Request<'_>, files: &mut dyn Files) -> Result<Followed, Failure> {
    let Request { path, shell, environment } = *request;
    let home = environment.get("HOME").and_then(|home| std::str::from_utf8(home.expose()).ok());
    let (contents, elsewhere) = match shell {
        Shell::EnvironmentFile => (environment_file::read(&files.read(path)?), false),
        Shell::EnvironmentD => environment_d::read(path, home, environment, files)?,
        Shell::Fish => return fish::read(path, environment, files),
        Shell::Bash | Shell::Zsh | Shell::Posix => {
            let bytes = files.read(path)?;
            let mut state = state::State::new(&bytes, environment, false);
            // As the file itself would name it.
            let own = match (path.strip_prefix("~/"), home) {
                (Some(rest), Some(home)) => join(home, rest),
                _ => path.to_owned(),
            };
            let mut sources = sources::Sources::of(&own, files);
            let runs = state::Certainty::Runs;
            scanner::Scanner::new(&bytes, shell, &mut state, &mut sources, runs).run();
            let elsewhere = sources.elsewhere;
            (state.finish(), elsewhere)
        }
    };
    Ok(Followed { contents, elsewhere })
}

/// What the file alone gives; nothing that it reads is opened.
pub fn parse(shell: Shell, bytes: &[u8], environment: &Environment) -> Contents {
    match shell {
        Shell::EnvironmentFile => environment_file::read(bytes),
        Shell::Fish | Shell::EnvironmentD => {
            let request = Request { path: "file", shell, environment };
            let read = read(&request, &mut Alone(bytes));
            read.map(|followed| followed.contents).unwrap_or_default()
        }
        _ => scan(bytes, environment, Scan { shell, exports_all: false }).0,
    }
}

/// One file, and nothing else.
struct Alone<'a>(&'a [u8]);

impl Files for Alone<'_> {
    fn read(&mut self, _: &str) -> Result<Vec<u8>, Missed> {
        Ok(self.0.to_vec())
    }

    fn list(&mut self, _: &str) -> Result<Vec<crate::formats::files::Entry>, Missed> {
        Err(Missed::Absent)
    }
}

/// The files that a login bash reads instead of this one, as they would stand beside it.
pub fn read_instead(path: &str) -> &'static [&'static str] {
    match base_name(path) {
        ".profile" => &[".bash_profile", ".bash_login"],
        ".bash_login" => &[".bash_profile"],
        _ => &[],
    }
}

#[cfg(test)]
pub(in crate::formats) mod tests;

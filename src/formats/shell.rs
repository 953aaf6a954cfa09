//! Files that shells and logins read, read without running anything (SECURITY R4).
//!
//! A scanner follows the shell's own grammar as far as it decides which assignments reach the
//! processes that the shell starts. What only execution could tell is opaque, and says why. A
//! syntax error ends the file where the shell would give it up; what stands above it counts.

use crate::formats::{Contents, Environment};

mod commands;
mod environment_file;
mod expansion;
mod scanner;
mod state;
mod words;

pub(in crate::formats) use scanner::{End, Scan, scan};

/// The problem of a file that ends early for some shells: the trap `interactive-only`.
pub const GUARD: &str = "leaves the file under a condition; not every shell reads what is below";

/// The problem of a variable that programs do not get.
pub const NOT_EXPORTED: &str = "assigned but not exported";

/// Who reads the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shell {
    /// bash.
    Bash,
    /// zsh.
    Zsh,
    /// A POSIX shell, such as dash.
    Posix,
    /// `pam_env`, which reads `/etc/environment` at login; no shell at all.
    EnvironmentFile,
}

impl Shell {
    /// Every reader.
    pub const ALL: &[Self] = &[Self::Bash, Self::Zsh, Self::Posix, Self::EnvironmentFile];

    /// The name used in the inventory and on every screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Posix => "sh",
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
        if name == "environment" {
            Self::EnvironmentFile
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

/// What the file gives to the processes that the shell starts. `environment` is the environment
/// the shell itself starts with: a variable that stands there is exported already.
pub fn parse(shell: Shell, bytes: &[u8], environment: &Environment) -> Contents {
    if shell == Shell::EnvironmentFile {
        return environment_file::read(bytes);
    }
    scan(bytes, environment, Scan { shell, exports_all: false }).0
}

#[cfg(test)]
pub(in crate::formats) mod tests;

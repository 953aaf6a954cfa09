//! A Docker Compose project: what every service's containers would be given.
//!
//! Resolves as `docker compose config` 2.40 does: which files are read, `${…}` in them, several
//! files over each other, `extends`, `include`, profiles, `env_file` and `environment`. Nothing is
//! opened here; the caller gives the files.

use crate::{
    domain::{
        reading::{Problem, Unreadable},
        secret::SecretValue,
    },
    formats::{Contents, Environment, Refusal},
};

mod discovery;
mod extract;
mod include;
mod load;
mod merge;
mod model;
mod mounts;
mod path;
mod service;
mod variables;

pub use discovery::{FILES, OVERRIDES};

/// The file system, as a resolution sees it. Paths are as Compose would resolve them: joined with
/// `/` from the request's folder, the project's folder or the including file's folder.
pub trait Files {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Why it could not be read.
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Unreadable>;

    /// Whether a regular file (or a link to one) stands there.
    fn exists(&mut self, path: &str) -> bool;
}

/// What would be typed: `docker compose -f … --env-file … --profile … config`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The folder in which Compose is started; the paths below are relative to it. Empty: as they
    /// stand.
    pub folder: String,
    /// `-f`; empty: `COMPOSE_FILE`, or Compose's own discovery with the override file.
    pub files: Vec<String>,
    /// `--env-file`; empty: `COMPOSE_ENV_FILES`, or `.env` in the project's folder.
    pub env_files: Vec<String>,
    /// `--profile`; empty: `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// Only this service, whatever its profiles (naming a service starts it); absent: all that the
    /// profiles let start.
    pub service: Option<String>,
    /// The variables that somebody asks for: a secret of another name is not opened. Empty: all.
    pub variables: Vec<String>,
}

impl Request {
    fn asks_for(&self, variable: &str) -> bool {
        self.variables.is_empty() || self.variables.iter().any(|wanted| wanted == variable)
    }
}

/// A resolved project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// The services that would be started, by name.
    pub services: Vec<Service>,
    /// Every path that was read; a change of one may change the answer.
    pub files: Vec<String>,
    /// Paths that were looked for and do not exist; their creation may change the answer.
    pub absent: Vec<String>,
    /// What Compose survives but a person should know.
    pub problems: Vec<Problem>,
}

/// What one service's containers are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Every occurrence of every variable, the deciding one marked.
    ///
    /// Beside an `environment:` entry whose value comes from elsewhere stand, never winning, the
    /// occurrences of the places it came from, under the entry's own variable: the shell and every
    /// line of the project's env files that defines it. A name that is passed through and set
    /// nowhere wins as [`Yield::Unset`]: it removes what an `env_file` gives.
    ///
    /// [`Yield::Unset`]: crate::domain::reading::Yield::Unset
    pub contents: Contents,
}

/// Compose would refuse the project, or a file it needs could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Compose itself refuses.
    Refused {
        /// The file concerned, when there is one.
        path: Option<String>,
        /// Why and where.
        refusal: Refusal,
    },
    /// A file that is needed could not be read.
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        why: Unreadable,
    },
}

impl Failure {
    /// A refusal that is about no single file.
    const fn project(reason: &'static str) -> Self {
        Self::Refused { path: None, refusal: Refusal { position: None, reason } }
    }

    /// A refusal of a file as a whole.
    fn file(path: &str, reason: &'static str) -> Self {
        Self::in_file(path, Refusal { position: None, reason })
    }

    /// A refusal at a place of a file.
    fn in_file(path: &str, refusal: Refusal) -> Self {
        Self::Refused { path: Some(path.to_owned()), refusal }
    }
}

/// Resolves a project. `environment` is the environment of the shell that would start Compose.
///
/// # Errors
/// Whatever makes Compose start nothing: no compose file, a file that is missing, unreadable or
/// invalid, a required variable that is not set, an unknown service.
pub fn resolve(
    request: &Request,
    environment: &Environment,
    files: &mut dyn Files,
) -> Result<Project, Failure> {
    let mut reader = load::Reader::new(files);
    let mut found = discovery::discover(request, environment, &mut reader)?;
    let name = load::project_name(&mut reader, &found);
    found.variables.set_default(PROJECT_NAME, name);
    let model = load::load(&mut reader, &found)?;
    let services = service::resolve_all(&mut reader, request, &found, model)?;
    let (files, absent, problems) = reader.into_parts();
    Ok(Project { services, files, absent, problems })
}

/// Most bytes of values that a project may copy: a value that stands once can be given to many
/// services, and a hostile project must not fill the memory with it.
const MOST_COPIED: usize = 128 * 1024 * 1024;

/// The trap `scope-mismatch`.
pub const INACTIVE: &str = "no active profile starts this service; Compose starts it by name only";

/// The trap `override-file-ignored`.
pub const OVERRIDE_IGNORED: &str =
    "Compose lays this file over the others only when no file is named, so it is not read";

const TOO_LARGE: &str = "the values of this project take more than 128 MiB when it is resolved";

/// The variable that Compose sets by itself.
const PROJECT_NAME: &str = "COMPOSE_PROJECT_NAME";

/// The user's home folder, for paths that begin with `~`.
fn home(environment: &Environment) -> Option<&str> {
    environment.get("HOME").and_then(as_text)
}

/// A value that is a name, a path or a switch, never a key.
fn as_text(value: &SecretValue) -> Option<&str> {
    std::str::from_utf8(value.expose()).ok()
}

#[cfg(test)]
mod tests;

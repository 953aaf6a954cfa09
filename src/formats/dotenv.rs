//! `.env`-style files, read as one named reader reads them.
//!
//! "`.env`" is not a format: the same bytes give different values to different readers. So every
//! reader is an engine of its own, one file each, and the file says which reader it belongs to.
//! A new dialect is one new file, its `mod` line and one line in the registry below.

use crate::formats::{Contents, Environment, Refusal};

mod characters;
mod collector;
mod compose;
mod compose_template;
mod docker_run;
mod node_dotenv;
mod python_dotenv;
mod sh;
mod source;

/// Reads the bytes of a whole file as one reader does.
type Engine = fn(&[u8], &Environment) -> Result<Contents, Refusal>;

/// The registry: one line per dialect gives it its word, its name and its engine.
macro_rules! dialects {
    ($($(#[$documentation:meta])* $dialect:ident = $name:literal, $engine:path;)+) => {
        /// A reader of `.env`-style files.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Dialect {
            $($(#[$documentation])* $dialect,)+
        }

        impl Dialect {
            /// Every dialect, in the order of the registry.
            pub const ALL: &[Self] = &[$(Self::$dialect),+];

            /// The name used in the inventory and on every screen.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$dialect => $name,)+
                }
            }

            /// The engine that reads as this reader does.
            const fn engine(self) -> Engine {
                match self {
                    $(Self::$dialect => $engine,)+
                }
            }
        }
    };
}

dialects! {
    /// python-dotenv 1.2 (`dotenv_values`), also behind Flask, uvicorn and pydantic-settings.
    PythonDotenv = "python-dotenv", python_dotenv::read;
    /// Node's dotenv package (16 to 18), without an expanding package behind it.
    NodeDotenv = "node-dotenv", node_dotenv::read;
    /// Docker Compose's `.env` and `env_file:` (compose-go 2).
    Compose = "compose", compose::read;
    /// `docker run --env-file`.
    DockerRun = "docker-run", docker_run::read;
    /// `set -a; . file` in bash.
    Sh = "sh", sh::read;
}

impl Dialect {
    /// Of several files read one after another, the first that defines a variable keeps it; the
    /// others let the last one win.
    pub const fn first_file_wins(self) -> bool {
        matches!(self, Self::PythonDotenv | Self::NodeDotenv)
    }

    /// The dialect of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|dialect| dialect.name() == name)
    }
}

/// What the file gives the reader that `dialect` names. `environment` is the environment that the
/// reader runs in; readers that interpolate or pass names through look there.
///
/// # Errors
///
/// A [`Refusal`] exactly where that reader loads nothing of the file.
pub fn parse(
    dialect: Dialect,
    bytes: &[u8],
    environment: &Environment,
) -> Result<Contents, Refusal> {
    (dialect.engine())(bytes, environment)
}

#[cfg(test)]
pub(in crate::formats) mod tests;

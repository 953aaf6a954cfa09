//! `.env`-style files, read as one named reader reads them.
//!
//! "`.env`" is not a format: the same bytes give different values to different readers. So every
//! reader is an engine of its own, one file each, and the file says which reader it belongs to.
//! A new dialect is one new file, its `mod` line and one line in the registry below.

use crate::formats::{Contents, Environment, Refusal, Wanted, dotenv::prefilter::Relevant};

pub(in crate::formats) use collector::Above;
pub(in crate::formats) use compose::read_behind as parse_env_file;
pub(in crate::formats) use several::add_winners;
pub use several::parse_several;

mod bun;
mod characters;
mod collector;
mod commands;
mod compose;
mod compose_template;
mod decouple;
mod deno;
mod direnv;
mod django_environ;
mod docker_run;
mod dotenv_expand;
mod dotenvx;
mod dotenvy;
mod foreman;
mod godotenv;
pub mod inference;
mod javascript;
mod kubectl;
mod make;
mod next;
mod node;
mod node_20;
mod node_dotenv;
mod pam;
mod phpdotenv;
mod prefilter;
mod python_dotenv;
mod ruby_dotenv;
mod several;
mod sh;
mod source;
mod symfony;
mod systemd;
pub mod traps;
mod vite;

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
    /// python-dotenv since 1.2.4 (`dotenv_values`), also behind Flask and
    /// pydantic-settings.
    PythonDotenv = "python-dotenv", python_dotenv::read;
    /// python-dotenv since 1.2.4 by `load_dotenv`, where references see the environment first; also
    /// behind `uvicorn --env-file`.
    PythonDotenvLoad = "python-dotenv@load", python_dotenv::load;
    /// python-dotenv 1.2.3, in which a comment right behind `=` was still a value.
    PythonDotenv123 = "python-dotenv@1.2.3", python_dotenv::read_1_2_3;
    /// python-dotenv before 1.2.3, in which also a byte order mark belonged to the first name, and
    /// a backslash before the last quote of a line did not keep it from closing.
    PythonDotenv11 = "python-dotenv@1.1", python_dotenv::read_1_1;
    /// python-decouple (`RepositoryEnv`).
    Decouple = "python-decouple", decouple::read;
    /// django-environ (`Env.read_env`).
    DjangoEnviron = "django-environ", django_environ::read;
    /// `uv run --env-file`.
    Uv = "uv", dotenvy::read_for_uv;
    /// Node's dotenv package (16 to 18), without an expanding package behind it.
    NodeDotenv = "node-dotenv", node_dotenv::read;
    /// dotenv-expand 12 behind Node's dotenv package.
    DotenvExpand = "dotenv-expand", dotenv_expand::read;
    /// dotenv-expand 1000, which also runs commands.
    DotenvExpand1000 = "dotenv-expand@1000", dotenv_expand::read_1000;
    /// `dotenvx run`.
    Dotenvx = "dotenvx", dotenvx::read;
    /// `node --env-file` since Node 22.
    Node = "node", node::read;
    /// `node --env-file` of Node 20.
    Node20 = "node@20", node_20::read;
    /// Next.js (`@next/env`).
    Next = "next", next::read;
    /// Vite 8 on Node 20.
    Vite = "vite", vite::read;
    /// Vite 8 on Node 22 and later, whose parser it uses.
    ViteNode22 = "vite@node22", vite::read_on_node_22;
    /// Bun.
    Bun = "bun", bun::read;
    /// `deno run --env-file`.
    Deno = "deno", deno::read;
    /// foreman for Node (`nf`), also behind `heroku local`.
    Foreman = "foreman", foreman::read;
    /// The Ruby gem dotenv, by `Dotenv.parse` or `Dotenv.overwrite`.
    RubyDotenv = "ruby-dotenv", ruby_dotenv::read;
    /// The Ruby gem dotenv, by `Dotenv.load`, where references see the environment first.
    RubyDotenvLoad = "ruby-dotenv@load", ruby_dotenv::read_to_load;
    /// The Rust crate dotenvy, by its iterators or `load_override`.
    Dotenvy = "dotenvy", dotenvy::read;
    /// The Rust crate dotenvy, by `load`, with what stands above an error.
    DotenvyLoad = "dotenvy@load", dotenvy::read_until_error;
    /// Go's joho/godotenv.
    Godotenv = "godotenv", godotenv::read;
    /// PHP's vlucas/phpdotenv, by `Dotenv::parse`.
    Phpdotenv = "phpdotenv", phpdotenv::read;
    /// PHP's vlucas/phpdotenv, by `load`, where references see the environment too (Laravel).
    PhpdotenvLoad = "phpdotenv@load", phpdotenv::read_to_load;
    /// PHP's symfony/dotenv.
    Symfony = "symfony", symfony::read;
    /// Docker Compose's `env_file:` (compose-go 2).
    Compose = "compose", compose::read;
    /// docker-compose 1's `env_file:`, which was python-dotenv's doing.
    Compose1 = "compose@1", python_dotenv::read_for_compose_1;
    /// Docker Compose's `.env`, as `${NAME}` in a compose file sees it.
    ComposeInterpolation = "compose-interpolation", compose::read_for_interpolation;
    /// `docker run --env-file`, and Compose's `env_file:` with `format: raw`.
    DockerRun = "docker-run", docker_run::read;
    /// `kubectl create secret --from-env-file`.
    Kubectl = "kubectl", kubectl::read;
    /// `set -a; . file` in bash.
    Sh = "sh", sh::read;
    /// direnv's `dotenv`.
    Direnv = "direnv", direnv::read;
    /// `EnvironmentFile=` of a systemd unit, since systemd 254.
    Systemd = "systemd", systemd::read;
    /// `EnvironmentFile=` of a systemd unit, before systemd 254.
    Systemd252 = "systemd@252", systemd::read_before_254;
    /// systemd's `environment.d`.
    EnvironmentD = "environment.d", systemd::read_environment_d;
    /// pam_env, the reader of `/etc/environment`.
    Pam = "pam", pam::read;
    /// `include` of a makefile that exports its variables.
    Make = "make", make::read;
}

/// Who wins where both the file and the process environment define a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProcessWins {
    /// The process, even where its value is empty.
    Always,
    /// The process, except where its value is empty.
    UnlessEmpty,
    /// The file.
    Never,
}

impl Dialect {
    /// Who wins where both the file and the environment of the process define a variable, as the
    /// reader is used by default.
    pub const fn process_wins(self) -> ProcessWins {
        match self {
            Self::PythonDotenv
            | Self::PythonDotenvLoad
            | Self::PythonDotenv123
            | Self::PythonDotenv11
            | Self::Decouple
            | Self::DjangoEnviron
            | Self::Uv
            | Self::NodeDotenv
            | Self::Dotenvx
            | Self::Node
            | Self::Node20
            | Self::Next
            | Self::Vite
            | Self::ViteNode22
            | Self::Bun
            | Self::Deno
            | Self::RubyDotenv
            | Self::RubyDotenvLoad
            | Self::Dotenvy
            | Self::DotenvyLoad
            | Self::Godotenv
            | Self::Phpdotenv
            | Self::PhpdotenvLoad
            | Self::Symfony
            | Self::ComposeInterpolation => ProcessWins::Always,
            Self::DotenvExpand | Self::DotenvExpand1000 => ProcessWins::UnlessEmpty,
            Self::Foreman
            | Self::Compose
            | Self::Compose1
            | Self::DockerRun
            | Self::Kubectl
            | Self::Sh
            | Self::Direnv
            | Self::Systemd
            | Self::Systemd252
            | Self::EnvironmentD
            | Self::Pam
            | Self::Make => ProcessWins::Never,
        }
    }

    /// The dialect of that name, maybe with a version behind `@`: `python-dotenv@1.1.0` reads as
    /// the versions before 1.2.3 do, and `node@24` as `node` does.
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some(dialect) = Self::ALL.iter().find(|dialect| dialect.name() == name) {
            return Some(*dialect);
        }
        let (reader, version) = name.split_once('@')?;
        let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
        let mut part = || parts.next().unwrap_or(Some(u32::MAX));
        let version = (part()?, part()?, part()?);
        if parts.next().is_some() {
            return None;
        }
        let least = u32::MIN;
        match reader {
            "python-dotenv" if version < (1, 2, 3) => Some(Self::PythonDotenv11),
            "python-dotenv" if version == (1, 2, 3) => Some(Self::PythonDotenv123),
            "python-dotenv" => Some(Self::PythonDotenv),
            "node" if version >= (22, least, least) => Some(Self::Node),
            "node" if version.0 == 20 || version.0 == 21 => Some(Self::Node20),
            "node-dotenv" if version.0 >= 16 => Some(Self::NodeDotenv),
            "dotenv-expand" if version.0 >= 1000 => Some(Self::DotenvExpand1000),
            "dotenv-expand" if version.0 >= 12 => Some(Self::DotenvExpand),
            "systemd" if version.0 < 254 => Some(Self::Systemd252),
            "systemd" => Some(Self::Systemd),
            "compose" if version.0 == 1 => Some(Self::Compose1),
            "compose" => Some(Self::Compose),
            _ => None,
        }
    }

    /// Every name that an inventory may use, in the order of the documentation.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|dialect| dialect.name())
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

/// What a file gives several readers, of the wanted variables alone.
#[derive(Default)]
pub struct WantedOnly {
    /// For each reader, in the order in which they were asked for. Names that look like a slip for
    /// a wanted one are in `other_names`.
    pub by_reader: Vec<Result<Contents, Refusal>>,
    /// What the first of the readers stumbles over.
    pub traps: Vec<traps::Found>,
}

/// Reads files of one layer as each of `readers` does, for the `wanted` variables. Lines of an only
/// file that cannot matter for them are left out beforehand, which changes no answer.
pub fn read_wanted(
    readers: &[Dialect],
    files: &[&[u8]],
    environment: &Environment,
    wanted: &Wanted,
) -> Vec<WantedOnly> {
    let relevant = match files {
        [only] => prefilter::relevant(only, wanted),
        _ => None,
    };
    let mut all: Vec<WantedOnly> = files.iter().map(|_| WantedOnly::default()).collect();
    for (number, reader) in readers.iter().enumerate() {
        let relevant = relevant.as_ref().filter(|_| prefilter::reads_lines_alone(*reader));
        let reduced = relevant.map(|relevant| [relevant.text.as_slice()]);
        let texts = reduced.as_ref().map_or(files, |only| only);
        let read = parse_several(*reader, texts, environment);
        if number == 0 {
            let names = relevant.map_or_else(|| wanted.iter().collect(), Relevant::names);
            let found = traps::of_files(*reader, texts, &read, environment, &names);
            for (file, found) in all.iter_mut().zip(found) {
                file.traps = found;
            }
        }
        for (file, read) in all.iter_mut().zip(read) {
            let mut read = read.map(|contents| contents.only(wanted));
            if let Some(relevant) = relevant {
                let traps = if number == 0 { file.traps.as_mut_slice() } else { &mut [] };
                read = relevant.put_back(read, traps);
            }
            file.by_reader.push(read);
        }
    }
    all
}

#[cfg(test)]
pub(in crate::formats) mod tests;

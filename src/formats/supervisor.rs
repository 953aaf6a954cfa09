//! supervisord's configuration: the environment that it starts its programs with.
//!
//! As supervisor 4 has it: what supervisord itself was started with, over that `environment=` of
//! `[supervisord]`, over that `environment=` of the program. `%(ENV_NAME)s` is what supervisord was
//! started with, or what its own section sets.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    domain::{
        inert::inert,
        place::Place,
        reading::{Occurrence, OpaqueReason, Origin, Unreadable, Yield},
        secret::SecretValue,
    },
    formats::{
        Contents, Environment, Refusal,
        files::{Files, Missed, folder_of, join},
        glob,
    },
};

use expansion::{Value, expand};
use file::{Sections, Text};

mod expansion;
mod file;
mod pairs;

const NO_SECTION: &str = "it has no [supervisord] section, so supervisord does not start with it";
const NO_FILES: &str =
    "its [include] section names no files, so supervisord does not start with it";
const NO_COMMAND: &str = "a program without a `command`: supervisord does not load this";
const TOO_MANY: &str = "its [include] section names more than 1000 files; they are not read";

/// Why there is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The file does not exist.
    Absent,
    /// A file that is needed could not be read.
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        why: Unreadable,
    },
    /// supervisord would not load it.
    Refused {
        /// The file.
        path: String,
        /// Why and where.
        refusal: Refusal,
    },
}

/// All files of a configuration, read and not yet expanded.
#[derive(Debug)]
pub struct Config {
    path: String,
    host: String,
    sections: Sections,
}

/// What a program is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// The group that it belongs to; of its own, where none is configured.
    pub group: String,
    /// The names of its processes.
    pub processes: Vec<String>,
    /// Its file.
    pub path: String,
    /// What its configuration sets.
    pub contents: Contents,
}

impl Program {
    /// What `supervisorctl restart` takes.
    pub fn target(&self) -> String {
        match (self.group == self.name, self.processes.as_slice()) {
            (true, [only]) if *only == self.name => self.name.clone(),
            (_, [only]) => format!("{}:{only}", self.group),
            _ => format!("{}:*", self.group),
        }
    }
}

/// Reads a configuration and all that it includes.
///
/// # Errors
/// What keeps supervisord from loading it.
pub fn read(path: &str, host: &str, files: &mut dyn Files) -> Result<Config, Failure> {
    let mut sections = Sections::default();
    let bytes = match files.read(path) {
        Ok(bytes) => bytes,
        Err(Missed::Absent | Missed::Null) => return Err(Failure::Absent),
        Err(Missed::Unreadable(why)) => {
            return Err(Failure::Unreadable { path: path.to_owned(), why });
        }
    };
    let refuse = |path: &str| {
        let path = path.to_owned();
        move |refusal| Failure::Refused { path, refusal }
    };
    sections.add(path, &bytes).map_err(refuse(path))?;
    let bare = |reason| refuse(path)(Refusal { position: None, reason });
    let mut config = Config { path: path.to_owned(), host: host.to_owned(), sections };
    if config.sections.has("include") {
        let Some(named) = config.sections.get("include", "files").cloned() else {
            return Err(bare(NO_FILES));
        };
        let named = config.expanded(&named, &|name| config.common(name))?.plain().to_owned();
        if named.contains(expansion::UNKNOWN) {
            let detail = "its [include] section names files by variables of supervisord's own";
            let why = Unreadable::new(crate::domain::reading::UnreadableKind::Unsupported, detail);
            return Err(Failure::Unreadable { path: path.to_owned(), why });
        }
        let folder = config.folder();
        let mut paths = Vec::new();
        for pattern in named.split_whitespace() {
            let pattern = join(&folder, pattern);
            let found = if !glob::is_pattern(&pattern) {
                vec![pattern]
            } else if let Some(absolute) = pattern.strip_prefix('/') {
                expanded_pattern("", absolute, files)?
            } else {
                expanded_pattern(".", &pattern, files)?
            };
            paths.extend(found);
            if paths.len() > glob::MOST_PATHS {
                return Err(bare(TOO_MANY));
            }
        }
        for path in paths {
            match files.read(&path) {
                Ok(bytes) => config.sections.add(&path, &bytes).map_err(refuse(&path))?,
                Err(Missed::Absent | Missed::Null) => {}
                Err(Missed::Unreadable(why)) => return Err(Failure::Unreadable { path, why }),
            }
        }
    }
    if config.sections.has("supervisord") { Ok(config) } else { Err(bare(NO_SECTION)) }
}

fn expanded_pattern(
    root: &str,
    pattern: &str,
    files: &mut dyn Files,
) -> Result<Vec<String>, Failure> {
    glob::expand(root, pattern, files).map_err(|(path, why)| Failure::Unreadable { path, why })
}

/// Where the names of variables in `%(…)s` begin.
const ENVIRONMENT: &str = "ENV_";

impl Config {
    fn folder(&self) -> String {
        here(&self.path).to_owned()
    }

    /// What every value may name.
    fn common(&self, name: &str) -> Value {
        match name {
            "here" => Value::Known(self.folder()),
            "host_node_name" => Value::Known(self.host.clone()),
            // Of what supervisord was started with nothing is known here.
            name if name.starts_with(ENVIRONMENT) => Value::Unknown,
            _ => Value::Undefined,
        }
    }

    fn expanded(&self, text: &Text, look_up: &dyn Fn(&str) -> Value) -> Result<Text, Failure> {
        expand(text, &|name| match name {
            // It is replaced where it stands, by the folder of that file.
            "here" => Value::Known(here(self.sections.path(text)).to_owned()),
            name => look_up(name),
        })
        .map_err(|(offset, reason)| self.refuse(text, offset, reason))
    }

    fn refuse(&self, text: &Text, offset: usize, reason: &'static str) -> Failure {
        let position = Some(self.sections.position(text, offset));
        let path = self.sections.path(text).to_owned();
        Failure::Refused { path, refusal: Refusal { position, reason } }
    }

    /// The file in which supervisord writes its number.
    pub fn pid_file(&self) -> Option<String> {
        let named = self.sections.get("supervisord", "pidfile")?;
        let path = self.expanded(named, &|name| self.common(name)).ok()?;
        let path = path.plain();
        (!path.is_empty() && !path.contains(expansion::UNKNOWN)).then(|| path.to_owned())
    }

    /// The variables that values name: of what supervisord was started with.
    pub fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (_, option, text) in self.sections.all() {
            if option == "environment" {
                names.extend(
                    expansion::names(text)
                        .filter_map(|name| name.strip_prefix(ENVIRONMENT).map(str::to_owned)),
                );
            }
        }
        names
    }

    /// The programs, or the one that is asked for, with what each is started with. `daemon` is what
    /// supervisord was started with, where that is known.
    ///
    /// # Errors
    /// What keeps supervisord from loading the configuration.
    pub fn programs(
        &self,
        only: Option<&str>,
        daemon: Option<&Environment>,
    ) -> Result<Vec<Program>, Failure> {
        let inherited = |name: &str| match (name.strip_prefix(ENVIRONMENT), daemon) {
            (Some(variable), Some(daemon)) => {
                let value = daemon.get(variable);
                value.map_or(Value::Undefined, |value| {
                    Value::Known(String::from_utf8_lossy(value.expose()).into_owned())
                })
            }
            (Some(_), None) => Value::Unknown,
            (None, _) => self.common(name),
        };
        let shared = match self.sections.get("supervisord", "environment") {
            Some(text) => self.pairs(text, &inherited)?,
            None => Vec::new(),
        };
        let of_all: BTreeMap<String, String> = shared
            .iter()
            .map(|(name, value, _)| (format!("{ENVIRONMENT}{name}"), value.clone()))
            .collect();
        let mut programs = Vec::new();
        for section in self.sections.names() {
            let Some(name) = program_in(section) else { continue };
            if only.is_some_and(|only| only != name) {
                continue;
            }
            let group = self.group_of(name);
            let look_up = |known: &str| match (known, of_all.get(known)) {
                (_, Some(value)) => Value::Known(value.clone()),
                ("program_name", _) => Value::Known(name.to_owned()),
                ("group_name", _) => Value::Known(group.clone()),
                (known, _) => inherited(known),
            };
            programs.push(self.program(section, name, &group, &shared, &look_up)?);
        }
        Ok(programs)
    }

    fn program(
        &self,
        section: &str,
        name: &str,
        group: &str,
        shared: &[(String, String, Place)],
        look_up: &dyn Fn(&str) -> Value,
    ) -> Result<Program, Failure> {
        let command = self.sections.get(section, "command");
        let Some(command) = command else {
            let path = self.path.clone();
            return Err(Failure::Refused {
                path,
                refusal: Refusal { position: None, reason: NO_COMMAND },
            });
        };
        let number = |option: &str, otherwise: u32| {
            let text = self.sections.get(section, option).map(Text::plain);
            text.and_then(|text| text.trim().parse().ok()).unwrap_or(otherwise)
        };
        let (count, start) = (number("numprocs", 1), number("numprocs_start", 0));
        // More than anybody starts of one program.
        let numbers = start..start.saturating_add(count.min(1_000));
        let numbered = |of: u32| {
            move |known: &str| match known {
                "process_num" => Value::Number(of),
                "numprocs" => Value::Number(count),
                known => look_up(known),
            }
        };
        let own = match self.sections.get(section, "environment") {
            Some(text) => self.pairs(text, &numbered(start))?,
            None => Vec::new(),
        };
        let processes = match self.sections.get(section, "process_name") {
            Some(text) => numbers
                .map(|of| Ok(self.expanded(text, &numbered(of))?.plain().to_owned()))
                .collect::<Result<_, Failure>>()?,
            None => vec![name.to_owned()],
        };
        let pairs: Vec<_> = shared.iter().chain(&own).collect();
        let occurrences = pairs.iter().enumerate().map(|(index, (variable, value, place))| {
            let later = pairs.get(index + 1..).unwrap_or_default();
            let yields = if value.contains(expansion::UNKNOWN) {
                Yield::Opaque(OpaqueReason::Reference)
            } else {
                Yield::Value(SecretValue::new(value.as_bytes()))
            };
            Occurrence {
                variable: variable.clone(),
                place: place.clone(),
                origin: Origin::File,
                yields,
                wins: later.iter().all(|(other, ..)| other != variable),
            }
        });
        Ok(Program {
            name: name.to_owned(),
            group: group.to_owned(),
            processes,
            path: self.sections.path(command).to_owned(),
            contents: Contents { occurrences: occurrences.collect(), ..Contents::default() },
        })
    }

    /// The assignments of a value with `NAME="value",…`.
    fn pairs(
        &self,
        text: &Text,
        look_up: &dyn Fn(&str) -> Value,
    ) -> Result<Vec<(String, String, Place)>, Failure> {
        let text = self.expanded(text, look_up)?;
        let pairs = pairs::of(&text);
        let pairs = pairs.map_err(|(offset, reason)| self.refuse(&text, offset, reason))?;
        let path = inert(self.sections.path(&text));
        let place = |offset| Place {
            path: Some(path.clone()),
            position: Some(self.sections.position(&text, offset)),
        };
        let named = pairs.into_iter().map(|pair| (pair.name, pair.value, place(pair.offset)));
        Ok(named.collect())
    }

    /// `[group:x]` with `programs=`, or a group of its own.
    fn group_of(&self, program: &str) -> String {
        let groups = self.sections.names().filter_map(|section| {
            let name = section.strip_prefix("group:")?;
            let programs = self.sections.get(section, "programs")?.plain();
            programs.split(',').any(|other| other.trim() == program).then(|| name.trim().to_owned())
        });
        groups.last().unwrap_or_else(|| program.to_owned())
    }
}

/// The folder of a file; that of the inventory for one beside it.
fn here(path: &str) -> &str {
    match folder_of(path) {
        "" => ".",
        folder => folder,
    }
}

fn program_in(section: &str) -> Option<&str> {
    let name =
        section.strip_prefix("program:").or_else(|| section.strip_prefix("fcgi-program:"))?;
    Some(name.trim())
}

#[cfg(test)]
mod tests;

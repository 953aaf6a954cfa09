//! systemd units: the environment that a unit's processes would be started with.
//!
//! As systemd 257 has it: `PassEnvironment=`, over that `Environment=`, over that the files of
//! `EnvironmentFile=` wherever they are named, and `UnsetEnvironment=` last. Drop-ins are applied
//! by name over the unit file. [`Shown`] is the unit as a running manager has loaded it.

use crate::{
    domain::{inert::inert, place::Place, reading::Unreadable},
    formats::{Contents, Environment, Refusal, files::Files},
};

pub use environment::{NO_ASSIGNMENT, REST_IGNORED};
pub use lookup::full_name;
pub use shown::{PROPERTIES, Shown};

mod environment;
mod lookup;
mod shown;
mod specifiers;
mod unit_file;
mod words;

/// Whose units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// Of the system's manager.
    #[default]
    System,
    /// Of a user's own manager.
    User,
}

impl Scope {
    /// The scope of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "system" => Some(Self::System),
            "user" => Some(Self::User),
            _ => None,
        }
    }
}

/// Which unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Its name, `api.service` or `api@eu.service`; a name without a type is a service.
    pub unit: Option<String>,
    /// Whose it is.
    pub scope: Scope,
    /// Its files and drop-ins, in place of the folders that systemd searches.
    pub files: Vec<String>,
}

/// What the formats cannot know of the machine that the unit runs on.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// The user's home folder.
    pub home: Option<String>,
    /// The name of the host.
    pub host: Option<String>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime: Option<String>,
    /// The environment that files are interpolated with; systemd's own reader uses none.
    pub environment: Environment,
}

/// What a unit gives its processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// Its file.
    pub place: Place,
    /// Its variables.
    pub contents: Contents,
    /// More variables come from a place that is not read: the user's manager, a file elsewhere.
    pub elsewhere: bool,
}

/// Why there is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There is no such unit, or its file does not exist.
    Absent,
    /// The unit is masked: it cannot be started.
    Masked {
        /// Its file.
        path: String,
    },
    /// A file that is needed could not be read.
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        why: Unreadable,
    },
    /// systemd would not start it.
    Refused {
        /// The file.
        path: String,
        /// Why and where.
        refusal: Refusal,
    },
}

/// Resolves a unit.
///
/// # Errors
/// No such unit, a masked one, and whatever keeps systemd from starting it: a unit file that it
/// cannot read, an `EnvironmentFile=` that is needed and not there.
pub fn resolve(
    request: &Request,
    machine: &Machine,
    files: &mut dyn Files,
) -> Result<Unit, Failure> {
    let found = lookup::find(request, machine, files)?;
    let mut assignments = Vec::new();
    let mut problems = Vec::new();
    for (index, (path, bytes)) in found.files.iter().enumerate() {
        let parsed = unit_file::parse(path, bytes, &found.name, &mut problems);
        if let Some(refusal) = parsed.refusal {
            // A drop-in that breaks off is used as far as it goes.
            if index == 0 {
                return Err(Failure::Refused { path: path.clone(), refusal });
            }
            let place = Place { path: Some(inert(path)), position: refusal.position };
            problems.push(crate::domain::reading::Problem { place, text: refusal.reason });
        }
        assignments.extend(parsed.assignments);
    }
    let specifiers = specifiers::Specifiers::of(&found.name, request.scope, machine);
    let mut builder =
        environment::Builder::new(specifiers, found.root.as_deref(), machine, problems);
    for assignment in &assignments {
        builder.take(assignment);
    }
    let (contents, mut elsewhere) = builder.finish(files)?;
    // A user's manager hands its own environment on; the system's has next to none.
    elsewhere |= request.scope == Scope::User;
    let place = found
        .files
        .first()
        .map_or(Place { path: None, position: None }, |(path, _)| Place::file(inert(path)));
    Ok(Unit { name: found.name, place, contents, elsewhere })
}

#[cfg(test)]
mod tests;

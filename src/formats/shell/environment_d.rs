//! systemd's `environment.d`: files that give variables to a user's services and session.
//!
//! All files of all folders are one list in the order of their names; a later one wins, and may
//! refer to what earlier ones set. Of two files with one name that of the stronger folder is read
//! and the other is not.

use std::collections::BTreeMap;

use super::{sources::unread, state::tidy};
use crate::{
    domain::{
        inert::inert,
        place::Place,
        reading::{Problem, Yield},
    },
    formats::{
        Contents, Environment,
        dotenv::{self, Dialect},
        files::{Files, Missed, base_name, has_extension, join},
    },
};

/// Where systemd looks, strongest first; `~` is the user's home folder.
const FOLDERS: &[&str] = &[
    "~/.config/environment.d",
    "/etc/environment.d",
    "/run/environment.d",
    "/usr/local/lib/environment.d",
    "/usr/lib/environment.d",
];

/// What a user's manager starts with, and files may refer to.
const GIVEN: &[&str] = &["HOME", "LANG", "LOGNAME", "PATH", "SHELL", "USER", "XDG_RUNTIME_DIR"];

/// What the file or folder gives, and whether a file could not be read. `None` when there is
/// nothing of that name.
pub(super) fn read(
    path: &str,
    home: Option<&str>,
    environment: &Environment,
    files: &mut dyn Files,
) -> Result<(Contents, bool), Missed> {
    let mut elsewhere = false;
    let mut problems = Vec::new();
    let paths = match files.list(path) {
        Ok(_) => by_name(path, home, files, &mut elsewhere, &mut problems),
        // It is no folder.
        Err(_) => vec![path.to_owned()],
    };
    let is_folder = paths != [path];
    let given = environment.iter().filter(|(name, _)| GIVEN.contains(&name.as_str()));
    let mut known: Environment = given.map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut whole = Contents { problems, ..Contents::default() };
    for path in &paths {
        let bytes = match files.read(path) {
            Ok(bytes) => bytes,
            // A link to /dev/null masks a file of that name.
            Err(Missed::Null | Missed::Absent) if is_folder => continue,
            Err(Missed::Unreadable(why)) if is_folder => {
                elsewhere = true;
                whole.problems.push(problem(path, unread(why.kind)));
                continue;
            }
            Err(missed) => return Err(missed),
        };
        match dotenv::parse(Dialect::EnvironmentD, &bytes, &known) {
            Ok(contents) => add(&mut whole, contents, path, &mut known),
            Err(refusal) => {
                let place = Place { path: Some(inert(path)), position: refusal.position };
                whole.problems.push(Problem { place, text: refusal.reason });
            }
        }
    }
    Ok((tidy(whole), elsewhere))
}

/// The files, in the order of their names. A folder that is none of systemd's stands alone.
fn by_name(
    path: &str,
    home: Option<&str>,
    files: &mut dyn Files,
    elsewhere: &mut bool,
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    let own = absolute(path, home);
    let standard = FOLDERS.iter().map(|folder| absolute(folder, home));
    let standard: Vec<String> = standard.collect();
    let folders = if standard.contains(&own) { standard } else { vec![own.clone()] };
    let mut by_name: BTreeMap<String, String> = BTreeMap::new();
    for folder in folders {
        // The layer's own folder is called as the inventory calls it.
        let folder = if folder == own { path.trim_end_matches('/').to_owned() } else { folder };
        let entries = match files.list(&folder) {
            Ok(entries) => entries,
            Err(Missed::Unreadable(why)) => {
                *elsewhere = true;
                problems.push(problem(&folder, unread(why.kind)));
                continue;
            }
            Err(_) => continue,
        };
        for entry in entries {
            let is_file = !entry.is_folder && !entry.name.starts_with('.');
            if is_file && has_extension(&entry.name, "conf") {
                by_name.entry(entry.name.clone()).or_insert_with(|| join(&folder, &entry.name));
            }
        }
    }
    by_name.into_values().collect()
}

fn absolute(path: &str, home: Option<&str>) -> String {
    let path = path.trim_end_matches('/');
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => join(home, rest),
        _ => path.to_owned(),
    }
}

/// A later file wins.
fn add(whole: &mut Contents, contents: Contents, path: &str, known: &mut Environment) {
    for mut occurrence in contents.occurrences {
        occurrence.place.path.get_or_insert_with(|| inert(path));
        if occurrence.wins {
            for earlier in &mut whole.occurrences {
                earlier.wins &= earlier.variable != occurrence.variable;
            }
            if let Yield::Value(value) = &occurrence.yields {
                known.insert(occurrence.variable.clone(), value.clone());
            }
        }
        whole.occurrences.push(occurrence);
    }
    whole.problems.extend(contents.problems.into_iter().map(|mut problem| {
        problem.place.path.get_or_insert_with(|| inert(path));
        problem
    }));
}

fn problem(path: &str, text: &'static str) -> Problem {
    Problem { place: Place::file(inert(path)), text }
}

/// A file or folder of `environment.d`, by its path.
pub(super) fn is_named(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let folder = path.rsplit('/').nth(1).unwrap_or_default();
    base_name(path) == "environment.d" || (folder == "environment.d" && has_extension(path, "conf"))
}

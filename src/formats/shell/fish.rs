//! fish: `config.fish`, the files of `conf.d`, and the universal variables in `fish_variables`.
//!
//! fish reads a file whole before it runs any of it, knows no subshells but command substitutions,
//! and keeps variables as lists in scopes. Measured with fish 3.6.

use super::{
    Failure, Followed,
    sources::{Sources, unread},
    state::{Certainty, Source},
};
use crate::{
    domain::{inert::inert, place::Position},
    formats::{
        Environment, Refusal,
        files::{Entry, Files, Missed, base_name, has_extension, join},
    },
};

mod evaluator;
mod expansion;
mod parser;
mod set;
mod universal;
mod variables;
mod words;

use evaluator::Evaluator;
use variables::Variables;

/// The problem of a file that another one reads, and that fish does not run.
const REFUSED: &str = "a syntax error; fish runs nothing of this file";

/// A position that is filled in at once.
const START: Position = Position { line: 1, column: 1 };

/// The file of the universal variables.
const UNIVERSAL: &str = "fish_variables";

/// What a file or folder gives. A folder is `conf.d`, or the one around it: then the universal
/// variables, the files of `conf.d` by name and `config.fish` are read in this order, as fish does.
pub(super) fn read(
    path: &str,
    environment: &Environment,
    files: &mut dyn Files,
) -> Result<Followed, Failure> {
    let scripts = match files.list(path) {
        Ok(entries) => scripts_of(path, &entries, files),
        Err(_) => vec![path.to_owned()],
    };
    let is_folder = scripts != [path];
    let mut variables = Variables::new(environment);
    let mut sources = Sources::of(path, files);
    for path in &scripts {
        let bytes = match sources.read(path) {
            Ok(bytes) => bytes,
            Err(missed) if !is_folder => return Err(missed.into()),
            Err(Missed::Unreadable(why)) => {
                sources.elsewhere = true;
                variables.problem_of(inert(path), unread(why.kind));
                continue;
            }
            Err(_) => continue,
        };
        variables.turn_to(Source::new(&bytes, is_folder.then(|| inert(path))));
        if base_name(path) == UNIVERSAL {
            universal::load(&bytes, &mut variables);
            continue;
        }
        sources.enter(path);
        let runs = Certainty::Runs;
        let (refused, ran) = Evaluator::new(&mut variables, &mut sources).file(&bytes, runs);
        sources.leave();
        match refused {
            Some(refused) if !is_folder => {
                let position = Some(Position::of_offset(&bytes, refused.at));
                return Err(Failure::Refused(Refusal { position, reason: refused.why }));
            }
            Some(refused) => variables.problem(refused.at, REFUSED),
            None => {}
        }
        if ran.is_err() {
            break;
        }
    }
    let elsewhere = sources.elsewhere;
    Ok(Followed { contents: variables.finish(), elsewhere })
}

/// The files of a folder that fish reads when it starts.
fn scripts_of(folder: &str, entries: &[Entry], files: &mut dyn Files) -> Vec<String> {
    let of = |folder: &str, entries: &[Entry]| {
        let scripts = entries.iter().filter(|entry| !entry.is_folder);
        let scripts = scripts
            .filter(|entry| has_extension(&entry.name, "fish") && !entry.name.starts_with('.'));
        let mut scripts: Vec<String> = scripts.map(|entry| join(folder, &entry.name)).collect();
        scripts.sort();
        scripts
    };
    if base_name(folder.trim_end_matches('/')) == "conf.d" {
        return of(folder, entries);
    }
    let parts = join(folder, "conf.d");
    let parts_of = files.list(&parts).unwrap_or_default();
    let mut scripts = vec![join(folder, UNIVERSAL)];
    scripts.extend(of(&parts, &parts_of));
    scripts.push(join(folder, "config.fish"));
    scripts
}

/// A file or folder of fish, by its path.
pub(super) fn is_named(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    base_name(path) == UNIVERSAL || base_name(path) == "fish" || path.ends_with("fish/conf.d")
}

#[cfg(test)]
mod tests;

//! Unit files of systemd below the folder, with their drop-ins.

use super::{Finder, base_name};
use crate::{
    inventory::LayerSpec,
    survey::{
        environment::{self, Guess},
        ground::{Ground, Look},
        links,
        proposal::Candidate,
    },
};

pub(super) const FINDER: Finder = Finder { wants, find };

fn wants(path: &str) -> bool {
    path.ends_with(".service")
}

fn find(ground: &Ground<'_>) -> Vec<Candidate> {
    ground.files(wants).into_iter().filter_map(|path| unit_file(ground, path)).collect()
}

fn unit_file(ground: &Ground<'_>, path: &str) -> Option<Candidate> {
    let drop_ins = format!("{path}.d");
    let mut files = vec![path.to_owned()];
    if ground.surroundings.file(&drop_ins).is_dir() {
        files.push(drop_ins);
    }
    let kind = LayerSpec::Systemd { unit: None, scope: None, files };
    let guess = environment::of_path(path);
    let name = base_name(path).to_owned();
    candidate(ground, kind, &name, path, guess, "a unit of systemd")
}

/// A unit that systemd itself finds, by its name.
pub(super) fn installed(ground: &Ground<'_>, unit: &str) -> Option<Candidate> {
    ["system", "user"].into_iter().find_map(|scope| {
        let kind = LayerSpec::Systemd {
            unit: Some(unit.to_owned()),
            scope: Some(scope.to_owned()),
            files: Vec::new(),
        };
        if ground.look(&kind).rows.is_empty() {
            return None;
        }
        let because = "the unit of a process that runs";
        candidate(ground, kind, unit, unit, environment::of_file(unit), because)
    })
}

fn candidate(
    ground: &Ground<'_>,
    kind: LayerSpec,
    name: &str,
    place: &str,
    guess: Option<Guess>,
    because: &str,
) -> Option<Candidate> {
    let Look { rows, unreadable, .. } = ground.look(&kind);
    let mentioned = ground.mentioned(place);
    if let Some(why) = &unreadable
        && mentioned.is_empty()
    {
        ground.note(format!("could not be read, so it is not proposed: {why}"));
    }
    let (mut variables, from) = match rows.into_iter().next() {
        Some(row) => (row.variables, links::words(&row.from, name, None)),
        None => Default::default(),
    };
    if unreadable.is_some() {
        variables.extend(mentioned);
    }
    if variables.is_empty() {
        return None;
    }
    let guess = guess.unwrap_or_else(|| Guess::default("production"));
    Some(Candidate {
        variables,
        from,
        remarks: unreadable.into_iter().collect(),
        unit: Some(name.to_owned()),
        ..Candidate::new(kind, name, place, guess, because)
    })
}

//! Unit files of systemd below the folder, with their drop-ins.

use super::{Finder, base_name};
use crate::{
    domain::inert::inert,
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
    let Look { rows, unreadable, elsewhere, .. } = ground.look(&kind);
    let mentioned = ground.mentioned(place);
    let from = rows.first().map(|row| links::words(&row.from, name, None)).unwrap_or_default();
    if rows.is_empty() && (unreadable.is_none() || mentioned.is_empty()) {
        if let Some(why) = &unreadable {
            ground.note(format!("could not be read, so it is not proposed: {why}"));
        } else if elsewhere {
            ground.note(format!(
                "{} names files of the machine it runs on, so it is not known what it holds: make \
                 the inventory there, or add it by hand",
                inert(place)
            ));
        }
        return None;
    }
    let guess = guess.unwrap_or_else(|| Guess::default("production"));
    let mut candidate = Candidate::new(kind, name, place, guess, because).holding(&rows);
    if let Some(why) = unreadable {
        candidate = candidate.mentioning(mentioned);
        candidate.remarks.push(why);
    }
    Some(Candidate { from, unit: Some(name.to_owned()), ..candidate })
}

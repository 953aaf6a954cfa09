//! Configurations of supervisord below the folder.

use std::collections::BTreeMap;

use super::{Finder, base_name, short_name};
use crate::{
    domain::layer::Instance,
    inventory::LayerSpec,
    survey::{
        environment::{self, Guess},
        ground::{Ground, Row},
        proposal::Candidate,
    },
};

pub(super) const FINDER: Finder = Finder { wants, find };

fn wants(path: &str) -> bool {
    matches!(base_name(path), "supervisord.conf" | "supervisor.conf")
}

fn find(ground: &Ground<'_>) -> Vec<Candidate> {
    ground.files(wants).into_iter().flat_map(|path| of_file(ground, path)).collect()
}

/// A layer for each program that is given something: others would be rows in which it is missing.
fn of_file(ground: &Ground<'_>, path: &str) -> Vec<Candidate> {
    let kind = |program: Option<&str>| LayerSpec::Supervisor {
        program: program.map(str::to_owned),
        config: Some(path.to_owned()),
    };
    let look = ground.look(&kind(None));
    if let Some(why) = look.unreadable.filter(|_| look.rows.is_empty()) {
        ground.note(format!("could not be read, so it is not proposed: {why}"));
        return Vec::new();
    }
    let mut programs: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &look.rows {
        if let Some(Instance::Service(program)) = &row.instance {
            programs.entry(program).or_default().push(row);
        }
    }
    let guess = environment::of_path(path).unwrap_or_else(|| Guess::default("production"));
    programs
        .into_iter()
        .map(|(program, rows)| {
            let name = format!("{} {program}", short_name(path));
            let place = format!("{path} {program}");
            let because = "a program of supervisord";
            Candidate::new(kind(Some(program)), name, place, guess.clone(), because).holding(rows)
        })
        .collect()
}

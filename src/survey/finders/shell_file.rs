//! What this user's shells and logins read, and direnv's files below the folder.

use super::{Finder, base_name, short_name};
use crate::{
    inventory::LayerSpec,
    survey::{
        environment::{self, Guess},
        ground::Ground,
        proposal::Candidate,
    },
};

pub(super) const FINDER: Finder = Finder { wants, find };

/// What shells and logins read.
const STARTUP: &[&str] = &[
    "~/.profile",
    "~/.bash_profile",
    "~/.bash_login",
    "~/.bashrc",
    "~/.zshenv",
    "~/.zprofile",
    "~/.zshrc",
    "~/.zlogin",
    "~/.config/fish/config.fish",
    "~/.config/fish/fish_variables",
    "~/.config/environment.d",
    "/etc/environment",
];

fn wants(path: &str) -> bool {
    base_name(path) == ".envrc"
}

fn find(ground: &Ground<'_>) -> Vec<Candidate> {
    let startup = STARTUP.iter().filter_map(|path| candidate(ground, path, (*path).to_owned()));
    let direnv = ground.files(wants);
    let direnv = direnv.iter().filter_map(|path| candidate(ground, path, short_name(path)));
    startup.chain(direnv).collect()
}

fn candidate(ground: &Ground<'_>, path: &str, name: String) -> Option<Candidate> {
    let kind = LayerSpec::ShellFile { path: path.to_owned(), shell: None };
    let look = ground.look(&kind);
    if let Some(why) = look.unreadable {
        ground.note(format!("could not be read, so it is not proposed: {why}"));
    }
    let row = look.rows.into_iter().next()?;
    // What it only reads from another of these files is that one's.
    let others: Vec<&String> = row.from.keys().collect();
    if !others.is_empty() && others.iter().all(|other| STARTUP.contains(&other.as_str())) {
        return None;
    }
    let is_startup = STARTUP.contains(&path);
    let because =
        if is_startup { "a file that shells or logins of this user read" } else { "direnv's file" };
    let guess = if is_startup { None } else { environment::of_path(path) };
    let guess = guess.unwrap_or_else(|| Guess::default("development"));
    let candidate = Candidate::new(kind, name, path, guess, because);
    Some(Candidate { optional: is_startup, ..candidate.holding([&row]) })
}

//! What `stalekey init` proposes: the layers below a folder, of this shell and of running processes.
//!
//! One direction: `walk` lists names, the `finders` say which files could be layers, `ground`
//! has each read by the reader of its kind, and only what holds a variable of the catalogue is
//! proposed, with its reason. `links` names layers and follows what one takes from another;
//! `draft` writes the inventory. Names and places come out of here, values never do: what was read
//! is dropped as soon as it is known which variables it defines.

mod blank;
mod draft;
mod environment;
mod finders;
mod ground;
mod known;
mod links;
mod proposal;
mod universe;
mod walk;

use std::path::{Path, PathBuf};

use crate::{formats::Environment, inventory::Inventory, providers::Catalogue};

pub use draft::{added, whole};
pub use known::vanished;
pub use proposal::Proposal;
pub use universe::NewCredential;

use ground::Ground;
use universe::Universe;

/// Where to look, and at what besides the folder.
#[derive(Debug)]
pub struct Request<'a> {
    /// The folder, and where the inventory will stand.
    pub folder: &'a Path,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// The environment that stalekey was started with.
    pub shell: Environment,
    /// The environments of this user's processes; names only are kept.
    pub running: bool,
    /// Files that are there to be copied: `.env.example` and the like.
    pub templates: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Survey {
    /// In the order of the finders.
    pub proposals: Vec<Proposal>,
    /// Credentials that the inventory does not have yet; those that a proposal names.
    pub credentials: Vec<NewCredential>,
    /// Variables whose names look like those of keys, of no provider; with the file they stand in.
    pub unknown: Vec<(String, String)>,
    /// What was not looked at, and what could not be; sentences, inert.
    pub notes: Vec<String>,
}

impl Survey {
    /// Without the proposals that a person does not want; `wanted` are numbers from 0.
    #[must_use]
    pub fn only(mut self, wanted: &[usize]) -> Self {
        let mut number = 0;
        self.proposals.retain(|_| {
            number += 1;
            wanted.contains(&(number - 1))
        });
        let names: Vec<String> =
            self.proposals.iter().map(|proposal| proposal.layer.name.clone()).collect();
        for proposal in &mut self.proposals {
            proposal.forget_sources_but(&names);
        }
        let is_held = |credential: &NewCredential| {
            self.proposals.iter().any(|proposal| proposal.credentials().contains(&credential.id))
        };
        self.credentials.retain(is_held);
        self
    }
}

/// Looks below a folder. `inventory` is the one that is there already; what it has is not proposed.
pub fn survey(
    request: Request<'_>,
    catalogue: &Catalogue,
    inventory: Option<&Inventory>,
) -> Survey {
    let folder = request.folder;
    let mut notes = Vec::new();
    let tree = walk::walk(folder, &finders::wants, &mut notes);
    let universe = Universe::of(catalogue, inventory);
    let ground = Ground::new(request, tree, &universe);
    let mut candidates = Vec::new();
    for finder in finders::FINDERS {
        candidates.extend((finder.find)(&ground));
    }
    links::add_named_files(&ground, &mut candidates);
    notes.extend(blank::forget(&universe, &mut candidates));
    links::settle_environments(&mut candidates);
    let present = known::present(&ground, inventory, &candidates);
    links::name(&mut candidates, inventory, &present);
    links::link(&mut candidates, &present);
    let proposals: Vec<Proposal> = candidates
        .into_iter()
        .zip(&present)
        .filter(|(_, present)| present.is_none())
        .map(|(candidate, _)| candidate.into_proposal(&universe))
        .collect();
    for note in ground.into_notes() {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    let credentials = universe.new_credentials(&proposals);
    let unknown = finders::unknown_names(folder, &proposals, &universe);
    Survey { proposals, credentials, unknown, notes }
}

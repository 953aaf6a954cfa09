//! The screens before and after a rotation, as far as they have a state.

use crate::{
    domain::{
        command::{Command, RotationWish},
        rotation::{Checklist, Progress, Rotation, Tick, checklist, environments_of, progress},
        snapshot::{Row, RowIdentity},
    },
    tui::{
        message::Effect,
        model::{Model, Overlay},
    },
};

/// A walk through the layers of one credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The credential.
    pub credential: String,
    /// The environment from which it was opened.
    pub environment: String,
    /// Which page; the one behind the last layer sums up.
    pub page: usize,
    /// Lines above the first that is shown.
    pub scroll: usize,
}

/// What a walk goes through now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The open rotation; `None`: none has begun.
    pub rotation: Option<String>,
    /// The environments.
    pub environments: Vec<String>,
    /// The pages.
    pub checklist: Checklist,
}

impl Model {
    /// The pages of a walk, by the present picture.
    pub fn walk(&self, audit: &Audit) -> Walk {
        let open = self.snapshot.rotations.iter().find(|progress| {
            progress.credential == audit.credential
                && progress.environments.contains(&audit.environment)
        });
        let rows = &self.snapshot.rows;
        let rotation = open.map(|open| open.rotation.clone());
        let progress = open.cloned().unwrap_or_else(|| {
            let environments = environments_of(rows, &audit.environment, &audit.credential);
            let imagined = Rotation::imagined(&audit.credential, &environments, self.now);
            progress(&imagined, &[], rows, &[])
        });
        Walk {
            rotation,
            environments: progress.environments.clone(),
            checklist: checklist(&progress, rows, &self.snapshot.findings),
        }
    }

    /// The open rotation that is confirmed: that of the selected row, or the first.
    pub fn confirmed(&self) -> Option<&Progress> {
        let of_row = |row: &Row| {
            self.snapshot.rotations.iter().find(|progress| {
                progress.credential == row.identity.credential
                    && progress.environments.contains(&row.identity.environment)
            })
        };
        self.selected_row()
            .and_then(|(_, row)| of_row(row))
            .or_else(|| self.snapshot.rotations.first())
    }
}

/// The open rotation of a row whose new key nobody has named yet.
pub(super) fn without_new_key(model: &Model, row: &RowIdentity) -> Option<String> {
    model
        .snapshot
        .rotations
        .iter()
        .find(|progress| {
            progress.new_named.is_none()
                && progress.credential == row.credential
                && progress.environments.contains(&row.environment)
        })
        .map(|progress| progress.rotation.clone())
}

/// Opens the walk through the layers of the selected row's credential.
pub(super) fn audit(model: &mut Model) {
    let Some((_, row)) = model.selected_row() else {
        model.say("There is no row; a walk begins at the credential of the selected row");
        return;
    };
    let audit = Audit {
        credential: row.identity.credential.clone(),
        environment: row.identity.environment.clone(),
        page: 0,
        scroll: 0,
    };
    // It goes on where somebody stopped: at the first page that is not ticked.
    let pages = model.walk(&audit).checklist.pages;
    let page = pages.iter().position(|page| !page.tick.done).unwrap_or(pages.len());
    model.overlays.push(Overlay::Audit(Audit { page, ..audit }));
}

/// Opens the confirmation of the rotation of the selected row.
pub(super) fn confirm(model: &mut Model) {
    if model.confirmed().is_none() {
        model.say("No rotation is open; a begins one");
        return;
    }
    model.overlays.push(Overlay::Confirm { scroll: 0 });
}

/// To another page.
pub(super) fn turn(model: &mut Model, by: isize) {
    let Some(Overlay::Audit(audit)) = model.overlays.last() else { return };
    let last = model.walk(audit).checklist.pages.len();
    if let Some(Overlay::Audit(audit)) = model.overlays.last_mut() {
        audit.page = audit.page.saturating_add_signed(by).min(last);
        audit.scroll = 0;
    }
}

/// Ticks the page off, or takes that back, and goes on.
pub(super) fn tick(model: &mut Model) -> Vec<Effect> {
    let Some(Overlay::Audit(audit)) = model.overlays.last().cloned() else { return Vec::new() };
    let walk = model.walk(&audit);
    let Some(page) = walk.checklist.pages.get(audit.page) else { return Vec::new() };
    let tick = Tick { done: !page.tick.done, ..page.tick.clone() };
    let done = tick.done;
    let Some(effect) = record(model, &walk, audit.page, tick) else { return Vec::new() };
    if done {
        turn(model, 1);
    }
    vec![effect]
}

/// Opens the line in which a note is written.
pub(super) fn note(model: &mut Model) {
    let Some(Overlay::Audit(audit)) = model.overlays.last() else { return };
    let walk = model.walk(audit);
    if walk.rotation.is_none() {
        model.say("Begin the rotation first (o): a note belongs to one");
        return;
    }
    if let Some(page) = walk.checklist.pages.get(audit.page) {
        let text = page.tick.note.clone().unwrap_or_default();
        model.overlays.push(Overlay::Note(text.into()));
    }
}

/// Keeps the note.
pub(super) fn keep_note(model: &mut Model) -> Vec<Effect> {
    let Some(Overlay::Note(input)) = model.overlays.pop() else { return Vec::new() };
    let Some(Overlay::Audit(audit)) = model.overlays.last().cloned() else { return Vec::new() };
    let walk = model.walk(&audit);
    let Some(page) = walk.checklist.pages.get(audit.page) else { return Vec::new() };
    let note = Some(input.value().trim().to_owned()).filter(|note| !note.is_empty());
    let tick = Tick { note, ..page.tick.clone() };
    record(model, &walk, audit.page, tick).into_iter().collect()
}

fn record(model: &mut Model, walk: &Walk, page: usize, tick: Tick) -> Option<Effect> {
    let Some(rotation) = walk.rotation.clone() else {
        model.say("Begin the rotation first (o): a tick belongs to one");
        return None;
    };
    let member = walk.checklist.pages.get(page)?.member.clone();
    Some(Effect::Send(Command::Rotation(RotationWish::Tick { rotation, member, tick })))
}

/// Begins the rotation of the walk.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    let Some(Overlay::Audit(audit)) = model.overlays.last().cloned() else { return Vec::new() };
    let walk = model.walk(&audit);
    if let Some(rotation) = walk.rotation {
        model.say(format!("Rotation {rotation} is open already"));
        return Vec::new();
    }
    model.say("The rotation begins: what every layer holds now is recorded");
    vec![Effect::Send(Command::Rotation(RotationWish::Open {
        credential: audit.credential,
        environments: walk.environments,
        new: None,
    }))]
}

/// Records how far the rotation is; when it is rotated, that ends it.
pub(super) fn record_confirmation(model: &mut Model) -> Vec<Effect> {
    let Some(rotation) = model.confirmed().map(|progress| progress.rotation.clone()) else {
        return Vec::new();
    };
    model.say(format!("Recorded; `stalekey confirm -o FILE` writes the evidence of {rotation}"));
    vec![Effect::Send(Command::Rotation(RotationWish::Confirm { rotation }))]
}

//! `stalekey history`: what was recorded, and whether it is as it was written.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use clap::{Args, ValueEnum};

use super::{Exit, Failure, setting, user_salt};
use crate::{
    domain::rotation::{Event, NewKey},
    report::page::Page,
    rotation::{self, History, Record},
};

/// Which history, and what to do with it.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// What to do
    #[arg(value_enum, default_value_t)]
    what: What,
    /// The inventory whose history is meant
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum What {
    /// Every record, oldest first
    #[default]
    List,
    /// Whether the records follow each other
    Verify,
}

pub(super) fn run(options: &Options) -> Result<Exit, Failure> {
    let user = setting::user()?;
    let inventory = setting::inventory_of(options.config.as_ref(), &user)?;
    let path = inventory.and_then(|inventory| inventory.path);
    let (Some(state), Some(inventory)) = (user_salt::state_folder(), path) else {
        return Err(Failure::Message(
            "error: Here is no inventory, so there is no history of one\n\nhint: name one with \
             `--config`"
                .to_owned(),
        ));
    };
    let path = rotation::place(&state, &inventory);
    let history = History::read(&path).map_err(|failed| Failure::Message(failed.to_string()))?;
    let mut page = Page::default();
    let exit = match options.what {
        What::List => list(&history, &mut page),
        What::Verify => verify(&history, &path, &mut page),
    };
    io::stdout().lock().write_all(page.as_str().as_bytes())?;
    Ok(exit)
}

fn list(history: &History, page: &mut Page) -> Exit {
    for record in &history.records {
        page.line(&format!("{:>4}  {}  {}", record.number, seconds(record), record.operator));
        page.indented(6, &what(&record.event));
    }
    if history.records.is_empty() {
        page.paragraph("Nothing was recorded yet. `stalekey audit --start` begins a rotation.");
    }
    match history.damage {
        Some(damage) => {
            page.gap();
            page.paragraph(&format!("damaged: {damage}"));
            Exit::Finding
        }
        None => Exit::Success,
    }
}

fn seconds(record: &Record) -> String {
    let whole = jiff::Timestamp::new(record.at.as_second(), 0).unwrap_or(record.at);
    whole.to_string()
}

fn what(event: &Event) -> String {
    match event {
        Event::Opened(opened) => format!(
            "rotation {} of `{}` in {} began: {} rows, {} old keys{}",
            opened.rotation,
            opened.credential,
            opened.environments.join(", "),
            opened.rows.len(),
            opened.old.len(),
            opened.new.as_ref().map(|new| format!(", to {}", new.text())).unwrap_or_default()
        ),
        Event::NewKey { rotation, new } => {
            format!("rotation {rotation}: the new key is {}", NewKey::text(new))
        }
        Event::Page { rotation, member, tick } => format!(
            "rotation {rotation}: `{}` {}{}",
            member.label(),
            if tick.done { "ticked off" } else { "not ticked off" },
            tick.note.as_ref().map(|note| format!(", note: {note}")).unwrap_or_default()
        ),
        Event::Confirmed { rotation, word, gaps, evidence, .. } => format!(
            "rotation {rotation}: {}{}{}",
            word.text(),
            gaps.first().map(|gap| format!("; {gap}")).unwrap_or_default(),
            evidence.as_ref().map(|it| format!("; evidence {it}")).unwrap_or_default()
        ),
        Event::GivenUp { rotation } => format!("rotation {rotation} was given up"),
        Event::Unknown => "recorded by a newer version of stalekey".to_owned(),
    }
}

/// Says what the chain shows, and what it cannot.
fn verify(history: &History, path: &std::path::Path, page: &mut Page) -> Exit {
    let chain = history.chain();
    page.fact("file", &crate::domain::inert::inert(&path.to_string_lossy()));
    page.fact("records", &chain.records.to_string());
    page.fact("head", &chain.head);
    page.gap();
    if let Some(damage) = chain.damage {
        page.paragraph(&format!("Not whole: {damage}."));
    } else {
        page.paragraph("Whole: every record names the digest of the one before it.");
    }
    page.gap();
    page.paragraph(
        "This shows that no record was changed, left out or put in before the head. It does not \
         show that records at the end were not cut off, or that the whole file was not written \
         anew, by somebody who may write it: keep the head in a ticket, and compare it.",
    );
    match chain.damage {
        Some(rotation::Damage::Unfinished) | None => Exit::Success,
        Some(_) => Exit::Finding,
    }
}

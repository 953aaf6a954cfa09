//! The checklist before a rotation: Markdown to work through, JSON for a tracker.

use std::io::{self, Write};

use serde::Serialize;

use crate::{
    domain::rotation::{Checklist, Page},
    report::evidence::cell,
};

/// Grows when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// Writes the checklists as Markdown, with a box to tick for each layer.
///
/// # Errors
/// Those of the writer.
pub fn markdown(checklists: &[Checklist], out: &mut dyn Write) -> io::Result<()> {
    for checklist in checklists {
        writeln!(
            out,
            "# Rotation of `{}` in {}\n",
            cell(&checklist.credential),
            cell(&checklist.environments.join(", "))
        )?;
        for page in &checklist.pages {
            write_page(page, out)?;
        }
        writeln!(out, "\n## What revoking a key now would break\n")?;
        for blast in &checklist.blast_radius {
            let layers: Vec<String> = blast.layers.iter().map(|it| cell(it)).collect();
            let count = layers.len();
            let word = if count == 1 { "layer" } else { "layers" };
            writeln!(out, "- `{}`: {count} {word}: {}", cell(&blast.key), layers.join(", "))?;
        }
        if checklist.blast_radius.is_empty() {
            writeln!(out, "Nothing: no layer could be read that holds a key.")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_page(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let tick = if page.tick.done { "x" } else { " " };
    writeln!(
        out,
        "- [{tick}] **{}** ({}, {})",
        cell(&page.member.label()),
        page.kind,
        cell(&page.member.environment)
    )?;
    let mut fact = |name: &str, text: &str| writeln!(out, "  - {name}: {}", cell(text));
    fact("where", &page.place)?;
    fact("holds", &page.holds)?;
    fact("owner", page.owner.as_deref().unwrap_or("nobody is named"))?;
    fact("gets the new value", &page.gets)?;
    if let Some(restart) = &page.restart {
        fact("restart", restart)?;
    }
    if !page.dependants.is_empty() {
        fact("others take it from here", &page.dependants.join(", "))?;
    }
    for doubt in &page.doubts {
        fact("doubtful", doubt)?;
    }
    if let Some(note) = &page.tick.note {
        fact("note", note)?;
    }
    Ok(())
}

#[derive(Serialize)]
struct File<'a> {
    schema_version: u32,
    checklists: Vec<ListPart<'a>>,
}

#[derive(Serialize)]
struct ListPart<'a> {
    credential: &'a str,
    environments: &'a [String],
    pages: Vec<PagePart<'a>>,
    blast_radius: Vec<BlastPart<'a>>,
}

#[derive(Serialize)]
struct PagePart<'a> {
    environment: &'a str,
    layer: &'a str,
    host: Option<&'a str>,
    kind: &'a str,
    place: &'a str,
    holds: &'a str,
    owner: Option<&'a str>,
    gets: &'a str,
    restart: Option<&'a str>,
    dependants: &'a [String],
    doubts: &'a [String],
    done: bool,
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct BlastPart<'a> {
    key: &'a str,
    layers: &'a [String],
}

impl<'a> From<&'a Page> for PagePart<'a> {
    fn from(page: &'a Page) -> Self {
        Self {
            environment: &page.member.environment,
            layer: &page.member.layer,
            host: page.member.host.as_deref(),
            kind: page.kind,
            place: &page.place,
            holds: &page.holds,
            owner: page.owner.as_deref(),
            gets: &page.gets,
            restart: page.restart.as_deref(),
            dependants: &page.dependants,
            doubts: &page.doubts,
            done: page.tick.done,
            note: page.tick.note.as_deref(),
        }
    }
}

/// Writes the checklists as one JSON document.
///
/// # Errors
/// Those of the writer.
pub fn json(checklists: &[Checklist], out: &mut dyn Write) -> io::Result<()> {
    let file = File {
        schema_version: SCHEMA_VERSION,
        checklists: checklists
            .iter()
            .map(|list| ListPart {
                credential: &list.credential,
                environments: &list.environments,
                pages: list.pages.iter().map(PagePart::from).collect(),
                blast_radius: list
                    .blast_radius
                    .iter()
                    .map(|blast| BlastPart { key: &blast.key, layers: &blast.layers })
                    .collect(),
            })
            .collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &file)?;
    writeln!(out)
}

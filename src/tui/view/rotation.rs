//! The screens before and after a rotation: the walk through the layers, the confirmation, the matrix.

use ratatui::{
    buffer::Buffer,
    layout::{Rect, Size},
    text::{Line, Span},
    widgets::Widget as _,
};
use tui_input::Input;

use crate::{
    domain::{
        rotation::{MemberState, Page as Layer, Progress, Word, confirm},
        snapshot::Row,
    },
    tui::{
        model::Model,
        rotation::{Audit, Walk},
        text::{age, cell, fit, width},
        view::{
            details::{Page, popup, scrolled},
            layout, parts,
        },
    },
};

/// Draws a page of the walk.
pub fn draw_audit(model: &Model, audit: &Audit, area: Rect, buffer: &mut Buffer) {
    let walk = model.walk(audit);
    let pages = walk.checklist.pages.len();
    let number = audit.page + 1;
    let place = if audit.page < pages {
        format!("layer {number} of {pages}")
    } else {
        "what it comes to".to_owned()
    };
    let title = format!(" audit {dot} {} {dot} {place} ", audit.credential, dot = model.glyphs.dot);
    let inner = popup(model, &title, area.as_size(), buffer);
    let lines = audit_lines(model, audit, &walk, usize::from(inner.width));
    scrolled(model, &lines, audit.scroll, area.as_size(), inner, buffer);
}

/// How many lines of an overlay are hidden at most above its top.
pub fn most_scroll(lines: usize, size: Size) -> usize {
    lines.saturating_sub(usize::from(layout::popup_inner(size).height))
}

/// The lines of a page of the walk.
pub fn audit_lines(model: &Model, audit: &Audit, walk: &Walk, room: usize) -> Vec<Line<'static>> {
    let mut page = Page::new(model, room);
    match walk.checklist.pages.get(audit.page) {
        Some(layer) => layer_page(&mut page, layer),
        None => summary_page(&mut page, walk),
    }
    page.section("Rotation");
    match &walk.rotation {
        Some(rotation) => page.fact("open", &format!("{rotation}: ticks and notes are kept")),
        None => page.fact(
            "not begun",
            "o begins it: what every layer holds now is recorded as the baseline",
        ),
    }
    page.lines
}

fn layer_page(page: &mut Page<'_>, layer: &Layer) {
    page.section("Layer");
    let tick = if layer.tick.done { "ticked off" } else { "to do" };
    let (name, environment) = (layer.member.label(), &layer.member.environment);
    page.fact("name", &format!("{name} ({}, {environment})", layer.kind));
    page.fact("state", tick);
    page.fact("where", &layer.place);
    page.fact("holds", &layer.holds);
    page.fact("owner", layer.owner.as_deref().unwrap_or("nobody is named in the inventory"));
    page.section("How it changes");
    page.fact("new value", &layer.gets);
    if let Some(restart) = &layer.restart {
        page.fact("restart", restart);
    }
    if !layer.dependants.is_empty() {
        page.fact("feeds", &layer.dependants.join(", "));
    }
    if !layer.doubts.is_empty() {
        page.section("Doubtful");
        for doubt in &layer.doubts {
            page.fact("", doubt);
        }
    }
    if let Some(note) = &layer.tick.note {
        page.section("Note");
        page.fact("", note);
    }
}

fn summary_page(page: &mut Page<'_>, walk: &Walk) {
    let list = &walk.checklist;
    page.section("Revoking a key now would break");
    for blast in &list.blast_radius {
        let count = match blast.layers.len() {
            1 => "1 layer".to_owned(),
            many => format!("{many} layers"),
        };
        page.fact(&count, &format!("{}: {}", blast.key, blast.layers.join(", ")));
    }
    if list.blast_radius.is_empty() {
        page.fact("nothing", "no layer could be read that holds a key");
    }
    page.section("In this order");
    for (index, layer) in list.pages.iter().enumerate() {
        let done = if layer.tick.done { "ticked off" } else { "to do" };
        let how = layer.restart.as_deref().unwrap_or(&layer.gets);
        page.fact(&format!("{}.", index + 1), &format!("{} ({done}): {how}", layer.member.label()));
    }
    let doubtful: Vec<String> = list
        .pages
        .iter()
        .filter(|layer| !layer.doubts.is_empty())
        .map(|layer| layer.member.label())
        .collect();
    if !doubtful.is_empty() {
        page.section("Doubtful");
        page.fact("look again", &doubtful.join(", "));
    }
    page.section("Then");
    page.fact(
        "new key",
        "= on a row that holds it names it, or `stalekey audit --new LAST4` before one does",
    );
    page.fact("proof", "c shows how far it is; `stalekey confirm -o FILE` writes the evidence");
}

/// Draws the confirmation.
pub fn draw_confirm(model: &Model, scroll: usize, area: Rect, buffer: &mut Buffer) {
    let Some(progress) = model.confirmed() else { return };
    let dot = model.glyphs.dot;
    let title =
        format!(" confirm {dot} {} {dot} {} ", progress.rotation, progress.environments.join(", "));
    let inner = popup(model, &title, area.as_size(), buffer);
    let lines = confirm_lines(model, progress, usize::from(inner.width));
    scrolled(model, &lines, scroll, area.as_size(), inner, buffer);
}

/// The lines of the confirmation.
pub fn confirm_lines(model: &Model, progress: &Progress, room: usize) -> Vec<Line<'static>> {
    let confirmation = confirm(progress);
    let mut page = Page::new(model, room);
    let style = match confirmation.word {
        Word::Rotated => model.styles.ok,
        Word::NotRotated => model.styles.error,
        Word::NotProven => model.styles.warn,
    };
    page.lines.push(Line::from(Span::styled(confirmation.word.text().to_uppercase(), style)));
    page.section("What has to be so");
    for step in &confirmation.steps {
        let (word, style) = match step.done {
            Some(true) => ("yes", model.styles.ok),
            Some(false) => ("no", model.styles.error),
            None => ("not known", model.styles.warn),
        };
        page.styled(word, &step.text, style);
    }
    page.section("Layers");
    for member in &progress.members {
        let glyph = match member.state {
            MemberState::Moved => model.glyphs.own("✓"),
            MemberState::Old | MemberState::Wrong => model.glyphs.own("✗"),
            MemberState::Unknown => "?".to_owned(),
            MemberState::NotNeeded => "-".to_owned(),
        };
        let since = member
            .since
            .filter(|_| member.state == MemberState::Moved)
            .map(|at| format!(", since {} ago", age(at, model.now)))
            .unwrap_or_default();
        let text = format!(
            "{} {} {}{since}",
            member.before.as_deref().unwrap_or("–"),
            model.glyphs.arrow,
            member.now.as_deref().unwrap_or("–"),
        );
        let name = fit(&member.member.label(), 10, model.glyphs.ellipsis).into_owned();
        page.fact(&format!("{glyph} {name}"), &text);
        if !matches!(member.state, MemberState::Moved | MemberState::NotNeeded) {
            page.fact("", &member.reason);
        }
    }
    if !confirmation.gaps.is_empty() {
        page.section("What is missing");
        for gap in &confirmation.gaps {
            page.fact("", gap);
        }
    }
    page.section("Evidence");
    page.fact("on paper", "`stalekey confirm -o evidence.md`; enter records how far it is");
    page.lines
}

/// Draws the line in which a note is written; returns where the text cursor belongs.
pub fn draw_note(model: &Model, input: &Input, area: Rect, buffer: &mut Buffer) -> (u16, u16) {
    let line = Rect { y: area.bottom().saturating_sub(2), height: 1, ..area };
    let prompt = " note: ";
    let room = usize::from(area.width).saturating_sub(width(prompt) + 1);
    let text = cell(input.value(), room, model.glyphs.ellipsis);
    Line::from(vec![Span::styled(prompt, model.styles.heading), Span::raw(text)])
        .render(line.intersection(buffer.area), buffer);
    let column =
        (width(prompt) + input.visual_cursor()).min(usize::from(area.width).saturating_sub(1));
    (line.x + column as u16, line.y)
}

/// Draws the matrix: layers and environments.
pub fn draw_matrix(model: &Model, scroll: usize, area: Rect, buffer: &mut Buffer) {
    let inner = popup(model, " matrix ", area.as_size(), buffer);
    let lines = matrix_lines(model, usize::from(inner.width));
    scrolled(model, &lines, scroll, area.as_size(), inner, buffer);
}

/// The lines of the matrix: a line for each layer and credential, a column for each environment. Layers
/// whose names differ by their environment alone share a line.
pub fn matrix_lines(model: &Model, room: usize) -> Vec<Line<'static>> {
    let environments = &model.snapshot.environments;
    let count = environments.len().max(1);
    let name_room = (room / 3).clamp(12, 32);
    let each = (room.saturating_sub(name_room) / count).max(8);
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut head = vec![Span::raw(cell("", name_room, ""))];
    head.extend(
        environments.iter().map(|name| {
            Span::styled(cell(name, each, model.glyphs.ellipsis), model.styles.heading)
        }),
    );
    lines.push(Line::from(head));
    let mut order: Vec<(String, String)> = Vec::new();
    for row in &model.snapshot.rows {
        let id = (row.identity.credential.clone(), common_name(row));
        if !order.contains(&id) {
            order.push(id);
        }
    }
    order.sort_by(|left, right| left.0.cmp(&right.0));
    let mut credential = None;
    for (of, name) in &order {
        if credential != Some(of) {
            credential = Some(of);
            lines.push(Line::from(Span::styled(of.clone(), model.styles.heading)));
        }
        let mut spans =
            vec![Span::raw(cell(&format!("  {name}"), name_room, model.glyphs.ellipsis))];
        for environment in environments {
            spans.extend(matrix_cell(model, of, name, environment, each));
        }
        lines.push(Line::from(spans));
    }
    lines
}

fn matrix_cell(
    model: &Model,
    credential: &str,
    name: &str,
    environment: &str,
    room: usize,
) -> Vec<Span<'static>> {
    let rows: Vec<&Row> = model
        .snapshot
        .rows
        .iter()
        .filter(|row| {
            row.identity.credential == credential
                && row.identity.environment == environment
                && common_name(row) == name
        })
        .collect();
    let Some(worst) = rows.iter().min_by_key(|row| crate::domain::query::severity(row)) else {
        return vec![Span::styled(cell(model.glyphs.dot, room, ""), model.styles.dim)];
    };
    let glyph = model.glyphs.verdict(worst.verdict);
    let mut spans = vec![Span::styled(format!("{glyph} "), model.styles.verdict(worst.verdict))];
    let mut used = width(glyph) + 1;
    if let Some(key) = worst.key() {
        spans.push(parts::mark(model, &key.fingerprint));
        used += 2;
        let tail: String =
            key.mask.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
        let text = format!(" {}", model.glyphs.own(&tail));
        used += width(&text);
        spans.push(Span::raw(text));
    }
    spans.push(Span::raw(cell("", room.saturating_sub(used), "")));
    spans
}

/// The name of a layer without that of its environment.
fn common_name(row: &Row) -> String {
    let environment = row.identity.environment.to_lowercase();
    let words: Vec<&str> = row
        .identity
        .layer
        .split([' ', '-', '_', '/'])
        .filter(|word| !word.is_empty() && word.to_lowercase() != environment)
        .collect();
    let name = words.join(" ").replace(&format!(".{environment}"), "");
    if name.is_empty() { row.identity.layer.clone() } else { name }
}

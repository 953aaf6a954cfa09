//! The last line: what can be done here, out of the action table, or the filter being typed.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget as _,
};

use crate::tui::{
    action::{ACTIONS, Action, ActionSpec, Scope},
    model::Model,
    text::{fit, width},
    view::{clip, layout::Regions},
};

/// Draws the footer; returns where the text cursor belongs while a filter is typed.
pub fn draw(model: &Model, regions: &Regions, buffer: &mut Buffer) -> Option<(u16, u16)> {
    if model.scope() == Scope::Filter {
        return Some(filter(model, regions.footer, buffer));
    }
    hints(model, usize::from(regions.footer.width)).render(regions.footer, buffer);
    None
}

/// The word of an action where it is; `None`: not offered there.
fn word(model: &Model, spec: &ActionSpec, scope: Scope) -> Option<&'static str> {
    let footer = spec.footer.filter(|_| model.offers(spec.action))?;
    match (spec.action, scope) {
        (Action::Enter, Scope::Filter | Scope::Note) => Some("keep"),
        (Action::Enter, Scope::Help) => Some("run it"),
        (Action::Enter, Scope::Confirm) => Some("record"),
        (Action::Back, Scope::Filter) => Some("clear"),
        (Action::Back, Scope::Table) => {
            (!model.filter.value().is_empty()).then_some("clear filter")
        }
        (Action::Back, _) => Some("close"),
        (Action::Help, Scope::Help) => None,
        _ => Some(footer),
    }
}

fn hints(model: &Model, room: usize) -> Line<'static> {
    let scope = model.scope();
    let mut hints: Vec<(u8, String, &'static str)> = ACTIONS
        .iter()
        .filter(|spec| spec.scopes.contains(&scope))
        .filter_map(|spec| {
            let word = word(model, spec, scope)?;
            let chord = model.keymap.chord(spec, scope)?;
            Some((spec.priority, chord.to_string(), word))
        })
        .collect();
    let wide = |hints: &[(u8, String, &str)]| -> usize {
        hints.iter().map(|(_, chord, word)| width(chord) + width(word) + 3).sum()
    };
    // The first blank belongs to the margin, the last one to nobody.
    while wide(&hints) > room + 1 && !hints.is_empty() {
        let least = hints
            .iter()
            .enumerate()
            .max_by_key(|(position, (priority, _, _))| (*priority, *position))
            .map_or(0, |(position, _)| position);
        hints.remove(least);
    }
    let mut spans = Vec::new();
    for (position, (_, chord, word)) in hints.into_iter().enumerate() {
        spans.push(Span::raw(if position == 0 { " " } else { "  " }));
        spans.push(Span::styled(chord, model.styles.chord));
        spans.push(Span::styled(format!(" {word}"), model.styles.dim));
    }
    clip(Line::from(spans), room, model.glyphs.ellipsis)
}

fn filter(model: &Model, area: Rect, buffer: &mut Buffer) -> (u16, u16) {
    let room = usize::from(area.width);
    let found = format!("  {} of {}", model.table.shown, model.snapshot.rows.len());
    let note = model.query.filter.notes().first();
    let tail = match note {
        Some(note) => format!("{found}, {note}"),
        None => found,
    };
    let most = room.saturating_sub(2).max(1);
    let scroll = model.filter.visual_scroll(most.saturating_sub(1).max(1));
    let text = skip_columns(model.filter.value(), scroll);
    let text = fit(text, most, "").into_owned();
    let mut spans = vec![Span::styled("/", model.styles.chord), Span::raw(text)];
    let style = if note.is_some() { model.styles.warn } else { model.styles.dim };
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    let tail = fit(&tail, room.saturating_sub(used), model.glyphs.ellipsis).into_owned();
    spans.push(Span::styled(tail, style));
    let mut left = room.saturating_sub(spans.iter().map(|span| width(&span.content)).sum());
    let fields = "   env: layer: kind: key: verdict: code: owner: !not";
    let keys = hints(model, room);
    for extra in [Line::from(Span::styled(fields, model.styles.dim)), keys] {
        // The fields are for those who have typed nothing yet.
        let wanted = extra.spans.len() > 1 || model.filter.value().is_empty();
        if wanted && note.is_none() && extra.width() + 3 <= left {
            left -= extra.width() + 3;
            spans.push(Span::raw("   "));
            spans.extend(extra.spans);
        }
    }
    clip(Line::from(spans), room, model.glyphs.ellipsis).render(area, buffer);
    let column = 1 + model.filter.visual_cursor().saturating_sub(scroll);
    let last = area.right().saturating_sub(1);
    ((area.x + column as u16).min(last), area.y)
}

/// The text after its first `columns` columns.
fn skip_columns(text: &str, columns: usize) -> &str {
    let mut passed = 0;
    let mut rest = text.chars();
    while passed < columns {
        match rest.next() {
            Some(character) => passed += width(character.encode_utf8(&mut [0; 4])),
            None => break,
        }
    }
    rest.as_str()
}

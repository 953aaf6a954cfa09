//! The list of actions: searched by typing, run with enter.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Widget as _,
};
use tui_input::Input;

use crate::{
    domain::verdict::Verdict,
    tui::{
        model::Model,
        text::{cell, fit, width, wrap},
        view::{details::popup, draw_lines},
    },
};

const CHORDS: usize = 14;
/// From here on every sentence of the action table fits on its line.
const WIDE: usize = 108;

/// Draws the list; returns where the text cursor belongs.
pub fn draw(
    model: &Model,
    search: &Input,
    selected: usize,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<(u16, u16)> {
    let inner = popup(model, " help ", area.as_size(), buffer);
    if inner.is_empty() {
        return None;
    }
    let room = usize::from(inner.width);
    let prompt = "search: ";
    let text = fit(search.value(), room.saturating_sub(width(prompt) + 1), "").into_owned();
    let placeholder =
        if text.is_empty() { "type to search; enter runs what is selected" } else { "" };
    let line = Line::from(vec![
        Span::styled(prompt, model.styles.heading),
        Span::raw(text),
        Span::styled(format!(" {placeholder}"), model.styles.dim),
    ]);
    line.render(Rect { height: 1, ..inner }, buffer);
    let column = (width(prompt) + search.visual_cursor()).min(room.saturating_sub(1)) as u16;
    let cursor = Some((inner.x + column, inner.y));

    let mut list =
        Rect { y: inner.y + 2.min(inner.height), height: inner.height.saturating_sub(2), ..inner };
    let entries = model.help_entries(search.value());
    if let Some(spec) = entries.get(selected).filter(|_| room < WIDE && list.height > 6) {
        // Where sentences are cut, the selected one is told in full below.
        list.height -= 4;
        let told: Vec<Line<'_>> = wrap(spec.help, room).into_iter().map(Line::from).collect();
        draw_lines(&told, Rect { y: list.bottom() + 1, height: 3, ..list }, buffer);
    }
    if entries.is_empty() {
        let line = Line::from(Span::styled("No action has these words", model.styles.dim));
        draw_lines(&[line], list, buffer);
        return cursor;
    }
    let height = usize::from(list.height);
    let top = (selected + 1).saturating_sub(height).min(entries.len().saturating_sub(height));
    let shown = entries.iter().enumerate().skip(top);
    for ((position, spec), y) in shown.zip(list.top()..list.bottom()) {
        let area = Rect { y, height: 1, ..list };
        let chords: Vec<String> =
            model.keymap.chords(spec.action).iter().map(ToString::to_string).collect();
        let is_selected = position == selected;
        let marker = if is_selected { "> " } else { "  " };
        let help = fit(spec.help, room.saturating_sub(CHORDS + 4), model.glyphs.ellipsis);
        let line = Line::from(vec![
            Span::raw(marker),
            Span::styled(
                cell(&chords.join(" "), CHORDS, model.glyphs.ellipsis),
                model.styles.chord,
            ),
            Span::raw("  "),
            Span::raw(help.into_owned()),
        ]);
        line.render(area, buffer);
        if is_selected {
            buffer.set_style(area, Style::reset());
            buffer.set_style(area, model.styles.selected);
        }
    }
    let legend = legend(model, room);
    let free = height.saturating_sub(entries.len() + 1);
    if search.value().is_empty() && free >= legend.len() {
        let top = list.bottom().saturating_sub(legend.len() as u16);
        draw_lines(&legend, Rect { y: top, height: legend.len() as u16, ..list }, buffer);
    }
    cursor
}

/// What the verdicts mean, where there is room for it.
fn legend(model: &Model, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(Span::styled("verdicts", model.styles.heading))];
    for verdict in Verdict::ALL.into_iter().rev() {
        let name = format!("  {} {:<12}  ", model.glyphs.verdict(verdict), verdict.name());
        let left = room.saturating_sub(width(&name));
        lines.push(Line::from(vec![
            Span::styled(name, model.styles.verdict(verdict)),
            Span::raw(fit(meaning(verdict), left, model.glyphs.ellipsis).into_owned()),
        ]));
    }
    lines
}

const fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Current => "holds the expected key, and the provider accepts it or was not asked",
        Verdict::Unproven => "cannot be decided from here; this is not a green light",
        Verdict::Mismatch => "holds another key than expected, not known to be old",
        Verdict::Rejected => "holds the expected key, and the provider refuses it",
        Verdict::Stale => "holds the old key",
        Verdict::Malformed => {
            "the value is damaged: quotes, blanks, invisible characters, a placeholder"
        }
        Verdict::Missing => "should define the key and does not",
        Verdict::Unreadable => "could not be read, so it is not known what it holds",
    }
}

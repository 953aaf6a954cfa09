//! The model on screen. Reads the model, draws, and keeps nothing.
//!
//! ```text
//! header   program, environments                     counts, progress, age
//! notice   what a person should know of this run (only when there is something)
//! tour     the next step of the demo (only in the demo)
//! ┌ layers ───────────────────────────────────────────────────────────────┐
//! │ columns                                                               │
//! │ rows                                                                  │
//! ├ why: the selected row ────────────────────────────────────────────────┤
//! │ why                                                                   │
//! └───────────────────────────────────────────────────────────────────────┘
//! footer   what can be done here, or the filter being typed
//! ```

pub mod details;
pub mod footer;
pub mod header;
pub mod help;
pub mod layout;
pub mod parts;
pub mod rotation;
pub mod rows;
pub mod why;

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Widget as _,
};

use crate::tui::{
    action::{Action, Scope},
    model::{Model, Overlay},
    text::{cell, fit, width},
};

/// Draws the model.
pub fn view(model: &Model, frame: &mut Frame) {
    let area = frame.area();
    let cursor = draw(model, area, frame.buffer_mut());
    if model.glyphs.is_ascii() {
        to_ascii(frame.buffer_mut());
    }
    if let Some(position) = cursor {
        frame.set_cursor_position(position);
    }
}

fn draw(model: &Model, area: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
    // The frame may have another size than the last message said: it is the one that is true.
    let regions = layout::Regions::fitting(area, model);
    let Some(regions) = regions else {
        too_small(model, area, buffer);
        return None;
    };
    header::draw(model, &regions, buffer);
    frame_lines(model, &regions, buffer);
    rows::draw(model, &regions, buffer);
    if let Some(inner) = regions.why {
        let lines = match model.selected_row() {
            Some((index, row)) => {
                why::lines(model, index, row, usize::from(inner.width), usize::from(inner.height))
            }
            None => Vec::new(),
        };
        draw_lines(&lines, inner, buffer);
    }
    let mut cursor = None;
    for overlay in &model.overlays {
        match overlay {
            Overlay::Filter => {}
            Overlay::Audit(audit) => rotation::draw_audit(model, audit, area, buffer),
            Overlay::Confirm { scroll } => rotation::draw_confirm(model, *scroll, area, buffer),
            Overlay::Matrix { scroll } => rotation::draw_matrix(model, *scroll, area, buffer),
            Overlay::Note(input) => {
                cursor = Some(rotation::draw_note(model, input, area, buffer));
            }
            Overlay::Details { scroll } => details::draw(model, *scroll, area, buffer),
            Overlay::Help { search, selected } => {
                cursor = help::draw(model, search, *selected, area, buffer);
            }
        }
    }
    toast(model, &regions, buffer);
    let filter_cursor = footer::draw(model, &regions, buffer);
    if model.scope() == Scope::Filter { filter_cursor } else { cursor }
}

/// Border, the title of the table and the title of the why pane.
fn frame_lines(model: &Model, regions: &layout::Regions, buffer: &mut Buffer) {
    let border = model.styles.border;
    let set = &model.glyphs.border;
    let frame = regions.frame;
    let ends = |left: &'static str, right: &'static str| {
        if regions.sides { (left, right) } else { (set.horizontal_top, set.horizontal_top) }
    };
    let (left, right) = ends(set.top_left, set.top_right);
    rule(
        model,
        Rect { height: 1, ..frame },
        (left, right),
        table_title(model, frame.width),
        buffer,
    );
    if let Some(separator) = regions.separator {
        let title = match model.selected_row() {
            Some((_, row)) => vec![
                Span::styled("why ", model.styles.heading),
                Span::styled(
                    format!(
                        "{} {dot} {} {dot} {} ",
                        row.label(),
                        row.identity.environment,
                        row.identity.credential,
                        dot = model.glyphs.dot
                    ),
                    model.styles.dim,
                ),
            ],
            None => vec![Span::styled("why ", model.styles.heading)],
        };
        rule(model, separator, ends(model.glyphs.tees.0, model.glyphs.tees.1), title, buffer);
    }
    let (left, right) = ends(set.bottom_left, set.bottom_right);
    let bottom = Rect { y: frame.bottom().saturating_sub(1), height: 1, ..frame };
    rule(model, bottom, (left, right), Vec::new(), buffer);
    if regions.sides {
        for y in frame.top() + 1..frame.bottom().saturating_sub(1) {
            if regions.separator.is_some_and(|separator| separator.y == y) {
                continue;
            }
            put(buffer, frame.left(), y, set.vertical_left, border);
            put(buffer, frame.right().saturating_sub(1), y, set.vertical_right, border);
        }
    }
}

fn table_title(model: &Model, columns: u16) -> Vec<Span<'static>> {
    use crate::tui::table::Grouping;
    let dot = model.glyphs.dot;
    let mut title = vec![Span::styled("layers ", model.styles.heading)];
    let mut state = String::new();
    if model.grouping != Grouping::Environment {
        state.push_str(&format!("{dot} {} ", model.grouping.name()));
    }
    if model.query.sort != crate::domain::query::SortKey::Inventory || model.query.reversed {
        let order = if model.query.reversed { model.glyphs.order.1 } else { model.glyphs.order.0 };
        state.push_str(&format!("{dot} {} {order} ", model.query.sort.name()));
    }
    title.push(Span::styled(state, model.styles.dim));
    if !model.filter.value().is_empty() {
        let room = usize::from(columns).saturating_sub(40).max(8);
        let text = fit(model.filter.value(), room, model.glyphs.ellipsis).into_owned();
        title.push(Span::styled(
            format!("{dot} /{text}: {} of {} ", model.table.shown, model.snapshot.rows.len()),
            model.styles.chord,
        ));
    }
    title
}

/// A horizontal line with a title in it.
fn rule(
    model: &Model,
    area: Rect,
    (left, right): (&str, &str),
    title: Vec<Span<'static>>,
    buffer: &mut Buffer,
) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    for x in area.left()..area.right() {
        put(buffer, x, area.y, model.glyphs.border.horizontal_top, model.styles.border);
    }
    put(buffer, area.left(), area.y, left, model.styles.border);
    put(buffer, area.right() - 1, area.y, right, model.styles.border);
    let room = usize::from(area.width).saturating_sub(4);
    if !title.is_empty() && room > 0 {
        let mut spans = vec![Span::raw(" ")];
        spans.extend(title);
        let line = clip(Line::from(spans), room, model.glyphs.ellipsis);
        write_over(&line, area.x + 1, area.y, buffer);
    }
}

fn put(buffer: &mut Buffer, x: u16, y: u16, symbol: &str, style: Style) {
    if let Some(cell) = buffer.cell_mut((x, y)) {
        cell.set_symbol(symbol).set_style(style);
    }
}

/// Draws a line over a border, whose own style must not shine through.
fn write_over(line: &Line<'_>, x: u16, y: u16, buffer: &mut Buffer) {
    let area = Rect { x, y, width: line.width() as u16, height: 1 }.intersection(buffer.area);
    buffer.set_style(area, Style::reset());
    line.render(area, buffer);
}

/// Draws lines from the top of an area; what does not fit is not drawn.
fn draw_lines(lines: &[Line<'_>], area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
        line.render(Rect { y, height: 1, ..area }, buffer);
    }
}

/// A line cut at a width, with an ellipsis where something is missing.
fn clip<'a>(line: Line<'a>, room: usize, ellipsis: &str) -> Line<'a> {
    if line.width() <= room {
        return line;
    }
    let mut left = room;
    let mut spans = Vec::new();
    for span in line.spans {
        let wide = width(&span.content);
        if wide < left || (wide == left && spans.is_empty()) {
            left -= wide;
            spans.push(span);
            continue;
        }
        let mut cut = fit(&format!("{}  ", span.content), left, ellipsis).into_owned();
        if wide == left {
            cut = fit(&span.content, left.saturating_sub(width(ellipsis)), ellipsis).into_owned();
            cut.push_str(ellipsis);
            cut = fit(&cut, left, ellipsis).into_owned();
        }
        spans.push(Span::styled(cut, span.style));
        break;
    }
    Line::from(spans)
}

/// One line above the footer.
fn toast(model: &Model, regions: &layout::Regions, buffer: &mut Buffer) {
    let Some(toast) = &model.toast else { return };
    let area = Rect { y: regions.footer.y.saturating_sub(1), height: 1, ..regions.footer }
        .intersection(buffer.area);
    let style = if toast.is_error { model.styles.error } else { model.styles.heading };
    let mark = if toast.is_error { "! " } else { "" };
    let text = format!(" {mark}{} ", model.glyphs.own(&toast.text));
    let text = fit(&text, usize::from(area.width).saturating_sub(2), model.glyphs.ellipsis);
    let line = Line::from(Span::styled(text.into_owned(), style));
    write_over(&line, area.x + 1.min(area.width), area.y, buffer);
}

/// Below this there is no table, only what is needed to get out.
fn too_small(model: &Model, area: Rect, buffer: &mut Buffer) {
    let quit = model
        .keymap
        .chord(Action::Quit.spec(), Scope::Table)
        .map_or_else(|| "ctrl-c".to_owned(), |chord| chord.to_string());
    let wanted = format!("{}x{}", layout::LEAST.width, layout::LEAST.height);
    let lines = [
        "stalekey".to_owned(),
        parts::problems_in_words(model),
        format!("needs {wanted}, has {}x{}", area.width, area.height),
        format!("{quit} quits"),
    ];
    let lines: Vec<Line<'_>> = lines
        .iter()
        .map(|line| Line::from(cell(line, usize::from(area.width), model.glyphs.ellipsis)))
        .collect();
    draw_lines(&lines, area, buffer);
}

/// The last word on ASCII: whatever text got here, nothing else is drawn.
fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let replacement = match cell.symbol() {
                "…" => ".",
                "→" => ">",
                "·" | "–" | "—" => "-",
                "✓" => "+",
                "✗" => "x",
                "‘" | "’" => "'",
                "“" | "”" => "\"",
                _ => "?",
            };
            cell.set_symbol(replacement);
        }
    }
}

//! The table: only the rows on screen are built.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget as _,
};

use crate::{
    domain::{snapshot::Row, verdict::Verdict},
    tui::{
        model::Model,
        table::{Grouping, TableLine, Widths, absent, http, verdict},
        text::{age, cell, count, fit, width},
        view::{clip, draw_lines, layout::Regions, parts},
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Environment,
    Credential,
    Layer,
    Kind,
    Key,
    Fingerprint,
    Http,
    Since,
    Verdict,
}

impl Column {
    const fn title(self) -> &'static str {
        match self {
            Self::Environment => "ENV",
            Self::Credential => "CREDENTIAL",
            Self::Layer => "LAYER",
            Self::Kind => "KIND",
            Self::Key => "KEY",
            Self::Fingerprint => "FINGERPRINT",
            Self::Http => "HTTP",
            Self::Since => "SINCE",
            Self::Verdict => "VERDICT",
        }
    }
}

const SINCE: usize = 5;
const MARK: usize = 2;
const WIDEST_LAYER: usize = 34;

/// The columns that fit, with their widths.
fn columns(widths: &Widths, grouping: Grouping, ascii: bool, room: usize) -> Vec<(Column, usize)> {
    use Column::{
        Credential, Environment, Fingerprint, Http, Key, Kind, Layer, Since, Verdict as Judged,
    };
    let titled = |column: Column, wide: usize| (column, wide.max(width(column.title())));
    let mut columns = vec![
        titled(Environment, widths.environment.min(14)),
        titled(Credential, widths.credential.min(14)),
        titled(Layer, widths.layer.min(WIDEST_LAYER)),
        titled(Kind, widths.kind),
        // The ellipsis of a mask is three columns wide in ASCII.
        titled(Key, widths.key + if ascii { 2 } else { 0 }),
        titled(Fingerprint, widths.fingerprint),
        titled(Http, widths.http),
        titled(Since, SINCE),
        titled(Judged, widths.verdict),
    ];
    if grouping == Grouping::Environment {
        columns.retain(|(column, _)| !matches!(column, Environment | Credential));
    } else if widths.credential == 0 {
        columns.retain(|(column, _)| *column != Credential);
    }
    if grouping == Grouping::Key {
        // The heading says it.
        columns.retain(|(column, _)| *column != Fingerprint);
    }
    let set = |columns: &mut Vec<(Column, usize)>, which: Column, most: usize| {
        for (column, wide) in columns {
            if *column == which {
                *wide = (*wide).min(most);
            }
        }
    };
    // What is given up first comes first; the verdict is never given up.
    let steps: [(Column, usize); 13] = [
        (Fingerprint, MARK),
        (Layer, 22),
        (Kind, 0),
        (Layer, 18),
        (Since, 0),
        (Credential, 0),
        (Environment, 8),
        (Key, 0),
        (Environment, 4),
        (Layer, 12),
        (Http, 0),
        (Environment, 0),
        (Fingerprint, 0),
    ];
    for (column, most) in steps {
        if total(&columns) <= room {
            break;
        }
        set(&mut columns, column, most);
        columns.retain(|(_, wide)| *wide > 0);
    }
    let over = total(&columns).saturating_sub(room);
    for (column, wide) in &mut columns {
        if *column == Layer {
            *wide = wide.saturating_sub(over).max(1);
        }
    }
    columns
}

fn total(columns: &[(Column, usize)]) -> usize {
    columns.iter().map(|(_, wide)| wide + 2).sum::<usize>().saturating_sub(2)
}

/// Draws names of columns and rows, or says why there are none.
pub fn draw(model: &Model, regions: &Regions, buffer: &mut Buffer) {
    if model.table.lines.is_empty() {
        draw_lines(&empty(model, usize::from(regions.rows.width)), regions.rows, buffer);
        return;
    }
    let wide = usize::from(regions.rows.width);
    let indent = if model.grouping == Grouping::Flat { 2 } else { 4 };
    let columns = columns(
        &model.table.widths,
        model.grouping,
        model.glyphs.is_ascii(),
        wide.saturating_sub(indent + 1),
    );
    let mut titles = " ".repeat(indent);
    for (column, column_width) in &columns {
        let title = if *column == Column::Fingerprint && *column_width == MARK {
            ""
        } else {
            column.title()
        };
        titles.push_str(&cell(title, *column_width, ""));
        titles.push_str("  ");
    }
    Line::styled(titles, model.styles.dim).render(regions.columns, buffer);
    let lines = model.table.lines.iter().enumerate().skip(model.top);
    for ((number, line), y) in lines.zip(regions.rows.top()..regions.rows.bottom()) {
        let area = Rect { y, height: 1, ..regions.rows };
        match line {
            TableLine::Heading(group) => heading(model, *group, wide).render(area, buffer),
            TableLine::Row(index) => {
                let Some(row) = model.snapshot.rows.get(*index) else { continue };
                let selected = model.cursor == Some(number);
                row_line(model, row, &columns, indent, wide, selected).render(area, buffer);
                if selected {
                    // One look for the whole line: patches of colour, reversed, are hard to read.
                    buffer.set_style(area, ratatui::style::Style::reset());
                    buffer.set_style(area, model.styles.selected);
                }
            }
        }
    }
}

fn row_line(
    model: &Model,
    row: &Row,
    columns: &[(Column, usize)],
    indent: usize,
    room: usize,
    selected: bool,
) -> Line<'static> {
    let ellipsis = model.glyphs.ellipsis;
    let marker = if selected { ">" } else { " " };
    let mut spans = vec![Span::raw(cell(marker, indent, ""))];
    for (position, (column, wide)) in columns.iter().enumerate() {
        if position > 0 {
            spans.push(Span::raw("  "));
        }
        let text = |text: &str| Span::raw(cell(text, *wide, ellipsis));
        match column {
            Column::Environment => spans.push(text(&row.identity.environment)),
            Column::Credential => spans.push(text(&row.identity.credential)),
            Column::Layer => spans.push(Span::raw(label(row, *wide, ellipsis))),
            Column::Kind => {
                spans.push(Span::styled(cell(row.kind.name(), *wide, ellipsis), model.styles.dim));
            }
            Column::Key => spans.push(match row.key() {
                Some(key) => text(&model.glyphs.own(&key.mask)),
                None => Span::styled(cell(absent(row), *wide, ellipsis), model.styles.dim),
            }),
            Column::Fingerprint => spans.extend(fingerprint(model, row, *wide)),
            Column::Http => {
                let style = match row.probe.status {
                    _ if row.probe.outcome.accepted() => model.styles.ok,
                    _ if row.probe.outcome.refused() => model.styles.error,
                    Some(_) => model.styles.unknown,
                    None => model.styles.dim,
                };
                let text = model.glyphs.own(&http(row));
                spans.push(Span::styled(cell(&text, *wide, ellipsis), style));
            }
            Column::Since => {
                let age = row.since().map(|since| age(since, model.now)).unwrap_or_default();
                spans.push(Span::styled(cell(&age, *wide, ellipsis), model.styles.dim));
            }
            Column::Verdict => spans.push(Span::styled(
                cell(
                    &format!("{} {}", model.glyphs.verdict(row.verdict), verdict(row)),
                    *wide,
                    ellipsis,
                ),
                model.styles.verdict(row.verdict),
            )),
        }
    }
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    let left = room.saturating_sub(used + 3);
    if left >= 12
        && let Some(hint) = hint(model, row)
    {
        let hint = fit(&hint, left, ellipsis).into_owned();
        spans.push(Span::styled(format!("  {hint}"), model.styles.dim));
    }
    Line::from(spans)
}

/// The name of a layer; when it is cut, what tells its rows apart is kept.
fn label(row: &Row, wide: usize, ellipsis: &str) -> String {
    let label = row.label();
    let name = &row.identity.layer;
    let suffix = label.strip_prefix(name.as_str()).unwrap_or_default();
    if width(&label) <= wide || suffix.is_empty() || width(suffix) + 6 > wide {
        return cell(&label, wide, ellipsis);
    }
    let name = fit(name, wide - width(suffix), ellipsis);
    cell(&format!("{name}{suffix}"), wide, ellipsis)
}

fn fingerprint(model: &Model, row: &Row, wide: usize) -> Vec<Span<'static>> {
    let Some(key) = row.key() else {
        return vec![Span::raw(" ".repeat(wide))];
    };
    let mark = parts::mark(model, &key.fingerprint);
    let style = mark.style;
    let mut spans = vec![mark];
    if wide > MARK {
        let text = format!(" {}", model.glyphs.own(&key.shown));
        spans.push(Span::styled(cell(&text, wide - MARK, model.glyphs.ellipsis), style));
    }
    spans
}

/// What to do, or why, in a few words behind the verdict.
fn hint(model: &Model, row: &Row) -> Option<String> {
    let finding = parts::findings(&model.snapshot, row).next();
    match finding {
        Some(finding) => {
            let text = finding.fixes.first().map_or(finding.message.as_str(), |fix| &fix.text);
            Some(model.glyphs.own(&format!("{} {text}", finding.code)))
        }
        None if row.verdict == Verdict::Current => row
            .probe
            .reason
            .filter(|_| row.probe.status.is_none() && !model.snapshot.offline)
            .map(|reason| reason.text().to_owned()),
        None => Some(model.glyphs.own(&row.reason)),
    }
}

fn heading(model: &Model, group: usize, room: usize) -> Line<'static> {
    let Some(group) = model.table.groups.get(group) else { return Line::default() };
    let rows = || group.rows.iter().filter_map(|index| model.snapshot.rows.get(*index));
    let Some(first) = rows().next() else { return Line::default() };
    let dot = model.glyphs.dot;
    let mut spans = vec![Span::raw("  ")];
    if model.grouping == Grouping::Key {
        match first.key() {
            Some(key) => {
                spans.extend(parts::key(model, key));
                for span in &mut spans {
                    span.style = span.style.patch(model.styles.heading);
                }
            }
            None => spans.push(Span::styled("no key known", model.styles.heading)),
        }
        spans
            .push(Span::styled(format!("   {}", count(group.rows.len(), "row")), model.styles.dim));
    } else {
        spans.push(Span::styled(
            format!("{} {dot} {}", first.identity.environment, first.identity.credential),
            model.styles.heading,
        ));
    }
    let problems = parts::problems(rows().map(|row| row.verdict));
    if !model.query.filter.is_empty() {
        // A filter may hide what is wrong: nothing is said of the whole group.
        if model.grouping == Grouping::Environment {
            let shown = count(group.rows.len(), "row");
            spans.push(Span::styled(format!("   {shown} shown"), model.styles.dim));
        }
    } else if problems.is_empty() {
        spans.push(Span::styled("   all current", model.styles.ok));
    }
    for (verdict, count) in problems {
        spans.push(Span::styled(format!("   {count} {verdict}"), model.styles.verdict(verdict)));
    }
    if model.grouping == Grouping::Environment {
        match parts::expected(model, first) {
            Some(expected) => {
                spans.push(Span::styled("   should hold ", model.styles.dim));
                spans.extend(expected);
            }
            None if model.snapshot.progress.running => {}
            None => spans.push(Span::styled(
                "   which key is right is undecided: mark one with =",
                model.styles.dim,
            )),
        }
    }
    clip(Line::from(spans), room, model.glyphs.ellipsis)
}

/// What a first start says.
fn welcome(model: &Model, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    for (number, text) in model.welcome.iter().enumerate() {
        let style = if number == 0 { model.styles.heading } else { model.styles.text };
        if text.is_empty() {
            lines.push(Line::default());
        }
        for line in crate::tui::text::wrap(&model.glyphs.own(text), room.saturating_sub(4)) {
            lines.push(Line::from(Span::styled(format!("  {line}"), style)));
        }
    }
    lines
}

/// What stands where rows would be.
fn empty(model: &Model, room: usize) -> Vec<Line<'static>> {
    if !model.welcome.is_empty() {
        return welcome(model, room);
    }
    let snapshot = &model.snapshot;
    let (head, next) = if !snapshot.rows.is_empty() {
        let note = model.query.filter.notes().first();
        let text =
            format!("No row matches the filter; {} hidden.", count(snapshot.rows.len(), "row"));
        (text, note.cloned().unwrap_or_else(|| "esc clears it".into()))
    } else if model.engine_stopped {
        ("The engine stopped before it read anything.".into(), "Leave and start again".into())
    } else if snapshot.progress.running || snapshot.revision == 0 {
        ("reading layers…".into(), String::new())
    } else {
        (
            "The inventory has no layer for any of its credentials.".into(),
            "Add a [[layers]] table to it; it is read again when it changes".into(),
        )
    };
    let mut lines = vec![Line::default()];
    for (text, style) in [(head, model.styles.heading), (next, model.styles.dim)] {
        for line in crate::tui::text::wrap(&model.glyphs.own(&text), room.saturating_sub(4)) {
            lines.push(Line::from(Span::styled(format!("  {line}"), style)));
        }
    }
    lines
}

//! Pieces of text that more than one region draws.

use ratatui::text::{Line, Span};

use crate::{
    domain::{
        chain::Chain,
        diagnosis::Finding,
        fingerprint::Fingerprint,
        key::Key,
        snapshot::{Row, Snapshot},
        verdict::Verdict,
    },
    tui::{
        model::Model,
        text::{count, fit, width},
    },
};

/// The findings about a row, the most severe first.
pub fn findings<'a>(snapshot: &'a Snapshot, row: &'a Row) -> impl Iterator<Item = &'a Finding> {
    row.findings.iter().filter_map(|index| snapshot.findings.get(*index))
}

/// The one command to copy for a row: of its findings, or what the inventory says makes a broken
/// layer take a new value.
pub fn fix_command(snapshot: &Snapshot, row: &Row) -> Option<String> {
    findings(snapshot, row)
        .flat_map(|finding| &finding.fixes)
        .find_map(|fix| fix.command.clone())
        .or_else(|| row.restart.clone().filter(|_| row.verdict.is_error()))
}

/// The two glyphs of a key in its colour.
pub fn mark(model: &Model, fingerprint: &Fingerprint) -> Span<'static> {
    match model.marks.of(fingerprint) {
        Some(mark) => Span::styled(model.glyphs.mark(mark.glyphs), model.styles.key(mark.colour)),
        None => Span::raw("  "),
    }
}

/// A key as people compare it: its glyphs, mask and fingerprint.
pub fn key(model: &Model, key: &Key) -> Vec<Span<'static>> {
    vec![
        mark(model, &key.fingerprint),
        Span::raw(format!(" {} {}", model.glyphs.own(&key.mask), model.glyphs.own(&key.shown))),
    ]
}

/// Which key a row should hold, and who says so; `None` while that is undecided.
pub fn expected(model: &Model, row: &Row) -> Option<Vec<Span<'static>>> {
    let expected = row.expected.as_ref()?;
    let mut spans = Vec::new();
    if let Some(fingerprint) = &expected.fingerprint {
        spans.push(mark(model, fingerprint));
        spans.push(Span::raw(" "));
    }
    spans.push(Span::raw(model.glyphs.own(&expected.label)));
    spans.push(Span::styled(format!(": {}", expected.by.text()), model.styles.dim));
    Some(spans)
}

/// The chain to show for a row: one that breaks, rather than one that holds; one that ends in this
/// row, rather than one that goes on.
pub fn chain(snapshot: &Snapshot, row: usize) -> Option<&Chain> {
    snapshot
        .chains
        .iter()
        .filter(|chain| chain.rows.len() > 1 && chain.rows.contains(&row))
        .min_by_key(|chain| (chain.break_at.is_none(), chain.rows.last() != Some(&row)))
}

/// `vault ✓ → .env ✓ → api-1 ✗`, cut so that the break and this row stay visible.
pub fn chain_line(model: &Model, chain: &Chain, this: usize, room: usize) -> Line<'static> {
    let rows = &model.snapshot.rows;
    let links: Vec<(usize, String, &Row)> = chain
        .rows
        .iter()
        .filter_map(|index| {
            let row = rows.get(*index)?;
            let name = fit(row.link_name(), 24, model.glyphs.ellipsis).into_owned();
            Some((*index, format!("{name} {}", model.glyphs.verdict(row.verdict)), row))
        })
        .collect();
    let arrow = format!(" {} ", model.glyphs.arrow);
    let cut = format!("{}{arrow}", model.glyphs.ellipsis);
    let (mut first, mut last) = (0, links.len());
    let wide = |first: usize, last: usize| {
        let texts: usize = links[first..last].iter().map(|(_, text, _)| width(text)).sum();
        let arrows = last.saturating_sub(first + 1) * width(&arrow);
        let cuts = usize::from(first > 0) + usize::from(last < links.len());
        texts + arrows + cuts * width(&cut)
    };
    let needed = |position: usize| {
        links
            .get(position)
            .is_some_and(|(index, _, _)| Some(*index) == chain.break_at || *index == this)
    };
    while wide(first, last) > room && first < last && !needed(first) {
        first += 1;
    }
    while wide(first, last) > room && first < last && !needed(last - 1) {
        last -= 1;
    }
    let mut spans = Vec::new();
    if first > 0 {
        spans.push(Span::styled(cut.clone(), model.styles.dim));
    }
    for (position, (index, text, row)) in links[first..last].iter().enumerate() {
        if position > 0 {
            let breaks = Some(*index) == chain.break_at;
            let style = if breaks { model.styles.error } else { model.styles.dim };
            spans.push(Span::styled(arrow.clone(), style));
        }
        let mut style = model.styles.verdict(row.verdict);
        if *index == this {
            style = style.add_modifier(ratatui::style::Modifier::UNDERLINED);
        }
        spans.push(Span::styled(text.clone(), style));
    }
    if last < links.len() {
        spans.push(Span::styled(format!("{arrow}{}", model.glyphs.ellipsis), model.styles.dim));
    }
    super::clip(Line::from(spans), room, model.glyphs.ellipsis)
}

/// What is told first: the question is who still holds the old key.
const URGENCY: [Verdict; 7] = [
    Verdict::Stale,
    Verdict::Rejected,
    Verdict::Mismatch,
    Verdict::Malformed,
    Verdict::Missing,
    Verdict::Unreadable,
    Verdict::Unproven,
];

/// How many rows have each verdict that is not `current`, the most urgent first.
pub fn problems(rows: impl Iterator<Item = Verdict>) -> Vec<(Verdict, usize)> {
    let mut counts = [0_usize; URGENCY.len()];
    for verdict in rows {
        if let Some(at) = URGENCY.iter().position(|known| *known == verdict) {
            counts[at] += 1;
        }
    }
    URGENCY.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
}

/// The state of everything in a few words: `3 stale, 1 missing`.
pub fn problems_in_words(model: &Model) -> String {
    let rows = &model.snapshot.rows;
    if rows.is_empty() {
        return "reading layers".to_owned();
    }
    let problems = problems(rows.iter().map(|row| row.verdict));
    if problems.is_empty() {
        return format!("{} current", count(rows.len(), "row"));
    }
    let words: Vec<String> =
        problems.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    words.join(", ")
}

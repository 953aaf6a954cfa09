//! The first line: what this is about, how bad it is, and how old the picture is.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Widget as _,
};

use crate::tui::{
    action::{Action, Scope},
    model::Model,
    text::{age, count, fit, width},
    view::{clip, layout::Regions, parts},
};

/// A word of the header with its importance: 0 stays longest.
struct Word {
    text: String,
    style: Style,
    importance: u8,
}

/// Draws the header and the lines below it.
pub fn draw(model: &Model, regions: &Regions, buffer: &mut Buffer) {
    let area = regions.header;
    let words = fitting(words(model), usize::from(area.width).saturating_sub(12), model);
    let separator = format!(" {} ", model.glyphs.dot);
    let mut right = Vec::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            right.push(Span::styled(separator.clone(), model.styles.dim));
        }
        right.push(Span::styled(word.text.clone(), word.style));
    }
    right.push(Span::raw(" "));
    let right = Line::from(right);
    let right_width = (right.width() as u16).min(area.width);
    let left_room = usize::from(area.width - right_width);
    let environments = model.snapshot.environments.join(&separator);
    let mut left = vec![Span::styled(" stalekey", model.styles.heading)];
    if left_room > 9 + 3 + 8 {
        let text = fit(&environments, left_room - 9 - 3 - 2, model.glyphs.ellipsis).into_owned();
        left.push(Span::styled(format!("   {text}"), model.styles.text));
    }
    Line::from(left).render(Rect { width: left_room as u16, ..area }, buffer);
    let place = Rect { x: area.right() - right_width, width: right_width, ..area };
    right.render(place, buffer);
    tour(model, regions, buffer);
    notice(model, regions, buffer);
    rotation(model, regions, buffer);
}

fn words(model: &Model) -> Vec<Word> {
    let snapshot = &model.snapshot;
    let styles = &model.styles;
    let mut words = Vec::new();
    let mut word = |text: String, style: Style, importance: u8| {
        words.push(Word { text, style, importance });
    };
    if model.engine_stopped {
        word("engine stopped".into(), styles.error, 0);
    }
    if snapshot.offline {
        word("offline".into(), styles.banner, 2);
    }
    if !model.welcome.is_empty() {
        word("no inventory".into(), styles.heading, 0);
        return words;
    }
    if snapshot.rows.is_empty() {
        if snapshot.progress.running || snapshot.revision == 0 {
            word(progress(model), styles.heading, 1);
        }
        return words;
    }
    let summary = &snapshot.summary;
    word(count(summary.distinct_keys, "key"), styles.text, 6);
    word(count(summary.requests, "request"), styles.text, 7);
    word(count(snapshot.rows.len(), "row"), styles.text, 5);
    let problems = parts::problems(snapshot.rows.iter().map(|row| row.verdict));
    if problems.is_empty() && !snapshot.progress.running {
        word("all current".into(), styles.ok, 0);
    }
    for (index, (verdict, count)) in problems.iter().enumerate() {
        let importance = if verdict.is_error() { 0 } else { 3 };
        let importance = if index == 0 { 0 } else { importance.max(1) };
        word(format!("{count} {verdict}"), styles.verdict(*verdict), importance);
    }
    if snapshot.progress.running {
        word(progress(model), styles.heading, 2);
    } else {
        word(format!("updated {} ago", age(snapshot.generated_at, model.now)), styles.dim, 4);
    }
    words
}

fn progress(model: &Model) -> String {
    let progress = model.snapshot.progress;
    if progress.total == 0 {
        return model.glyphs.own("reading layers…");
    }
    format!("checked {} of {}", progress.done, progress.total)
}

/// Leaves the least important words out until the rest fits.
fn fitting(mut words: Vec<Word>, room: usize, model: &Model) -> Vec<Word> {
    let separator = width(model.glyphs.dot) + 2;
    loop {
        let wide: usize = words.iter().map(|word| width(&word.text) + separator).sum();
        if wide <= room + separator || words.is_empty() {
            return words;
        }
        let least = words
            .iter()
            .enumerate()
            .max_by_key(|(index, word)| (word.importance, *index))
            .map_or(0, |(index, _)| index);
        words.remove(least);
    }
}

fn tour(model: &Model, regions: &Regions, buffer: &mut Buffer) {
    let (Some(area), Some(tour)) = (regions.tour, &model.snapshot.tour) else { return };
    let chord = model
        .keymap
        .chord(Action::NextStep.spec(), Scope::Table)
        .map(|chord| format!(" ({chord})"))
        .unwrap_or_default();
    let mut spans = Vec::new();
    match &tour.next {
        Some(next) => {
            spans.push(Span::styled(format!(" next step{chord} "), model.styles.banner));
            spans.push(Span::styled(format!(" {}", model.glyphs.own(next)), model.styles.heading));
        }
        None => spans.push(Span::styled(" end of the tour ", model.styles.banner)),
    }
    if let Some(done) = &tour.done {
        let dot = model.glyphs.dot;
        spans.push(Span::styled(
            format!("  {dot} done: {}", model.glyphs.own(done)),
            model.styles.dim,
        ));
    }
    clip(Line::from(spans), usize::from(area.width), model.glyphs.ellipsis).render(area, buffer);
}

/// How far the rotation of the selected row is, what comes next, and what revoking would break.
fn rotation(model: &Model, regions: &Regions, buffer: &mut Buffer) {
    const BAR: usize = 10;
    let (Some(area), Some(progress)) = (regions.rotation, model.confirmed()) else { return };
    let (moved, total) = (progress.moved(), progress.total().max(1));
    let full = moved * BAR / total;
    let (on, off) = if model.glyphs.is_ascii() { ("#", "-") } else { ("█", "░") };
    let dot = model.glyphs.dot;
    let mut spans = vec![
        Span::styled(format!(" {} ", progress.rotation), model.styles.heading),
        Span::styled(on.repeat(full), model.styles.ok),
        Span::styled(off.repeat(BAR - full), model.styles.dim),
        Span::raw(format!(" {moved} of {} moved", progress.total())),
    ];
    let layers = progress.would_break();
    if layers.is_empty() {
        let word = crate::domain::rotation::confirm(progress).word.text();
        spans.push(Span::styled(format!(" {dot} {word}"), model.styles.dim));
    } else {
        let text = format!(" {dot} revoking now breaks {}", count(layers.len(), "layer"));
        spans.push(Span::styled(text, model.styles.warn));
    }
    if let Some(next) = progress.next() {
        spans.push(Span::raw(format!(" {dot} next: {}", next.member.label())));
    }
    let more = model.snapshot.rotations.len() - 1;
    if more > 0 {
        spans.push(Span::styled(format!(" (+{more} more)"), model.styles.dim));
    }
    clip(Line::from(spans), usize::from(area.width), model.glyphs.ellipsis).render(area, buffer);
}

fn notice(model: &Model, regions: &Regions, buffer: &mut Buffer) {
    let (Some(area), Some(first)) = (regions.notice, model.snapshot.notices.first()) else {
        return;
    };
    let more = match model.snapshot.notices.len() {
        1 => String::new(),
        several => format!("  (+{} more, see details)", several - 1),
    };
    let room = usize::from(area.width).saturating_sub(3 + width(&more));
    let line = Line::from(vec![
        Span::styled(" ! ", model.styles.warn),
        Span::raw(fit(&model.glyphs.own(first), room, model.glyphs.ellipsis).into_owned()),
        Span::styled(more, model.styles.dim),
    ]);
    line.render(area, buffer);
}

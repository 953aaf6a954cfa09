//! Why the selected row has its verdict, and what to do about it, in a handful of lines.

use ratatui::{
    style::Style,
    text::{Line, Span},
};

use crate::{
    domain::{reading::Origin, restart::told, snapshot::Row},
    tui::{
        action::{Action, Scope},
        model::Model,
        text::{age, countdown, fit_end, width, wrap},
        view::{clip, parts},
    },
};

/// A line with its importance: the highest numbers are left out first.
type Ranked = (u8, Line<'static>);

/// Lines of the sentence have the importance 0, 3 and 6; nothing else has a multiple of it.
const SENTENCE: u8 = 3;

/// The lines of the pane, at most `height` of them.
pub fn lines(
    model: &Model,
    index: usize,
    row: &Row,
    room: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let mut ranked = Vec::new();
    let finding = parts::findings(&model.snapshot, row).next();
    match finding {
        Some(finding) => {
            let code =
                Span::styled(finding.code.to_owned(), model.styles.severity(finding.severity));
            message(model, &mut ranked, Some(&code), &finding.message, room);
        }
        None => message(model, &mut ranked, None, &row.reason, room),
    }
    let restart = finding.and_then(|finding| told(finding, &model.snapshot.rows));
    let note = restart.filter(|(_, because)| because.is_none()).map(|(note, _)| note);
    match (parts::chain(&model.snapshot, index), note) {
        (Some(chain), note) => {
            let note = note.unwrap_or_default();
            let chain_room = room.saturating_sub(width(note) + 2);
            let beside = chain_room >= 40.min(room) || note.is_empty();
            let line =
                parts::chain_line(model, chain, index, if beside { chain_room } else { room });
            if beside {
                ranked.push((2, ends(line, Span::styled(note, model.styles.heading), room)));
            } else {
                ranked.push((2, line));
                ranked.push((4, Line::from(Span::styled(note, model.styles.heading))));
            }
        }
        (None, Some(note)) => {
            ranked.push((4, Line::from(Span::styled(note, model.styles.heading))));
        }
        (None, None) => {}
    }
    if let Some((note, Some(because))) = restart {
        let line = Line::from(vec![
            Span::styled(format!("{note}: "), model.styles.heading),
            Span::raw(model.glyphs.own(because)),
        ]);
        ranked.push((2, clip(line, room, model.glyphs.ellipsis)));
    }
    fix(model, &mut ranked, row, room);
    facts(model, &mut ranked, row, room);
    let mut cut = false;
    while ranked.len() > height {
        let least = ranked
            .iter()
            .enumerate()
            .max_by_key(|(position, (rank, _))| (*rank, *position))
            .map_or(0, |(position, _)| position);
        let (rank, _) = ranked.remove(least);
        cut |= rank > 0 && rank % SENTENCE == 0;
    }
    let last = ranked.iter_mut().rfind(|(rank, _)| rank % SENTENCE == 0);
    if let Some((_, line)) = last.filter(|_| cut) {
        line.push_span(Span::raw(format!(" {}", model.glyphs.ellipsis)));
    }
    ranked.into_iter().map(|(_, line)| line).collect()
}

/// The sentence, with the code before it and a hanging indent.
fn message(
    model: &Model,
    ranked: &mut Vec<Ranked>,
    code: Option<&Span<'static>>,
    text: &str,
    room: usize,
) {
    let indent = code.map_or(0, |code| width(&code.content) + 2);
    let wrapped = wrap(&model.glyphs.own(text), room.saturating_sub(indent));
    let more = wrapped.len() > 3;
    for (position, mut text) in wrapped.into_iter().take(3).enumerate() {
        if position == 2 && more {
            text.push_str(model.glyphs.ellipsis);
        }
        let first = match (code, position) {
            (Some(code), 0) => vec![code.clone(), Span::raw("  ")],
            _ => vec![Span::raw(" ".repeat(indent))],
        };
        let mut line = Line::from(first);
        line.push_span(Span::styled(text, model.styles.text));
        let rank = u8::try_from(position).unwrap_or(2) * SENTENCE;
        ranked.push((rank, clip(line, room, model.glyphs.ellipsis)));
    }
}

/// What to do: the sentence, then the command with the key that copies it.
fn fix(model: &Model, ranked: &mut Vec<Ranked>, row: &Row, room: usize) {
    let ellipsis = model.glyphs.ellipsis;
    let fixes = || parts::findings(&model.snapshot, row).flat_map(|finding| &finding.fixes);
    let command = parts::fix_command(&model.snapshot, row);
    // The sentence that belongs to the command, or the first there is.
    let told =
        fixes().find(|fix| fix.command.is_some() && fix.command == command).or(fixes().next());
    if let Some(fix) = told {
        let line = Line::from(vec![
            Span::styled("fix: ", model.styles.heading),
            Span::raw(model.glyphs.own(&fix.text)),
        ]);
        let rank = if command.is_some() { 4 } else { 1 };
        ranked.push((rank, clip(line, room, ellipsis)));
    }
    if let Some(command) = command {
        let chord = model.keymap.chord(Action::CopyCommand.spec(), Scope::Table);
        let note = chord.map(|chord| format!("[{chord}] copy")).unwrap_or_default();
        let most = room.saturating_sub(width(&note) + 2);
        let line = Line::from(Span::styled(format!("  $ {command}"), model.styles.command));
        let note = Span::styled(note, model.styles.chord);
        ranked.push((1, ends(clip(line, most, ellipsis), note, room)));
    }
}

/// What the verdict rests on: what is expected, what the provider said, where the value stands.
fn facts(model: &Model, ranked: &mut Vec<Ranked>, row: &Row, room: usize) {
    let ellipsis = model.glyphs.ellipsis;
    let mut fact = |rank: u8, name: &'static str, spans: Vec<Span<'static>>| {
        let mut line = vec![Span::styled(format!("{name:<9}"), model.styles.dim)];
        line.extend(spans);
        ranked.push((rank, clip(Line::from(line), room, ellipsis)));
    };
    let plain = |text: String| vec![Span::raw(text)];
    let asked = row.probe.status.is_some() || row.probe.endpoint.is_some();
    if let Some(meaning) = provider(model, row).filter(|_| asked || row.probe.reason.is_some()) {
        fact(5, "provider", plain(meaning));
    }
    if let Some(advice) = row.probe.advice.as_ref().filter(|_| !row.probe.outcome.accepted()) {
        fact(8, "advice", plain(model.glyphs.own(advice)));
    }
    if let Some(expected) = parts::expected(model, row) {
        fact(7, "expected", expected);
    }
    if let Some(container) = row.own_container() {
        let variable = row.variable.as_ref().map(|name| format!("  {name}")).unwrap_or_default();
        let text = format!("{} ({}){variable}", container.image, container.engine.name());
        fact(5, "image", plain(model.glyphs.own(&text)));
    } else if let Some(process) = &row.evidence.process {
        let variable = row.variable.as_ref().map(|name| format!("  {name}")).unwrap_or_default();
        fact(5, "process", plain(model.glyphs.own(&format!("{}{variable}", process.who()))));
    } else if let Some(place) = &row.place {
        let variable = row.variable.as_ref().map(|name| format!("  {name}")).unwrap_or_default();
        let most = room.saturating_sub(9 + width(&variable));
        let place = fit_end(&place.to_string(), most, ellipsis).into_owned();
        fact(5, "place", plain(format!("{place}{variable}")));
    }
    let losing: Vec<String> = row
        .occurrences
        .iter()
        .filter(|occurrence| !occurrence.wins && occurrence.origin != Origin::LaunchEnvironment)
        .map(|occurrence| occurrence.place.to_string())
        .collect();
    if !losing.is_empty() {
        let all = losing.join(", ");
        fact(8, "also in", plain(format!("{all} (without effect)")));
    }
    let more = row.findings.len().saturating_sub(1);
    if more > 0 {
        let codes: Vec<&str> =
            parts::findings(&model.snapshot, row).skip(1).map(|finding| finding.code).collect();
        fact(8, "more", plain(format!("{} (enter shows them)", codes.join(", "))));
    }
}

/// The provider's answer in one line.
pub fn provider(model: &Model, row: &Row) -> Option<String> {
    let probe = &row.probe;
    let mut text = match (probe.status, probe.reason) {
        (Some(status), _) => format!("{status} {}", probe.outcome),
        (None, Some(reason)) => reason.text().to_owned(),
        (None, None) => return None,
    };
    if let Some(code) = &probe.code {
        text.push_str(&format!(" ({code})"));
    }
    if let Some(checked) = probe.checked_at {
        text.push_str(&format!(", {} ago", age(checked, model.now)));
    }
    if let Some(doubt) = probe.doubt() {
        text.push_str(&format!(", {doubt}"));
    }
    if let Some(left) = probe.retry_at.and_then(|at| countdown(at, model.now)) {
        text.push_str(&format!(", may be asked again in {left}"));
    }
    if let Some(meaning) = &probe.meaning {
        text.push_str(&format!(": {}", model.glyphs.own(meaning)));
    }
    Some(text)
}

/// A line with something at its right end.
fn ends(mut line: Line<'static>, right: Span<'static>, room: usize) -> Line<'static> {
    let gap = room.saturating_sub(line.width() + width(&right.content));
    line.push_span(Span::styled(" ".repeat(gap), Style::new()));
    line.push_span(right);
    line
}

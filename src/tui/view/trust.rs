//! What the inventory asks for, and the line in which a person answers (SECURITY T6).

use ratatui::{
    buffer::Buffer,
    layout::{Rect, Size},
    text::{Line, Span},
    widgets::Widget as _,
};
use tui_input::Input;

use crate::{
    domain::trust::{Untrusted, Verb},
    tui::{
        model::Model,
        text::{fit, width, wrap},
        view::{details::popup, draw_lines, layout},
    },
};

/// The word that trusts; nothing shorter does.
pub const WORD: &str = "trust";

/// Where the texts behind the verbs begin.
const INDENT: usize = 6;
/// The line of the answer, and an empty one above it.
const ANSWER: u16 = 2;

const INTRODUCTION: &str = "This inventory asks for more than to look at its own folder. Nothing of \
                            this has happened. Accept it only if you know who wrote it and why.";

/// Lines that have to be scrolled to before everything was seen.
pub fn below(model: &Model, untrusted: &Untrusted, scroll: usize) -> usize {
    let (room, height) = space(model.size);
    lines(model, untrusted, room).len().saturating_sub(scroll + height)
}

/// How far the list can be scrolled.
pub fn most_scroll(model: &Model, untrusted: &Untrusted) -> usize {
    below(model, untrusted, 0)
}

fn space(size: Size) -> (usize, usize) {
    let inner = layout::popup_inner(size);
    (usize::from(inner.width), usize::from(inner.height.saturating_sub(ANSWER)))
}

fn lines(model: &Model, untrusted: &Untrusted, room: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> =
        wrap(INTRODUCTION, room).into_iter().map(Line::from).collect();
    let mut last: Option<Verb> = None;
    for ask in &untrusted.asks {
        if last != Some(ask.verb) {
            lines.push(Line::default());
        }
        last = Some(ask.verb);
        let text = model.glyphs.own(&ask.text);
        for (number, part) in wrap(&text, room.saturating_sub(INDENT)).into_iter().enumerate() {
            let verb = if number == 0 { ask.verb.name() } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format!("{verb:<INDENT$}"), model.styles.warn),
                Span::styled(part, model.styles.text),
            ]));
        }
    }
    lines
}

/// Draws the prompt; returns where the text cursor belongs.
pub fn draw(
    model: &Model,
    untrusted: &Untrusted,
    answer: &Input,
    scroll: usize,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<(u16, u16)> {
    let inner = popup(model, " trust ", area.as_size(), buffer);
    if inner.height <= ANSWER {
        return None;
    }
    let room = usize::from(inner.width);
    let list = Rect { height: inner.height - ANSWER, ..inner };
    let lines = lines(model, untrusted, room);
    draw_lines(lines.get(scroll..).unwrap_or_default(), list, buffer);
    let below = lines.len().saturating_sub(scroll + usize::from(list.height));
    let line = Rect { y: inner.bottom() - 1, height: 1, ..inner };
    let prompt = if below > 0 {
        format!("{below} more below, read on: ")
    } else {
        format!("type `{WORD}` and enter to accept: ")
    };
    let prompt = fit(&prompt, room.saturating_sub(WORD.len() + 1), model.glyphs.ellipsis);
    let typed = fit(answer.value(), room.saturating_sub(width(&prompt) + 1), "");
    let column = (width(&prompt) + answer.visual_cursor()).min(room.saturating_sub(1)) as u16;
    Line::from(vec![
        Span::styled(prompt.into_owned(), model.styles.heading),
        Span::raw(typed.into_owned()),
    ])
    .render(line, buffer);
    Some((line.x + column, line.y))
}

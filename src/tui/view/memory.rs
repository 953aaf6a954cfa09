//! The question before the memory of processes is searched: which ones, and what is done.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::tui::{
    action::{Action, Scope},
    model::{Model, Searchable},
    text::wrap,
    view::{details::popup, draw_lines},
};

/// Draws the question.
pub fn draw(model: &Model, processes: &[Searchable], area: Rect, buffer: &mut Buffer) {
    let inner = popup(model, " search memory? ", area.as_size(), buffer);
    let room = usize::from(inner.width);
    let chord = |action: Action| {
        model
            .keymap
            .chord(action.spec(), Scope::Memory)
            .map_or_else(String::new, |it| it.to_string())
    };
    let mut lines: Vec<Line<'_>> = Vec::new();
    let count = match processes.len() {
        1 => "one process".to_owned(),
        count => format!("{count} processes"),
    };
    let question = format!(
        "Read the writable memory of {count}, and count the copies of the keys that layers hold? \
         Nothing is attached to, stopped or written, and no key is shown or kept."
    );
    lines.extend(wrap(&question, room).into_iter().map(Line::from));
    lines.push(Line::default());
    for (action, text) in [
        (Action::Enter, "search them once"),
        (Action::SearchMemory, "search them, then watch for 3 s which key they send"),
        (Action::Back, "no"),
    ] {
        lines.push(Line::from(vec![
            Span::styled(format!("  {:<6}", chord(action)), model.styles.chord),
            Span::raw(text),
        ]));
    }
    lines.push(Line::default());
    let mut layer = None;
    for process in processes {
        if layer != Some(&process.layer) {
            layer = Some(&process.layer);
            let name = model.glyphs.own(&process.layer);
            lines.push(Line::from(Span::styled(name, model.styles.heading)));
        }
        let text = format!("pid {}, {}", process.pid, model.glyphs.own(&process.who));
        let wrapped = wrap(&text, room.saturating_sub(2)).into_iter();
        lines.extend(wrapped.map(|line| Line::from(format!("  {line}"))));
    }
    let height = usize::from(inner.height);
    if lines.len() > height && height > 0 {
        let hidden = lines.len() + 1 - height;
        lines.truncate(height - 1);
        let text = format!("  and {hidden} more lines: make the terminal higher to read them");
        lines.push(Line::from(Span::styled(text, model.styles.dim)));
    }
    draw_lines(&lines, inner, buffer);
}

//! What every message does to the model. Pure: no clock, no files, no runtime.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::{Input, InputRequest};

use crate::{
    domain::{
        command::{Command, RotationWish},
        memory::Deep,
        rotation::NewKey,
        verdict::Verdict,
    },
    tui::{
        action::{Action, Scope},
        keymap::KeyChord,
        message::{Effect, Message},
        model::{Model, Overlay},
        rotation,
        table::TableLine,
        view::{self, details, layout, trust},
    },
};

/// How long processes are watched.
const WATCH: Duration = Duration::from_secs(3);

/// Takes one message.
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    match message {
        Message::Tick(now) => {
            model.now = now;
            model.toast.take_if(|toast| toast.until.is_some_and(|until| until <= now));
        }
        Message::Resize(width, height) => {
            model.size = ratatui::layout::Size { width, height };
            model.show_cursor();
            scroll_details(model, 0);
        }
        Message::Snapshot(snapshot) => {
            let looked = !snapshot.progress.running && !snapshot.rows.is_empty();
            model.take(snapshot);
            scroll_details(model, 0);
            if let Some(first) = model.first.take_if(|_| looked) {
                return perform(model, first);
            }
        }
        Message::CommandRefused => {
            model.complain("The engine is busy and did not take that; press the key again");
        }
        Message::EngineStopped => {
            model.engine_stopped = true;
            model.complain("The engine stopped: this picture will not change any more");
        }
        Message::Key(event) => return key(model, event),
    }
    Vec::new()
}

fn key(model: &mut Model, event: KeyEvent) -> Vec<Effect> {
    if event.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let chord = KeyChord::from(event);
    let scope = model.scope();
    let action = model.keymap.action(chord, scope);
    if event.kind == KeyEventKind::Repeat && !action.map_or(scope.takes_text(), Action::repeats) {
        return Vec::new();
    }
    model.toast.take_if(|toast| toast.is_error);
    match action {
        Some(action) => perform(model, action),
        None if scope.takes_text() => {
            type_key(model, chord, event);
            Vec::new()
        }
        None => Vec::new(),
    }
}

fn perform(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Quit => {
            model.quitting = true;
            return vec![Effect::Quit];
        }
        Action::Suspend => return vec![Effect::Suspend],
        Action::Redraw => return vec![Effect::Redraw],
        Action::Help => {
            if model.scope() != Scope::Help {
                model.overlays.push(Overlay::Help { search: Input::default(), selected: 0 });
            }
        }
        Action::Back => back(model),
        Action::Enter => return enter(model),
        Action::Filter => model.overlays.push(Overlay::Filter),
        Action::Audit => rotation::audit(model),
        Action::Confirm => rotation::confirm(model),
        Action::Matrix => model.overlays.push(Overlay::Matrix { scroll: 0 }),
        Action::NextPage => rotation::turn(model, 1),
        Action::PreviousPage => rotation::turn(model, -1),
        Action::Tick => return rotation::tick(model),
        Action::Note => rotation::note(model),
        Action::Begin => return rotation::open(model),
        Action::Down => move_by(model, 1),
        Action::Up => move_by(model, -1),
        Action::HalfPageDown => move_by(model, half_page(model)),
        Action::HalfPageUp => move_by(model, -half_page(model)),
        Action::Top => move_by(model, isize::MIN),
        Action::Bottom => move_by(model, isize::MAX),
        Action::NextProblem => to_problem(model, true),
        Action::PreviousProblem => to_problem(model, false),
        Action::Group => {
            let grouping = model.grouping.next();
            model.settled = true;
            model.group_by(grouping);
            model.say(format!("Grouped: {}", grouping.name()));
        }
        Action::Sort => {
            let sort = model.query.sort.next();
            model.settled = true;
            model.sort_by(sort, model.query.reversed);
            model.say(format!("Sorted by {}", sort.name()));
        }
        Action::SortReverse => {
            model.settled = true;
            model.sort_by(model.query.sort, !model.query.reversed);
            let way = if model.query.reversed { ", reversed" } else { "" };
            model.say(format!("Sorted by {}{way}", model.query.sort.name()));
        }
        Action::Recheck => return recheck(model),
        Action::RecheckAll => {
            model.say("Reading every layer and asking about every key again");
            return vec![Effect::Send(Command::RecheckAll)];
        }
        Action::Expect => return expect(model),
        Action::SearchMemory => return search_memory(model),
        Action::CopyCommand => return copy_command(model),
        Action::CopyPlace => return copy_place(model),
        Action::Trust => match &model.snapshot.untrusted {
            Some(untrusted) => {
                let untrusted = untrusted.clone();
                let answer = Input::default();
                model.overlays.push(Overlay::Trust { untrusted, answer, scroll: 0 });
            }
            None => model.say("This inventory asks for nothing that is not trusted"),
        },
        Action::NextStep => {
            if model.offers(Action::NextStep) {
                return vec![Effect::Send(Command::NextStep)];
            }
        }
    }
    Vec::new()
}

fn back(model: &mut Model) {
    match model.overlays.last_mut() {
        Some(Overlay::Help { search, selected }) if !search.value().is_empty() => {
            search.reset();
            *selected = 0;
        }
        Some(Overlay::Filter) => {
            model.overlays.pop();
            clear_filter(model);
        }
        Some(_) => {
            model.overlays.pop();
        }
        None if !model.filter.value().is_empty() => clear_filter(model),
        None => {}
    }
}

fn clear_filter(model: &mut Model) {
    model.filter.reset();
    model.apply_filter();
}

fn enter(model: &mut Model) -> Vec<Effect> {
    match model.overlays.last() {
        None => {
            if model.selected_row().is_some() {
                model.settled = true;
                select_cursor(model);
                model.overlays.push(Overlay::Details { scroll: 0 });
            }
            Vec::new()
        }
        Some(Overlay::Filter) => {
            model.overlays.pop();
            model.settled = true;
            select_cursor(model);
            Vec::new()
        }
        Some(Overlay::Help { search, selected }) => {
            let entry = model.help_entries(search.value()).get(*selected).map(|spec| spec.action);
            model.overlays.pop();
            let Some(action) = entry.filter(|action| *action != Action::Help) else {
                return Vec::new();
            };
            while !action.spec().scopes.contains(&model.scope()) && model.overlays.pop().is_some() {
            }
            perform(model, action)
        }
        Some(Overlay::Memory(_)) => searched(model, None),
        Some(Overlay::Note(_)) => rotation::keep_note(model),
        Some(Overlay::Confirm { .. }) => rotation::record_confirmation(model),
        Some(Overlay::Trust { .. }) => answer(model),
        Some(Overlay::Details { .. } | Overlay::Audit(_) | Overlay::Matrix { .. }) => Vec::new(),
    }
}

/// What a person says to what the inventory asks for.
fn answer(model: &mut Model) -> Vec<Effect> {
    let Some(Overlay::Trust { untrusted, answer, scroll }) = model.overlays.last() else {
        return Vec::new();
    };
    let below = trust::below(model, untrusted, *scroll);
    let offer = untrusted.offer.clone();
    match answer.value().trim() {
        "" => {
            model.overlays.pop();
            model.say("Nothing was accepted");
        }
        trust::WORD if below > 0 => {
            model.complain("There is more below; read it to its end first (down, pgdn)");
        }
        trust::WORD => {
            model.overlays.pop();
            model.say("Accepted; reading it now");
            return vec![Effect::Send(Command::Trust { offer })];
        }
        _ => {
            if let Some(Overlay::Trust { answer, .. }) = model.overlays.last_mut() {
                answer.reset();
            }
            model.complain("Only the word `trust` accepts it; esc leaves it as it is");
        }
    }
    Vec::new()
}

/// The row under the cursor becomes the selected one, also when a filter put the cursor there.
fn select_cursor(model: &mut Model) {
    if let Some(line) = model.cursor {
        model.select_line(line);
    }
}

fn type_key(model: &mut Model, chord: KeyChord, event: KeyEvent) {
    let request = edit(event);
    match model.overlays.last_mut() {
        Some(Overlay::Filter) => {
            if let Some(request) = request {
                model.filter.handle(request);
                model.apply_filter();
            }
        }
        Some(Overlay::Note(input)) => {
            if let Some(request) = request {
                input.handle(request);
            }
        }
        Some(Overlay::Help { search, .. })
            if chord.character() == Some('?') && search.value().is_empty() =>
        {
            model.overlays.pop();
        }
        Some(Overlay::Help { search, selected }) => {
            if let Some(request) = request {
                search.handle(request);
                *selected = 0;
            }
        }
        Some(Overlay::Trust { answer, .. }) => {
            if let Some(request) = request {
                answer.handle(request);
            }
        }
        _ => {}
    }
}

/// What a key does to a line of text; the habits of a shell.
fn edit(event: KeyEvent) -> Option<InputRequest> {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    match event.code {
        KeyCode::Char('a') if control => Some(InputRequest::GoToStart),
        KeyCode::Char('e') if control => Some(InputRequest::GoToEnd),
        KeyCode::Char('w') if control => Some(InputRequest::DeletePrevWord),
        KeyCode::Char('u') if control => Some(InputRequest::DeleteLine),
        KeyCode::Char(_) if control || event.modifiers.contains(KeyModifiers::ALT) => None,
        // Nothing that could move the cursor or reorder text gets into the line.
        KeyCode::Char(character) => {
            let text = character.to_string();
            (crate::domain::inert::inert(&text) == text)
                .then_some(InputRequest::InsertChar(character))
        }
        KeyCode::Backspace => Some(InputRequest::DeletePrevChar),
        KeyCode::Delete => Some(InputRequest::DeleteNextChar),
        KeyCode::Left => Some(InputRequest::GoToPrevChar),
        KeyCode::Right => Some(InputRequest::GoToNextChar),
        KeyCode::Home => Some(InputRequest::GoToStart),
        KeyCode::End => Some(InputRequest::GoToEnd),
        _ => None,
    }
}

fn half_page(model: &Model) -> isize {
    let height = match model.scope() {
        Scope::Table | Scope::Filter => model.regions().map_or(1, |regions| regions.rows.height),
        _ => layout::popup_inner(model.size).height,
    };
    isize::try_from(height / 2).unwrap_or(1).max(1)
}

fn move_by(model: &mut Model, by: isize) {
    match model.overlays.last() {
        Some(Overlay::Details { .. }) => scroll_details(model, by),
        Some(Overlay::Audit(_) | Overlay::Confirm { .. } | Overlay::Matrix { .. }) => {
            scroll_page(model, by);
        }
        Some(Overlay::Note(_) | Overlay::Memory(_)) => {}
        Some(Overlay::Help { search, selected }) => {
            let last = model.help_entries(search.value()).len().saturating_sub(1);
            let to = selected.saturating_add_signed(by).min(last);
            if let Some(Overlay::Help { selected, .. }) = model.overlays.last_mut() {
                *selected = to;
            }
        }
        Some(Overlay::Trust { untrusted, scroll, .. }) => {
            let most = trust::most_scroll(model, untrusted);
            let to = scroll.saturating_add_signed(by).min(most);
            if let Some(Overlay::Trust { scroll, .. }) = model.overlays.last_mut() {
                *scroll = to;
            }
        }
        Some(Overlay::Filter) | None => {
            model.settled = true;
            let last = model.table.lines.len().saturating_sub(1);
            let from = model.cursor.unwrap_or(0);
            let to = from.saturating_add_signed(by).min(last);
            let forwards = by > 0;
            let line = model
                .table
                .nearest_row(to, forwards)
                .or_else(|| model.table.nearest_row(to, !forwards));
            if let Some(line) = line {
                model.select_line(line);
            }
            // Above the first row there may be its heading.
            if model.table.nearest_row(0, true) == model.cursor {
                model.top = 0;
            }
        }
    }
}

fn scroll_details(model: &mut Model, by: isize) {
    let inner = layout::popup_inner(model.size);
    let Some((index, row)) = model.selected_row() else {
        // The row is gone, and with it what there was to read.
        model.overlays.retain(|overlay| !matches!(overlay, Overlay::Details { .. }));
        return;
    };
    if !model.overlays.iter().any(|overlay| matches!(overlay, Overlay::Details { .. })) {
        return;
    }
    let lines = details::lines(model, index, row, usize::from(inner.width)).len();
    let most = lines.saturating_sub(usize::from(inner.height));
    for overlay in &mut model.overlays {
        if let Overlay::Details { scroll } = overlay {
            *scroll = scroll.saturating_add_signed(by).min(most);
        }
    }
}

/// Scrolls a page of the walk, the confirmation or the matrix.
fn scroll_page(model: &mut Model, by: isize) {
    let room = usize::from(layout::popup_inner(model.size).width);
    let lines = match model.overlays.last() {
        Some(Overlay::Audit(audit)) => {
            view::rotation::audit_lines(model, audit, &model.walk(audit), room).len()
        }
        Some(Overlay::Confirm { .. }) => model
            .confirmed()
            .map_or(0, |progress| view::rotation::confirm_lines(model, progress, room).len()),
        Some(Overlay::Matrix { .. }) => view::rotation::matrix_lines(model, room).len(),
        _ => return,
    };
    let most = view::rotation::most_scroll(lines, model.size);
    if let Some(
        Overlay::Audit(crate::tui::rotation::Audit { scroll, .. })
        | Overlay::Confirm { scroll }
        | Overlay::Matrix { scroll },
    ) = model.overlays.last_mut()
    {
        *scroll = scroll.saturating_add_signed(by).min(most);
    }
}

fn to_problem(model: &mut Model, forwards: bool) {
    model.settled = true;
    let count = model.table.lines.len();
    let from = model.cursor.unwrap_or(0);
    let found = (1..=count)
        .map(|step| if forwards { (from + step) % count } else { (from + count - step) % count })
        .find(|line| match model.table.lines[*line] {
            TableLine::Row(index) => {
                model.snapshot.rows.get(index).is_some_and(|row| row.verdict != Verdict::Current)
            }
            TableLine::Heading(_) => false,
        });
    match found {
        Some(line) => {
            if model.cursor == Some(line) {
                model.say("This is the only row that is not current");
            }
            model.select_line(line);
            for overlay in &mut model.overlays {
                if let Overlay::Details { scroll } = overlay {
                    *scroll = 0;
                }
            }
        }
        None if count == 0 => model.say("There is no row here"),
        None => model.say("Every row here is current"),
    }
}

fn recheck(model: &mut Model) -> Vec<Effect> {
    model.settled = true;
    let Some((_, row)) = model.selected_row() else {
        model.say("There is no row to check");
        return Vec::new();
    };
    let (identity, label) = (row.identity.clone(), row.label());
    model.say(format!("Checking {label} again"));
    vec![Effect::Send(Command::Recheck(identity))]
}

fn expect(model: &mut Model) -> Vec<Effect> {
    use crate::domain::snapshot::ExpectedBy;
    model.settled = true;
    let Some((_, row)) = model.selected_row() else {
        model.say("There is no row to mark");
        return Vec::new();
    };
    let Some(key) = row.key() else {
        let label = row.label();
        model.complain(format!("{label} holds no key that could be marked; choose a row with one"));
        return Vec::new();
    };
    // Damage around a key is not what anybody expects: the key inside is meant.
    let meant = match (&key.repaired, key.is_damaged(row.probe.outcome)) {
        (Some(repaired), _) => Some((repaired.fingerprint, repaired.mask.clone())),
        (None, false) => Some((key.fingerprint, key.label())),
        (None, true) => None,
    };
    let exported = key.exported.clone().filter(|_| !key.is_damaged(row.probe.outcome));
    let identity = row.identity.clone();
    let marked = row
        .expected
        .as_ref()
        .filter(|expected| expected.by == ExpectedBy::Mark)
        .and_then(|expected| expected.fingerprint);
    let group = format!("{} {} {}", identity.environment, model.glyphs.dot, identity.credential);
    let Some((fingerprint, label)) = meant else {
        model.complain("This value is damaged; mark a row that holds the key as it should be");
        return Vec::new();
    };
    // What a rotation brings is known from now on, and kept with it.
    let waiting = rotation::without_new_key(model, &identity);
    let named = exported.filter(|_| marked.is_none()).zip(waiting).map(|(exported, rotation)| {
        let new = NewKey::Fingerprint(exported);
        (rotation.clone(), Command::Rotation(RotationWish::NameNewKey { rotation, new }))
    });
    let fingerprint = if marked == Some(fingerprint) {
        model.say(format!("Mark taken back for {group}"));
        None
    } else if let Some((rotation, _)) = &named {
        model.say(format!("{label} is the new key of rotation {rotation}"));
        Some(fingerprint)
    } else {
        model.say(format!("{group} should hold {label}, for this run; = again takes it back"));
        Some(fingerprint)
    };
    let expect = Command::Expect {
        environment: identity.environment,
        credential: identity.credential,
        fingerprint,
    };
    let named = named.map(|(_, command)| command);
    std::iter::once(expect).chain(named).map(Effect::Send).collect()
}

/// Asks first; where the question stands there already, searches and watches.
fn search_memory(model: &mut Model) -> Vec<Effect> {
    if model.scope() == Scope::Memory {
        return searched(model, Some(WATCH));
    }
    let processes = model.searchable();
    if processes.is_empty() {
        model.complain("No process may be searched: its layer says so by memory = \"allow\"");
    } else {
        model.overlays.push(Overlay::Memory(processes));
    }
    Vec::new()
}

/// Those that were named are searched, and no others.
fn searched(model: &mut Model, watch: Option<Duration>) -> Vec<Effect> {
    let Some(Overlay::Memory(processes)) = model.overlays.pop() else { return Vec::new() };
    let what =
        if watch.is_some() { "Searching memory, and watching for 3 s" } else { "Searching memory" };
    model.say(what);
    let processes = processes.iter().map(|it| (it.pid, it.start_ticks)).collect();
    vec![Effect::Send(Command::SearchMemory { deep: Deep { watch }, processes })]
}

fn copy_command(model: &mut Model) -> Vec<Effect> {
    model.settled = true;
    let command = model
        .selected_row()
        .and_then(|(_, row)| crate::tui::view::parts::fix_command(&model.snapshot, row));
    copy(model, command, "There is no command that fixes this row; enter shows what there is")
}

fn copy_place(model: &mut Model) -> Vec<Effect> {
    model.settled = true;
    let place = model
        .selected_row()
        .and_then(|(_, row)| row.place.as_ref())
        .filter(|place| place.path.is_some())
        .map(ToString::to_string);
    copy(model, place, "This row is no file, so it has no place to copy")
}

fn copy(model: &mut Model, text: Option<String>, otherwise: &str) -> Vec<Effect> {
    let Some(text) = text else {
        model.complain(otherwise);
        return Vec::new();
    };
    model.say(format!("Copied: {text}"));
    vec![Effect::Copy(text)]
}

//! Everything that is known about one row.

use jiff::Timestamp;
use ratatui::{
    buffer::Buffer,
    layout::{Rect, Size},
    style::Style,
    text::{Line, Span},
    widgets::{Block, Clear, Widget as _},
};

use crate::{
    domain::{
        container::ContainerFacts,
        key::Key,
        layer::LayerKind,
        outcome::Received,
        reading::{Occurrence, Origin, Rank, State, Yield},
        restart::{Gives, told},
        snapshot::Row,
    },
    tui::{
        model::Model,
        table::verdict,
        text::{age, countdown, fit, sparkline, width, wrap},
        view::{clip, draw_lines, layout, parts, why, write_over},
    },
};

const NAME: usize = 13;

/// A page of named facts.
pub(super) struct Page<'a> {
    model: &'a Model,
    room: usize,
    pub(super) lines: Vec<Line<'static>>,
}

impl<'a> Page<'a> {
    pub(super) fn new(model: &'a Model, room: usize) -> Self {
        Self { model, room, lines: Vec::new() }
    }

    pub(super) fn section(&mut self, title: &'static str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.lines.push(Line::from(Span::styled(title, self.model.styles.heading)));
    }

    /// A named fact; long text goes on below itself.
    pub(super) fn fact(&mut self, name: &str, text: &str) {
        self.styled(name, text, self.model.styles.text);
    }

    pub(super) fn styled(&mut self, name: &str, text: &str, style: Style) {
        let text = self.model.glyphs.own(text);
        let room = self.room.saturating_sub(NAME + 2);
        for (position, line) in wrap(&text, room).into_iter().enumerate() {
            let name = if position == 0 { name } else { "" };
            self.spans(name, vec![Span::styled(line, style)]);
        }
    }

    fn spans(&mut self, name: &str, spans: Vec<Span<'static>>) {
        let mut line = vec![Span::styled(format!("  {name:<NAME$}"), self.model.styles.dim)];
        line.extend(spans);
        self.lines.push(clip(Line::from(line), self.room, self.model.glyphs.ellipsis));
    }

    fn time(&mut self, name: &str, time: Option<Timestamp>) {
        if let Some(time) = time {
            let seconds = Timestamp::new(time.as_second(), 0).unwrap_or(time);
            self.fact(name, &format!("{} ago, {seconds}", age(time, self.model.now)));
        }
    }

    fn command(&mut self, command: &str) {
        let most = self.room.saturating_sub(6);
        for (position, line) in wrap(command, most).into_iter().enumerate() {
            let prompt = if position == 0 { "    $ " } else { "      " };
            self.lines.push(Line::from(Span::styled(
                format!("{prompt}{line}"),
                self.model.styles.command,
            )));
        }
    }
}

/// The page, at most `room` columns wide.
pub fn lines(model: &Model, index: usize, row: &Row, room: usize) -> Vec<Line<'static>> {
    let mut page = Page::new(model, room);
    verdict_section(&mut page, row);
    findings_section(&mut page, row);
    if let Some(chain) = parts::chain(&model.snapshot, index) {
        page.section("Chain");
        let line = parts::chain_line(model, chain, index, room.saturating_sub(2));
        let mut spans = vec![Span::raw("  ")];
        spans.extend(line.spans);
        page.lines.push(Line::from(spans));
    }
    after_section(&mut page, row);
    key_section(&mut page, row);
    provider_section(&mut page, row);
    places_section(&mut page, row);
    evidence_section(&mut page, row);
    context_section(&mut page, row);
    if !model.snapshot.notices.is_empty() {
        page.section("This run");
        for notice in &model.snapshot.notices {
            page.fact("notice", notice);
        }
    }
    page.lines
}

fn verdict_section(page: &mut Page<'_>, row: &Row) {
    page.section("Verdict");
    let model = page.model;
    let word = format!("{} {}", model.glyphs.verdict(row.verdict), verdict(row));
    page.styled("verdict", &word, model.styles.verdict(row.verdict));
    page.fact("why", &row.reason);
    match parts::expected(model, row) {
        Some(expected) => page.spans("should hold", expected),
        None => page.fact("should hold", "undecided: mark the row with the right key with ="),
    }
    page.fact("evidence", &format!("{} ({})", row.rank.name(), row.wording()));
}

fn findings_section(page: &mut Page<'_>, row: &Row) {
    let model = page.model;
    for finding in parts::findings(&model.snapshot, row) {
        if !page.lines.is_empty() {
            page.lines.push(Line::default());
        }
        page.lines.push(Line::from(vec![
            Span::styled(finding.code, model.styles.severity(finding.severity)),
            Span::styled(format!("  {}", finding.severity.name()), model.styles.dim),
        ]));
        let room = page.room.saturating_sub(2);
        for line in wrap(&model.glyphs.own(&finding.message), room) {
            page.lines.push(Line::from(format!("  {line}")));
        }
        if let Some((restart, _)) = told(finding, &model.snapshot.rows) {
            page.lines.push(Line::from(Span::styled(format!("  {restart}"), model.styles.heading)));
        }
        for fix in &finding.fixes {
            page.fact("fix", &fix.text);
            if let Some(command) = &fix.command {
                page.command(command);
            }
        }
    }
}

/// What each way of starting it again would load.
fn after_section(page: &mut Page<'_>, row: &Row) {
    if row.after.is_empty() {
        return;
    }
    page.section("A restart");
    let model = page.model;
    for prediction in &row.after {
        let helps = match prediction.helps {
            Some(true) => "  helps",
            Some(false) => "  does not help",
            None => "",
        };
        let mut spans = match &prediction.gives {
            Gives::Key(key) => parts::key(model, key),
            Gives::Nothing => vec![Span::raw("no key at all")],
            Gives::Unknown => vec![Span::raw("not known")],
        };
        spans.push(Span::styled(helps, model.styles.heading));
        page.spans(prediction.action.title(), spans);
        page.styled("", &prediction.because, model.styles.dim);
    }
}

fn key_section(page: &mut Page<'_>, row: &Row) {
    let model = page.model;
    page.section("Key");
    match &row.state {
        State::Found(key) => found_key(page, key),
        State::Empty => page.fact("state", "defined, with nothing in it"),
        State::Missing(reason) => page.fact("state", reason.text()),
        State::Opaque(reason) => {
            page.fact("state", &format!("there, but hidden: {}", reason.text()));
        }
        State::Unreadable(why) => {
            page.fact("state", &format!("could not be read: {}", why.detail));
            if let Some(place) = &why.place {
                page.fact("at", &place.to_string());
            }
        }
    }
    if let Some(variable) = &row.variable {
        page.fact("variable", variable);
    }
    let same = match row.key() {
        Some(key) => model
            .snapshot
            .rows
            .iter()
            .filter(|other| other.identity != row.identity)
            .filter(|other| other.key().is_some_and(|other| other.fingerprint == key.fingerprint))
            .map(|other| format!("{} ({})", other.label(), other.identity.environment))
            .collect(),
        None => Vec::new(),
    };
    if !same.is_empty() {
        let shown = same.iter().take(12).cloned().collect::<Vec<_>>().join(", ");
        let more = match same.len().saturating_sub(12) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        page.fact("also held by", &format!("{shown}{more}"));
    }
}

fn found_key(page: &mut Page<'_>, key: &Key) {
    page.spans("key", parts::key(page.model, key));
    match (&key.shape, key.length, key.length_bucket) {
        (Some(shape), Some(length), _) => page.fact("shape", &format!("{shape}, {length} bytes")),
        (Some(shape), None, _) => page.fact("shape", shape),
        (None, _, Some(bucket)) => {
            page.fact("shape", &format!("of no known provider, {bucket} bytes"));
        }
        (None, _, None) => {}
    }
    if !key.flags.is_empty() {
        let flags: Vec<&str> = key.flags.iter().map(|flag| flag.name()).collect();
        page.styled("damage", &flags.join(", "), page.model.styles.error);
    }
    if let Some(repaired) = &key.repaired {
        let mut spans = vec![parts::mark(page.model, &repaired.fingerprint)];
        spans.push(Span::raw(format!(" {}", page.model.glyphs.own(&repaired.mask))));
        page.spans("inside it", spans);
    }
}

fn provider_section(page: &mut Page<'_>, row: &Row) {
    let probe = &row.probe;
    page.section("Provider");
    if let Some(text) = why::provider(page.model, row) {
        page.fact("answer", &text);
    }
    if let Some(advice) = &probe.advice {
        page.fact("advice", advice);
    }
    if let Some(doubt) = probe.doubt() {
        page.fact("how sure", &format!("{doubt}: one source says what this answer means"));
    }
    if let Some(received) = probe.received {
        let text = match received {
            Received::ThisKey => "this key, as far as the answer shows it",
            Received::AnotherKey => "another key: it was replaced on the way",
        };
        page.fact("received", text);
    }
    if let Some(host) = &probe.right_host {
        page.fact("right host", host);
    }
    if let Some(trial) = &probe.trial {
        let text = format!("{} without the {}", trial.outcome, trial.without.name());
        page.fact("proof", &text);
    }
    if let Some(endpoint) = &probe.endpoint {
        page.fact("asked", endpoint);
    }
    let facts = probe.endpoint.as_ref().and_then(|url| page.model.snapshot.endpoints.get(url));
    if let Some(facts) = facts {
        if let Some(proxy) = facts.way.proxy_text() {
            page.fact("through", &proxy);
        }
        if let Some(roots) = facts.way.roots_text() {
            page.fact("certificates", &roots);
        }
    }
    if let Some(latency) = probe.latency_ms {
        let times = facts.map(|facts| facts.latencies_ms.as_slice()).unwrap_or_default();
        page.fact("took", &took(latency, times, page.model.glyphs.is_ascii()));
    }
    page.time("checked", probe.checked_at);
    if let Some(retry) = probe.retry_at {
        let left = countdown(retry, page.model.now).map(|left| format!("in {left}, "));
        let retry = Timestamp::new(retry.as_second(), 0).unwrap_or(retry);
        page.fact("not before", &format!("{}{retry}", left.unwrap_or_default()));
    }
    if !probe.missing_models.is_empty() {
        page.fact("cannot see", &probe.missing_models.join(", "));
    }
}

/// The newest time, and beside it those of the last answers of the same host.
fn took(latency: u64, times: &[u64], ascii: bool) -> String {
    let (Some(least), Some(most), 2..) = (times.iter().min(), times.iter().max(), times.len())
    else {
        return format!("{latency} ms");
    };
    let line = if ascii { String::new() } else { format!("{}  ", sparkline(times)) };
    format!("{latency} ms  {line}{least} to {most} ms, the last {} here", times.len())
}

/// A file full of odd lines must not push the rest off the page.
const MOST_PROBLEMS: usize = 12;

fn places_section(page: &mut Page<'_>, row: &Row) {
    page.section("Places");
    if row.occurrences.is_empty() {
        match &row.place {
            Some(place) => page.fact("looked at", &place.to_string()),
            None => page.fact("looked at", row.kind.name()),
        }
    }
    for occurrence in &row.occurrences {
        let model = page.model;
        let from_here =
            row.kind == LayerKind::Dotenv && occurrence.origin == Origin::ShellEnvironment;
        let at_start = row.running && occurrence.origin == Origin::LaunchEnvironment;
        let name = match (occurrence.wins, from_here, at_start) {
            (true, ..) => "wins",
            (false, true, _) => "from here",
            (false, _, true) => "at start",
            (false, false, false) => "no effect",
        };
        let style = if occurrence.wins { model.styles.heading } else { model.styles.dim };
        let mut spans = Vec::new();
        if let Yield::Value(key) = &occurrence.yields {
            spans.push(parts::mark(model, &key.fingerprint));
            spans.push(Span::raw(" "));
        }
        let text = occurrence_text(occurrence);
        spans.push(Span::styled(model.glyphs.own(&text), style));
        page.spans(name, spans);
    }
    for other in &row.other_readings {
        let seen = match &other.state {
            State::Found(key) => key.label(),
            other => other.name().to_owned(),
        };
        page.fact("others see", &format!("{seen}  {} ({})", other.reader, other.because));
    }
    for trapped in &row.traps {
        let text = format!("{}: {}  {}", trapped.trap.name(), trapped.trap.text(), trapped.place);
        page.fact("trap", &text);
    }
    for problem in row.problems.iter().take(MOST_PROBLEMS) {
        page.fact("noticed", &format!("{}: {}", problem.place, problem.text));
    }
    if let Some(more) = row.problems.len().checked_sub(MOST_PROBLEMS).filter(|more| *more > 0) {
        page.fact("noticed", &format!("and {more} more"));
    }
}

fn occurrence_text(occurrence: &Occurrence<Key>) -> String {
    let value = match &occurrence.yields {
        Yield::Value(key) => key.told(),
        Yield::Unset => "unset".into(),
        Yield::Inherited => "passed through from the environment".into(),
        Yield::Opaque(reason) => reason.text().into(),
    };
    let origin = match &occurrence.origin {
        Origin::File => None,
        Origin::ComposeEnvironment => Some("environment: of the service".to_owned()),
        Origin::ComposeEnvFile => Some("env_file: of the service".to_owned()),
        Origin::ComposeDotenv => Some("the project's .env".to_owned()),
        Origin::ComposeMount(path) => Some(format!("the file {path} in the container")),
        Origin::ShellEnvironment => Some("this shell".to_owned()),
        Origin::CiScope(scope) => Some(format!("scope {scope}")),
        Origin::CiReference(name) => Some(format!("takes {name}")),
        Origin::LaunchEnvironment => Some("launched with".to_owned()),
        Origin::LiveEnvironment => Some("holds now".to_owned()),
        Origin::ContainerEnvironment => Some("created with".to_owned()),
        Origin::UnitEnvironment => Some("Environment= of the unit".to_owned()),
        Origin::UnitEnvironmentFile => Some("EnvironmentFile= of the unit".to_owned()),
        Origin::ManagerCopy => Some("what a plain restart would give it".to_owned()),
        Origin::ManagerSaved => Some("saved for the next boot".to_owned()),
    };
    let origin = origin.map(|origin| format!("  ({origin})")).unwrap_or_default();
    format!("{value}  {}  {}{origin}", occurrence.variable, occurrence.place)
}

fn container_facts(page: &mut Page<'_>, container: &ContainerFacts) {
    let short: String = container.id.chars().take(12).collect();
    let text = format!("{}, {} ({short})", container.who(), container.state);
    page.fact("container", &text);
    if let Some(labels) = &container.compose {
        let number = labels.number.map(|number| format!(", number {number}")).unwrap_or_default();
        let text = format!("project {}, service {}{number}", labels.project, labels.service);
        page.fact("compose", &text);
        for file in &labels.files {
            page.fact("created by", file);
        }
    }
    for pinned in &container.pinned {
        page.fact("pinned", &format!("{} from {}", pinned.target, pinned.source));
    }
    if let Some(remedy) = &container.remedy {
        page.fact("to be sure", remedy);
    }
}

fn evidence_section(page: &mut Page<'_>, row: &Row) {
    let evidence = &row.evidence;
    page.section("Evidence");
    page.fact("kind", row.kind.name());
    if let Some(reader) = &evidence.reader {
        let because = evidence.reader_because.as_ref();
        let because = because.map(|because| format!(" (inferred: {because})")).unwrap_or_default();
        page.fact("read as", &format!("{reader}{because}"));
    }
    let own = row.own_container();
    page.time("created", own.and_then(|container| container.created_at));
    page.time("started", evidence.started_at);
    page.time("written", evidence.modified_at);
    if evidence.changed_at != evidence.modified_at {
        page.time("replaced", evidence.changed_at);
    }
    page.time("updated", evidence.updated_at);
    page.time("run", evidence.read_at);
    if let Some(container) = own {
        container_facts(page, container);
    }
    if let Some(process) = &evidence.process {
        let container =
            process.container.as_ref().map(|id| format!(", in container {id}")).unwrap_or_default();
        page.fact(
            "process",
            &format!("{} ({}), user {}{container}", process.program, process.pid, process.user),
        );
        if let Some(ancestor) = process.oldest_ancestor.filter(|pid| *pid != process.pid) {
            page.fact("belongs to", &format!("pid {ancestor}, the oldest of the same service"));
            page.time("itself since", process.started_at);
        }
        if let Some(supervisor) = &process.supervisor {
            let holds = match supervisor.holds {
                Some(true) => ", which has the variable itself and hands it down",
                Some(false) => ", which has no such variable: this process gets its own",
                None => "",
            };
            let text = format!("{} (pid {}){holds}", supervisor.kind.text(), supervisor.pid);
            page.fact("started by", &text);
        }
        if let Some(remedy) = &process.remedy {
            page.fact("to be sure", remedy);
        }
        if row.rank == Rank::Live && row.key().is_some() {
            page.fact("mind", "a client object built earlier may still hold the old key");
        }
    }
    if let Some(pod) = &evidence.pod {
        let text = format!(
            "{}, container {}, namespace {}, context {}",
            pod.name, pod.container, pod.namespace, pod.context
        );
        page.fact("pod", &text);
        if let Some(workload) = &pod.workload {
            let rolling = if pod.rolling_out { ", which is replacing its pods now" } else { "" };
            page.fact("made by", &format!("{workload}{rolling}"));
        }
    }
    for file in &evidence.files {
        page.fact("file", file);
    }
    if let Some(source) = &row.source {
        let linked = evidence.container.as_ref().and_then(|container| container.linked.as_ref());
        let because = linked.map(|linked| format!(" ({})", linked.because)).unwrap_or_default();
        page.fact("source", &format!("{source}{because}"));
    }
    if let Some(restart) = &row.restart {
        page.fact("restart with", restart);
    }
    if let Some(owner) = &row.owner {
        page.fact("owner", owner);
    }
}

fn context_section(page: &mut Page<'_>, row: &Row) {
    let context = &row.context;
    if context.organisation.is_none() && context.project.is_none() && context.base_url.is_none() {
        return;
    }
    page.section("Sent along with the key");
    if let Some(organisation) = &context.organisation {
        page.fact("organisation", organisation);
    }
    if let Some(project) = &context.project {
        page.fact("project", project);
    }
    if let Some(url) = &context.base_url {
        let variable =
            context.base_url_variable.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        page.fact("base URL", &format!("{url}{variable}"));
    }
}

/// Draws the page over everything else.
pub fn draw(model: &Model, scroll: usize, area: Rect, buffer: &mut Buffer) {
    let Some((index, row)) = model.selected_row() else { return };
    let size = area.as_size();
    let title = format!(
        " {} {dot} {} {dot} {} ",
        row.label(),
        row.identity.environment,
        row.identity.credential,
        dot = model.glyphs.dot
    );
    let inner = popup(model, &title, size, buffer);
    let lines = lines(model, index, row, usize::from(inner.width));
    scrolled(model, &lines, scroll, size, inner, buffer);
}

/// Draws lines in a popup from this one on, and says how many are below.
pub(super) fn scrolled(
    model: &Model,
    lines: &[Line<'static>],
    scroll: usize,
    size: Size,
    inner: Rect,
    buffer: &mut Buffer,
) {
    let height = usize::from(inner.height);
    let scroll = scroll.min(lines.len().saturating_sub(height));
    draw_lines(lines.get(scroll..).unwrap_or_default(), inner, buffer);
    let below = lines.len().saturating_sub(scroll + height);
    if below > 0 {
        let frame = layout::popup(size);
        let text = format!(" {below} more below ");
        let text = fit(&text, usize::from(frame.width.saturating_sub(4)), "").into_owned();
        let wide = width(&text) as u16;
        let place = Rect {
            x: frame.right().saturating_sub(wide + 2),
            y: frame.bottom().saturating_sub(1),
            width: wide,
            height: 1,
        };
        Line::from(Span::styled(text, model.styles.dim))
            .render(place.intersection(buffer.area), buffer);
    }
}

/// An empty box with a title over everything else; its inside is returned.
pub fn popup(model: &Model, title: &str, size: Size, buffer: &mut Buffer) -> Rect {
    let area = layout::popup(size).intersection(buffer.area);
    Clear.render(area, buffer);
    let title = fit(title, usize::from(area.width.saturating_sub(4)), model.glyphs.ellipsis);
    Block::bordered()
        .border_set(model.glyphs.border)
        .border_style(model.styles.border)
        .render(area, buffer);
    let title = Line::from(Span::styled(title.into_owned(), model.styles.heading));
    write_over(&title, area.x + 1.min(area.width), area.y, buffer);
    layout::popup_inner(size).intersection(buffer.area)
}

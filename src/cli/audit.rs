//! `stalekey audit`: what there is before a rotation, and its beginning.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufWriter, IsTerminal as _, Write as _},
};

use clap::{Args, ValueEnum};

use super::{
    Exit, Failure, dashboard, fingerprint,
    operator::operator,
    setting::{self, RunArguments, User},
};
use crate::{
    domain::{
        fingerprint::FingerprintKey,
        inert::quoted,
        rotation::{
            Checklist, Event, Member, NewKey, Opened, Opening, Rotation, Tick, checklist, open,
            progress,
        },
        snapshot::Snapshot,
    },
    engine::{self, Setup},
    report,
    rotation::{Failed, History},
    tui::action::Action,
};

/// What to do besides looking.
#[derive(Debug, Clone, Args)]
pub(super) struct Options {
    /// How to write the checklist [default on a terminal: a walk through the layers]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Begin a rotation: what every layer holds now is recorded
    #[arg(long)]
    start: bool,
    /// The new key: its fingerprint, its last four characters, or `-` to type it (never shown)
    #[arg(long, value_name = "FINGERPRINT|LAST4|-")]
    new: Option<String>,
    /// Tick a layer off
    #[arg(long, value_name = "LAYER")]
    tick: Vec<String>,
    /// Keep a note on a layer
    #[arg(long, value_name = "LAYER=TEXT")]
    note: Vec<String>,
    /// Give an open rotation up
    #[arg(long, value_name = "ROTATION")]
    give_up: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// With boxes to tick
    #[default]
    Markdown,
    /// For programs
    Json,
}

impl Options {
    /// Nothing was asked for but to look.
    const fn is_a_walk(&self) -> bool {
        self.format.is_none()
            && !self.start
            && self.new.is_none()
            && self.tick.is_empty()
            && self.note.is_empty()
    }
}

pub(super) fn run(arguments: &RunArguments, options: &Options) -> Result<Exit, Failure> {
    let user = setting::user()?;
    if let Some(rotation) = &options.give_up {
        return give_up(arguments, &user, rotation);
    }
    if options.is_a_walk() && io::stdout().is_terminal() {
        return dashboard::open(setting::setup(arguments, &user)?, &user, Some(Action::Audit));
    }
    let scope = Scope::of(arguments, &user)?;
    let new = options.new.as_deref().map(|text| new_key(text, &scope, &user)).transpose()?;
    let snapshot = look(setting::setup(arguments, &user)?)?;
    let mut rotations = scope.history()?.rotations();
    if options.start {
        for credential in &scope.credentials {
            let opened = opened(&snapshot, credential, new.as_ref(), &rotations, &scope)?;
            rotations = scope.append(Event::Opened(Box::new(opened)))?.rotations();
        }
    } else if let Some(new) = new {
        let id = the_open_one(&rotations, &scope)?.id.clone();
        rotations = scope.append(Event::NewKey { rotation: id, new })?.rotations();
    }
    for event in ticks(options, &rotations, &scope, &snapshot, &user)? {
        rotations = scope.append(event)?.rotations();
    }
    let checklists = checklists(&snapshot, &rotations, &scope);
    let mut out = BufWriter::new(io::stdout().lock());
    match options.format.unwrap_or_default() {
        Format::Markdown => report::checklist::markdown(&checklists, &mut out)?,
        Format::Json => report::checklist::json(&checklists, &mut out)?,
    }
    out.flush()?;
    if options.start {
        say_what_is_next(&rotations, &scope);
    }
    Ok(Exit::Success)
}

/// What is rotated, and where that is recorded.
pub(super) struct Scope {
    /// The credentials that are meant.
    pub credentials: Vec<String>,
    environments: Vec<String>,
    /// Nothing was typed that narrows it.
    everything: bool,
    fingerprint_key: FingerprintKey,
    providers: BTreeMap<String, String>,
    digest: Option<String>,
    history: std::path::PathBuf,
}

impl Scope {
    fn of(arguments: &RunArguments, user: &User) -> Result<Self, Failure> {
        let setup = setting::setup(arguments, user)?;
        let chosen = |given: &[String], all: Vec<String>| {
            if given.is_empty() { all } else { given.to_vec() }
        };
        let inventory = &setup.inventory;
        let credentials = inventory.credentials.iter().map(|it| it.id.clone()).collect();
        let environments = inventory.environments.iter().map(|it| it.name.clone()).collect();
        Ok(Self {
            credentials: chosen(&arguments.credential, credentials),
            environments: chosen(&arguments.environment, environments),
            everything: arguments.credential.is_empty(),
            fingerprint_key: setup.fingerprint_key.clone(),
            providers: inventory
                .credentials
                .iter()
                .filter_map(|it| Some((it.id.clone(), it.provider.clone()?)))
                .collect(),
            digest: inventory.digest.clone(),
            history: setup.rotations.history.ok_or_else(|| {
                Failure::Message(
                    "error: There is no home folder, so nothing can be recorded\n\nhint: set HOME"
                        .to_owned(),
                )
            })?,
        })
    }

    fn provider(&self, credential: &str) -> Option<&str> {
        self.providers.get(credential).map(String::as_str)
    }

    fn history(&self) -> Result<History, Failure> {
        History::read(&self.history).map_err(|failed| message(&failed))
    }

    fn append(&self, event: Event) -> Result<History, Failure> {
        History::append(&self.history, event, &operator()).map_err(|failed| message(&failed))
    }

    fn covers(&self, rotation: &Rotation) -> bool {
        self.credentials.contains(&rotation.credential)
            && rotation.environments.iter().any(|name| self.environments.contains(name))
    }
}

fn message(failed: &Failed) -> Failure {
    Failure::Message(failed.to_string())
}

/// One pass.
pub(super) fn look(setup: Setup) -> Result<std::sync::Arc<Snapshot>, Failure> {
    engine::check(setup, |_| {})
        .map_err(|_| Failure::Message("error: The system gives no runtime".to_owned()))
}

/// The rotation that begins with this picture.
fn opened(
    snapshot: &Snapshot,
    credential: &str,
    new: Option<&NewKey>,
    rotations: &[Rotation],
    scope: &Scope,
) -> Result<Opened, Failure> {
    if scope.everything && scope.credentials.len() > 1 {
        let known: Vec<String> = scope.credentials.iter().map(|id| quoted(id)).collect();
        return Err(Failure::Message(format!(
            "error: Which credential is rotated?\n\nhint: name one with `--credential`: {}",
            known.join(", ")
        )));
    }
    let opening = Opening {
        credential: credential.to_owned(),
        environments: scope.environments.clone(),
        new: new.cloned(),
        fingerprint_id: scope.fingerprint_key.id().to_owned(),
        inventory: scope.digest.clone(),
    };
    open(opening, &snapshot.rows, rotations)
        .map_err(|why| Failure::Message(format!("error: {}", capitalised(&why.to_string()))))
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).collect()
}

/// The open rotation that is meant.
fn the_open_one<'a>(rotations: &'a [Rotation], scope: &Scope) -> Result<&'a Rotation, Failure> {
    let open: Vec<&Rotation> =
        rotations.iter().filter(|rotation| rotation.is_open() && scope.covers(rotation)).collect();
    match open.as_slice() {
        [only] => Ok(only),
        [] => Err(Failure::Message(
            "error: No rotation is open\n\nhint: `stalekey audit --start` begins one".to_owned(),
        )),
        many => {
            let ids: Vec<&str> = many.iter().map(|rotation| rotation.id.as_str()).collect();
            Err(Failure::Message(format!(
                "error: Several rotations are open: {}\n\nhint: narrow it with `--credential` or \
                 `--environment`",
                ids.join(", ")
            )))
        }
    }
}

fn give_up(arguments: &RunArguments, user: &User, id: &str) -> Result<Exit, Failure> {
    let scope = Scope::of(arguments, user)?;
    let rotations = scope.history()?.rotations();
    if !rotations.iter().any(|rotation| rotation.id == id && rotation.is_open()) {
        let open: Vec<&str> =
            rotations.iter().filter(|it| it.is_open()).map(|it| it.id.as_str()).collect();
        let open = if open.is_empty() { "none is".to_owned() } else { open.join(", ") };
        return Err(Failure::Message(format!(
            "error: No such rotation is open\n\nhint: open: {open}"
        )));
    }
    scope.append(Event::GivenUp { rotation: id.to_owned() })?;
    writeln!(io::stdout(), "{id} was given up; its old keys are old no more")?;
    Ok(Exit::Success)
}

/// How a person names the new key. A key itself is no argument (SECURITY P5); typed, only its
/// fingerprint is kept.
fn new_key(text: &str, scope: &Scope, user: &User) -> Result<NewKey, Failure> {
    const FORMS: &str = "hint: give its fingerprint (`stalekey fingerprint`), its last four \
                         characters as the provider's dashboard shows them, or `-` to type it";
    if text == "-" {
        let [credential] = scope.credentials.as_slice() else {
            return Err(Failure::Message(
                "error: Whose new key is typed?\n\nhint: name one credential with `--credential`"
                    .to_owned(),
            ));
        };
        let provider = scope.provider(credential);
        return fingerprint::typed(&scope.fingerprint_key, &user.catalogue, provider)
            .map(NewKey::Fingerprint);
    }
    let plain =
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if text.len() == 4 && plain {
        return Ok(NewKey::Last4(text.to_owned()));
    }
    let exported = text.starts_with("keyfp1:") || text.starts_with("keyfpk1:");
    let characters = text.bytes().filter(|byte| *byte != b'-').count();
    let shown = characters >= 10
        && text.len() < 34
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-');
    if exported && text.split(':').count() == 3 || shown {
        return Ok(NewKey::Fingerprint(text.to_owned()));
    }
    Err(Failure::Message(format!(
        "error: `--new`: that is no fingerprint and no four characters\n\n{FORMS}"
    )))
}

/// What `--tick` and `--note` record.
fn ticks(
    options: &Options,
    rotations: &[Rotation],
    scope: &Scope,
    snapshot: &Snapshot,
    user: &User,
) -> Result<Vec<Event>, Failure> {
    if options.tick.is_empty() && options.note.is_empty() {
        return Ok(Vec::new());
    }
    let rotation = the_open_one(rotations, scope)?;
    let mut changed: BTreeMap<Member, Tick> = BTreeMap::new();
    let mut change = |layer: &str, note: Option<&str>| {
        let members: BTreeSet<Member> = snapshot
            .rows
            .iter()
            .filter(|row| rotation.covers(&row.identity.environment, &row.identity.credential))
            .map(|row| Member::of(&row.identity))
            .filter(|member| member.layer == layer || member.label() == layer)
            .collect();
        if members.is_empty() {
            return Err(Failure::Message(format!(
                "error: Rotation {} has no layer of that name\n\nhint: names are those of the \
                 inventory",
                rotation.id
            )));
        }
        for member in members {
            let known = rotation.ticks.get(&member).cloned().unwrap_or_default();
            let tick = changed.entry(member).or_insert(known);
            match note {
                Some(note) => tick.note = Some(note.to_owned()),
                None => tick.done = true,
            }
        }
        Ok(())
    };
    for layer in &options.tick {
        change(layer, None)?;
    }
    for text in &options.note {
        let (layer, note) = text
            .split_once('=')
            .ok_or_else(|| Failure::Message("error: `--note` takes LAYER=TEXT".to_owned()))?;
        if user.catalogue.finds_a_key(note) {
            return Err(Failure::Message(
                "error: A note must hold no key: it is written down".to_owned(),
            ));
        }
        change(layer, Some(&crate::domain::inert::inert(note)))?;
    }
    let event = |(member, tick)| Event::Page { rotation: rotation.id.clone(), member, tick };
    Ok(changed.into_iter().map(event).collect())
}

/// One checklist for each credential: of its open rotation, or of what a rotation would be.
fn checklists(snapshot: &Snapshot, rotations: &[Rotation], scope: &Scope) -> Vec<Checklist> {
    scope
        .credentials
        .iter()
        .filter_map(|credential| {
            let open = rotations
                .iter()
                .find(|it| it.is_open() && it.credential == *credential && scope.covers(it));
            let rotation = match open {
                Some(open) => open.clone(),
                None => Rotation::imagined(credential, &scope.environments, snapshot.generated_at),
            };
            let progress = progress(&rotation, &[], &snapshot.rows, &[]);
            (!progress.members.is_empty())
                .then(|| checklist(&progress, &snapshot.rows, &snapshot.findings))
        })
        .collect()
}

fn say_what_is_next(rotations: &[Rotation], scope: &Scope) {
    for rotation in rotations.iter().filter(|it| it.is_open() && scope.covers(it)) {
        let next = match &rotation.new {
            None => format!(
                "name the new key when there is one: `stalekey audit --credential {} --new …`",
                rotation.credential
            ),
            Some(_) => "`stalekey confirm` says how far it is".to_owned(),
        };
        let _ = writeln!(
            io::stderr(),
            "rotation {} is open: {} layers recorded; {next}",
            rotation.id,
            rotation.baseline.len()
        );
    }
}

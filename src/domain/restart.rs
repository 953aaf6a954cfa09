//! What a restart would load, and a reload, a new container, a roll-out: computed from what the
//! layers hold now and from what starts the process.
//!
//! What starts a process is one arm of `Starter`; which environment each action gives to what it
//! starts is its table. Whether a program takes its key from that environment or loads it itself is
//! told by what it was launched with. What cannot be told is [`Gives::Unknown`], with the reason.

mod starter;
mod way;

#[cfg(test)]
mod tests;

use self::{
    starter::{Environment, Starter, starters},
    way::{Way, way},
};
use crate::domain::{
    chain::Sources,
    container::ContainerFacts,
    diagnosis::{Finding, Fix, Severity},
    inert::quoted,
    key::Key,
    layer::{Instance, LayerKind},
    mask::length_bucket,
    reading::{MissingReason, Origin, State, Yield},
    snapshot::{Row, RowIdentity},
    trap::Trap,
};

/// What a person can do so that something that runs takes a new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Save a source file: a watcher starts the program again.
    SaveSource,
    /// Tell its master to start new workers (`kill -HUP`).
    Reload,
    /// Stop it and start it again, with what starts it.
    Restart,
    /// Restart it under PM2 with the environment of the shell that says so.
    UpdateEnvironment,
    /// Let supervisord read its configuration again, and start what was changed.
    RereadAndUpdate,
    /// Put a new container in the place of the old one.
    Recreate,
    /// Let systemd read its units again, then restart it.
    ReloadDaemonAndRestart,
    /// Apply the manifests, and let new pods take the place of the old ones.
    RollOut,
}

impl Action {
    /// The word of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SaveSource => "save_source",
            Self::Reload => "reload",
            Self::Restart => "restart",
            Self::UpdateEnvironment => "update_env",
            Self::RereadAndUpdate => "reread_and_update",
            Self::Recreate => "recreate",
            Self::ReloadDaemonAndRestart => "daemon_reload_and_restart",
            Self::RollOut => "roll_out",
        }
    }

    /// What a table calls it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::SaveSource => "save source",
            Self::Reload => "reload (HUP)",
            Self::Restart => "restart",
            Self::UpdateEnvironment => "--update-env",
            Self::RereadAndUpdate => "reread, update",
            Self::Recreate => "recreate",
            Self::ReloadDaemonAndRestart => "daemon-reload",
            Self::RollOut => "roll out",
        }
    }

    /// What a sentence calls it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::SaveSource => "saving a source file",
            Self::Reload => "a reload (HUP)",
            Self::Restart => "a restart",
            Self::UpdateEnvironment => "a restart with --update-env",
            Self::RereadAndUpdate => "`reread` and `update`",
            Self::Recreate => "a new container",
            Self::ReloadDaemonAndRestart => "a daemon-reload and a restart",
            Self::RollOut => "a roll-out",
        }
    }
}

/// What a program would have after an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gives {
    /// This key.
    Key(Key),
    /// No value, or an empty one.
    Nothing,
    /// It cannot be known.
    Unknown,
}

impl Gives {
    fn of(key: &Key) -> Self {
        if key.length_bucket == Some(length_bucket(0)) {
            Self::Nothing
        } else {
            Self::Key(key.clone())
        }
    }

    /// The word of the contract.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Nothing => "nothing",
            Self::Unknown => "unknown",
        }
    }

    /// The key, where it is one.
    pub const fn key(&self) -> Option<&Key> {
        match self {
            Self::Key(key) => Some(key),
            _ => None,
        }
    }
}

/// What one action would do to one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// The action.
    pub action: Action,
    /// What the program would have then.
    pub gives: Gives,
    /// Whether that is the expected key; `None` where either is not known.
    pub helps: Option<bool>,
    /// Why, in a clause.
    pub because: String,
    /// How a person does it.
    pub how: Fix,
}

/// Whether a restart ends a finding, in words, and why it does not, where that is more than what the
/// finding says itself.
pub fn told<'a>(finding: &Finding, rows: &'a [Row]) -> Option<(&'static str, Option<&'a str>)> {
    let row = finding.rows.first().and_then(|index| rows.get(*index));
    let restart = row.and_then(Row::after_restart);
    let because =
        |helps: Option<bool>| restart.filter(|it| it.helps == helps).map(|it| it.because.as_str());
    match finding.restart_helps {
        Some(true) => Some(("a restart will help", None)),
        Some(false) => Some(("a restart will not help", because(Some(false)))),
        None if finding.severity == Severity::Error => {
            let because = because(None).filter(|_| {
                restart.is_some_and(|restart| matches!(restart.gives, Gives::Unknown))
            })?;
            Some(("what a restart would load is not known", Some(because)))
        }
        None => None,
    }
}

/// What stands between a row and the expected key, whatever is started again.
pub(super) enum Obstacle<'a> {
    /// This layer has to be updated first.
    Layer(&'a Row),
    /// This shell exports another key, and the reader of the file leaves it as it is.
    Shell,
}

/// What each action would do to a row that runs, the best one first. There is none for a row of
/// which nothing runs.
pub(super) fn predict(rows: &[Row], sources: &Sources<'_>, row: &Row) -> Vec<Prediction> {
    if !row.running || matches!(row.state, State::Missing(MissingReason::NotRunning)) {
        return Vec::new();
    }
    if row.evidence.process.is_none() && row.identity.instance.is_none() {
        return Vec::new();
    }
    let scene = Scene { rows, sources, row, configured: sources.configured(rows, row) };
    let offers = starters(row, scene.configured.as_ref());
    let last = offers.len();
    let mut predictions: Vec<(usize, Prediction)> = offers
        .into_iter()
        .map(|(starter, action, environment)| scene.prediction(starter, action, environment))
        .enumerate()
        .collect();
    // Of those that help the least that is enough comes first; else the most thorough one.
    predictions.sort_by_key(|(at, prediction)| match prediction.helps {
        Some(true) => (0, *at),
        None => (1, last - at),
        Some(false) => (2, last - at),
    });
    predictions.into_iter().map(|(_, prediction)| prediction).collect()
}

/// What has to be done before anything is started again.
pub(super) fn obstacle<'a>(
    rows: &'a [Row],
    sources: &Sources<'_>,
    row: &'a Row,
) -> Option<Obstacle<'a>> {
    let configured = sources.configured(rows, row)?.row;
    let expected = row.expected.as_ref()?.fingerprint;
    match &configured.state {
        State::Found(key) if Some(key.fingerprint) == expected => {
            of_this_shell(configured).map(|_| Obstacle::Shell)
        }
        State::Found(_) | State::Empty | State::Missing(_) => {
            Some(Obstacle::Layer(first_to_update(rows, sources, configured)))
        }
        State::Opaque(_) | State::Unreadable(_) => None,
    }
}

/// The nearest layer from which a start takes its value, and the running rows before it.
pub(super) struct Configured<'a> {
    pub(super) row: &'a Row,
    pub(super) through: Vec<&'a Row>,
}

/// One running row, and where its value comes from.
struct Scene<'a> {
    rows: &'a [Row],
    sources: &'a Sources<'a>,
    row: &'a Row,
    configured: Option<Configured<'a>>,
}

/// What is given, and why.
type Answer = (Gives, String);

impl Scene<'_> {
    fn prediction(
        &self,
        starter: Starter<'_>,
        action: Action,
        environment: Environment,
    ) -> Prediction {
        let (gives, because) = match environment {
            Environment::Kept => self.kept(starter),
            Environment::Started => self.started(starter, action),
            Environment::Beyond => self.beyond(),
            Environment::Configured => self.configured(),
            Environment::AsLoaded(words) => self.as_loaded(words),
        };
        let helps = self.helps(&gives);
        let how = Fix {
            text: starter.how(action, &gives, helps),
            command: self.command(starter, action),
        };
        Prediction { action, gives, helps, because, how }
    }

    fn helps(&self, gives: &Gives) -> Option<bool> {
        let expected = self.row.expected.as_ref()?;
        match gives {
            Gives::Key(key) => Some(Some(key.fingerprint) == expected.fingerprint),
            Gives::Nothing => Some(false),
            Gives::Unknown => None,
        }
    }

    /// The environment stays; what the program does with it decides.
    fn kept(&self, starter: Starter<'_>) -> Answer {
        match way(self.row, starter) {
            Way::Inherits(key) => (Gives::of(&key), starter.hands_down()),
            Way::Unknown(why) => (Gives::Unknown, why),
            Way::LoadsItself => match &self.configured {
                Some(Configured { row, .. }) if !is_loaded_by_programs(row) => {
                    let why = format!(
                        "the program loads it itself, and {} is not what a program loads",
                        name(row)
                    );
                    (Gives::Unknown, why)
                }
                Some(_) => {
                    let (gives, why) = self.configured();
                    (gives, format!("the program loads it itself, and {why}"))
                }
                None => self.configured(),
            },
        }
    }

    /// It is started anew where a person, or the command of the inventory, starts it.
    fn started(&self, starter: Starter<'_>, action: Action) -> Answer {
        let configured = self.configured.as_ref().map(|configured| configured.row);
        if let Some((key, reader)) = configured.and_then(of_this_shell) {
            let variable = self.row.variable.as_deref().unwrap_or("the variable");
            let why = format!(
                "this shell exports it, and {reader} leaves a variable that is there: `unset \
                 {variable}` first, or start it elsewhere"
            );
            return (Gives::of(key), why);
        }
        let (gives, why) = self.configured();
        let from_a_shell = self.configured.as_ref().is_some_and(|configured| {
            matches!(configured.row.kind, LayerKind::Dotenv | LayerKind::ShellFile)
        });
        let inherits = way::launched_with(self.row).is_some();
        let told = from_a_shell && self.row.restart.is_none() && inherits;
        let hands_over = action == Action::UpdateEnvironment && from_a_shell;
        if gives.key().is_some() && (told || hands_over) && !starter.loads_a_file_itself() {
            let source = self.configured.as_ref().map_or_else(String::new, |it| name(it.row));
            let why = format!("{why}; load {source} again into the shell that starts it");
            return (gives, why);
        }
        (gives, why)
    }

    /// What the nearest layer has now.
    fn configured(&self) -> Answer {
        let Some(Configured { row, .. }) = &self.configured else {
            let why = match &self.row.source {
                Some(source) => format!("`{source}` has no row of this credential"),
                None => format!(
                    "the inventory does not say what `{}` takes its value from; add `source = \
                     \"…\"` to that layer",
                    self.row.identity.layer
                ),
            };
            return (Gives::Unknown, why);
        };
        let source = name(row);
        match &row.state {
            State::Found(key) => (Gives::of(key), self.has_now(row, key)),
            State::Empty => (Gives::Nothing, format!("{source} defines it without a value")),
            State::Missing(reason) => {
                (Gives::Nothing, format!("{source} does not have it: {}", reason.text()))
            }
            State::Opaque(reason) => {
                (Gives::Unknown, format!("what {source} has cannot be known: {}", reason.text()))
            }
            State::Unreadable(why) => {
                (Gives::Unknown, format!("{source} could not be read: {}", why.detail))
            }
        }
    }

    fn has_now(&self, row: &Row, key: &Key) -> String {
        let source = name(row);
        let expected = self.row.expected.as_ref();
        if expected.is_some_and(|expected| expected.fingerprint != Some(key.fingerprint)) {
            let first = first_to_update(self.rows, self.sources, row);
            return if std::ptr::eq(first, row) {
                format!("{source} still has that key, so update it first")
            } else {
                format!("{source} still has that key, from {}, so update that first", name(first))
            };
        }
        match row.kind {
            LayerKind::Shell => "this shell has that key, and a start from it takes it".to_owned(),
            LayerKind::ShellFile => {
                format!("{source} has that key now; a shell that is open keeps what it has")
            }
            LayerKind::Export => format!("{source} had that key when it was exported"),
            _ => format!("{source} has that key now"),
        }
    }

    /// What the source of the manager's own copy has now.
    fn beyond(&self) -> Answer {
        let copy = self.configured.as_ref().map(|configured| configured.row);
        let source = copy.and_then(|copy| self.sources.index(copy)).map(|index| &self.rows[index]);
        match source.map(|source| (source, source.key())) {
            Some((source, Some(key))) => (Gives::of(key), self.has_now(source, key)),
            Some((source, None)) => {
                (Gives::Unknown, format!("what {} has cannot be known", name(source)))
            }
            None => (
                Gives::Unknown,
                "it takes what the shell has in which it is typed; name the layer that the shell \
                 loads as its `source`"
                    .to_owned(),
            ),
        }
    }

    /// The manager has read its configuration before, and has not been told to read it again.
    fn as_loaded(&self, words: &str) -> Answer {
        let copy = self.row.occurrences.iter().find_map(|occurrence| match &occurrence.yields {
            Yield::Value(key) if occurrence.origin == Origin::ManagerCopy => Some(key),
            _ => None,
        });
        if let Some(key) = copy {
            return (Gives::of(key), "that is what its manager has loaded".to_owned());
        }
        let (gives, why) = self.configured();
        let reads_at_each_start = self.configured.as_ref().is_some_and(|configured| {
            configured.row.occurrences.iter().any(|occurrence| {
                occurrence.wins && occurrence.origin == Origin::UnitEnvironmentFile
            })
        });
        let unchanged = gives.key().is_some_and(|key| Some(key) == self.row.key());
        if reads_at_each_start || unchanged || matches!(gives, Gives::Unknown) {
            return (gives, why);
        }
        (Gives::Unknown, words.to_owned())
    }

    /// The container that it is, or runs in.
    fn container(&self) -> Option<&ContainerFacts> {
        let own = self.row.evidence.container.as_deref();
        let through = self.configured.iter().flat_map(|configured| &configured.through);
        own.or_else(|| through.copied().find_map(Row::own_container))
    }

    /// The one command that does it: the inventory's, unless it is one that keeps the environment.
    fn command(&self, starter: Starter<'_>, action: Action) -> Option<String> {
        if action == Action::Reload {
            return starter.pid().map(|pid| format!("kill -HUP {pid}"));
        }
        if action == Action::SaveSource {
            return None;
        }
        let own = self.row.restart.as_deref().filter(|own| match action {
            Action::Restart => true,
            Action::Recreate => !only_restarts(own) && !ContainerFacts::keeps_environment(own),
            _ => !only_restarts(own),
        });
        if let Some(own) = own {
            return Some(own.to_owned());
        }
        match (starter, action, self.container()) {
            (Starter::Managed(manager), Action::Restart, _) => return Some(manager.restart()),
            (Starter::Managed(manager), Action::UpdateEnvironment, _) => return manager.update(),
            (Starter::Managed(manager), ..) => {
                let reload = manager.reload()?;
                return Some(format!("{reload} && {}", manager.restart_loaded()));
            }
            (_, Action::Recreate, Some(container)) => return container.recreate(),
            (_, Action::Restart, Some(container)) => return Some(container.restart()),
            _ => {}
        }
        let configured = self.configured.as_ref()?.row;
        match (action, &configured.identity.instance) {
            (Action::Recreate, Some(Instance::Service(service)))
                if configured.kind == LayerKind::Compose =>
            {
                Some(format!("docker compose up -d --no-deps --force-recreate {}", quoted(service)))
            }
            _ => None,
        }
    }
}

/// What this shell exports, and who would leave it as it is: a start from here then gets that,
/// whatever the file says.
fn of_this_shell(row: &Row) -> Option<(&Key, &str)> {
    let keeps = row.traps.iter().any(|trapped| trapped.trap == Trap::ShellShadowsFile);
    let exported = row.occurrences.iter().find_map(|occurrence| match &occurrence.yields {
        Yield::Value(key)
            if occurrence.origin == Origin::ShellEnvironment
                && Some(&occurrence.variable) == row.variable.as_ref() =>
        {
            Some(key)
        }
        _ => None,
    })?;
    let reads_files = row.kind == LayerKind::Dotenv;
    (keeps && reads_files)
        .then(|| (exported, row.evidence.reader.as_deref().unwrap_or("its reader")))
}

/// Of a layer with the wrong key, the one that it has it from.
fn first_to_update<'a>(rows: &'a [Row], sources: &Sources<'_>, row: &'a Row) -> &'a Row {
    let mut first = row;
    for _ in 0..rows.len() {
        match sources.index(first).map(|index| &rows[index]) {
            Some(next) if !next.running && next.key() == first.key() => first = next,
            _ => break,
        }
    }
    first
}

/// A command that starts the same thing again, with the environment it has.
fn only_restarts(command: &str) -> bool {
    const REFRESH: [&str; 3] = ["--update-env", "daemon-reload", "rollout"];
    let words = || command.split_ascii_whitespace();
    words().any(|word| matches!(word, "restart" | "reload" | "start"))
        && !words().any(|word| REFRESH.contains(&word) || word.contains("ecosystem"))
}

/// A program can load it itself; what else gives it a value does so through its environment.
fn is_loaded_by_programs(row: &Row) -> bool {
    let is_mount =
        row.occurrences.iter().any(|it| it.wins && matches!(it.origin, Origin::ComposeMount(_)));
    matches!(row.kind, LayerKind::Dotenv | LayerKind::Export) || is_mount
}

fn name(row: &Row) -> String {
    let RowIdentity { layer, instance, host, .. } = &row.identity;
    format!("`{}`", crate::domain::layer::row_label(layer, instance.as_ref(), host.as_deref()))
}

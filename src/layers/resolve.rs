//! From what a layer contains to one reading per credential; the same for every kind.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use regex::Regex;

use crate::{
    domain::{
        credential::{CompanionFacts, CredentialFacts},
        layer::Instance,
        place::Place,
        reading::{
            Evidence, MissingReason, Occurrence, OpaqueReason, Origin, OtherReading, Problem, Rank,
            Reading, RequestContext, State, Unreadable, UnreadableKind, Yield,
        },
        secret::SecretValue,
        trap::{Trap, Trapped, of_value},
    },
    formats::{Contents, trap_of},
    inventory::{Layer, trust::Effect},
    layers::{companion, gate, near_miss::near_misses},
};

/// What one instance of a layer contains.
pub(super) struct Found {
    /// Tells instances of one layer apart.
    pub instance: Option<Instance>,
    /// The assignments, or why there are none.
    pub contents: Result<Arc<Contents>, Absence>,
    /// What it means when the contents do not define a variable.
    pub undefined: Undefined,
    /// The place that was looked at.
    pub place: Option<Place>,
    /// How strong the evidence is.
    pub rank: Rank,
    /// What supports it.
    pub evidence: Evidence,
    /// When the platform last changed a variable, where it says so.
    pub updated_at: BTreeMap<String, Timestamp>,
    /// Traps that the bytes show, by variable; without one, of the whole layer.
    pub traps: Vec<(Option<String>, Trapped)>,
    /// Further plausible readers of the same place.
    pub others: Vec<Other>,
    /// What this shell defines of the variables that are looked for.
    pub shell: Vec<Occurrence<SecretValue>>,
    /// A variable that the process has already keeps its value.
    pub process_wins: bool,
    /// The variables that the environment of the process's supervisor has, where that is known.
    pub held_by_supervisor: Option<BTreeSet<String>>,
}

/// What another plausible reader sees.
pub(super) struct Other {
    /// Its name.
    pub reader: &'static str,
    /// What speaks for it.
    pub because: String,
    /// What it makes of the place.
    pub contents: Result<Arc<Contents>, Absence>,
}

/// Why a layer has no contents at all.
#[derive(Debug, Clone)]
pub(super) enum Absence {
    /// Nothing is there.
    Missing(MissingReason),
    /// Reading failed.
    Unreadable(Unreadable),
    /// It may not be read until somebody trusts the inventory to.
    Untrusted(Box<Effect>),
}

/// What it means when contents that were read do not define a variable.
#[derive(Debug, Clone, Copy)]
pub(super) enum Undefined {
    /// The consumer does not get it.
    Missing,
    /// The consumer may get it elsewhere.
    Opaque(OpaqueReason),
}

impl Found {
    /// Contents of a configuration: what a start would take.
    pub(super) fn configured(contents: Result<Contents, Absence>) -> Self {
        Self::of(contents.map(Arc::new))
    }

    /// The same of contents that others hold too.
    pub(super) fn of(contents: Result<Arc<Contents>, Absence>) -> Self {
        Self {
            instance: None,
            contents,
            undefined: Undefined::Missing,
            place: None,
            rank: Rank::Configured,
            evidence: Evidence::default(),
            updated_at: BTreeMap::new(),
            traps: Vec::new(),
            others: Vec::new(),
            shell: Vec::new(),
            process_wins: false,
            held_by_supervisor: None,
        }
    }
}

impl Found {
    /// A layer that may not be looked at, and why.
    pub(super) fn untrusted(would: String) -> Self {
        let evidence = Evidence { untrusted: vec![would], ..Evidence::default() };
        let undefined = Undefined::Opaque(OpaqueReason::Untrusted);
        Self { undefined, evidence, ..Self::configured(Ok(Contents::default())) }
    }
}

/// One reading for each of the layer's credentials.
pub(super) fn readings<'a>(
    layer: &'a Layer,
    credentials: &'a [&'a CredentialFacts],
    found: &'a Found,
) -> impl Iterator<Item = Reading<SecretValue>> + 'a {
    credentials.iter().map(|credential| reading(layer, credential, found))
}

fn reading(layer: &Layer, credential: &CredentialFacts, found: &Found) -> Reading<SecretValue> {
    let mut reading = Reading {
        layer: layer.name.clone(),
        environment: layer.environment.clone(),
        kind: layer.kind.kind(),
        credential: credential.id.clone(),
        host: None,
        instance: found.instance.clone(),
        variable: None,
        state: State::Missing(MissingReason::NotDefined),
        place: found.place.clone(),
        occurrences: Vec::new(),
        near_misses: Vec::new(),
        problems: Vec::new(),
        traps: Vec::new(),
        other_readings: Vec::new(),
        rank: found.rank,
        evidence: found.evidence.clone(),
        context: RequestContext::default(),
    };
    match &found.contents {
        Ok(contents) => {
            take_occurrences(&mut reading, credential, contents, found);
            reading.context = context(credential, contents);
            decide(&mut reading, credential, contents, found.undefined);
            reading.evidence.updated_at = reading
                .variable
                .as_ref()
                .and_then(|variable| found.updated_at.get(variable))
                .copied();
        }
        Err(absence) => reading.state = absence.state(),
    }
    if let Err(Absence::Untrusted(effect)) = &found.contents {
        gate::refused(effect, &mut reading.evidence);
    }
    if let (Some(process), Some(held)) = (&mut reading.evidence.process, &found.held_by_supervisor)
        && let Some(supervisor) = &mut process.supervisor
    {
        supervisor.holds = reading.variable.as_ref().map(|variable| held.contains(variable));
    }
    if !reading.evidence.untrusted.is_empty() {
        return untrusted(reading);
    }
    compare(&mut reading, credential, found);
    reading.traps = traps(&reading, credential, found);
    reading.occurrences.extend(
        found.shell.iter().filter(|shell| credential.variables.contains(&shell.variable)).cloned(),
    );
    reading
}

/// Where a part may not be read, it may decide otherwise than what was read: nothing is known, and
/// nothing is watched.
fn untrusted(mut reading: Reading<SecretValue>) -> Reading<SecretValue> {
    reading.state = State::Opaque(OpaqueReason::Untrusted);
    reading.evidence = Evidence { untrusted: reading.evidence.untrusted, ..Evidence::default() };
    reading.context = RequestContext::default();
    reading
}

impl Absence {
    fn state(&self) -> State<SecretValue> {
        match self {
            Self::Missing(reason) => State::Missing(*reason),
            Self::Unreadable(why) => State::Unreadable(why.clone()),
            Self::Untrusted(_) => State::Opaque(OpaqueReason::Untrusted),
        }
    }
}

/// The assignments and problems; those of a file that several layers share do not name it yet.
fn take_occurrences(
    reading: &mut Reading<SecretValue>,
    credential: &CredentialFacts,
    contents: &Contents,
    found: &Found,
) {
    let file = found.place.as_ref().and_then(|place| place.path.as_ref());
    let named = |place: &Place| match (file, &place.path) {
        (Some(file), None) => Place { path: Some(file.clone()), position: place.position },
        _ => place.clone(),
    };
    let own =
        |occurrence: &&Occurrence<SecretValue>| credential.variables.contains(&occurrence.variable);
    reading.occurrences.reserve_exact(contents.occurrences.iter().filter(own).count());
    reading.occurrences.extend(contents.occurrences.iter().filter(own).map(|occurrence| {
        match occurrence.origin {
            Origin::File => Occurrence { place: named(&occurrence.place), ..occurrence.clone() },
            _ => occurrence.clone(),
        }
    }));
    reading.problems = contents
        .problems
        .iter()
        .map(|problem| Problem { place: named(&problem.place), text: problem.text })
        .collect();
}

/// The first of the credential's variables that the layer defines, and what it comes to.
fn decisive<'a>(
    credential: &CredentialFacts,
    occurrences: &'a [Occurrence<SecretValue>],
) -> Option<(&'a Occurrence<SecretValue>, State<SecretValue>)> {
    credential.variables.iter().find_map(|variable| {
        let winner = occurrences
            .iter()
            .find(|occurrence| occurrence.wins && occurrence.variable == *variable)?;
        let state = match &winner.yields {
            Yield::Value(secret) if secret.is_empty() => State::Empty,
            Yield::Value(secret) => State::Found(secret.clone()),
            Yield::Opaque(reason) => State::Opaque(*reason),
            Yield::Unset | Yield::Inherited => return None,
        };
        Some((winner, state))
    })
}

fn decide(
    reading: &mut Reading<SecretValue>,
    credential: &CredentialFacts,
    contents: &Contents,
    undefined: Undefined,
) {
    if let Some((winner, state)) = decisive(credential, &reading.occurrences) {
        reading.variable = Some(winner.variable.clone());
        if winner.place.path.is_some() || winner.place.position.is_some() {
            reading.place = Some(winner.place.clone());
        }
        reading.state = state;
        return;
    }
    reading.variable = credential.variables.first().cloned();
    match undefined {
        Undefined::Opaque(reason) => reading.state = State::Opaque(reason),
        Undefined::Missing => {
            let names = contents.occurrences.iter().map(|occurrence| occurrence.variable.as_str());
            let names = names.chain(contents.other_names.iter().map(String::as_str));
            reading.near_misses = near_misses(&credential.variables, names);
        }
    }
}

/// Keeps the plausible readers that see something else.
fn compare(reading: &mut Reading<SecretValue>, credential: &CredentialFacts, found: &Found) {
    for other in &found.others {
        let state = match &other.contents {
            Ok(contents) => decisive(credential, &contents.occurrences)
                .map_or(State::Missing(MissingReason::NotDefined), |(_, state)| state),
            Err(absence) => absence.state(),
        };
        if state != reading.state {
            reading.other_readings.push(OtherReading {
                reader: other.reader.to_owned(),
                because: other.because.clone(),
                state,
            });
        }
    }
}

/// The traps of the deciding value and of the assignments beside it.
fn traps(
    reading: &Reading<SecretValue>,
    credential: &CredentialFacts,
    found: &Found,
) -> Vec<Trapped> {
    let place = reading.place.clone().unwrap_or(Place { path: None, position: None });
    let mut kinds: Vec<Trap> = Vec::new();
    match &reading.state {
        State::Found(value) => kinds.extend(of_value(value.expose())),
        State::Opaque(OpaqueReason::Dynamic | OpaqueReason::Reference) => {
            kinds.push(Trap::DynamicValue);
        }
        State::Unreadable(why) if why.kind == UnreadableKind::Refused && found.traps.is_empty() => {
            let place = why.place.clone().unwrap_or_else(|| place.clone());
            return vec![Trapped { trap: Trap::FileRejected, place }];
        }
        _ => {}
    }
    let of_variable: Vec<&Occurrence<SecretValue>> = reading
        .occurrences
        .iter()
        .filter(|occurrence| Some(&occurrence.variable) == reading.variable.as_ref())
        .collect();
    let mut in_files: Vec<&Option<String>> = of_variable
        .iter()
        .filter(|occurrence| occurrence.origin == Origin::File)
        .map(|occurrence| &occurrence.place.path)
        .collect();
    in_files.sort_unstable();
    if in_files.windows(2).any(|pair| pair.first() == pair.last()) {
        kinds.push(Trap::DuplicateKey);
    }
    let has_value = |occurrence: &Occurrence<SecretValue>| matches!(&occurrence.yields, Yield::Value(value) if !value.is_empty());
    let had_at_start =
        |occurrence: &&Occurrence<SecretValue>| occurrence.origin == Origin::LaunchEnvironment;
    if reading.state == State::Empty
        && of_variable.iter().any(|it| has_value(it) && !had_at_start(it))
    {
        kinds.push(Trap::EmptyShadows);
    }
    let winner = of_variable.iter().find(|occurrence| occurrence.wins);
    let loses = |occurrence: &&Occurrence<SecretValue>| {
        occurrence.origin == Origin::UnitEnvironment
            && winner.is_some_and(|winner| {
                winner.origin == Origin::UnitEnvironmentFile && winner.yields != occurrence.yields
            })
    };
    if of_variable.iter().copied().any(|occurrence| loses(&occurrence)) {
        kinds.push(Trap::WrongPrecedenceBelief);
    }
    let shell = found.shell.iter().find(|shell| Some(&shell.variable) == reading.variable.as_ref());
    if let (Some(shell), Some(winner)) = (shell, winner)
        && shell.yields != winner.yields
    {
        kinds.push(if found.process_wins {
            Trap::ShellShadowsFile
        } else {
            Trap::FileShadowsShell
        });
    }
    let mut traps: Vec<Trapped> =
        kinds.into_iter().map(|trap| Trapped { trap, place: place.clone() }).collect();
    let is_about = |variable: &Option<String>| {
        variable.as_ref().is_none_or(|variable| credential.variables.contains(variable))
    };
    let of_format = found.contents.as_ref().map_or(&[][..], |contents| &contents.traps);
    let noted = found.traps.iter().chain(of_format).filter(|(variable, _)| is_about(variable));
    traps.extend(noted.map(|(_, trap)| trap.clone()));
    traps.extend(told(reading));
    traps
}

/// Problems that are traps of the catalogue, at a line of one of the variables or of the file.
fn told(reading: &Reading<SecretValue>) -> impl Iterator<Item = Trapped> + '_ {
    let line = |place: &Place| (place.path.clone(), place.position.map(|at| at.line));
    reading.problems.iter().filter_map(move |problem| {
        let (trap, of_file) = trap_of(problem.text)?;
        let at = line(&problem.place);
        let is_own = || reading.occurrences.iter().any(|occurrence| line(&occurrence.place) == at);
        let is_below = || {
            reading.occurrences.iter().any(|occurrence| {
                let (path, line) = line(&occurrence.place);
                path == at.0 && line > at.1
            })
        };
        let applies = match (trap, of_file) {
            (Trap::InteractiveOnly, _) => is_below(),
            (_, of_file) => of_file || is_own(),
        };
        applies.then(|| Trapped { trap, place: problem.place.clone() })
    })
}

/// Companion variables are shown, so they are made inert here; none of them is secret.
fn context(credential: &CredentialFacts, contents: &Contents) -> RequestContext {
    let first = |variables: &[String], shown: fn(&[u8]) -> String| {
        variables.iter().find_map(|variable| match &contents.winner(variable)?.yields {
            Yield::Value(value) if !value.is_empty() => {
                Some((shown(value.expose()), variable.clone()))
            }
            _ => None,
        })
    };
    let base = first(&credential.base_url_variables, companion::address);
    RequestContext {
        organisation: first(&credential.organisation_variables, companion::identifier)
            .map(|(value, _)| value),
        project: first(&credential.project_variables, companion::identifier)
            .map(|(value, _)| value),
        base_url: base.as_ref().map(|(value, _)| value.clone()),
        base_url_variable: base.map(|(_, variable)| variable),
        companions: credential
            .companions
            .iter()
            .filter_map(|facts| Some((facts.name.clone(), companion(facts, contents)?)))
            .collect(),
    }
}

/// The first of the companion's variables that is defined, when it has the form of one.
fn companion(facts: &CompanionFacts, contents: &Contents) -> Option<String> {
    let winner = facts.variables.iter().find_map(|variable| contents.winner(variable))?;
    let Yield::Value(value) = &winner.yields else { return None };
    let text = str::from_utf8(value.expose()).ok()?;
    let pattern = Regex::new(&facts.pattern).ok()?;
    // `$` alone would let a newline at the end pass in other dialects; the whole value has to fit.
    let whole = pattern.find(text).is_some_and(|found| found.len() == text.len());
    whole.then(|| text.to_owned())
}

//! The judgement: readings and outcomes in, rows, findings and chains out. Pure.

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    age::{age, span},
    chain::{self, Chain, Sources},
    container::ContainerFacts,
    credential::CredentialFacts,
    diagnosis::{self, Finding, Scene},
    expectation::{Answered, Candidates, Wish},
    key::Key,
    layer::{Instance, LayerFacts, LayerKind},
    manager::Manager,
    outcome::{Outcome, ProbeReason, ProbeResult},
    reading::{Evidence, MissingReason, OpaqueReason, Rank, Reading, State, Unreadable},
    restart,
    rotation::Retired,
    snapshot::{Expected, ExpectedBy, Row, RowIdentity},
    verdict::{Certainty, Verdict},
};

/// A program that starts within this of a change may have read its file before it or after it.
const SAME_MOMENT: SignedDuration = SignedDuration::from_secs(2);

/// The kernel cuts a start off to the tick of its clock before it.
const TICK: SignedDuration = SignedDuration::from_millis(10);

/// Everything the judgement sees.
#[derive(Debug, Clone)]
pub struct Question {
    /// The layers of the inventory, in its order.
    pub layers: Arc<[LayerFacts]>,
    /// The credentials of the inventory, in its order.
    pub credentials: Vec<CredentialFacts>,
    /// The environments of the inventory, in its order.
    pub environments: Vec<String>,
    /// What the layers yield.
    pub readings: Vec<Reading<Key>>,
    /// What the provider says of each reading's key; as many as there are readings.
    pub probes: Vec<ProbeResult>,
    /// Which keys are wanted.
    pub wishes: Vec<Wish>,
    /// Keys that rotations replace, or have replaced.
    pub retired: Vec<Retired>,
    /// The present.
    pub now: Timestamp,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Rows, in the order of the inventory: environments, credentials, layers.
    pub rows: Vec<Row>,
    /// Findings over the rows.
    pub findings: Vec<Finding>,
    /// Chains over the rows.
    pub chains: Vec<Chain>,
}

/// Judges everything.
pub fn judge(question: Question) -> Judgement {
    let layers: HashMap<&str, &LayerFacts> =
        question.layers.iter().map(|layer| (layer.name.as_str(), layer)).collect();
    let layer_of = |reading: &Reading<Key>| layers.get(reading.layer.as_str()).copied();
    let groups = Groups::of(&question);
    let decisions: Vec<Decision> = question
        .readings
        .iter()
        .zip(&question.probes)
        .map(|(reading, probe)| {
            decide(&question, groups.get(reading), reading, probe, layer_of(reading))
        })
        .collect();
    let ranks = Ranks::of(&question.environments, &question.credentials, &question.layers);
    let mut rows: Vec<Row> = question
        .readings
        .into_iter()
        .zip(question.probes)
        .zip(decisions)
        .map(|((reading, probe), decision)| {
            let (layer, group) = (layer_of(&reading), groups.get(&reading));
            let retired = retired(&question.retired, &reading).cloned();
            row(reading, probe, decision, group, layer, retired)
        })
        .collect();
    rows.sort_by_cached_key(|row| ranks.of_row(row));
    predict(&mut rows);
    let chains = chain::chains(&rows);
    let scene = Scene::new(&rows, &question.credentials, question.now);
    let findings = diagnosis::detect(&scene);
    for (index, finding) in findings.iter().enumerate() {
        for row in &finding.rows {
            rows[*row].findings.push(index);
        }
    }
    Judgement { rows, findings, chains }
}

/// What starting them again would do to the rows that run.
fn predict(rows: &mut [Row]) {
    if rows.iter().all(|row| !row.running) {
        return;
    }
    let sources = Sources::of(rows);
    let after: Vec<_> = rows.iter().map(|row| restart::predict(rows, &sources, row)).collect();
    for (row, after) in rows.iter_mut().zip(after) {
        row.after = after;
    }
}

/// What holds for all rows of one (environment, credential).
struct Groups(HashMap<String, HashMap<String, Group>>);

struct Group {
    expected: Option<Expected>,
    expected_accepted: bool,
    pending: bool,
    keys_differ: bool,
}

impl Groups {
    fn of(question: &Question) -> Self {
        let mut groups: HashMap<String, HashMap<String, Group>> = HashMap::new();
        let mut by_credential: HashMap<&str, Vec<Answered>> = HashMap::new();
        for answered in question.readings.iter().zip(&question.probes) {
            by_credential.entry(&answered.0.credential).or_default().push(answered);
        }
        for (credential, answered) in &by_credential {
            let mut environments: Vec<&str> =
                answered.iter().map(|(reading, _)| reading.environment.as_str()).collect();
            environments.sort_unstable();
            environments.dedup();
            for environment in environments {
                let candidates = Candidates { environment, credential, answered };
                let expected = candidates.expected(&question.wishes);
                let mut keys: Vec<_> = answered
                    .iter()
                    .filter(|(reading, _)| reading.environment == environment)
                    .filter_map(|(reading, _)| reading.state.found())
                    .map(|key| key.fingerprint)
                    .collect();
                keys.sort_unstable();
                keys.dedup();
                let group = Group {
                    expected_accepted: expected
                        .as_ref()
                        .and_then(|expected| expected.fingerprint)
                        .is_some_and(|fingerprint| candidates.is_accepted(fingerprint)),
                    pending: candidates.is_pending(),
                    keys_differ: keys.len() > 1,
                    expected,
                };
                let of_environment = groups.entry(environment.to_owned()).or_default();
                of_environment.insert((*credential).to_owned(), group);
            }
        }
        Self(groups)
    }

    fn get(&self, reading: &Reading<Key>) -> &Group {
        &self.0[&reading.environment][&reading.credential]
    }
}

fn row(
    reading: Reading<Key>,
    probe: ProbeResult,
    decision: Decision,
    group: &Group,
    layer: Option<&LayerFacts>,
    retired: Option<Retired>,
) -> Row {
    let (verdict, certainty, rank, mut reason) = decision;
    let remedy = if let State::Unreadable(Unreadable { remedy: Some(remedy), .. }) = &reading.state
    {
        Some(remedy)
    } else {
        let of_process = reading.evidence.process.as_ref().map(|process| &process.remedy);
        let of_container = reading.own_container().map(|container| &container.remedy);
        of_process.or(of_container).and_then(Option::as_ref)
    };
    if let Some(remedy) = remedy {
        reason.push_str(&format!("; {remedy}"));
    }
    let source = source_of(&reading, layer).cloned();
    Row {
        running: reading.is_running(),
        identity: RowIdentity {
            environment: reading.environment,
            credential: reading.credential,
            layer: reading.layer,
            host: reading.host,
            instance: reading.instance,
        },
        kind: reading.kind,
        variable: reading.variable,
        place: reading.place,
        state: reading.state,
        occurrences: reading.occurrences,
        near_misses: reading.near_misses,
        problems: reading.problems,
        traps: reading.traps,
        other_readings: reading.other_readings,
        evidence: reading.evidence,
        rank,
        context: reading.context,
        source,
        restart: layer.and_then(|layer| layer.restart.clone()),
        owner: layer.and_then(|layer| layer.owner.clone()),
        probe,
        expected: group.expected.clone(),
        retired,
        verdict,
        certainty,
        reason,
        findings: Vec::new(),
        after: Vec::new(),
    }
}

/// The layer that it takes its value from: as the inventory says, else as its container tells.
fn source_of<'a>(reading: &'a Reading<Key>, layer: Option<&'a LayerFacts>) -> Option<&'a String> {
    let linked = || reading.evidence.container.as_ref()?.linked.as_ref();
    layer.and_then(|layer| layer.source.as_ref()).or_else(|| linked().map(|linked| &linked.layer))
}

type Decision = (Verdict, Certainty, Rank, String);

/// The first of `unreadable missing malformed stale rejected mismatch unproven current` that holds.
fn decide(
    question: &Question,
    group: &Group,
    reading: &Reading<Key>,
    probe: &ProbeResult,
    layer: Option<&LayerFacts>,
) -> Decision {
    let certain = |verdict, reason: String| (verdict, Certainty::Certain, reading.rank, reason);
    let optional = layer.is_some_and(|layer| layer.optional);
    if let Some(container) = reading.own_container().filter(|container| !container.runs) {
        return certain(Verdict::Unproven, not_running(group, reading, container));
    }
    match &reading.state {
        // Of what runs, nothing is wrong because it may not be looked into.
        State::Unreadable(why) if reading.is_running() => {
            certain(Verdict::Unproven, why.detail.clone())
        }
        State::Unreadable(why) => certain(Verdict::Unreadable, why.detail.clone()),
        State::Missing(
            reason @ (MissingReason::NotRunning
            | MissingReason::TooFew
            | MissingReason::NoContainer),
        ) => certain(Verdict::Unproven, format!("not_running: {}", reason.text())),
        State::Missing(reason) if optional => {
            certain(Verdict::Current, format!("optional: {}", reason.text()))
        }
        State::Missing(reason) => certain(Verdict::Missing, reason.text().to_owned()),
        State::Empty => {
            certain(Verdict::Missing, "defined, but empty; an empty value still wins".to_owned())
        }
        State::Opaque(reason) => opaque(question, reading, layer, *reason),
        State::Found(key) => found(group, reading, probe, key, retired(&question.retired, reading)),
    }
}

/// Of a container that does not run: what it would start with.
fn not_running(group: &Group, reading: &Reading<Key>, container: &ContainerFacts) -> String {
    let expected = group.expected.as_ref().and_then(|expected| expected.fingerprint);
    let with = match (reading.state.found(), expected) {
        (Some(key), Some(expected)) if key.fingerprint == expected => {
            ", and would start with the expected key"
        }
        (Some(_), Some(_)) => ", and would start with another key than the expected one",
        (Some(_), None) => ", and would start with the key it was created with",
        (None, _) => "",
    };
    format!("not_running: the container is {}{with}", container.state)
}

/// A value that cannot be known: stale when it runs since before its source changed, else unproven.
fn opaque(
    question: &Question,
    reading: &Reading<Key>,
    layer: Option<&LayerFacts>,
    reason: OpaqueReason,
) -> Decision {
    let unproven = (Verdict::Unproven, Certainty::Certain, reading.rank, reason.text().to_owned());
    // A pod's containers take their variables from objects of the cluster, which tell when they
    // changed themselves.
    if reading.evidence.pod.is_some()
        && let Some(changed) = Changed::of(&reading.evidence)
    {
        let path = reading.place.as_ref().and_then(|place| place.path.as_deref());
        return since(reading, &changed, path.unwrap_or("what it comes from"), reason);
    }
    let configured = |other: &&Reading<Key>| {
        other.layer == reading.layer
            && other.credential == reading.credential
            && other.host == reading.host
            && started_as(other) == started_as(reading)
            && !other.is_running()
            && other.state.found().is_some()
    };
    // Of a layer that has both, what runs takes its value from what is configured.
    let own = reading.is_running() && question.readings.iter().any(|other| configured(&other));
    let source = if own { Some(&reading.layer) } else { source_of(reading, layer) };
    let Some(source) = source else { return unproven };
    let container = reading.evidence.container.as_deref();
    let service = container.and_then(|it| it.compose.as_ref()).map(|labels| &labels.service);
    let is_its_service = |other: &&Reading<Key>| match (&other.instance, service) {
        (Some(Instance::Service(other)), Some(service)) => other == service,
        _ => true,
    };
    let changed = question
        .readings
        .iter()
        .filter(|other| other.layer == *source && other.credential == reading.credential)
        .filter(is_its_service)
        .filter(|other| !own || configured(other))
        .filter(|other| other.state.found().is_some())
        .filter_map(|other| Changed::of(&other.evidence))
        .max_by_key(|changed| changed.until);
    let Some(changed) = changed else { return unproven };
    if !reading.is_running() {
        let updated = reading.evidence.updated_at;
        return match updated.filter(|updated| changed.is_after(*updated)) {
            Some(updated) => likely("last updated", updated, &changed, source),
            None => unproven,
        };
    }
    // What compose files say reaches a container when it is created, and by no restart.
    let of_compose = |layer: &LayerFacts| layer.name == *source && layer.kind == LayerKind::Compose;
    if let Some(container) = container.filter(|_| question.layers.iter().any(of_compose)) {
        return match container.created_at.filter(|created| changed.is_after(*created)) {
            Some(created) => likely("created", created, &changed, source),
            None => unproven,
        };
    }
    since(reading, &changed, source, reason)
}

fn likely(what: &str, since: Timestamp, changed: &Changed, source: &str) -> Decision {
    let span = span(changed.from.duration_since(since).as_secs());
    let reason = format!("likely stale: {what} {span} before `{source}` changed");
    (Verdict::Stale, Certainty::Likely, Rank::Inferred, reason)
}

/// Of what runs: it started before its source changed, or after that.
fn since(
    reading: &Reading<Key>,
    changed: &Changed,
    source: &str,
    reason: OpaqueReason,
) -> Decision {
    let Some(started) = reading.evidence.started_at else {
        return (Verdict::Unproven, Certainty::Certain, reading.rank, reason.text().to_owned());
    };
    let own = reading.evidence.process.as_ref().and_then(|process| process.started_at);
    let own = own.unwrap_or(started);
    let because = |more: String| {
        let reason = format!("{}; {more}", reason.text());
        (Verdict::Unproven, Certainty::Certain, reading.rank, reason)
    };
    // A worker that started later may have loaded what its service had not.
    match (changed.is_after(started), changed.is_after(own)) {
        (true, true) => likely("started", started, changed, source),
        (true, false) => because(format!(
            "its service started before `{source}` changed and this process after, so either key \
             is possible"
        )),
        (false, _) if started > changed.until && reading.evidence.pod.is_some() => because(
            format!("it started after `{source}` changed, so it has the value that is there"),
        ),
        (false, _) if started > changed.until => because(format!(
            "it started after `{source}` changed, so it has that key if it loads it at its start"
        )),
        (false, _) => because(format!("it started at the moment in which `{source}` changed")),
    }
}

/// What the process manager behind it calls it.
fn started_as(reading: &Reading<Key>) -> Option<&str> {
    reading.evidence.manager.as_ref().map(Manager::name)
}

/// When a place came to hold what it holds. A file that was written elsewhere and moved in, or
/// copied with its times, was written at the one time and appeared at the other.
struct Changed {
    from: Timestamp,
    until: Timestamp,
}

impl Changed {
    fn of(evidence: &Evidence) -> Option<Self> {
        let from = evidence.changed()?;
        let placed = evidence.changed_at.filter(|_| evidence.updated_at.is_none()).unwrap_or(from);
        Some(Self { from: from.min(placed), until: from.max(placed) })
    }

    /// Whether it changed, beyond doubt, after this.
    fn is_after(&self, start: Timestamp) -> bool {
        self.from.duration_since(start) > SAME_MOMENT + TICK
    }
}

/// The rotation that the key of this reading goes with, or has gone with.
fn retired<'a>(retired: &'a [Retired], reading: &Reading<Key>) -> Option<&'a Retired> {
    let exported = reading.state.found()?.exported.as_deref()?;
    retired.iter().rev().find(|retired| {
        retired.fingerprint == exported
            && retired.credential == reading.credential
            && retired.environments.contains(&reading.environment)
    })
}

fn found(
    group: &Group,
    reading: &Reading<Key>,
    probe: &ProbeResult,
    key: &Key,
    retired: Option<&Retired>,
) -> Decision {
    let by_rank = match reading.rank {
        // Nothing changes the environment that a container was created with.
        Rank::Launch if reading.own_container().is_some() => Certainty::Certain,
        Rank::Launch | Rank::Memory | Rank::Inferred => Certainty::Likely,
        _ => Certainty::Certain,
    };
    let by_expectation = match group.expected.as_ref().map(|expected| expected.by) {
        Some(ExpectedBy::NewestChange) => Certainty::Likely,
        _ => Certainty::Certain,
    };
    let certainty = by_rank.max(by_expectation);
    let wording =
        if reading.own_container().is_some() { "created with" } else { reading.rank.wording() };
    let decision = |verdict, certainty, reason: String| (verdict, certainty, reading.rank, reason);

    if key.is_damaged(probe.outcome) {
        let flags: Vec<&str> = key.flags.iter().map(|flag| flag.name()).collect();
        let reason = format!("the value is damaged: {}", flags.join(", "));
        return decision(Verdict::Malformed, by_rank, reason);
    }
    // What a person or the inventory says to be expected ranks above the history.
    let wanted = group.expected.as_ref().is_some_and(|expected| {
        expected.fingerprint == Some(key.fingerprint)
            && !matches!(expected.by, ExpectedBy::Provider | ExpectedBy::NewestChange)
    });
    if let Some(retired) = retired.filter(|_| !wanted) {
        let what = match retired.ended_at {
            None => "which it is to replace",
            Some(_) => "which it had replaced",
        };
        let reason = format!("{wording} the old key of rotation {}, {what}", retired.rotation);
        return decision(Verdict::Stale, by_rank, reason);
    }
    let Some(expected) = &group.expected else {
        return if group.pending {
            decision(Verdict::Unproven, Certainty::Certain, "not asked yet".to_owned())
        } else if group.keys_differ {
            let reason = "layers differ, and nothing says which key is expected; `=` marks it";
            decision(Verdict::Mismatch, certainty, reason.to_owned())
        } else {
            by_answer(probe, reading, by_rank)
        };
    };
    let by = expected.by.text();
    if expected.fingerprint == Some(key.fingerprint) {
        return match by_answer(probe, reading, certainty) {
            (Verdict::Current, certainty, rank, answer) => {
                let reason = format!("{wording} the expected key ({by}); {answer}");
                (Verdict::Current, certainty, rank, reason)
            }
            other => other,
        };
    }
    let gone = matches!(probe.outcome, Outcome::Dead | Outcome::AccountDisabled);
    if gone && group.expected_accepted {
        let reason =
            format!("{wording} a key the provider refuses; {} is accepted", expected.label);
        return decision(Verdict::Stale, certainty, reason);
    }
    let reason = format!("{wording} another key than {} ({by})", expected.label);
    decision(Verdict::Mismatch, certainty, reason)
}

/// What the provider's answer makes of a row that holds the expected key.
fn by_answer(probe: &ProbeResult, reading: &Reading<Key>, certainty: Certainty) -> Decision {
    let decision = |verdict, reason: String| (verdict, certainty, reading.rank, reason);
    let outcome = probe.outcome;
    if outcome.accepted() {
        let said = match outcome {
            Outcome::AliveRestricted => "the provider accepts it, with restricted scopes",
            Outcome::AliveNoQuota => "the provider accepts it, but its quota is used up",
            Outcome::AliveRateLimited => "the provider accepts it, and throttles it now",
            _ => "the provider accepts it",
        };
        return decision(Verdict::Current, said.to_owned());
    }
    if outcome.refused() {
        return decision(Verdict::Rejected, refusal(probe));
    }
    match probe.reason {
        Some(reason @ (ProbeReason::Offline | ProbeReason::NoProvider | ProbeReason::NoProbe)) => {
            decision(Verdict::Current, reason.text().to_owned())
        }
        Some(reason) => {
            let until = probe.retry_at.and_then(|at| Timestamp::new(at.as_second(), 0).ok());
            let until = until.map(|at| format!(" until {at}")).unwrap_or_default();
            let reason = format!("{}{until}", reason.text());
            (Verdict::Unproven, Certainty::Certain, reading.rank, reason)
        }
        None => {
            let said = probe.meaning.clone().unwrap_or_else(|| format!("the answer: {outcome}"));
            (Verdict::Unproven, Certainty::Certain, reading.rank, said)
        }
    }
}

/// What is refused, so that a key that lives is never called dead.
fn refusal(probe: &ProbeResult) -> String {
    let proven = probe.trial.filter(|trial| trial.outcome.accepted());
    match (probe.outcome, proven) {
        (Outcome::WrongOrg | Outcome::WrongProject, Some(trial)) => format!(
            "the expected key is alive, and refused with the {} that this layer sends",
            trial.without.name()
        ),
        (Outcome::WrongRegion, _) => format!(
            "the expected key is alive, and bound to {}",
            probe.right_host.as_deref().unwrap_or("another regional host")
        ),
        (outcome, _) => format!("the expected key is refused: {outcome}"),
    }
}

/// The places of names in the inventory, which rows are sorted by.
struct Ranks<'a> {
    environments: HashMap<&'a str, usize>,
    credentials: HashMap<&'a str, usize>,
    layers: HashMap<&'a str, usize>,
}

impl<'a> Ranks<'a> {
    fn of(
        environments: &'a [String],
        credentials: &'a [CredentialFacts],
        layers: &'a [LayerFacts],
    ) -> Self {
        fn ranks<'a>(names: impl Iterator<Item = &'a String>) -> HashMap<&'a str, usize> {
            let mut ranks = HashMap::new();
            for (index, name) in names.enumerate() {
                ranks.entry(name.as_str()).or_insert(index);
            }
            ranks
        }
        Self {
            environments: ranks(environments.iter()),
            credentials: ranks(credentials.iter().map(|credential| &credential.id)),
            layers: ranks(layers.iter().map(|layer| &layer.name)),
        }
    }

    /// Of a layer, what is configured goes before what runs of it, and a container before the processes
    /// in it.
    fn of_row(&self, row: &Row) -> impl Ord + use<> {
        let manager = row.evidence.manager.as_ref().map(|manager| manager.name().to_owned());
        let container = row.evidence.container.as_ref().map(|container| container.name.clone());
        let running = row.running;
        let row = &row.identity;
        let place = |ranks: &HashMap<&str, usize>, name: &str| {
            ranks.get(name).copied().unwrap_or(usize::MAX)
        };
        (
            place(&self.environments, &row.environment),
            place(&self.credentials, &row.credential),
            place(&self.layers, &row.layer),
            row.host.clone(),
            manager,
            container,
            running,
            row.instance.clone(),
        )
    }
}

/// How long ago a time was, for messages of the diagnoses.
pub(crate) fn ago(now: Timestamp, then: Timestamp) -> String {
    format!("{} ago", age(now, then))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod world;

//! Containers: what they were created with, the processes in them, and what ends each finding.

use super::super::world::minutes_ago;
use super::*;
use crate::domain::container::{ComposeLabels, Linked, Pinned};

impl World {
    /// A container that runs, of the project `shop`.
    fn container(self, layer: &str, name: &str, source: Option<&str>, state: State<Key>) -> Self {
        let outcome = match &state {
            State::Found(key) if key.mask.ends_with("old") => Outcome::Dead,
            State::Found(_) => Outcome::Alive,
            _ => Outcome::NotProbed,
        };
        let known = self.layers.iter().any(|known| known.name == layer);
        let mut world = self.row(layer, LayerKind::Container, source, state, outcome);
        if known {
            world.layers.pop();
        }
        let reading = world.readings.last_mut().unwrap();
        reading.instance = Some(Instance::Container(name.into()));
        reading.place = None;
        reading.evidence.container = Some(Box::new(ContainerFacts {
            id: name.repeat(8),
            name: name.into(),
            state: "running".into(),
            runs: true,
            compose: Some(ComposeLabels {
                project: "shop".into(),
                service: "api".into(),
                files: vec!["/srv/compose.yaml".into()],
                replicas: 1,
                ..ComposeLabels::default()
            }),
            ..ContainerFacts::default()
        }));
        world
    }

    fn facts(&mut self) -> &mut ContainerFacts {
        self.readings.last_mut().unwrap().evidence.container.as_mut().unwrap()
    }

    fn with(mut self, change: impl FnOnce(&mut ContainerFacts)) -> Self {
        change(self.facts());
        self
    }

    fn created(self, minutes: i64) -> Self {
        self.with(|facts| facts.created_at = Some(minutes_ago(minutes)))
    }

    /// A process in the last container.
    fn inside(mut self, pid: u32, state: State<Key>, rank: Rank, started: i64) -> Self {
        let mut reading = self.readings.last().unwrap().clone();
        let id = reading.evidence.container.as_ref().unwrap().id.clone();
        reading.instance = Some(Instance::Pid(pid));
        reading.rank = rank;
        self.probes.push(match &state {
            State::Found(_) => self.probes.last().unwrap().clone(),
            _ => ProbeResult::not_probed(ProbeReason::Offline),
        });
        reading.state = state;
        self.readings.push(reading);
        let mut world = self.started(started);
        let process = world.readings.last_mut().unwrap().evidence.process.as_mut().unwrap();
        (process.pid, process.container) = (pid, Some(id));
        world
    }

    /// The compose layer's rows: one for each service.
    fn compose(self, minutes: i64, services: &[(&str, &str)]) -> Self {
        let mut world = self;
        for (at, (service, holds)) in services.iter().enumerate() {
            let state = State::Found(key(holds));
            let outcome = if *holds == "old" { Outcome::Dead } else { Outcome::Alive };
            world = world.row("compose", LayerKind::Compose, None, state, outcome).changed(minutes);
            if at > 0 {
                world.layers.pop();
            }
            let service = Instance::Service((*service).into());
            world.readings.last_mut().unwrap().instance = Some(service);
        }
        world
    }
}

const LACKS: State<Key> = State::Opaque(OpaqueReason::NotInContainerEnvironment);

fn labels(judgement: &Judgement, rows: &[usize]) -> Vec<String> {
    rows.iter().map(|row| judgement.rows[*row].label()).collect()
}

#[test]
fn what_a_container_was_created_with_is_certain_and_a_restart_does_not_help() {
    let judgement = World::new()
        .compose(2, &[("api", "new")])
        .container("box", "api-1", Some("compose"), State::Found(key("old")))
        .created(4320)
        .judge();
    let row = &judgement.rows[1];
    assert_eq!(
        (row.verdict, row.certainty, row.rank),
        (Verdict::Stale, Certainty::Certain, Rank::Launch)
    );
    assert!(row.reason.starts_with("created with a key the provider refuses"), "{}", row.reason);
    assert_eq!(row.since(), Some(minutes_ago(4320)));
    let finding = &judgement.findings[0];
    assert_eq!((finding.code, finding.restart_helps), ("SK206", Some(false)));
    assert_eq!(
        finding.message,
        "`box (api-1)` was created 3 d ago with the key sk-…old; `compose (api)` changed 2 d later; \
         a container's environment is fixed when it is created, so a restart keeps it."
    );
    let command =
        "docker compose -p shop -f /srv/compose.yaml up -d --no-deps --force-recreate api";
    assert_eq!(finding.fixes[0].command.as_deref(), Some(command));
}

#[test]
fn a_process_takes_its_value_from_its_own_container_and_that_from_its_own_service() {
    let judgement = World::new()
        .compose(2, &[("other", "old"), ("api", "new")])
        .container("box", "api-2", Some("compose"), State::Found(key("old")))
        .inside(30, State::Found(key("old")), Rank::Launch, 10)
        .container("box", "api-1", Some("compose"), State::Found(key("new")))
        .inside(40, State::Found(key("new")), Rank::Live, 10)
        .judge();
    let chains: Vec<(Vec<String>, Option<usize>)> = judgement
        .chains
        .iter()
        .map(|chain| (labels(&judgement, &chain.rows), chain.break_at))
        .collect();
    let chain = |last: &str, pid: &str, broken| {
        let rows = ["compose (api)", &format!("box ({last})"), &format!("box (pid {pid})")];
        (rows.map(str::to_owned).to_vec(), broken)
    };
    assert_eq!(chains, [chain("api-1", "40", None), chain("api-2", "30", Some(4))]);
    let finding = judgement.findings.iter().find(|finding| finding.code == "SK206").unwrap();
    assert_eq!(labels(&judgement, &finding.rows), ["box (api-2)", "box (pid 30)"]);
}

/// A layer of processes whose source is one of containers: each takes its value from the one that it
/// runs in, and has its finding with that one's name and command.
#[test]
fn a_process_of_another_layer_finds_its_container() {
    let mut world = World::new()
        .compose(2, &[("api", "new")])
        .container("box", "api-1", Some("compose"), State::Found(key("new")))
        .container("box", "api-2", Some("compose"), State::Found(key("old")))
        .created(60)
        .row("workers", LayerKind::Process, Some("box"), State::Found(key("old")), Outcome::Dead)
        .started(10);
    let process = world.readings.last_mut().unwrap().evidence.process.as_mut().unwrap();
    process.container = Some("api-2".repeat(8));
    let judgement = world.judge();
    let broken = judgement.chains.iter().find(|chain| chain.rows.len() == 3).unwrap();
    assert_eq!(labels(&judgement, &broken.rows), ["compose (api)", "box (api-2)", "workers"]);
    let of_workers = judgement.findings.iter().find(|finding| finding.rows == [3]).unwrap();
    assert!(
        of_workers
            .message
            .starts_with("`workers` runs in container `api-2`, which was created 1 h"),
        "{}",
        of_workers.message
    );
    assert!(of_workers.fixes[0].command.as_ref().unwrap().ends_with("--force-recreate api"));
}

#[test]
fn labels_stand_in_for_a_source() {
    let judgement = World::new()
        .compose(2, &[("api", "old")])
        .file(".env", "new", Outcome::Alive)
        .container("box", "api-1", None, State::Found(key("old")))
        .with(|facts| {
            facts.linked = Some(Linked { layer: "compose".into(), because: "its labels".into() });
        })
        .judge();
    let row = judgement.rows.last().unwrap();
    assert_eq!(row.source.as_deref(), Some("compose"));
    let finding = judgement.findings.iter().find(|finding| finding.code == "SK206").unwrap();
    assert_eq!(finding.fixes[0].text, "update `compose (api)` first, then recreate the container");
    assert_eq!(finding.fixes[0].command, None);
}

const RECREATE: &str =
    "docker compose -p shop -f /srv/compose.yaml up -d --no-deps --force-recreate api";
const RECREATE_TWO: &str = "docker compose -p shop -f /srv/compose.yaml up -d --no-deps \
    --force-recreate --scale api=2 api";

fn as_it_is(_: &mut ContainerFacts) {}

fn without_compose(facts: &mut ContainerFacts) {
    facts.compose = None;
}

fn twice(facts: &mut ContainerFacts) {
    facts.compose.as_mut().unwrap().replicas = 2;
}

#[rstest]
#[case::plain(without_compose, None, None, "create it again as it was")]
#[case::own_command(as_it_is, Some("make up"), Some("make up"), "recreate it")]
#[case::own_restart(as_it_is, Some("docker compose restart api"), Some(RECREATE), "recreate it")]
#[case::replicas(twice, None, Some(RECREATE_TWO), "recreate it")]
fn the_command_is_the_one_that_recreates(
    #[case] change: fn(&mut ContainerFacts),
    #[case] restart: Option<&str>,
    #[case] command: Option<&str>,
    #[case] text: &str,
) {
    let mut world = World::new()
        .file(".env", "new", Outcome::Alive)
        .container("box", "api-1", Some(".env"), State::Found(key("old")))
        .with(change);
    world.layers.last_mut().unwrap().restart = restart.map(Into::into);
    let judgement = world.judge();
    let fixes = &judgement.findings[0].fixes;
    assert_eq!(fixes[0].command.as_deref(), command);
    assert!(fixes[0].text.contains(text), "{fixes:?}");
    assert_eq!(fixes.len(), if restart.is_some_and(|it| it.contains("restart")) { 2 } else { 1 });
}

/// Minutes ago: when it was created, and when it was last started.
#[rstest]
#[case::compose_before("compose", 60, 1, Some("SK206"), "created 58 m before `compose` changed")]
#[case::compose_after(
    "compose",
    1,
    1,
    None,
    "not in the environment the container was created with"
)]
#[case::file_before(".env", 60, 60, Some("SK201"), "started 58 m before `.env` changed")]
#[case::file_restarted(".env", 60, 1, None, "so it has that key if it loads it at its start")]
fn a_variable_that_it_lacks_is_judged_by_what_would_bring_it(
    #[case] source: &str,
    #[case] created: i64,
    #[case] started: i64,
    #[case] code: Option<&str>,
    #[case] said: &str,
) {
    let mut world = World::new()
        .compose(2, &[("api", "new")])
        .file(".env", "new", Outcome::Alive)
        .changed(2)
        .container("box", "api-1", Some(source), LACKS)
        .created(created);
    world.readings.last_mut().unwrap().evidence.started_at = Some(minutes_ago(started));
    let judgement = world.judge();
    let row = judgement.rows.last().unwrap();
    assert!(row.reason.contains(said), "{}", row.reason);
    let found = codes(&judgement);
    match code {
        Some(code) => {
            assert_eq!((row.verdict, row.certainty), (Verdict::Stale, Certainty::Likely));
            assert_eq!(found, [code]);
        }
        None => assert_eq!((row.verdict, found), (Verdict::Unproven, vec!["SK503"])),
    }
    if code == Some("SK201") {
        let fix = &judgement.findings[0].fixes[0];
        assert_eq!(fix.command.as_deref(), Some("docker restart api-1"));
    }
}

#[rstest]
#[case::expected("new", "would start with the expected key", Some("docker start api-1"))]
#[case::another("old", "would start with another key", Some("docker compose -p shop"))]
fn what_has_ended_is_unproven(
    #[case] holds: &str,
    #[case] said: &str,
    #[case] command: Option<&str>,
) {
    let judgement = World::new()
        .file(".env", "new", Outcome::Alive)
        .container("box", "api-1", Some(".env"), State::Found(key(holds)))
        .with(|facts| {
            (facts.state, facts.runs) = ("exited".into(), false);
            facts.remedy = Some("what to do".into());
        })
        .judge();
    let row = judgement.rows.last().unwrap();
    assert_eq!(row.verdict, Verdict::Unproven);
    assert!(row.reason.starts_with("not_running: the container is exited"), "{}", row.reason);
    assert!(row.reason.contains(said) && row.reason.ends_with("; what to do"), "{}", row.reason);
    assert_eq!(codes(&judgement), ["SK505"]);
    let fix = judgement.findings[0].fixes[0].command.as_deref();
    assert!(fix.unwrap_or_default().starts_with(command.unwrap_or_default()), "{fix:?}");
}

#[rstest]
#[case::the_environment_has_it(State::Found(key("new")), Severity::Warning)]
#[case::nothing_else_has_it(LACKS, Severity::Error)]
fn a_pinned_file_is_told_once_a_container(#[case] state: State<Key>, #[case] severity: Severity) {
    let pinned = |facts: &mut ContainerFacts| {
        facts.pinned = vec![Pinned { source: "/srv/.env".into(), target: "/app/.env".into() }];
    };
    let judgement = World::new()
        .file(".env", "new", Outcome::Alive)
        .container("box", "api-1", Some(".env"), state)
        .with(pinned)
        .inside(30, State::Found(key("new")), Rank::Live, 1)
        .judge();
    let finding = judgement.findings.iter().find(|finding| finding.code == "SK211").unwrap();
    assert_eq!((finding.severity, finding.rows.as_slice()), (severity, [1].as_slice()));
    assert_eq!(finding.restart_helps, Some(true));
    assert_eq!(finding.fixes[0].command.as_deref(), Some("docker restart api-1"));
    assert!(
        finding.message.contains("`/app/.env` (mounted from `/srv/.env`)"),
        "{}",
        finding.message
    );
}

/// What is created again has its file mounted again; to say that a restart helps would confuse.
#[test]
fn of_a_pinned_file_in_an_old_container_one_thing_is_to_be_done() {
    let judgement = World::new()
        .file(".env", "new", Outcome::Alive)
        .container("box", "api-1", Some(".env"), State::Found(key("old")))
        .with(|facts| facts.pinned = vec![Pinned::default()])
        .judge();
    assert_eq!(codes(&judgement), ["SK206", "SK211"]);
    let finding = &judgement.findings[1];
    assert_eq!((finding.restart_helps, finding.fixes[0].command.as_ref()), (None, None));
    assert!(finding.fixes[0].text.starts_with("recreate it, as SK206 says"), "{finding:?}");
}

/// One layer may select containers, or processes in containers, of several services.
#[test]
fn each_service_has_the_command_that_recreates_it() {
    let old = || State::Found(key("old"));
    let other = |facts: &mut ContainerFacts| facts.compose.as_mut().unwrap().service = "b".into();
    let mut world = World::new()
        .file(".env", "new", Outcome::Alive)
        .container("box", "a-1", Some(".env"), old())
        .container("box", "a-2", Some(".env"), old())
        .container("box", "b-1", Some(".env"), old())
        .with(other);
    for (pid, container) in [(1, "a-1"), (2, "a-2"), (3, "b-1"), (4, "b-1")] {
        world =
            world.row("workers", LayerKind::Process, Some("box"), old(), Outcome::Dead).started(10);
        let reading = world.readings.last_mut().unwrap();
        reading.instance = Some(Instance::Pid(pid));
        let process = reading.evidence.process.as_mut().unwrap();
        process.container = Some(container.repeat(8));
    }
    let judgement = world.judge();
    let told: Vec<(String, String)> = judgement
        .findings
        .iter()
        .map(|finding| {
            let command = finding.fixes[0].command.clone().unwrap();
            let who = finding.message.split(" created").next().unwrap();
            (who.to_owned(), command.rsplit(' ').next().unwrap().to_owned())
        })
        .collect();
    let expected = [
        ("2 containers of `box` were", "api"),
        ("`box (b-1)` was", "b"),
        ("2 processes of `workers` run in containers of service `api`, which were", "api"),
        ("2 processes of `workers` run in container `b-1`, which was", "b"),
    ];
    assert_eq!(told, expected.map(|(who, service)| (who.to_owned(), service.to_owned())));
}

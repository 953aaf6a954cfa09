//! Every measured case of what a restart, a reload and their kin load, and what is said where that
//! cannot be known.

use rstest::rstest;

use crate::domain::{
    expectation::Wanted,
    judge::world::{World, key, occurrence},
    layer::{Instance, LayerKind},
    outcome::Outcome,
    place::Place,
    reading::{MissingReason, OpaqueReason, Origin, Rank, State, Yield},
    restart::{Action, Gives, Prediction},
    running::{Supervisor, SupervisorKind},
    snapshot::Row,
    trap::{Trap, Trapped},
};

/// What is seen of the process before anything is done. Its `.env` has `new`; it has `old`, unless
/// this says otherwise.
struct Seen {
    kind: Option<SupervisorKind>,
    holds: Option<bool>,
    /// What it was launched with; `Erased` where that was overwritten.
    launch: Launch,
    now: &'static str,
}

enum Launch {
    With(&'static str),
    Without,
    Erased,
}

/// The key that the environment had from the start.
fn exported(kind: SupervisorKind) -> Seen {
    Seen { kind: Some(kind), holds: Some(true), launch: Launch::With("old"), now: "old" }
}

/// The key that the program itself loaded.
fn loaded(kind: SupervisorKind) -> Seen {
    Seen { kind: Some(kind), holds: Some(false), launch: Launch::Without, now: "old" }
}

/// The key that the program put in the place of the one in its environment.
fn overridden(kind: SupervisorKind) -> Seen {
    Seen { launch: Launch::With("exported"), ..exported(kind) }
}

/// The key that the supervisor itself loaded after its start.
fn loaded_above(kind: SupervisorKind) -> Seen {
    Seen { launch: Launch::Without, ..exported(kind) }
}

fn world(seen: &Seen) -> World {
    let mut world = World::new()
        .file(".env", "new", Outcome::Alive)
        .row("api", LayerKind::Process, Some(".env"), State::Found(key(seen.now)), Outcome::Dead)
        .started(30)
        .wish(Wanted::Marked(key("new").fingerprint));
    let reading = &mut world.readings[1];
    reading.rank = Rank::Live;
    reading.occurrences.push(occurrence(seen.now, Origin::LiveEnvironment, true));
    match seen.launch {
        Launch::With(name) => {
            reading.occurrences.push(occurrence(name, Origin::LaunchEnvironment, false));
        }
        Launch::Erased => {
            let mut erased = occurrence("any", Origin::LaunchEnvironment, false);
            erased.yields = Yield::Opaque(OpaqueReason::Erased);
            reading.occurrences.push(erased);
        }
        Launch::Without => {}
    }
    let process = reading.evidence.process.as_mut().unwrap();
    process.supervisor = seen.kind.map(|kind| Supervisor { pid: 41, kind, holds: seen.holds });
    world
}

fn judged(world: World) -> Row {
    world.judge().rows.into_iter().find(|row| row.identity.layer == "api").unwrap()
}

/// `new`, `old`, `nothing`, `unknown`, or `-` where the action is not offered.
fn given(row: &Row, action: Action) -> &'static str {
    match row.after.iter().find(|prediction| prediction.action == action) {
        None => "-",
        Some(Prediction { gives: Gives::Nothing, .. }) => "nothing",
        Some(Prediction { gives: Gives::Unknown, helps, because, .. }) => {
            assert!(helps.is_none() && !because.is_empty());
            "unknown"
        }
        Some(Prediction { gives: Gives::Key(given), helps, because, .. }) => {
            assert!(!because.is_empty());
            let is_new = given.fingerprint == key("new").fingerprint;
            assert_eq!(*helps, Some(is_new));
            if is_new { "new" } else { "old" }
        }
    }
}

/// The measured table: what was done, and what the program had after it. Where two services look the
/// same from outside and do not do the same, nothing is promised.
#[rstest]
#[case::gunicorn_dotenv_hup(loaded(SupervisorKind::Gunicorn), Action::Reload, "new")]
#[case::gunicorn_preload_hup(loaded_above(SupervisorKind::Gunicorn), Action::Reload, "unknown")]
#[case::gunicorn_conf_load(loaded_above(SupervisorKind::Gunicorn), Action::Reload, "unknown")]
#[case::gunicorn_raw_env(loaded_above(SupervisorKind::Gunicorn), Action::Reload, "unknown")]
#[case::gunicorn_exported_hup(exported(SupervisorKind::Gunicorn), Action::Reload, "old")]
#[case::gunicorn_exported_dotenv(exported(SupervisorKind::Gunicorn), Action::Reload, "old")]
#[case::gunicorn_override(overridden(SupervisorKind::Gunicorn), Action::Reload, "unknown")]
#[case::gunicorn_full(exported(SupervisorKind::Gunicorn), Action::Restart, "new")]
#[case::uvicorn_workers(exported(SupervisorKind::UvicornWorkers), Action::Restart, "new")]
#[case::uvicorn_option(exported(SupervisorKind::UvicornReload), Action::SaveSource, "old")]
#[case::uvicorn_dotenv(loaded(SupervisorKind::UvicornReload), Action::SaveSource, "new")]
#[case::uvicorn_override(overridden(SupervisorKind::UvicornReload), Action::SaveSource, "new")]
#[case::uvicorn_full(exported(SupervisorKind::UvicornReload), Action::Restart, "new")]
#[case::flask_option(exported(SupervisorKind::FlaskReload), Action::SaveSource, "old")]
#[case::django_dotenv(loaded(SupervisorKind::DjangoReload), Action::SaveSource, "new")]
#[case::node_option(exported(SupervisorKind::NodeWatch), Action::SaveSource, "old")]
#[case::node_dotenv(loaded(SupervisorKind::NodeWatch), Action::SaveSource, "new")]
#[case::nodemon_exported(exported(SupervisorKind::Nodemon), Action::SaveSource, "old")]
#[case::watcher_since(loaded_above(SupervisorKind::Nodemon), Action::SaveSource, "unknown")]
#[case::pm2_restart(exported(SupervisorKind::Pm2), Action::Restart, "old")]
#[case::pm2_update(exported(SupervisorKind::Pm2), Action::UpdateEnvironment, "new")]
#[case::pm2_dotenv(loaded(SupervisorKind::Pm2), Action::Restart, "new")]
#[case::cluster_restart(loaded(SupervisorKind::Pm2Cluster), Action::Restart, "unknown")]
#[case::cluster_daemons(exported(SupervisorKind::Pm2Cluster), Action::Restart, "old")]
#[case::cluster_update(loaded(SupervisorKind::Pm2Cluster), Action::UpdateEnvironment, "new")]
#[case::never_offered(exported(SupervisorKind::Pm2), Action::Reload, "-")]
fn what_is_started_again_has(#[case] seen: Seen, #[case] action: Action, #[case] expected: &str) {
    assert_eq!(given(&judged(world(&seen)), action), expected);
}

/// Where the launch was overwritten, or the supervisor may not be looked into.
#[rstest]
#[case::told_by_the_master(SupervisorKind::Gunicorn, Some(false), Action::Reload, "new")]
#[case::master_may_have_loaded(SupervisorKind::Gunicorn, Some(true), Action::Reload, "unknown")]
#[case::nothing_seen(SupervisorKind::Gunicorn, None, Action::Reload, "unknown")]
#[case::told_by_the_watcher(SupervisorKind::Nodemon, Some(false), Action::SaveSource, "new")]
#[case::watcher_unseen(SupervisorKind::Nodemon, None, Action::SaveSource, "unknown")]
#[case::pm2(SupervisorKind::Pm2, None, Action::Restart, "unknown")]
fn what_cannot_be_seen_is_not_guessed(
    #[case] kind: SupervisorKind,
    #[case] holds: Option<bool>,
    #[case] action: Action,
    #[case] expected: &str,
) {
    let seen = Seen { kind: Some(kind), holds, launch: Launch::Erased, now: "old" };
    assert_eq!(given(&judged(world(&seen)), action), expected);
}

/// A container keeps the environment that it was created with; a program in it that loads a file
/// loads it again.
#[rstest]
#[case::environment(Launch::With("old"), "old")]
#[case::mounted_file(Launch::Without, "new")]
#[case::unseen(Launch::Erased, "unknown")]
fn a_container(#[case] launch: Launch, #[case] restarted: &str) {
    let mut world = world(&Seen { kind: None, holds: None, launch, now: "old" });
    world.readings[1].evidence.process.as_mut().unwrap().container = Some("f".repeat(64));
    let row = judged(world);
    assert_eq!(given(&row, Action::Restart), restarted);
    assert_eq!(given(&row, Action::Recreate), "new");
}

/// A row of a container itself has no process and no occurrence of its own.
#[test]
fn a_container_that_is_a_row() {
    let mut world = world(&Seen { kind: None, holds: None, launch: Launch::Without, now: "old" });
    let reading = &mut world.readings[1];
    reading.evidence.process = None;
    reading.instance = Some(Instance::Container("api-1".to_owned()));
    reading.rank = Rank::Launch;
    reading.occurrences.clear();
    let row = judged(world);
    assert_eq!(given(&row, Action::Restart), "old");
    assert_eq!(row.after[0].action, Action::Recreate, "the one that helps comes first");
}

fn one_above(kind: LayerKind, holds: &str) -> World {
    let seen = Seen { kind: None, holds: None, launch: Launch::With("old"), now: "old" };
    let mut world = world(&seen);
    let unit = World::new().row(
        "configured",
        kind,
        Some(".env"),
        State::Found(key(holds)),
        Outcome::NotProbed,
    );
    world.layers.extend(unit.layers);
    world.readings.extend(unit.readings);
    world.probes.extend(unit.probes);
    world.layers[1].source = Some("configured".to_owned());
    world
}

#[rstest]
#[case::file_edited(Origin::UnitEnvironmentFile, "new")]
#[case::unit_edited(Origin::UnitEnvironment, "unknown")]
fn a_unit_of_systemd(#[case] origin: Origin, #[case] restarted: &str) {
    let mut world = one_above(LayerKind::Systemd, "new");
    world.readings[2].occurrences.push(occurrence("new", origin, true));
    let row = judged(world);
    assert_eq!(given(&row, Action::Restart), restarted);
    assert_eq!(given(&row, Action::ReloadDaemonAndRestart), "new");
    let first = if restarted == "new" { Action::Restart } else { Action::ReloadDaemonAndRestart };
    assert_eq!(row.after[0].action, first, "no more than is needed");
}

#[test]
fn a_pod_takes_what_was_applied() {
    let row = judged(one_above(LayerKind::Kubernetes, "new"));
    assert_eq!(given(&row, Action::Restart), "unknown");
    assert_eq!(given(&row, Action::RollOut), "new");
}

/// Process ← compose ← `.env`: the layer that has to be updated first is the one that the wrong key
/// comes from.
#[rstest]
#[case::written_into_compose("old", "new", "update `configured` first")]
#[case::taken_from_the_file("old", "old", "update `.env` first")]
fn the_layer_to_update_is_named(#[case] compose: &str, #[case] file: &str, #[case] fix: &str) {
    let mut world = one_above(LayerKind::Compose, compose);
    world.readings[0].state = State::Found(key(file));
    let container = &mut world.readings[1].evidence.process.as_mut().unwrap().container;
    *container = Some("f".repeat(64));
    let judgement = world.judge();
    let row = judgement.rows.iter().find(|row| row.identity.layer == "api").unwrap();
    assert_eq!(given(row, Action::Recreate), "old");
    assert_eq!(row.after[0].action, Action::Recreate, "what is to be done after that");
    let finding = judgement.findings.iter().find(|finding| finding.code == "SK206").unwrap();
    assert!(finding.fixes[0].text.starts_with(fix), "{:?}", finding.fixes);
    assert_eq!(finding.restart_helps, Some(false));
}

fn plain() -> Seen {
    Seen { kind: None, holds: None, launch: Launch::Without, now: "old" }
}

#[test]
fn a_source_that_is_not_named_is_asked_for() {
    let mut world = world(&plain());
    world.layers[1].source = None;
    let row = judged(world);
    assert_eq!(given(&row, Action::Restart), "unknown");
    assert!(row.after[0].because.contains("add `source = \"…\"`"), "{}", row.after[0].because);
}

/// What stays in an environment is known without any source.
#[test]
fn what_is_kept_needs_no_source() {
    let mut world = world(&exported(SupervisorKind::Gunicorn));
    world.layers[1].source = None;
    let row = judged(world);
    assert_eq!(given(&row, Action::Reload), "old");
    assert_eq!(given(&row, Action::Restart), "unknown");
}

#[rstest]
#[case::absent(State::Missing(MissingReason::NotDefined), "nothing", "does not have it")]
#[case::empty(State::Empty, "nothing", "without a value")]
#[case::hidden(State::Opaque(OpaqueReason::WriteOnly), "unknown", "never gives the value back")]
fn a_source_without_a_key(
    #[case] state: State<crate::domain::key::Key>,
    #[case] expected: &str,
    #[case] words: &str,
) {
    let mut world = world(&plain());
    world.readings[0].state = state;
    let row = judged(world);
    assert_eq!(given(&row, Action::Restart), expected);
    assert!(row.after[0].because.contains(words), "{}", row.after[0].because);
}

/// This shell exports the old key, and the reader of the file leaves it.
#[test]
fn a_start_from_this_shell_gets_what_the_shell_has() {
    let mut world = world(&plain());
    world.readings[0].occurrences.push(occurrence("old", Origin::ShellEnvironment, false));
    let place = Place::file(".env");
    world.readings[0].traps.push(Trapped { trap: Trap::ShellShadowsFile, place });
    let judgement = world.judge();
    let row = judgement.rows.iter().find(|row| row.identity.layer == "api").unwrap();
    assert_eq!(given(row, Action::Restart), "old");
    let finding = judgement.findings.iter().find(|finding| finding.code == "SK201").unwrap();
    assert_eq!(finding.fixes[0].command.as_deref(), Some("unset OPENAI_API_KEY"));
}

/// A process that is right today, and would not be after the next start.
#[test]
fn a_restart_may_bring_an_old_key_back() {
    let mut world = world(&Seen { now: "new", ..plain() });
    world.readings[0].state = State::Found(key("old"));
    let row = judged(world);
    assert_eq!(given(&row, Action::Restart), "old");
}

#[rstest]
#[case::keeps_the_copy("pm2 restart api", None)]
#[case::updates("pm2 restart api --update-env", Some("pm2 restart api --update-env"))]
#[case::own_script("./deploy.sh", Some("./deploy.sh"))]
fn a_command_that_would_not_help_is_not_given(
    #[case] command: &str,
    #[case] expected: Option<&str>,
) {
    let mut world = world(&exported(SupervisorKind::Pm2));
    world.layers[1].restart = Some(command.to_owned());
    let row = judged(world);
    assert_eq!(row.after[0].action, Action::UpdateEnvironment);
    assert_eq!(row.after[0].how.command.as_deref(), expected);
}

#[test]
fn nothing_is_said_of_what_does_not_run() {
    let mut world = world(&plain());
    world.readings[1].state = State::Missing(MissingReason::NotRunning);
    let rows = world.judge().rows;
    assert!(rows.iter().all(|row| row.after.is_empty()));
}

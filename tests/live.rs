//! The engine of the dashboard: it reacts to files, wishes and nothing else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "live/history.rs"]
mod history;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/server.rs"]
mod server;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use stalekey::{
    domain::{
        command::Command, fingerprint::FingerprintKey, outcome::Outcome, secret::SecretValue,
        snapshot::Snapshot, verdict::Verdict,
    },
    engine::{self, Handle, Setup},
    formats::Environment,
    inventory,
    probe::Endpoint,
    providers::Catalogue,
};

use server::{Server, answer};

/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

const INVENTORY: &str = r#"
version = 1
[settings]
refresh = "1h"
[credentials.openai]
provider = "openai"
[environments.production]
[[layers]]
name = "one"
environment = "production"
kind = "dotenv"
path = "one/.env"
[[layers]]
name = "two"
environment = "production"
kind = "dotenv"
path = "two/.env"
"#;

fn key(filler: &str) -> String {
    format!("sk-proj-{0}T3BlbkFJ{0}", filler.repeat(74))
}

fn write(folder: &Path, layer: &str, filler: &str) {
    let place = folder.join(layer);
    fs::create_dir_all(&place).unwrap();
    // As editors and deployments do: a new file takes the place of the old one.
    let draft = place.join("draft");
    fs::write(&draft, format!("OPENAI_API_KEY={}\n", key(filler))).unwrap();
    fs::rename(draft, place.join(".env")).unwrap();
}

fn start(folder: &Path) -> Handle {
    engine::start(setup(folder))
}

/// With a provider at this port.
fn start_online(folder: &Path, port: u16) -> Handle {
    let endpoint = Endpoint::parse(&format!("http://127.0.0.1:{port}/v1")).unwrap();
    let endpoints = [("openai".to_owned(), endpoint)].into();
    engine::start(Setup { offline: false, endpoints, ..setup(folder) })
}

fn setup(folder: &Path) -> Setup {
    let catalogue = Catalogue::embedded();
    Setup {
        inventory: inventory::parse(INVENTORY, "stalekey.toml", folder, &catalogue).unwrap(),
        catalogue: Arc::new(catalogue),
        shell: Environment::new(),
        home: None,
        fingerprint_key: FingerprintKey::salt([1; 32]),
        offline: true,
        endpoints: BTreeMap::new(),
        environments: BTreeSet::new(),
        credentials: BTreeSet::new(),
        rotations: stalekey::engine::RotationSetup::default(),
        trust: Arc::new(stalekey::inventory::trust::Trust::All),
        deep: None,
        tour: None,
    }
}

async fn until(handle: &mut Handle, wanted: impl FnMut(&Arc<Snapshot>) -> bool) -> Arc<Snapshot> {
    tokio::time::timeout(PATIENCE, handle.snapshots.wait_for(wanted))
        .await
        .expect("the picture comes in time")
        .expect("the engine lives")
        .clone()
}

fn verdicts(snapshot: &Snapshot) -> Vec<Verdict> {
    snapshot.rows.iter().map(|row| row.verdict).collect()
}

#[tokio::test]
async fn a_command_is_run_again_only_on_demand() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", "a");
    let program = folder.path().join("op");
    fs::write(&program, format!("#!/bin/sh\necho >> runs\necho {}\n", key("a"))).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let mut setup = setup(folder.path());
    let second = &mut setup.inventory.layers[1];
    second.kind = inventory::LayerSpec::Command {
        command: vec!["./op".to_owned()],
        output: inventory::Output::Value,
        pointer: None,
        dialect: None,
        inherit: vec![],
    };
    setup.shell.insert("PATH".to_owned(), SecretValue::new("/usr/bin:/bin"));
    setup.inventory.settings.refresh = Duration::from_millis(50);
    let mut handle = engine::start(setup);
    let runs = || fs::read(folder.path().join("runs")).map_or(0, |lines| lines.len());
    let settled = |snapshot: &Arc<Snapshot>| snapshot.rows.len() == 2 && !snapshot.progress.running;
    let first = until(&mut handle, settled).await;
    assert_eq!(verdicts(&first), [Verdict::Current, Verdict::Current]);
    // The file is read again and again; what the program printed is kept, with its age.
    let later = until(&mut handle, |now| settled(now) && now.revision > first.revision + 4).await;
    assert_eq!(runs(), 1);
    assert_eq!(later.rows[1].evidence.read_at, first.rows[1].evidence.read_at);
    let newer = |than: Arc<Snapshot>| {
        move |now: &Arc<Snapshot>| {
            let at = |snapshot: &Snapshot| snapshot.rows[1].evidence.read_at;
            now.rows.len() == 2 && at(now) > at(&than)
        }
    };
    handle.commands.send(Command::RecheckAll).await.unwrap();
    let all = until(&mut handle, newer(later)).await;
    assert_eq!(runs(), 2);
    let row = all.rows[1].identity.clone();
    handle.commands.send(Command::Recheck(row)).await.unwrap();
    until(&mut handle, newer(all)).await;
    assert_eq!(runs(), 3);
}

#[tokio::test]
async fn a_changed_file_is_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", "a");
    write(folder.path(), "two", "a");
    let mut handle = start(folder.path());
    let settled = |snapshot: &Arc<Snapshot>| snapshot.rows.len() == 2 && !snapshot.progress.running;
    let first = until(&mut handle, settled).await;
    assert_eq!(verdicts(&first), [Verdict::Current, Verdict::Current]);
    write(folder.path(), "two", "b");
    let second = until(&mut handle, |snapshot| {
        snapshot.summary.distinct_keys == 2 && !snapshot.progress.running
    })
    .await;
    assert!(second.revision > first.revision);
    assert_eq!(
        verdicts(&second),
        [Verdict::Mismatch, Verdict::Current],
        "the newest change counts"
    );
    fs::remove_file(folder.path().join("one/.env")).unwrap();
    until(&mut handle, |snapshot| verdicts(snapshot).contains(&Verdict::Missing)).await;
}

#[tokio::test]
async fn a_new_manifest_beside_a_file_is_seen_at_once() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", "a");
    write(folder.path(), "two", "a");
    let mut handle = start(folder.path());
    let reader = |snapshot: &Snapshot| snapshot.rows.first()?.evidence.reader.clone();
    let settled = |snapshot: &Arc<Snapshot>| snapshot.rows.len() == 2 && !snapshot.progress.running;
    let first = until(&mut handle, settled).await;
    assert_eq!(reader(&first).as_deref(), Some("python-dotenv"));
    fs::write(folder.path().join("one/package.json"), r#"{"dependencies": {"dotenv": "18"}}"#)
        .unwrap();
    until(&mut handle, |snapshot| reader(snapshot).as_deref() == Some("node-dotenv")).await;
}

#[tokio::test]
async fn a_mark_decides_and_can_be_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", "a");
    write(folder.path(), "two", "b");
    let mut handle = start(folder.path());
    let first = until(&mut handle, |snapshot| snapshot.rows.len() == 2).await;
    let row = first.rows.iter().find(|row| row.identity.layer == "one").unwrap();
    let mark = |fingerprint| Command::Expect {
        environment: "production".to_owned(),
        credential: "openai".to_owned(),
        fingerprint,
    };
    let fingerprint = row.key().unwrap().fingerprint;
    handle.commands.send(mark(Some(fingerprint))).await.unwrap();
    let marked = [Verdict::Current, Verdict::Mismatch];
    until(&mut handle, |snapshot| verdicts(snapshot) == marked).await;
    handle.commands.send(mark(None)).await.unwrap();
    until(&mut handle, |snapshot| verdicts(snapshot) != marked).await;
}

#[tokio::test]
async fn a_recheck_makes_a_new_picture_and_silence_makes_none() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", "a");
    write(folder.path(), "two", "a");
    let mut handle = start(folder.path());
    let first =
        until(&mut handle, |snapshot| snapshot.rows.len() == 2 && !snapshot.progress.running).await;
    for wish in [Command::RecheckAll, Command::Recheck(first.rows[0].identity.clone())] {
        let before = handle.snapshots.borrow_and_update().revision;
        handle.commands.send(wish).await.unwrap();
        until(&mut handle, |snapshot| snapshot.revision > before && !snapshot.progress.running)
            .await;
    }
}

#[tokio::test]
async fn the_engine_ends_with_its_front_end() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", "a");
    let Handle { mut snapshots, commands } = start(folder.path());
    drop(commands);
    let ended = async { while snapshots.changed().await.is_ok() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the engine ends");
}

const MODELS: &str = r#"{"object":"list","data":[]}"#;
const THROTTLED: &str = r#"{"error":{"code":"rate_limit_exceeded"}}"#;

#[tokio::test]
async fn only_what_is_new_is_asked_about_until_a_person_wants_all_again() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", "a");
    write(folder.path(), "two", "a");
    let server = Server::start(|request| match request.header("authorization") {
        None => answer(401, &[], r#"{"error":{"code":null}}"#),
        Some(_) => answer(200, &[], MODELS),
    })
    .await;
    let keyed = || -> Vec<String> {
        let keys = server.requests().into_iter().filter_map(|request| {
            let key = request.header("authorization")?.strip_prefix("Bearer ")?;
            key.chars().nth(8).map(String::from)
        });
        keys.collect()
    };
    let settled = |snapshot: &Snapshot| {
        let asked = |row: &stalekey::domain::snapshot::Row| row.probe.outcome == Outcome::Alive;
        snapshot.rows.len() == 2 && snapshot.rows.iter().all(asked) && !snapshot.progress.running
    };
    let mut handle = start_online(folder.path(), server.port);
    until(&mut handle, |snapshot| settled(snapshot)).await;
    assert_eq!(keyed(), ["a"], "one key in two places is one request");

    write(folder.path(), "two", "b");
    until(&mut handle, |snapshot| snapshot.summary.distinct_keys == 2 && settled(snapshot)).await;
    assert_eq!(keyed(), ["a", "b"], "the old answer is young enough");

    handle.commands.send(Command::RecheckAll).await.unwrap();
    until(&mut handle, |snapshot| snapshot.summary.requests == 4 && settled(snapshot)).await;
    let mut all = keyed();
    all.sort();
    assert_eq!(all, ["a", "a", "b", "b"]);
}

#[tokio::test]
async fn what_a_throttling_host_owes_is_asked_for_when_its_time_has_come() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", "a");
    write(folder.path(), "two", "b");
    // The first one is the control probe; until the host may be asked again no key is sent.
    let server = Server::start(|request| match (request.number, request.header("authorization")) {
        (0, _) => answer(429, &[("retry-after-ms", "300")], THROTTLED),
        (_, None) => answer(401, &[], r#"{"error":{"code":null}}"#),
        _ => answer(200, &[], MODELS),
    })
    .await;
    let mut handle = start_online(folder.path(), server.port);
    let outcomes = |snapshot: &Snapshot, wanted: Outcome| {
        snapshot.rows.len() == 2 && snapshot.rows.iter().all(|row| row.probe.outcome == wanted)
    };
    let done = until(&mut handle, |snapshot| outcomes(snapshot, Outcome::Alive)).await;
    assert_eq!((done.summary.requests, done.summary.extra_requests), (2, 2));
    let times: Vec<usize> = done.endpoints.values().map(|facts| facts.latencies_ms.len()).collect();
    assert_eq!(times, [2], "one time for each answer");
}

#[tokio::test]
async fn a_host_that_wants_to_be_left_alone_takes_no_answer_back() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", "a");
    write(folder.path(), "two", "a");
    let server = Server::start(|request| match (request.number, request.header("authorization")) {
        (0, _) => answer(401, &[], r#"{"error":{"code":null}}"#),
        _ => answer(429, &[("retry-after", "3600")], THROTTLED),
    })
    .await;
    let mut handle = start_online(folder.path(), server.port);
    let throttled = |snapshot: &Arc<Snapshot>| {
        let all = |row: &_| -> bool {
            let row: &stalekey::domain::snapshot::Row = row;
            row.probe.outcome == Outcome::AliveRateLimited && row.probe.retry_at.is_some()
        };
        snapshot.rows.len() == 2 && snapshot.rows.iter().all(all) && !snapshot.progress.running
    };
    let first = until(&mut handle, throttled).await;
    handle.commands.send(Command::RecheckAll).await.unwrap();
    let second =
        until(&mut handle, |snapshot| throttled(snapshot) && snapshot.revision > first.revision)
            .await;
    assert_eq!(server.requests().len(), 2, "one control probe and one key, and no more");
    assert_eq!(second.rows[0].verdict, Verdict::Current, "it is alive, whatever it is asked for");
}

#[tokio::test]
async fn a_wish_that_came_too_early_is_fulfilled_when_the_host_allows_it() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", "a");
    write(folder.path(), "two", "a");
    let server = Server::start(|request| match (request.number, request.header("authorization")) {
        (_, None) => answer(401, &[], r#"{"error":{"code":null}}"#),
        (0..2, _) => answer(429, &[("retry-after-ms", "500")], THROTTLED),
        _ => answer(200, &[], MODELS),
    })
    .await;
    let mut handle = start_online(folder.path(), server.port);
    let outcome = |snapshot: &Snapshot, wanted: Outcome| {
        snapshot.rows.len() == 2 && snapshot.rows.iter().all(|row| row.probe.outcome == wanted)
    };
    until(&mut handle, |snapshot| outcome(snapshot, Outcome::AliveRateLimited)).await;
    handle.commands.send(Command::RecheckAll).await.unwrap();
    until(&mut handle, |snapshot| outcome(snapshot, Outcome::Alive)).await;
}

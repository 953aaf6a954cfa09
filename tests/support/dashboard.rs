//! A realistic incident, and the helpers that drive the dashboard without a terminal.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer, layout::Size};
use stalekey::{
    domain::{
        chain::Chain,
        damage::Flag,
        diagnosis::{Finding, Fix, Severity},
        fingerprint::{FingerprintKey, SHOWN_CHARACTERS},
        key::{Key, KeyFacts, Repaired},
        layer::{Instance, LayerKind},
        mask::{Recognition, mask},
        outcome::{Outcome, ProbeReason, ProbeResult},
        place::{Place, Position},
        reading::{
            Evidence, MissingReason, Occurrence, OpaqueReason, Origin, Rank, RequestContext, State,
            Unreadable, UnreadableKind, Yield,
        },
        restart::{Action, Gives, Prediction},
        running::ProcessFacts,
        secret::SecretValue,
        snapshot::{Expected, ExpectedBy, Progress, Row, RowIdentity, Snapshot, Summary},
        verdict::{Certainty, Verdict},
        way::{EndpointFacts, Way},
    },
    tui::{
        Options,
        keymap::KeyChord,
        message::{Effect, Message},
        model::Model,
        update::update,
        view::view,
    },
};

/// The moment at which every picture is looked at.
pub(crate) fn now() -> Timestamp {
    "2026-03-14T03:00:00Z".parse().expect("a timestamp")
}

pub(crate) fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

fn secret_key(letter: &str, last: &str) -> SecretValue {
    SecretValue::new(format!("sk-proj-{}T3BlbkFJ{}{last}", letter.repeat(74), letter.repeat(70)))
}

/// The facts of a key whose characters are all `letter`, but for the `last` four.
pub(crate) fn key(letter: &str, last: &str) -> Key {
    let secret = secret_key(letter, last);
    let recognition = Recognition {
        provider: "openai".into(),
        shape: "openai/project".into(),
        prefix_length: 8,
        dashboard_hint: None,
    };
    let salt = FingerprintKey::salt([7; 32]);
    let fingerprint = salt.fingerprint(&secret);
    Key::from(KeyFacts {
        fingerprint,
        exported: Some(salt.export(&fingerprint)),
        shown: fingerprint.shown(SHOWN_CHARACTERS),
        tag: None,
        mask: mask(&secret, Some(&recognition)),
        length: Some(secret.len()),
        length_bucket: None,
        shape: Some("openai/project".into()),
        provider: Some("openai".into()),
        expected_lengths: vec![164],
        flags: Vec::new(),
        repaired: None,
    })
}

pub(crate) fn new_key() -> Key {
    key("n", "f3A9")
}

pub(crate) fn old_key() -> Key {
    key("o", "21sA")
}

/// The new key with a line end behind it.
fn damaged_key() -> Key {
    let mut key = key("d", "f3A9");
    let new = new_key();
    key.facts_mut().flags = vec![Flag::Quoted];
    key.facts_mut().repaired = Some(Repaired {
        fingerprint: new.fingerprint,
        exported: new.exported.clone(),
        mask: new.mask.clone(),
    });
    key
}

fn asked(outcome: Outcome, status: u16) -> ProbeResult {
    let refused = outcome.refused();
    ProbeResult {
        outcome,
        status: Some(status),
        code: refused.then(|| "invalid_api_key".into()),
        reason: None,
        meaning: Some(if refused {
            "the key is revoked, expired or mistyped".into()
        } else {
            "the key is accepted".into()
        }),
        advice: refused.then(|| "Put the new key in, then restart what holds the old one".into()),
        endpoint: Some("https://api.openai.com/v1/models".into()),
        latency_ms: Some(143),
        checked_at: Some(ago(20)),
        retry_at: None,
        missing_models: Vec::new(),
        confidence: None,
        received: None,
        right_host: None,
        trial: None,
    }
}

/// A row to be changed by whoever needs another one.
pub(crate) fn row(environment: &str, layer: &str, kind: LayerKind, state: State<Key>) -> Row {
    let path = match kind {
        LayerKind::Dotenv => Some(format!("services/{}", layer.replace(' ', "/"))),
        LayerKind::Compose => Some("compose.yaml".to_owned()),
        LayerKind::ShellFile => Some("~/.zshrc".to_owned()),
        LayerKind::Ci => Some("ci/variables.json".to_owned()),
        _ => None,
    };
    let place = path.map(|path| Place::at(Position { line: 3, column: 16 }).in_file(path));
    let probe = match &state {
        State::Found(key) if key.fingerprint == old_key().fingerprint => asked(Outcome::Dead, 401),
        State::Found(key) if !key.flags.is_empty() => {
            ProbeResult::not_probed(ProbeReason::DamagedValue)
        }
        State::Found(_) => asked(Outcome::Alive, 200),
        _ => ProbeResult::not_probed(ProbeReason::Pending),
    };
    let new = new_key();
    Row {
        identity: RowIdentity {
            environment: environment.into(),
            credential: "openai".into(),
            layer: layer.into(),
            host: None,
            instance: None,
        },
        running: kind.is_running(),
        retired: None,
        kind,
        variable: Some("OPENAI_API_KEY".into()),
        place: place.clone(),
        near_misses: Vec::new(),
        problems: Vec::new(),
        traps: Vec::new(),
        other_readings: Vec::new(),
        occurrences: match (&state, place) {
            (State::Found(key), Some(place)) => vec![Occurrence {
                variable: "OPENAI_API_KEY".into(),
                place,
                origin: Origin::File,
                yields: Yield::Value(key.clone()),
                wins: true,
            }],
            _ => Vec::new(),
        },
        state,
        evidence: Evidence { modified_at: Some(ago(2 * MINUTE)), ..Evidence::default() },
        rank: Rank::Configured,
        context: RequestContext::default(),
        source: None,
        restart: None,
        owner: Some("platform team".into()),
        probe,
        expected: Some(Expected {
            fingerprint: Some(new.fingerprint),
            exported: new.exported.clone(),
            label: new.label(),
            by: ExpectedBy::Inventory,
        }),
        verdict: Verdict::Current,
        certainty: Certainty::Certain,
        reason: "Would load the expected key, and the provider accepts it.".into(),
        findings: Vec::new(),
        after: Vec::new(),
    }
}

fn worker(pid: u32) -> Row {
    let mut row = row("production", "api workers", LayerKind::Process, State::Found(old_key()));
    row.identity.instance = Some(Instance::Pid(pid));
    row.evidence = Evidence {
        started_at: Some(ago(3 * DAY)),
        process: Some(ProcessFacts {
            pid,
            user: "www".into(),
            program: "gunicorn".into(),
            container: None,
            oldest_ancestor: Some(4180),
            ..ProcessFacts::default()
        }),
        ..Evidence::default()
    };
    row.rank = Rank::Live;
    row.source = Some("api compose".into());
    row.restart = Some("docker compose up -d --no-deps --force-recreate api".into());
    row.verdict = Verdict::Stale;
    row.reason = "Holds the old key now; the provider refuses it.".into();
    row.findings = vec![0];
    let prediction = |action, key: Key, helps, because: &str| Prediction {
        action,
        gives: Gives::Key(key),
        helps: Some(helps),
        because: because.into(),
        how: Fix::text("do it"),
    };
    row.after = vec![
        prediction(Action::Restart, new_key(), true, "`api compose` has that key now"),
        prediction(
            Action::Reload,
            old_key(),
            false,
            "the gunicorn master (pid 4180) hands its own environment down, and a program does not \
             replace what it has unless told to override it",
        ),
    ];
    row
}

/// Three environments at three in the morning: two workers still hold the old key.
pub(crate) fn incident() -> Snapshot {
    let new = || State::Found(new_key());
    let mut rows = Vec::new();

    let mut ci =
        row("production", "github secret", LayerKind::Ci, State::Opaque(OpaqueReason::WriteOnly));
    ci.verdict = Verdict::Unproven;
    ci.reason = "The platform never gives the value back; it was updated 4 m ago.".into();
    ci.evidence.updated_at = Some(ago(4 * MINUTE));
    rows.push(ci);
    rows.push(row("production", "api .env", LayerKind::Dotenv, new()));
    let mut compose = row("production", "api compose", LayerKind::Compose, new());
    compose.source = Some("api .env".into());
    compose.identity.instance = Some(Instance::Service("api".into()));
    rows.push(compose);
    rows.push(worker(4182));
    rows.push(worker(4190));

    let mut staging = row("staging", "web .env", LayerKind::Dotenv, State::Found(damaged_key()));
    staging.verdict = Verdict::Malformed;
    staging.reason = "The value is wrapped in quotes that its reader keeps.".into();
    staging.findings = vec![1];
    staging.evidence.reader = Some("docker-run".into());
    rows.push(staging);
    rows.push(row("staging", "web compose", LayerKind::Compose, new()));

    let mut shell = row("development", "this shell", LayerKind::Shell, State::Found(old_key()));
    shell.verdict = Verdict::Stale;
    shell.certainty = Certainty::Likely;
    shell.rank = Rank::Launch;
    shell.reason = "This shell was launched with the old key.".into();
    shell.findings = vec![2];
    shell.evidence = Evidence { started_at: Some(ago(5 * HOUR)), ..Evidence::default() };
    rows.push(shell);
    let mut local = row("development", "api .env.local", LayerKind::Dotenv, new());
    let file = "services/api/.env.local";
    local.occurrences.push(Occurrence {
        variable: "OPENAI_API_KEY".into(),
        place: Place::at(Position { line: 9, column: 16 }).in_file(file),
        origin: Origin::File,
        yields: Yield::Value(old_key()),
        wins: false,
    });
    rows.push(local);
    let mut missing = row(
        "development",
        "web .env",
        LayerKind::Dotenv,
        State::Missing(MissingReason::FileAbsent),
    );
    missing.verdict = Verdict::Missing;
    missing.reason = "The file does not exist.".into();
    missing.evidence = Evidence::default();
    rows.push(missing);
    let why = Unreadable::new(UnreadableKind::NoPermission, "owned by root, mode 0600");
    let mut zshrc = row("development", "~/.zshrc", LayerKind::ShellFile, State::Unreadable(why));
    zshrc.verdict = Verdict::Unreadable;
    zshrc.reason = "Could not be read: owned by root, mode 0600.".into();
    zshrc.evidence = Evidence::default();
    rows.push(zshrc);
    if let Some(row) = rows.iter_mut().find(|row| row.identity.layer == "web compose") {
        row.expected = None;
    }

    let chain = |environment: &str, rows: &[usize], break_at| Chain {
        credential: "openai".into(),
        environment: environment.into(),
        rows: rows.to_vec(),
        break_at,
    };
    Snapshot {
        revision: 7,
        generated_at: ago(20),
        inventory: Some("stalekey.toml".into()),
        environments: vec!["production".into(), "staging".into(), "development".into()],
        progress: Progress { running: false, done: 14, total: 14 },
        summary: summary(&rows),
        rows,
        findings: findings(),
        chains: vec![
            chain("production", &[1, 2, 3], Some(3)),
            chain("production", &[1, 2, 4], Some(4)),
        ],
        endpoints: [("https://api.openai.com/v1/models".to_owned(), times())].into(),
        ..Snapshot::default()
    }
}

/// What the one endpoint took for its last answers.
fn times() -> EndpointFacts {
    let latencies_ms = vec![131, 127, 190, 402, 155, 143];
    EndpointFacts { way: Way::default(), latencies_ms }
}

fn findings() -> Vec<Finding> {
    vec![
        Finding {
            code: "SK201",
            severity: Severity::Error,
            message: "Process 4182 of `api workers` started 3 d ago; `services/api/.env` changed \
                      2 m ago. It still holds the old key."
                .into(),
            rows: vec![3, 4],
            restart_helps: Some(true),
            fixes: vec![Fix {
                text: "Recreate the service, so that it takes the new environment".into(),
                command: Some("docker compose up -d --no-deps --force-recreate api".into()),
            }],
        },
        Finding {
            code: "SK301",
            severity: Severity::Error,
            message: "`web .env` keeps the quotes around the key: `docker run --env-file` takes \
                      them literally."
                .into(),
            rows: vec![5],
            restart_helps: Some(false),
            fixes: vec![Fix {
                text: "Remove the quotes on line 3, then recreate the container".into(),
                command: None,
            }],
        },
        Finding {
            code: "SK101",
            severity: Severity::Warning,
            message: "This shell exports the old key, which shadows `.env.local` in everything \
                      started from it."
                .into(),
            rows: vec![7],
            restart_helps: Some(false),
            fixes: vec![Fix {
                text: "Take it out of this shell".into(),
                command: Some("unset OPENAI_API_KEY".into()),
            }],
        },
    ]
}

pub(crate) fn summary(rows: &[Row]) -> Summary {
    let mut summary = Summary { rows: rows.len(), requests: 2, ..Summary::default() };
    let mut keys: Vec<_> =
        rows.iter().filter_map(|row| row.key().map(|key| key.fingerprint)).collect();
    keys.sort();
    keys.dedup();
    summary.distinct_keys = keys.len();
    for row in rows {
        *summary.verdicts.entry(row.verdict).or_default() += 1;
    }
    summary
}

/// The same incident, `rows` rows large.
pub(crate) fn large(rows: usize) -> Snapshot {
    let mut snapshot = incident();
    let patterns = snapshot.rows.clone();
    snapshot.chains.clear();
    snapshot.rows = (0..rows)
        .map(|number| {
            let mut row = patterns[number % patterns.len()].clone();
            row.identity.layer = format!("{} {number}", row.identity.layer);
            row.identity.credential = format!("openai-{}", number / 50);
            row
        })
        .collect();
    snapshot.summary = summary(&snapshot.rows);
    snapshot
}

/// A dashboard that has seen one picture.
pub(crate) fn dashboard(options: Options, width: u16, height: u16, snapshot: Snapshot) -> Model {
    let mut model = Model::new(options, Size { width, height }, now());
    update(&mut model, Message::Snapshot(Arc::new(snapshot)));
    model
}

/// The incident on an ordinary terminal.
pub(crate) fn ordinary() -> Model {
    dashboard(Options::default(), 120, 40, incident())
}

/// Presses keys: `j j / openai enter`. What is no key is typed.
pub(crate) fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for word in keys.split_whitespace() {
        match word.parse::<KeyChord>() {
            Ok(chord) => effects.extend(update(model, Message::Key(chord.event()))),
            Err(_) => {
                for character in word.chars() {
                    let chord: KeyChord =
                        character.to_string().parse().expect("a character is a chord");
                    effects.extend(update(model, Message::Key(chord.event())));
                }
            }
        }
    }
    effects
}

/// What is on screen, with its styles.
pub(crate) fn buffer(model: &Model, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a buffer");
    terminal.draw(|frame| view(model, frame)).expect("a buffer");
    terminal.backend().buffer().clone()
}

/// What is on screen, as text without trailing blanks.
pub(crate) fn screen(model: &Model) -> String {
    text(&buffer(model, model.size.width, model.size.height))
}

pub(crate) fn text(buffer: &Buffer) -> String {
    let mut lines = Vec::new();
    for y in 0..buffer.area.height {
        let line: String =
            (0..buffer.area.width).map(|x| buffer[(x, y)].symbol().to_owned()).collect();
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

/// The name of the selected layer.
pub(crate) fn selected(model: &Model) -> String {
    model.selected_row().map(|(_, row)| row.label()).unwrap_or_default()
}

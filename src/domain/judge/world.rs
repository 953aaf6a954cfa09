//! One credential in one environment, built row by row, for tests of the judgement.

use jiff::{SignedDuration, Timestamp};

use super::{Judgement, Question, judge};
use crate::domain::{
    credential::CredentialFacts,
    damage::Flag,
    expectation::{Wanted, Wish},
    fingerprint::FingerprintKey,
    key::{Key, KeyFacts},
    layer::{LayerFacts, LayerKind},
    outcome::{Outcome, ProbeReason, ProbeResult},
    place::{Place, Position},
    reading::{Evidence, Occurrence, Origin, Rank, Reading, RequestContext, State, Yield},
    running::ProcessFacts,
    secret::SecretValue,
};

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

pub(crate) fn minutes_ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

/// A distinct, recognised key for every name.
pub(crate) fn key(name: &str) -> Key {
    let salt = FingerprintKey::salt([1; 32]);
    let fingerprint = salt.fingerprint(&SecretValue::new(name));
    Key::from(KeyFacts {
        fingerprint,
        exported: Some(salt.export(&fingerprint)),
        shown: fingerprint.shown(10),
        tag: None,
        mask: format!("sk-…{name}"),
        length: Some(51),
        length_bucket: None,
        shape: Some("openai/legacy".into()),
        provider: Some("openai".into()),
        expected_lengths: vec![51],
        flags: Vec::new(),
        repaired: None,
    })
}

pub(crate) fn damaged(name: &str, flag: Flag) -> Key {
    let mut key = key(name);
    key.facts_mut().flags = vec![flag];
    key
}

/// A world of one credential in one environment, built row by row.
pub(crate) struct World {
    pub(crate) layers: Vec<LayerFacts>,
    pub(crate) readings: Vec<Reading<Key>>,
    pub(crate) probes: Vec<ProbeResult>,
    pub(crate) wishes: Vec<Wish>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { layers: Vec::new(), readings: Vec::new(), probes: Vec::new(), wishes: Vec::new() }
    }

    pub(crate) fn row(
        mut self,
        name: &str,
        kind: LayerKind,
        source: Option<&str>,
        state: State<Key>,
        outcome: Outcome,
    ) -> Self {
        self.layers.push(LayerFacts {
            name: name.into(),
            environment: "production".into(),
            kind,
            source: source.map(Into::into),
            optional: false,
            restart: None,
            owner: None,
        });
        let position = Position { line: 3, column: 16 };
        self.readings.push(Reading {
            layer: name.into(),
            environment: "production".into(),
            kind,
            credential: "openai".into(),
            host: None,
            instance: None,
            variable: Some("OPENAI_API_KEY".into()),
            place: Some(Place::at(position).in_file(name)),
            occurrences: Vec::new(),
            near_misses: Vec::new(),
            problems: Vec::new(),
            traps: Vec::new(),
            other_readings: Vec::new(),
            rank: if kind.is_running() { Rank::Launch } else { Rank::Configured },
            evidence: Evidence::default(),
            context: RequestContext::default(),
            state,
        });
        let probe = match outcome {
            Outcome::NotProbed => ProbeResult::not_probed(ProbeReason::Offline),
            Outcome::Unreachable => ProbeResult::unreachable(ProbeReason::TimedOut),
            outcome => ProbeResult {
                outcome,
                reason: None,
                status: Some(200),
                ..ProbeResult::not_probed(ProbeReason::Offline)
            },
        };
        self.probes.push(probe);
        self
    }

    pub(crate) fn file(self, name: &str, holds: &str, outcome: Outcome) -> Self {
        self.row(name, LayerKind::Dotenv, None, State::Found(key(holds)), outcome)
    }

    pub(crate) fn changed(mut self, minutes: i64) -> Self {
        self.readings.last_mut().unwrap().evidence.modified_at = Some(minutes_ago(minutes));
        self
    }

    pub(crate) fn started(mut self, minutes: i64) -> Self {
        let evidence = &mut self.readings.last_mut().unwrap().evidence;
        evidence.started_at = Some(minutes_ago(minutes));
        evidence.process = Some(ProcessFacts {
            pid: 4182,
            user: "www".into(),
            program: "gunicorn".into(),
            ..ProcessFacts::default()
        });
        self
    }

    pub(crate) fn wish(mut self, wanted: Wanted) -> Self {
        self.wishes.push(Wish {
            environment: "production".into(),
            credential: "openai".into(),
            wanted,
        });
        self
    }

    pub(crate) fn judge(self) -> Judgement {
        judge(Question {
            layers: self.layers.into(),
            credentials: vec![CredentialFacts {
                id: "openai".into(),
                provider: Some("openai".into()),
                variables: vec!["OPENAI_API_KEY".into()],
                organisation_variables: vec!["OPENAI_ORG_ID".into()],
                project_variables: vec!["OPENAI_PROJECT_ID".into()],
                base_url_variables: vec!["OPENAI_BASE_URL".into()],
                companions: Vec::new(),
                models: Vec::new(),
                owner: None,
            }],
            environments: vec!["production".into()],
            readings: self.readings,
            probes: self.probes,
            wishes: self.wishes,
            retired: Vec::new(),
            now: now(),
        })
    }
}

/// An assignment of the variable that decides, in line 3 of no file.
pub(crate) fn occurrence(name: &str, origin: Origin, wins: bool) -> Occurrence<Key> {
    let position = Position { line: 3, column: 16 };
    Occurrence {
        origin,
        wins,
        ..Occurrence::new("OPENAI_API_KEY", position, Yield::Value(key(name)))
    }
}

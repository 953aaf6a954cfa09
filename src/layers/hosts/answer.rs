//! From what another machine answered to readings.
//!
//! What a plain shell told goes through the same rules as a layer that is read here: each told value
//! is given a stand-in, a text that nobody else holds; the reader of the file, or of the process, sees
//! the stand-ins; and whatever it yields is given its told value back. So a line whose meaning depends
//! on its reader is decided by that reader, and where it makes something else of it than what was
//! told, it is not decided.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{
    absent, blank,
    question::{Question, is_name},
    sessions::RunKey,
};
use crate::{
    domain::{
        age::span,
        credential::CredentialFacts,
        elsewhere::Elsewhere,
        held::{Held, MadeWith, ToldKey},
        inert::inert,
        layer::Instance,
        mask::ELLIPSIS,
        place::{Place, Position},
        reading::{
            Evidence, MissingReason, Occurrence, OpaqueReason, Origin, Rank, Reading, State,
            Unreadable, UnreadableKind, Yield,
        },
        running::ProcessFacts,
        secret::SecretValue,
    },
    formats::{
        Contents, Environment, Refusal,
        dotenv::{Dialect, parse},
        host::{Answer, EnvironmentTold, FileTold, LineTold, ProcessTold, Quote, Told, ToldValue},
        report::{Report, Row},
    },
    inventory::{Layer, LayerSpec},
    layers::{
        dotenv::{DEFAULT_DIALECT, refused},
        report::told,
        resolve::{self, Absence, Found, Undefined},
    },
};

/// Clocks that differ by less than this agree.
const SAME_CLOCK: i64 = 2;
/// What would tell more.
const INSTALL: &str = "install stalekey there for a sure answer";

/// One host's answer, and what it answers.
pub(super) struct Asked<'a> {
    pub host: &'a str,
    pub layer: &'a Layer,
    pub credentials: &'a [&'a CredentialFacts],
    pub question: &'a Question,
    pub key: &'a RunKey,
    /// When the answer was here.
    pub arrived: Timestamp,
}

impl Asked<'_> {
    pub(super) fn readings(&self, answer: Answer) -> Vec<Reading<Held>> {
        match answer {
            Answer::Reported(Ok(report)) => self.reported(&report),
            Answer::Reported(Err(refusal)) => self.misunderstood(&refusal),
            Answer::Told(told) => self.told(&told),
            Answer::Broken => {
                self.unreadable(UnreadableKind::WrongFormat, "its answer is not whole")
            }
        }
    }

    fn misunderstood(&self, refusal: &Refusal) -> Vec<Reading<Held>> {
        let detail = format!("the stalekey there is of another version: {}", refusal.reason);
        self.unreadable(UnreadableKind::WrongFormat, &detail)
    }

    fn unreadable(&self, kind: UnreadableKind, detail: &str) -> Vec<Reading<Held>> {
        absent(self.layer, self.credentials, self.host, &Unreadable::new(kind, detail))
    }

    /// What stands on every row: when it was told, and what a person should know of it.
    fn elsewhere(&self, ahead: i64, note: Option<String>) -> Elsewhere {
        let clock = (ahead.abs() > SAME_CLOCK).then(|| {
            let which = if ahead > 0 { "ahead" } else { "behind" };
            format!("its clock is {} {which}; times are corrected", span(ahead.abs()))
        });
        let notes: Vec<String> = clock.into_iter().chain(note).collect();
        let note = (!notes.is_empty()).then(|| notes.join("; "));
        Elsewhere { told_at: self.arrived, probe: None, note }
    }

    fn reported(&self, report: &Report) -> Vec<Reading<Held>> {
        // It was written a moment before it arrived.
        let ahead = report.generated_at.as_second() - self.arrived.as_second();
        let mut readings = Vec::new();
        for blank in blank(self.layer, self.credentials, self.host) {
            let before = readings.len();
            let own = report.rows.iter().filter(|row| row.credential == blank.credential);
            readings.extend(own.map(|row| self.reported_row(row, blank.clone(), ahead)));
            if readings.len() == before {
                readings.push(blank);
            }
        }
        readings
    }

    fn reported_row(&self, row: &Row, blank: Reading<Held>, ahead: i64) -> Reading<Held> {
        let scheme = self.key.key.scheme();
        let here = |at: Option<Timestamp>| corrected(at?, ahead);
        let [modified_at, changed_at, started_at, updated_at] = row.times.map(here);
        let state = row.state.clone().and_then(|key| match &key.fingerprint {
            Some((of, fingerprint)) if *of == scheme => {
                State::Found(told(&key, *fingerprint, MadeWith::KeyOfRun(self.key.key.clone())))
            }
            _ => State::Opaque(OpaqueReason::NoFingerprint),
        });
        let process = row
            .process
            .clone()
            .map(|process| ProcessFacts { started_at: here(process.started_at), ..process });
        Reading {
            instance: row.instance.clone(),
            variable: row.variable.clone(),
            place: row.place.clone(),
            state,
            rank: row.rank,
            evidence: Evidence {
                modified_at,
                changed_at,
                started_at,
                updated_at,
                reader: row.reader.clone(),
                process,
                elsewhere: Some(Box::new(self.elsewhere(ahead, None))),
                ..Evidence::default()
            },
            ..blank
        }
    }

    fn told(&self, told: &Told) -> Vec<Reading<Held>> {
        if let Some(why) = &self.question.beyond_shell {
            let why = why.clone().with_remedy("install stalekey there");
            return absent(self.layer, self.credentials, self.host, &why);
        }
        if let Some(word) = &told.failed {
            return absent(self.layer, self.credentials, self.host, &failed(word));
        }
        let ahead = told.now.map_or(0, |now| now - self.arrived.as_second());
        let mut readings = match &told.file {
            Some(file) => self.file(file, ahead),
            None => self.processes(told, ahead),
        };
        // No expression may be made of such a name, so the shell was not asked for it.
        for reading in &mut readings {
            let own = self.credentials.iter().find(|it| it.id == reading.credential);
            let unasked = own.is_some_and(|it| !it.variables.iter().all(|name| is_name(name)));
            if unasked && matches!(reading.state, State::Missing(_) | State::Opaque(_)) {
                let detail = "a plain shell is not asked for variables with such names";
                let why = Unreadable::new(UnreadableKind::Unsupported, detail);
                reading.state = State::Unreadable(why.with_remedy("install stalekey there"));
            }
        }
        readings
    }

    /// The readings of one part of the answer, with their values given back.
    fn given_back(&self, found: &Found, stand_ins: &StandIns) -> Vec<Reading<Held>> {
        let readings = resolve::readings(self.layer, self.credentials, found);
        readings
            .map(|reading| {
                let mut decided = true;
                let mut give = |secret: SecretValue| {
                    stand_ins.give_back(&secret).unwrap_or_else(|| {
                        decided &= secret.is_empty();
                        Held::Secret(SecretValue::new(Vec::new()))
                    })
                };
                let state = reading.state.clone().map(&mut give);
                let mut told = reading.map(give);
                told.state = state;
                if !decided {
                    told.state = State::Opaque(OpaqueReason::NotDecidedThere);
                    told.occurrences.clear();
                }
                told.host = Some(inert(self.host));
                told
            })
            .collect()
    }

    fn file(&self, file: &FileTold, ahead: i64) -> Vec<Reading<Held>> {
        let LayerSpec::Dotenv { files, dialect } = &self.layer.kind else { return Vec::new() };
        let place = files.first().map(|path| Place::file(inert(path)));
        let absence = match file.state.as_str() {
            "read" => None,
            "absent" => Some(Absence::Missing(MissingReason::FileAbsent)),
            "denied" => Some(no(UnreadableKind::NoPermission, "permission denied there")),
            "large" => Some(no(UnreadableKind::TooLarge, "it is larger than 1 MiB")),
            _ => Some(no(UnreadableKind::NotAFile, "it is no regular file")),
        };
        let named = dialect.as_deref().and_then(Dialect::from_name);
        let reader = named.unwrap_or(DEFAULT_DIALECT);
        let modified_at = file.modified.and_then(|at| Timestamp::new(at, 0).ok());
        let unsure = file.others > 0;
        let note = unsure.then(|| {
            let lines = if file.others == 1 { "1 line needs" } else { "some lines need" };
            format!("{lines} the file's own reader: {INSTALL}")
        });
        let evidence = Evidence {
            modified_at: modified_at.and_then(|at| corrected(at, ahead)),
            reader: Some(reader.name().to_owned()),
            reader_because: named
                .is_none()
                .then(|| "what stands beside the file there was not looked at".to_owned()),
            elsewhere: Some(Box::new(self.elsewhere(ahead, note))),
            ..Evidence::default()
        };
        let mut stand_ins = StandIns::default();
        let contents = match absence {
            Some(absence) => Err(absence),
            None => self.reread(file, reader, &mut stand_ins),
        };
        let found = Found { place, evidence, ..Found::of(contents.map(Arc::new)) };
        let mut readings = self.given_back(&found, &stand_ins);
        if unsure {
            // Whatever stands in the other lines may change what the reader makes of these.
            for reading in &mut readings {
                if !matches!(reading.state, State::Unreadable(_)) {
                    reading.state = State::Opaque(OpaqueReason::NotDecidedThere);
                    reading.occurrences.clear();
                }
            }
        }
        readings
    }

    /// What the reader makes of the lines that were told.
    fn reread(
        &self,
        file: &FileTold,
        reader: Dialect,
        stand_ins: &mut StandIns,
    ) -> Result<Contents, Absence> {
        let mut text = String::new();
        let mut lines = Vec::new();
        for line in &file.lines {
            let Some(variable) = self.question.variables.get(line.variable) else { continue };
            let export = if line.exported { "export " } else { "" };
            let quote = match line.quote {
                Quote::None => "",
                Quote::Single => "'",
                Quote::Double => "\"",
            };
            let value = self.stand_in(line, quote, stand_ins);
            text.push_str(&format!("{export}{variable}={quote}{value}{quote}\n"));
            lines.push(line.line);
        }
        let read = parse(reader, text.as_bytes(), &Environment::new());
        let mut contents = read.map_err(|refusal| {
            // Its place would be that of the lines that were told.
            let refusal = Refusal { position: None, ..refusal };
            let LayerSpec::Dotenv { files, .. } = &self.layer.kind else {
                return Absence::Missing(MissingReason::NotDefined);
            };
            refused(files.first().map_or("", String::as_str), reader.name(), &refusal)
        })?;
        let there = |place: &mut Place| {
            if let Some(Position { line, .. }) = &mut place.position {
                *line = lines.get((*line as usize).saturating_sub(1)).copied().unwrap_or(*line);
            }
        };
        contents.occurrences.iter_mut().for_each(|it| there(&mut it.place));
        contents.problems.iter_mut().for_each(|it| there(&mut it.place));
        Ok(contents)
    }

    /// A text in the place of a value, which is recognised with its quotes and without them.
    fn stand_in(&self, line: &LineTold, quote: &str, stand_ins: &mut StandIns) -> String {
        if line.value.bucket == "0" {
            return String::new();
        }
        let inner = stand_ins.add(self.key_told(&line.value));
        if !quote.is_empty() {
            let quoted = ToldValue {
                fingerprint: line.written,
                prefix: None,
                flags: vec![crate::domain::damage::Flag::Quoted],
                ..line.value.clone()
            };
            let held = self.key_told(&quoted);
            stand_ins.values.insert(format!("{quote}{inner}{quote}").into_bytes(), held);
        }
        inner
    }

    /// Of a value that is in nobody's hands here its mask is its public beginning alone.
    fn key_told(&self, value: &ToldValue) -> Held {
        let prefix = value.prefix.and_then(|number| self.question.prefixes.get(number));
        Held::Told(Box::new(ToldKey {
            made_with: MadeWith::KeyOfRun(self.key.key.clone()),
            fingerprint: value.fingerprint,
            mask: format!("{}{ELLIPSIS}", prefix.map_or("", String::as_str)),
            length: None,
            length_bucket: Some(value.bucket),
            shape: None,
            flags: value.flags.clone(),
        }))
    }

    fn processes(&self, told: &Told, ahead: i64) -> Vec<Reading<Held>> {
        let min = match &self.layer.kind {
            LayerSpec::Process { min, .. } => min.unwrap_or(1),
            _ => 1,
        };
        let mut readings = Vec::new();
        for process in &told.processes {
            let mut stand_ins = StandIns::default();
            let found = self.process(process, told, ahead, &mut stand_ins);
            readings.extend(self.given_back(&found, &stand_ins));
        }
        if told.processes.len() < min {
            let reason = if told.processes.is_empty() {
                MissingReason::NotRunning
            } else {
                MissingReason::TooFew
            };
            let absence = if told.hidden > 0 {
                let detail = format!(
                    "no process is seen to work there, and of {} it may not be seen where",
                    told.hidden
                );
                Absence::Unreadable(
                    Unreadable::new(UnreadableKind::NoPermission, detail)
                        .with_remedy("log in there as their user, or as root"),
                )
            } else {
                Absence::Missing(reason)
            };
            let evidence = Evidence {
                elsewhere: Some(Box::new(self.elsewhere(ahead, None))),
                ..Evidence::default()
            };
            let found = Found { rank: Rank::Launch, evidence, ..Found::configured(Err(absence)) };
            readings.extend(self.given_back(&found, &StandIns::default()));
        }
        readings
    }

    fn process(
        &self,
        process: &ProcessTold,
        told: &Told,
        ahead: i64,
        stand_ins: &mut StandIns,
    ) -> Found {
        let at = |ticks: u64| {
            let (uptime, per_second) = told.uptime?;
            let milliseconds = u128::from(ticks) * 1_000 / u128::from(per_second);
            let since_boot = Duration::from_millis(u64::try_from(milliseconds).ok()?);
            self.arrived.checked_sub(uptime.saturating_sub(since_boot)).ok()
        };
        let mut undefined = OpaqueReason::NotInLaunchEnvironment;
        let contents = match &process.environment {
            EnvironmentTold::Open(values) => Ok(self.environment(values, stand_ins)),
            EnvironmentTold::Erased => {
                undefined = OpaqueReason::Erased;
                Ok(Contents::default())
            }
            EnvironmentTold::Denied => Err(Absence::Unreadable(
                Unreadable::new(
                    UnreadableKind::NoPermission,
                    format!("its environment belongs to user `{}` there", process.user),
                )
                .with_remedy(format!("log in there as {}, or as root", process.user)),
            )),
        };
        let more = match &self.layer.kind {
            LayerSpec::Systemd { .. } => {
                "install stalekey there to see its unit files, and what it holds now"
            }
            _ => "install stalekey there to see what it holds now",
        };
        Found {
            instance: Some(Instance::Pid(process.pid)),
            undefined: Undefined::Opaque(undefined),
            place: Some(Place { path: None, position: None }),
            rank: Rank::Launch,
            evidence: Evidence {
                started_at: at(process.started.1),
                process: Some(ProcessFacts {
                    pid: process.pid,
                    user: process.user.clone(),
                    program: process.program.clone(),
                    container: None,
                    oldest_ancestor: (process.oldest != process.pid).then_some(process.oldest),
                    started_at: at(process.started.0),
                    supervisor: None,
                    remedy: Some(more.to_owned()),
                    ..ProcessFacts::default()
                }),
                elsewhere: Some(Box::new(self.elsewhere(ahead, None))),
                ..Evidence::default()
            },
            ..Found::configured(contents)
        }
    }

    fn environment(&self, values: &[(usize, ToldValue)], stand_ins: &mut StandIns) -> Contents {
        let mut contents = Contents::default();
        for (number, value) in values {
            let Some(variable) = self.question.variables.get(*number) else { continue };
            let text = match value.bucket {
                "0" => String::new(),
                _ => stand_ins.add(self.key_told(value)),
            };
            contents.occurrences.push(Occurrence {
                variable: variable.clone(),
                place: Place { path: None, position: None },
                origin: Origin::LaunchEnvironment,
                yields: Yield::Value(SecretValue::new(text)),
                wins: contents.winner(variable).is_none(),
            });
        }
        contents
    }
}

/// Texts in the place of values that are elsewhere.
#[derive(Default)]
struct StandIns {
    values: HashMap<Vec<u8>, Held>,
}

impl StandIns {
    /// Letters and digits, which no reader changes.
    fn add(&mut self, held: Held) -> String {
        let text = format!("standin{:06}", self.values.len());
        self.values.insert(text.clone().into_bytes(), held);
        text
    }

    fn give_back(&self, secret: &SecretValue) -> Option<Held> {
        self.values.get(secret.expose()).cloned()
    }
}

fn no(kind: UnreadableKind, detail: &str) -> Absence {
    Absence::Unreadable(Unreadable::new(kind, detail))
}

/// A time of a clock that is so many seconds ahead, by the clock of this machine.
fn corrected(at: Timestamp, ahead: i64) -> Option<Timestamp> {
    if ahead.abs() <= SAME_CLOCK {
        return Some(at);
    }
    at.checked_sub(SignedDuration::from_secs(ahead)).ok()
}

/// Why the script could tell nothing, by its word.
fn failed(word: &str) -> Unreadable {
    let unsupported = |detail: &str| {
        Unreadable::new(UnreadableKind::Unsupported, detail).with_remedy("install stalekey there")
    };
    match word {
        "sha" => unsupported("no program there makes SHA-256 (sha256sum, shasum or openssl)"),
        "awk" => unsupported("there is no `awk` there"),
        "proc" => unsupported("processes can be read on Linux only"),
        "pidfile" => Unreadable::new(
            UnreadableKind::WrongFormat,
            "the pid file there does not begin with the number of a process",
        ),
        "systemctl" => unsupported("there is no `systemctl` there"),
        "systemd" => Unreadable::new(UnreadableKind::System, "systemd there does not answer")
            .with_remedy("see what `systemctl show` says there"),
        "unit" => Unreadable::new(UnreadableKind::System, "systemd there knows no such unit")
            .with_remedy("correct `unit` or `scope` in the inventory"),
        _ => unsupported("a plain shell there could tell nothing"),
    }
}

//! Layers that are read on other machines, through the system's own `ssh`.
//!
//! The key never comes here: what runs there answers with fingerprints under a key that this run made
//! up. Where stalekey is installed there it reads the layer by its own rules; else a plain shell tells
//! what a plain shell can tell, and the rest is `unproven`.

mod answer;
mod question;
mod sessions;

use std::{thread, time::Duration};

use jiff::Timestamp;

pub(super) use sessions::Sessions;

use self::{question::Question, sessions::RunKey};
use super::{
    Surroundings,
    resolve::{self, Absence, Found},
};
use crate::{
    domain::{
        credential::CredentialFacts,
        held::Held,
        inert::inert,
        reading::{OpaqueReason, Reading, State, Unreadable, UnreadableKind},
    },
    formats::host,
    inventory::{Layer, trust::Effect},
};

/// Reads the layer on each of its hosts; each is a row at least.
pub(super) fn read(
    layer: &Layer,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Reading<Held>> {
    let sessions = &surroundings.files.sessions;
    let Some(key) = sessions.key() else {
        let why = Unreadable::new(UnreadableKind::System, "the system gives no random numbers");
        let hosts = layer.hosts.iter();
        return hosts.flat_map(|host| absent(layer, credentials, host, &why)).collect();
    };
    let question = Question::of(layer, credentials, key);
    thread::scope(|scope| {
        let asked: Vec<_> = layer
            .hosts
            .iter()
            .map(|host| {
                let job = || on(host, layer, credentials, &question, key, surroundings);
                thread::Builder::new().spawn_scoped(scope, job).map_err(|_| host)
            })
            .collect();
        asked
            .into_iter()
            .flat_map(|asked| match asked {
                Ok(asked) => asked.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                Err(host) => {
                    let detail = "the system gives no more threads";
                    let why = Unreadable::new(UnreadableKind::System, detail);
                    absent(layer, credentials, host, &why)
                }
            })
            .collect()
    })
}

/// How long asking so many hosts may take, each as slow as can be.
pub(super) fn patience(hosts: usize, each: Duration) -> Duration {
    let turns = hosts.div_ceil(sessions::AT_ONCE);
    // A little more than the slowest of them, which has a reason of its own to tell.
    (each + Duration::from_secs(1)).saturating_mul(u32::try_from(turns).unwrap_or(u32::MAX))
}

/// The layer on one host.
fn on(
    host: &str,
    layer: &Layer,
    credentials: &[&CredentialFacts],
    question: &Question,
    key: &RunKey,
    surroundings: &Surroundings,
) -> Vec<Reading<Held>> {
    if !surroundings.trust.grants(&Effect::Host { name: host.to_owned() }) {
        let mut readings = blank(layer, credentials, host);
        for reading in &mut readings {
            reading.state = State::Opaque(OpaqueReason::Untrusted);
        }
        return readings;
    }
    let printed = surroundings.files.sessions.ask(host, question.script.as_bytes(), surroundings);
    let arrived = Timestamp::now();
    let answered = match printed {
        Err(why) => Err(why),
        Ok(printed) => {
            match (host::read(printed.out.expose(), &key.mark), printed.status.code()) {
                // What was answered counts, however the connection ended.
                (host::Answer::Broken, Some(255)) => {
                    Err(sessions::failure(host, printed.err.expose()))
                }
                (host::Answer::Broken, _) => Err(no_shell(host)),
                (answer, _) => Ok(answer),
            }
        }
    };
    match answered {
        Err(why) => absent(layer, credentials, host, &why),
        Ok(answer) => {
            let asked = answer::Asked { host, layer, credentials, question, key, arrived };
            asked.readings(answer)
        }
    }
}

fn no_shell(host: &str) -> Unreadable {
    let detail = "the login there gives no plain shell";
    Unreadable::new(UnreadableKind::Unreachable, detail)
        .with_remedy(format!("see what `ssh {} sh -c true` says", inert(host)))
}

/// Rows of a host of which nothing is known.
pub(super) fn absent(
    layer: &Layer,
    credentials: &[&CredentialFacts],
    host: &str,
    why: &Unreadable,
) -> Vec<Reading<Held>> {
    let mut readings = blank(layer, credentials, host);
    for reading in &mut readings {
        reading.state = State::Unreadable(why.clone());
    }
    readings
}

fn blank(layer: &Layer, credentials: &[&CredentialFacts], host: &str) -> Vec<Reading<Held>> {
    let unknown = Unreadable::new(UnreadableKind::Unreachable, "it was not asked");
    let found = Found::configured(Err(Absence::Unreadable(unknown)));
    let readings = resolve::readings(layer, credentials, &found);
    let named = |reading: Reading<_>| Reading { host: Some(inert(host)), ..reading };
    readings.map(|reading| named(reading).map(Held::Secret)).collect()
}

//! The environment that a systemd unit gives its processes, by its files; and what runs of it.

mod running;

use super::{
    Surroundings,
    files::Opener,
    open::LINES_CAP,
    resolve::{Absence, Found, Undefined},
};
use crate::{
    domain::{
        credential::CredentialFacts,
        inert::inert,
        place::Place,
        reading::{
            MissingReason, OpaqueReason, Origin, Problem, Unreadable, UnreadableKind, Yield,
        },
        secret::SecretValue,
    },
    formats::{
        Contents,
        systemd::{self, Failure, Machine, Request},
    },
};

/// Where Linux tells the name of the host.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

const READABLE: &str =
    "every user of the machine can read `Environment=` over D-Bus; use a file, or LoadCredential=";
const MASKED: &str = "the unit is masked, so it cannot be started: `systemctl unmask` it";

pub(super) fn read(
    request: &Request,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Found> {
    let machine = machine(surroundings);
    let unit = request.unit.as_deref().filter(|_| request.files.is_empty()).map(systemd::full_name);
    let Some(unit) = unit else {
        return vec![configured(request, &machine, credentials, surroundings)];
    };
    let asked = running::ask(&unit, request.scope, surroundings);
    let shown = asked.as_ref().ok();
    let manager = running::manager(&unit, request.scope, shown);
    let mut own = configured(request, &machine, credentials, surroundings);
    if let (Err(Absence::Missing(_)), Some(shown)) = (&own.contents, shown)
        && !shown.files.is_empty()
    {
        // It stands where only this systemd looks.
        let request = Request { files: shown.files.clone(), ..request.clone() };
        own = configured(&request, &machine, credentials, surroundings);
    }
    own.evidence.manager = Some(manager.clone());
    let asked = asked.as_ref().map_err(Clone::clone);
    let rows = running::rows(asked, request, &manager, &machine, credentials, surroundings);
    std::iter::once(own).chain(rows).collect()
}

/// What systemd would start it with, by its files.
fn configured(
    request: &Request,
    machine: &Machine,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Found {
    let mut files = Opener::new(surroundings, LINES_CAP, "systemd");
    let resolved = systemd::resolve(request, machine, &mut files);
    let evidence = files.evidence;
    let place = request.files.first().or(request.unit.as_ref());
    let place = place.map(|path| Place::file(inert(path)));
    let found = match resolved {
        Ok(mut unit) => {
            unit.contents.problems.extend(readable(&unit.contents, credentials));
            let undefined = if unit.elsewhere {
                Undefined::Opaque(OpaqueReason::Elsewhere)
            } else {
                Undefined::Missing
            };
            Found { place: Some(unit.place), undefined, ..Found::configured(Ok(unit.contents)) }
        }
        Err(failure) => Found { place, ..Found::configured(Err(absence(failure))) },
    };
    Found { evidence, ..found }
}

/// What the formats cannot know of this machine.
fn machine(surroundings: &Surroundings) -> Machine {
    let host = std::fs::read_to_string(HOST_NAME).ok();
    let runtime = surroundings.shell.get("XDG_RUNTIME_DIR").map(SecretValue::expose);
    Machine {
        home: surroundings.home.as_ref().and_then(|home| home.to_str()).map(str::to_owned),
        host: host.map(|host| host.trim_end().to_owned()),
        runtime: runtime.and_then(|path| std::str::from_utf8(path).ok()).map(str::to_owned),
        environment: surroundings.shell.clone(),
    }
}

/// Keys that stand in the unit itself, overridden or not.
fn readable<'a>(
    contents: &'a Contents,
    credentials: &'a [&CredentialFacts],
) -> impl Iterator<Item = Problem> + use<> {
    let is_key = |variable: &String| {
        credentials.iter().any(|credential| credential.variables.contains(variable))
    };
    let own = contents.occurrences.iter().filter(|occurrence| {
        occurrence.origin == Origin::UnitEnvironment
            && matches!(&occurrence.yields, Yield::Value(value) if !value.is_empty())
            && is_key(&occurrence.variable)
    });
    let problems: Vec<_> =
        own.map(|occurrence| Problem { place: occurrence.place.clone(), text: READABLE }).collect();
    problems.into_iter()
}

fn absence(failure: Failure) -> Absence {
    match failure {
        Failure::Absent => Absence::Missing(MissingReason::FileAbsent),
        Failure::Masked { path } => Absence::Unreadable(
            Unreadable::new(UnreadableKind::Refused, MASKED).at(Place::file(inert(&path))),
        ),
        Failure::Unreadable { path, why } => Absence::Unreadable(why.at(Place::file(inert(&path)))),
        Failure::Refused { path, refusal } => super::dotenv::refused(&path, "systemd", &refusal),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::formats::Environment;

    #[test]
    fn a_key_in_the_unit_itself_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[Service]\nEnvironment=OPENAI_API_KEY=value OTHER=x\n";
        std::fs::write(folder.path().join("api.service"), text).unwrap();
        let surroundings = Surroundings::new(
            folder.path(),
            None,
            Environment::new(),
            Arc::default(),
            Arc::new(crate::inventory::trust::Trust::All),
        );
        let credential = CredentialFacts {
            variables: vec!["OPENAI_API_KEY".to_owned()],
            ..CredentialFacts::default()
        };
        let request = Request { files: vec!["api.service".to_owned()], ..Request::default() };
        let found = read(&request, &[&credential], &surroundings).remove(0);
        let contents = found.contents.unwrap();
        assert_eq!(contents.problems.len(), 1);
        assert_eq!(contents.problems[0].text, READABLE);
        assert_eq!(contents.problems[0].place.to_string(), "api.service:2:28");
        assert_eq!(found.evidence.files, ["api.service"]);
    }

    #[test]
    fn a_link_to_nothing_is_a_mask() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/null", folder.path().join("api.service")).unwrap();
        let surroundings = Surroundings::new(
            folder.path(),
            None,
            Environment::new(),
            Arc::default(),
            Arc::new(crate::inventory::trust::Trust::All),
        );
        let request = Request { files: vec!["api.service".to_owned()], ..Request::default() };
        let found = read(&request, &[], &surroundings).remove(0);
        assert!(matches!(found.contents, Err(Absence::Unreadable(why)) if why.detail == MASKED));
    }
}

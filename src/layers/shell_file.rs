//! A file that a shell or a login reads: read, never executed (SECURITY R4), with the files that it
//! reads in turn.

use super::{
    Surroundings,
    dotenv::{in_file, refused},
    files::Opener,
    open::LINES_CAP,
    resolve::{Absence, Found, Undefined},
};
use crate::{
    domain::{
        credential::CredentialFacts,
        inert::inert,
        place::Place,
        reading::{MissingReason, OpaqueReason, Unreadable, UnreadableKind},
        secret::SecretValue,
        trap::{Trap, Trapped},
    },
    formats::{
        Contents, Environment,
        files::{Missed, base_name, folder_of, join},
        shell::{self, Failure, Followed, LEAVES, MADE, NOT_EXPORTED, Request, Shell},
    },
};

/// Where fish keeps its universal variables.
const FISH_VARIABLES: &str = "fish_variables";

pub(super) fn read(
    path: &str,
    shell: Option<&str>,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Found> {
    let shell = shell.and_then(Shell::from_name).unwrap_or_else(|| Shell::guess(path));
    let place = Place::file(inert(path));
    let environment = environment(surroundings);
    let mut files = Opener::new(surroundings, LINES_CAP, shell.name());
    files.note(path);
    let read = shell::read(&Request { path, shell, environment: &environment }, &mut files);
    let mut evidence = files.evidence;
    let (contents, elsewhere) = match read {
        Ok(Followed { contents, elsewhere }) => {
            (Ok(in_file(without_noise(contents, credentials), path)), elsewhere)
        }
        Err(failure) => (Err(absence(failure, path, shell, &place)), false),
    };
    let mut traps = hidden(path, surroundings, &environment, &mut evidence.files);
    if shell == Shell::Fish {
        traps.extend(universal(path, credentials, surroundings, &mut evidence.files));
    }
    let undefined =
        if elsewhere { Undefined::Opaque(OpaqueReason::Elsewhere) } else { Undefined::Missing };
    vec![Found { place: Some(place), evidence, undefined, traps, ..Found::configured(contents) }]
}

/// What a shell of this user starts with.
fn environment(surroundings: &Surroundings) -> Environment {
    let mut environment = surroundings.shell.clone();
    if let Some(home) = surroundings.home.as_ref().and_then(|home| home.to_str()) {
        environment.entry("HOME".to_owned()).or_insert_with(|| SecretValue::new(home));
    }
    environment
}

fn absence(failure: Failure, path: &str, shell: Shell, place: &Place) -> Absence {
    match failure {
        Failure::Missed(Missed::Absent) => Absence::Missing(MissingReason::FileAbsent),
        Failure::Missed(Missed::Null) => {
            let detail = "it is a link to /dev/null: its reader finds nothing there";
            let why = Unreadable::new(UnreadableKind::NotAFile, detail);
            Absence::Unreadable(why.at(place.clone()))
        }
        Failure::Missed(Missed::Unreadable(why)) => Absence::Unreadable(why.at(place.clone())),
        Failure::Refused(refusal) => refused(path, shell.name(), &refusal),
    }
}

/// Files of the system that a file reads are full of what concerns no key: of those, only what
/// keeps them from being read, and of all only what is assigned to a variable that is looked for.
fn without_noise(mut contents: Contents, credentials: &[&CredentialFacts]) -> Contents {
    let is_wanted = |place: &Place| {
        contents.occurrences.iter().any(|occurrence| {
            occurrence.place == *place
                && credentials
                    .iter()
                    .any(|credential| credential.variables.contains(&occurrence.variable))
        })
    };
    let kept: Vec<bool> = contents
        .problems
        .iter()
        .map(|problem| match problem.text {
            NOT_EXPORTED => is_wanted(&problem.place),
            LEAVES | MADE => problem.place.path.is_none(),
            _ => true,
        })
        .collect();
    let mut kept = kept.into_iter();
    contents.problems.retain(|_| kept.next().unwrap_or(true));
    contents
}

/// A login bash reads the first of `.bash_profile`, `.bash_login` and `.profile`, and no other,
/// unless that one reads it.
fn hidden(
    path: &str,
    surroundings: &Surroundings,
    environment: &Environment,
    noted: &mut Vec<String>,
) -> Vec<(Option<String>, Trapped)> {
    let own = surroundings.file(path);
    for name in shell::read_instead(path) {
        let other = join(folder_of(path), name);
        let mut files = Opener::new(surroundings, LINES_CAP, Shell::Bash.name());
        let request = Request { path: &other, shell: Shell::Bash, environment };
        if shell::read(&request, &mut files).is_err() {
            continue;
        }
        noted.push(inert(&other));
        let reads_it = files.evidence.files.iter().any(|file| surroundings.file(file) == own);
        if reads_it {
            return Vec::new();
        }
        let place = Place::file(inert(&other));
        return vec![(None, Trapped { trap: Trap::WrongStartupFile, place })];
    }
    Vec::new()
}

/// Universal variables of fish outlive every change of its other files.
fn universal(
    path: &str,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
    noted: &mut Vec<String>,
) -> Vec<(Option<String>, Trapped)> {
    let of_fish = match base_name(path) {
        FISH_VARIABLES => path.to_owned(),
        "config.fish" => join(folder_of(path), FISH_VARIABLES),
        _ => return Vec::new(),
    };
    let mut files = Opener::new(surroundings, LINES_CAP, Shell::Fish.name());
    let nothing = Environment::new();
    let request = Request { path: &of_fish, shell: Shell::Fish, environment: &nothing };
    let Ok(followed) = shell::read(&request, &mut files) else { return Vec::new() };
    if of_fish != path {
        noted.push(inert(&of_fish));
    }
    let contents = in_file(followed.contents, &of_fish);
    let wanted = credentials.iter().flat_map(|credential| &credential.variables);
    wanted
        .filter_map(|variable| {
            let place = contents.winner(variable)?.place.clone();
            Some((Some(variable.clone()), Trapped { trap: Trap::FishUniversal, place }))
        })
        .collect()
}

//! What a command prints: `op read`, `vault kv get`, `doppler secrets download`.

use std::{ffi::OsString, os::unix::process::ExitStatusExt as _, path::Path, time::Duration};

use jiff::Timestamp;

use super::{
    Surroundings,
    export::name_the_bare,
    resolve::{Absence, Found, Undefined},
    run::{NotRun, Printed, Program},
};
use crate::{
    domain::{
        credential::CredentialFacts,
        inert::inert,
        layer::Instance,
        place::Place,
        reading::{Evidence, Occurrence, OpaqueReason, Origin, Unreadable, UnreadableKind, Yield},
        secret::SecretValue,
    },
    formats::{
        Contents, Refusal,
        dotenv::{self, Dialect},
        export::{self, Part, Shape, UNKNOWN_SHAPE},
        sign_in,
    },
    inventory::Output,
};

/// The longest that it may take: less than what a layer may take, so that it is the program that is
/// named.
const DEADLINE: Duration = Duration::from_secs(9);
/// The reader of printed lines. It takes quotes off and expands nothing: what a secret manager prints
/// is meant as it stands.
const DEFAULT_DIALECT: Dialect = Dialect::NodeDotenv;

const NOWHERE: Place = Place { path: None, position: None };
const NO_JSON: &str = "this is not JSON";
const NO_SHAPE: &str = "it has no shape that is known, and is no map of names and texts; give a \
                        `pointer` to the values";

/// A command of the inventory.
pub(super) struct Request<'a> {
    pub command: &'a [String],
    pub output: Output,
    pub pointer: Option<&'a str>,
    pub dialect: Option<&'a str>,
    pub inherit: &'a [String],
}

pub(super) fn read(
    request: &Request<'_>,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Found> {
    let mut evidence = Evidence { read_at: Some(Timestamp::now()), ..Evidence::default() };
    let printed = match run(request, surroundings) {
        Ok(printed) => printed,
        Err(why) => return vec![unreadable(why, evidence)],
    };
    let name = program_name(request);
    let parts = match request.output {
        Output::Value => {
            evidence.reader = Some("value".to_owned());
            Ok(vec![value(&printed, credentials)])
        }
        Output::Dotenv => {
            let dialect = request.dialect.and_then(Dialect::from_name).unwrap_or(DEFAULT_DIALECT);
            evidence.reader = Some(dialect.name().to_owned());
            let contents = dotenv::parse(dialect, printed.expose(), &surroundings.shell);
            contents.map(|contents| vec![Part { contents, ..Part::default() }])
        }
        Output::Json => json(request.pointer, &printed).map(|(shape, parts)| {
            evidence.reader = Some(shape.name().to_owned());
            parts
        }),
    };
    match parts {
        Ok(parts) => {
            parts.into_iter().map(|part| found(part, credentials, evidence.clone())).collect()
        }
        Err(Refusal { position, reason }) => {
            let detail = format!("what `{name}` printed cannot be read: {reason}");
            let place = Place { path: None, position };
            let why = Unreadable::new(UnreadableKind::WrongFormat, detail)
                .at(place)
                .with_remedy("correct `output`, or `command`, in the inventory");
            vec![unreadable(why, evidence)]
        }
    }
}

fn run(request: &Request<'_>, surroundings: &Surroundings) -> Result<SecretValue, Unreadable> {
    let mut words: Vec<OsString> = request.command.iter().map(OsString::from).collect();
    // What a path means must not depend on the folder that stalekey was started in.
    if let Some(first) = words.first_mut()
        && request.command.first().is_some_and(|program| program.contains('/'))
    {
        let file = surroundings.file(&request.command[0]);
        *first = std::path::absolute(&file).unwrap_or(file).into_os_string();
    }
    let program = Program::new(words, &surroundings.shell);
    let program = request
        .inherit
        .iter()
        .fold(program, |program, name| program.with_variable(name, &surroundings.shell));
    let printed = program.in_folder(&surroundings.folder).within(DEADLINE).run();
    let name = program_name(request);
    match printed {
        Ok(printed) if printed.status.success() => Ok(printed.out),
        Ok(printed) => Err(failed(&name, request, surroundings, &printed)),
        Err(NotRun::TimedOut) => Err(NotRun::TimedOut
            .of(&name)
            .with_remedy("it may wait for an answer: run it in a terminal once, then check again")),
        Err(NotRun::TooMuch) => {
            Err(NotRun::TooMuch.of(&name).with_remedy("correct `command` in the inventory"))
        }
        Err(not_run) => Err(not_run.of(&name)),
    }
}

/// It ended with a failure. What it says of it may quote a secret, so only what is known is told.
fn failed(
    name: &str,
    request: &Request<'_>,
    surroundings: &Surroundings,
    printed: &Printed,
) -> Unreadable {
    let status = printed.status;
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("`{name}` ended with status {code}"),
        (None, Some(signal)) => format!("`{name}` was ended by signal {signal}"),
        (None, None) => format!("`{name}` failed"),
    };
    let lacking = request.inherit.iter().find(|name| !surroundings.shell.contains_key(*name));
    let remedy = match (sign_in::remedy(name, printed.err.expose()), lacking) {
        (Some(remedy), _) => remedy.to_owned(),
        (None, Some(variable)) => {
            format!("set `{}` in this shell: it is named in `inherit`", inert(variable))
        }
        (None, None) => "run it in a terminal: there it says why".to_owned(),
    };
    Unreadable::new(UnreadableKind::System, how).with_remedy(remedy)
}

/// The last name of its path.
fn program_name(request: &Request<'_>) -> String {
    let program = request.command.first().map(Path::new).and_then(Path::file_name);
    program.map(|name| inert(&name.to_string_lossy())).unwrap_or_default()
}

/// One value, of the layer's one credential. One line end is the program's own; more, or a carriage
/// return, are damage.
fn value(printed: &SecretValue, credentials: &[&CredentialFacts]) -> Part {
    let bytes = printed.expose();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let variable = credentials.first().and_then(|only| only.variables.first());
    let occurrence = variable.map(|variable| Occurrence {
        variable: variable.clone(),
        place: NOWHERE,
        origin: Origin::File,
        yields: Yield::Value(SecretValue::new(bytes)),
        wins: true,
    });
    let contents =
        Contents { occurrences: occurrence.into_iter().collect(), ..Contents::default() };
    Part { contents, ..Part::default() }
}

fn json(pointer: Option<&str>, printed: &SecretValue) -> Result<(Shape, Vec<Part>), Refusal> {
    let shape = pointer.map(|_| Shape::Json);
    let read = export::parse(shape, pointer, printed.expose()).map_err(|mut refusal| {
        if refusal.reason == UNKNOWN_SHAPE {
            refusal.reason = NO_SHAPE;
        }
        refusal
    })?;
    match read.shape {
        // A complaint such as `error: …` is YAML too.
        Shape::Yaml | Shape::Toml => Err(Refusal { position: None, reason: NO_JSON }),
        shape => Ok((shape, read.parts)),
    }
}

fn found(mut part: Part, credentials: &[&CredentialFacts], evidence: Evidence) -> Found {
    name_the_bare(&mut part, credentials);
    let undefined = if part.elsewhere {
        Undefined::Opaque(OpaqueReason::Elsewhere)
    } else {
        Undefined::Missing
    };
    Found {
        instance: part.name.map(Instance::Container),
        evidence,
        updated_at: part.updated_at,
        undefined,
        ..Found::configured(Ok(part.contents))
    }
}

fn unreadable(why: Unreadable, evidence: Evidence) -> Found {
    Found { evidence, ..Found::configured(Err(Absence::Unreadable(why))) }
}

//! Which files Compose reads.

use super::{
    Failure, OVERRIDE_IGNORED, Request, as_text,
    load::Reader,
    path::{folder_of, join},
    variables::Variables,
};
use crate::{
    domain::{inert::inert, place::Place, reading::Problem, secret::SecretValue},
    formats::Environment,
};

/// What Compose looks for in a folder; the first that is there.
pub const FILES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
/// What it lays over that; the first that is there.
pub const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

const NO_FILE: &str = "no compose file here or in a folder above; Compose looks for compose.yaml";
const NO_ENV_FILE: &str = "this env file is named for the project and does not exist";
const NOT_A_SWITCH: &str = "COMPOSE_DISABLE_ENV_FILE is neither true nor false";

/// What a project consists of.
#[derive(Debug)]
pub(super) struct Found {
    /// The compose files, the lowest first.
    pub(super) files: Vec<String>,
    /// The project's folder.
    pub(super) folder: String,
    /// The project's variables.
    pub(super) variables: Variables,
    /// The active profiles.
    pub(super) profiles: Vec<String>,
}

/// Finds them in Compose's own order: variables, then files, then the variables beside the files.
pub(super) fn discover(
    request: &Request,
    environment: &Environment,
    reader: &mut Reader<'_>,
) -> Result<Found, Failure> {
    let mut variables = Variables::of_shell(environment);
    let given = |paths: &[String]| -> Vec<String> {
        paths.iter().map(|path| join(&request.folder, path)).collect()
    };
    let mut files = given(&request.files);
    let env_files = if request.env_files.is_empty() {
        let named = environment.get("COMPOSE_ENV_FILES").and_then(as_text).unwrap_or_default();
        split(named, ",").map(|path| join(&request.folder, path)).collect()
    } else {
        given(&request.env_files)
    };
    let beside = env_files.is_empty() && !is_disabled(environment)?;
    let first_folder = files.first().map_or(request.folder.as_str(), |file| folder_of(file));
    let mut default = beside.then(|| join(first_folder, ".env"));
    if let Some(path) = &default {
        add_if_present(&mut variables, reader, path)?;
    } else {
        let mut contents = Vec::new();
        for path in env_files {
            if !reader.exists(&path) {
                return Err(Failure::file(&path, NO_ENV_FILE));
            }
            let bytes = reader.read(&path)?;
            contents.push((path, bytes));
        }
        variables.add_env_files(&contents)?;
    }
    if files.is_empty() {
        files = named_files(&variables, &request.folder);
    }
    if files.is_empty() {
        files = discovered(reader, &request.folder);
    } else {
        tell_ignored(reader, &files);
    }
    let folder = match files.first() {
        Some(first) => folder_of(first).to_owned(),
        None => return Err(Failure::project(NO_FILE)),
    };
    if let Some(first) = default.take() {
        let path = join(&folder, ".env");
        if path != first {
            add_if_present(&mut variables, reader, &path)?;
        }
    }
    let profiles = if request.profiles.is_empty() {
        let named = variables.get("COMPOSE_PROFILES").and_then(as_text).unwrap_or_default();
        split(named, ",").map(str::to_owned).collect()
    } else {
        request.profiles.clone()
    };
    Ok(Found { files, folder, variables, profiles })
}

fn split<'a>(text: &'a str, separator: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(separator).map(str::trim).filter(|part| !part.is_empty())
}

fn is_disabled(environment: &Environment) -> Result<bool, Failure> {
    match environment.get("COMPOSE_DISABLE_ENV_FILE").map(SecretValue::expose) {
        None | Some(b"0" | b"f" | b"F" | b"false" | b"False" | b"FALSE") => Ok(false),
        Some(b"1" | b"t" | b"T" | b"true" | b"True" | b"TRUE") => Ok(true),
        Some(_) => Err(Failure::project(NOT_A_SWITCH)),
    }
}

fn add_if_present(
    variables: &mut Variables,
    reader: &mut Reader<'_>,
    path: &str,
) -> Result<(), Failure> {
    if !reader.exists(path) {
        return Ok(());
    }
    let bytes = reader.read(path)?;
    variables.add_env_files(&[(path.to_owned(), bytes)])
}

/// `COMPOSE_FILE`, from the shell or the env file.
fn named_files(variables: &Variables, folder: &str) -> Vec<String> {
    let text = |name| variables.get(name).and_then(as_text).filter(|text| !text.is_empty());
    let separator = text("COMPOSE_PATH_SEPARATOR").unwrap_or(":");
    let named = text("COMPOSE_FILE").unwrap_or_default();
    split(named, separator).map(|path| join(folder, path)).collect()
}

/// Override files beside a file that is named.
fn tell_ignored(reader: &mut Reader<'_>, files: &[String]) {
    let Some(folder) = files.first().map(|file| folder_of(file).to_owned()) else { return };
    for path in OVERRIDES.iter().map(|name| join(&folder, name)) {
        if !files.contains(&path) && reader.exists(&path) {
            reader
                .problems
                .push(Problem { place: Place::file(inert(&path)), text: OVERRIDE_IGNORED });
        }
    }
}

/// The first name that exists, here or in the nearest folder above, and its override file. Above
/// means above in the path as it was given.
fn discovered(reader: &mut Reader<'_>, folder: &str) -> Vec<String> {
    let mut folder = join("", folder);
    loop {
        let main = FILES.iter().map(|name| join(&folder, name)).find(|path| reader.exists(path));
        if let Some(main) = main {
            let over =
                OVERRIDES.iter().map(|name| join(&folder, name)).find(|path| reader.exists(path));
            return std::iter::once(main).chain(over).collect();
        }
        if folder.is_empty() || folder == "/" || folder.ends_with("..") {
            return Vec::new();
        }
        folder = folder_of(&folder).to_owned();
    }
}

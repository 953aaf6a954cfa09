//! What a person sets for themselves: keys, colours, a team key, own providers. It lives in the
//! user's folder, where no repository can put it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::discovery::{Refusal, read_own};
use crate::{
    domain::{fingerprint::FingerprintKey, inert::inert},
    strict_toml::{self, Mistakes, Source},
};

/// The name of the file.
pub const FILE_NAME: &str = "settings.toml";
/// The variable whose team key goes before that of the file (SECURITY F4).
pub const TEAM_KEY_VARIABLE: &str = "STALEKEY_FP_KEY";
/// The most files of providers that are read.
const MOST_PROVIDERS: usize = 200;

/// What a person set; what they did not is as it comes.
#[derive(Debug, Clone, Default)]
pub struct UserSettings {
    /// Chords by action, such as `ctrl-d`; checked by the key map, which knows the actions.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Colours.
    pub theme: Theme,
    /// Draw with ASCII only.
    pub ascii: bool,
    /// In place of the salt (SECURITY F4).
    pub team_key: Option<FingerprintKey>,
}

/// The colours of the dashboard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// Sixteen colours on the terminal's own background.
    #[default]
    Default,
    /// No colours.
    Mono,
    /// Blue and orange in place of green and red.
    ColourBlind,
}

/// Settings of one person, read from `settings.toml`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct File {
    /// A chord, or a list of chords, by action.
    #[serde(default)]
    keys: BTreeMap<String, Chords>,
    /// The colours of the dashboard.
    #[serde(default)]
    theme: Theme,
    /// Draw with ASCII only.
    #[serde(default)]
    ascii: bool,
    /// What fingerprints are made with.
    #[serde(default)]
    fingerprint: FingerprintTable,
}

/// One chord or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Chords {
    One(String),
    Many(Vec<String>),
}

/// What fingerprints are made with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct FingerprintTable {
    /// 64 hex digits that everybody in a team has. Secret.
    team_key: Option<String>,
}

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A file cannot be read or believed.
    Refused(Refusal),
    /// A file has mistakes.
    Mistaken(Mistakes),
    /// The variable of the team key holds something else.
    TeamKey(&'static str),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(formatter),
            Self::Mistaken(mistakes) => mistakes.fmt(formatter),
            Self::TeamKey(why) => write!(formatter, "error: {TEAM_KEY_VARIABLE} {why}"),
        }
    }
}

impl std::error::Error for Failure {}

/// Reads the settings in the user's folder, if there are any, and the team key of the environment.
///
/// # Errors
/// When the file or the variable cannot be used.
pub fn load(
    folder: Option<&Path>,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<UserSettings, Failure> {
    let path = folder.map(|folder| folder.join(FILE_NAME)).filter(|path| exists(path));
    let mut settings = match path {
        None => UserSettings::default(),
        Some(path) => {
            let (_, text) = read_own(&path).map_err(Failure::Refused)?;
            parse(&text, &path.to_string_lossy()).map_err(Failure::Mistaken)?
        }
    };
    if let Some(text) = environment(TEAM_KEY_VARIABLE).filter(|text| !text.is_empty()) {
        let bytes = FingerprintKey::decode_hex(text.to_str().unwrap_or_default())
            .map_err(Failure::TeamKey)?;
        settings.team_key = Some(FingerprintKey::team(bytes));
    }
    Ok(settings)
}

/// Reads the text of `settings.toml`.
///
/// # Errors
/// Every mistake, in file order.
pub fn parse(text: &str, display_name: &str) -> Result<UserSettings, Mistakes> {
    let name = inert(display_name);
    let strict_toml::Outcome { document, mut mistakes } =
        strict_toml::read_all::<File>(&Source { name: &name, text });
    let Some(document) = document else { return Err(mistakes) };
    let file = document.value();
    let mut team_key = None;
    if let Some(text) = &file.fingerprint.team_key {
        match FingerprintKey::decode_hex(text) {
            Ok(bytes) => team_key = Some(FingerprintKey::team(bytes)),
            Err(why) => {
                let place = ["fingerprint", "team_key"];
                let mistake = document.mistake_at_value(&place, format!("the team key {why}"));
                mistakes.push(mistake.help("make one with `openssl rand -hex 32`"));
            }
        }
    }
    let mut keys = BTreeMap::new();
    for (action, chords) in &file.keys {
        let chords = match chords {
            Chords::One(chord) => vec![chord.clone()],
            Chords::Many(chords) => chords.clone(),
        };
        if chords.iter().any(|chord| chord.trim().is_empty()) {
            let mistake = document.mistake_at_value(&["keys", action], "a chord is empty");
            mistakes.push(mistake.help("write it like \"ctrl-d\", \"g g\" or \"?\""));
        }
        keys.insert(action.clone(), chords);
    }
    if mistakes.is_empty() {
        return Ok(UserSettings { keys, theme: file.theme, ascii: file.ascii, team_key });
    }
    mistakes.sort();
    Err(mistakes)
}

/// A file of the user's own providers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderFile {
    /// The file.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

/// The `providers/*.toml` in the user's folder, by name.
///
/// # Errors
/// When one of them cannot be read or believed.
pub fn provider_files(folder: &Path) -> Result<Vec<ProviderFile>, Refusal> {
    let folder = folder.join("providers");
    if !exists(&folder) {
        return Ok(Vec::new());
    }
    let refusal =
        |reason: &str| Refusal { path: folder.clone(), reason: reason.to_owned(), help: None };
    let entries = folder.read_dir().map_err(|_| refusal("this folder cannot be read"))?;
    let mut paths: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    if paths.len() > MOST_PROVIDERS {
        return Err(refusal("there are more than 200 files of providers"));
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| read_own(&path).map(|(_, text)| ProviderFile { path, text }))
        .collect()
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn everything_can_be_set() {
        let text = format!(
            "theme = \"colour-blind\"\nascii = true\n[keys]\nquit = \"q\"\ntop = [\"g g\", \"home\"]\n\
             [fingerprint]\nteam_key = \"{}\"",
            "0a".repeat(32)
        );
        let settings = parse(&text, "settings.toml").unwrap();
        assert_eq!(settings.theme, Theme::ColourBlind);
        assert!(settings.ascii);
        assert_eq!(settings.keys["top"], ["g g", "home"]);
        assert_eq!(settings.team_key.unwrap().id(), FingerprintKey::team([10; 32]).id());
    }

    #[test]
    fn mistakes_have_their_places_and_quote_no_key() {
        let key = "0b".repeat(31);
        let text = format!(
            "theme = \"dark\"\n[keys]\nquit = \"\"\n[fingerprint]\nteam_key = \"{key}\"\nx = 1"
        );
        let mistakes = parse(&text, "settings.toml").unwrap_err();
        let places: Vec<_> = mistakes
            .iter()
            .map(|mistake| (mistake.position.line, mistake.position.column, mistake.what.as_str()))
            .collect();
        assert_eq!(
            places,
            [
                (1, 9, "unknown value `dark`"),
                (3, 8, "a chord is empty"),
                (5, 12, "the team key must be 64 hex digits (32 bytes)"),
                (6, 1, "unknown field `x`"),
            ]
        );
        assert!(!mistakes.to_string().contains("0b0b"));
        assert!(parse("theme = ", "settings.toml").is_err());
    }

    #[test]
    fn the_variable_goes_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let id = |bytes| FingerprintKey::team(bytes).id().to_owned();
        let team = |variable: Option<String>| {
            load(Some(folder.path()), &|name| {
                variable.clone().filter(|_| name == TEAM_KEY_VARIABLE).map(OsString::from)
            })
            .map(|settings| settings.team_key.map(|key| key.id().to_owned()))
        };
        assert_eq!(team(None), Ok(None));
        fs::write(&path, format!("fingerprint.team_key = \"{}\"", "01".repeat(32))).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(team(None), Ok(Some(id([1; 32]))));
        assert_eq!(team(Some("02".repeat(32))), Ok(Some(id([2; 32]))));
        let error = team(Some("02".repeat(31))).unwrap_err().to_string();
        assert_eq!(error, "error: STALEKEY_FP_KEY must be 64 hex digits (32 bytes)");
    }

    #[test]
    fn own_providers_are_listed_by_name() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(provider_files(folder.path()), Ok(vec![]));
        let own = folder.path().join("providers");
        fs::create_dir(&own).unwrap();
        for name in ["b.toml", "a.toml", "notes.txt"] {
            fs::write(own.join(name), name).unwrap();
            fs::set_permissions(own.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let texts: Vec<_> =
            provider_files(folder.path()).unwrap().into_iter().map(|file| file.text).collect();
        assert_eq!(texts, ["a.toml", "b.toml"]);
    }
}

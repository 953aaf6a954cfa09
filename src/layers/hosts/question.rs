//! What another machine is asked: a small inventory for the stalekey there, and a script for a plain
//! shell where there is none.

use super::sessions::RunKey;
use crate::{
    domain::{
        credential::CredentialFacts,
        reading::{Unreadable, UnreadableKind},
    },
    formats::host::SCRIPT,
    inventory::{Layer, LayerSpec, ProcessMatch},
};

/// A question, and how to understand its answer.
pub(super) struct Question {
    /// What `sh` reads there.
    pub script: String,
    /// The variables that a plain shell is asked for, in their order.
    pub variables: Vec<String>,
    /// Public beginnings of keys, in their order.
    pub prefixes: Vec<String>,
    /// Why a plain shell cannot answer.
    pub beyond_shell: Option<Unreadable>,
}

impl Question {
    pub(super) fn of(layer: &Layer, credentials: &[&CredentialFacts], key: &RunKey) -> Self {
        let mut variables: Vec<String> =
            credentials.iter().flat_map(|credential| &credential.variables).cloned().collect();
        variables.retain(|name| is_name(name));
        variables.sort_unstable();
        variables.dedup();
        let mut prefixes: Vec<String> =
            credentials.iter().flat_map(|credential| &credential.prefixes).cloned().collect();
        prefixes.retain(|prefix| is_plain(prefix));
        prefixes.sort_unstable();
        prefixes.dedup();
        let plain = plain(&layer.kind);
        let parameters = plain.as_ref().cloned().unwrap_or_default();
        let script = script(layer, credentials, key, &variables, &prefixes, &parameters);
        Self { script, variables, prefixes, beyond_shell: plain.err() }
    }
}

/// What a shell takes for the name of a variable, and no expression for more than letters.
pub(super) fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(letter) && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

type Parameters = Vec<(&'static str, String)>;

/// The parameters of the script for this kind of layer.
fn plain(kind: &LayerSpec) -> Result<Parameters, Unreadable> {
    let beyond = |detail: &str| Unreadable::new(UnreadableKind::Unsupported, detail);
    match kind {
        LayerSpec::Dotenv { files, .. } => match files.as_slice() {
            [file] => Ok(vec![("KIND", "file".to_owned()), ("FILE", file.clone())]),
            _ => Err(beyond("several files are read there by stalekey only")),
        },
        LayerSpec::Systemd { unit: Some(unit), scope, files } if files.is_empty() => Ok(vec![
            ("KIND", "unit".to_owned()),
            ("UNIT", unit.clone()),
            ("SCOPE", scope.clone().unwrap_or_else(|| "system".to_owned())),
        ]),
        LayerSpec::Process { matching, .. } => processes(matching),
        _ => Err(beyond("unit files are read there by stalekey only")),
    }
}

fn processes(matching: &ProcessMatch) -> Result<Parameters, Unreadable> {
    let beyond = |detail: &str| Unreadable::new(UnreadableKind::Unsupported, detail);
    let ProcessMatch { pid, pid_file, name, command, port, folder, user, unit, descendants } =
        matching;
    if port.is_some() {
        return Err(beyond("processes are found by their port there by stalekey only"));
    }
    if *descendants {
        return Err(beyond("descendants of processes are found there by stalekey only"));
    }
    if command.as_deref().is_some_and(|command| !means_the_same(command)) {
        let detail = "this expression in `command` may mean something else to a plain shell";
        return Err(beyond(detail));
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Ok(vec![
        ("KIND", "process".to_owned()),
        ("PID", pid.map(|pid| pid.to_string()).unwrap_or_default()),
        ("PIDFILE", text(pid_file)),
        ("NAME", text(name)),
        ("COMMAND", text(command)),
        ("FOLDER", text(folder)),
        ("WHO", text(user)),
        ("UNIT", text(unit)),
    ])
}

/// A regular expression that means the same to this program and to every POSIX `awk`: no classes of
/// letters, no counts, no lazy repetition, nothing behind `(?`.
fn means_the_same(expression: &str) -> bool {
    const PLAIN: &str = " _-/.:@=,%+*?|()^$~#'\"<>;&!";
    let mut before = None;
    let mut characters = expression.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped) if ".+*?()|[]{}^$\\/".contains(escaped) => {
                    before = None;
                    continue;
                }
                _ => return false,
            },
            '?' if matches!(before, None | Some('(' | '*' | '+' | '?' | '|' | '^')) => {
                return false;
            }
            '*' | '+' if matches!(before, None | Some('(' | '*' | '+' | '?' | '|' | '^')) => {
                return false;
            }
            _ if character.is_ascii_alphanumeric() || PLAIN.contains(character) => {}
            _ => return false,
        }
        before = Some(character);
    }
    true
}

fn script(
    layer: &Layer,
    credentials: &[&CredentialFacts],
    key: &RunKey,
    variables: &[String],
    prefixes: &[String],
    parameters: &Parameters,
) -> String {
    const NAMES: [&str; 11] = [
        "KIND", "FILE", "PID", "PIDFILE", "NAME", "COMMAND", "FOLDER", "WHO", "UNIT", "SCOPE",
        "NONE",
    ];
    let mark = &key.mark;
    let block = |with: u8| -> String {
        let byte = |index: usize| key.bytes.get(index).copied().unwrap_or(0) ^ with;
        (0..64).map(|index| format!("\\{:03o}", byte(index))).collect()
    };
    let mut script = format!("LC_ALL=C; export LC_ALL\nN='{mark}'\n");
    if let Some(request) = request(layer, credentials, key) {
        // The end of the text is a word that nobody else can know, so nothing in it ends it.
        script.push_str(&format!(
            "if command -v stalekey >/dev/null 2>&1; then\nprintf '%s\\treport\\n' \"$N\"\n\
             if stalekey report --layer - 2>/dev/null <<'{mark}-end'\n{request}\n{mark}-end\n\
             then printf '%s\\treported\\n' \"$N\"; exit 0; fi\n\
             printf '\\n%s\\tunreported\\n' \"$N\"\nfi\n"
        ));
    }
    script.push_str(&format!("IPAD='{}'\nOPAD='{}'\n", block(0x36), block(0x5c)));
    script.push_str(&format!(
        "VARIABLES='{}'\nPREFIXES='{}'\n",
        variables.join(" "),
        prefixes.join(" ")
    ));
    for name in NAMES {
        let value = parameters.iter().find(|(known, _)| *known == name);
        let value = value.map_or("", |(_, value)| value.as_str());
        script.push_str(&format!("{name}='{}'\n", value.replace('\'', "'\\''")));
    }
    script.push_str(SCRIPT);
    script
}

/// The layer alone as an inventory, for `stalekey report --layer -`. Its salt is the key of the run.
fn request(layer: &Layer, credentials: &[&CredentialFacts], key: &RunKey) -> Option<String> {
    let text = |text: &str| toml::Value::String(text.to_owned());
    let list = |texts: &[String]| {
        toml::Value::Array(texts.iter().map(|text| toml::Value::String(text.clone())).collect())
    };
    let table = |fields: Vec<(&str, Option<toml::Value>)>| -> toml::Table {
        let given = |(name, value): (&str, Option<toml::Value>)| Some((name.to_owned(), value?));
        fields.into_iter().filter_map(given).collect()
    };
    let optional = |field: &Option<String>| field.as_deref().map(text);
    let number = |number: usize| i64::try_from(number).ok().map(toml::Value::Integer);
    let mut fields = vec![
        ("name", Some(text("layer"))),
        ("environment", Some(text("there"))),
        ("kind", Some(text(layer.kind.kind().name()))),
    ];
    match &layer.kind {
        LayerSpec::Dotenv { files, dialect } => {
            fields.extend([("files", Some(list(files))), ("dialect", optional(dialect))]);
        }
        LayerSpec::Systemd { unit, scope, files } => fields.extend([
            ("unit", optional(unit)),
            ("scope", optional(scope)),
            ("files", Some(list(files))),
        ]),
        // Memory is searched on this machine only.
        LayerSpec::Process { matching, min, memory: _ } => {
            let process = table(vec![
                ("pid", matching.pid.map(|pid| toml::Value::Integer(pid.into()))),
                ("pid_file", optional(&matching.pid_file)),
                ("name", optional(&matching.name)),
                ("command", optional(&matching.command)),
                ("port", matching.port.map(|port| toml::Value::Integer(port.into()))),
                ("folder", optional(&matching.folder)),
                ("user", optional(&matching.user)),
                ("unit", optional(&matching.unit)),
            ]);
            fields.extend([
                ("match", Some(toml::Value::Table(process))),
                ("tree", matching.descendants.then(|| text("descendants"))),
                ("min", min.and_then(number)),
            ]);
        }
        _ => return None,
    }
    let known: toml::Table = credentials
        .iter()
        .map(|credential| {
            let fields = table(vec![
                ("provider", optional(&credential.provider)),
                ("variables", Some(list(&credential.variables))),
            ]);
            (credential.id.clone(), toml::Value::Table(fields))
        })
        .collect();
    let salt: String = key.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let there = [("there".to_owned(), toml::Value::Table(toml::Table::new()))];
    let whole = table(vec![
        ("version", Some(toml::Value::Integer(1))),
        ("fingerprint", Some(toml::Value::Table(table(vec![("salt", Some(text(&salt)))])))),
        ("credentials", Some(toml::Value::Table(known))),
        ("environments", Some(toml::Value::Table(there.into_iter().collect()))),
        ("layers", Some(toml::Value::Array(vec![toml::Value::Table(table(fields))]))),
    ]);
    toml::to_string(&whole).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("gunicorn .*api", true)]
    #[case("^/usr/bin/node (server|worker)\\.js$", true)]
    #[case("app --port=80+", true)]
    #[case("\\d+", false)]
    #[case("a{2}", false)]
    #[case("[[:alpha:]]", false)]
    #[case("(?i)api", false)]
    #[case("a+?", false)]
    #[case("*", false)]
    #[case("a\\", false)]
    #[case("ä", false)]
    fn expressions_that_mean_the_same_everywhere(#[case] expression: &str, #[case] same: bool) {
        assert_eq!(means_the_same(expression), same);
    }

    #[rstest]
    #[case("OPENAI_API_KEY", true)]
    #[case("_a1", true)]
    #[case("1A", false)]
    #[case("A-B", false)]
    #[case("A.*", false)]
    #[case("", false)]
    fn names_are_what_a_shell_takes_for_one(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_name(name), expected);
    }
}

//! Numbered findings, each with evidence and a fix.
//!
//! A new diagnosis is one file below `diagnosis/`, one page below `assets/diagnoses/` and one line
//! in [`REGISTRY`]. The ranges: SK1xx a stale value wins by precedence; SK2xx the file is right and
//! the running thing is old; SK3xx the value is damaged; SK4xx the key is fine and the context is
//! wrong; SK5xx the layer could not be judged; SK6xx hygiene.

mod old_pods;
mod old_process;
mod scene;
mod sk101;
mod sk102;
mod sk103;
mod sk104;
mod sk106;
mod sk107;
mod sk201;
mod sk202;
mod sk203;
mod sk204;
mod sk205;
mod sk206;
mod sk207;
mod sk209;
mod sk211;
mod sk213;
mod sk216;
mod sk222;
mod sk301;
mod sk302;
mod sk303;
mod sk304;
mod sk305;
mod sk306;
mod sk308;
mod sk309;
mod sk310;
mod sk401;
mod sk402;
mod sk403;
mod sk404;
mod sk406;
mod sk407;
mod sk408;
mod sk411;
mod sk412;
mod sk413;
mod sk501;
mod sk502;
mod sk503;
mod sk504;
mod sk505;
mod sk601;
mod sk605;
mod sk620;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use scene::Scene;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The layer will fail, or fails.
    Error,
    /// It works, and should not be left so.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One way to end a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What to do, in one sentence.
    pub text: String,
    /// The one command to copy, where one exists.
    pub command: Option<String>,
}

impl Fix {
    /// A fix that no single command does.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), command: None }
    }

    /// A fix that this command does.
    pub fn command(text: impl Into<String>, command: impl Into<String>) -> Self {
        Self { text: text.into(), command: Some(command.into()) }
    }
}

/// A diagnosis that holds for some rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `SK201`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence that names the layer and the evidence.
    pub message: String,
    /// Indexes of the rows it is about, ascending.
    pub rows: Vec<usize>,
    /// Whether restarting what runs would end it; `None` where the question does not arise.
    pub restart_helps: Option<bool>,
    /// What ends it.
    pub fixes: Vec<Fix>,
}

/// What a diagnosis is, apart from the cases in which it holds.
pub struct Diagnosis {
    /// `SK201`.
    pub code: &'static str,
    /// A short name: "process older than its file".
    pub title: &'static str,
    /// The page that `stalekey explain` prints.
    pub page: &'static str,
    /// Finds the cases.
    detect: fn(&Scene<'_>) -> Vec<Finding>,
}

/// Builds a [`Diagnosis`] from the file of the same name and its page.
macro_rules! registry {
    ($($module:ident $code:literal $title:literal;)*) => {
        &[$(Diagnosis {
            code: $code,
            title: $title,
            page: include_str!(concat!("../../assets/diagnoses/", $code, ".md")),
            detect: $module::detect,
        }),*]
    };
}

/// Every diagnosis, by code.
pub static REGISTRY: &[Diagnosis] = registry! {
    sk101 "SK101" "the shell's export shadows the file";
    sk102 "SK102" "an empty variable shadows a good value";
    sk103 "SK103" "the shell overrides compose's interpolation";
    sk104 "SK104" "environment: beats env_file:";
    sk106 "SK106" "the variable is defined more than once";
    sk107 "SK107" "readers of this file disagree";
    sk201 "SK201" "the process is older than its source";
    sk202 "SK202" "workers inherit an old key";
    sk203 "SK203" "PM2 keeps a copy";
    sk204 "SK204" "supervisord starts it as it was";
    sk205 "SK205" "systemd has not loaded the edited unit";
    sk206 "SK206" "the container must be recreated";
    sk207 "SK207" "the pod was not rolled out";
    sk209 "SK209" "only some pods have the new key";
    sk211 "SK211" "a mounted file is the one from before";
    sk213 "SK213" "the layer itself was not updated";
    sk216 "SK216" "a watcher hands an old key down";
    sk222 "SK222" "a reboot brings an old key back";
    sk301 "SK301" "literal quotes in the value";
    sk302 "SK302" "a carriage return in the value";
    sk303 "SK303" "a newline in the value";
    sk304 "SK304" "a space before or after the value";
    sk305 "SK305" "the variable is empty";
    sk306 "SK306" "the wrong thing was pasted";
    sk308 "SK308" "a name that is almost right";
    sk309 "SK309" "an invisible character in the value";
    sk310 "SK310" "the key is cut short";
    sk401 "SK401" "the base URL points elsewhere";
    sk402 "SK402" "wrong organisation or project";
    sk403 "SK403" "the key is restricted";
    sk404 "SK404" "no quota left";
    sk406 "SK406" "something else answered";
    sk407 "SK407" "wrong regional host";
    sk408 "SK408" "a model is not visible";
    sk411 "SK411" "the expected key itself is refused";
    sk412 "SK412" "the server received another key";
    sk413 "SK413" "half of what is sent is missing";
    sk501 "SK501" "the layer could not be read";
    sk502 "SK502" "no permission to read the layer";
    sk503 "SK503" "the value cannot be known from here";
    sk504 "SK504" "the provider could not be asked";
    sk505 "SK505" "nothing runs";
    sk601 "SK601" "one key in several environments";
    sk605 "SK605" "everybody may read the key";
    sk620 "SK620" "an old key has come back";
};

/// The diagnosis with this code, in any case.
pub fn find(code: &str) -> Option<&'static Diagnosis> {
    REGISTRY.iter().find(|diagnosis| diagnosis.code.eq_ignore_ascii_case(code))
}

/// All findings of a scene: the most severe first, then by code, then by row.
pub fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        REGISTRY.iter().flat_map(|diagnosis| (diagnosis.detect)(scene)).collect();
    drop_what_is_explained(&mut findings);
    findings.sort_by(|left, right| {
        (left.severity, left.code, &left.rows).cmp(&(right.severity, right.code, &right.rows))
    });
    findings
}

/// "It was not updated" says nothing new of a row whose stale value wins by precedence (SK1xx).
fn drop_what_is_explained(findings: &mut Vec<Finding>) {
    let explained: BTreeSet<usize> = findings
        .iter()
        .filter(|finding| finding.code.starts_with("SK1") && finding.severity == Severity::Error)
        .flat_map(|finding| finding.rows.iter().copied())
        .collect();
    findings.retain(|finding| {
        finding.code != "SK213" || !finding.rows.iter().all(|row| explained.contains(row))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_sorted_and_have_pages_that_say_what_to_do() {
        assert!(REGISTRY.windows(2).all(|pair| pair[0].code < pair[1].code));
        for diagnosis in REGISTRY {
            let page = diagnosis.page;
            assert!(page.starts_with(&format!("# {} ", diagnosis.code)), "{}", diagnosis.code);
            for part in ["## What it means", "## How it is found", "## What ends it"] {
                assert!(page.contains(part), "{} lacks `{part}`", diagnosis.code);
            }
        }
        assert_eq!(find("sk201").map(|diagnosis| diagnosis.code), Some("SK201"));
        assert!(find("SK999").is_none());
    }
}

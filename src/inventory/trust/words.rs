//! Effects as a person reads them: one line each, with everything that it is trusted for.

use std::path::Path;

use super::{Effect, pin::Context};
use crate::domain::{
    inert::{inert_within, quoted},
    trust::{Ask, Verb},
};

/// Nothing of a prompt is cut off: the end of a long command may be the worst of it.
const MOST: usize = usize::MAX;

/// A row says no more than this of a layer's effects.
const MOST_ON_A_ROW_CHARACTERS: usize = 300;

/// How many of a layer's effects its row names.
const MOST_ON_A_ROW: usize = 2;

impl Effect {
    /// Its line. Links are followed, so that nobody trusts a name.
    pub fn ask(&self, context: &Context) -> Ask {
        let (verb, text) = self.words();
        let text = match self {
            Self::ReadOutside { path } | Self::LookBeside { folder: path } => {
                let real = context.real(path);
                let is_meant = real.as_path() == path.as_path();
                let real = quoted(&shown(&real.to_string_lossy()));
                if is_meant { text } else { format!("{text} (which is {real})") }
            }
            Self::Run { command, .. } => match context.program(command) {
                Some(program) => {
                    let program = quoted(&shown(&program.to_string_lossy()));
                    format!("{text} (the program {program}, as it is now)")
                }
                None => format!("{text} (there is no such program now)"),
            },
            _ => text,
        };
        let text = match self {
            Self::ReadOutside { path } if context.real(path).is_dir() => {
                format!("{text}, a folder with all that is in it")
            }
            _ => text,
        };
        Ask { verb, text }
    }

    /// What happens, and to what: the verb and the text make a sentence.
    fn words(&self) -> (Verb, String) {
        // A name must not end its own quotes and go on as if it were ours.
        let named = |name: &str| format!("`{}`", shown(name).replace('`', "'"));
        let of_path = |path: &Path| quoted(&shown(&path.to_string_lossy()));
        match self {
            Self::Send { credential, provider, endpoint } => {
                let instead = match provider {
                    Some(provider) => format!(", instead of {} itself", shown(provider)),
                    None => String::new(),
                };
                let text =
                    format!("the keys of {} to {}{instead}", named(credential), shown(endpoint));
                (Verb::Send, text)
            }
            Self::SendUnrecognised { credential, provider, variables } => {
                let each: Vec<String> = variables.iter().map(|name| named(name)).collect();
                let provider = shown(provider);
                let text = format!(
                    "the value of {} (credential {}) to {provider}, though it does not look like \
                     one of its keys",
                    each.join(" or "),
                    named(credential)
                );
                (Verb::Send, text)
            }
            Self::ReadOutside { path } => (Verb::Read, of_path(path)),
            Self::LookBeside { folder } => {
                let text = format!(
                    "files in {} that tell which program reads a .env there: package.json, \
                     pyproject.toml and the like",
                    of_path(folder)
                );
                (Verb::Read, text)
            }
            Self::Unit { name } => {
                let text = format!("systemd's unit {}, and every file that it names", named(name));
                (Verb::Read, text)
            }
            Self::Processes { what } => {
                (Verb::Read, format!("the environments of running processes {}", shown(what)))
            }
            Self::Memory { what } => {
                (Verb::Read, format!("the memory of running processes {}", shown(what)))
            }
            Self::Containers { what } => {
                (Verb::Read, format!("the environments of containers: {}", shown(what)))
            }
            Self::Manager { what } => {
                (Verb::Read, format!("what a process manager keeps: {}", shown(what)))
            }
            Self::Cluster { what } => {
                (Verb::Run, format!("kubectl, to read from a cluster: {}", shown(what)))
            }
            Self::Run { command, inherit } => {
                let words: Vec<String> = command.iter().map(|word| quoted(&shown(word))).collect();
                let given: Vec<String> = inherit.iter().map(|name| shown(name)).collect();
                let given = match given.as_slice() {
                    [] => String::new(),
                    given => format!(", which is given {} of this shell", given.join(", ")),
                };
                (Verb::Run, format!("{}{given}", words.join(" ")))
            }
            Self::Host { name } => {
                (Verb::Run, format!("ssh, to read on the machine {}", named(name)))
            }
        }
    }

    /// What would happen, for a row that says why it is not looked at.
    fn would(&self) -> String {
        let (verb, text) = self.words();
        format!("{} {text}", verb.name().to_ascii_lowercase())
    }
}

/// What a layer would do, for its row.
pub fn would(effects: &[Effect]) -> Option<String> {
    let told: Vec<String> = effects.iter().take(MOST_ON_A_ROW).map(Effect::would).collect();
    let more = effects.len().saturating_sub(MOST_ON_A_ROW);
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    let told = inert_within(&told.join(", and "), MOST_ON_A_ROW_CHARACTERS);
    (!told.is_empty()).then(|| format!("{told}{more}"))
}

fn shown(text: &str) -> String {
    inert_within(text, MOST)
}

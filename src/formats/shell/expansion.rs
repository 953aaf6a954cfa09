//! What the words of a command give, from the file's earlier commands and the environment.

use crate::{
    domain::reading::OpaqueReason,
    formats::{
        MOST_VALUE_BYTES,
        shell::{
            scanner::{Scanner, Stop},
            state::{Certainty, Known},
            words::{Operation, Parameter, Piece, Word},
        },
    },
};

/// Names that the shell sets by itself, so that a file cannot tell their values.
const SET_BY_THE_SHELL: &[&str] = &[
    "BASHPID",
    "BASH_SOURCE",
    "BASH_VERSION",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "HOSTNAME",
    "HOSTTYPE",
    "LINENO",
    "MACHTYPE",
    "OLDPWD",
    "OSTYPE",
    "PPID",
    "PWD",
    "RANDOM",
    "SECONDS",
    "SHLVL",
    "UID",
    "ZSH_VERSION",
];

impl Scanner<'_, '_, '_> {
    /// What a word gives at this place.
    pub(super) fn expand(&mut self, word: &Word, certainty: Certainty) -> Result<Known, Stop> {
        let mut bytes = Vec::new();
        let mut opaque = None;
        for piece in &word.pieces {
            let given = match piece {
                Piece::Literal(literal) => {
                    bytes.extend_from_slice(literal);
                    continue;
                }
                Piece::Home => match self.state.look_up("HOME") {
                    Some(home) => home,
                    None => Known::Opaque(OpaqueReason::Dynamic),
                },
                Piece::Bad if certainty == Certainty::Runs => {
                    return Err(Stop::BadSubstitution(word.at));
                }
                Piece::Bad | Piece::Dynamic => Known::Opaque(OpaqueReason::Dynamic),
                Piece::Parameter(parameter) => self.parameter(parameter, word.at, certainty)?,
            };
            match given {
                Known::Bytes(given) if bytes.len() + given.len() <= MOST_VALUE_BYTES => {
                    bytes.extend(given);
                }
                Known::Bytes(_) => opaque = opaque.or(Some(OpaqueReason::Dynamic)),
                Known::Opaque(reason) => opaque = opaque.or(Some(reason)),
            }
        }
        Ok(opaque.map_or(Known::Bytes(bytes), Known::Opaque))
    }

    fn parameter(
        &mut self,
        parameter: &Parameter,
        at: usize,
        certainty: Certainty,
    ) -> Result<Known, Stop> {
        let value = self.value_of(&parameter.name);
        let nothing = Known::Bytes(Vec::new());
        let Some(Operation { sign, empty_is_none, word }) = &parameter.operation else {
            return Ok(value.unwrap_or(nothing));
        };
        let counts = match &value {
            Some(Known::Opaque(reason)) => return Ok(Known::Opaque(*reason)),
            Some(Known::Bytes(bytes)) => !(*empty_is_none && bytes.is_empty()),
            None => false,
        };
        match sign {
            b'+' if counts => self.expand(word, certainty),
            b'+' => Ok(nothing),
            _ if counts => Ok(value.unwrap_or(nothing)),
            b'=' => {
                let default = self.expand(word, certainty)?;
                self.state.assign(&parameter.name, word.at, default.clone(), certainty, false);
                Ok(default)
            }
            b'?' if certainty == Certainty::Runs => Err(Stop::Exits(at)),
            b'?' => Ok(Known::Opaque(OpaqueReason::Conditional)),
            _ => self.expand(word, certainty),
        }
    }

    fn value_of(&self, name: &str) -> Option<Known> {
        match name {
            "#" => Some(Known::Bytes(b"0".to_vec())),
            "@" | "*" | "!" => None,
            "0" | "?" | "-" | "$" | "_" => Some(Known::Opaque(OpaqueReason::Dynamic)),
            digits if digits.starts_with(|first: char| first.is_ascii_digit()) => None,
            name => self.state.look_up(name).or_else(|| {
                SET_BY_THE_SHELL.contains(&name).then_some(Known::Opaque(OpaqueReason::Dynamic))
            }),
        }
    }
}

//! The output of a command.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Dialect, Rules, is_json_pointer};
use crate::inventory::{LayerSpec, Output, check::LayerCheck};

/// The output of a command, such as `op read`, `vault kv get` or `doppler secrets download`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::inventory) struct Command {
    /// The program and its arguments, each a text of its own: `["op", "read", "op://vault/item/key"]`.
    /// No shell reads them.
    #[serde(rename = "command")]
    words: Vec<String>,
    /// What it prints. Default: "value".
    output: Option<Output>,
    /// Where in printed JSON the values stand, as a JSON pointer: "/data/keys".
    pointer: Option<String>,
    /// Whose rules printed lines are read by. Default: "node-dotenv", which takes quotes off and
    /// expands nothing.
    dialect: Option<Dialect>,
    /// Names of variables of this shell that the program is given, besides `PATH`, `HOME` and the
    /// like: `["VAULT_ADDR", "VAULT_TOKEN"]`.
    #[serde(default)]
    inherit: Vec<String>,
}

impl Rules for Command {
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
        let output = self.output.unwrap_or_default();
        self.check_words(layer);
        for (index, name) in self.inherit.iter().enumerate() {
            if name.is_empty() || name.contains(['=', '\0']) {
                layer.value(
                    &["inherit", &index.to_string()],
                    "this is not the name of a variable",
                    "write the name only, never the value: the program gets what this shell has",
                );
            }
        }
        if let Some(pointer) = &self.pointer {
            if output != Output::Json {
                let help = "add `output = \"json\"`, or leave `pointer` out";
                layer.key("pointer", "only JSON has places that a pointer names", help);
            } else if !is_json_pointer(pointer) {
                layer.value(
                    &["pointer"],
                    "this is not a JSON pointer",
                    "write `/` before each name, `~1` for a slash in one, `~0` for a tilde",
                );
            }
        }
        if self.dialect.is_some() && output != Output::Dotenv {
            let help = "add `output = \"dotenv\"`, or leave `dialect` out";
            layer.key("dialect", "only printed lines have a dialect", help);
        }
        if output == Output::Value && layer.credentials() != 1 {
            layer.nothing(
                &[],
                "the program prints one value, and this layer holds several credentials",
                "name the one it is of: `credentials = [\"…\"]`; or say what it prints: `output = \
                 \"json\"` or \"dotenv\"",
            );
        }
        LayerSpec::Command {
            command: self.words.clone(),
            output,
            pointer: self.pointer.clone(),
            dialect: self.dialect.map(Dialect::text),
            inherit: self.inherit.clone(),
        }
    }
}

impl Command {
    fn check_words(&self, layer: &mut LayerCheck<'_, '_>) {
        match self.words.first() {
            None => {
                let help = "name the program and its arguments: `[\"op\", \"read\", \"…\"]`";
                layer.value(&["command"], "this list is empty", help);
            }
            Some(program) if program.trim().is_empty() => {
                layer.value(&["command", "0"], "the program has no name", "name it first");
            }
            Some(program) if self.words.len() == 1 && program.contains(char::is_whitespace) => {
                layer.value(
                    &["command", "0"],
                    "no shell takes this text apart",
                    "write each word as a text of its own: `[\"op\", \"read\", \"…\"]`",
                );
            }
            Some(_) => {}
        }
        for (index, word) in self.words.iter().enumerate() {
            if word.contains('\0') {
                let place = ["command", &index.to_string()];
                layer.value(&place, "an argument cannot hold a NUL", "take it out");
            }
        }
    }
}

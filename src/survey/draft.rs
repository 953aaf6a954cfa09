//! The inventory as text. Every foreign word is quoted or inert: a name cannot end its line.

use std::collections::BTreeSet;

use super::{Proposal, Survey};
use crate::{
    domain::{container::Engine, inert::inert},
    inventory::{ContainerMatch, Inventory, LayerSpec, ProcessMatch},
};

const HEAD: &str = "\
# The places where API keys live, for `stalekey`. Made by `stalekey init`; edit it as you like:
# `stalekey init --update` adds layers that are new and changes nothing else.
#
# No key stands in this file, and no part of one. Paths are relative to its folder. Environments are
# guessed from names: correct them. `source` names the layer that a layer takes its value from.

version = 1
";

/// A new inventory.
pub fn whole(survey: &Survey, salt: &[u8; 32]) -> String {
    let mut text = HEAD.to_owned();
    let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push_str(
        "\n# Whoever has the same salt gets the same fingerprints: a team can compare them. ",
    );
    text.push_str(&format!("Not secret.\n[fingerprint]\nsalt = \"{salt}\"\n"));
    credentials(&mut text, survey);
    unknown(&mut text, survey);
    environments(&mut text, survey, &BTreeSet::new());
    layers(&mut text, survey);
    text
}

/// What stands behind the text of an inventory that is there already.
pub fn added(survey: &Survey, inventory: &Inventory, present: &str) -> String {
    let mut text = String::new();
    if !present.is_empty() && !present.ends_with('\n') {
        text.push('\n');
    }
    text.push_str("\n# Added by `stalekey init --update`.\n");
    credentials(&mut text, survey);
    let known =
        inventory.environments.iter().map(|environment| environment.name.as_str()).collect();
    environments(&mut text, survey, &known);
    layers(&mut text, survey);
    text
}

fn credentials(text: &mut String, survey: &Survey) {
    for credential in &survey.credentials {
        text.push_str(&format!(
            "\n[credentials.{}]\nprovider = {}{}\n# owner = \"who makes a new key\"\n",
            key(&credential.id),
            quoted(&credential.provider),
            comment(&credential.variables.join(", "))
        ));
    }
}

/// Behind a value.
fn comment(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!("    # {}", inert(words)) }
}

fn unknown(text: &mut String, survey: &Survey) {
    if survey.unknown.is_empty() {
        return;
    }
    text.push_str(
        "\n# These names look like those of keys, and no provider of the catalogue has them. Without\n\
         # `#` they are compared and sent nowhere; add them to `credentials` of their layers, too.\n",
    );
    for (name, file) in &survey.unknown {
        let id = name.to_ascii_lowercase().replace('_', "-");
        text.push_str(&format!(
            "# [credentials.{}]\n# variables = [{}]    # in {}\n",
            key(&id),
            quoted(name),
            inert(file)
        ));
    }
}

fn environments(text: &mut String, survey: &Survey, known: &BTreeSet<&str>) {
    let mut told = BTreeSet::new();
    for proposal in &survey.proposals {
        let name = proposal.layer.environment.as_str();
        if !known.contains(name) && told.insert(name) {
            text.push_str(&format!("\n[environments.{}]\n", key(name)));
        }
    }
}

fn layers(text: &mut String, survey: &Survey) {
    for proposal in &survey.proposals {
        text.push('\n');
        text.push_str(&layer(proposal));
    }
}

fn layer(proposal: &Proposal) -> String {
    let layer = &proposal.layer;
    let mut text = format!("# {}\n", inert(&proposal.because));
    for remark in &proposal.remarks {
        text.push_str(&format!("# {}\n", inert(remark)));
    }
    let environment = match &proposal.environment_because {
        Some(because) => comment(&format!("guessed: {because}")),
        None => comment("guessed: nothing tells it"),
    };
    text.push_str("[[layers]]\n");
    field(&mut text, "name", &layer.name);
    text.push_str(&format!("environment = {}{environment}\n", quoted(&layer.environment)));
    field(&mut text, "kind", layer.kind.kind().name());
    place(&mut text, &layer.kind);
    text.push_str(&format!("credentials = {}\n", list(proposal.credentials())));
    if layer.optional {
        text.push_str("optional = true\n");
    }
    if let Some(source) = &layer.source {
        field(&mut text, "source", source);
    }
    text.push_str("# owner = \"…\"\n");
    text
}

fn place(text: &mut String, kind: &LayerSpec) {
    match kind {
        LayerSpec::Dotenv { files, dialect } => {
            match files.as_slice() {
                [path] => field(text, "path", path),
                files => several(text, "files", files),
            }
            optional(text, "dialect", dialect.as_deref());
        }
        LayerSpec::ShellFile { path, shell } => {
            field(text, "path", path);
            optional(text, "shell", shell.as_deref());
        }
        LayerSpec::Compose { files, folder, service, profiles, env_files } => {
            several(text, "files", files);
            optional(text, "folder", folder.as_deref());
            optional(text, "service", service.as_deref());
            several(text, "profiles", profiles);
            several(text, "env_files", env_files);
        }
        LayerSpec::Ci { path, platform, scope } => {
            field(text, "path", path);
            optional(text, "platform", platform.as_deref());
            optional(text, "scope", scope.as_deref());
        }
        LayerSpec::Kubernetes { paths, workload, container, .. } => {
            several(text, "paths", paths);
            optional(text, "workload", workload.as_deref());
            optional(text, "container", container.as_deref());
        }
        LayerSpec::Systemd { unit, scope, files } => {
            optional(text, "unit", unit.as_deref());
            optional(text, "scope", scope.as_deref());
            several(text, "files", files);
        }
        LayerSpec::Supervisor { program, config } => {
            optional(text, "program", program.as_deref());
            optional(text, "config", config.as_deref());
        }
        LayerSpec::Process { matching, min, memory } => {
            text.push_str(&format!("match = {{ {} }}\n", matches(matching)));
            if let Some(min) = min {
                text.push_str(&format!("min = {min}\n"));
            }
            if matching.descendants {
                field(text, "tree", "descendants");
            }
            if *memory {
                field(text, "memory", "allow");
            }
        }
        LayerSpec::Pm2 { app, home } => {
            optional(text, "app", app.as_deref());
            optional(text, "home", home.as_deref());
        }
        LayerSpec::Container { matching, engine } => {
            let matching = match matching {
                ContainerMatch::Name(name) => format!("name = {}", quoted(name)),
                ContainerMatch::Label(label) => format!("label = {}", quoted(label)),
                ContainerMatch::Service { project, service } => {
                    format!("project = {}, service = {}", quoted(project), quoted(service))
                }
            };
            text.push_str(&format!("match = {{ {matching} }}\n"));
            optional(text, "engine", engine.map(Engine::name));
        }
        // No finder proposes other kinds. Would one, its layer would lack what it needs, and an
        // inventory that is not valid is not written.
        _ => {}
    }
}

fn matches(matching: &ProcessMatch) -> String {
    let ProcessMatch { pid, pid_file, name, command, port, folder, user, unit, descendants: _ } =
        matching;
    let mut parts = Vec::new();
    parts.extend(pid.map(|pid| format!("pid = {pid}")));
    let mut text = |key: &str, value: &Option<String>| {
        parts.extend(value.as_ref().map(|value| format!("{key} = {}", quoted(value))));
    };
    text("pid_file", pid_file);
    text("name", name);
    text("command", command);
    text("folder", folder);
    text("user", user);
    text("unit", unit);
    parts.extend(port.map(|port| format!("port = {port}")));
    parts.join(", ")
}

fn field(text: &mut String, key: &str, value: &str) {
    text.push_str(&format!("{key} = {}\n", quoted(value)));
}

fn optional(text: &mut String, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        field(text, key, value);
    }
}

fn several(text: &mut String, key: &str, values: &[String]) {
    if !values.is_empty() {
        text.push_str(&format!("{key} = {}\n", list(values)));
    }
}

fn list(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    format!("[{}]", values.join(", "))
}

/// A key, bare where TOML lets it be.
fn key(name: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    if !name.is_empty() && name.chars().all(plain) { name.to_owned() } else { quoted(name) }
}

/// A string of TOML on one line; what a screen would not show is written as an escape.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            _ if inert(character.encode_utf8(&mut [0; 4])).chars().ne([character]) => {
                quoted.push_str(&format!("\\U{:08X}", u32::from(character)));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_comes_back_from_toml(text: String) {
            let line = format!("value = {}\n{} = 1", quoted(&text), key(&format!("k{text}")));
            let table: toml::Table = toml::from_str(&line).unwrap();
            prop_assert_eq!(table["value"].as_str(), Some(text.as_str()));
            prop_assert_eq!(table.len(), 2);
            prop_assert_eq!(line.lines().count(), 2);
        }
    }
}

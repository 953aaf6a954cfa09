//! The rules of a layer of kind `container`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Rules;
use crate::{
    domain::container::Engine,
    inventory::{ContainerMatch, LayerSpec, check::LayerCheck},
};

/// Containers of Docker or Podman, with the processes in them.
#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::inventory) struct Container {
    /// Which ones: `name`, or `label`, or `project` and `service`.
    #[serde(rename = "match")]
    matching: Match,
    /// What runs them. Default: Docker where its command is found, else Podman.
    engine: Option<Engines>,
}

/// What runs containers.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Engines {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

/// Which containers: `name`, or `label`, or `project` and `service`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Match {
    /// The one with this name, such as "api-1".
    name: Option<String>,
    /// All with this label: "name", or "name=value".
    label: Option<String>,
    /// The compose project that `service` is of.
    project: Option<String>,
    /// All containers of this service of the compose project.
    service: Option<String>,
}

fn is_label(label: &str) -> bool {
    let name = label.split('=').next().unwrap_or_default();
    !name.trim().is_empty() && !label.chars().any(char::is_control)
}

impl Rules for Container {
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
        let Match { name, label, project, service } = &self.matching;
        let ways = [name.is_some(), label.is_some(), project.is_some() || service.is_some()];
        match ways.iter().filter(|way| **way).count() {
            0 => layer.nothing(
                &["match"],
                "`match` says nothing of the container",
                "give it `name`, or `label`, or `project` and `service`",
            ),
            1 if project.is_some() != service.is_some() => layer.nothing(
                &["match"],
                "`project` and `service` belong together",
                "give it both: the project's name and the service's name in it",
            ),
            1 => {}
            _ => layer.value(
                &["match"],
                "`name`, `label` and `project` with `service` exclude each other",
                "keep one of them",
            ),
        }
        let names = [("name", name), ("project", project), ("service", service)];
        for (field, text) in names {
            if text.as_ref().is_some_and(|text| !ContainerMatch::is_name(text)) {
                layer.value(
                    &["match", field],
                    "no container has such a name",
                    "it begins with a letter or a digit, and has letters, digits, `_`, `.`, `-`",
                );
            }
        }
        if label.as_ref().is_some_and(|label| !is_label(label)) {
            layer.value(&["match", "label"], "this is no label", "write \"name=value\"");
        }
        let matching = match (name, label, project, service) {
            (Some(name), ..) => ContainerMatch::Name(name.clone()),
            (_, Some(label), ..) => ContainerMatch::Label(label.clone()),
            (.., project, service) => ContainerMatch::Service {
                project: project.clone().unwrap_or_default(),
                service: service.clone().unwrap_or_default(),
            },
        };
        let engine = self.engine.map(|engine| match engine {
            Engines::Docker => Engine::Docker,
            Engines::Podman => Engine::Podman,
        });
        LayerSpec::Container { matching, engine }
    }
}

//! Kubernetes: manifests, or a cluster.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Rules;
use crate::inventory::{Cluster, LayerSpec, check::LayerCheck};

/// Kubernetes manifests, or what a cluster has and runs.
#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::inventory) struct Kubernetes {
    /// Files and folders of manifests. Either these, or `context` and `namespace`.
    paths: Option<Vec<String>>,
    /// The context of `kubectl` through which a cluster is asked: see `kubectl config get-contexts`.
    context: Option<String>,
    /// The namespace in that cluster.
    namespace: Option<String>,
    /// The workload, such as "api" or "deploy/api". Default: all; of manifests without one, a row for
    /// each Secret and ConfigMap.
    workload: Option<String>,
    /// The container. Default: a row for each.
    container: Option<String>,
    /// What is read of a cluster's Secrets. Default: "changed".
    secrets: Option<Secrets>,
    /// Names of variables of this shell that `kubectl` is given, besides `KUBECONFIG`, `PATH`, `HOME`
    /// and the like: `["AWS_PROFILE"]`.
    #[serde(default)]
    inherit: Vec<String>,
}

/// What is read of a cluster's Secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Secrets {
    /// When they changed.
    Changed,
    /// Their values too, to compare them.
    Read,
}

impl Rules for Kubernetes {
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
        let paths = self.paths.as_deref().unwrap_or_default();
        if self.paths.is_some() && paths.is_empty() {
            layer.value(&["paths"], "this list is empty", "name at least one file or folder");
        }
        layer.paths("paths", paths);
        let texts = [
            ("context", &self.context),
            ("namespace", &self.namespace),
            ("workload", &self.workload),
            ("container", &self.container),
        ];
        for (field, text) in texts {
            let Some(text) = text else { continue };
            if text.trim().is_empty() || text.contains('\0') {
                layer.value(&[field], "this is empty", "give its name, or leave it out");
            }
        }
        let cluster = self.cluster(layer);
        if cluster.is_some() && self.workload.as_ref().is_some_and(|name| name.starts_with('-')) {
            layer.value(&["workload"], "no workload has such a name", "write \"deploy/api\"");
        }
        LayerSpec::Kubernetes {
            paths: paths.to_vec(),
            cluster,
            workload: self.workload.clone(),
            container: self.container.clone(),
        }
    }
}

impl Kubernetes {
    /// Exactly one of the two forms.
    fn cluster(&self, layer: &mut LayerCheck<'_, '_>) -> Option<Cluster> {
        let of_cluster = [
            ("context", self.context.is_some()),
            ("namespace", self.namespace.is_some()),
            ("secrets", self.secrets.is_some()),
            ("inherit", !self.inherit.is_empty()),
        ];
        let is_cluster = of_cluster.iter().any(|(_, given)| *given);
        match (&self.context, &self.namespace, &self.paths) {
            (.., Some(_)) => {
                for (field, _) in of_cluster.iter().filter(|(_, given)| *given) {
                    let what = "`paths` are manifests, and this is of a cluster";
                    layer.key(field, what, "keep one of them: a layer is either");
                }
                None
            }
            (Some(context), Some(namespace), None) => {
                for (index, name) in self.inherit.iter().enumerate() {
                    if name.is_empty() || name.contains(['=', '\0']) {
                        layer.value(
                            &["inherit", &index.to_string()],
                            "this is not the name of a variable",
                            "write the name only, never the value",
                        );
                    }
                }
                Some(Cluster {
                    context: context.clone(),
                    namespace: namespace.clone(),
                    reads_secrets: self.secrets == Some(Secrets::Read),
                    inherit: self.inherit.clone(),
                })
            }
            _ if is_cluster => {
                layer.nothing(
                    &[],
                    "a cluster is named by `context` and `namespace`, and one is missing",
                    "add both: `kubectl config get-contexts` lists them",
                );
                None
            }
            _ => {
                layer.nothing(
                    &[],
                    "a layer of kind `kubernetes` needs `paths`, or `context` and `namespace`",
                    "add `paths = [\"…\"]` for manifests, or name a cluster",
                );
                None
            }
        }
    }
}

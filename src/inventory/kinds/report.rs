//! A report of another machine.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{LayerCheck, LayerSpec, Rules};

/// What `stalekey report` wrote elsewhere.
#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::inventory) struct Report {
    /// The file that `stalekey report -o FILE` wrote. Its credentials have the same ids as here.
    path: String,
}

impl Rules for Report {
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
        layer.path(&["path"], &self.path);
        LayerSpec::Report { path: self.path.clone() }
    }
}

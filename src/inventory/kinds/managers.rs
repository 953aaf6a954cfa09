//! Process managers, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{LayerCheck, LayerSpec, Rules};

/// Applications of PM2.
#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::inventory) struct Pm2 {
    /// Name or number of the application. Default: all.
    app: Option<String>,
    /// PM2's folder. Default: `PM2_HOME` of this shell, else "~/.pm2".
    home: Option<String>,
}

impl Rules for Pm2 {
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
        name(layer, "app", self.app.as_deref());
        if let Some(home) = &self.home {
            layer.path(&["home"], home);
        }
        LayerSpec::Pm2 { app: self.app.clone(), home: self.home.clone() }
    }
}

/// Programs of supervisord.
#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::inventory) struct Supervisor {
    /// Name of the program, as in `[program:api]`. Default: all.
    program: Option<String>,
    /// supervisord's configuration. Default: where supervisord looks for it.
    config: Option<String>,
}

impl Rules for Supervisor {
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
        name(layer, "program", self.program.as_deref());
        if let Some(config) = &self.config {
            layer.path(&["config"], config);
        }
        LayerSpec::Supervisor { program: self.program.clone(), config: self.config.clone() }
    }
}

/// A name that a manager could have given.
fn name(layer: &mut LayerCheck<'_, '_>, field: &str, text: Option<&str>) {
    if text.is_some_and(|text| text.trim().is_empty() || text.contains(char::is_control)) {
        layer.value(&[field], "this is not a name", "give its name, or leave it out for all");
    }
}

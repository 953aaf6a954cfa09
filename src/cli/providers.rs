//! `stalekey providers`: who can be asked, and how.

use std::io::{self, Write as _};

use super::{Exit, Failure, setting};
use crate::providers::Provider;

pub(super) fn run(id: Option<&str>) -> Result<Exit, Failure> {
    let catalogue = setting::user()?.catalogue;
    let mut out = io::stdout().lock();
    let Some(id) = id else {
        for provider in catalogue.providers() {
            let variables = provider.variables().join(", ");
            writeln!(out, "{:<18} {:<26} {variables}", provider.id(), provider.name())?;
        }
        return Ok(Exit::Success);
    };
    let Some(provider) = catalogue.provider(id) else {
        let known: Vec<&str> = catalogue.ids().collect();
        return Err(Failure::Message(format!(
            "error: There is no such provider\n\nhint: known are {}",
            known.join(", ")
        )));
    };
    for (what, text) in facts(provider) {
        if !text.is_empty() {
            writeln!(out, "{what:<14} {text}")?;
        }
    }
    Ok(Exit::Success)
}

/// What a person wants to know before naming it in an inventory.
fn facts(provider: &Provider) -> Vec<(&'static str, String)> {
    let endpoints: Vec<&str> = provider.endpoints().collect();
    let endpoint = match endpoints.as_slice() {
        [] => "the inventory names it: `endpoint = \"https://…\"`".to_owned(),
        all => all.join(", "),
    };
    let probe = provider.probe().map_or_else(
        || "none: keys are compared and never sent".to_owned(),
        |probe| format!("{} {}, key in {}", probe.method.name(), probe.path, probe.header),
    );
    vec![
        ("provider", format!("{} ({})", provider.id(), provider.name())),
        ("variables", provider.variables().join(", ")),
        ("organisation", provider.organisation_variables().join(", ")),
        ("project", provider.project_variables().join(", ")),
        ("base URL", provider.base_url_variables().join(", ")),
        ("endpoint", endpoint),
        ("probe", probe),
        ("key formats", provider.key_formats().map(|it| it.name.to_owned()).collect::<Vec<_>>().join(", ")),
        ("dashboard", provider.dashboard().unwrap_or_default().to_owned()),
        ("sources", provider.sources().map(|it| it.1.to_owned()).collect::<Vec<_>>().join(", ")),
    ]
}

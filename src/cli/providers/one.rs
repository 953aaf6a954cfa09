//! Everything about one provider, on a page.

use crate::{
    domain::outcome::Confidence,
    providers::{AnswerRow, KeyFormat, ProbeRequest, Provider, Scheme},
    report::page::Page,
};

/// The page: what an inventory needs to know first, then what is asked, then what answers mean.
pub(super) fn page(provider: &Provider) -> Page {
    let mut page = Page::default();
    page.paragraph(&format!("{} ({})", provider.name(), provider.id()));
    if provider.confidence() == Confidence::Low {
        page.paragraph(
            "Low confidence: this rests on one source that was not checked again. Try a key where it \
             is used before you believe that it is dead.",
        );
    }
    page.gap();
    variables(provider, &mut page);
    page.gap();
    page.facts("key formats", provider.key_formats().map(|format| key_format(&format)));
    page.gap();
    match provider.probe() {
        Some(probe) => request(provider, &probe, &mut page),
        None => page.fact(
            "probe",
            &format!(
                "none: keys are compared and never sent. {}",
                provider.no_probe().unwrap_or_default()
            ),
        ),
    }
    answers(provider, &mut page);
    page.gap();
    page.fact("dashboard", provider.dashboard().unwrap_or_default());
    page.fact("rotation", provider.rotation().unwrap_or_default());
    page.gap();
    page.facts("sources", provider.sources().map(|(name, place)| format!("{name}: {place}")));
    page
}

fn variables(provider: &Provider, page: &mut Page) {
    page.fact("variables", &provider.variables().join(", "));
    page.fact("organisation", &provider.organisation_variables().join(", "));
    page.fact("project", &provider.project_variables().join(", "));
    for companion in provider.companions() {
        page.fact(&companion.name.replace('_', " "), &companion.variables.join(", "));
    }
    page.fact("base URL", &provider.base_url_variables().join(", "));
    match provider.endpoint() {
        Some(endpoint) => page.fact("endpoint", endpoint),
        None if provider.probe().is_some() => {
            page.fact("endpoint", "your own; the inventory names it: `endpoint = \"https://…\"`");
        }
        None => {}
    }
    page.facts("regions", provider.regions().map(|(name, url)| format!("{name}  {url}")));
    if provider.regions_are_apart() {
        page.fact(
            "",
            "Each knows its own keys only. A refusal means `dead` where the layer or the inventory \
             names the region, and `unknown` elsewhere.",
        );
    }
}

fn key_format(format: &KeyFormat<'_>) -> String {
    let mut text = format!("{:<22}", format.name);
    text.push_str(&match format.prefix {
        "" => "no prefix".to_owned(),
        prefix => format!("{prefix}…"),
    });
    let mut lengths = format.lengths.to_vec();
    lengths.sort_unstable();
    match lengths.as_slice() {
        [] => {}
        [first, _, .., last] if last - first == lengths.len() - 1 => {
            text.push_str(&format!(", {first} to {last} long"));
        }
        lengths => {
            let lengths: Vec<String> = lengths.iter().map(ToString::to_string).collect();
            text.push_str(&format!(", {} long", lengths.join(" or ")));
        }
    }
    if format.assigned_only {
        text.push_str("; shared with others");
    }
    if let Some(asked) = &format.asked {
        text.push_str(&format!("; {asked}"));
    }
    if let Some(why) = format.unprobed {
        text.push_str(&format!("; never asked about: {why}"));
    }
    text
}

fn request(provider: &Provider, probe: &ProbeRequest<'_>, page: &mut Page) {
    page.fact("probe", &format!("{} {}", probe.method.name(), probe.path));
    let place = match probe.scheme {
        Scheme::Raw => format!("the key in {}", probe.header),
        Scheme::Basic => {
            format!("the key in {}, as Basic, its user {}", probe.header, probe.username)
        }
        scheme => format!("the key in {}, as {}", probe.header, scheme.name()),
    };
    page.fact("", &place);
    if let Some(body) = probe.body.filter(|body| !body.is_empty()) {
        page.fact("", &format!("body {body}"));
    }
    if provider.lists_models() {
        page.fact("models", "an accepted answer lists those that the key sees");
    }
    page.facts("also tells", provider.tells());
    if !provider.tells().is_empty() {
        page.fact("", "(of this nothing is kept)");
    }
}

fn answers(provider: &Provider, page: &mut Page) {
    let rows = provider.answers();
    if rows.is_empty() {
        return;
    }
    page.gap();
    page.line("answers, the first that fits:");
    for row in rows {
        page.line(&format!("  {:<4} {}{}", row.status, row.outcome, sure(&row, provider)));
        if !row.when.is_empty() {
            page.indented(7, &format!("when {}", row.when));
        }
        if !row.meaning.is_empty() {
            page.indented(7, &row.meaning);
        }
    }
}

/// Where the row comes from, and how sure it is where that is not as sure as the rest.
fn sure(row: &AnswerRow, provider: &Provider) -> String {
    let mut parts = vec![row.source.clone()];
    if row.confidence != provider.confidence() || row.confidence == Confidence::Low {
        parts.push(format!("{} confidence", row.confidence.name()));
    }
    parts.retain(|part| !part.is_empty());
    if parts.is_empty() { String::new() } else { format!("  [{}]", parts.join(", ")) }
}

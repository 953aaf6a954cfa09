//! What a run would send: a page for people, and a contract for programs.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::request::{PlannedRequest, PlannedRequests, RowName, UnaskedRow},
    report::page::Page,
};

/// The version of the contract; it grows when something is taken away or changes its meaning.
const SCHEMA_VERSION: u32 = 1;
/// More rows than these are counted.
const MOST_ROWS: usize = 8;

/// Writes the page.
///
/// # Errors
/// Those of the writer.
pub fn write(planned: &PlannedRequests, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::default();
    let requests = planned.requests.len();
    let controls = planned.requests.iter().filter(|request| request.control).count();
    let mut hosts: Vec<&str> = planned.requests.iter().map(|it| it.host.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    page.paragraph(&match requests {
        0 => "Nothing would be sent.".to_owned(),
        _ => format!(
            "{} would be sent, to {}. Nothing was sent now.",
            plural(requests, "request"),
            plural(hosts.len(), "host")
        ),
    });
    if controls > 0 {
        page.paragraph(
            "Where the host is not the provider's own, the same request goes out once before \
             without the key; if that is answered, the key is not sent at all.",
        );
    }
    for request in &planned.requests {
        page.gap();
        page.line(&format!("{} {}", request.method, request.url));
        page.fact("  key", &format!("{}  {}", request.mask, request.shown));
        page.fact("  key in", &place_of_key(request));
        page.fact("  headers", &request.headers.join(", "));
        if let Some(body) = request.body.as_deref().filter(|body| !body.is_empty()) {
            page.fact("  body", body);
        }
        page.fact("  provider", &request.provider);
        page.facts("  answers for", shown_rows(&request.rows));
    }
    if !planned.unasked.is_empty() {
        page.gap();
        page.line("Not asked about:");
        for unasked in &planned.unasked {
            page.indented(2, &row(&unasked.row));
            page.indented(4, &unasked.reason);
        }
    }
    if !planned.notices.is_empty() {
        page.gap();
        for notice in &planned.notices {
            page.paragraph(&format!("note: {notice}"));
        }
    }
    out.write_all(page.as_str().as_bytes())
}

fn place_of_key(request: &PlannedRequest) -> String {
    match request.scheme {
        "" => request.key_header.clone(),
        scheme => format!("{}, as {scheme}", request.key_header),
    }
}

fn shown_rows(rows: &[RowName]) -> Vec<String> {
    let mut shown: Vec<String> = rows.iter().take(MOST_ROWS).map(row).collect();
    match rows.len().saturating_sub(MOST_ROWS) {
        0 => {}
        more => shown.push(format!("and {more} more")),
    }
    shown
}

fn row(row: &RowName) -> String {
    format!("{} ({}, {})", row.label, row.environment, row.credential)
}

fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// Writes the contract.
///
/// # Errors
/// Those of the writer.
pub fn write_json(planned: &PlannedRequests, out: &mut dyn Write) -> io::Result<()> {
    let report = PlanReport {
        schema_version: SCHEMA_VERSION,
        requests: planned.requests.iter().map(RequestReport::of).collect(),
        unasked: planned.unasked.iter().map(UnaskedReport::of).collect(),
        notices: planned.notices.clone(),
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

/// The JSON Schema of the contract.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(PlanReport).to_value()
}

/// Everything that a run of this inventory would send now.
#[derive(Debug, Serialize, JsonSchema)]
struct PlanReport {
    schema_version: u32,
    /// In the order in which they would be sent, as far as hosts have an order.
    requests: Vec<RequestReport>,
    /// Rows about whose keys nobody is asked.
    unasked: Vec<UnaskedReport>,
    /// Proxies that would see keys, other root certificates.
    notices: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RequestReport {
    /// Id of the provider whose interface is spoken.
    provider: String,
    /// The mask of the key.
    mask: String,
    /// `keyfp1:<id>:<26 characters>`; null for an opaque value without a team key.
    fingerprint: Option<String>,
    /// GET or POST.
    method: String,
    /// The names of companions stand in the place of their values.
    url: String,
    /// Host and port.
    host: String,
    /// The names of all headers, in lower case, in order.
    headers: Vec<String>,
    /// The header that carries the key.
    key_header: String,
    /// Bearer, Basic or Token; null where the key stands alone.
    scheme: Option<&'static str>,
    /// The fixed body.
    body: Option<String>,
    /// The same request goes out once before, without the key.
    control: bool,
    /// The rows that it answers for.
    rows: Vec<RowReport>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct UnaskedReport {
    #[serde(flatten)]
    row: RowReport,
    /// Why.
    reason: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RowReport {
    environment: String,
    credential: String,
    /// The layer and what tells its rows apart.
    layer: String,
}

impl RequestReport {
    fn of(request: &PlannedRequest) -> Self {
        Self {
            provider: request.provider.clone(),
            mask: request.mask.clone(),
            fingerprint: request.exported.clone(),
            method: request.method.clone(),
            url: request.url.clone(),
            host: request.host.clone(),
            headers: request.headers.clone(),
            key_header: request.key_header.clone(),
            scheme: Some(request.scheme).filter(|scheme| !scheme.is_empty()),
            body: request.body.clone(),
            control: request.control,
            rows: request.rows.iter().map(RowReport::of).collect(),
        }
    }
}

impl UnaskedReport {
    fn of(unasked: &UnaskedRow) -> Self {
        Self { row: RowReport::of(&unasked.row), reason: unasked.reason.clone() }
    }
}

impl RowReport {
    fn of(row: &RowName) -> Self {
        Self {
            environment: row.environment.clone(),
            credential: row.credential.clone(),
            layer: row.label.clone(),
        }
    }
}

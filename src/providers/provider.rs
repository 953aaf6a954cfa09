//! One provider: its file, ready to be asked.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use crate::providers::{
    check::body_of_pattern,
    file::{Confidence, Method, ProviderFile, Scheme, ShapeEntry},
};

/// The most memory that one pattern may compile to.
const LARGEST_PATTERN: usize = 1 << 20;

/// A provider of the catalogue.
#[derive(Debug)]
pub struct Provider {
    file: ProviderFile,
    shapes: Vec<Shape>,
}

/// One format of its keys.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) entry: ShapeEntry,
    /// Compiled when first needed: most runs meet the keys of one or two providers.
    pattern: OnceLock<Option<Regex>>,
}

/// Compiles the body of a pattern so that it fits a whole value and nothing less.
pub(crate) fn compile(body: &str) -> Option<Regex> {
    RegexBuilder::new(&format!(r"\A(?:{body})\z"))
        .unicode(false)
        .size_limit(LARGEST_PATTERN)
        .build()
        .ok()
}

impl Shape {
    /// The value is a key of this format, from its first byte to its last.
    pub(crate) fn fits(&self, value: &[u8]) -> bool {
        value.starts_with(self.entry.prefix.as_bytes())
            && self
                .pattern
                .get_or_init(|| body_of_pattern(&self.entry).and_then(compile))
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(value))
    }
}

/// How a probe is sent.
#[derive(Debug, Clone, Copy)]
pub struct ProbeRequest<'p> {
    /// The method.
    pub method: Method,
    /// Path and query after the base URL.
    pub path: &'p str,
    /// The fixed body.
    pub body: Option<&'p str>,
    /// The header that carries the key.
    pub header: &'p str,
    /// How the key stands there.
    pub scheme: Scheme,
    /// The user, for [`Scheme::Basic`].
    pub username: &'p str,
    /// The header that carries the organisation.
    pub organisation_header: Option<&'p str>,
    /// The header that carries the project.
    pub project_header: Option<&'p str>,
}

impl Provider {
    pub(crate) fn new(file: ProviderFile) -> Self {
        let shapes = file
            .shapes
            .iter()
            .map(|entry| Shape { entry: entry.clone(), pattern: OnceLock::new() })
            .collect();
        Self { file, shapes }
    }

    pub(crate) const fn file(&self) -> &ProviderFile {
        &self.file
    }

    pub(crate) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// What an inventory calls it.
    pub fn id(&self) -> &str {
        &self.file.id
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// Providers of one vendor are not foreign to each other.
    pub fn vendor(&self) -> &str {
        self.file.vendor.as_deref().unwrap_or(&self.file.id)
    }

    /// How well its file is supported.
    pub const fn confidence(&self) -> Confidence {
        self.file.confidence
    }

    /// Where the facts of its file come from.
    pub fn sources(&self) -> &[String] {
        &self.file.sources
    }

    /// Variables that hold the key, in the order in which clients prefer them.
    pub fn variables(&self) -> &[String] {
        &self.file.variables
    }

    /// Variables that hold the organisation of a request.
    pub fn organisation_variables(&self) -> &[String] {
        &self.file.organisation_variables
    }

    /// Variables that hold the project of a request.
    pub fn project_variables(&self) -> &[String] {
        &self.file.project_variables
    }

    /// Variables that move an application to another base URL.
    pub fn base_url_variables(&self) -> &[String] {
        &self.file.base_url_variables
    }

    /// The base URL; `None` where the inventory has to name it.
    pub fn endpoint(&self) -> Option<&str> {
        self.file.endpoint.as_deref()
    }

    /// Every base URL of the provider itself, its usual one first.
    pub fn endpoints(&self) -> impl Iterator<Item = &str> {
        self.file.endpoint.iter().chain(&self.file.other_endpoints).map(String::as_str)
    }

    /// Ids of the gateways that may answer in this provider's place, elsewhere than at its own
    /// endpoints.
    pub fn gateways(&self) -> &[String] {
        &self.file.gateways
    }

    /// Where a person manages keys.
    pub fn dashboard(&self) -> Option<&str> {
        self.file.dashboard.as_deref()
    }

    /// Names of its key formats, `provider/type`.
    pub fn shape_names(&self) -> impl Iterator<Item = String> {
        self.file.shapes.iter().map(|shape| format!("{}/{}", self.file.id, shape.name))
    }

    /// How a probe is sent; `None` where no request judges a key without side effects.
    pub fn probe(&self) -> Option<ProbeRequest<'_>> {
        self.file.probe.as_ref().map(|probe| ProbeRequest {
            method: probe.method,
            path: &probe.path,
            body: probe.body.as_deref(),
            header: &probe.header,
            scheme: probe.scheme,
            username: &probe.username,
            organisation_header: probe.organisation_header.as_deref(),
            project_header: probe.project_header.as_deref(),
        })
    }

    /// Fixed headers of the probe.
    pub fn probe_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.file
            .probe
            .iter()
            .flat_map(|probe| &probe.headers)
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a probe can tell which models a key sees.
    pub const fn lists_models(&self) -> bool {
        self.file.models.is_some()
    }

    /// The URL of a probe below `base`, for sending and for display. With `models` the page limit is
    /// lifted. `None` where there is no probe.
    pub fn endpoint_url(&self, base: &str, models: bool) -> Option<String> {
        let probe = self.file.probe.as_ref()?;
        let lifted = self.file.models.as_ref().and_then(|models| models.path.as_deref());
        let path = if models { lifted.unwrap_or(&probe.path) } else { &probe.path };
        Some(format!("{}{path}", base.trim_end_matches('/')))
    }
}

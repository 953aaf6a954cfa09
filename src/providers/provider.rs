//! One provider: its file, ready to be asked.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use crate::{
    domain::{outcome::Confidence, secret::SecretValue},
    providers::{
        check::body_of_pattern,
        file::{Method, ProviderFile, Scheme, ShapeEntry, VariantEntry},
    },
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
                .get_or_init(|| body_of_pattern(&self.entry.pattern).and_then(compile))
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(value))
    }
}

/// How a key is asked about.
#[derive(Debug, Clone)]
pub struct ProbeRequest<'p> {
    /// The method.
    pub method: Method,
    /// Path and query after the base URL; `{name}` stands for a companion.
    pub path: &'p str,
    /// The same with the page limit lifted, for a list of models.
    pub models_path: &'p str,
    /// The fixed body.
    pub body: Option<&'p str>,
    /// The header that carries the key.
    pub header: &'p str,
    /// How the key stands there.
    pub scheme: Scheme,
    /// The user, for [`Scheme::Basic`]; `{name}` stands for a companion.
    pub username: &'p str,
    /// Fixed headers.
    pub headers: Vec<(&'p str, &'p str)>,
    /// The header that carries the organisation.
    pub organisation_header: Option<&'p str>,
    /// The header that carries the project.
    pub project_header: Option<&'p str>,
}

impl ProbeRequest<'_> {
    /// The URL below `base`, with its placeholders: for sending they are filled, for people not.
    pub fn url(&self, base: &str, models: bool) -> String {
        let path = if models { self.models_path } else { self.path };
        format!("{}{path}", base.trim_end_matches('/'))
    }

    /// Names of the companions that this request needs.
    pub fn companions(&self) -> impl Iterator<Item = &str> {
        [self.path, self.models_path, self.username].into_iter().flat_map(placeholders)
    }
}

/// The names in `{…}` of a text.
pub(crate) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

/// Why a value is not asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unprobed<'p> {
    /// In the file's words.
    pub why: Option<&'p str>,
}

/// A value that a request needs beside the key.
#[derive(Debug, Clone, Copy)]
pub struct Companion<'p> {
    /// Its name, e.g. `account_sid`.
    pub name: &'p str,
    /// Variables that hold it, first defined wins.
    pub variables: &'p [String],
    /// The whole value, from `^` to `$`.
    pub pattern: &'p str,
}

/// One format of keys, for people.
#[derive(Debug, Clone)]
pub struct KeyFormat<'p> {
    /// `legacy`.
    pub name: &'p str,
    /// What it starts with; empty when nothing public does.
    pub prefix: &'p str,
    /// The lengths that occur; empty when they are not known.
    pub lengths: &'p [usize],
    /// Others have keys like it: it counts only where the provider is assigned.
    pub assigned_only: bool,
    /// Why keys of this form are never asked about.
    pub unprobed: Option<&'p str>,
    /// How they are asked about, where that differs from the provider's other keys.
    pub asked: Option<String>,
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

    /// Where the facts of its file come from: a short name, and the place.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.file.sources.iter().map(|(name, place)| (name.as_str(), place.as_str()))
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
        self.file.endpoint.iter().chain(self.file.regions.values()).map(String::as_str)
    }

    /// Its further base URLs, by the name of the region.
    pub fn regions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.file.regions.iter().map(|(name, endpoint)| (name.as_str(), endpoint.as_str()))
    }

    /// A refusal may only mean that the key is one of another region.
    pub fn regions_are_apart(&self) -> bool {
        self.file.regions_apart
    }

    /// The base URL of the region of this name.
    pub fn region(&self, name: &str) -> Option<&str> {
        let named = self.regions().find(|(region, _)| region.eq_ignore_ascii_case(name));
        named.map(|(_, endpoint)| endpoint)
    }

    /// The values that its requests need beside the key.
    pub fn companions(&self) -> impl Iterator<Item = Companion<'_>> {
        self.file.companions.iter().map(|entry| Companion {
            name: &entry.name,
            variables: &entry.variables,
            pattern: &entry.pattern,
        })
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

    /// How a key is replaced there.
    pub fn rotation(&self) -> Option<&str> {
        self.file.rotation.as_deref()
    }

    /// What an accepted answer tells of the key and its owner besides.
    pub fn tells(&self) -> &[String] {
        &self.file.tells
    }

    /// Its key formats.
    pub fn key_formats(&self) -> impl Iterator<Item = KeyFormat<'_>> {
        self.file.shapes.iter().map(|shape| KeyFormat {
            name: &shape.name,
            prefix: &shape.prefix,
            lengths: &shape.lengths,
            assigned_only: shape.assigned_only,
            unprobed: shape.unprobed.as_deref(),
            asked: shape.probe.as_ref().map(VariantEntry::in_words),
        })
    }

    /// The value has a form of this provider's keys that begins with something public.
    pub fn has_form(&self, value: &SecretValue) -> bool {
        let fits = |shape: &Shape| !shape.entry.prefix.is_empty() && shape.fits(value.expose());
        self.shapes.iter().any(fits)
    }

    /// The format with this name is nobody else's: a value of it is surely this provider's key.
    pub fn is_telling(&self, shape: &str) -> bool {
        let name = shape.strip_prefix(self.id()).and_then(|rest| rest.strip_prefix('/'));
        self.file
            .shapes
            .iter()
            .any(|entry| Some(entry.name.as_str()) == name && !entry.assigned_only)
    }

    /// How the usual key is asked about; `None` where no request judges one without side effects.
    pub fn probe(&self) -> Option<ProbeRequest<'_>> {
        self.request(None).ok()
    }

    /// How this key is asked about: its form may need another request than the usual one.
    ///
    /// # Errors
    /// Why it is not asked about at all.
    pub fn probe_of(&self, key: &SecretValue) -> Result<ProbeRequest<'_>, Unprobed<'_>> {
        self.request(self.shape_of(key.expose()))
    }

    /// Why nothing is asked, where the file has no probe.
    pub fn no_probe(&self) -> Option<&str> {
        self.file.no_probe.as_deref()
    }

    /// Whether a probe can tell which models a key sees.
    pub const fn lists_models(&self) -> bool {
        self.file.models.is_some()
    }

    /// The form of a key of this provider: of several that fit the one with the longest prefix.
    pub(crate) fn shape_of(&self, key: &[u8]) -> Option<&ShapeEntry> {
        let fitting = self.shapes.iter().filter(|shape| shape.fits(key));
        // Of equal ones the first of the file.
        fitting.rev().max_by_key(|shape| shape.entry.prefix.len()).map(|shape| &shape.entry)
    }

    fn request(&self, shape: Option<&ShapeEntry>) -> Result<ProbeRequest<'_>, Unprobed<'_>> {
        let shape =
            shape.and_then(|shape| self.file.shapes.iter().find(|own| own.name == shape.name));
        if let Some(why) = shape.and_then(|shape| shape.unprobed.as_deref()) {
            return Err(Unprobed { why: Some(why) });
        }
        let Some(probe) = &self.file.probe else { return Err(Unprobed { why: self.no_probe() }) };
        let variant = shape.and_then(|shape| shape.probe.as_ref());
        let of_variant = |pick: fn(&VariantEntry) -> Option<&String>, usual| {
            variant.and_then(pick).map_or(usual, String::as_str)
        };
        let path = of_variant(|variant| variant.path.as_ref(), &probe.path);
        let lifted = self.file.models.as_ref().and_then(|models| models.path.as_deref());
        let own = variant.into_iter().flat_map(|variant| &variant.headers);
        let headers = probe.headers.iter().chain(own);
        Ok(ProbeRequest {
            method: probe.method,
            path,
            models_path: lifted.unwrap_or(path),
            body: probe.body.as_deref(),
            header: of_variant(|variant| variant.header.as_ref(), &probe.header),
            scheme: variant.and_then(|variant| variant.scheme).unwrap_or(probe.scheme),
            username: of_variant(|variant| variant.username.as_ref(), &probe.username),
            headers: headers.map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            organisation_header: probe.organisation_header.as_deref(),
            project_header: probe.project_header.as_deref(),
        })
    }
}

//! What a provider's file has to keep to beyond its fields: patterns that compile and are anchored,
//! public prefixes that are really there, endpoints that are https, conditions that say one thing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;

use crate::{
    providers::{
        file::{AnswerEntry, Condition, ProviderFile, Scheme, ShapeEntry, Status},
        provider::{compile, placeholders},
    },
    strict_toml::{Document, Mistakes},
};

static ID: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("^[a-z0-9]+(-[a-z0-9]+)*$").ok());
/// SECURITY H2: https, or http to this machine; no user, query or fragment; no address but loopback.
static BASE_URL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^(?:https://(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*|https?://(?:localhost|127\.0\.0\.1|\[::1\]))",
        r"(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*$"
    ))
    .ok()
});
static PATH: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?:/(?:[A-Za-z0-9._~:-]|\{[a-z_]+\})+)+/?(?:\?[A-Za-z0-9._~=&-]+)?$").ok()
});
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("^[a-z]+(_[a-z]+)*$").ok());
static HEADER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("^[A-Za-z0-9-]+$").ok());

fn fits(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// The mistakes of a file whose fields are all right.
pub(crate) fn check(document: &Document<ProviderFile>) -> Mistakes {
    let mut checker = Checker { document, mistakes: Mistakes::default() };
    checker.whole(document.value());
    checker.mistakes
}

/// The pattern without its anchors; `None` when it lacks one.
pub(crate) fn body_of_pattern(pattern: &str) -> Option<&str> {
    pattern.strip_prefix('^')?.strip_suffix('$').filter(|body| !body.ends_with('\\'))
}

/// What follows when a pattern starts with `prefix`, written with or without escapes.
fn after_prefix<'p>(pattern: &'p str, prefix: &str) -> Option<&'p str> {
    let mut rest = pattern;
    for character in prefix.chars() {
        rest = rest
            .strip_prefix(character)
            .or_else(|| rest.strip_prefix('\\').and_then(|rest| rest.strip_prefix(character)))?;
    }
    Some(rest)
}

struct Checker<'d> {
    document: &'d Document<ProviderFile>,
    mistakes: Mistakes,
}

impl Checker<'_> {
    fn value(&mut self, path: &[&str], what: &str) {
        self.mistakes.push(self.document.mistake_at_value(path, what));
    }

    fn whole(&mut self, file: &ProviderFile) {
        if !fits(&ID, &file.id) {
            self.value(&["id"], "an id is made of lower-case letters, digits and single hyphens");
        }
        if let Some(endpoint) = &file.endpoint {
            self.endpoint(&["endpoint"], endpoint);
        }
        for (name, endpoint) in &file.regions {
            self.endpoint(&["regions", name], endpoint);
        }
        if file.probe.is_some() && file.no_probe.is_some() {
            self.value(&["no_probe"], "there is a probe; say only why there is none");
        }
        self.companions(file);
        for (field, names) in [
            ("variables", &file.variables),
            ("organisation_variables", &file.organisation_variables),
            ("project_variables", &file.project_variables),
            ("base_url_variables", &file.base_url_variables),
        ] {
            for (index, name) in names.iter().enumerate() {
                if name.is_empty() || name.contains(['=', '\0']) {
                    self.value(
                        &[field, &index.to_string()],
                        "the name of a variable is not empty and has neither `=` nor NUL",
                    );
                }
            }
        }
        for (index, prefix) in file.prefixes.iter().enumerate() {
            if prefix.len() < 3 || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
                self.value(
                    &["prefixes", &index.to_string()],
                    "a prefix has at least three visible ASCII characters",
                );
            }
        }
        let mut names = BTreeSet::new();
        for (index, shape) in file.shapes.iter().enumerate() {
            let index = index.to_string();
            if !names.insert(shape.name.as_str()) {
                self.value(&["shapes", &index, "name"], "another shape has this name");
            }
            self.shape(&index, shape);
            self.variant(&index, shape, file);
        }
        self.probe(file);
        for (index, echo) in file.echoes.iter().enumerate() {
            if !echo.pointer.starts_with('/') || echo.after.is_empty() {
                self.mistakes.push(self.document.mistake_at_key(
                    &["echoes", &index.to_string()],
                    "an echo has a `pointer` that starts with `/`, and the text that it comes `after`",
                ));
            }
        }
        if let Some(source) = file.success.as_ref().and_then(|success| success.source.as_ref()) {
            self.source(&["success", "source"], source, file);
        }
        for (index, row) in file.answers.iter().enumerate() {
            let index = index.to_string();
            let wrong = match &row.status {
                Status::Exact(status) => !(100..=599).contains(status),
                Status::Class(_) => row.status.class().is_none(),
            };
            if wrong {
                self.value(
                    &["answers", &index, "status"],
                    "a status is a number from 100 to 599, or `2xx`, `3xx`, `4xx` or `5xx`",
                );
            }
            if let Some(condition) = &row.when {
                self.condition(&["answers", &index, "when"], condition);
            }
            self.texts(&index, row, file);
            if let Some(source) = &row.source {
                self.source(&["answers", &index, "source"], source, file);
            }
            for (place, name) in row.only.iter().enumerate() {
                if !names.contains(name.as_str()) {
                    self.value(
                        &["answers", &index, "only", &place.to_string()],
                        "the file has no shape of this name",
                    );
                }
            }
        }
    }

    fn source(&mut self, path: &[&str], source: &str, file: &ProviderFile) {
        if !file.sources.contains_key(source) {
            self.value(path, "this is none of the names in `sources`");
        }
    }

    /// What may stand in an address is described, so that no key gets there by mistake (SECURITY H5).
    fn companions(&mut self, file: &ProviderFile) {
        let mut names = BTreeSet::new();
        for (index, companion) in file.companions.iter().enumerate() {
            let index = index.to_string();
            if !fits(&NAME, &companion.name) || !names.insert(companion.name.as_str()) {
                self.value(
                    &["companions", &index, "name"],
                    "a name is made of lower-case letters and single underscores, and is used once",
                );
            }
            for (place, name) in companion.variables.iter().enumerate() {
                let own = file.variables.contains(name);
                if own || name.is_empty() || name.contains(['=', '\0']) {
                    self.value(
                        &["companions", &index, "variables", &place.to_string()],
                        "the name of a variable, and not of one that holds the key",
                    );
                }
            }
            if body_of_pattern(&companion.pattern).and_then(compile).is_none() {
                self.value(
                    &["companions", &index, "pattern"],
                    "a regular expression of the whole value: it starts with `^` and ends with `$`",
                );
            }
        }
    }

    /// Every placeholder of the text is a companion's name.
    fn filled(&mut self, path: &[&str], text: &str, file: &ProviderFile) {
        let mut names = placeholders(text);
        if names.any(|name| !file.companions.iter().any(|companion| companion.name == name)) {
            self.value(path, "this placeholder is none of the names in `companions`");
        }
    }

    fn headers(&mut self, path: &[&str], headers: &BTreeMap<String, String>) {
        for (name, value) in headers {
            let place: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
            let fixed = ["user-agent", "host", "cookie", "content-length", "transfer-encoding"];
            if !fits(&HEADER, name) || fixed.contains(&name.to_ascii_lowercase().as_str()) {
                self.mistakes
                    .push(self.document.mistake_at_key(&place, "this header cannot be set"));
            }
            if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
                self.value(&place, "a header is visible ASCII");
            }
        }
    }

    fn variant(&mut self, index: &str, shape: &ShapeEntry, file: &ProviderFile) {
        let Some(variant) = &shape.probe else { return };
        let at = |field| ["shapes", index, "probe", field];
        if file.probe.is_none() || shape.unprobed.is_some() {
            self.mistakes.push(self.document.mistake_at_key(
                &["shapes", index, "probe"],
                "a shape differs from the `[probe]` of the file, and is not `unprobed`",
            ));
        }
        if let Some(path) = &variant.path {
            if !fits(&PATH, path) {
                self.value(&at("path"), "a path starts with `/`");
            }
            self.filled(&at("path"), path, file);
        }
        if let Some(username) = &variant.username {
            self.filled(&at("username"), username, file);
        }
        if variant.header.as_ref().is_some_and(|name| !fits(&HEADER, name)) {
            self.value(&at("header"), "this is not the name of a header");
        }
        self.headers(&at("headers"), &variant.headers);
    }

    fn texts(&mut self, index: &str, row: &AnswerEntry, file: &ProviderFile) {
        let texts = [("meaning", &row.meaning), ("advice", &row.advice)];
        for (field, text) in texts {
            let without = text.as_deref().unwrap_or_default().replace("{mentioned}", "");
            if without.contains(['{', '}']) {
                self.value(&["answers", index, field], "the only placeholder is `{mentioned}`");
            }
        }
        let used = texts
            .iter()
            .any(|(_, text)| text.as_ref().is_some_and(|text| text.contains("{mentioned}")));
        let nothing = row.mentions.is_empty() && file.regions.is_empty();
        if used && (nothing || row.unmentioned.is_empty()) {
            self.mistakes.push(self.document.mistake_at_key(
                &["answers", index],
                "`{mentioned}` needs `mentions` or `regions`, and `unmentioned` for when there is none \
                 of them",
            ));
        }
    }

    fn endpoint(&mut self, path: &[&str], endpoint: &str) {
        if !fits(&BASE_URL, endpoint) {
            self.value(
                path,
                "a base URL is https (http only to this machine), names a host in lower case, and has \
                 no user, query, fragment or final slash",
            );
        }
    }

    fn shape(&mut self, index: &str, shape: &ShapeEntry) {
        if !fits(&ID, &shape.name) {
            self.value(
                &["shapes", index, "name"],
                "a name is made of lower-case letters, digits and single hyphens",
            );
        }
        if shape.prefix.is_empty() && !shape.assigned_only {
            self.mistakes.push(self.document.mistake_at_key(
                &["shapes", index],
                "a shape needs its public `prefix`; one that has none needs `assigned_only = true`",
            ));
        }
        let Some(body) = body_of_pattern(&shape.pattern) else {
            self.value(
                &["shapes", index, "pattern"],
                "a pattern describes the whole key: it starts with `^` and ends with `$`",
            );
            return;
        };
        if compile(body).is_none() {
            self.value(
                &["shapes", index, "pattern"],
                "this is not a regular expression, or it is too large",
            );
        } else if after_prefix(body, &shape.prefix).is_none() {
            self.value(
                &["shapes", index, "pattern"],
                "the pattern has to start with the `prefix`, literally",
            );
        }
    }

    fn probe(&mut self, file: &ProviderFile) {
        let Some(probe) = &file.probe else { return };
        if file.success.is_none() {
            self.mistakes.push(self.document.mistake_at_key(
                &["probe"],
                "a probe needs `[success]`: a status alone never proves that a key is alive",
            ));
        }
        if let Some(success) = &file.success {
            self.condition(&["success", "when"], &success.when);
        }
        let paths = [
            (&["probe", "path"][..], Some(&probe.path)),
            (&["models", "path"][..], file.models.as_ref().and_then(|models| models.path.as_ref())),
        ];
        for (path, text) in paths {
            if text.is_some_and(|text| !fits(&PATH, text)) {
                self.value(path, "a path starts with `/`");
            }
            self.filled(path, text.map_or("", String::as_str), file);
        }
        self.filled(&["probe", "username"], &probe.username, file);
        let headers = [
            ("header", Some(&probe.header)),
            ("organisation_header", probe.organisation_header.as_ref()),
            ("project_header", probe.project_header.as_ref()),
        ];
        for (field, name) in headers {
            if name.is_some_and(|name| !fits(&HEADER, name)) {
                self.value(&["probe", field], "this is not the name of a header");
            }
        }
        self.headers(&["probe", "headers"], &probe.headers);
        if !probe.username.is_empty() && probe.scheme != Scheme::Basic {
            self.value(&["probe", "username"], "only the scheme `basic` has a user");
        }
    }

    fn condition(&mut self, path: &[&str], condition: &Condition) {
        let subjects = [
            condition.pointer.is_some(),
            condition.header.is_some(),
            condition.body_contains.is_some(),
            condition.content_type.is_some(),
            condition.any.is_some(),
            condition.all.is_some(),
        ];
        let tests =
            [condition.equals.is_some(), condition.one_of.is_some(), condition.exists.is_some()];
        let count = |list: &[bool]| list.iter().filter(|set| **set).count();
        let compares = condition.pointer.is_some() || condition.header.is_some();
        if count(&subjects) != 1 || count(&tests) != usize::from(compares) {
            self.value(
                path,
                "a condition has one of `body_contains`, `content_type`, `any`, `all`, or `pointer` or \
                 `header` with one of `equals`, `one_of`, `exists`",
            );
        }
        if condition.pointer.as_ref().is_some_and(|text| !text.is_empty() && !text.starts_with('/'))
        {
            self.value(path, "a pointer is empty or starts with `/`");
        }
        for (field, conditions) in [("any", &condition.any), ("all", &condition.all)] {
            for (index, inner) in conditions.iter().flatten().enumerate() {
                let index = index.to_string();
                let inner_path: Vec<&str> =
                    path.iter().copied().chain([field, index.as_str()]).collect();
                self.condition(&inner_path, inner);
            }
        }
    }
}

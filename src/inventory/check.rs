//! The rules that a type cannot express: names that must exist, circles, addresses, lengths of time.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use super::{
    Credential, Environment, Expect, Inventory, Layer, Providers, Settings,
    duration::{self, DurationText},
    endpoint,
    model::{CredentialTable, EnvironmentTable, ExpectTable, File, LayerTable},
    names::Names,
};
use crate::{
    domain::{fingerprint::FingerprintKey, inert::inert},
    strict_toml::{Document, Mistakes, shown_name},
};

/// Checks what could be read. The inventory that comes out is only valid when no mistake was added.
pub(super) fn check(
    document: &Document<File>,
    names: &Names,
    folder: &Path,
    providers: &dyn Providers,
    mistakes: &mut Mistakes,
) -> Inventory {
    let mut check = Check { document, names, providers, mistakes };
    let file = document.value();
    if let Some(version) = file.version.filter(|version| *version != 1) {
        let what = format!("version {version} is not known");
        check.mistakes.push(
            document
                .mistake_at_value(&["version"], what)
                .help("write `version = 1`, or get a newer stalekey"),
        );
    }
    let settings = check.settings();
    let salt = check.salt();
    let mut credentials: Vec<_> = file.credentials.iter().collect();
    credentials.sort_by_key(|(id, _)| document.offset(&["credentials", id]));
    let credentials =
        credentials.into_iter().map(|(id, table)| check.credential(id, table)).collect();
    let mut environments: Vec<_> = file.environments.iter().collect();
    environments.sort_by_key(|(name, _)| document.offset(&["environments", name]));
    let environments =
        environments.into_iter().map(|(name, table)| check.environment(name, table)).collect();
    let layers = check.layers();
    Inventory {
        path: None,
        folder: folder.to_owned(),
        settings,
        digest: None,
        salt,
        credentials,
        environments,
        layers,
    }
}

struct Check<'a> {
    document: &'a Document<File>,
    names: &'a Names,
    providers: &'a dyn Providers,
    mistakes: &'a mut Mistakes,
}

impl Check<'_> {
    fn value(&mut self, path: &[&str], what: impl Into<String>, help: impl Into<String>) {
        self.mistakes.push(self.document.mistake_at_value(path, what).help(help));
    }

    /// A name that should be one of `known`.
    fn one_of(
        &mut self,
        what: &str,
        name: &str,
        known: &BTreeSet<String>,
        path: &[&str],
        at_key: bool,
    ) {
        if known.contains(name) {
            return;
        }
        let text = format!("unknown {what} `{}`", shown_name(name));
        let mistake = if at_key {
            self.document.mistake_at_key(path, text)
        } else {
            self.document.mistake_at_name(path, text)
        };
        let mut mistake = mistake.instead(name, known.iter().map(|name| shown_name(name)));
        if known.is_empty() {
            mistake = mistake.help(format!("the inventory has no {what} yet"));
        }
        self.mistakes.push(mistake);
    }

    fn duration(&mut self, path: &[&str], text: Option<&DurationText>) -> Option<Duration> {
        let read = text?.read();
        if read.is_none() {
            self.value(path, "this is not a length of time", duration::HELP);
        }
        read
    }

    fn settings(&mut self) -> Settings {
        const LEAST_REFRESH: Duration = Duration::from_secs(5);
        let table = &self.document.value().settings;
        let usual = Settings::default();
        let refresh = self.duration(&["settings", "refresh"], table.refresh.as_ref());
        if refresh.is_some_and(|refresh| refresh < LEAST_REFRESH) {
            self.value(
                &["settings", "refresh"],
                "`refresh` must be at least 5s",
                "watched files are read at once anyway",
            );
        }
        let probe_every = self.duration(&["settings", "probe_every"], table.probe_every.as_ref());
        let timeout = self.duration(&["settings", "timeout"], table.timeout.as_ref());
        Settings {
            refresh: refresh.unwrap_or(usual.refresh),
            probe_every: probe_every.unwrap_or(usual.probe_every),
            timeout: timeout.unwrap_or(usual.timeout),
            concurrency: table.concurrency.map_or(usual.concurrency, |own| own.get().into()),
            in_flight_per_host: table
                .in_flight_per_host
                .map_or(usual.in_flight_per_host, |own| own.get().into()),
            requests_per_second: table
                .requests_per_second
                .map_or(usual.requests_per_second, std::num::NonZeroU32::get),
            stop_after_refusals: table
                .stop_after_refusals
                .map_or(usual.stop_after_refusals, std::num::NonZeroU32::get),
        }
    }

    fn salt(&mut self) -> Option<[u8; 32]> {
        let text = self.document.value().fingerprint.salt.as_ref()?;
        match FingerprintKey::decode_hex(text) {
            Ok(salt) => Some(salt),
            Err(why) => {
                let help = "make one with `openssl rand -hex 32`";
                self.value(&["fingerprint", "salt"], format!("the salt {why}"), help);
                None
            }
        }
    }

    fn credential(&mut self, id: &str, table: &CredentialTable) -> Credential {
        let path = ["credentials", id];
        self.name(&path, id, true);
        let mut known = true;
        if let Some(provider) = &table.provider {
            let ids = self.providers.ids().into_iter().map(str::to_owned).collect();
            known = self.providers.variables(provider).is_some();
            if !known {
                self.one_of("provider", provider, &ids, &["credentials", id, "provider"], false);
            }
        }
        let mut variables = table.variables.clone().unwrap_or_default();
        let field = ["credentials", id, "variables"];
        for (index, variable) in variables.iter().enumerate() {
            let place = index.to_string();
            let place = ["credentials", id, "variables", place.as_str()];
            if variable.is_empty() {
                self.value(&place, "a variable needs a name", "write it or leave it out");
            } else if variable.contains(['=', '\0']) {
                let help = "write the name only, never the value";
                self.value(&place, "a variable's name has no `=` and no NUL", help);
            } else if variables.iter().take(index).any(|earlier| earlier == variable) {
                let what = format!("variable `{}` is named twice", shown_name(variable));
                self.mistakes.push(self.document.mistake_at_name(&place, what));
            }
        }
        if variables.is_empty() {
            if table.variables.is_some() {
                self.value(&field, "this list is empty", "name a variable or leave the list out");
            } else if let Some(provider) = &table.provider {
                variables =
                    self.providers.variables(provider).map(<[String]>::to_vec).unwrap_or_default();
                if known && variables.is_empty() {
                    let what = format!("provider `{}` brings no variables", shown_name(provider));
                    self.mistakes.push(
                        self.document.mistake_at_key(&path, what).help("add `variables = [\"…\"]`"),
                    );
                }
            } else if self.document.is_complete(&path) {
                let what =
                    format!("credential `{}` has neither provider nor variables", shown_name(id));
                let help =
                    "add `provider = \"…\"` (see `stalekey providers`) or `variables = [\"…\"]`";
                self.mistakes.push(self.document.mistake_at_key(&path, what).help(help));
            }
        }
        let rotate_every =
            self.duration(&["credentials", id, "rotate_every"], table.rotate_every.as_ref());
        let endpoint = table
            .endpoint
            .as_ref()
            .and_then(|text| self.endpoint(&["credentials", id, "endpoint"], text));
        Credential {
            id: id.to_owned(),
            provider: table.provider.clone(),
            variables,
            models: table.models.clone(),
            owner: table.owner.clone(),
            rotate_every,
            endpoint,
        }
    }

    fn endpoint(&mut self, path: &[&str], text: &str) -> Option<String> {
        match endpoint::read(text) {
            Ok(endpoint) => Some(endpoint),
            Err(why) => {
                self.value(path, why, "write it like \"https://gateway.example/v1\"");
                None
            }
        }
    }

    fn environment(&mut self, name: &str, table: &EnvironmentTable) -> Environment {
        self.name(&["environments", name], name, true);
        let mut expect = BTreeMap::new();
        for (credential, table) in &table.expect {
            let path = ["environments", name, "expect", credential];
            self.one_of("credential", credential, &self.names.credentials, &path, true);
            if let Some(one) = self.expect(&path, table) {
                expect.insert(credential.clone(), one);
            }
        }
        let mut endpoints = BTreeMap::new();
        for (credential, text) in &table.endpoint {
            let path = ["environments", name, "endpoint", credential];
            self.one_of("credential", credential, &self.names.credentials, &path, true);
            if let Some(endpoint) = self.endpoint(&path, text) {
                endpoints.insert(credential.clone(), endpoint);
            }
        }
        Environment { name: name.to_owned(), expect, endpoint: endpoints }
    }

    fn expect(&mut self, path: &[&str; 4], table: &ExpectTable) -> Option<Expect> {
        let [first, name, third, credential] = *path;
        let field = |field| [first, name, third, credential, field];
        match (&table.last4, &table.fingerprint, &table.reference) {
            (Some(last4), None, None) => {
                if last4.chars().count() != 4 {
                    let help = "the last four characters of the key, as the provider shows them";
                    self.value(&field("last4"), "`last4` must be four characters", help);
                }
                Some(Expect::Last4(last4.clone()))
            }
            (None, Some(fingerprint), None) => {
                if !is_fingerprint(fingerprint) {
                    let help = "`stalekey fingerprint` prints it; never write the key itself";
                    self.value(&field("fingerprint"), "this is not a fingerprint", help);
                }
                Some(Expect::Fingerprint(fingerprint.clone()))
            }
            (None, None, Some(reference)) => {
                self.one_of("layer", reference, &self.names.layers, &field("reference"), false);
                Some(Expect::Reference(reference.clone()))
            }
            (None, None, None) => {
                if self.document.is_complete(path) {
                    self.expect_one(path, "says nothing of the key");
                }
                None
            }
            _ => {
                self.expect_one(path, "says more than one thing of the key");
                None
            }
        }
    }

    fn expect_one(&mut self, path: &[&str; 4], what: &str) {
        let what = format!("`expect.{}` {what}", shown_name(path[3]));
        self.mistakes.push(
            self.document
                .mistake_at_key(path, what)
                .help("give exactly one of `last4`, `fingerprint`, `reference`"),
        );
    }

    /// A name that is empty or invisible could not be told on a screen.
    fn name(&mut self, path: &[&str], name: &str, at_key: bool) {
        if !name.trim().is_empty() && inert(name) == name {
            return;
        }
        let what = "a name needs visible characters, no control characters, and 300 at the most";
        self.mistakes.push(if at_key {
            self.document.mistake_at_key(path, what)
        } else {
            self.document.mistake_at_value(path, what)
        });
    }

    fn layers(&mut self) -> Vec<Layer> {
        let document = self.document;
        let tables = &document.value().layers;
        let mut layers = Vec::with_capacity(tables.len());
        let mut first: BTreeMap<&str, String> = BTreeMap::new();
        for (index, table) in tables.iter().enumerate() {
            let index = index.to_string();
            let at = ["layers", index.as_str(), "name"];
            self.name(&at, &table.name, false);
            if let Some(earlier) = first.get(table.name.as_str()) {
                let line = document.position(&["layers", earlier.as_str(), "name"]).line;
                let what = format!("layer name `{}` is given twice", shown_name(&table.name));
                let help = format!("line {line} has it already; every layer needs its own");
                self.mistakes.push(document.mistake_at_name(&at, what).help(help));
            } else {
                first.insert(table.name.as_str(), index.clone());
            }
            layers.push(self.layer(&index, table));
        }
        self.circles(&layers);
        layers
    }

    fn layer(&mut self, index: &str, table: &LayerTable) -> Layer {
        let environments = &self.names.environments;
        let at = ["layers", index, "environment"];
        if environments.is_empty() {
            let what = format!("unknown environment `{}`", shown_name(&table.environment));
            let help = format!("add a header `[environments.{}]`", shown_name(&table.environment));
            self.mistakes.push(self.document.mistake_at_name(&at, what).help(help));
        } else {
            self.one_of("environment", &table.environment, environments, &at, false);
        }
        for (place, credential) in table.credentials.iter().flatten().enumerate() {
            let number = place.to_string();
            let at = ["layers", index, "credentials", number.as_str()];
            let earlier = table.credentials.iter().flatten().take(place);
            if earlier.into_iter().any(|earlier| earlier == credential) {
                let what = format!("credential `{}` is named twice", shown_name(credential));
                self.mistakes.push(self.document.mistake_at_name(&at, what));
            } else {
                self.one_of("credential", credential, &self.names.credentials, &at, false);
            }
        }
        if let Some(source) = &table.source {
            let at = ["layers", index, "source"];
            self.one_of("layer", source, &self.names.layers, &at, false);
        }
        let kind = table.kind.check(&mut LayerCheck { check: self, index });
        Layer {
            name: table.name.clone(),
            environment: table.environment.clone(),
            credentials: table.credentials.clone(),
            optional: table.optional,
            source: table.source.clone(),
            restart: table.restart.clone(),
            owner: table.owner.clone(),
            kind,
        }
    }

    /// Layers that take their value from themselves in the end; each circle is told once.
    fn circles(&mut self, layers: &[Layer]) {
        let mut index_of = BTreeMap::new();
        for (index, layer) in layers.iter().enumerate() {
            index_of.entry(layer.name.as_str()).or_insert(index);
        }
        let next = |index: usize| -> Option<usize> {
            index_of.get(layers[index].source.as_deref()?).copied()
        };
        let mut done = BTreeSet::new();
        for start in 0..layers.len() {
            let mut trail = Vec::new();
            let mut on_trail = BTreeSet::new();
            let mut at = Some(start);
            while let Some(index) = at.filter(|index| !done.contains(index)) {
                if !on_trail.insert(index) {
                    let begin = trail.iter().position(|seen| *seen == index).unwrap_or_default();
                    self.circle(layers, trail.get(begin..).unwrap_or_default());
                    break;
                }
                trail.push(index);
                at = next(index);
            }
            done.extend(trail);
        }
    }

    fn circle(&mut self, layers: &[Layer], members: &[usize]) {
        let Some(first) = members.iter().min().copied() else { return };
        let turn = members.iter().position(|member| *member == first).unwrap_or_default();
        let names: Vec<_> = members
            .iter()
            .cycle()
            .skip(turn)
            .take(members.len() + 1)
            .map(|member| format!("`{}`", shown_name(&layers[*member].name)))
            .collect();
        let what = format!("layers take their value in a circle: {}", names.join(" from "));
        let index = first.to_string();
        self.mistakes.push(
            self.document
                .mistake_at_name(&["layers", &index, "source"], what)
                .help("take the `source` out of the layer where the key is written first"),
        );
    }
}

/// What the rules of a kind can say of their layer.
pub(super) struct LayerCheck<'c, 'a> {
    check: &'c mut Check<'a>,
    index: &'c str,
}

impl LayerCheck<'_, '_> {
    /// How many credentials it holds.
    pub(super) fn credentials(&self) -> usize {
        let file = self.check.document.value();
        let index = self.index.parse::<usize>().ok();
        let table = index.and_then(|index| file.layers.get(index));
        let own = table.and_then(|table| table.credentials.as_ref());
        own.map_or(self.check.names.credentials.len(), Vec::len)
    }

    /// A mistake at a value below the layer.
    pub(super) fn value(&mut self, path: &[&str], what: &str, help: &str) {
        let path: Vec<_> = ["layers", self.index].into_iter().chain(path.iter().copied()).collect();
        self.check.value(&path, what, help);
    }

    /// A mistake at a field's name.
    pub(super) fn key(&mut self, field: &str, what: &str, help: &str) {
        let path = ["layers", self.index, field];
        self.check.mistakes.push(self.check.document.mistake_at_key(&path, what).help(help));
    }

    /// A mistake of the layer, or of a table of it, that says too little; unless what it says was
    /// mistaken itself.
    pub(super) fn nothing(&mut self, path: &[&str], what: &str, help: &str) {
        let path: Vec<_> = ["layers", self.index].into_iter().chain(path.iter().copied()).collect();
        if self.check.document.is_complete(&path) {
            self.check.value(&path, what, help);
        }
    }

    /// A path is not empty and has no NUL.
    pub(super) fn path(&mut self, at: &[&str], text: &str) {
        if text.is_empty() || text.contains('\0') {
            self.value(at, "this is not a path", "paths are relative to the inventory's folder");
        }
    }

    /// Every path of a list.
    pub(super) fn paths(&mut self, field: &str, list: &[String]) {
        for (index, text) in list.iter().enumerate() {
            self.path(&[field, &index.to_string()], text);
        }
    }
}

/// `keyfp1:<id>:<characters>`, `keyfpk1:…`, or the characters alone: ten as they are shown, up to
/// twenty-six as they are exported (SECURITY F2).
fn is_fingerprint(text: &str) -> bool {
    let characters = |text: &str, counts: std::ops::RangeInclusive<usize>| {
        counts.contains(&text.len())
            && text.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
            && !text.contains(['I', 'L', 'O', 'U'])
    };
    let parts: Vec<_> = text.split(':').collect();
    match parts.as_slice() {
        ["keyfp1" | "keyfpk1", id, body] => characters(id, 8..=8) && characters(body, 26..=26),
        [shown] => characters(&shown.replace('-', ""), 10..=26),
        _ => false,
    }
}

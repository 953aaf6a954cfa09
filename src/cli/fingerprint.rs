//! `stalekey fingerprint`: what a teammate or a CI job compares.

use std::{
    env,
    io::{self, IsTerminal as _, Read as _, Write as _},
    os::unix::ffi::OsStringExt as _,
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use zeroize::Zeroizing;

use super::{Exit, Failure, setting};
use crate::{
    domain::{
        fingerprint::{FingerprintKey, SHOWN_CHARACTERS},
        mask::{length_bucket, mask},
        secret::SecretValue,
    },
    providers::Catalogue,
};

/// The most that is read from standard input.
const MOST_BYTES: u64 = 64 << 10;

/// Which key, and under which salt.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Take the key from this variable instead of standard input
    #[arg(long, value_name = "NAME")]
    variable: Option<String>,
    /// The provider whose format it has, for formats without a prefix
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    /// The inventory whose salt is used
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for people
    #[default]
    Human,
    /// One JSON object
    Json,
}

pub(super) fn run(options: &Options) -> Result<Exit, Failure> {
    let user = setting::user()?;
    if options.provider.as_deref().is_some_and(|id| user.catalogue.provider(id).is_none()) {
        let known: Vec<&str> = user.catalogue.ids().collect();
        return Err(Failure::Message(format!(
            "error: There is no such provider\n\nhint: known are {}",
            known.join(", ")
        )));
    }
    let inventory = setting::inventory_of(options.config.as_ref(), &user)?;
    let salt = inventory.and_then(|inventory| inventory.salt);
    let key = setting::fingerprint_key(&user.settings, salt)?;
    let secret = match &options.variable {
        Some(name) => from_variable(name)?,
        None => from_input()?,
    };
    if secret.is_empty() {
        return Err(Failure::Message("error: The key is empty".to_owned()));
    }
    let provider = options.provider.as_deref();
    let recognition = user.catalogue.recognise(&secret, provider);
    // An opaque value gets nothing that lasts, unless a team key protects it (SECURITY F3).
    let fingerprint = (recognition.is_some() || key.is_team()).then(|| key.fingerprint(&secret));
    let exported = fingerprint.map(|fingerprint| key.export(&fingerprint));
    let shown = fingerprint.map(|fingerprint| fingerprint.shown(SHOWN_CHARACTERS));
    let flags: Vec<&str> =
        user.catalogue.flags(&secret, provider).iter().map(|flag| flag.name()).collect();
    let mask = mask(&secret, recognition.as_ref());
    let length = recognition.is_some().then(|| secret.len());
    let shape = recognition.map(|recognition| recognition.shape);
    let mut out = io::stdout().lock();
    if options.format == Format::Json {
        let object = serde_json::json!({
            "schema_version": 1, "fingerprint": exported, "shown": shown, "mask": mask,
            "length": length, "shape": shape, "flags": flags,
            "length_bucket": length.is_none().then(|| length_bucket(secret.len())),
        });
        writeln!(out, "{object:#}")?;
        return Ok(Exit::Success);
    }
    writeln!(out, "mask         {mask}")?;
    match (&exported, &shown) {
        (Some(exported), Some(shown)) => {
            writeln!(out, "shown        {shown}\nfingerprint  {exported}")?;
        }
        _ => writeln!(out, "fingerprint  none: {}", why_none(&user.catalogue, provider))?,
    }
    match (length, &shape) {
        (Some(length), Some(shape)) => writeln!(out, "format       {shape}, {length} bytes")?,
        _ => writeln!(out, "length       {} bytes", length_bucket(secret.len()))?,
    }
    if !flags.is_empty() {
        writeln!(out, "damage       {}", flags.join(", "))?;
    }
    Ok(Exit::Success)
}

/// The exported fingerprint of a key that a person types for a credential.
pub(super) fn typed(
    key: &FingerprintKey,
    catalogue: &Catalogue,
    provider: Option<&str>,
) -> Result<String, Failure> {
    let secret = from_input()?;
    if secret.is_empty() {
        return Err(Failure::Message("error: The key is empty".to_owned()));
    }
    if catalogue.recognise(&secret, provider).is_none() && !key.is_team() {
        return Err(Failure::Message(format!(
            "error: That value has no fingerprint that may be kept: {}",
            why_none(catalogue, provider)
        )));
    }
    Ok(key.export(&key.fingerprint(&secret)))
}

fn why_none(catalogue: &Catalogue, provider: Option<&str>) -> String {
    match provider.and_then(|id| catalogue.provider(id)) {
        Some(provider) => format!("it has no key format of {}", provider.name()),
        None => "it has no known key format; name its --provider, or set a team key".to_owned(),
    }
}

fn from_variable(name: &str) -> Result<SecretValue, Failure> {
    // An empty name, or one with `=` or NUL, cannot be asked for.
    let askable = !name.is_empty() && !name.contains(['=', '\0']);
    askable
        .then(|| env::var_os(name))
        .flatten()
        .map(|value| SecretValue::new(value.into_vec()))
        .ok_or_else(|| Failure::Message("error: That variable is not set in this shell".to_owned()))
}

/// On a terminal it is typed without echo; from a pipe it is taken as it comes, but for one final
/// newline, which `echo` adds.
pub(super) fn from_input() -> Result<SecretValue, Failure> {
    let unreadable = |_| Failure::Message("error: Standard input could not be read".to_owned());
    if io::stdin().is_terminal() {
        let typed = rpassword::prompt_password("key (not shown): ").map_err(unreadable)?;
        return Ok(SecretValue::new(typed.into_bytes()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    io::stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        let _ = writeln!(io::stderr(), "note: one final newline was left out");
    }
    Ok(SecretValue::new(bytes.to_vec()))
}

//! From arguments and files to the setup of a run.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsString,
    num::{NonZeroU16, NonZeroU32},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::Args;

use super::{Failure, operator::operator, user_salt};
use crate::{
    domain::{fingerprint::FingerprintKey, inert::inert, memory::Deep, secret::SecretValue},
    engine::{RotationSetup, Setup},
    formats::Environment,
    inventory::{
        self, Inventory, Settings, discovery,
        trust::{Context, Ledger, Store, Trust, digests_in},
        user_settings::{self, UserSettings},
    },
    probe::Endpoint,
    providers::Catalogue,
    rotation,
};

/// The variable that holds digests of what is trusted for one run.
pub(super) const TRUST: &str = "STALEKEY_TRUST";

/// What to look at, and what may be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(super) struct RunArguments {
    /// The inventory [default: $STALEKEY_CONFIG, ./stalekey.toml, the user's config folder]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Send nothing; compare only
    #[arg(long)]
    pub offline: bool,
    /// Look at this environment only; may be given again
    #[arg(long, value_name = "NAME")]
    pub environment: Vec<String>,
    /// Look at this credential only; may be given again
    #[arg(long, value_name = "ID")]
    pub credential: Vec<String>,
    /// Ask here about this credential's keys, for this run
    #[arg(long, value_name = "CREDENTIAL=URL")]
    pub endpoint: Vec<String>,
    /// Trust what this digest stands for, for this run; `stalekey trust` shows it
    #[arg(long, value_name = "DIGEST")]
    pub trust: Vec<String>,
    /// Probes in flight, in all and to one host, for this run; for a gateway of your own
    #[arg(long, value_name = "COUNT")]
    pub concurrency: Option<NonZeroU16>,
    /// Probes in any second to one host, for this run; for a gateway of your own
    #[arg(long, value_name = "COUNT")]
    pub requests_per_second: Option<NonZeroU32>,
}

/// How deep to look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub(super) struct DeepArguments {
    /// Search the memory of the processes whose layers say `memory = "allow"`
    #[arg(long)]
    deep: bool,
    /// Search them again and again for so long, to see which key they send
    #[arg(long, value_name = "SECONDS", requires = "deep", value_parser = seconds)]
    watch: Option<Duration>,
}

impl DeepArguments {
    pub(super) fn deep(self) -> Option<Deep> {
        self.deep.then_some(Deep { watch: self.watch })
    }
}

/// `3s` or `3`.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    let number = text.strip_suffix('s').unwrap_or(text);
    match number.parse() {
        Ok(seconds @ 1..=60) => Ok(Duration::from_secs(seconds)),
        _ => Err("it takes 1 to 60 seconds: 3s"),
    }
}

impl RunArguments {
    /// What is typed ranks above the inventory (SECURITY T, H8).
    fn overrule(&self, settings: &mut Settings) {
        if let Some(count) = self.concurrency {
            settings.concurrency = count.get().into();
            settings.in_flight_per_host = count.get().into();
        }
        if let Some(count) = self.requests_per_second {
            settings.requests_per_second = count.get();
        }
    }
}

/// What the user's own settings and files add to a run.
pub(super) struct User {
    /// `settings.toml`.
    pub settings: UserSettings,
    /// The built-in providers and the user's own.
    pub catalogue: Arc<Catalogue>,
}

/// Reads the user's config folder.
pub(super) fn user() -> Result<User, Failure> {
    let folder = discovery::user_folder();
    let variable = |name: &str| env::var_os(name);
    let settings = user_settings::load(folder.as_deref(), &variable)
        .map_err(|failure| Failure::Message(failure.to_string()))?;
    let files = match &folder {
        Some(folder) => user_settings::provider_files(folder)
            .map_err(|refusal| Failure::Message(refusal.to_string()))?,
        None => Vec::new(),
    };
    let catalogue = if files.is_empty() {
        Catalogue::embedded()
    } else {
        let named: Vec<(String, String)> = files
            .into_iter()
            .map(|file| (file.path.to_string_lossy().into_owned(), file.text))
            .collect();
        Catalogue::with_files(&named).map_err(|mistakes| Failure::Message(mistakes.to_string()))?
    };
    Ok(User { settings, catalogue: Arc::new(catalogue) })
}

/// Finds and reads the inventory, and puts a run together.
pub(super) fn setup(arguments: &RunArguments, user: &User) -> Result<Setup, Failure> {
    let mut inventory = find_inventory(arguments, user)?;
    let shell = shell_environment();
    let trust = trust_in(&inventory, arguments, &shell)?;
    arguments.overrule(&mut inventory.settings);
    check_names(arguments, &inventory)?;
    let fingerprint_key = fingerprint_key(&user.settings, inventory.salt)?;
    let history = history_of(&inventory);
    Ok(Setup {
        fingerprint_key,
        catalogue: Arc::clone(&user.catalogue),
        shell,
        home: home(),
        offline: arguments.offline,
        endpoints: typed_endpoints(arguments, &inventory)?,
        environments: arguments.environment.iter().cloned().collect::<BTreeSet<_>>(),
        credentials: arguments.credential.iter().cloned().collect::<BTreeSet<_>>(),
        rotations: RotationSetup { history, operator: operator(), old_keys: Vec::new() },
        trust: Arc::new(trust),
        deep: None,
        tour: None,
        inventory,
    })
}

/// Puts a run together that answers the question of another machine: who can log in here asks it.
/// Nothing is sent, and the answer has fingerprints under the key that came with the question, also of
/// values of unknown form: nobody's salt or team key leaves its machine.
pub(super) fn setup_of_question(text: &str, user: &User) -> Result<Setup, Failure> {
    let home = home();
    let folder = home.clone().map_or_else(current_folder, Ok)?;
    let inventory = inventory::parse(text, "standard input", &folder, &*user.catalogue)
        .map_err(|mistakes| Failure::Message(mistakes.to_string()))?;
    let key = inventory.salt.map(FingerprintKey::team).ok_or_else(|| {
        Failure::Message("error: The question has no salt to answer under".to_owned())
    })?;
    Ok(Setup {
        fingerprint_key: key,
        catalogue: Arc::clone(&user.catalogue),
        shell: shell_environment(),
        home,
        offline: true,
        endpoints: BTreeMap::new(),
        environments: BTreeSet::new(),
        credentials: BTreeSet::new(),
        trust: Arc::new(Trust::All),
        deep: None,
        tour: None,
        rotations: RotationSetup::default(),
        inventory,
    })
}

/// What is accepted of an inventory: by a person before, or by a digest that was typed for this run
/// (SECURITY T7). It belongs to the folder that relative paths start from, with its links followed.
fn trust_in(
    inventory: &Inventory,
    arguments: &RunArguments,
    shell: &Environment,
) -> Result<Trust, Failure> {
    use std::os::unix::ffi::OsStringExt as _;
    let wrong = |by: &str, why: &str| Failure::Message(format!("error: `{by}`: {why}"));
    let mut typed = digests_in(&arguments.trust.join(",")).map_err(|why| wrong("--trust", why))?;
    if let Some(text) = env::var_os(TRUST) {
        typed.extend(digests_in(&text.to_string_lossy()).map_err(|why| wrong(TRUST, why))?);
    }
    let folder = inventory.folder.canonicalize().unwrap_or_else(|_| inventory.folder.clone());
    let name = inventory.path.as_ref().and_then(|path| path.file_name());
    let path = shell.get("PATH").map(|path| OsString::from_vec(path.expose().to_vec()));
    let context = Context {
        inventory: name.map_or_else(|| folder.clone(), |name| folder.join(name)),
        folder: inventory.folder.clone(),
        home: home(),
        path,
    };
    let state = discovery::state_folder();
    let store = state.map(|state| Store::read(&state, &context.inventory));
    Ok(Trust::Only(Box::new(Ledger::new(context, inventory, store, typed))))
}

/// Where the history of an inventory is kept.
fn history_of(inventory: &Inventory) -> Option<PathBuf> {
    let state = discovery::state_folder()?;
    Some(rotation::place(&state, inventory.path.as_deref()?))
}

/// A team key replaces the inventory's salt, and that the user's own (SECURITY F1, F4).
pub(super) fn fingerprint_key(
    settings: &UserSettings,
    inventory_salt: Option<[u8; 32]>,
) -> Result<FingerprintKey, Failure> {
    if let Some(team) = &settings.team_key {
        return Ok(team.clone());
    }
    match inventory_salt {
        Some(salt) => Ok(FingerprintKey::salt(salt)),
        None => user_salt::read_or_make().map(FingerprintKey::salt).map_err(Failure::Message),
    }
}

/// The salt of the inventory that a run from here would use; a missing or broken one has none.
pub(super) fn inventory_of(
    config: Option<&PathBuf>,
    user: &User,
) -> Result<Option<Inventory>, Failure> {
    let variable = |name: &str| env::var_os(name);
    let current = current_folder()?;
    let found = discovery::find(config.map(PathBuf::as_path), &variable, &current)
        .map_err(|refusal| Failure::Message(refusal.to_string()))?;
    let Some(path) = found else { return Ok(None) };
    let shown = path.strip_prefix(&current).map(PathBuf::from).unwrap_or(path);
    let file = discovery::read(&shown).map_err(|refusal| Failure::Message(refusal.to_string()))?;
    file.parse(&*user.catalogue)
        .map(Some)
        .map_err(|mistakes| Failure::Message(mistakes.to_string()))
}

fn find_inventory(arguments: &RunArguments, user: &User) -> Result<Inventory, Failure> {
    match inventory_of(arguments.config.as_ref(), user)? {
        Some(inventory) => Ok(inventory),
        None => Err(Failure::NoInventory { looked_in: places_looked_in()? }),
    }
}

/// Where an inventory was looked for, inert.
fn places_looked_in() -> Result<Vec<String>, Failure> {
    let places = discovery::places(None, &|name| env::var_os(name), &current_folder()?);
    Ok(places.iter().map(|place| inert(&place.to_string_lossy())).collect())
}

pub(super) fn current_folder() -> Result<PathBuf, Failure> {
    env::current_dir().map_err(|_| {
        Failure::Message(
            "error: The current folder cannot be read; change into one that can".into(),
        )
    })
}

pub(super) fn home() -> Option<PathBuf> {
    directories::BaseDirs::new().map(|folders| folders.home_dir().to_owned())
}

/// This process's environment, taken into secrets at once. Names that are no text cannot be asked
/// for by an inventory.
pub(super) fn shell_environment() -> Environment {
    use std::os::unix::ffi::OsStringExt as _;
    env::vars_os()
        .filter_map(|(name, value)| {
            Some((name.into_string().ok()?, SecretValue::new(value.into_vec())))
        })
        .collect()
}

/// A misspelt name must not look like "nothing is wrong".
fn check_names(arguments: &RunArguments, inventory: &Inventory) -> Result<(), Failure> {
    let environments: Vec<&str> =
        inventory.environments.iter().map(|environment| environment.name.as_str()).collect();
    let credentials = credential_names(inventory);
    let unknown = |what: &str, given: &[String], known: &[&str]| {
        given.iter().find(|name| !known.contains(&name.as_str())).map(|_| {
            Failure::Message(format!(
                "error: The inventory has no such {what}\n\nhint: it has {}",
                quoted(known)
            ))
        })
    };
    unknown("environment", &arguments.environment, &environments)
        .or_else(|| unknown("credential", &arguments.credential, &credentials))
        .map_or(Ok(()), Err)
}

fn credential_names(inventory: &Inventory) -> Vec<&str> {
    inventory.credentials.iter().map(|credential| credential.id.as_str()).collect()
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{}`", inert(name))).collect::<Vec<_>>().join(", ")
}

fn typed_endpoints(
    arguments: &RunArguments,
    inventory: &Inventory,
) -> Result<BTreeMap<String, Endpoint>, Failure> {
    const FORM: &str = "hint: `--endpoint openai=http://127.0.0.1:4000/v1`";
    let wrong = |why: &str| Failure::Message(format!("error: `--endpoint`: {why}\n\n{FORM}"));
    arguments
        .endpoint
        .iter()
        .map(|text| {
            let (credential, url) =
                text.split_once('=').ok_or_else(|| wrong("it takes CREDENTIAL=URL"))?;
            let known = credential_names(inventory);
            if !known.contains(&credential) {
                let has = quoted(&known);
                return Err(wrong(&format!("the inventory has no such credential; it has {has}")));
            }
            let endpoint = Endpoint::parse(url).map_err(wrong)?;
            Ok((credential.to_owned(), endpoint))
        })
        .collect()
}

//! The gate: what is trusted in this run, and what was asked for and refused (SECURITY T2, T3).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    Effect, Inventory, Store, effects,
    pin::{self, Context, Pin},
    program::{self, Stamp},
    resolved,
};
use crate::domain::trust::{Ask, Untrusted};

/// What may happen besides looking at the inventory's own folder.
#[derive(Debug)]
pub enum Trust {
    /// Everything that the inventory asks for: it is built in, or of a test.
    All,
    /// What a person has accepted, and nothing else.
    Only(Box<Ledger>),
}

impl Trust {
    /// Whether an effect may happen. This is the one place that decides it; a refusal is kept, so
    /// that a person can be asked.
    pub fn grants(&self, effect: &Effect) -> bool {
        match self {
            Self::All => true,
            Self::Only(ledger) => ledger.grants(effect),
        }
    }

    /// The effects among these that may not happen; all of them are asked about.
    pub fn refused_of(&self, effects: Vec<Effect>) -> Vec<Effect> {
        effects.into_iter().filter(|effect| !self.grants(effect)).collect()
    }

    /// The real file behind a path, when it may be read: those beneath the inventory's folder
    /// always, others when the effect is granted, also where data names them or a link leads there
    /// (SECURITY T7).
    ///
    /// # Errors
    /// The effect that would be needed.
    pub fn file(&self, path: &Path) -> Result<PathBuf, Effect> {
        match self {
            Self::All => Ok(path.to_owned()),
            Self::Only(ledger) => ledger.file(path),
        }
    }

    /// The real file behind a path, when it is beneath the inventory's folder.
    pub fn inside(&self, path: &Path) -> Option<PathBuf> {
        match self {
            Self::All => Some(path.to_owned()),
            Self::Only(ledger) => {
                let real = ledger.context.real(path);
                real.starts_with(&ledger.folder).then_some(real)
            }
        }
    }

    /// Whether files in a folder may be read that tell which program reads a `.env` there. Where
    /// they may not, the row does without.
    pub fn may_look_beside(&self, folder: &Path) -> bool {
        match self {
            Self::All => true,
            Self::Only(ledger) => {
                let real = ledger.context.real(folder);
                let beside = Effect::LookBeside { folder: folder.to_owned() };
                let pin = ledger.pin(&beside);
                real.starts_with(&ledger.folder) || ledger.state().accepts(&pin)
            }
        }
    }

    /// Everything is read from now on; what was refused before counts no more unless it is again.
    pub fn begin_pass(&self) {
        if let Self::Only(ledger) = self {
            ledger.state().pass += 1;
        }
    }

    /// Everything has been read and planned again: what nobody asks for any more is forgotten.
    pub fn end_pass(&self) {
        if let Self::Only(ledger) = self {
            let mut state = ledger.state();
            let pass = state.pass;
            state.refused.retain(|_, refusal| refusal.pass >= pass);
        }
    }

    /// What was refused, for a person; `None`: nothing.
    pub fn untrusted(&self) -> Option<Untrusted> {
        match self {
            Self::All => None,
            Self::Only(ledger) => ledger.untrusted(),
        }
    }

    /// The same with all that the inventory asks for, looked at or not, and with what `--trust`
    /// takes; `None`: nothing was refused.
    pub fn untrusted_of(&self, inventory: &Inventory) -> Option<Untrusted> {
        match self {
            Self::All => None,
            Self::Only(ledger) => {
                ledger.untrusted()?;
                let survey = ledger.survey(inventory);
                let asks = survey.lines.into_iter().filter(|line| !line.accepted);
                let asks = asks.map(|line| line.ask).collect();
                Some(Untrusted { asks, digests: survey.digests, ..Untrusted::default() })
            }
        }
    }

    /// Why it is not known what was accepted before.
    pub fn problem(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Only(ledger) => ledger.store.as_ref().and_then(Store::problem),
        }
    }

    /// Accepts exactly what was offered, for good.
    ///
    /// # Errors
    /// When it is something else by now, or cannot be kept.
    pub fn accept(&self, offer: &str) -> Result<(), String> {
        match self {
            Self::All => Ok(()),
            Self::Only(ledger) => ledger.accept(offer),
        }
    }
}

/// All that an inventory asks for, and what of it is accepted.
#[derive(Debug)]
pub struct Survey {
    /// A line each: SEND, RUN, READ.
    pub lines: Vec<Line>,
    /// What `--trust` takes to have all that is not accepted: the inventory's own digest, and one
    /// for each file that data names.
    pub digests: Vec<String>,
    /// Of all that the inventory itself asks for, accepted or not.
    pub digest: String,
}

/// One effect of a survey.
#[derive(Debug)]
pub struct Line {
    /// In words.
    pub ask: Ask,
    /// It is accepted.
    pub accepted: bool,
    /// Not the inventory asks for it but what it lists: it was found while reading.
    pub found: bool,
}

/// What is accepted, typed and refused, for one inventory.
pub struct Ledger {
    context: Context,
    /// The folder with every link followed.
    folder: PathBuf,
    store: Option<Store>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    accepted: BTreeSet<Pin>,
    /// Digests that were typed for this run.
    typed: BTreeSet<String>,
    refused: BTreeMap<Effect, Refusal>,
    pass: u64,
    hashes: HashMap<PathBuf, (Stamp, String)>,
}

struct Refusal {
    pin: Pin,
    /// In which it was refused last.
    pass: u64,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ledger").field("context", &self.context).finish_non_exhaustive()
    }
}

impl Ledger {
    /// What `store` has, and `typed` digests for this run.
    pub fn new(
        context: Context,
        inventory: &Inventory,
        store: Option<Store>,
        typed: Vec<String>,
    ) -> Self {
        let accepted = store.as_ref().map(Store::pins).unwrap_or_default();
        let folder = context.real(&context.folder);
        let state = State { accepted, typed: typed.into_iter().collect(), ..State::default() };
        let ledger = Self { context, folder, store, state: Mutex::new(state) };
        // Programs are hashed for this, so only where somebody has typed something.
        if !ledger.state().typed.is_empty() {
            let pins = ledger.pins(&effects(inventory));
            let mut state = ledger.state();
            if state.typed.contains(&ledger.digest(&pins)) {
                state.accepted.extend(pins);
            }
        }
        ledger
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn digest<'a>(&self, pins: impl IntoIterator<Item = &'a Pin>) -> String {
        pin::digest(&self.context.inventory, pins)
    }

    fn pins(&self, effects: &[Effect]) -> Vec<Pin> {
        effects.iter().map(|effect| self.pin(effect)).collect()
    }

    fn pin(&self, effect: &Effect) -> Pin {
        Pin::of(effect, &self.context, &mut |file| self.hash(file))
    }

    /// A program is read again only when it has changed.
    fn hash(&self, file: &Path) -> Option<String> {
        let stamp = program::stamp(file)?;
        let known = self.state().hashes.get(file).cloned();
        if let Some((_, hash)) = known.filter(|(known, _)| *known == stamp) {
            return Some(hash);
        }
        let hash = program::hash(file)?;
        self.state().hashes.insert(file.to_owned(), (stamp, hash.clone()));
        Some(hash)
    }

    fn grants(&self, effect: &Effect) -> bool {
        let pin = self.pin(effect);
        let mut state = self.state();
        if state.accepts(&pin) || self.is_typed(&state, &pin) {
            return true;
        }
        let pass = state.pass;
        state.refused.insert(effect.clone(), Refusal { pin, pass });
        false
    }

    /// A digest of a file that data names is of that one alone.
    fn is_typed(&self, state: &State, pin: &Pin) -> bool {
        !state.typed.is_empty() && state.typed.contains(&self.digest([pin]))
    }

    fn file(&self, path: &Path) -> Result<PathBuf, Effect> {
        let real = self.context.real(path);
        if real.starts_with(&self.folder) {
            return Ok(real);
        }
        let effect = Effect::ReadOutside { path: resolved(path) };
        if self.grants(&effect) { Ok(real) } else { Err(effect) }
    }

    fn untrusted(&self) -> Option<Untrusted> {
        let state = self.state();
        if state.refused.is_empty() {
            return None;
        }
        let offer = self.digest(state.refused.values().map(|refusal| &refusal.pin));
        let mut asks: Vec<Ask> =
            state.refused.keys().map(|effect| effect.ask(&self.context)).collect();
        asks.sort();
        asks.dedup();
        Some(Untrusted { asks, offer, ..Untrusted::default() })
    }

    fn accept(&self, offer: &str) -> Result<(), String> {
        let mut state = self.state();
        let pins: BTreeSet<Pin> =
            state.refused.values().map(|refusal| refusal.pin.clone()).collect();
        if self.digest(&pins) != offer {
            return Err("what it asks for has changed meanwhile; look at it again".to_owned());
        }
        let lines: Vec<(Pin, Ask)> = state
            .refused
            .iter()
            .map(|(effect, refusal)| (refusal.pin.clone(), effect.ask(&self.context)))
            .collect();
        // It counts for this run also where it could not be kept.
        state.accepted.extend(pins);
        state.refused.clear();
        drop(state);
        self.keep(lines)
    }

    fn keep(&self, lines: Vec<(Pin, Ask)>) -> Result<(), String> {
        match &self.store {
            Some(store) => store.add(lines),
            None => Err("there is no home folder to keep it in: it counts for this run".to_owned()),
        }
    }

    /// All that the inventory asks for, and what reading it found so far.
    pub fn survey(&self, inventory: &Inventory) -> Survey {
        let own = effects(inventory);
        let pins = self.pins(&own);
        let state = self.state();
        let mut found: Vec<(&Effect, &Pin)> = state
            .refused
            .iter()
            .map(|(effect, refusal)| (effect, &refusal.pin))
            .filter(|(_, pin)| !pins.iter().any(|own| own.covers(pin)))
            .collect();
        found.dedup_by(|left, right| left.1 == right.1);
        let digest = self.digest(&pins);
        let mut lines: Vec<Line> = own
            .iter()
            .zip(&pins)
            .map(|(effect, pin)| Line {
                ask: effect.ask(&self.context),
                accepted: state.accepts(pin),
                found: false,
            })
            .collect();
        let missing = lines.iter().any(|line| !line.accepted);
        let digests = missing.then(|| digest.clone()).into_iter();
        let digests = digests.chain(found.iter().map(|(_, pin)| self.digest([*pin]))).collect();
        lines.extend(found.iter().map(|(effect, _)| Line {
            ask: effect.ask(&self.context),
            accepted: false,
            found: true,
        }));
        lines.sort_by(|left, right| left.ask.cmp(&right.ask));
        Survey { lines, digests, digest }
    }

    /// Forgets all that was accepted; gives whether there was anything.
    ///
    /// # Errors
    /// When the state folder cannot be changed.
    pub fn revoke(&self) -> Result<bool, String> {
        self.state().accepted.clear();
        self.store.as_ref().map_or(Ok(false), Store::revoke)
    }

    /// Accepts what digests stand for, for good; gives how many lines that were.
    ///
    /// # Errors
    /// When a digest is of nothing that is asked for now, or the acceptance cannot be kept.
    pub fn accept_digests(
        &self,
        inventory: &Inventory,
        digests: &[String],
    ) -> Result<usize, String> {
        let own = effects(inventory);
        let pins = self.pins(&own);
        let whole = self.digest(&pins);
        let mut lines: Vec<(Pin, Ask)> = Vec::new();
        for digest in digests {
            if *digest == whole {
                lines.extend(
                    own.iter().zip(&pins).map(|(it, pin)| (pin.clone(), it.ask(&self.context))),
                );
                continue;
            }
            let state = self.state();
            let found = state
                .refused
                .iter()
                .find(|(_, refusal)| self.digest([&refusal.pin]) == *digest)
                .map(|(effect, refusal)| (refusal.pin.clone(), effect.ask(&self.context)));
            lines.push(found.ok_or("this is not the digest of what the inventory asks for now")?);
        }
        let count = lines.len();
        let mut state = self.state();
        state.accepted.extend(lines.iter().map(|(pin, _)| pin.clone()));
        drop(state);
        self.keep(lines).map(|()| count)
    }
}

impl State {
    fn accepts(&self, pin: &Pin) -> bool {
        self.accepted.contains(pin) || self.accepted.iter().any(|one| one.covers(pin))
    }
}

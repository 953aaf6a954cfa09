//! `stalekey demo`: everything, with no network and no keys.

use std::{
    io::{self, ErrorKind, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use clap::Args;
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};

use super::{
    Exit, Failure,
    check::{self, FailOn, Format},
    dashboard,
    operator::operator,
    setting::{self, User},
};
use crate::{
    demo::{Demo, wait_until_parent_ends},
    domain::{
        fingerprint::FingerprintKey,
        inert::{inert, quoted},
    },
    engine::{RotationSetup, Setup, TourGuide},
    formats::Environment,
    inventory,
    providers::Catalogue,
};

/// What to do with the sample environment.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Print the result in this format instead of opening the dashboard
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Make the sample environment in this new or empty folder, and keep its provider and
    /// processes running until Ctrl-C
    #[arg(long, value_name = "DIR", conflicts_with = "format")]
    keep: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<Exit, Failure> {
    if let Some(folder) = &options.keep {
        return keep(folder);
    }
    let user =
        User { settings: setting::user()?.settings, catalogue: Arc::new(Catalogue::embedded()) };
    if options.format.is_none() && io::stdout().is_terminal() {
        let demo = Demo::temporary().map_err(|error| could_not_start(&error))?;
        let setup = setup(&demo, &user, true)?;
        return dashboard::open(setup, &user, None);
    }
    let cleaner = Cleaner::on(Signals::listen()?);
    let setup = cleaner.hold(|| {
        let demo = Demo::temporary().map_err(|error| could_not_start(&error))?;
        let setup = setup(&demo, &user, false)?;
        Ok((demo, setup))
    })?;
    let format = options.format.unwrap_or_default();
    check::pass(setup, check::Options { format, fail_on: FailOn::Error })
}

/// The life of one of the sample's processes.
pub(super) fn child() -> Exit {
    wait_until_parent_ends();
    Exit::Success
}

fn setup(demo: &Demo, user: &User, guided: bool) -> Result<Setup, Failure> {
    let inventory = inventory::parse(demo.inventory(), "demo", &demo.folder(), &*user.catalogue)
        .map_err(|mistakes| Failure::Message(mistakes.to_string()))?;
    Ok(Setup {
        fingerprint_key: FingerprintKey::salt(inventory.salt.unwrap_or_default()),
        inventory,
        catalogue: Arc::clone(&user.catalogue),
        // The sample is complete: nothing of this shell belongs to it.
        shell: Environment::new(),
        home: None,
        offline: false,
        endpoints: std::collections::BTreeMap::new(),
        environments: std::collections::BTreeSet::new(),
        credentials: std::collections::BTreeSet::new(),
        // The history goes away with the sample.
        rotations: RotationSetup {
            history: Some(demo.folder().join("history.jsonl")),
            operator: operator(),
            old_keys: Vec::new(),
        },
        // What is built in needs nobody's trust.
        trust: Arc::new(crate::inventory::trust::Trust::All),
        tour: guided.then(|| {
            let (tour, next) = demo.tour();
            TourGuide { tour, next }
        }),
    })
}

/// The sample in a folder of the user's, alive until a signal comes.
fn keep(folder: &Path) -> Result<Exit, Failure> {
    let signals = Signals::listen()?;
    let demo = Demo::in_folder(folder).map_err(|error| match error.kind() {
        ErrorKind::DirectoryNotEmpty => Failure::Message(format!(
            "error: {} is not empty\n\nhint: name a new folder",
            inert(&folder.to_string_lossy())
        )),
        _ => could_not_start(&error),
    })?;
    let path = demo.folder().join("stalekey.toml");
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "The sample environment is in {folder}.\nRun beside it:\n\n  stalekey --config {path}\n\n\
         Its provider and processes run until Ctrl-C; the files stay.",
        folder = inert(&folder.to_string_lossy()),
        path = quoted(&inert(&path.to_string_lossy())),
    )?;
    out.flush()?;
    drop(out);
    let number = signals.wait();
    drop(demo);
    // Ctrl-C is how this command is meant to end.
    Ok(if number == 2 { Exit::Success } else { Exit::Signal(number) })
}

fn could_not_start(error: &io::Error) -> Failure {
    Failure::Message(format!(
        "error: The demo could not start: {}\n\nhint: it needs a writable temporary folder and a \
         port on 127.0.0.1",
        error.kind()
    ))
}

/// Removes the sample when the work is done, and also when a signal ends it before.
struct Cleaner(Arc<Mutex<Option<Demo>>>);

impl Cleaner {
    /// Signals are listened to before there is anything to remove, so that none comes too early.
    fn on(signals: Signals) -> Self {
        let shared = Arc::new(Mutex::new(None));
        let for_signals = Self(Arc::clone(&shared));
        std::thread::spawn(move || {
            let number = signals.wait();
            for_signals.clean();
            std::process::exit(i32::from(Exit::Signal(number).code()));
        });
        Self(shared)
    }

    /// Keeps what `make` makes. A signal that comes meanwhile waits until it is made.
    fn hold<T>(&self, make: impl FnOnce() -> Result<(Demo, T), Failure>) -> Result<T, Failure> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (demo, result) = make()?;
        *held = Some(demo);
        Ok(result)
    }

    /// Whoever comes second waits until the first is done: nobody leaves before all is removed.
    fn clean(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        self.clean();
    }
}

/// SIGINT, SIGTERM and SIGHUP, from now on.
struct Signals {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        Self::register()
            .map_err(|_| Failure::Message("error: The system gives no signals".to_owned()))
    }

    fn register() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let context = runtime.enter();
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        let hang_up = signal(SignalKind::hangup())?;
        drop(context);
        Ok(Self { runtime, interrupt, terminate, hang_up })
    }

    /// Blocks until one of them comes; gives its number.
    fn wait(mut self) -> u8 {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.interrupt.recv() => 2,
                _ = self.terminate.recv() => 15,
                _ = self.hang_up.recv() => 1,
            }
        })
    }
}

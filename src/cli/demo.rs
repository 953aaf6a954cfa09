//! `stalekey demo`: everything, with no network and no keys.

use std::{
    io::{self, ErrorKind, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Exit, Failure,
    check::{self, FailOn, Format},
    dashboard,
    setting::{self, User},
};
use crate::{
    demo::{Demo, wait_until_parent_ends},
    domain::{fingerprint::FingerprintKey, inert::inert},
    engine::{Setup, TourGuide},
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
    let demo = Demo::temporary().map_err(|error| could_not_start(&error))?;
    let user =
        User { settings: setting::user()?.settings, catalogue: Arc::new(Catalogue::embedded()) };
    if options.format.is_none() && io::stdout().is_terminal() {
        let setup = setup(&demo, &user, true)?;
        return dashboard::open(setup, &user);
    }
    let setup = setup(&demo, &user, false)?;
    let _cleaner = Cleaner::on_signals(demo);
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
        tour: guided.then(|| {
            let (tour, next) = demo.tour();
            TourGuide { tour, next }
        }),
    })
}

/// The sample in a folder of the user's, alive until a signal comes.
fn keep(folder: &Path) -> Result<Exit, Failure> {
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
        path = inert(&path.to_string_lossy()),
    )?;
    out.flush()?;
    drop(out);
    let number = wait_for_signal()
        .map_err(|_| Failure::Message("error: The system gives no signals".to_owned()))?;
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
    fn on_signals(demo: Demo) -> Self {
        let shared = Arc::new(Mutex::new(Some(demo)));
        let for_signals = Arc::clone(&shared);
        std::thread::spawn(move || {
            if let Ok(number) = wait_for_signal() {
                drop(for_signals.lock().map(|mut demo| demo.take()));
                std::process::exit(i32::from(Exit::Signal(number).code()));
            }
        });
        Self(shared)
    }
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        drop(self.0.lock().map(|mut demo| demo.take()));
    }
}

/// Blocks until SIGINT, SIGTERM or SIGHUP; gives its number.
fn wait_for_signal() -> io::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        Ok(tokio::select! {
            _ = interrupt.recv() => 2,
            _ = terminate.recv() => 15,
            _ = hang_up.recv() => 1,
        })
    })
}

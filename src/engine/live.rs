//! The engine of a dashboard: its own thread, its own runtime, idle until something happens.

use std::{collections::BTreeSet, future, sync::Arc, thread, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::{mpsc, watch as latest},
    time::Instant,
};

use crate::{
    domain::{
        command::{Command, Tour},
        snapshot::Snapshot,
    },
    engine::{
        Handle, Setup, TourGuide,
        flow::{Flow, Freshness},
        watch::{WatchList, Watcher},
    },
};

/// A picture is published at most this often while things arrive.
const BETWEEN_PICTURES: Duration = Duration::from_millis(40);
/// A changed file is read once it has been quiet for this long.
const QUIET: Duration = Duration::from_millis(60);

/// Starts the engine on a thread of its own. It ends when the handle is dropped. Should the system
/// give no thread or runtime, the handle's channels are closed, which the front end tells.
pub fn start(setup: Setup) -> Handle {
    let (publisher, snapshots) = latest::channel(Arc::new(Snapshot::default()));
    let (commands, wishes) = mpsc::channel(64);
    let _ = thread::Builder::new().name("engine".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            // Made inside: the watches belong to the runtime.
            runtime.block_on(async { Live::new(setup, publisher, wishes).run().await });
        }
    });
    Handle { snapshots, commands }
}

struct Live {
    flow: Flow,
    events: mpsc::UnboundedReceiver<super::flow::Event>,
    publisher: latest::Sender<Arc<Snapshot>>,
    wishes: mpsc::Receiver<Command>,
    guide: Option<TourGuide>,
    refresh: Duration,
    watcher: Watcher,
    watched: WatchList,
    changed: BTreeSet<usize>,
    changed_at: Option<Instant>,
    publish_at: Option<Instant>,
    /// When a host that asked to wait may be asked again.
    owed_at: Option<Instant>,
    refresh_at: Instant,
}

impl Live {
    fn new(
        mut setup: Setup,
        publisher: latest::Sender<Arc<Snapshot>>,
        wishes: mpsc::Receiver<Command>,
    ) -> Self {
        let refresh = setup.inventory.settings.refresh;
        let guide = setup.tour.take();
        let (mut flow, events) = Flow::new(setup);
        flow.tour = guide.as_ref().map(|guide| guide.tour.borrow().clone());
        Self {
            flow,
            events,
            publisher,
            wishes,
            guide,
            refresh,
            watcher: Watcher::new(),
            watched: WatchList::default(),
            changed: BTreeSet::new(),
            changed_at: None,
            publish_at: None,
            owed_at: None,
            refresh_at: Instant::now() + refresh,
        }
    }

    async fn run(mut self) {
        self.flow.read_all(Freshness::Everything);
        loop {
            tokio::select! {
                biased;
                wish = self.wishes.recv() => match wish {
                    Some(wish) => self.fulfil(wish),
                    None => break,
                },
                Some(event) = self.events.recv() => {
                    self.flow.handle(event);
                    while let Ok(event) = self.events.try_recv() {
                        self.flow.handle(event);
                    }
                    self.publish_soon();
                }
                tour = next_tour(&mut self.guide) => {
                    self.flow.tour = Some(tour);
                    self.flow.read_all(Freshness::Aged);
                    self.publish_soon();
                }
                file = self.watcher.changed() => {
                    let layers: Vec<usize> = self.watched.layers_of(&file).collect();
                    if !layers.is_empty() {
                        self.changed.extend(layers);
                        self.changed_at = Some(Instant::now() + QUIET);
                    }
                }
                () = at(self.changed_at) => {
                    self.changed_at = None;
                    let layers = std::mem::take(&mut self.changed);
                    self.flow.read(layers, Freshness::Aged);
                    self.publish_soon();
                }
                () = at(self.owed_at) => {
                    self.owed_at = None;
                    self.flow.ask_for_owed();
                    self.publish_soon();
                }
                () = at(self.publish_at) => self.publish(),
                () = at(Some(self.refresh_at)) => {
                    self.refresh_at = Instant::now() + self.refresh;
                    self.flow.refresh();
                    self.publish_soon();
                }
            }
        }
    }

    fn fulfil(&mut self, wish: Command) {
        match wish {
            Command::RecheckAll => self.flow.read_all(Freshness::Everything),
            Command::Recheck(row) => self.flow.read_row(&row),
            Command::Expect { environment, credential, fingerprint } => {
                self.flow.mark(environment, credential, fingerprint);
            }
            Command::Rotation(wish) => self.flow.record(wish),
            Command::Cancel => self.flow.cancel(),
            Command::NextStep => {
                if let Some(guide) = &self.guide {
                    // A wish that comes while a step is being done is one too many.
                    let _ = guide.next.try_send(());
                }
            }
        }
        self.publish_soon();
    }

    /// Watches the files that decide the readings, before anybody hears that all is read.
    fn watch(&mut self) {
        let watched = self.flow.watch_list();
        if watched == self.watched {
            return;
        }
        self.watcher.follow(&watched);
        let missed = watched.changed_since(self.flow.read_at().as_second());
        if !missed.is_empty() {
            self.changed.extend(missed);
            self.changed_at.get_or_insert(Instant::now() + QUIET);
        }
        self.watched = watched;
    }

    fn publish_soon(&mut self) {
        let soon = Instant::now() + BETWEEN_PICTURES;
        self.publish_at = Some(self.publish_at.map_or(soon, |at| at.min(soon)));
    }

    fn publish(&mut self) {
        self.publish_at = None;
        self.flow.settle();
        self.flow.ask();
        if !self.flow.is_running() {
            self.watch();
            self.owed_at = self.flow.owed_at().map(|at| {
                let wait = at.duration_since(Timestamp::now());
                Instant::now() + Duration::try_from(wait).unwrap_or_default()
            });
        }
        let _ = self.publisher.send(self.flow.snapshot());
    }
}

/// A moment, or never.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => future::pending().await,
    }
}

/// What the tour says next; never, without a tour or after its end.
async fn next_tour(guide: &mut Option<TourGuide>) -> Tour {
    if let Some(guide) = guide
        && guide.tour.changed().await.is_ok()
    {
        return guide.tour.borrow_and_update().clone();
    }
    future::pending().await
}

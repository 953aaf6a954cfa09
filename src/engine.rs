//! Runs the flow: reads layers, interns keys, asks providers, judges, publishes snapshots.
//!
//! One state machine (`flow::Flow`) does the work for every front end. `check` drives it until
//! nothing is left to do; the dashboard's thread drives it until the dashboard goes away. Secrets
//! end here: what is published is a secret-free [`Snapshot`].

mod facts;
mod flow;
mod intern;
mod live;
mod plan;
mod reading_pool;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use tokio::sync::{mpsc, watch as latest};

pub use flow::RotationSetup;
pub use live::start;

use crate::{
    domain::{
        command::{Command, Tour},
        fingerprint::FingerprintKey,
        request::PlannedRequests,
        snapshot::Snapshot,
    },
    engine::flow::{Flow, Freshness},
    formats::Environment,
    inventory::{Inventory, trust::Trust},
    probe::Endpoint,
    providers::Catalogue,
};

/// Everything a run is made of.
pub struct Setup {
    /// What to look at.
    pub inventory: Inventory,
    /// Who can be asked, and how.
    pub catalogue: Arc<Catalogue>,
    /// The environment stalekey was started with.
    pub shell: Environment,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// What fingerprints are made with.
    pub fingerprint_key: FingerprintKey,
    /// Send nothing.
    pub offline: bool,
    /// Endpoints typed on the command line, by credential; they rank above the inventory.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// What the inventory may do beyond looking at its own folder.
    pub trust: Arc<Trust>,
    /// What is known of rotations.
    pub rotations: RotationSetup,
    /// Look at these environments only; empty: all.
    pub environments: BTreeSet<String>,
    /// Look at these credentials only; empty: all.
    pub credentials: BTreeSet<String>,
    /// The guided tour, in the demo.
    pub tour: Option<TourGuide>,
}

/// How the engine shows a guided tour and passes the wish for its next step on.
pub struct TourGuide {
    /// What the tour says now; every change makes the engine read everything again.
    pub tour: latest::Receiver<Tour>,
    /// Where the wish for the next step goes.
    pub next: mpsc::Sender<()>,
}

/// The front end's side of a running engine.
pub struct Handle {
    /// The newest picture.
    pub snapshots: latest::Receiver<Arc<Snapshot>>,
    /// Wishes.
    pub commands: mpsc::Sender<Command>,
}

/// One pass: everything is read and asked once. `progress` sees the picture whenever it changes.
///
/// # Errors
/// When the system gives no runtime.
pub fn check(setup: Setup, mut progress: impl FnMut(&Snapshot)) -> std::io::Result<Arc<Snapshot>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut flow, mut events) = Flow::new(setup);
        flow.read_all(Freshness::Everything);
        while flow.is_running() {
            let Some(event) = events.recv().await else { break };
            flow.handle(event);
            progress(&flow.counts_only());
        }
        Ok(flow.snapshot())
    })
}

/// Reads everything, and tells what would be asked. Nothing is sent.
///
/// # Errors
/// When the system gives no runtime.
pub fn planned_requests(setup: Setup) -> std::io::Result<PlannedRequests> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut flow, mut events) = Flow::that_only_reads(setup);
        flow.read_all(Freshness::Everything);
        while flow.is_running() {
            let Some(event) = events.recv().await else { break };
            flow.handle(event);
        }
        Ok(flow.planned())
    })
}

//! The guided tour: each step repairs one layer for real, and the dashboard reacts.

use std::{io, thread};

use tokio::sync::{mpsc, watch};

use super::{process::Processes, sample::Sample};
use crate::domain::command::Tour;

struct Step {
    /// What it will do.
    next: &'static str,
    /// What it has done.
    done: &'static str,
    act: fn(&Sample, &mut Processes) -> io::Result<()>,
}

const STEPS: [Step; 4] = [
    Step {
        next: "restart the production process, so that it loads what its file says",
        done: "the production process was restarted",
        act: |sample, processes| processes.restart_production(sample),
    },
    Step {
        next: "set the deploy job's variable to the new key",
        done: "the deploy job's variable was set",
        act: |sample, _| sample.write_ci(&sample.keys().production_new),
    },
    Step {
        next: "delete the key that is pinned in staging's compose file",
        done: "the pinned key was deleted",
        act: |sample, _| sample.write_staging_compose(None),
    },
    Step {
        next: "correct the export in the developer's zshrc",
        done: "the export was corrected",
        act: |sample, _| sample.write_rc(&sample.keys().development_new),
    },
];

/// Does the steps, one for every wish, on a thread of its own.
pub(super) struct Director {
    tour: watch::Receiver<Tour>,
    wishes: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Director {
    pub(super) fn start(sample: Sample, mut processes: Processes) -> io::Result<Self> {
        let (publisher, tour) =
            watch::channel(Tour { next: Some(STEPS[0].next.to_owned()), done: None });
        let (wishes, mut wanted) = mpsc::channel(1);
        let thread = thread::Builder::new().name("demo tour".to_owned()).spawn(move || {
            for (number, step) in STEPS.iter().enumerate() {
                if wanted.blocking_recv().is_none() {
                    return;
                }
                let done = match (step.act)(&sample, &mut processes) {
                    Ok(()) => step.done.to_owned(),
                    Err(error) => format!("the step failed: {}", error.kind()),
                };
                let next = STEPS.get(number + 1).map(|step| step.next.to_owned());
                let _ = publisher.send(Tour { next, done: Some(done) });
            }
            // The processes live as long as the demo.
            while wanted.blocking_recv().is_some() {}
        })?;
        Ok(Self { tour, wishes: Some(wishes), thread: Some(thread) })
    }

    pub(super) fn guide(&self) -> (watch::Receiver<Tour>, mpsc::Sender<()>) {
        let wishes = self.wishes.clone().unwrap_or_else(|| mpsc::channel(1).0);
        (self.tour.clone(), wishes)
    }
}

impl Drop for Director {
    /// Waits until the processes have ended, so that nothing is left behind.
    fn drop(&mut self) {
        self.wishes = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

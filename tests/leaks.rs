//! The leak gate (SECURITY L): keys that nobody uses stand everywhere a key can stand, everything
//! that can be run is run, and of no key more may come out than its mask shows, over everything that
//! was printed, drawn, copied, written and sent together.
//!
//! `STALEKEY_LEAK_SEED` repeats the run of a printed seed; `STALEKEY_LEAK_KEEP` names a folder that
//! everything seen is written to.

#![expect(clippy::print_stdout, reason = "a failed run is repeated by its printed seed")]

#[path = "leaks/arguments.rs"]
mod arguments;
#[path = "leaks/broken.rs"]
mod broken;
#[path = "leaks/canary.rs"]
mod canary;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/changing.rs"]
mod changing;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/dashboard.rs"]
mod dashboard;
#[path = "leaks/gate.rs"]
mod gate;
#[path = "leaks/hostile.rs"]
mod hostile;
#[path = "leaks/layers.rs"]
mod layers;
#[path = "leaks/managers.rs"]
mod managers;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/memory.rs"]
mod memory;
#[path = "leaks/online.rs"]
mod online;
#[path = "leaks/plan.rs"]
mod plan;
#[path = "leaks/process.rs"]
mod process;
#[path = "leaks/proof.rs"]
mod proof;
#[path = "leaks/rotation.rs"]
mod rotation;
#[path = "leaks/scan.rs"]
mod scan;
#[path = "leaks/screens.rs"]
mod screens;
#[path = "leaks/survey.rs"]
mod survey;
#[path = "leaks/views.rs"]
mod views;
#[path = "leaks/world.rs"]
mod world;

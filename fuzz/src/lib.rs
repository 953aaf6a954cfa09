//! What every fuzz target does with its bytes.
//!
//! A target panics where an answer breaks what holds of every answer: the same bytes give the same
//! answer, places lie in the file, one occurrence of a variable wins, values are no longer than
//! they may be. The targets of `fuzz_targets/` and `tests/fuzzing.rs` run the same functions.

mod ci;
mod classify;
mod cluster;
mod compose;
mod container;
mod dotenv;
mod export;
mod holds;
mod inference;
mod input;
mod kubernetes;
mod long;
mod managers;
mod pointer;
mod recognise;
mod seeds;
mod shell;
mod strict_toml;
#[path = "../../tests/support/mod.rs"]
mod support;
mod systemd;
mod template;
mod text;
mod yaml;

/// One subject of fuzzing.
pub struct Target {
    /// Its name: of its file in `fuzz_targets`, its dictionary, its corpus.
    pub name: &'static str,
    /// Panics where something does not hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// The registry: one line per target, in the order of their names.
macro_rules! targets {
    ($($target:ident)+) => {
        /// Every target.
        pub const TARGETS: &[Target] = &[
            $(Target { name: stringify!($target), run: $target::run, seeds: $target::seeds },)+
        ];
    };
}

targets! { ci classify cluster compose container dotenv export inference kubernetes managers pointer recognise shell strict_toml systemd template text yaml }

/// The target whose inputs are inputs of all others, made long.
pub const LONG: Target = Target { name: "long", run: long::run, seeds: long::seeds };

/// The target of that name.
pub fn target(name: &str) -> &'static Target {
    TARGETS.iter().chain([&LONG]).find(|target| target.name == name).expect("a target")
}

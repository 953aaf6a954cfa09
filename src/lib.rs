//! stalekey answers one question: *which layer is still holding the old key?*
//!
//! An API key lives in many layers at once. A rotation changes one of them; the others keep sending
//! the old key. stalekey reads a TOML inventory of those layers, resolves what each one really
//! yields, asks the provider about every distinct key once, and shows masked fingerprints, HTTP
//! results and a verdict per layer.
//!
//! # Words
//!
//! | word | meaning |
//! | --- | --- |
//! | inventory | the TOML file: settings, environments, credentials, layers |
//! | environment | development, staging, production … |
//! | credential | a logical secret, e.g. `openai`: provider, variable names, models it must reach |
//! | layer | one place a credential can live; has a kind, an environment and maybe a `source` |
//! | reading | what one layer yields for one credential, plus evidence |
//! | occurrence | one assignment inside a layer (file, line, column) |
//! | fingerprint | keyed hash of a secret; equal fingerprints are equal keys |
//! | mask | the few characters a person may see |
//! | probe | one HTTP check of one distinct (key, endpoint, organisation, project) |
//! | outcome | what a probe's answer means |
//! | trial | one more request without an organisation or project that was refused: the proof that the header is wrong and not the key |
//! | way | what the environment puts between here and an endpoint: a proxy, other root certificates |
//! | verdict | what is true of one row (layer x credential) |
//! | diagnosis | a numbered finding (`SK201`) with evidence and a fix |
//! | chain | layers linked by `source`, from the origin to the running process |
//! | break | the first link of a chain where the value stops being the expected one |
//! | snapshot | the immutable, secret-free picture of everything; all front ends draw this |
//!
//! # Data flow
//!
//! ```text
//! inventory -> layers -> readings -> distinct keys -> probes -> outcomes -> judge -> snapshot
//!                                                                                      |
//!                                              dashboard · check · audit · confirm · who
//! ```
//!
//! One direction, no way back: a front end never sees a secret, a reader never sees a verdict.

pub mod cli;
pub mod demo;
pub mod domain;
pub mod engine;
pub mod formats;
pub mod inventory;
pub mod layers;
pub mod probe;
pub mod protection;
pub mod providers;
pub mod report;
pub mod rotation;
pub mod strict_toml;
pub mod survey;
pub mod tui;

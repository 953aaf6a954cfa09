//! The pure heart: words, rules and judgement. Nothing here reads a file, a socket, a clock or the
//! environment, and nothing here knows any other module of the program.

pub mod age;
pub mod chain;
pub mod command;
pub mod container;
pub mod credential;
pub mod damage;
pub mod diagnosis;
pub mod expectation;
pub mod fingerprint;
pub mod inert;
pub mod judge;
pub mod key;
pub mod layer;
pub mod manager;
pub mod mask;
pub mod outcome;
pub mod place;
pub mod query;
pub mod reading;
pub mod request;
pub mod restart;
pub mod rotation;
pub mod running;
pub mod secret;
pub mod snapshot;
pub mod trap;
pub mod verdict;
pub mod way;

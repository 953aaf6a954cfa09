//! What a layer hands to the engine: the bytes of a key, or what was told of one that is elsewhere.

use crate::domain::{
    damage::Flag,
    fingerprint::{Fingerprint, FingerprintKey},
    secret::SecretValue,
};

/// A value on its way from a layer to the table of distinct keys.
#[derive(Debug, Clone)]
pub enum Held {
    /// The key itself was read here.
    Secret(SecretValue),
    /// The key is elsewhere: on another machine, or where a report was made. It never came here.
    Told(Box<ToldKey>),
}

/// What may be told of a key without telling the key (SECURITY F3, F4).
#[derive(Debug, Clone)]
pub struct ToldKey {
    /// What its fingerprint was made with.
    pub made_with: MadeWith,
    /// The part of its fingerprint that is told (SECURITY F2).
    pub fingerprint: Fingerprint,
    /// Its mask, as it was told; inert and no longer than a mask can be.
    pub mask: String,
    /// Its exact length, where its format is recognised there.
    pub length: Option<usize>,
    /// The bucket of its length otherwise.
    pub length_bucket: Option<&'static str>,
    /// The name of its format, `provider/type`.
    pub shape: Option<String>,
    /// Its damage, as far as it was told.
    pub flags: Vec<Flag>,
}

/// With which key a told fingerprint was made.
#[derive(Debug, Clone)]
pub enum MadeWith {
    /// The salt or team key of this run: the fingerprint lasts, and may be written.
    OwnKey,
    /// A key that this run made for a question: the fingerprint means nothing after it.
    KeyOfRun(FingerprintKey),
}

//! What a run would send, before anything is sent: masks and names, nothing secret.

use crate::domain::trust::Untrusted;

/// Everything a run of this inventory would send now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlannedRequests {
    /// In the order in which they would be sent, as far as hosts have an order.
    pub requests: Vec<PlannedRequest>,
    /// Rows about whose keys nobody is asked.
    pub unasked: Vec<UnaskedRow>,
    /// What a person should know of this run: proxies, other root certificates.
    pub notices: Vec<String>,
    /// What nobody has trusted yet.
    pub untrusted: Option<Untrusted>,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRequest {
    /// Id of the provider whose interface is spoken.
    pub provider: String,
    /// The mask of the key.
    pub mask: String,
    /// Its fingerprint or tag, as it is shown.
    pub shown: String,
    /// Its fingerprint in full, where it may be written.
    pub exported: Option<String>,
    /// `GET`.
    pub method: String,
    /// The address; the names of companions stand in the place of their values.
    pub url: String,
    /// Host and port.
    pub host: String,
    /// The names of all headers, in lower case, in order.
    pub headers: Vec<String>,
    /// The header that carries the key.
    pub key_header: String,
    /// How it stands there: `Bearer`, `Basic`, `Token`, or nothing.
    pub scheme: &'static str,
    /// The fixed body; nothing of the key is ever in it.
    pub body: Option<String>,
    /// The same request goes out once before, without the key: the host is not the provider's own.
    pub control: bool,
    /// The rows that it answers for.
    pub rows: Vec<RowName>,
}

/// A row about whose key nobody is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnaskedRow {
    /// The row.
    pub row: RowName,
    /// Why.
    pub reason: String,
}

/// A row, for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowName {
    /// The environment.
    pub environment: String,
    /// The credential.
    pub credential: String,
    /// The layer and what tells its rows apart.
    pub label: String,
}

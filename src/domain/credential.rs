//! What is known of a credential before any layer is read.

/// A logical secret, as far as reading and judging need it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialFacts {
    /// Its id in the inventory, e.g. `openai`.
    pub id: String,
    /// Id of the provider in the catalogue; `None`: compared, never probed.
    pub provider: Option<String>,
    /// Variable names in order of precedence: the first that a layer defines is the reading.
    pub variables: Vec<String>,
    /// Variables that carry the organisation of a request, first defined wins.
    pub organisation_variables: Vec<String>,
    /// Variables that carry the project of a request, first defined wins.
    pub project_variables: Vec<String>,
    /// Variables that move an application to another base URL, first defined wins.
    pub base_url_variables: Vec<String>,
    /// Identifiers that a request needs beside the key, e.g. an account's id.
    pub companions: Vec<CompanionFacts>,
    /// Public beginnings that its provider's keys have: `sk-proj-`.
    pub prefixes: Vec<String>,
    /// Models that the key must be able to see.
    pub models: Vec<String>,
    /// Who owns it.
    pub owner: Option<String>,
}

/// An identifier that a request needs beside the key. It is no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompanionFacts {
    /// The provider file's name for it.
    pub name: String,
    /// Variables that hold it, first defined wins.
    pub variables: Vec<String>,
    /// A regular expression of the whole value; nothing else is taken for one.
    pub pattern: String,
}

impl CredentialFacts {
    /// Every variable name that has to be read for this credential.
    pub fn wanted_variables(&self) -> impl Iterator<Item = &str> {
        self.variables
            .iter()
            .chain(&self.organisation_variables)
            .chain(&self.project_variables)
            .chain(&self.base_url_variables)
            .chain(self.companions.iter().flat_map(|companion| &companion.variables))
            .map(String::as_str)
    }
}

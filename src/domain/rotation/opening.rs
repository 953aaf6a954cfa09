//! How a rotation begins: what is recorded of the rows.

use std::{collections::BTreeSet, fmt};

use crate::domain::{
    inert::quoted,
    rotation::{NewKey, Opened, Recorded, RecordedKey, Rotation, names},
    snapshot::Row,
};

/// What is to be rotated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The credential.
    pub credential: String,
    /// The environments; those without a row of the credential are left out.
    pub environments: Vec<String>,
    /// The new key, if it is known.
    pub new: Option<NewKey>,
    /// Which salt or team key the fingerprints are made with.
    pub fingerprint_id: String,
    /// SHA-256 of the inventory.
    pub inventory: Option<String>,
}

/// Why a rotation cannot begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CannotOpen {
    /// No layer is for the credential.
    NoRows {
        /// It.
        credential: String,
    },
    /// Another one of the same layers goes on.
    StillOpen {
        /// Its id.
        rotation: String,
    },
}

impl fmt::Display for CannotOpen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRows { credential } => write!(
                formatter,
                "no layer here is for {}, so there is nothing to rotate",
                quoted(credential)
            ),
            Self::StillOpen { rotation } => write!(
                formatter,
                "rotation {rotation} is still open; `stalekey confirm` says what is missing, \
                 `stalekey audit --give-up {rotation}` ends it"
            ),
        }
    }
}

/// The event with which a rotation begins, by what the rows are now.
///
/// # Errors
/// When there is nothing to rotate, or it is being rotated already.
pub fn open(opening: Opening, rows: &[Row], rotations: &[Rotation]) -> Result<Opened, CannotOpen> {
    let Opening { credential, environments, new, fingerprint_id, inventory } = opening;
    let rows: Vec<&Row> = rows
        .iter()
        .filter(|row| row.identity.credential == credential)
        .filter(|row| environments.contains(&row.identity.environment))
        .collect();
    let with_rows: BTreeSet<&str> =
        rows.iter().map(|row| row.identity.environment.as_str()).collect();
    let environments: Vec<String> =
        environments.iter().filter(|it| with_rows.contains(it.as_str())).cloned().collect();
    if environments.is_empty() {
        return Err(CannotOpen::NoRows { credential });
    }
    let open = rotations.iter().find(|rotation| {
        rotation.is_open() && environments.iter().any(|name| rotation.covers(name, &credential))
    });
    if let Some(open) = open {
        return Err(CannotOpen::StillOpen { rotation: open.id.clone() });
    }
    let is_new = |key: &RecordedKey| match (&new, &key.fingerprint) {
        (Some(NewKey::Fingerprint(text)), Some(exported)) => names(text, exported),
        (Some(NewKey::Last4(last4)), Some(_)) => key.mask.ends_with(last4.as_str()),
        _ => false,
    };
    let mut old: Vec<RecordedKey> = Vec::new();
    for key in rows.iter().filter_map(|row| row.key()).map(|key| RecordedKey::from(&**key)) {
        if key.fingerprint.is_some() && !is_new(&key) && !old.contains(&key) {
            old.push(key);
        }
    }
    let number = rotations.iter().filter(|it| it.credential == credential).count() + 1;
    Ok(Opened {
        rotation: format!("{credential}-{number}"),
        environments,
        old,
        new,
        rows: rows.into_iter().map(Recorded::from).collect(),
        fingerprint_id,
        inventory,
        credential,
    })
}

/// The environments that a rotation of this credential concerns: this one, and every other one in which
/// a layer holds one of its keys.
pub fn environments_of(rows: &[Row], environment: &str, credential: &str) -> Vec<String> {
    let of_credential = || rows.iter().filter(|row| row.identity.credential == credential);
    let keys: BTreeSet<_> = of_credential()
        .filter(|row| row.identity.environment == environment)
        .filter_map(|row| Some(row.key()?.fingerprint))
        .collect();
    let mut environments: Vec<String> = Vec::new();
    for row in of_credential() {
        let name = &row.identity.environment;
        let shares = row.key().is_some_and(|key| keys.contains(&key.fingerprint));
        if (name == environment || shares) && !environments.contains(name) {
            environments.push(name.clone());
        }
    }
    environments
}

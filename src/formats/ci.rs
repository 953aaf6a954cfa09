//! Variable lists that CI platforms export, and which entry a job would see.
//!
//! | platform | made by |
//! | --- | --- |
//! | GitLab | `glab variable export`, `GET /projects/:id/variables` |
//! | GitHub | `gh variable list --json name,value,updatedAt`, `gh secret list --json name,updatedAt`, `GET …/actions/variables`, `GET …/actions/secrets` |

use jiff::Timestamp;

use crate::{
    domain::{
        reading::{Occurrence, Problem},
        secret::SecretValue,
    },
    formats::{Contents, Refusal, json},
};

mod expand;
mod github;
mod gitlab;

/// A platform whose exports are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// GitLab CI/CD variables.
    Gitlab,
    /// GitHub Actions variables and secrets.
    Github,
}

impl Platform {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Gitlab, Self::Github];

    /// The name in the inventory.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gitlab => "gitlab",
            Self::Github => "github",
        }
    }

    /// The platform of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.name() == name)
    }

    /// The platform whose export has this shape, judged by the first entry of the list.
    pub fn detect(bytes: &[u8]) -> Option<Self> {
        let document = json::Document::of(bytes).ok()?;
        let objects = document.objects().ok()?;
        Self::of_shape(objects.first()?)
    }

    fn of_shape(object: &json::Object<'_>) -> Option<Self> {
        if gitlab::fits(object) {
            Some(Self::Gitlab)
        } else if github::fits(object) {
            Some(Self::Github)
        } else {
            None
        }
    }
}

/// An exported list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiExport {
    /// The platform that made it.
    pub platform: Platform,
    /// Its entries, in file order; none wins yet.
    pub entries: Vec<CiEntry>,
}

/// One entry of an exported list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiEntry {
    /// The assignment; its origin is the scope it is set for.
    pub occurrence: Occurrence<SecretValue>,
    /// When the platform last changed it, where it says so.
    pub updated_at: Option<Timestamp>,
    /// Given only to protected branches and tags.
    pub protected: bool,
    /// Masked in job logs.
    pub masked: bool,
    /// Never shown again by the platform.
    pub hidden: bool,
    /// `$NAME` in the value is replaced by the platform.
    pub expands: bool,
}

const UNKNOWN_SHAPE: &str = "not a list that is known here: GitLab's variables (`glab variable \
    export`), or GitHub's (`gh variable list --json name,value,updatedAt`, `gh secret list --json \
    name,updatedAt`)";
const OTHER_PLATFORM: &str = "this entry does not have the shape of the platform that is named";
const EMPTY: &str = "an empty list does not show which platform made it; name the platform";

/// Reads an exported list; without a platform, the one whose shape it has.
///
/// # Errors
/// Text that is not JSON, a list of another shape, and an entry without a name.
pub fn parse(platform: Option<Platform>, bytes: &[u8]) -> Result<CiExport, Refusal> {
    let document = json::Document::of(bytes)?;
    let objects = document.objects().map_err(|position| Refusal::at(position, UNKNOWN_SHAPE))?;
    let platform = match (platform, objects.first()) {
        (Some(platform), _) => platform,
        (None, Some(first)) => {
            Platform::of_shape(first).ok_or_else(|| Refusal::at(first.position(), UNKNOWN_SHAPE))?
        }
        (None, None) => return Err(Refusal { position: None, reason: EMPTY }),
    };
    let entries = objects.iter().map(|object| match platform {
        Platform::Gitlab if gitlab::fits(object) => gitlab::entry(object),
        Platform::Github if github::fits(object) => github::entry(object),
        _ => Err(Refusal::at(object.position(), OTHER_PLATFORM)),
    });
    Ok(CiExport { platform, entries: entries.collect::<Result<_, _>>()? })
}

/// What a job would be given. `scope` is the job's environment (`production`); without one, a
/// GitLab job sees only what is set for `*`. GitHub's lists do not say which environment they
/// belong to, so all of their entries count there.
pub fn select(export: &CiExport, scope: Option<&str>) -> Contents {
    let winners = match export.platform {
        Platform::Gitlab => gitlab::winners(&export.entries, scope),
        Platform::Github => github::winners(&export.entries),
    };
    let mut occurrences: Vec<_> =
        export.entries.iter().map(|entry| entry.occurrence.clone()).collect();
    let mut expander = expand::Expander::new(&export.entries, &winners);
    for index in &winners {
        occurrences[*index].wins = true;
        let entry = &export.entries[*index];
        if entry.expands {
            occurrences[*index].yields = expander.value(entry);
        }
    }
    let mut problems = Vec::new();
    if export.platform == Platform::Gitlab && scope.is_none() {
        problems = unscoped(&occurrences);
    }
    Contents { occurrences, problems }
}

/// Variables that only a job with an environment would see.
fn unscoped(occurrences: &[Occurrence<SecretValue>]) -> Vec<Problem> {
    const TEXT: &str =
        "set only for an environment scope; a job without that environment does not see it";
    let won: std::collections::BTreeSet<&str> = occurrences
        .iter()
        .filter(|occurrence| occurrence.wins)
        .map(|occurrence| occurrence.variable.as_str())
        .collect();
    occurrences
        .iter()
        .filter(|occurrence| !won.contains(occurrence.variable.as_str()))
        .map(|occurrence| Problem { place: occurrence.place.clone(), text: TEXT })
        .collect()
}

#[cfg(test)]
mod tests;

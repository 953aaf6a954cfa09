//! Lines of templates that nobody filled in.

use std::collections::BTreeSet;

use super::{proposal::Candidate, universe::Universe, walk::listed};

/// A copied `.env.example` names dozens of keys that nobody has: a credential that is defined, and
/// empty wherever it is, is told and not proposed. Where one place has a value, an empty one counts.
pub(super) fn forget(universe: &Universe, candidates: &mut Vec<Candidate>) -> Option<String> {
    let filled: BTreeSet<&String> =
        candidates.iter().flat_map(|candidate| &candidate.filled).collect();
    let mut blank: BTreeSet<String> = candidates
        .iter()
        .flat_map(|candidate| &candidate.variables)
        .filter(|variable| {
            let all = universe
                .credentials
                .iter()
                .find(|credential| credential.variables.contains(variable))
                .map_or(&[][..], |credential| &credential.variables);
            !all.iter().any(|variable| filled.contains(variable))
        })
        .cloned()
        .collect();
    for candidate in candidates.iter_mut() {
        candidate.variables.retain(|variable| !blank.contains(variable));
    }
    candidates.retain(|candidate| !candidate.variables.is_empty());
    let names: Vec<String> = std::mem::take(&mut blank).into_iter().collect();
    (!names.is_empty()).then(|| format!("defined, and empty everywhere: {}", listed(&names)))
}

//! Names that are almost the wanted one.

use crate::domain::inert::inert;

/// The most edits by which a name may differ and still look like a slip.
const MOST_EDITS: usize = 2;
/// Shorter names are too close to each other by chance.
const SHORTEST: usize = 6;

/// The names among `present` that look like a misspelt one of `wanted`, in their order and inert: an
/// invisible character may be the slip (SECURITY S1).
pub(super) fn near_misses<'a>(
    wanted: &[String],
    present: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    let mut near: Vec<String> = Vec::new();
    for name in present {
        let is_near = wanted.iter().any(|wanted| {
            name != wanted
                && wanted.len() >= SHORTEST
                && (name.eq_ignore_ascii_case(wanted)
                    || strsim::osa_distance(name, wanted) <= MOST_EDITS)
        });
        let shown = inert(name);
        if is_near && !wanted.iter().any(|wanted| wanted == name) && !near.contains(&shown) {
            near.push(shown);
        }
    }
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_other_names_are_not() {
        let wanted = vec!["MISTRAL_API_KEY".to_owned()];
        let present = ["MISTRALAI_API_KEY", "mistral_api_key", "OPENAI_API_KEY", "PATH"];
        assert_eq!(
            near_misses(&wanted, present.into_iter()),
            ["MISTRALAI_API_KEY", "mistral_api_key"]
        );
        let invisible = ["MISTRAL_API_KEY\u{202e}"];
        assert_eq!(near_misses(&wanted, invisible.into_iter()), ["MISTRAL_API_KEY\\u{202e}"]);
    }
}

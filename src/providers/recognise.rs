//! Whose key a value is, as far as its form tells (SECURITY M1), and what is wrong with its form.

use crate::{
    domain::{
        damage::{self, Flag},
        mask::Recognition,
        secret::SecretValue,
    },
    providers::{Catalogue, Provider, provider::Shape},
};

/// A prefix of fewer characters, like `sk-`, is used by too many to name an owner by itself.
const LEAST_TELLING_PREFIX: usize = 4;

impl Catalogue {
    /// Whether one of these words has the format of a key.
    pub fn finds_a_key(&self, text: &str) -> bool {
        text.split(|character: char| character.is_whitespace() || "=:,;'\"`()".contains(character))
            .any(|word| self.recognised(word.as_bytes(), None).is_some())
    }

    /// The format of the value, when it is one of a provider's. A format that others share counts
    /// only for the provider that is `assigned` to the credential. Of several the one with the
    /// longest public prefix is it; then one that nobody shares, then the assigned provider's, then
    /// the first.
    pub fn recognise(&self, secret: &SecretValue, assigned: Option<&str>) -> Option<Recognition> {
        self.recognised(secret.expose(), assigned).map(|(provider, shape)| Recognition {
            provider: provider.id().to_owned(),
            shape: format!("{}/{}", provider.id(), shape.entry.name),
            prefix_length: shape.entry.prefix.len(),
            dashboard_hint: shape.entry.hint.map(|hint| (hint.head, hint.tail)),
        })
    }

    /// Everything that is wrong with the form of a value in a place of the `assigned` provider, in
    /// fixed order: [`damage::flags_of`], and whether it is cut short or another vendor's key.
    pub fn flags(&self, secret: &SecretValue, assigned: Option<&str>) -> Vec<Flag> {
        let mut flags = damage::flags_of(secret.expose());
        let stands_for_nothing = flags.iter().any(|flag| {
            matches!(flag, Flag::Placeholder | Flag::LiteralNone | Flag::UnexpandedVariable)
        });
        if stands_for_nothing {
            return flags;
        }
        let repaired = damage::repaired(secret.expose()).map(SecretValue::new);
        let core = repaired.as_ref().unwrap_or(secret).expose();
        if self.is_cut_short(core, assigned) {
            flags.push(Flag::Truncated);
        }
        if self.is_foreign(core, assigned) {
            flags.push(Flag::OtherVendor);
        }
        flags.sort_unstable();
        flags
    }

    /// The lengths that the format of the value has, damage around it aside; empty when its format is
    /// not known or has no fixed lengths.
    pub fn expected_lengths(&self, secret: &SecretValue, assigned: Option<&str>) -> Vec<usize> {
        let repaired = damage::repaired(secret.expose()).map(SecretValue::new);
        let core = repaired.as_ref().unwrap_or(secret).expose();
        let mut lengths = match self.recognised(core, assigned) {
            Some((_, shape)) => shape.entry.lengths.clone(),
            None => self
                .prefixed_alike(core, assigned)
                .iter()
                .flat_map(|shape| shape.entry.lengths.iter().copied())
                .collect(),
        };
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }

    /// The provider that the value may be sent to and no other, when that is not the assigned one
    /// (SECURITY H3). Also a server that takes keys of any form does not get a whole key of a
    /// provider; the beginning of one may be the server's own there.
    pub fn only_for(&self, secret: &SecretValue, assigned: &str) -> Option<&Provider> {
        let own = self.provider(assigned)?;
        let owner = if own.file().accepts_other_formats {
            self.recognised(secret.expose(), Some(assigned)).map(|(provider, _)| provider)
        } else {
            self.owner(secret.expose(), Some(assigned))
        };
        owner.filter(|owner| owner.vendor() != own.vendor())
    }

    /// Another vendor's key, where only keys of the assigned provider's own forms are at home. The
    /// beginning of a key counts as one.
    fn is_foreign(&self, value: &[u8], assigned: Option<&str>) -> bool {
        let own = assigned.and_then(|id| self.provider(id));
        own.is_some_and(|own| {
            !own.file().accepts_other_formats
                && self.owner(value, assigned).is_some_and(|owner| owner.vendor() != own.vendor())
        })
    }

    /// The provider whose key this is, or whose telling prefix it has and no other vendor does.
    fn owner(&self, value: &[u8], assigned: Option<&str>) -> Option<&Provider> {
        if let Some((provider, _)) = self.recognised(value, assigned) {
            return Some(provider);
        }
        let mut best: Option<(usize, &Provider)> = None;
        let mut shared = false;
        for provider in self.providers() {
            let shapes = provider
                .shapes()
                .iter()
                .filter(|shape| counts(shape, provider, assigned))
                .map(|shape| shape.entry.prefix.as_str());
            let longest = provider
                .file()
                .prefixes
                .iter()
                .map(String::as_str)
                .chain(shapes)
                .filter(|prefix| value.starts_with(prefix.as_bytes()))
                .map(str::len)
                .max();
            let Some(length) = longest.filter(|length| *length >= LEAST_TELLING_PREFIX) else {
                continue;
            };
            match best {
                Some((most, _)) if length < most => {}
                Some((most, other)) if length == most => {
                    shared |= other.vendor() != provider.vendor();
                }
                _ => (best, shared) = (Some((length, provider)), false),
            }
        }
        best.filter(|_| !shared).map(|(_, provider)| provider)
    }

    fn recognised(&self, value: &[u8], assigned: Option<&str>) -> Option<(&Provider, &Shape)> {
        let mut best: Option<(&Provider, &Shape)> = None;
        for provider in self.providers() {
            for shape in provider.shapes() {
                if !counts(shape, provider, assigned) {
                    continue;
                }
                let rank = |provider: &Provider, shape: &Shape| {
                    (
                        shape.entry.prefix.len(),
                        !shape.entry.assigned_only,
                        is_assigned(provider, assigned),
                    )
                };
                let better =
                    best.is_none_or(|(known, other)| rank(provider, shape) > rank(known, other));
                if better && shape.fits(value) {
                    best = Some((provider, shape));
                }
            }
        }
        best
    }

    /// The shapes that have the longest public prefix which the value has.
    fn prefixed_alike(&self, value: &[u8], assigned: Option<&str>) -> Vec<&Shape> {
        let mut alike: Vec<(usize, &Shape)> = Vec::new();
        let mut longest = 0;
        for provider in self.providers() {
            for prefix in &provider.file().prefixes {
                if value.starts_with(prefix.as_bytes()) {
                    longest = longest.max(prefix.len());
                }
            }
            for shape in provider.shapes() {
                let prefix = shape.entry.prefix.as_bytes();
                let own = assigned.is_none_or(|id| {
                    self.provider(id).is_some_and(|own| own.vendor() == provider.vendor())
                });
                let telling = prefix.len() >= LEAST_TELLING_PREFIX || (own && !prefix.is_empty());
                if telling && value.starts_with(prefix) && counts(shape, provider, assigned) {
                    alike.push((prefix.len(), shape));
                }
            }
        }
        longest = alike.iter().map(|(length, _)| *length).fold(longest, usize::max);
        alike.retain(|(length, _)| *length == longest);
        alike.into_iter().map(|(_, shape)| shape).collect()
    }

    /// It starts like a key and is shorter than every key that starts like it. A format without
    /// fixed lengths beside it has no say: it exists because lengths change. Nothing is said where
    /// keys of any form are at home.
    fn is_cut_short(&self, value: &[u8], assigned: Option<&str>) -> bool {
        let strict = assigned
            .and_then(|id| self.provider(id))
            .is_some_and(|provider| !provider.file().accepts_other_formats);
        if !strict || self.recognised(value, assigned).is_some() {
            return false;
        }
        let alike = self.prefixed_alike(value, assigned);
        let shortest = alike.iter().flat_map(|shape| shape.entry.lengths.iter()).min();
        shortest.is_some_and(|shortest| value.len() < *shortest)
    }
}

fn is_assigned(provider: &Provider, assigned: Option<&str>) -> bool {
    assigned == Some(provider.id())
}

fn counts(shape: &Shape, provider: &Provider, assigned: Option<&str>) -> bool {
    !shape.entry.assigned_only || is_assigned(provider, assigned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::domain::mask::mask;

    fn project() -> String {
        format!("sk-proj-{}T3BlbkFJ{}", "A".repeat(74), "b".repeat(74))
    }

    fn legacy() -> String {
        format!("sk-{}T3BlbkFJ{}", "A".repeat(20), "b".repeat(20))
    }

    fn anthropic() -> String {
        format!("sk-ant-api03-{}AA", "R2Dxy".repeat(20).get(..93).unwrap())
    }

    fn cut(key: &str, length: usize) -> String {
        key.chars().take(length).collect()
    }

    fn secret(text: impl Into<String>) -> SecretValue {
        SecretValue::new(text.into())
    }

    #[rstest]
    #[case::project(project(), None, Some("openai/project"))]
    #[case::legacy(legacy(), None, Some("openai/legacy"))]
    #[case::short_project(format!("sk-proj-{}T3BlbkFJ{}", "A".repeat(20), "b".repeat(20)), None, Some("openai/project"))]
    #[case::new_length(format!("sk-proj-{}T3BlbkFJ{}", "A".repeat(90), "b".repeat(90)), None, Some("openai/unlisted"))]
    #[case::anthropic(anthropic(), Some("openai"), Some("anthropic/api"))]
    #[case::gemini(format!("AIza{}", "S".repeat(35)), None, Some("google-gemini/standard"))]
    #[case::gemini_new(format!("AQ.Ab8R{}", "S".repeat(46)), None, Some("google-gemini/service-account"))]
    #[case::openrouter(format!("sk-or-v1-{}", "a1".repeat(32)), None, Some("openrouter/api"))]
    #[case::hex_without_assignment("0a".repeat(16), None, None)]
    #[case::hex_elsewhere("0a".repeat(16), Some("openai"), None)]
    #[case::hex_at_azure("0a".repeat(16), Some("azure-openai"), Some("azure-openai/hex"))]
    #[case::gateway_key("sk-1234".to_owned(), Some("litellm-proxy"), Some("litellm-proxy/key"))]
    #[case::others_in_a_shared_form(legacy(), Some("stability"), Some("openai/legacy"))]
    #[case::shared_form(format!("sk-{}", "Ab1".repeat(16)), Some("stability"), Some("stability/api"))]
    #[case::shared_form_elsewhere(format!("sk-{}", "Ab1".repeat(16)), Some("openai"), None)]
    #[case::gateway_key_elsewhere("sk-1234".to_owned(), Some("openai"), None)]
    #[case::password("Apps1Kind5Body9".to_owned(), Some("openai"), None)]
    #[case::newline(format!("{}\n", project()), None, None)]
    #[case::inside(format!("x{}", project()), None, None)]
    fn values_are_recognised(
        #[case] value: String,
        #[case] assigned: Option<&str>,
        #[case] expected: Option<&str>,
    ) {
        let found = Catalogue::embedded().recognise(&secret(value), assigned);
        assert_eq!(found.map(|recognition| recognition.shape).as_deref(), expected);
    }

    #[test]
    fn the_mask_of_each_provider_is_its_dashboards() {
        let catalogue = Catalogue::embedded();
        let shown = |value: String| {
            let value = secret(value);
            mask(&value, catalogue.recognise(&value, None).as_ref())
        };
        assert_eq!(shown(project()), "sk-proj-…bbbb");
        assert_eq!(shown(legacy()), "sk-AAAAA…bbbb");
        assert!(shown(anthropic()).starts_with("sk-ant-api03-R2D…"));
        assert!(shown(anthropic()).ends_with("AA"));
    }

    #[rstest]
    #[case::whole(project(), Some("openai"), &[])]
    #[case::cut(cut(&project(), 50), Some("openai"), &[Flag::Truncated])]
    #[case::quoted_and_cut(format!("\"{}\"", cut(&project(), 50)), Some("openai"), &[Flag::Quoted, Flag::Truncated])]
    #[case::other(anthropic(), Some("openai"), &[Flag::OtherVendor])]
    #[case::other_cut(cut(&anthropic(), 40), Some("openai"), &[Flag::Truncated, Flag::OtherVendor])]
    #[case::other_by_family("sk-ant-something-new".to_owned(), Some("openai"), &[Flag::OtherVendor])]
    #[case::reseller(format!("sk-or-v1-{}", "a1".repeat(32)), Some("openai"), &[Flag::OtherVendor])]
    #[case::openai_at_anthropic(project(), Some("anthropic"), &[Flag::OtherVendor])]
    #[case::openai_at_azure(project(), Some("azure-openai"), &[Flag::OtherVendor])]
    #[case::anything_at_azure("0a".repeat(16), Some("azure-openai"), &[])]
    #[case::anything_at_a_gateway(project(), Some("litellm-proxy"), &[])]
    #[case::anything_at_a_server(project(), Some("openai-compatible"), &[])]
    #[case::gateway_key_at_anthropic("sk-1234".to_owned(), Some("anthropic"), &[])]
    #[case::own_key_of_a_server("sk-of-my-own".to_owned(), Some("openai-compatible"), &[])]
    #[case::unassigned(anthropic(), None, &[])]
    #[case::placeholder("sk-...".to_owned(), Some("openai"), &[Flag::Placeholder])]
    fn damage_of_the_form_is_flagged(
        #[case] value: String,
        #[case] assigned: Option<&str>,
        #[case] expected: &[Flag],
    ) {
        assert_eq!(Catalogue::embedded().flags(&secret(value), assigned), expected);
    }

    #[test]
    fn expected_lengths_are_those_of_the_format() {
        let catalogue = Catalogue::embedded();
        assert_eq!(catalogue.expected_lengths(&secret(project()), None), [56, 132, 164]);
        assert_eq!(catalogue.expected_lengths(&secret(cut(&project(), 50)), None), [56, 132, 164]);
        assert_eq!(
            catalogue.expected_lengths(&secret(format!("'{}'", project())), None),
            [56, 132, 164]
        );
        assert_eq!(catalogue.expected_lengths(&secret(anthropic()), None), [108]);
        assert!(catalogue.expected_lengths(&secret("hello"), Some("openai")).is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_panic(bytes: Vec<u8>, pick in 0_usize..47) {
            let catalogue = Catalogue::embedded();
            let assigned = catalogue.ids().nth(pick);
            let value = SecretValue::new(bytes);
            let _ = catalogue.flags(&value, assigned);
            let _ = catalogue.expected_lengths(&value, assigned);
            if let Some(found) = catalogue.recognise(&value, assigned) {
                prop_assert!(found.prefix_length <= value.len());
            }
        }
    }
}

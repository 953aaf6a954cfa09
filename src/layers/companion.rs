//! The values beside a key: organisation, project, base URL. They are shown, so nothing of them may
//! be a key that was pasted there, or a password within an address.

use crate::domain::{inert::inert_bytes, mask::ELLIPSIS};

/// Identifiers are shorter than keys; a UUID is the longest.
const LONGEST_IDENTIFIER: usize = 36;
/// Azure's keys have as many hex digits as a UUID without its hyphens.
const SHORTEST_KEY: usize = 32;

/// An organisation or a project, hidden when it could be a key. The hidden one is not sent.
pub(super) fn identifier(value: &[u8]) -> String {
    let uuid = value.len() == LONGEST_IDENTIFIER
        && value.iter().filter(|byte| **byte == b'-').count() == 4
        && value.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    if value.len() < SHORTEST_KEY || uuid { inert_bytes(value) } else { ELLIPSIS.to_owned() }
}

/// An address without user, query, fragment, and parts of its path that could be keys.
pub(super) fn address(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let Some((scheme, rest)) = text.split_once("://") else { return identifier(value) };
    let (rest, behind) = match rest.find(['?', '#']) {
        Some(at) => (rest.get(..at).unwrap_or_default(), ELLIPSIS),
        None => (rest, ""),
    };
    // The last of several `@` ends the user, as browsers read it.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((_, host)) => ("…@", host),
        None => ("", rest),
    };
    let parts: Vec<&str> =
        rest.split('/')
            .map(|part| {
                if part.len() > LONGEST_IDENTIFIER && !part.contains('.') { ELLIPSIS } else { part }
            })
            .collect();
    inert_bytes(format!("{scheme}://{user}{}{behind}", parts.join("/")).as_bytes())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://gateway.example/v1", "https://gateway.example/v1")]
    #[case("https://me:word@gateway.example/v1", "https://…@gateway.example/v1")]
    #[case("https://gateway.example/v1?key=word#x", "https://gateway.example/v1…")]
    #[case("https://me:a@b@gateway.example", "https://…@gateway.example")]
    #[case("localhost:4000", "localhost:4000")]
    fn of_an_address_the_place_is_shown(#[case] value: &str, #[case] shown: &str) {
        assert_eq!(address(value.as_bytes()), shown);
    }

    #[test]
    fn what_could_be_a_key_is_hidden() {
        let key = "a1".repeat(26);
        assert_eq!(address(key.as_bytes()), ELLIPSIS);
        assert_eq!(
            address(format!("https://host.example/{key}/v1").as_bytes()),
            "https://host.example/…/v1"
        );
        assert_eq!(identifier(key.as_bytes()), ELLIPSIS);
        assert_eq!(identifier(b"org-abcdefghijklmnopqrstuvwx"), "org-abcdefghijklmnopqrstuvwx");
        let uuid = "01234567-89ab-cdef-0123-456789abcdef";
        assert_eq!(identifier(uuid.as_bytes()), uuid);
    }
}

//! What the programs of secret managers and platforms say on their standard error when it is not the
//! secret that is the matter: nobody is signed in, or they do not know whom to ask.
//!
//! That text may quote a secret, so it is matched and never shown. A new phrase is a line of the table.

/// Program, what it says (in lower case), what ends it.
const PHRASES: &[(&str, &str, &str)] = &[
    ("op", "not currently signed in", OP),
    ("op", "account is not signed in", OP),
    ("op", "session expired", OP),
    ("op", "authorization prompt dismissed", "run it again and allow it when 1Password asks"),
    ("op", "authorization timeout", "run it again and allow it when 1Password asks"),
    ("op", "no accounts configured", "add an account: `op account add`"),
    ("op", "connecting to desktop app", "start 1Password and unlock it"),
    ("op", "isn't an item", "1Password has no item of that name: correct `command`"),
    ("op", "isn't a vault", "1Password has no vault of that name: correct `command`"),
    ("op", "does not have a field", "the item has no field of that name: correct `command`"),
    ("vault", "missing client token", VAULT),
    ("vault", "invalid token", VAULT),
    ("vault", "permission denied", VAULT),
    ("vault", "connection refused", VAULT_ADDRESS),
    ("vault", "server gave http response to https client", VAULT_ADDRESS),
    ("vault", "no value found", "Vault has nothing at that path: correct `command`"),
    ("bao", "missing client token", "sign in: `bao login`"),
    ("bao", "permission denied", "sign in: `bao login`"),
    ("aws", "unable to locate credentials", AWS),
    ("aws", "sso session associated with this profile has expired", "sign in: `aws sso login`"),
    ("aws", "error loading sso token", "sign in: `aws sso login`"),
    ("aws", "token has expired", "sign in: `aws sso login`"),
    ("aws", "expiredtoken", "sign in: `aws sso login`"),
    ("aws", "must specify a region", "add \"AWS_REGION\" to `inherit`, or `--region`"),
    ("aws", "accessdenied", "this user of AWS may not read it: ask for the permission"),
    ("aws", "resourcenotfoundexception", "AWS has no such secret: correct `command`"),
    ("gcloud", "do not currently have an active account", "sign in: `gcloud auth login`"),
    ("gcloud", "problem refreshing your current auth tokens", "sign in: `gcloud auth login`"),
    ("gcloud", "reauthentication", "sign in: `gcloud auth login`"),
    ("gcloud", "permission_denied", "this account of gcloud may not read it: ask for the role"),
    ("doppler", "must provide a token", DOPPLER),
    ("doppler", "invalid auth token", DOPPLER),
    ("doppler", "must specify a project", "choose one: `doppler setup`, or `--project`"),
    ("infisical", "must be logged in", "sign in: `infisical login`"),
    ("infisical", "login session", "sign in: `infisical login`"),
    ("az", "az login", "sign in: `az login`"),
    ("bw", "vault is locked", BITWARDEN),
    ("bw", "not logged in", "sign in: `bw login`"),
    ("heroku", "heroku login", "sign in: `heroku login`"),
    ("vercel", "no existing credentials", "sign in: `vercel login`"),
    ("pass", "not in the password store", "pass has no such entry: correct `command`"),
    ("pass", "decryption failed", GPG),
    ("gpg", "decryption failed", GPG),
    ("sops", "failed to get the data key", "sign in to what the file was encrypted with"),
];

const OP: &str = "sign in: `op signin`, or add \"OP_SERVICE_ACCOUNT_TOKEN\" to `inherit`";
const VAULT: &str = "sign in: `vault login`, or add \"VAULT_TOKEN\" to `inherit`";
const VAULT_ADDRESS: &str = "add \"VAULT_ADDR\" to `inherit`, and set it in this shell";
const AWS: &str = "sign in: `aws sso login`, or add \"AWS_PROFILE\" to `inherit`";
const DOPPLER: &str = "sign in: `doppler login`, or add \"DOPPLER_TOKEN\" to `inherit`";
const BITWARDEN: &str = "unlock it: `bw unlock`, and add \"BW_SESSION\" to `inherit`";
const GPG: &str = "unlock the key once in a terminal, so that the agent of GnuPG has it";

/// What ends the failure of a program, by the last name of its path and what it said.
pub fn remedy(program: &str, said: &[u8]) -> Option<&'static str> {
    let said = said.to_ascii_lowercase();
    let says = |phrase: &str| said.windows(phrase.len()).any(|part| part == phrase.as_bytes());
    let of_it = PHRASES.iter().filter(|(name, ..)| *name == program);
    of_it.into_iter().find(|(_, phrase, _)| says(phrase)).map(|(.., remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::op(
        "op",
        "[ERROR] 2026/01/02 03:04:05 You are not currently signed in. Please run `op signin --help`",
        Some(OP)
    )]
    #[case::op_none(
        "op",
        "No accounts configured for use with 1Password CLI.",
        Some("add an account: `op account add`")
    )]
    #[case::vault("vault", "Code: 403. Errors:\n\n* permission denied\n", Some(VAULT))]
    #[case::vault_address(
        "vault",
        "Get \"https://127.0.0.1:8200/v1/sys\": dial tcp 127.0.0.1:8200: connect: connection refused",
        Some(VAULT_ADDRESS)
    )]
    #[case::aws(
        "aws",
        "\nUnable to locate credentials. You can configure credentials by running \"aws configure\".",
        Some(AWS)
    )]
    #[case::gcloud(
        "gcloud",
        "ERROR: (gcloud.secrets) You do not currently have an active account selected.",
        Some("sign in: `gcloud auth login`")
    )]
    #[case::doppler("doppler", "Doppler Error: you must provide a token", Some(DOPPLER))]
    #[case::other_program("cat", "you must provide a token", None)]
    #[case::other_words("op", "something else \u{fffd}", None)]
    #[case::nothing("op", "", None)]
    fn phrases_are_found(#[case] program: &str, #[case] said: &str, #[case] ends: Option<&str>) {
        assert_eq!(remedy(program, said.as_bytes()), ends);
    }

    #[test]
    fn phrases_are_compared_in_lower_case() {
        for (program, phrase, _) in PHRASES {
            assert_eq!(*phrase, phrase.to_lowercase(), "of {program}");
            assert!(remedy(program, phrase.to_uppercase().as_bytes()).is_some());
        }
    }
}

//! What `kubectl` says on its standard error. It may quote anything, so it is matched and never shown.

/// Why `kubectl` has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// There is no such context.
    NoContext,
    /// The user may not do this.
    Forbidden {
        /// `list`, `get`.
        verb: String,
        /// `pods`.
        resource: String,
    },
    /// Nobody is signed in, or no longer.
    SignIn,
    /// The program that signs in is not there.
    NoPlugin,
    /// Nothing answers at the cluster's address.
    Unreachable,
    /// The cluster's certificate is not trusted.
    Certificate,
    /// The cluster has no such kind of objects.
    NoKind,
    /// The configuration of `kubectl` cannot be read.
    Configuration,
    /// Something else.
    Other,
}

/// What is looked for, in lower case; the first that is found counts.
const PHRASES: [(&str, Trouble); 21] = [
    ("error loading config file", Trouble::Configuration),
    ("invalid configuration", Trouble::Configuration),
    ("executable file not found", Trouble::NoPlugin),
    ("(unauthorized)", Trouble::SignIn),
    ("must be logged in to the server", Trouble::SignIn),
    ("asked for the client to provide credentials", Trouble::SignIn),
    ("getting credentials", Trouble::SignIn),
    ("token has expired", Trouble::SignIn),
    ("token is expired", Trouble::SignIn),
    ("refresh token", Trouble::SignIn),
    ("doesn't have a resource type", Trouble::NoKind),
    ("x509:", Trouble::Certificate),
    ("tls: ", Trouble::Certificate),
    ("was refused", Trouble::Unreachable),
    ("no such host", Trouble::Unreachable),
    ("i/o timeout", Trouble::Unreachable),
    ("no route to host", Trouble::Unreachable),
    ("network is unreachable", Trouble::Unreachable),
    ("context deadline exceeded", Trouble::Unreachable),
    ("client.timeout exceeded", Trouble::Unreachable),
    ("unable to connect to the server", Trouble::Unreachable),
];

/// What it says is the matter.
pub fn trouble(said: &[u8]) -> Trouble {
    let said = String::from_utf8_lossy(said).to_lowercase();
    let of_context = |line: &str| {
        line.contains("context was not found")
            || line.contains("context \"") && line.ends_with("does not exist")
    };
    if said.lines().any(of_context) {
        return Trouble::NoContext;
    }
    if let Some(forbidden) = forbidden(&said) {
        return forbidden;
    }
    let known = PHRASES.iter().find(|(phrase, _)| said.contains(phrase));
    known.map_or(Trouble::Other, |(_, trouble)| trouble.clone())
}

/// `… cannot list resource "pods" in API group "apps" …`
fn forbidden(said: &str) -> Option<Trouble> {
    let (_, rest) = said.split_once("(forbidden)")?;
    let words = rest.split_once(" cannot ").and_then(|(_, rest)| {
        let (verb, rest) = rest.split_once(" resource \"")?;
        let (resource, rest) = rest.split_once('"')?;
        let group = rest.strip_prefix(" in api group \"").and_then(|rest| rest.split_once('"'));
        Some((verb, resource, group.map_or("", |(group, _)| group)))
    });
    let is_word = |text: &str| {
        text.len() < 80
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./-".contains(&byte))
    };
    Some(match words {
        Some((verb, resource, group)) if [verb, resource, group].into_iter().all(is_word) => {
            let dot = if group.is_empty() { "" } else { "." };
            Trouble::Forbidden {
                verb: verb.to_owned(),
                resource: format!("{resource}{dot}{group}"),
            }
        }
        _ => Trouble::Forbidden { verb: "get".to_owned(), resource: "these objects".to_owned() },
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::context("error: context \"nope\" does not exist", Trouble::NoContext)]
    #[case::context("context \"nope\" does not exist\n", Trouble::NoContext)]
    #[case::context(
        "Error in configuration: context was not found for specified context: nope",
        Trouble::NoContext
    )]
    #[case::refused(
        "E1121 17:43:13 memcache.go:265] \"Unhandled Error\" err=\"couldn't get current server API group list: Get \\\"http://127.0.0.1:1/api\\\": dial tcp 127.0.0.1:1: connect: connection refused\"\nThe connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?",
        Trouble::Unreachable
    )]
    #[case::unauthorised(
        "error: You must be logged in to the server (Unauthorized)",
        Trouble::SignIn
    )]
    #[case::plugin(
        "Unable to connect to the server: getting credentials: exec: executable gke-gcloud-auth-plugin not found",
        Trouble::SignIn
    )]
    #[case::plugin(
        "Unable to connect to the server: getting credentials: exec: exec: \"aws\": executable file not found in $PATH",
        Trouble::NoPlugin
    )]
    #[case::certificate(
        "Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority",
        Trouble::Certificate
    )]
    #[case::kind("error: the server doesn't have a resource type \"rollouts\"", Trouble::NoKind)]
    #[case::broken(
        "error: error loading config file \"/home/u/.kube/config\": yaml: line 3",
        Trouble::Configuration
    )]
    #[case::other("panic: nothing known", Trouble::Other)]
    fn troubles_are_told_apart(#[case] said: &str, #[case] expected: Trouble) {
        assert_eq!(trouble(said.as_bytes()), expected);
    }

    #[rstest]
    #[case::core(
        "Error from server (Forbidden): pods is forbidden: User \"u\" cannot list resource \"pods\" in API group \"\" in the namespace \"prod\"",
        "list",
        "pods"
    )]
    #[case::group(
        "Error from server (Forbidden): deployments.apps is forbidden: User \"u\" cannot list resource \"deployments\" in API group \"apps\" in the namespace \"prod\"",
        "list",
        "deployments.apps"
    )]
    #[case::hostile(
        "Error from server (Forbidden): User \"u\" cannot \u{1b}]52;c; resource \"pods\"",
        "get",
        "these objects"
    )]
    fn what_is_forbidden_is_named(#[case] said: &str, #[case] verb: &str, #[case] resource: &str) {
        let expected = Trouble::Forbidden { verb: verb.to_owned(), resource: resource.to_owned() };
        assert_eq!(trouble(said.as_bytes()), expected);
    }
}

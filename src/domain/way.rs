//! How requests reach an endpoint: what the environment puts between here and there, and how long
//! the last answers took.

/// A setting that a variable of the environment makes, inert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FromEnvironment {
    /// The variable.
    pub variable: &'static str,
    /// What it says, without anything secret.
    pub value: String,
}

/// What the environment decides about the way to an endpoint (SECURITY H10).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Way {
    /// The proxy.
    pub proxy: Option<FromEnvironment>,
    /// What certificates are checked against in the place of the platform's own roots.
    pub roots: Vec<FromEnvironment>,
}

impl Way {
    /// What the proxy sees, in one sentence for people.
    pub fn proxy_text(&self) -> Option<String> {
        let FromEnvironment { variable, value } = self.proxy.as_ref()?;
        let when = if self.roots.is_empty() {
            "if it opens TLS and this machine trusts its certificate".to_owned()
        } else {
            let variables: Vec<&str> = self.roots.iter().map(|root| root.variable).collect();
            format!("if it opens TLS with a certificate of a CA in {}", variables.join(" or "))
        };
        Some(format!("{value} (from {variable}); this key will be visible to it {when}"))
    }

    /// Where the roots come from, for people: `CA from SSL_CERT_FILE /etc/ours.pem`.
    pub fn roots_text(&self) -> Option<String> {
        let named: Vec<String> = self
            .roots
            .iter()
            .map(|FromEnvironment { variable, value }| match value.as_str() {
                "" => format!("{variable}, which is empty"),
                value => format!("{variable} {value}"),
            })
            .collect();
        (!named.is_empty()).then(|| format!("CA from {}", named.join(" and ")))
    }
}

/// How many answers an endpoint's times are kept of.
pub const KEPT_LATENCIES: usize = 10;

/// One URL that was asked in this run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointFacts {
    /// How it is reached.
    pub way: Way,
    /// Milliseconds to the last answers, the newest last, at most [`KEPT_LATENCIES`].
    pub latencies_ms: Vec<u64>,
}

impl EndpointFacts {
    /// Keeps one more time, and forgets the oldest.
    pub fn took(&mut self, milliseconds: u64) {
        if self.latencies_ms.len() >= KEPT_LATENCIES {
            self.latencies_ms.remove(0);
        }
        self.latencies_ms.push(milliseconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_times_are_kept() {
        let mut facts = EndpointFacts::default();
        (0..25).for_each(|time| facts.took(time));
        assert_eq!(facts.latencies_ms, (15..25).collect::<Vec<_>>());
    }

    #[test]
    fn the_environments_share_is_told() {
        let from = |variable, value: &str| FromEnvironment { variable, value: value.to_owned() };
        let mut way = Way::default();
        assert_eq!((way.proxy_text(), way.roots_text()), (None, None));
        way.proxy = Some(from("HTTPS_PROXY", "http://proxy:3128"));
        let text = way.proxy_text().unwrap();
        assert!(text.contains("http://proxy:3128 (from HTTPS_PROXY)"), "{text}");
        assert!(text.contains("will be visible to it if it opens TLS and this machine"), "{text}");
        way.roots = vec![from("SSL_CERT_FILE", ""), from("SSL_CERT_DIR", "/a")];
        let expected = "CA from SSL_CERT_FILE, which is empty and SSL_CERT_DIR /a";
        assert_eq!(way.roots_text().as_deref(), Some(expected));
        assert!(way.proxy_text().unwrap().ends_with("a CA in SSL_CERT_FILE or SSL_CERT_DIR"));
    }
}

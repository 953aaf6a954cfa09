//! `%n`, `%i`, `%h` and the others: what the manager puts in their place.

use super::{Machine, Scope};

/// Every specifier that systemd knows in a unit; what stands behind another `%` stays as it is.
const KNOWN: &[u8] = b"aAbBCdDEfgGhHiIjJlLmMnNopPqsStTuUvVwWyY";

/// What is known of the unit and its machine.
pub(super) struct Specifiers {
    name: String,
    scope: Scope,
    home: Option<String>,
    host: Option<String>,
    runtime: Option<String>,
}

/// A specifier whose value only the machine knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unknown;

impl Specifiers {
    pub(super) fn of(name: &str, scope: Scope, machine: &Machine) -> Self {
        let home = match scope {
            Scope::System => Some("/root".to_owned()),
            Scope::User => machine.home.clone(),
        };
        Self {
            name: name.to_owned(),
            scope,
            home,
            host: machine.host.clone(),
            runtime: machine.runtime.clone(),
        }
    }

    /// The text with its specifiers replaced, and for each byte the index of the byte of `text`
    /// it comes from (one more for the end).
    pub(super) fn expand(&self, text: &[u8]) -> Result<(Vec<u8>, Vec<usize>), Unknown> {
        let (mut output, mut sources) = (Vec::with_capacity(text.len()), Vec::new());
        let mut at = 0;
        while let Some(byte) = text.get(at).copied() {
            let specifier = text.get(at + 1).copied().filter(|_| byte == b'%');
            let (added, length) = match specifier {
                Some(b'%') => (b"%".to_vec(), 2),
                Some(letter) if KNOWN.contains(&letter) => {
                    (self.value(letter).ok_or(Unknown)?.into_bytes(), 2)
                }
                _ => (vec![byte], 1),
            };
            sources.extend(std::iter::repeat_n(at, added.len()));
            output.extend(added);
            at += length;
        }
        sources.push(text.len());
        Ok((output, sources))
    }

    fn value(&self, letter: u8) -> Option<String> {
        let stem = self.name.rsplit_once('.').map_or(self.name.as_str(), |(stem, _)| stem);
        let (prefix, instance) = match stem.split_once('@') {
            Some((prefix, instance)) => (prefix, instance),
            None => (stem, ""),
        };
        let last = prefix.rsplit('-').next().unwrap_or(prefix);
        // The instance of a template is not known before it is started.
        let template = stem.ends_with('@');
        let system = |text: &str| (self.scope == Scope::System).then(|| text.to_owned());
        let in_home = |text: &str| Some(format!("{}/{text}", self.home.as_ref()?));
        match letter {
            b'n' | b'N' | b'i' | b'I' if template => None,
            b'n' => Some(self.name.clone()),
            b'N' => Some(stem.to_owned()),
            b'p' => Some(prefix.to_owned()),
            b'P' => Some(unescape(prefix)),
            b'i' => Some(instance.to_owned()),
            b'I' => Some(unescape(instance)),
            b'j' => Some(last.to_owned()),
            b'J' => Some(unescape(last)),
            b'h' => self.home.clone(),
            b'H' => self.host.clone(),
            b'l' => Some(self.host.as_ref()?.split('.').next()?.to_owned()),
            b'u' | b'g' => system("root"),
            b'U' | b'G' => system("0"),
            b'T' => Some("/tmp".to_owned()),
            b'V' => Some("/var/tmp".to_owned()),
            b't' => system("/run").or_else(|| self.runtime.clone()),
            b'S' => system("/var/lib"),
            b'L' => system("/var/log"),
            b'C' => system("/var/cache").or_else(|| in_home(".cache")),
            b'E' => system("/etc").or_else(|| in_home(".config")),
            _ => None,
        }
    }
}

/// `-` is a slash in the name of a unit, `\x2d` a dash.
fn unescape(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(1..3).filter(|_| *first == b'\\' && behind.first() == Some(&b'x'));
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = behind.get(3..).unwrap_or_default();
        } else {
            bytes.push(if *first == b'-' { b'/' } else { *first });
            rest = behind;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("%n", Some("my-app@eu-west.service"))]
    #[case("%N %p %i %I %j", Some("my-app@eu-west my-app eu-west eu/west app"))]
    #[case("%h %t %S", Some("/root /run /var/lib"))]
    #[case("%H %l", Some("web.example web"))]
    #[case("100%% %z %", Some("100% %z %"))]
    #[case("sk%2Fx", Some("sk%2Fx"))]
    #[case("%m", None)]
    #[case("%b", None)]
    fn specifiers_of_an_instance(#[case] text: &str, #[case] expected: Option<&str>) {
        let machine = Machine { host: Some("web.example".into()), ..Machine::default() };
        let specifiers = Specifiers::of("my-app@eu-west.service", Scope::System, &machine);
        let expanded = specifiers.expand(text.as_bytes()).ok();
        let text = expanded.map(|(text, _)| String::from_utf8(text).unwrap());
        assert_eq!(text.as_deref(), expected);
    }

    #[test]
    fn users_and_templates_know_less() {
        let user = Specifiers::of("a.service", Scope::User, &Machine::default());
        assert_eq!(user.expand(b"%h"), Err(Unknown));
        assert_eq!(user.expand(b"%S"), Err(Unknown));
        let template = Specifiers::of("a@.service", Scope::System, &Machine::default());
        assert_eq!(template.expand(b"%i"), Err(Unknown));
        assert_eq!(template.expand(b"%p").unwrap().0, b"a");
    }
}

//! The machines that a layer is read on.

use std::collections::BTreeSet;

use super::{LayerSpec, check::LayerCheck};
use crate::domain::layer::LayerKind;

/// More machines than this are not asked at once by hand either.
const MOST: usize = 256;

/// Reports what is wrong with the hosts of a layer.
pub(super) fn check(hosts: &[String], kind: &LayerSpec, layer: &mut LayerCheck<'_, '_>) {
    if hosts.is_empty() {
        return;
    }
    let readable =
        matches!(kind.kind(), LayerKind::Dotenv | LayerKind::Process | LayerKind::Systemd);
    if !readable {
        let what = format!("a layer of kind `{}` is not read on other machines", kind.kind());
        let help = "`hosts` goes with the kinds dotenv, process and systemd; elsewhere make a report \
                    there (`stalekey report`) and add it with kind = \"report\"";
        layer.key("hosts", &what, help);
    }
    if hosts.len() > MOST {
        layer.key("hosts", "these are more than 256 machines", "make several layers of them");
    }
    let mut seen = BTreeSet::new();
    for (index, host) in hosts.iter().enumerate() {
        let at = index.to_string();
        if !is_host(host) {
            let help = "write it as `ssh` takes it, such as \"web-1\" or \"ubuntu@10.0.0.5\"; all else \
                        goes into `~/.ssh/config`";
            layer.value(&["hosts", &at], "this is not the name of a host", help);
        } else if !seen.insert(host) {
            layer.value(&["hosts", &at], "this host is named twice", "leave one of them out");
        }
    }
}

/// What `ssh` cannot take for an option, and no shell for more than a word.
fn is_host(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:%[]".contains(&byte);
    let part = |part: &str| !part.is_empty() && !part.starts_with('-') && part.bytes().all(plain);
    match host.split_once('@') {
        Some((user, name)) => part(user) && part(name),
        None => part(host),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("web-1", true)]
    #[case("ubuntu@10.0.0.5", true)]
    #[case("root@[fe80::1%eth0]", true)]
    #[case("", false)]
    #[case("-oProxyCommand=x", false)]
    #[case("me@-oProxyCommand", false)]
    #[case("-l@web", false)]
    #[case("web 1", false)]
    #[case("web;reboot", false)]
    #[case("$(reboot)@web", false)]
    #[case("web\n", false)]
    #[case("@web", false)]
    #[case("a@b@c", false)]
    fn hosts_are_words_and_no_options(#[case] host: &str, #[case] expected: bool) {
        assert_eq!(is_host(host), expected);
    }
}

//! Why no answer came, from the types of the errors and never from their texts: those hold the URL
//! (SECURITY P4).

use std::{error::Error, io};

use crate::domain::outcome::ProbeReason;

/// The reason behind a failed request or a body that broke off.
pub(super) fn reason(error: &reqwest::Error, proxied: bool) -> ProbeReason {
    if error.is_timeout() {
        return ProbeReason::TimedOut;
    }
    let found = walk(error);
    if proxied && error.is_connect() && found != Some(ProbeReason::Tls) {
        return ProbeReason::Proxy;
    }
    if error.is_dns() {
        return ProbeReason::Dns;
    }
    found.unwrap_or(ProbeReason::Transport)
}

/// The deepest cause that says something; the outer layers only wrap it.
fn walk(error: &(dyn Error + 'static)) -> Option<ProbeReason> {
    if let Some(deeper) = error.source().and_then(walk) {
        return Some(deeper);
    }
    if error.is::<rustls::Error>() {
        return Some(ProbeReason::Tls);
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        let broke = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
        return broke.then_some(ProbeReason::ConnectionReset);
    }
    let error = error.downcast_ref::<io::Error>()?;
    // A custom error of `io` is not among its own sources.
    if let Some(deeper) = error.get_ref().and_then(|inner| walk(inner)) {
        return Some(deeper);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(ProbeReason::ConnectionRefused),
        io::ErrorKind::TimedOut => Some(ProbeReason::TimedOut),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Some(ProbeReason::ConnectionReset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::refused(io::ErrorKind::ConnectionRefused.into(), Some(ProbeReason::ConnectionRefused))]
    #[case::reset(io::ErrorKind::ConnectionReset.into(), Some(ProbeReason::ConnectionReset))]
    #[case::cut(io::ErrorKind::UnexpectedEof.into(), Some(ProbeReason::ConnectionReset))]
    #[case::wrapped(
        io::Error::other(io::Error::from(io::ErrorKind::ConnectionRefused)),
        Some(ProbeReason::ConnectionRefused)
    )]
    #[case::tls(
        io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError),
        Some(ProbeReason::Tls)
    )]
    #[case::other(io::Error::other("anything"), None)]
    fn causes_are_found_by_type(#[case] error: io::Error, #[case] expected: Option<ProbeReason>) {
        assert_eq!(walk(&error), expected);
    }
}

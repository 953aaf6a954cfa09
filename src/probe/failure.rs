//! Why no answer came, from the types of the errors and never from their texts: those hold the URL
//! (SECURITY P4). Where a library keeps its type to itself, its text is compared with a fixed one and
//! goes no further.

use std::{error::Error, io};

use rustls::CertificateError;

use crate::domain::outcome::ProbeReason;

/// The reason behind a failed request or a body that broke off.
pub(super) fn reason(error: &reqwest::Error, proxied: bool) -> ProbeReason {
    if error.is_timeout() {
        return ProbeReason::TimedOut;
    }
    let found = walk(error);
    let by_tls_or_proxy = matches!(
        found,
        Some(
            ProbeReason::TlsExpired
                | ProbeReason::TlsNotYetValid
                | ProbeReason::TlsUnknownIssuer
                | ProbeReason::TlsWrongName
                | ProbeReason::Tls
                | ProbeReason::ProxyAuthentication
                | ProbeReason::ProxyRefused
        )
    );
    if proxied && error.is_connect() && !by_tls_or_proxy {
        return ProbeReason::ProxyUnreachable;
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
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(tls(error));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        let broke = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
        return broke.then_some(ProbeReason::ConnectionReset);
    }
    let Some(error) = error.downcast_ref::<io::Error>() else { return tunnel(error) };
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

fn tls(error: &rustls::Error) -> ProbeReason {
    let rustls::Error::InvalidCertificate(certificate) = error else { return ProbeReason::Tls };
    match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ProbeReason::TlsExpired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ProbeReason::TlsNotYetValid
        }
        // A bad signature: the issuer has the name of a trusted one, and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            ProbeReason::TlsUnknownIssuer
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            ProbeReason::TlsWrongName
        }
        // What `openssl req -x509` makes: it is its own issuer, and a CA besides.
        CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity" => {
            ProbeReason::TlsUnknownIssuer
        }
        _ => ProbeReason::Tls,
    }
}

/// The answer of a proxy that was asked for a connection; the type of this error is private.
fn tunnel(error: &(dyn Error + 'static)) -> Option<ProbeReason> {
    let text = error.to_string();
    match text.strip_prefix("tunnel error: ")? {
        "proxy authorization required" => Some(ProbeReason::ProxyAuthentication),
        "unsuccessful" | "proxy response headers too long" | "unexpected end of file" => {
            Some(ProbeReason::ProxyRefused)
        }
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
    #[case::expired(certificate(CertificateError::Expired), Some(ProbeReason::TlsExpired))]
    #[case::early(certificate(CertificateError::NotValidYet), Some(ProbeReason::TlsNotYetValid))]
    #[case::issuer(
        certificate(CertificateError::UnknownIssuer),
        Some(ProbeReason::TlsUnknownIssuer)
    )]
    #[case::name(certificate(CertificateError::NotValidForName), Some(ProbeReason::TlsWrongName))]
    #[case::revoked(certificate(CertificateError::Revoked), Some(ProbeReason::Tls))]
    #[case::other(io::Error::other("anything"), None)]
    fn causes_are_found_by_type(#[case] error: io::Error, #[case] expected: Option<ProbeReason>) {
        assert_eq!(walk(&error), expected);
    }

    fn certificate(error: CertificateError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error))
    }
}

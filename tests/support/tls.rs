//! Certificates of every kind, made by the `openssl` command, and a provider behind them.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tempfile::TempDir;

use crate::provider::Provider;

/// Who issued a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Issuer {
    /// The authority that the test names to the program.
    Ours,
    /// One of another name, which nobody knows.
    Unknown,
    /// One that only has the name of ours.
    Namesake,
    /// The certificate itself.
    Itself,
}

/// From when until when.
pub(crate) type Validity = (&'static str, &'static str);

pub(crate) const VALID: Validity = ("20200101000000Z", "20990101000000Z");
pub(crate) const EXPIRED: Validity = ("20200101000000Z", "20200102000000Z");
pub(crate) const EARLY: Validity = ("20980101000000Z", "20990101000000Z");

/// A folder with authorities, of which a test names one to the program.
pub(crate) struct Authority {
    folder: TempDir,
}

impl Authority {
    /// `None`, and a word about it, where there is no `openssl` command.
    #[expect(clippy::print_stderr, reason = "a test says what it skips")]
    pub(crate) fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let authority = Self { folder };
        let found = Command::new("openssl").arg("version").stdout(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            eprintln!("skipped: there is no openssl command to make certificates");
            return None;
        }
        let settings = "[ca]\ndefault_ca = own\n[own]\ndatabase = index\nnew_certs_dir = .\n\
                        rand_serial = yes\ndefault_md = sha256\npolicy = any\nunique_subject = no\n\
                        [any]\ncommonName = supplied\n";
        authority.write("settings", settings);
        authority.write("index", "");
        for (name, common) in [("ours", "ours"), ("unknown", "unknown"), ("namesake", "ours")] {
            authority.openssl(&format!(
                "req -x509 {NEW_KEY} -keyout {name}.key -out {name}.pem -days 30 \
                 -subj /CN={common} -addext basicConstraints=critical,CA:TRUE"
            ));
        }
        Some(authority)
    }

    /// The file that names the authority to programs.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("ours.pem")
    }

    /// A folder that holds that file alone.
    pub(crate) fn roots_folder(&self) -> PathBuf {
        let folder = self.folder.path().join("roots");
        fs::create_dir_all(&folder).expect("a folder");
        fs::copy(self.root(), folder.join("ours.pem")).expect("a copy");
        folder
    }

    /// A provider at `host` with a certificate of this kind, that accepts these keys.
    pub(crate) fn provider(
        &self,
        host: &str,
        issuer: Issuer,
        validity: Validity,
        keys: &[&str],
    ) -> Provider {
        let config = Arc::new(self.server(host, issuer, validity));
        Provider::behind(keys, move |stream: TcpStream| {
            let connection = ServerConnection::new(Arc::clone(&config)).ok()?;
            Some(StreamOwned::new(connection, stream))
        })
    }

    fn server(&self, host: &str, issuer: Issuer, (from, until): Validity) -> ServerConfig {
        self.write("extensions", &format!("subjectAltName = DNS:{host}\n"));
        self.openssl(&format!("req {NEW_KEY} -keyout host.key -out host.csr -subj /CN={host}"));
        let signed_by = match issuer {
            Issuer::Ours => "-cert ours.pem -keyfile ours.key",
            Issuer::Unknown => "-cert unknown.pem -keyfile unknown.key",
            Issuer::Namesake => "-cert namesake.pem -keyfile namesake.key",
            Issuer::Itself => "-selfsign -keyfile host.key",
        };
        self.openssl(&format!(
            "ca -batch -config settings {signed_by} -in host.csr -extfile extensions \
             -startdate {from} -enddate {until} -notext -out host.pem"
        ));
        let at = |name: &str| self.folder.path().join(name);
        let certificate = CertificateDer::from_pem_file(at("host.pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(at("host.key")).expect("its key");
        ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a key that fits")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(Path::new(self.folder.path()).join(name), text).expect("a file");
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .output()
            .expect("the openssl command");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {said}");
    }
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

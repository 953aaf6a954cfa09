//! Collects what a test saw, and passes the verdict over all of it.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

use super::{
    canary::{Canary, Format, Mint},
    scan::{Scanner, beyond_masks},
};

/// The canaries of one test and everything that came out.
pub(crate) struct Gate {
    mint: Mint,
    /// Never put anywhere: finding one of them means that the detector is wrong.
    decoys: Vec<Canary>,
    artefacts: Vec<(String, Vec<u8>)>,
    known: HashSet<[u8; 32]>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let mut mint = Mint::new();
        for format in Format::ALL {
            mint.make(format, &format!("decoy {format:?}"));
        }
        let decoys = std::mem::take(&mut mint.kept);
        Self { mint, decoys, artefacts: Vec::new(), known: HashSet::new() }
    }

    /// A key to be put somewhere; the label says where.
    pub(crate) fn key(&mut self, format: Format, label: &str) -> Canary {
        let label = format!("{format:?} in {label}");
        self.mint.make(format, &label)
    }

    /// Something that a person, a program or a host could see.
    pub(crate) fn saw(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        if self.known.insert(Sha256::digest(&bytes).into()) && !bytes.is_empty() {
            self.artefacts.push((name.into(), bytes));
        }
    }

    /// The key was really looked at: its mask is somewhere.
    pub(crate) fn assert_shown(&self, key: &Canary) {
        let mask = key.mask();
        let shown = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).contains(&mask);
        assert!(
            self.artefacts.iter().any(|(_, bytes)| shown(bytes)),
            "{}: its mask is nowhere, so nothing was tested",
            key.label
        );
    }

    /// Fails when more of a key got out, anywhere, than its mask shows.
    #[track_caller]
    pub(crate) fn verdict(self) {
        assert!(!self.artefacts.is_empty(), "nothing was seen");
        let all: Vec<Canary> = self.mint.kept.iter().chain(&self.decoys).cloned().collect();
        let scanner = Scanner::new(&all);
        let leaks = self.artefacts.iter().flat_map(|(name, bytes)| scanner.scan(name, bytes));
        let beyond = beyond_masks(&all, leaks.collect());
        let noise: Vec<_> = beyond.iter().filter(|leak| leak.key.starts_with("decoy")).collect();
        assert!(noise.is_empty(), "the detector finds keys that were never used: {noise:#?}");
        let count = self.artefacts.len();
        let size: usize = self.artefacts.iter().map(|(_, bytes)| bytes.len()).sum();
        println!("{count} artefacts, {size} bytes, {} canaries", self.mint.kept.len());
        if let Ok(folder) = std::env::var("STALEKEY_LEAK_KEEP") {
            for (number, (name, bytes)) in self.artefacts.iter().enumerate() {
                let text = [name.as_bytes(), b"\n\n", bytes].concat();
                let _ = std::fs::write(format!("{folder}/{number}"), text);
            }
        }
        assert!(beyond.is_empty(), "{} leaks: {}", beyond.len(), listed(&beyond));
    }
}

fn listed(leaks: &[super::scan::Leak]) -> String {
    let lines = leaks.iter().map(|leak| {
        let positions = leak.positions.len();
        format!("\n  {} ({positions} characters, {}): {}", leak.key, leak.how, leak.artefact)
    });
    lines.take(60).collect()
}

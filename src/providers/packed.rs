//! The built-in files, as the build packed them (`build/pack.rs`).

/// Name and text of every built-in file, by name.
pub(super) fn files() -> Vec<(String, String)> {
    const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/providers.packed"));
    // A test proves that it unpacks; a broken block would be an empty catalogue.
    let text = unpack(PACKED).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let mut parts = text.split('\0');
    let mut files = Vec::new();
    while let (Some(name), Some(text)) = (parts.next(), parts.next()) {
        files.push((name.to_owned(), text.to_owned()));
    }
    files
}

/// Runs of bytes, and copies of bytes that came before; `None` for anything else.
fn unpack(mut packed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some((&control, rest)) = packed.split_first() {
        let count = usize::from(control & 0x7f);
        if control & 0x80 == 0 {
            let (run, rest) = rest.split_at_checked(count + 1)?;
            bytes.extend_from_slice(run);
            packed = rest;
        } else {
            let (back, rest) = rest.split_first_chunk::<2>()?;
            let start = bytes.len().checked_sub(usize::from(u16::from_le_bytes(*back)))?;
            // Byte by byte: a copy may go on into what it writes.
            for at in start..start + count + 4 {
                bytes.push(*bytes.get(at)?);
            }
            packed = rest;
        }
    }
    Some(bytes)
}

#[cfg(test)]
#[path = "../../build/pack.rs"]
mod pack;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_file_comes_out_as_it_went_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/providers");
        let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                (name, std::fs::read_to_string(path).unwrap())
            })
            .collect();
        files.sort();
        let joined = pack::join(&files);
        assert_eq!(unpack(&pack::pack(&joined)), Some(joined));
        let names = |files: &[(String, String)]| -> Vec<String> {
            files.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(&super::files()), names(&files));
        for ((_, packed), (name, text)) in super::files().iter().zip(&files) {
            let values = |text: &str| toml::from_str::<toml::Table>(text).unwrap();
            assert_eq!(values(packed), values(text), "{name}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_packed_is_unpacked(bytes in proptest::collection::vec(0_u8..4, 0..600)) {
            prop_assert_eq!(unpack(&pack::pack(&bytes)), Some(bytes));
        }

        #[test]
        fn anything_is_unpacked_or_refused(bytes: Vec<u8>) {
            let _ = unpack(&bytes);
        }
    }
}

//! `kustomization.yaml`, as far as it is simple: what it lists and what it generates. Patches are
//! not applied, and the row says so.

use super::{
    Failure,
    data::{Data, Entry, Kind},
    manifests::Loaded,
    place,
};
use crate::{
    domain::{
        inert::inert,
        place::Position,
        reading::{OpaqueReason, Yield},
        secret::SecretValue,
    },
    formats::{
        Refusal,
        files::{Files, Missed, base_name, folder_of, join, plain},
        tree::Node,
        yaml::lines::Lines,
    },
};

const REMOTE: &str = "this resource is elsewhere on the network; it is not read";
const NAMELESS: &str = "a value without a name; kustomize refuses it";
const PATCHES: &str = "the patches of this kustomization are not applied here";

pub(super) fn is_kustomization(name: &str) -> bool {
    matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

/// Adds what a kustomization lists and generates.
pub(super) fn follow(
    loaded: &mut Loaded,
    path: &str,
    root: &Node,
    files: &mut dyn Files,
    depth: usize,
) -> Result<(), Failure> {
    let folder = folder_of(path);
    for field in ["resources", "bases", "components"] {
        for item in root.list(field) {
            let Some(name) = item.as_name() else { continue };
            let remote =
                name.contains("://") || name.starts_with("github.com/") || name.contains("?ref=");
            if remote {
                loaded.problem(path, item.position, REMOTE);
            } else {
                loaded.add(&plain(&join(folder, name)), files, depth + 1)?;
            }
        }
    }
    for field in ["patches", "patchesStrategicMerge", "patchesJson6902", "replacements", "vars"] {
        if let Some(patches) = root.get(field).filter(|patches| !patches.items().is_empty()) {
            loaded.problem(path, patches.position, PATCHES);
        }
    }
    for (field, kind) in
        [("secretGenerator", Kind::Secret), ("configMapGenerator", Kind::ConfigMap)]
    {
        for generator in root.list(field) {
            let data = generate(path, kind, generator, files)?;
            loaded.generated.push(data);
        }
    }
    Ok(())
}

fn generate(
    path: &str,
    kind: Kind,
    generator: &Node,
    files: &mut dyn Files,
) -> Result<Data, Failure> {
    let name = generator.word("name").unwrap_or_default();
    let mut data = Data::new(kind, name, place(path, generator.position));
    data.namespace = generator.word("namespace").map(str::to_owned);
    let folder = folder_of(path);
    for item in generator.list("files") {
        let Some(text) = item.as_name() else { continue };
        let (key, file) = text.split_once('=').unwrap_or((base_name(text), text));
        if key.is_empty() {
            return Err(Failure::refused(path, Refusal::at(item.position, NAMELESS)));
        }
        let file = join(folder, file);
        let bytes = read(&file, files)?;
        let at = place(&file, Position { line: 1, column: 1 });
        data.set(Entry::new(key, at, Yield::Value(SecretValue::new(bytes))));
    }
    let envs = generator.list("envs").iter().chain(generator.get("env"));
    for file in envs.filter_map(Node::as_name) {
        let file = join(folder, file);
        let bytes = zeroize::Zeroizing::new(read(&file, files)?);
        env_file(&file, &bytes, &mut data)?;
    }
    for item in generator.list("literals") {
        let Some(text) = item.text().map(SecretValue::expose) else { continue };
        let Some(equals) = memchr::memchr(b'=', text) else { continue };
        if equals == 0 {
            return Err(Failure::refused(path, Refusal::at(item.position, NAMELESS)));
        }
        let (key, value) = text.split_at(equals);
        let value = value.get(1..).unwrap_or_default();
        let (value, quote) = match value {
            [first @ (b'"' | b'\''), inner @ .., last] if first == last => (inner, 1),
            _ => (value, 0),
        };
        let Position { line, column } = item.position;
        // A name with white space may stand on several lines.
        let offset =
            if key.contains(&b' ') || key.contains(&b'\n') { 0 } else { equals + 1 + quote };
        let at = Position { line, column: column + offset as u32 };
        let value = Yield::Value(SecretValue::new(value));
        data.set(Entry::new(&String::from_utf8_lossy(key), place(path, at), value));
    }
    Ok(data)
}

fn read(path: &str, files: &mut dyn Files) -> Result<Vec<u8>, Failure> {
    files.read(path).map_err(|missed| match missed {
        Missed::Absent | Missed::Null => Failure::Absent { path: path.to_owned() },
        Missed::Unreadable(why) => Failure::Unreadable { path: path.to_owned(), why },
    })
}

/// Lines of `NAME=value`: nothing is unquoted, and a bare name takes what the shell has.
fn env_file(path: &str, bytes: &[u8], data: &mut Data) -> Result<(), Failure> {
    let lines = Lines::of(bytes);
    let mut offset = if bytes.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
    while offset < bytes.len() {
        let rest = bytes.get(offset..).unwrap_or_default();
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let blanks = line.len() - line.trim_ascii_start().len();
        let text = line.get(blanks..).unwrap_or_default();
        let start = offset + blanks;
        offset += length + 1;
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        let (name, value) = match memchr::memchr(b'=', text) {
            None => (text, Yield::Opaque(OpaqueReason::Elsewhere)),
            Some(equals) => {
                let value = text.get(equals + 1..).unwrap_or_default();
                (text.get(..equals).unwrap_or_default(), Yield::Value(SecretValue::new(value)))
            }
        };
        let value_start = if name.len() == text.len() { start } else { start + name.len() + 1 };
        if name.is_empty() {
            return Err(Failure::refused(path, Refusal::at(lines.position(start), NAMELESS)));
        }
        let at = place(path, lines.position(value_start));
        data.set(Entry::new(&inert(&String::from_utf8_lossy(name)), at, value));
    }
    Ok(())
}

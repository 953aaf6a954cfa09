//! Packs the files of the catalogue: as text they would take as much room in the program as some
//! libraries do, and most of each is like the others.

#![expect(clippy::print_stdout, reason = "this is how a build talks to cargo")]

mod pack;

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=assets/providers");
    println!("cargo:rerun-if-changed=build");
    let mut files = Vec::new();
    for entry in fs::read_dir("assets/providers")? {
        let path = entry?.path();
        let id = path.file_stem().and_then(|stem| stem.to_str()).ok_or("a file without a name")?;
        files.push((id.to_owned(), fs::read_to_string(&path)?));
    }
    files.sort();
    let folder = env::var_os("OUT_DIR").ok_or("no folder to write to")?;
    fs::write(Path::new(&folder).join("providers.packed"), pack::pack(&pack::join(&files)))?;
    Ok(())
}

//! Turns `faults/*.toml` into static tables. A run reads no TOML: what is known
//! of causes is in the binary, as data.

mod index;
mod layout;
mod record;
mod template;

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=faults");
    println!("cargo::rerun-if-changed=build");
    if let Err(message) = generate() {
        println!("cargo::error={message}");
        std::process::exit(1);
    }
}

fn generate() -> Result<(), String> {
    let env =
        |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set; cargo sets it for build scripts"));
    let faults = Path::new(&env("CARGO_MANIFEST_DIR")?).join("faults");
    let out = PathBuf::from(env("OUT_DIR")?);
    let records = record::read(&texts(&faults)?)?;
    let path = faults.join(index::FILE);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let numbers = index::read(&text)?;
    let write = |name: &str, text: String| {
        let path = out.join(name);
        std::fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    write("faults.rs", layout::records(&records))?;
    write("numbers.rs", layout::numbers(&numbers))
}

/// Every file of records with its text, by name.
fn texts(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let failed = |path: &Path, error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name.ends_with(".toml") && name != index::FILE {
            texts.push((name, std::fs::read_to_string(&path).map_err(|error| failed(&path, error))?));
        }
    }
    texts.sort();
    Ok(texts)
}

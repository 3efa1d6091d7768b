//! Puts what a new project is made of into the program: the templates, the SDKs and the
//! contract, as they lie in this repository.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Under which name in the program, and where in the repository; and names that are left out.
const PARTS: [(&str, &str, &[&str]); 8] = [
    ("template", "host/author/templates", &[]),
    ("wit", "wit", &["DIGESTS"]),
    ("check/rust", "checks/sdk", &["python", "js"]),
    ("check/python", "checks/sdk/python", &["tests"]),
    ("check/js", "checks/sdk/js", &["test", "typing", "jsconfig.json"]),
    ("adapter/rust", "plugins/sdk", &["python", "js"]),
    ("adapter/python", "plugins/sdk/python", &["tests"]),
    ("adapter/js", "plugins/sdk/js", &["test", "typing", "jsconfig.json"]),
];
const BUILD: (&str, &str, &[&str]) = ("build/rust", "checks/build", &[]);
/// What tools leave behind.
const LITTER: [&str; 6] = ["__pycache__", ".mypy_cache", "node_modules", ".venv", "target", "dist"];

fn main() -> Result<(), String> {
    let env = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set; this is a build script"));
    let root = PathBuf::from(env("CARGO_MANIFEST_DIR")?).join("../..").canonicalize().map_err(|e| e.to_string())?;
    let mut table = String::from("&[\n");
    for (name, place, left_out) in PARTS.into_iter().chain([BUILD]) {
        let folder = root.join(place);
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut files = Vec::new();
        collect(&folder, &folder, left_out, &mut files)?;
        files.sort();
        for file in files {
            let path = folder.join(&file);
            let _ = writeln!(
                table,
                "    ({:?}, include_bytes!({:?})),",
                format!("{name}/{file}"),
                path.display().to_string()
            );
        }
    }
    table.push_str("]\n");
    std::fs::write(PathBuf::from(env("OUT_DIR")?).join("files.rs"), table).map_err(|e| e.to_string())
}

/// The files below `folder`, relative to `top`, with `/`.
fn collect(top: &Path, folder: &Path, left_out: &[&str], files: &mut Vec<String>) -> Result<(), String> {
    for entry in std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))? {
        let path = entry.map_err(|e| e.to_string())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if LITTER.contains(&name.as_str()) || (folder == top && left_out.contains(&name.as_str())) {
            continue;
        }
        if path.is_dir() {
            collect(top, &path, left_out, files)?;
        } else {
            let inside = path.strip_prefix(top).map_err(|e| e.to_string())?;
            let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
            files.push(parts.join("/"));
        }
    }
    Ok(())
}

//! Builds every guest of `checks/` and `plugins/` for wasm32-wasip2 and writes the
//! table that `lib.rs` includes. One nested cargo run, with a target folder of its
//! own: the outer one is locked while this runs.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip2";

fn main() {
    if let Err(message) = build() {
        // One line per line of the message: cargo cuts at line ends.
        for line in message.lines() {
            println!("cargo::error={line}");
        }
    }
}

fn build() -> Result<(), String> {
    let env = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set; this is a build script"));
    let root = PathBuf::from(env("CARGO_MANIFEST_DIR")?).join("../..").canonicalize().map_err(|e| e.to_string())?;
    let out = PathBuf::from(env("OUT_DIR")?);
    for watched in ["checks", "plugins", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    require_target(&env("RUSTC")?)?;

    let mut guests = find(&root.join("checks"), "check.toml", "check-")?;
    let adapters = find(&root.join("plugins"), "adapter.toml", "adapter-")?;
    // A store has an adapter and a check. The short name is the adapter's: policies name
    // adapters so, and checks by their ids.
    for (name, package) in &mut guests {
        if adapters.iter().any(|(adapter, _)| adapter == name) {
            name.clone_from(package);
        }
    }
    guests.extend(adapters);
    let target_dir = out.join("guests");
    let mut cargo = Command::new(env("CARGO")?);
    cargo.current_dir(&root).args(["build", "--profile", "guest", "--target", TARGET, "--target-dir"]).arg(&target_dir);
    for (_, package) in &guests {
        cargo.args(["-p", package]);
    }
    // What was meant for the host's build must not reach the guests'.
    for name in
        ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"]
    {
        cargo.env_remove(name);
    }
    let output = cargo.output().map_err(|e| format!("cannot run cargo: {e}"))?;
    if !output.status.success() {
        return Err(format!("the guests do not build:\n{}", String::from_utf8_lossy(&output.stderr)));
    }

    let mut table = String::from("&[\n");
    for (name, package) in &guests {
        let file = target_dir.join(TARGET).join("guest").join(format!("{}.wasm", package.replace('-', "_")));
        let bytes = std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let digest = format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(&bytes)));
        let _ = writeln!(
            table,
            "    Component {{ name: {name:?}, wasm: include_bytes!({:?}), digest: {digest:?} }},",
            file.display().to_string()
        );
    }
    table.push_str("]\n");
    std::fs::write(out.join("components.rs"), table).map_err(|e| e.to_string())
}

/// The folders under `parent` that hold `manifest`, each with its package name.
fn find(parent: &Path, manifest: &str, prefix: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(parent).map_err(|e| format!("{}: {e}", parent.display()))? {
        let path = entry.map_err(|e| e.to_string())?.path();
        if path.join(manifest).is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push((name.clone(), format!("{prefix}{name}")));
        }
    }
    found.sort();
    Ok(found)
}

fn require_target(rustc: &str) -> Result<(), String> {
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let libdir = output.map(|o| PathBuf::from(String::from_utf8_lossy(&o.stdout).trim())).unwrap_or_default();
    if libdir.is_dir() {
        return Ok(());
    }
    Err(format!(
        "the Rust target {TARGET} is missing, and the bundled checks are built for it; run: rustup target add {TARGET}"
    ))
}

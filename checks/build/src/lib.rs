//! Build-time half of the SDKs: turns `check.toml` (or `adapter.toml`) into the
//! JSON descriptor that the component returns from `describe`, and into constants
//! for the codes and facts it declares. A check can only report what it declared,
//! and a misspelt code is a compile error.
//!
//! The whole `main` of a check's `build.rs`:
//! ```no_run
//! seaworthy_check_build::generate("check.toml");
//! ```

#![deny(missing_docs)]

mod manifest;

pub use manifest::{Declared, Manifest, WIT_VERSION};

use std::path::Path;

/// Bytes of a component's stack. rustc's default of 1 MiB would put every stack far from
/// the data, and the host wipes and keeps the first pages of a memory for its next user.
const STACK: u32 = 128 << 10;

/// Reads `manifest` beside `Cargo.toml` and writes `descriptor.json` and
/// `descriptor.rs` into `OUT_DIR`. Gives the component a stack of 128 KiB.
///
/// *Behaviour*: a manifest that cannot be read or lacks a key ends the build with
/// a message that names the file and the key.
pub fn generate(manifest: &str) {
    println!("cargo::rerun-if-changed={manifest}");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK}");
    }
    if let Err(message) = try_generate(manifest) {
        println!("cargo::error={manifest}: {message}");
        std::process::exit(1);
    }
}

fn try_generate(manifest: &str) -> Result<(), String> {
    let env = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set; call this from build.rs"));
    let root = env("CARGO_MANIFEST_DIR")?;
    let out = env("OUT_DIR")?;
    let text = std::fs::read_to_string(Path::new(&root).join(manifest)).map_err(|e| e.to_string())?;
    let manifest = Manifest::read(&text, &env("CARGO_PKG_VERSION")?)?;
    std::fs::write(Path::new(&out).join("descriptor.json"), &manifest.descriptor).map_err(|e| e.to_string())?;
    std::fs::write(Path::new(&out).join("descriptor.rs"), manifest.rust()).map_err(|e| e.to_string())
}

use crate::{target_directory, workspace_root};
use anyhow::{Context, Result, ensure};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Builds a guest workspace below `tests/fixtures` as its authors would, outside
/// the host's workspace, and answers the folder of the components.
///
/// # Errors
/// When the build fails, with its output.
pub fn build_guests(fixture: &str) -> Result<PathBuf> {
    build(&workspace_root().join("tests/fixtures").join(fixture))
}

/// Builds the plugins of the cookbook that are in Rust, the same way.
///
/// # Errors
/// As [`build_guests`].
pub fn build_cookbook() -> Result<PathBuf> {
    build(&workspace_root().join("plugins/cookbook"))
}

fn build(source: &Path) -> Result<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let target = guest_target()?;
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--locked", "--target", "wasm32-wasip2"])
        .current_dir(source)
        .env("CARGO_TARGET_DIR", &target)
        // Flags meant for the host would break the guest.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .context("cannot start cargo")?;
    ensure!(
        output.status.success(),
        "{} does not build (`rustup target add wasm32-wasip2` if the target is missing):\n{}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(target.join("wasm32-wasip2/release"))
}

/// Where guests are built: beside the host's own target folder, so that it is kept between
/// runs.
///
/// # Errors
/// When the running test does not lie in a target folder.
pub fn guest_target() -> Result<PathBuf> {
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        let target = PathBuf::from(target);
        return Ok(workspace_root().join(target).join("tests-guests"));
    }
    Ok(target_directory()?.join("tests-guests"))
}

/// `sha256:...` of a file, as checks.toml pins it.
///
/// # Errors
/// When the file cannot be read.
pub fn digest(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    Ok(format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(&bytes))))
}

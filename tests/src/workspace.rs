use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// The folder of the profile that this test was built in, e.g.
/// `target/x86_64-unknown-linux-musl/debug`.
///
/// # Errors
/// When the running test does not lie in a target folder.
pub fn target_directory() -> Result<PathBuf> {
    let test = std::env::current_exe().context("cannot tell where this test's own file is")?;
    let mut folders = test.ancestors().skip(1);
    folders
        .find(|folder| folder.file_name().is_some_and(|name| name != "deps"))
        .map(Path::to_path_buf)
        .with_context(|| format!("{} lies in no target folder", test.display()))
}

/// A folder for one scene, removed when it is dropped.
///
/// # Errors
/// When the folder cannot be made.
pub fn scratch() -> Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("seaworthy-test-").tempdir().context("cannot make a temporary folder")
}

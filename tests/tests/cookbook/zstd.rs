use crate::Here;
use crate::listed::{Listed, fact};
use anyhow::{Result, ensure};
use seaworthy_tests::{Scene, installed, scratch};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("zstd_of_the_distribution_is_right", |_| healthy()).unless(of_debian()),
        Scene::new("zstd_that_is_missing_is_found", |_| missing()),
        Scene::new("tar_of_busybox_is_found", |_| busybox()),
        Scene::new("tar_that_is_missing_is_found", |_| no_tar()),
        Scene::new("zstd_that_nobody_knows_is_not_judged", |_| unknown()),
        Scene::new("zstd_is_denied_without_its_grants", |_| listed("/usr/bin").is_denied("grant.system")),
    ]
}

fn of_debian() -> Option<String> {
    let packaged = Path::new("/var/lib/dpkg/status").is_file() || Path::new("/lib/apk/db/installed").is_file();
    let known = packaged.then_some(()).ok_or_else(|| "this machine has packages of another kind".to_owned());
    known.and_then(|()| installed("zstd", "zstd")).err()
}

fn listed(path: &str) -> Listed {
    Listed::new("zstd-missing").env("PATH", path)
}

fn healthy() -> Result<()> {
    let facts = listed("/usr/bin:/bin").passes()?;
    ensure!(fact(&facts, "compression")? == "zstd" && fact(&facts, "zstd-version")?.starts_with('1'), "{facts:?}");
    Ok(())
}

/// An image whose PATH has these programs, each a file that nobody starts.
fn image(programs: &[&str]) -> Result<tempfile::TempDir> {
    let folder = scratch()?;
    for program in programs {
        let file = folder.path().join(program);
        std::fs::write(&file, "#!/bin/false\n")?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(folder)
}

fn missing() -> Result<()> {
    let image = image(&["tar"])?;
    let facts = listed(&image.path().to_string_lossy()).finds("zstd.missing")?;
    ensure!(fact(&facts, "compression")? == "gzip", "{facts:?}");
    Ok(())
}

fn busybox() -> Result<()> {
    let image = image(&["busybox", "zstd"])?;
    symlink(image.path().join("busybox"), image.path().join("tar"))?;
    listed(&image.path().to_string_lossy()).with("any-version = true").finds("tar.busybox").map(|_| ())
}

fn no_tar() -> Result<()> {
    let image = image(&["zstd"])?;
    listed(&image.path().to_string_lossy()).with("any-version = true").finds("tar.missing").map(|_| ())
}

fn unknown() -> Result<()> {
    let image = image(&["zstd", "tar"])?;
    let path = image.path().to_string_lossy().into_owned();
    listed(&path).cannot_tell()?;
    listed(&path).with("any-version = true").passes().map(|_| ())
}

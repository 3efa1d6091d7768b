use crate::Here;
use crate::listed::{Listed, fact};
use anyhow::{Result, ensure};
use seaworthy_tests::{Scene, installed, scratch};
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("zstd_of_the_distribution_is_right", |_| healthy()).unless(of_debian()),
        Scene::new("zstd_that_is_missing_is_found", |_| missing()),
        Scene::new("tar_of_busybox_is_found", |_| busybox()).unless(of_root()),
        Scene::new("tar_that_is_missing_is_found", |_| no_tar()),
        Scene::new("zstd_that_nobody_knows_is_not_judged", |_| unknown()),
        Scene::new("zstd_is_denied_without_its_grants", |_| listed("/usr/bin").ends_denied("grant.system")),
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
    let image = listed(&image.path().to_string_lossy()).with("foreign = true");
    let facts = image.finds("zstd.missing")?;
    ensure!(fact(&facts, "compression")? == "gzip", "{facts:?}");
    Ok(())
}

/// Why there can be no image with a folder of its own in place of /usr/local/bin, if so.
fn of_root() -> Option<String> {
    let root = nix::unistd::geteuid().is_root().then_some(());
    root.map_or_else(|| Some("it takes root to mount".into()), |()| installed("unshare", "util-linux").err())
}

/// As in Alpine, in a mount namespace that ends with the run.
fn busybox() -> Result<()> {
    let unshare = installed("unshare", "util-linux").map_err(anyhow::Error::msg)?;
    let image = "mount -t tmpfs scene /usr/local/bin && cp /bin/false /usr/local/bin/busybox && \
                 cp /bin/false /usr/local/bin/zstd && ln -s busybox /usr/local/bin/tar && exec \"$0\" \"$@\"";
    let words = ["--mount", "sh", "-c", image].map(OsStr::new);
    let command: Vec<&OsStr> = [unshare.as_os_str()].into_iter().chain(words).collect();
    let alpine = listed("/usr/local/bin:/usr/bin:/bin").through(&command);
    alpine.with("foreign = true").finds("tar.busybox").map(|_| ())
}

fn no_tar() -> Result<()> {
    let image = image(&["zstd"])?;
    listed(&image.path().to_string_lossy()).with("foreign = true").finds("tar.missing").map(|_| ())
}

fn unknown() -> Result<()> {
    let image = image(&["zstd", "tar"])?;
    let path = image.path().to_string_lossy().into_owned();
    listed(&path).cannot_tell()?;
    listed(&path).with("foreign = true").passes().map(|_| ())
}

//! A folder on this machine.

use crate::place::Place;
use crate::store::{Breakage, Running, Store};
use anyhow::{Context, Result, ensure};
use seaworthy_cache::conformance::Fault;
use seaworthy_tests::{NoStage, scratch};
use sha2::{Digest as _, Sha256};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The host's folder inside the configured one.
const INNER: &str = "seaworthy-storage-1";

pub(crate) fn store() -> Store {
    Store { name: "disk", start }
}

fn place(directory: &Path) -> Place {
    let policy = "[tiers.disk]\nadapter = \"disk\"\nwith = { directory = \"${cache-dir}\" }\n";
    Place::new("disk", policy, &[("CACHE_DIR", &directory.to_string_lossy())])
}

fn start() -> Result<Running, NoStage> {
    let folder = Arc::new(scratch()?);
    let entries = folder.path().join("entries");
    let damaging = |how: fn(&str, &mut Vec<u8>)| {
        let entries = entries.clone();
        Breakage::Done(Box::new(move |key: &str| {
            let path = file(&entries, key);
            let mut bytes = std::fs::read(&path).with_context(|| format!("no {}", path.display()))?;
            ensure!(bytes.len() > Fault::SAMPLE_BYTES, "{} does not hold the sample", path.display());
            how(key, &mut bytes);
            std::fs::write(&path, bytes).map_err(Into::into)
        }))
    };
    let place_of_another = another_users()?;
    Ok(Running::new(place(&entries).keeping(Arc::clone(&folder)))
        .with(Fault::WrongCredentials, Breakage::At(place_of_another))
        .with(Fault::Flipped, damaging(|_, bytes| *bytes.last_mut().unwrap_or(&mut 0) ^= 1))
        .with(Fault::Truncated, damaging(|_, bytes| bytes.truncate(bytes.len() - 100)))
        .with(Fault::Skewed, damaging(|key, bytes| made_in_an_hour(key, bytes)))
        .without(&[Fault::Down, Fault::Slow, Fault::Cut, Fault::RateLimited], "there is no service behind it"))
}

/// A folder that belongs to somebody else: what wrong credentials are to files.
fn another_users() -> Result<Place> {
    let folder = scratch()?;
    let inner = folder.path().join(INNER);
    std::fs::create_dir(&inner)?;
    if nix::unistd::geteuid().is_root() {
        chown(&inner, Some(12_345), Some(12_345))?;
    } else {
        std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o500))?;
    }
    Ok(place(folder.path()).keeping(folder))
}

/// Where the host keeps the entry of `key`.
fn file(entries: &Path, key: &str) -> PathBuf {
    let name: String = Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    entries.join(INNER).join(name)
}

/// Rewrites a record as a machine would have made it whose clock is an hour ahead,
/// with a digest that fits. The formats are those of `host/cache/src/storage.rs` and
/// `plugins/disk/src/record.rs`.
fn made_in_an_hour(key: &str, file: &mut [u8]) {
    const DIGEST: usize = 32;
    let record = 5 + 4 + 8 + key.len();
    let body = record + 4 + DIGEST;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis() + 3_600_000;
    file[body..body + 8].copy_from_slice(&u64::try_from(now).unwrap_or(u64::MAX).to_le_bytes());
    let mut hash = Sha256::new();
    hash.update((key.len() as u64).to_le_bytes());
    hash.update(key.as_bytes());
    hash.update(&file[body..]);
    let digest = hash.finalize();
    file[body - DIGEST..body].copy_from_slice(&digest);
}

//! A key-value area on this machine's disk: the host side of WIT `cache/storage`.
//!
//! Keys never become paths. Each entry is one file named by the SHA-256 of its
//! key, so no key can leave the folder, collide on a file system that ignores
//! case, or be too long for it. The key itself stands in the file's header, which
//! is how entries are listed and how a damaged folder is noticed.
//!
//! ```text
//! <directory>/seaworthy-storage-1/      0700, this user's
//!     <64 hex digits>                   "SWST" 1 | key length | value length | key | value
//!     .<random>.tmp                     a write under way
//! ```

use crate::CacheError;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 64 * 1024;
/// The largest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 256 * 1024 * 1024;

/// Folder inside the configured one; the number is the version of the file format.
const FOLDER: &str = "seaworthy-storage-1";
const MAGIC: &[u8; 5] = b"SWST\x01";
const HEADER_BYTES: usize = MAGIC.len() + 4 + 8;
/// A write that takes longer than this has been abandoned.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// A key-value area in one folder. Cheap to clone.
///
/// *Behaviour*: several processes may use one folder. A reader sees the old value
/// or the new one. Dropping a future does not tear a write: it ends in the
/// background.
#[derive(Clone, Debug)]
pub struct Storage {
    folder: PathBuf,
}

impl Storage {
    /// Creates `directory` when it is not there, and proves that it can be written
    /// by writing and removing a file.
    ///
    /// *Requires*: an absolute path without `..`, so that what a policy allowed by
    /// name is what is used.
    ///
    /// *Behaviour*: what it creates only this user can read. The permissions of a
    /// directory that was there are left alone; entries live in a folder of their
    /// own inside it, which must belong to this user. Remains of abandoned writes
    /// are removed.
    ///
    /// # Errors
    /// `configuration` for a path that is relative or no directory, `forbidden` for
    /// one that cannot be written or whose inner folder is another user's,
    /// `no-space` for a full disk.
    pub async fn open(directory: &Path) -> Result<Self, CacheError> {
        let directory = directory.to_owned();
        blocking("open", move || {
            check_directory(&directory)?;
            let storage = Self { folder: directory.join(FOLDER) };
            private_dir(&directory)?;
            private_dir(&storage.folder)?;
            storage.check_owner()?;
            storage.check_writable()?;
            storage.remove_abandoned();
            Ok(storage)
        })
        .await
    }

    /// The folder that holds the entries.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The value of `key`; `None` when there is none, and only then.
    ///
    /// # Errors
    /// `integrity` when the file is damaged; otherwise that of the file system.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        let (path, key) = (self.path("get", key)?, key.to_owned());
        let folder = self.folder.clone();
        blocking("get", move || {
            let mut file = match File::open(&path) {
                Ok(file) => file,
                // A folder that is gone is a fault, not an empty cache.
                Err(error) if error.kind() == ErrorKind::NotFound && folder.is_dir() => return Ok(None),
                Err(error) => return Err(CacheError::from_io("get", &path, &error)),
            };
            let (stored, length) = read_header(&mut file).map_err(|error| damaged("get", &path, &error))?;
            if stored != key {
                return Err(damaged("get", &path, &io::Error::other("it holds another key")));
            }
            let mut value = Vec::new();
            let read = file.take(length.saturating_add(1)).read_to_end(&mut value);
            read.map_err(|error| CacheError::from_io("get", &path, &error))?;
            if value.len() as u64 != length {
                let message = format!("it should hold {length} bytes and holds {}", value.len());
                return Err(damaged("get", &path, &io::Error::other(message)));
            }
            Ok(Some(value))
        })
        .await
    }

    /// Stores `value` under `key`, over what was there, and waits until it is on the disk.
    ///
    /// # Errors
    /// `too-large` over [`MAX_VALUE_BYTES`]; otherwise that of the file system. The
    /// old value is then still there.
    pub async fn put(&self, key: &str, value: Vec<u8>) -> Result<(), CacheError> {
        let (path, key) = (self.path("put", key)?, key.to_owned());
        if value.len() > MAX_VALUE_BYTES {
            let message = format!("the value has {} bytes, at most {MAX_VALUE_BYTES} are stored", value.len());
            return Err(CacheError::too_large("put", message).with("max-value-bytes", MAX_VALUE_BYTES.to_string()));
        }
        let temporary = self.temporary_path();
        blocking("put", move || {
            let done = write_entry(&temporary, &key, &value).and_then(|()| fs::rename(&temporary, &path));
            if let Err(error) = done {
                // What cannot be removed now is removed when it is opened next.
                let _ = fs::remove_file(&temporary);
                return Err(CacheError::from_io("put", &path, &error));
            }
            sync_parent(&path).map_err(|error| CacheError::from_io("put", &path, &error))
        })
        .await
    }

    /// Removes `key`. Succeeds when there is nothing to remove.
    ///
    /// # Errors
    /// That of the file system.
    pub async fn delete(&self, key: &str) -> Result<(), CacheError> {
        let path = self.path("invalidate", key)?;
        blocking("invalidate", move || match fs::remove_file(&path) {
            Ok(()) => sync_parent(&path).map_err(|error| CacheError::from_io("invalidate", &path, &error)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(CacheError::from_io("invalidate", &path, &error)),
        })
        .await
    }

    /// The first `limit` keys, in the order of their bytes, that begin with `prefix`.
    ///
    /// *Behaviour*: reads the header of every entry. A damaged one is left out and
    /// logged, as it has no key that could be named.
    ///
    /// # Errors
    /// That of the file system.
    pub async fn list(&self, prefix: &str, limit: usize) -> Result<Vec<String>, CacheError> {
        let (folder, prefix) = (self.folder.clone(), prefix.to_owned());
        blocking("list", move || {
            let failed = |error: io::Error| CacheError::from_io("list", &folder, &error);
            let mut keys = BTreeSet::new();
            for entry in fs::read_dir(&folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                if !is_entry_name(&entry.file_name()) {
                    continue;
                }
                match File::open(entry.path()).and_then(|mut file| read_header(&mut file)) {
                    Ok((key, _)) if key.starts_with(&prefix) => {
                        keys.insert(key);
                        if keys.len() > limit {
                            keys.pop_last();
                        }
                    }
                    Ok(_) => {}
                    // Removed since the folder was read.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => {
                        tracing::warn!(path = %entry.path().display(), %error, "a damaged cache entry is not listed");
                    }
                }
            }
            Ok(keys.into_iter().collect())
        })
        .await
    }

    fn path(&self, operation: &str, key: &str) -> Result<PathBuf, CacheError> {
        if key.is_empty() {
            return Err(CacheError::invalid(operation, "the key is empty"));
        }
        if key.len() > MAX_KEY_BYTES {
            let message = format!("the key has {} bytes, at most {MAX_KEY_BYTES} are stored", key.len());
            return Err(CacheError::too_large(operation, message).with("max-key-bytes", MAX_KEY_BYTES.to_string()));
        }
        Ok(self.folder.join(HEXLOWER.encode(&Sha256::digest(key.as_bytes()))))
    }

    fn temporary_path(&self) -> PathBuf {
        self.folder.join(format!(".{:032x}.tmp", rand::random::<u128>()))
    }

    fn check_writable(&self) -> Result<(), CacheError> {
        let probe = self.temporary_path();
        let written = create_new(&probe).and_then(|mut file| file.write_all(b"writable"));
        let removed = fs::remove_file(&probe);
        written.and(removed).map_err(|error| CacheError::from_io("open", &self.folder, &error))
    }

    /// Somebody else's folder could be changed under us; one of ours that others may
    /// enter is closed.
    fn check_owner(&self) -> Result<(), CacheError> {
        let failed = |error: io::Error| CacheError::from_io("open", &self.folder, &error);
        let found = fs::symlink_metadata(&self.folder).map_err(failed)?;
        let ours = nix::unistd::geteuid().as_raw();
        if !found.is_dir() || found.uid() != ours {
            let message = format!(
                "{} must be a directory that belongs to uid {ours}, and belongs to uid {}; remove it or configure another directory",
                self.folder.display(),
                found.uid()
            );
            return Err(CacheError::forbidden("open", message).with("path", self.folder.display().to_string()));
        }
        if found.mode() & 0o077 != 0 {
            fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
        Ok(())
    }

    /// Best effort: what is left stays out of the way.
    fn remove_abandoned(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_temporary = name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(".tmp"));
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|time| SystemTime::now().duration_since(time).ok());
            if is_temporary && age.is_some_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T, CacheError> + Send + 'static,
) -> Result<T, CacheError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(CacheError::other(operation, crate::Retry::Temporary, format!("the file task ended early: {error}")))
    })
}

fn check_directory(directory: &Path) -> Result<(), CacheError> {
    let plain = directory.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if directory.is_absolute() && plain && !directory.as_os_str().as_encoded_bytes().contains(&0) {
        return Ok(());
    }
    let message =
        format!("`{}` is not usable as a cache directory; give an absolute path without `..`", directory.display());
    Err(CacheError::configuration("open", message).with("path", directory.display().to_string()))
}

fn private_dir(path: &Path) -> Result<(), CacheError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            let message = format!("{} is not a directory; remove it or configure another one", path.display());
            CacheError::configuration("open", message).with("path", path.display().to_string())
        }
        _ => CacheError::from_io("open", path, &error),
    })
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn write_entry(path: &Path, key: &str, value: &[u8]) -> io::Result<()> {
    let key_length = u32::try_from(key.len()).map_err(io::Error::other)?;
    let mut header = Vec::with_capacity(HEADER_BYTES + key.len());
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&key_length.to_le_bytes());
    header.extend_from_slice(&(value.len() as u64).to_le_bytes());
    header.extend_from_slice(key.as_bytes());
    let mut file = create_new(path)?;
    file.write_all(&header)?;
    file.write_all(value)?;
    file.sync_all()
}

/// The key and the length of the value. An error is damage, unless it is `NotFound`.
fn read_header(file: &mut File) -> io::Result<(String, u64)> {
    let mut magic = [0; MAGIC.len()];
    let (mut key_length, mut value_length) = ([0; 4], [0; 8]);
    file.read_exact(&mut magic)?;
    if magic != *MAGIC {
        return Err(io::Error::other("it is not a cache entry"));
    }
    file.read_exact(&mut key_length)?;
    file.read_exact(&mut value_length)?;
    let key_length = u32::from_le_bytes(key_length) as usize;
    if key_length > MAX_KEY_BYTES {
        return Err(io::Error::other("the key's length makes no sense"));
    }
    let mut key = vec![0; key_length];
    file.read_exact(&mut key)?;
    let key = String::from_utf8(key).map_err(|_| io::Error::other("the key is not UTF-8"))?;
    Ok((key, u64::from_le_bytes(value_length)))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn damaged(operation: &str, path: &Path, error: &io::Error) -> CacheError {
    let message = format!("{} is damaged: {error}; invalidate the key or store it again", path.display());
    CacheError::integrity(operation, message).with("path", path.display().to_string())
}

fn is_entry_name(name: &std::ffi::OsStr) -> bool {
    name.len() == 64 && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests;

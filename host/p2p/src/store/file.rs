//! The file of a store: made whole, private, and verified when it is opened.

use super::{ENTRIES, StoreError};
use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, StorageError};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Opens the file at `path`, or makes it.
///
/// # Errors
/// `Open`, or `Damaged` when a page is not what was written.
pub(super) fn open(builder: &Builder, path: &Path) -> Result<Database, StoreError> {
    let failed = |reason: String| StoreError::Open { path: path.into(), reason };
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(|e| failed(e.to_string()))?;
    }
    if !path.exists() {
        make(builder, path).map_err(|e| failed(e.to_string()))?;
    }
    let file = private(OpenOptions::new().read(true).write(true), path).map_err(|e| failed(e.to_string()))?;
    let backend = FileBackend::new(file).map_err(|e| failed(e.to_string()))?;
    builder.create_with_backend(backend).map_err(|error| match error {
        DatabaseError::Storage(StorageError::Corrupted(reason)) => StoreError::Damaged { path: path.into(), reason },
        other => failed(other.to_string()),
    })
}

/// Makes the file beside and links it into place: one that a crash left half made
/// would never open. An existing one is never replaced.
fn make(builder: &Builder, path: &Path) -> Result<(), redb::Error> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let beginning = half_made(path);
    for stale in fs::read_dir(parent)?.flatten() {
        // Two peers that start on one folder for the first time: one of them fails, and says so.
        if stale.file_name().to_string_lossy().starts_with(&beginning) {
            fs::remove_file(stale.path())?;
        }
    }
    let beside = parent.join(format!("{beginning}{:016x}", rand::random::<u64>()));
    let made = (|| {
        let file = private(OpenOptions::new().read(true).write(true).create_new(true), &beside)?;
        let database = builder.create_with_backend(FileBackend::new(file)?)?;
        let transaction = database.begin_write()?;
        transaction.open_table(ENTRIES)?;
        transaction.commit()?;
        drop(database);
        match fs::hard_link(&beside, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
            _ => Ok(File::open(parent)?.sync_all()?),
        }
    })();
    let _ = fs::remove_file(&beside);
    made
}

/// How the name of a file begins that is not yet the one at `path`.
fn half_made(path: &Path) -> String {
    format!("{}.new-", path.file_name().unwrap_or_default().to_string_lossy())
}

/// For this user alone. Entries are sealed, but who may read them may also guess at
/// their secret without anybody noticing.
fn private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(test)]
mod tests;

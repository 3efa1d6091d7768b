use super::{StoreError, fault, file, lock};
use redb::backends::InMemoryBackend;
use redb::{Database, ReadTransaction, ReadableDatabase as _, TableDefinition, WriteTransaction};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

/// Memory that redb may keep pages in; its own default is 1 GiB.
const PAGES: usize = 64 * 1024 * 1024;
/// What is written to see whether writing works.
const TRIAL: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("trial");
/// Its size: less might fit in a page that the file has to spare.
const TRIAL_BYTES: usize = 64 * 1024;

/// The database: one file, or memory. Knows whether its last use went well.
pub(super) struct Disk {
    /// None for memory, which cannot be opened again.
    path: Option<PathBuf>,
    /// None after a failure, when it could not be opened again.
    database: RwLock<Option<Database>>,
    trouble: Mutex<Option<String>>,
}

impl Disk {
    pub(super) fn open(path: Option<&Path>) -> Result<Self, StoreError> {
        let database = match path {
            Some(path) => file::open(&builder(), path)?,
            None => builder().create_with_backend(InMemoryBackend::new()).map_err(fault)?,
        };
        Ok(Self { path: path.map(Path::to_path_buf), database: RwLock::new(Some(database)), trouble: Mutex::default() })
    }

    /// Reads at one moment of the database.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let outcome = match database.as_ref() {
            Some(database) => database.begin_read().map_err(fault).and_then(|transaction| work(&transaction)),
            None => Err(StoreError::Closed),
        };
        // A read that succeeds says nothing about a write that failed.
        outcome.inspect_err(|error| self.note(Some(error)))
    }

    /// Writes, and commits durably: redb syncs the file before this returns.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let outcome = match database.as_ref() {
            Some(database) => write(database, work),
            None => Err(StoreError::Closed),
        };
        self.note(outcome.as_ref().err());
        outcome
    }

    fn note(&self, failure: Option<&StoreError>) {
        let mut trouble = lock(&self.trouble);
        match failure {
            // What follows the first failure says only that there was one.
            Some(_) if trouble.is_some() => {}
            Some(error) => *trouble = Some(error.to_string()),
            None => *trouble = None,
        }
    }

    pub(super) fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    /// As if a write had failed.
    #[cfg(test)]
    pub(super) fn fail_for_test(&self) {
        *lock(&self.trouble) = Some("made to fail by a test".into());
    }

    /// As if a failure had left it closed.
    #[cfg(test)]
    pub(super) fn close_for_test(&self) {
        drop(self.database.write().unwrap_or_else(PoisonError::into_inner).take());
        self.fail_for_test();
    }

    /// Opens the file again, and shows that it takes new pages.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.path {
            // The lock on the file has to go before it can be had again.
            drop(database.take());
            *database = Some(file::open(&builder(), path)?);
        }
        let Some(open) = database.as_ref() else { return Err(StoreError::Closed) };
        write(open, |transaction| {
            let mut table = transaction.open_table(TRIAL).map_err(fault)?;
            table.insert(0, [0; TRIAL_BYTES].as_slice()).map_err(fault)?;
            Ok(())
        })?;
        write(open, |transaction| transaction.delete_table(TRIAL).map(drop).map_err(fault))
    }
}

fn write<T>(
    database: &Database,
    work: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = database.begin_write().map_err(fault)?;
    let done = work(&transaction)?;
    transaction.commit().map_err(fault)?;
    Ok(done)
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(PAGES).set_check_integrity_on_open(true);
    builder
}

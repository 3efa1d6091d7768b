use crate::adapter::from_error;
use crate::bindings::adapter::seaworthy::cache::storage;
use crate::bindings::wit_cache::types::CacheError as WitError;
use crate::state::State;
use crate::tape::through;
use seaworthy_cache::{CacheError, Storage};
use std::path::Path;

type Answer<T> = wasmtime::Result<Result<T, WitError>>;

impl storage::Host for State {
    async fn open(&mut self, directory: String) -> Answer<()> {
        through!(self, "cache/storage.open", [directory], {
            let grants = &self.scope.step.grants.read;
            if !grants.iter().any(|grant| Path::new(grant.trim_end_matches("/**")) == Path::new(&directory)) {
                let failure = self.scope.step.deny("read", &directory);
                return Ok(Err(from_error(CacheError::denied("open", failure.message))));
            }
            Ok(match Storage::open(Path::new(&directory)).await {
                Ok(opened) => {
                    self.storage = Some(opened);
                    Ok(())
                }
                Err(error) => Err(from_error(error)),
            })
        })
    }

    async fn get(&mut self, key: String) -> Answer<Option<Vec<u8>>> {
        through!(self, "cache/storage.get", [key], {
            Ok(match self.opened("get") {
                Ok(storage) => storage.get(&key).await.map_err(from_error),
                Err(error) => Err(from_error(error)),
            })
        })
    }

    async fn put(&mut self, key: String, value: Vec<u8>) -> Answer<()> {
        through!(self, "cache/storage.put", [key, value], {
            Ok(match self.opened("put") {
                Ok(storage) => storage.put(&key, value).await.map_err(from_error),
                Err(error) => Err(from_error(error)),
            })
        })
    }

    async fn delete(&mut self, key: String) -> Answer<()> {
        through!(self, "cache/storage.delete", [key], {
            Ok(match self.opened("delete") {
                Ok(storage) => storage.delete(&key).await.map_err(from_error),
                Err(error) => Err(from_error(error)),
            })
        })
    }

    async fn list(&mut self, prefix: String, limit: u32) -> Answer<Vec<String>> {
        through!(self, "cache/storage.list", [prefix, limit], {
            Ok(match self.opened("list") {
                Ok(storage) => {
                    storage.list(&prefix, usize::try_from(limit).unwrap_or(usize::MAX)).await.map_err(from_error)
                }
                Err(error) => Err(from_error(error)),
            })
        })
    }
}

impl State {
    fn opened(&self, operation: &str) -> Result<&Storage, CacheError> {
        self.storage
            .as_ref()
            .ok_or_else(|| CacheError::configuration(operation, "the adapter used its storage before opening it"))
    }
}

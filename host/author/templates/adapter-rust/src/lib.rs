//! A cache behind plain HTTP: GET, PUT, HEAD and DELETE of one URL a key.

mod store;

use seaworthy_adapter_sdk::{Adapter, Blob, CacheError, Capability, Config, Entry, http};
use store::{Store, Thing};

// `DESCRIPTOR`, made from adapter.toml.
seaworthy_adapter_sdk::descriptor!();

struct Web(Store);

impl Adapter for Web {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn open(config: &Config) -> Result<(Self, Capability), CacheError> {
        let timeout = config.number("timeout-ms")?.unwrap_or(5000);
        let store = Store::new(config.required("url")?, u32::try_from(timeout).unwrap_or(u32::MAX));
        Ok((Self(store), Capability::of(&["get", "put", "stat", "invalidate"]).with_property("shared")))
    }

    fn get(&mut self, key: &str) -> Result<Option<Blob>, CacheError> {
        let answer = self.send("get", "GET", key, Vec::new())?;
        if answer.as_ref().is_some_and(|answer| answer.truncated) {
            return Err(CacheError::too_large("get", format!("the value at {} is too large", self.0.url(key))));
        }
        Ok(answer.map(|answer| Blob::new(answer.body)))
    }

    fn put(&mut self, key: &str, value: Blob) -> Result<(), CacheError> {
        match self.send("put", "PUT", key, value.bytes)? {
            Some(_) => Ok(()),
            None => Err(CacheError::configuration("put", format!("there is no {} to put into", self.0.url("")))),
        }
    }

    fn stat(&mut self, key: &str) -> Result<Option<Entry>, CacheError> {
        let answer = self.send("stat", "HEAD", key, Vec::new())?;
        Ok(answer.map(|answer| Entry::new(key, store::length(&answer.headers))))
    }

    fn invalidate(&mut self, key: &str) -> Result<(), CacheError> {
        // What is not there need not be removed.
        self.send("invalidate", "DELETE", key, Vec::new()).map(|_| ())
    }
}

impl Web {
    /// The answer to one request; `None` when the key is not there.
    fn send(
        &self,
        operation: &str,
        method: &str,
        key: &str,
        body: Vec<u8>,
    ) -> Result<Option<http::Response>, CacheError> {
        let request = http::Request {
            method: method.into(),
            url: self.0.url(key),
            headers: Vec::new(),
            body,
            timeout: self.0.timeout,
            max_body: store::MOST_BYTES,
            proxy: "environment".into(),
        };
        let url = request.url.clone();
        let Some(seen) = http::send(&[request]).pop() else {
            return Err(CacheError::new("other", "permanent", operation, "the host gave no answer"));
        };
        let response = match seen.outcome {
            Ok(response) => response,
            Err(failure) => {
                return Err(store::unanswered(operation, &failure.kind, format!("{url}: {}", failure.message)));
            }
        };
        match store::judge(operation, &url, response.status, store::retry_after(&response.headers))? {
            Thing::There => Ok(Some(response)),
            Thing::Absent => Ok(None),
        }
    }
}

seaworthy_adapter_sdk::export_adapter!(Web);

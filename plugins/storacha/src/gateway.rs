use crate::config::Settings;
use crate::{MAX_BLOB_BYTES, error};
use seaworthy_adapter_sdk::{CacheError, http};
use storacha_client::{Cid, gateway, raw_cid};

/// The place that blobs are read from. It is not trusted.
pub(crate) struct Gateway {
    address: String,
    timeout: u32,
}

/// What it said of a blob.
pub(crate) enum Answer {
    /// The blob; it is the one of the CID.
    Blob(Vec<u8>),
    /// It does not find it, which it also says of what it did not look for long enough.
    NotFound,
}

impl Gateway {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { address: settings.gateway.clone(), timeout: settings.timeout }
    }

    /// Reads a blob and hashes it.
    pub(crate) fn read(&self, operation: &str, digest: &[u8; 32]) -> Result<Answer, CacheError> {
        let (cid, response) = self.ask(operation, "GET", digest)?;
        let Some(response) = response else { return Ok(Answer::NotFound) };
        if response.truncated {
            let message =
                format!("{} answers with more than the largest blob has; it is not the content of {cid}", self.address);
            return Err(CacheError::integrity(operation, message).with("cid", cid.to_string()));
        }
        gateway::verify(&cid, &response.body).map_err(|wrong| {
            let message = format!(
                "{} answered with something else: {wrong}; another gateway may have it unchanged",
                self.address
            );
            CacheError::integrity(operation, message).with("cid", cid.to_string())
        })?;
        Ok(Answer::Blob(response.body))
    }

    /// Whether it finds a blob, without reading it.
    pub(crate) fn has(&self, operation: &str, digest: &[u8; 32]) -> Result<bool, CacheError> {
        Ok(self.ask(operation, "HEAD", digest)?.1.is_some())
    }

    /// The error of a blob that the space holds and the gateway does not find.
    pub(crate) fn lags(&self, operation: &str, digest: &[u8; 32]) -> CacheError {
        let message = format!(
            "{} does not find a blob that the space holds; it may come later, or this gateway does not serve the space",
            self.address
        );
        self.missing(operation, digest, message)
    }

    /// The error of a blob of which nobody can be asked.
    pub(crate) fn unknown(&self, operation: &str, digest: &[u8; 32]) -> CacheError {
        let message = format!(
            "{} does not find a blob that the index names; whether it was removed can only be asked with an agent",
            self.address
        );
        self.missing(operation, digest, message)
    }

    fn missing(&self, operation: &str, digest: &[u8; 32], message: String) -> CacheError {
        let error = CacheError::unreachable(operation, message).with("address", &self.address);
        match raw_cid(digest) {
            Ok(cid) => error.with("cid", cid.to_string()),
            Err(_) => error,
        }
    }

    fn ask(
        &self,
        operation: &str,
        method: &str,
        digest: &[u8; 32],
    ) -> Result<(Cid, Option<http::Response>), CacheError> {
        let cid = raw_cid(digest).map_err(|wrong| error::internal(operation, &wrong))?;
        let request = http::Request {
            method: method.into(),
            url: gateway::url(&self.address, &cid),
            headers: vec![(gateway::ACCEPT.0.into(), gateway::ACCEPT.1.into())],
            body: Vec::new(),
            timeout: self.timeout,
            max_body: u32::try_from(MAX_BLOB_BYTES).unwrap_or(u32::MAX),
            proxy: "environment".into(),
        };
        let response = error::send(operation, request)?;
        match response.status {
            200 => Ok((cid, Some(response))),
            404 => Ok((cid, None)),
            _ => Err(error::status(operation, &self.address, &response)),
        }
    }
}

//! The cache over HTTP: what is asked, and what its answers mean.

use seaworthy_adapter_sdk::authorized_http::{self, Authorized, Header};
use seaworthy_adapter_sdk::bindings::seaworthy::types::types::Failure;
use seaworthy_adapter_sdk::credentials::Piece;
use seaworthy_adapter_sdk::http::{Request, Response};
use seaworthy_adapter_sdk::{CacheError, Config};

/// Bytes of an entry of /ac at most; ours have some two hundred.
const MOST_ENTRY: u32 = 64 << 10;
const DEFAULT_TIMEOUT_MS: u32 = 5000;

/// Where a cache is, and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cache {
    url: String,
    /// Label of the credentials.
    authorization: Option<String>,
    timeout: u32,
}

/// The two halves of such a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    /// Results of actions.
    Ac,
    /// Blobs by what they hash to.
    Cas,
}

impl Cache {
    pub(crate) fn read(config: &Config) -> Result<Self, CacheError> {
        let timeout = config.number("timeout-ms")?.map(|ms| u32::try_from(ms).unwrap_or(u32::MAX));
        Ok(Self {
            url: config.required("url")?.trim_end_matches('/').into(),
            authorization: config.text("credentials.authorization").map(str::to_owned),
            timeout: timeout.unwrap_or(DEFAULT_TIMEOUT_MS),
        })
    }

    /// What is at a name; `None` where there is nothing.
    pub(crate) fn get(
        &self,
        operation: &str,
        half: Half,
        name: &str,
        most: u64,
    ) -> Result<Option<Vec<u8>>, CacheError> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let response = self.ask(operation, "GET", half, name, Vec::new(), most)?;
        match response.status {
            404 => Ok(None),
            _ if response.status != 200 => Err(refused(operation, &response)),
            _ if response.truncated => {
                Err(CacheError::integrity(operation, "the cache answers with more than was stored"))
            }
            _ => Ok(Some(response.body)),
        }
    }

    /// An entry of /ac; `None` where there is none.
    pub(crate) fn entry(&self, operation: &str, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.get(operation, Half::Ac, name, MOST_ENTRY.into())
    }

    /// Whether there is something.
    pub(crate) fn has(&self, operation: &str, half: Half, name: &str) -> Result<bool, CacheError> {
        let response = self.ask(operation, "HEAD", half, name, Vec::new(), 0)?;
        match response.status {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(refused(operation, &response)),
        }
    }

    pub(crate) fn put(&self, operation: &str, half: Half, name: &str, body: Vec<u8>) -> Result<(), CacheError> {
        let response = self.ask(operation, "PUT", half, name, body, 4096)?;
        if (200..300).contains(&response.status) { Ok(()) } else { Err(refused(operation, &response)) }
    }

    fn ask(
        &self,
        operation: &str,
        method: &str,
        half: Half,
        name: &str,
        body: Vec<u8>,
        max_body: u32,
    ) -> Result<Response, CacheError> {
        let folder = if half == Half::Ac { "/ac/" } else { "/cas/" };
        let headers = self.authorization.iter().map(|label| Header {
            name: "authorization".into(),
            value: vec![
                Piece { bytes: b"Basic ".to_vec(), secret: None, encoding: "text".into() },
                Piece { bytes: Vec::new(), secret: Some(label.clone()), encoding: "base64".into() },
            ],
        });
        let request = Request {
            method: method.into(),
            url: [&self.url, folder, name].concat(),
            headers: vec![("accept".into(), "application/octet-stream".into())],
            body,
            timeout: self.timeout,
            max_body,
            proxy: "direct".into(),
        };
        let authorized = Authorized { request, headers: headers.collect() };
        let seen = authorized_http::send(&[authorized]).into_iter().next();
        let seen = seen.ok_or_else(|| CacheError::new("other", "temporary", operation, "the host answered nothing"))?;
        seen.outcome.map_err(|failure| failed(operation, &failure))
    }
}

/// No answer came.
fn failed(operation: &str, failure: &Failure) -> CacheError {
    let message = failure.message.as_str();
    let error = match failure.kind.as_str() {
        "timeout" => CacheError::timed_out(operation, message),
        "denied" => CacheError::new("denied", "permanent", operation, message),
        "not-found" if failure.stage == "secret" => CacheError::unauthenticated(operation, message),
        "invalid" => CacheError::configuration(operation, message),
        _ => CacheError::unreachable(operation, message),
    };
    error.with("failure", failure.kind.as_str()).with("stage", failure.stage.as_str())
}

/// An answer that is neither what was asked for nor its absence.
fn refused(operation: &str, response: &Response) -> CacheError {
    let header = |name: &str| {
        let found = response.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    let said = String::from_utf8_lossy(response.body.get(..200).unwrap_or(&response.body)).trim().to_owned();
    let status = response.status.to_string();
    let message = format!("the cache answers with status {status}: {said}");
    let error = match response.status {
        401 | 407 => CacheError::unauthenticated(operation, message),
        403 => CacheError::forbidden(operation, message),
        413 => CacheError::too_large(operation, message),
        429 => {
            let seconds: Option<u32> = header("retry-after").and_then(|text| text.trim().parse().ok());
            CacheError::rate_limited(operation, message, seconds.map(|seconds| seconds.saturating_mul(1000)))
        }
        507 => CacheError::new("no-space", "persistent", operation, message),
        502..=504 => CacheError::unreachable(operation, message),
        500.. => CacheError::new("other", "temporary", operation, message),
        300..=399 => {
            let to = header("location").unwrap_or_default();
            CacheError::configuration(operation, format!("the cache sends clients to {to}; name that address"))
        }
        _ => CacheError::configuration(operation, format!("{message}; is the URL that of a cache of Bazel?")),
    };
    error.with("status", status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (body, remote) = (b"why".to_vec(), String::new());
        Response { status, headers, body, truncated: false, remote, details: Vec::new() }
    }

    #[test]
    fn every_refusal_has_its_kind() {
        for (status, kind, retry) in [
            (401, "unauthenticated", "permanent"),
            (403, "forbidden", "permanent"),
            (405, "configuration", "permanent"),
            (413, "too-large", "permanent"),
            (302, "configuration", "permanent"),
            (500, "other", "temporary"),
            (503, "unreachable", "temporary"),
            (507, "no-space", "persistent"),
        ] {
            let error = refused("get", &response(status, &[]));
            assert_eq!((error.kind.as_str(), error.retry.as_str()), (kind, retry), "{status}");
        }
        let limited = refused("put", &response(429, &[("Retry-After", "37")]));
        assert_eq!((limited.kind.as_str(), limited.retry_after), ("rate-limited", Some(37_000)));
    }

    #[test]
    fn every_failure_has_its_kind() {
        for (kind, stage, expected) in [
            ("timeout", "head", "timed-out"),
            ("denied", "grant", "denied"),
            ("not-found", "secret", "unauthenticated"),
            ("connection-refused", "connect", "unreachable"),
            ("closed", "body", "unreachable"),
            ("invalid", "parse", "configuration"),
        ] {
            let (kind, stage, details) = (kind.into(), stage.into(), Vec::new());
            let failure = Failure { kind, stage, os_code: None, message: "m".into(), details };
            assert_eq!(failed("get", &failure).kind, expected);
        }
    }

    #[test]
    fn settings_are_read() {
        let config = r#"{"url":"http://cache.test:8080/main/","credentials":{"authorization":"bazel"},"timeout-ms":7}"#;
        let cache = Cache::read(&Config::parse(config).unwrap()).unwrap();
        let expected =
            Cache { url: "http://cache.test:8080/main".into(), authorization: Some("bazel".into()), timeout: 7 };
        assert_eq!(cache, expected);
        assert_eq!(Cache::read(&Config::parse("{}").unwrap()).unwrap_err().kind, "configuration");
    }
}

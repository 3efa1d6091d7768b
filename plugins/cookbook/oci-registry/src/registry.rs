//! The registry over HTTP (OCI distribution specification, 1.1): what is asked, and what its
//! answers mean.

use crate::manifest::MEDIA_TYPE;
use seaworthy_adapter_sdk::authorized_http::{self, Authorized, Header};
use seaworthy_adapter_sdk::bindings::seaworthy::types::types::Failure;
use seaworthy_adapter_sdk::credentials::Piece;
use seaworthy_adapter_sdk::http::{Request, Response};
use seaworthy_adapter_sdk::{CacheError, Config};

const MOST_MANIFEST: u32 = 64 << 10;
const DEFAULT_TIMEOUT_MS: u32 = 5000;

/// A repository, and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registry {
    /// Without a slash at its end.
    url: String,
    repository: String,
    /// Label of the credentials.
    authorization: Option<String>,
    timeout: u32,
}

/// One request.
struct Ask<'a> {
    operation: &'a str,
    method: &'a str,
    url: String,
    body: Vec<u8>,
    content_type: &'a str,
    most: u32,
}

impl Registry {
    pub(crate) fn read(config: &Config) -> Result<Self, CacheError> {
        let timeout = config.number("timeout-ms")?.map(|ms| u32::try_from(ms).unwrap_or(u32::MAX));
        Ok(Self {
            url: config.required("url")?.trim_end_matches('/').into(),
            repository: config.required("repository")?.into(),
            authorization: config.text("credentials.authorization").map(str::to_owned),
            timeout: timeout.unwrap_or(DEFAULT_TIMEOUT_MS),
        })
    }

    /// Whether a registry answers, and takes the credentials.
    pub(crate) fn hello(&self, operation: &str) -> Result<(), CacheError> {
        let url = [&self.url, "/v2/"].concat();
        let response = self.send(Ask::of(operation, "GET", url))?;
        let json = response.body.trim_ascii() == b"{}" || response.header("docker-distribution-api-version").is_some();
        match response.status {
            200 if json => Ok(()),
            200 => Err(CacheError::configuration(operation, "what answers at /v2/ is no registry")),
            _ => Err(refused(operation, &response)),
        }
    }

    /// A manifest by its tag; `None` where there is none.
    pub(crate) fn manifest(&self, operation: &str, tag: &str) -> Result<Option<Found>, CacheError> {
        let ask = Ask { most: MOST_MANIFEST, ..Ask::of(operation, "GET", self.at("manifests", tag)) };
        let response = self.send(ask)?;
        match response.status {
            200 => {
                let digest = response.header("docker-content-digest").map(str::to_owned);
                Ok(Some(Found { body: response.body, digest }))
            }
            404 => Ok(None),
            _ => Err(refused(operation, &response)),
        }
    }

    pub(crate) fn put_manifest(&self, operation: &str, tag: &str, body: Vec<u8>) -> Result<(), CacheError> {
        let ask = Ask { body, content_type: MEDIA_TYPE, ..Ask::of(operation, "PUT", self.at("manifests", tag)) };
        let response = self.send(ask)?;
        if response.status == 201 { Ok(()) } else { Err(refused(operation, &response)) }
    }

    /// Removes a manifest by its digest; whether the registry does that at all.
    pub(crate) fn delete_manifest(&self, operation: &str, digest: &str) -> Result<bool, CacheError> {
        let response = self.send(Ask::of(operation, "DELETE", self.at("manifests", digest)))?;
        match response.status {
            202 | 200 | 204 | 404 => Ok(true),
            // UNSUPPORTED: deleting is switched off.
            405 | 400 => Ok(false),
            _ => Err(refused(operation, &response)),
        }
    }

    /// A blob; `None` where there is none.
    pub(crate) fn blob(&self, operation: &str, digest: &str, most: u64) -> Result<Option<Vec<u8>>, CacheError> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let response = self.send(Ask { most, ..Ask::of(operation, "GET", self.at("blobs", digest)) })?;
        match response.status {
            200 if response.truncated => {
                Err(CacheError::integrity(operation, "the registry answers with more than was stored"))
            }
            200 => Ok(Some(response.body)),
            404 => Ok(None),
            _ => Err(refused(operation, &response)),
        }
    }

    pub(crate) fn has_blob(&self, operation: &str, digest: &str) -> Result<bool, CacheError> {
        let response = self.send(Ask::of(operation, "HEAD", self.at("blobs", digest)))?;
        match response.status {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(refused(operation, &response)),
        }
    }

    /// Stores a blob: a place is asked for, and all of it put there.
    pub(crate) fn put_blob(&self, operation: &str, digest: &str, body: Vec<u8>) -> Result<(), CacheError> {
        let begun = self.send(Ask::of(operation, "POST", self.at("blobs", "uploads/")))?;
        if begun.status != 202 {
            return Err(refused(operation, &begun));
        }
        let location = begun.header("location").unwrap_or_default();
        let place = self.place(location).ok_or_else(|| {
            let message = ["the registry wants uploads at ", location, ", which is not its own address"].concat();
            CacheError::configuration(operation, message)
        })?;
        let joint = if place.contains('?') { "&digest=" } else { "?digest=" };
        let url = [&place, joint, digest].concat();
        let ask = Ask { body, content_type: "application/octet-stream", ..Ask::of(operation, "PUT", url) };
        let response = self.send(ask)?;
        if response.status == 201 { Ok(()) } else { Err(refused(operation, &response)) }
    }

    /// Where an upload goes, if that is this registry.
    fn place(&self, location: &str) -> Option<String> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Some([&self.url, location].concat());
        }
        let inside = location.strip_prefix(&self.url).is_some_and(|rest| rest.starts_with('/'));
        inside.then(|| location.to_owned())
    }

    fn at(&self, kind: &str, name: &str) -> String {
        [&self.url, "/v2/", &self.repository, "/", kind, "/", name].concat()
    }

    fn send(&self, ask: Ask<'_>) -> Result<Response, CacheError> {
        let operation = ask.operation;
        let mut headers = vec![("accept".to_owned(), MEDIA_TYPE.to_owned())];
        if !ask.content_type.is_empty() {
            headers.push(("content-type".into(), ask.content_type.into()));
        }
        let authorization = self.authorization.iter().map(|label| Header {
            name: "authorization".into(),
            value: vec![
                Piece { bytes: b"Basic ".to_vec(), secret: None, encoding: "text".into() },
                Piece { bytes: Vec::new(), secret: Some(label.clone()), encoding: "base64".into() },
            ],
        });
        let request = Request {
            method: ask.method.into(),
            url: ask.url,
            headers,
            body: ask.body,
            timeout: self.timeout,
            max_body: ask.most,
            proxy: "direct".into(),
        };
        let authorized = Authorized { request, headers: authorization.collect() };
        let seen = authorized_http::send(&[authorized]).into_iter().next();
        let seen = seen.ok_or_else(|| CacheError::new("other", "temporary", operation, "the host answered nothing"))?;
        seen.outcome.map_err(|failure| failed(operation, &failure))
    }
}

/// A manifest, and the digest that the registry has for it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) body: Vec<u8>,
    pub(crate) digest: Option<String>,
}

impl<'a> Ask<'a> {
    fn of(operation: &'a str, method: &'a str, url: String) -> Self {
        Self { operation, method, url, body: Vec::new(), content_type: "", most: 4096 }
    }
}

trait Headers {
    fn header(&self, name: &str) -> Option<&str>;
}

impl Headers for Response {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
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
    let said = String::from_utf8_lossy(response.body.get(..200).unwrap_or(&response.body)).trim().to_owned();
    let status = response.status.to_string();
    let message = format!("the registry answers with status {status}: {said}");
    let error = match response.status {
        401 if response.header("www-authenticate").is_some_and(|kind| kind.starts_with("Bearer")) => {
            let message = format!("{message}; it wants a token from elsewhere, which this adapter does not fetch");
            CacheError::unauthenticated(operation, message)
        }
        401 | 407 => CacheError::unauthenticated(operation, message),
        403 => CacheError::forbidden(operation, message),
        413 => CacheError::too_large(operation, message),
        429 => {
            let seconds: Option<u32> = response.header("retry-after").and_then(|text| text.parse().ok());
            CacheError::rate_limited(operation, message, seconds.map(|seconds| seconds.saturating_mul(1000)))
        }
        507 => CacheError::new("no-space", "persistent", operation, message),
        502..=504 => CacheError::unreachable(operation, message),
        500.. => CacheError::new("other", "temporary", operation, message),
        300..=399 => {
            let to = response.header("location").unwrap_or_default();
            let message = format!("the registry sends clients to {to}; let it serve blobs itself (redirect: disable)");
            CacheError::configuration(operation, message)
        }
        _ => CacheError::configuration(operation, message),
    };
    error.with("status", status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        let config = r#"{"url":"http://registry.test:5000/","repository":"ci/cache","timeout-ms":7}"#;
        Registry::read(&Config::parse(config).unwrap()).unwrap()
    }

    fn response(status: u16, headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (body, remote) = (b"why".to_vec(), String::new());
        Response { status, headers, body, truncated: false, remote, details: Vec::new() }
    }

    #[test]
    fn uploads_go_to_the_registry_and_nowhere_else() {
        let place = |location: &str| registry().place(location);
        assert_eq!(place("/v2/x/uploads/1?s=2").as_deref(), Some("http://registry.test:5000/v2/x/uploads/1?s=2"));
        assert_eq!(place("http://registry.test:5000/v2/x").as_deref(), Some("http://registry.test:5000/v2/x"));
        for elsewhere in ["http://evil.test/v2/x", "//evil.test/x", "http://registry.test:50001/x", "", "x"] {
            assert_eq!(place(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn names_are_below_the_repository() {
        assert_eq!(registry().at("blobs", "sha256:1"), "http://registry.test:5000/v2/ci/cache/blobs/sha256:1");
    }

    #[test]
    fn every_refusal_has_its_kind() {
        for (status, kind, retry) in [
            (401, "unauthenticated", "permanent"),
            (403, "forbidden", "permanent"),
            (404, "configuration", "permanent"),
            (307, "configuration", "permanent"),
            (413, "too-large", "permanent"),
            (500, "other", "temporary"),
            (503, "unreachable", "temporary"),
        ] {
            let error = refused("get", &response(status, &[]));
            assert_eq!((error.kind.as_str(), error.retry.as_str()), (kind, retry), "{status}");
        }
        let limited = refused("put", &response(429, &[("Retry-After", "37")]));
        assert_eq!((limited.kind.as_str(), limited.retry_after), ("rate-limited", Some(37_000)));
        let token = refused("open", &response(401, &[("www-authenticate", "Bearer realm=\"https://auth\"")]));
        assert!(token.message.contains("token from elsewhere"), "{}", token.message);
    }
}

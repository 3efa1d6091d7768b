//! An HTTP API as a place to read values from: the GitHub REST API, or any other.
//!
//! Sans-I/O: this crate makes requests as data and reads answers as data. Its adapter
//! and its check send them. Pagination is left alone: a page is a value like any other,
//! and `Link` is among its metadata.

#![deny(missing_docs)]

mod answer;
mod base;
mod freshness;
mod headers;
mod limits;
mod refusal;

pub use answer::{Answer, Value, read};
pub use base::{Base, WrongBase, WrongKey};
pub use freshness::Freshness;
pub use headers::{Headers, header, http_date};
pub use limits::RateLimit;
pub use refusal::{Refusal, Refused};

/// The version of the GitHub REST API that is asked for; another API ignores it.
pub const GITHUB_API_VERSION: &str = "2022-11-28";

/// What identifies a version of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// ETag, as it came.
    pub etag: Option<String>,
    /// Last-Modified, as it came.
    pub last_modified: Option<String>,
}

impl Validators {
    /// Those of an answer.
    #[must_use]
    pub fn of(headers: &Headers) -> Self {
        let text = |name: &str| header(headers, name).map(str::to_owned);
        Self { etag: text("etag"), last_modified: text("last-modified") }
    }

    /// Whether there is one to ask with.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// The headers of a request for a value, without those that hold a secret.
///
/// *Behaviour*: with `known`, a value that did not change is answered by 304 without
/// itself; at GitHub that does not count against the rate limit.
#[must_use]
pub fn request_headers(known: Option<&Validators>) -> Vec<(String, String)> {
    let mut headers = vec![
        ("accept".to_owned(), "application/vnd.github+json, application/json;q=0.9, */*;q=0.8".to_owned()),
        ("x-github-api-version".to_owned(), GITHUB_API_VERSION.to_owned()),
    ];
    if let Some(known) = known {
        headers.extend(known.etag.iter().map(|etag| ("if-none-match".to_owned(), etag.clone())));
        headers.extend(known.last_modified.iter().map(|date| ("if-modified-since".to_owned(), date.clone())));
    }
    headers
}

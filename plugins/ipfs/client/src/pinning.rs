//! The vendor-neutral Pinning Service API: a service keeps what a CID names.
//!
//! Source: <https://ipfs.github.io/pinning-services-api-spec/> 1.0.0.

use crate::refusal::short;
use crate::{Cid, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Origins that one pin may name (`maxItems` of the specification).
const MOST_ORIGINS: usize = 20;

/// What the service has of one pin.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct PinStatus {
    /// Names the pin to the service.
    pub requestid: String,
    /// How far it is.
    pub status: State,
    /// The content.
    pub pin: Pin,
    /// Peers of the service, which fetch it; to be connected to.
    #[serde(default)]
    pub delegates: Vec<String>,
    /// Free text by the service: why it failed, at what place in the queue it is.
    #[serde(default)]
    pub info: std::collections::BTreeMap<String, String>,
}

/// How far a pin is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Could not be done; `info` may say why.
    Failed,
    /// Waits.
    Queued,
    /// Is being fetched.
    Pinning,
    /// Is kept.
    Pinned,
}

impl State {
    /// The specification's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Queued => "queued",
            Self::Pinning => "pinning",
            Self::Pinned => "pinned",
        }
    }
}

/// What is to be kept.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Pin {
    /// The content, as the service writes it.
    pub cid: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Multiaddrs where it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
}

/// A page of pins.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct PinResults {
    /// How many there are in all.
    pub count: u64,
    /// The newest of them.
    pub results: Vec<PinStatus>,
}

/// Why the service did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinRefusal {
    /// 401 or 403: the token is missing, wrong, expired, or not for this.
    Unauthorized(String),
    /// 409, 402, or 400 and 403 with a reason that says so: quota or money is used up.
    Quota(String),
    /// 404: there is no such pin, or, where one asks for all of them, no such service.
    Absent(String),
    /// 429.
    RateLimited(String),
    /// 5xx of the service.
    Unavailable(u16, String),
    /// 400 and the like.
    Invalid(u16, String),
    /// What answers is no pinning service.
    Stranger(u16),
}

impl fmt::Display for PinRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized(text) => write!(f, "the pinning service does not accept the token: {text}"),
            Self::Quota(text) => write!(f, "the quota at the pinning service is used up: {text}"),
            Self::Absent(text) => write!(f, "the pinning service knows no such pin: {text}"),
            Self::RateLimited(text) => write!(f, "the pinning service asks for patience: {text}"),
            Self::Unavailable(status, text) => write!(f, "the pinning service failed with status {status}: {text}"),
            Self::Invalid(status, text) => {
                write!(f, "the pinning service refused the request with status {status}: {text}")
            }
            Self::Stranger(status) => {
                write!(
                    f,
                    "what answers with status {status} is no pinning service; check the URL (it often ends in /psa)"
                )
            }
        }
    }
}

/// A method of HTTP and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// What is sent.
    pub request: Request,
}

fn question(method: &'static str, url: String, body: Vec<u8>) -> Question {
    let content_type = (!body.is_empty()).then(|| "application/json".to_owned());
    Question { method, request: Request { url, content_type, body } }
}

/// Asks a service to keep a CID that `origins` have. At most 20 of them are named.
#[must_use]
pub fn add(service: &str, cid: &Cid, name: &str, origins: &[String]) -> Question {
    let pin = Pin {
        cid: cid.to_string(),
        name: Some(name.to_owned()),
        origins: origins.iter().take(MOST_ORIGINS).cloned().collect(),
    };
    question("POST", pins(service), serde_json::to_vec(&pin).unwrap_or_default())
}

/// Asks for what the service has of a CID, in whatever state: without `status` only what
/// is pinned is listed.
#[must_use]
pub fn of(service: &str, cid: &Cid) -> Question {
    question("GET", format!("{}?cid={cid}&status=queued,pinning,pinned,failed&limit=10", pins(service)), Vec::new())
}

/// Asks for the newest pins in a state.
#[must_use]
pub fn in_state(service: &str, state: State, limit: u32) -> Question {
    question("GET", format!("{}?status={}&limit={limit}", pins(service), state.as_str()), Vec::new())
}

/// Asks to let go of a pin.
#[must_use]
pub fn remove(service: &str, requestid: &str) -> Question {
    let id = utf8_percent_encode(requestid, NON_ALPHANUMERIC);
    question("DELETE", format!("{}/{id}", pins(service)), Vec::new())
}

fn pins(service: &str) -> String {
    format!("{}/pins", service.trim().trim_end_matches('/'))
}

/// Reads the answer to [`add`].
///
/// # Errors
/// Why it is not even queued.
pub fn read_status(status: u16, body: &[u8]) -> Result<PinStatus, PinRefusal> {
    match status {
        200 | 202 => serde_json::from_slice(body).map_err(|_| PinRefusal::Stranger(status)),
        _ => Err(refusal(status, body)),
    }
}

/// Reads the answer to [`of`] and [`in_state`].
///
/// # Errors
/// Why there is no list.
pub fn read_results(status: u16, body: &[u8]) -> Result<PinResults, PinRefusal> {
    match status {
        200 => serde_json::from_slice(body).map_err(|_| PinRefusal::Stranger(status)),
        _ => Err(refusal(status, body)),
    }
}

/// Reads the answer to [`remove`]. A pin that is gone already is removed.
///
/// # Errors
/// Why it may still be kept.
pub fn read_removed(status: u16, body: &[u8]) -> Result<(), PinRefusal> {
    match status {
        200 | 202 | 204 => Ok(()),
        _ => match refusal(status, body) {
            PinRefusal::Absent(_) => Ok(()),
            refusal => Err(refusal),
        },
    }
}

/// `{"error": {"reason": "...", "details": "..."}}`.
#[derive(Deserialize)]
struct Told {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    reason: String,
    #[serde(default)]
    details: Option<String>,
}

fn refusal(status: u16, body: &[u8]) -> PinRefusal {
    let Ok(Told { error }) = serde_json::from_slice::<Told>(body) else {
        // A gateway before the service may answer without the service's form.
        return match status {
            401 | 403 => PinRefusal::Unauthorized(format!("status {status}")),
            429 => PinRefusal::RateLimited(format!("status {status}")),
            500..=599 => PinRefusal::Unavailable(status, short(&String::from_utf8_lossy(body))),
            _ => PinRefusal::Stranger(status),
        };
    };
    let details = error.details.filter(|text| !text.is_empty()).map(|text| format!(": {text}")).unwrap_or_default();
    let text = short(&format!("{}{details}", error.reason));
    let upper = error.reason.to_ascii_uppercase();
    let quota = ["INSUFFICIENT_FUNDS", "QUOTA", "PAYMENT", "LIMIT_EXCEEDED", "PLAN"].iter().any(|w| upper.contains(w));
    match status {
        402 | 409 => PinRefusal::Quota(text),
        400 | 403 | 413 if quota => PinRefusal::Quota(text),
        401 | 403 => PinRefusal::Unauthorized(text),
        404 => PinRefusal::Absent(text),
        429 => PinRefusal::RateLimited(text),
        500..=599 => PinRefusal::Unavailable(status, text),
        _ => PinRefusal::Invalid(status, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cid() -> Cid {
        crate::content::raw(b"hello world").unwrap()
    }

    #[test]
    fn requests_follow_the_specification() {
        let add = add("https://pin.test/psa/", &cid(), "seaworthy", &vec!["/ip4/203.0.113.1/tcp/4001".to_owned(); 30]);
        assert_eq!((add.method, add.request.url.as_str()), ("POST", "https://pin.test/psa/pins"));
        assert_eq!(add.request.content_type.as_deref(), Some("application/json"));
        let body: Pin = serde_json::from_slice(&add.request.body).unwrap();
        assert_eq!((body.cid, body.origins.len()), (cid().to_string(), 20));
        let asked = of("https://pin.test", &cid()).request.url;
        assert_eq!(asked, format!("https://pin.test/pins?cid={}&status=queued,pinning,pinned,failed&limit=10", cid()));
        let removed = remove("https://pin.test", "a/../b");
        assert_eq!((removed.method, removed.request.url.as_str()), ("DELETE", "https://pin.test/pins/a%2F%2E%2E%2Fb"));
    }

    #[test]
    fn answers_are_read() {
        let body = format!(
            r#"{{"requestid":"U1","status":"queued","created":"2020-07-27T17:32:28.276Z","pin":{{"cid":"{}","name":"n","origins":[],"meta":{{"a":"b"}}}},"delegates":["/dnsaddr/pin.test"],"info":{{"status_details":"position 7"}}}}"#,
            cid()
        );
        let status = read_status(202, body.as_bytes()).unwrap();
        assert_eq!((status.status, status.delegates.len()), (State::Queued, 1));
        assert_eq!(status.info["status_details"], "position 7");
        let results = read_results(200, format!(r#"{{"count":1,"results":[{body}]}}"#).as_bytes()).unwrap();
        assert_eq!(results.results[0].requestid, "U1");
        assert!(State::Pinned > State::Pinning && State::Queued > State::Failed);
    }

    #[test]
    fn refusals_are_told_apart() {
        let told = |status, reason: &str| {
            refusal(status, format!(r#"{{"error":{{"reason":"{reason}","details":"why"}}}}"#).as_bytes())
        };
        assert_eq!(told(401, "UNAUTHORIZED"), PinRefusal::Unauthorized("UNAUTHORIZED: why".into()));
        assert_eq!(told(409, "INSUFFICIENT_FUNDS"), PinRefusal::Quota("INSUFFICIENT_FUNDS: why".into()));
        assert!(matches!(told(403, "PINNING_QUOTA_REACHED"), PinRefusal::Quota(_)));
        assert!(matches!(told(403, "FORBIDDEN"), PinRefusal::Unauthorized(_)));
        assert!(matches!(told(404, "NOT_FOUND"), PinRefusal::Absent(_)));
        assert!(matches!(told(429, "SLOW"), PinRefusal::RateLimited(_)));
        assert!(matches!(told(500, "INTERNAL_SERVER_ERROR"), PinRefusal::Unavailable(500, _)));
        assert!(matches!(told(400, "BAD_REQUEST"), PinRefusal::Invalid(400, _)));
        assert_eq!(refusal(404, b"<html>"), PinRefusal::Stranger(404));
        assert_eq!(read_results(200, b"<html>"), Err(PinRefusal::Stranger(200)));
        assert_eq!(read_removed(404, br#"{"error":{"reason":"NOT_FOUND"}}"#), Ok(()));
        assert!(read_removed(404, b"404").is_err(), "another server has removed nothing");
    }
}

use ipfs_client::{Address, Call, Refusal, Reply, Request};
use seaworthy_check_sdk::credentials::Piece;
use seaworthy_check_sdk::credentials::authorized_http::{self, Authorized, Header};
use seaworthy_check_sdk::net::http;
use seaworthy_check_sdk::{Failure, ObservationId};

/// Bytes of an answer; none that is asked for is longer.
const MOST_ANSWER: u32 = 1 << 20;

/// How a credential is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 7617; the secret is `user:password`.
    Basic,
}

impl Scheme {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Basic => "basic",
        }
    }

    /// The schemes that a setting stands for, in the order of trying.
    pub(crate) fn of(setting: Option<&str>) -> &'static [Self] {
        match setting {
            Some("bearer") => &[Self::Bearer],
            Some("basic") => &[Self::Basic],
            _ => &[Self::Bearer, Self::Basic],
        }
    }
}

/// Sends requests to a node.
pub(crate) struct Asking {
    pub(crate) address: Address,
    pub(crate) timeout: u32,
    /// Label of the secret, and how it is sent.
    pub(crate) credential: Option<(String, Scheme)>,
}

/// What came back, and the observation of it.
pub(crate) struct Seen {
    pub(crate) id: ObservationId,
    pub(crate) elapsed: u64,
    outcome: Result<http::Response, Failure>,
}

impl Asking {
    /// Asks for several things at once.
    pub(crate) fn all(&self, calls: Vec<Call>) -> Vec<Seen> {
        let headers = || self.credential.iter().map(|(label, scheme)| authorization(label, *scheme)).collect();
        let requests: Vec<Authorized> = calls
            .into_iter()
            .map(|call| {
                let request = call.request(&self.address);
                Authorized {
                    request: with(request, "POST", self.timeout, &self.address, Vec::new()),
                    headers: headers(),
                }
            })
            .collect();
        authorized_http::send(&requests).into_iter().map(Seen::from).collect()
    }

    /// Asks for one thing.
    pub(crate) fn one(&self, call: Call) -> Result<Seen, String> {
        self.all(vec![call]).pop().ok_or_else(|| "the host answered nothing".to_owned())
    }
}

/// Sends one request anywhere else.
pub(crate) fn send(
    request: Request,
    method: &str,
    timeout: u32,
    accept: Option<&str>,
    token: Option<&str>,
) -> Result<Seen, String> {
    let address = Address::parse(&request.url).map_err(|error| error.to_string())?;
    let accept = accept.map(|kind| ("accept".to_owned(), kind.to_owned())).into_iter().collect();
    let headers = token.map(|label| authorization(label, Scheme::Bearer)).into_iter().collect();
    let request = Authorized { request: with(request, method, timeout, &address, accept), headers };
    authorized_http::send(&[request])
        .into_iter()
        .map(Seen::from)
        .next()
        .ok_or_else(|| "the host answered nothing".to_owned())
}

fn with(
    request: Request,
    method: &str,
    timeout: u32,
    address: &Address,
    mut headers: Vec<(String, String)>,
) -> http::Request {
    headers.extend(request.content_type.map(|kind| ("content-type".to_owned(), kind)));
    http::Request {
        method: method.into(),
        url: request.url,
        headers,
        body: request.body,
        timeout,
        max_body: MOST_ANSWER,
        // A proxy for the outside never knows this machine's own loopback.
        proxy: if address.is_loopback() { "direct" } else { "environment" }.into(),
    }
}

fn authorization(label: &str, scheme: Scheme) -> Header {
    let (word, encoding) = match scheme {
        Scheme::Bearer => ("Bearer ", "text"),
        Scheme::Basic => ("Basic ", "base64"),
    };
    let piece = Piece { bytes: word.into(), secret: Some(label.to_owned()), encoding: encoding.into() };
    Header { name: "authorization".into(), value: vec![piece] }
}

impl From<http::Seen> for Seen {
    fn from(seen: http::Seen) -> Self {
        Self { id: seen.id, elapsed: seen.elapsed, outcome: seen.outcome }
    }
}

impl Seen {
    /// The answer, or why there is none.
    pub(crate) fn response(&self) -> Result<&http::Response, &Failure> {
        self.outcome.as_ref()
    }

    /// The answer, read as a node's.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Reply<'_>) -> Result<T, Refusal>) -> Answer<T> {
        match &self.outcome {
            Err(failure) => Answer::Failed(failure.clone()),
            Ok(response) => match read(&Reply { status: response.status, body: &response.body }) {
                Ok(value) => Answer::Told(value),
                Err(refusal) => Answer::Refused(refusal),
            },
        }
    }
}

/// What an answer says.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    Told(T),
    Refused(Refusal),
    Failed(Failure),
}

impl<T> Answer<T> {
    pub(crate) fn told(self) -> Option<T> {
        match self {
            Self::Told(value) => Some(value),
            _ => None,
        }
    }
}

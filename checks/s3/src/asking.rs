use crate::settings::Settings;
use s3_client::{Answer, Piece, Request, SecretName, Store, Vault};
use seaworthy_check_sdk::credentials::authorized_http::{self, Authorized, Header};
use seaworthy_check_sdk::kit::clock;
use seaworthy_check_sdk::net::http;
use seaworthy_check_sdk::{Failure, ObservationId, credentials};

/// Enough of any answer to a look.
const MAX_BODY: u32 = 64 << 10;

/// Sends requests to a store.
#[derive(Debug)]
pub(crate) struct Asker {
    pub(crate) store: Store,
    labels: [String; 3],
    timeout_ms: u32,
}

/// What came of one.
pub(crate) struct Heard {
    pub(crate) id: ObservationId,
    /// Microseconds.
    pub(crate) elapsed: u64,
    /// When it was sent, by this machine's clock.
    pub(crate) at_ms: u64,
    pub(crate) outcome: Result<Answer, Failure>,
}

impl Heard {
    /// This machine's clock less the store's, by the Date of the answer; the second in
    /// which it was written and the time of the exchange are not known better.
    pub(crate) fn skew_s(&self, answer: &Answer) -> Option<i64> {
        let received = i64::try_from((self.at_ms + self.elapsed / 1000) / 1000).ok()?;
        let sent = i64::try_from(self.at_ms / 1000).ok()?;
        let theirs = i64::try_from(answer.date()?).ok()?;
        Some(if theirs < sent { sent - theirs } else { (received - theirs).min(0) })
    }
}

impl Asker {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { store: settings.store.clone(), labels: settings.labels.clone(), timeout_ms: settings.timeout_ms }
    }

    /// Signs a request and sends it.
    pub(crate) fn ask(&self, request: Request) -> Heard {
        let at_ms = clock::unix_ms();
        let signed = match self.store.sign(request, at_ms, &mut Host(&self.labels)) {
            Ok(signed) => signed,
            Err(failure) => {
                // The host's refusal is an observation of its own kind; the inspection of the
                // same secret is the one to cite.
                let id = credentials::inspect(&self.labels[1..2]).first().map_or(0, |status| status.id);
                return Heard { id, elapsed: 0, at_ms, outcome: Err(failure) };
            }
        };
        let headers = signed.secret_headers.into_iter().map(|(name, value)| Header {
            name,
            value: value.iter().map(|piece| self::piece(&self.labels, piece)).collect(),
        });
        let authorized = Authorized {
            request: http::Request {
                method: signed.method.into(),
                url: signed.url,
                headers: signed.headers,
                body: signed.body,
                timeout: self.timeout_ms,
                max_body: MAX_BODY,
                proxy: "environment".into(),
            },
            headers: headers.collect(),
        };
        match authorized_http::send(&[authorized]).pop() {
            Some(seen) => Heard {
                id: seen.id,
                elapsed: seen.elapsed,
                at_ms,
                outcome: seen.outcome.map(|response| Answer {
                    status: response.status,
                    headers: response.headers,
                    body: response.body,
                    truncated: response.truncated,
                }),
            },
            None => Heard { id: 0, elapsed: 0, at_ms, outcome: Err(broken("the host answered nothing")) },
        }
    }
}

fn piece(labels: &[String; 3], piece: &Piece) -> credentials::Piece {
    let (bytes, secret) = match piece {
        Piece::Text(text) => (text.clone().into_bytes(), None),
        Piece::Secret(SecretName::KeyId) => (Vec::new(), Some(labels[0].clone())),
        Piece::Secret(SecretName::SessionToken) => (Vec::new(), Some(labels[2].clone())),
    };
    credentials::Piece { bytes, secret, encoding: "text".into() }
}

fn broken(message: &str) -> Failure {
    Failure {
        kind: "other".into(),
        stage: "secret".into(),
        os_code: None,
        message: message.into(),
        details: Vec::new(),
    }
}

/// The host, which holds the secrets.
struct Host<'a>(&'a [String; 3]);

impl Vault for Host<'_> {
    type Error = Failure;

    fn hmac(&mut self, prefix: &str, message: &str) -> Result<[u8; 32], Failure> {
        digest(credentials::hmac_sha256(&self.0[1], prefix.as_bytes(), message.as_bytes())?)
    }

    fn sha256(&mut self, pieces: &[Piece]) -> Result<[u8; 32], Failure> {
        let pieces: Vec<credentials::Piece> = pieces.iter().map(|one| piece(self.0, one)).collect();
        digest(credentials::sha256(&pieces)?)
    }
}

fn digest(bytes: Vec<u8>) -> Result<[u8; 32], Failure> {
    bytes.try_into().map_err(|_| broken("the host's digest has not 32 bytes"))
}

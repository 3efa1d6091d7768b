use crate::error;
use s3_client::{Answer, Fault, FaultKind, Piece, Request, SecretName, Signed, Store, Vault};
use seaworthy_adapter_sdk::authorized_http::{self, Authorized, Header};
use seaworthy_adapter_sdk::credentials;
use seaworthy_adapter_sdk::http;
use seaworthy_adapter_sdk::{CacheError, now_ms};

/// Bytes of a value at most: the host reads no longer bodies.
pub(crate) const MAX_VALUE_BYTES: u32 = 32 << 20;

/// A store with the labels of its secrets.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    store: Store,
    labels: Labels,
    timeout_ms: u32,
}

/// Labels of the secrets; empty where there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    pub(crate) key: String,
    pub(crate) secret: String,
    pub(crate) token: String,
}

impl Bucket {
    pub(crate) fn new(store: Store, labels: Labels, timeout_ms: u32) -> Self {
        Self { store, labels, timeout_ms }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The same bucket in another region.
    pub(crate) fn in_region(&self, region: &str) -> Self {
        Self { store: self.store.in_region(region), ..self.clone() }
    }

    /// Sends one request.
    ///
    /// # Errors
    /// There is no answer. Any answer is one, whatever its status.
    pub(crate) fn send(&self, operation: &str, request: Request) -> Result<Answer, CacheError> {
        let [answer] = self.send_all(operation, [request])?;
        answer
    }

    /// Sends requests at once.
    ///
    /// # Errors
    /// They cannot be signed.
    pub(crate) fn send_all<const N: usize>(
        &self,
        operation: &str,
        requests: [Request; N],
    ) -> Result<[Result<Answer, CacheError>; N], CacheError> {
        let mut answers = self.send_each(operation, requests)?.into_iter();
        Ok(std::array::from_fn(|_| answers.next().unwrap_or_else(|| Err(unanswered(operation)))))
    }

    /// Sends any number of requests at once; as many answers come back.
    ///
    /// # Errors
    /// As [`send_all`](Self::send_all).
    pub(crate) fn send_each(
        &self,
        operation: &str,
        requests: impl IntoIterator<Item = Request>,
    ) -> Result<Vec<Result<Answer, CacheError>>, CacheError> {
        let mut ready = Vec::new();
        for request in requests {
            let signed = self.store.sign(request, now_ms(), &mut Host(&self.labels));
            ready.push(self.authorized(signed.map_err(|failure| error::of_failure(operation, &self.store, &failure))?));
        }
        let mut seen = authorized_http::send(&ready).into_iter();
        let answer = |_| match seen.next().map(|seen| seen.outcome) {
            Some(Ok(response)) => Ok(Answer {
                status: response.status,
                headers: response.headers,
                body: response.body,
                truncated: response.truncated,
            }),
            Some(Err(failure)) => Err(error::of_failure(operation, &self.store, &failure)),
            None => Err(unanswered(operation)),
        };
        Ok(ready.iter().map(answer).collect())
    }

    fn authorized(&self, signed: Signed) -> Authorized {
        let headers = signed.secret_headers.into_iter().map(|(name, value)| Header {
            name,
            value: value.into_iter().map(|piece| self.labels.piece(&piece)).collect(),
        });
        Authorized {
            request: http::Request {
                method: signed.method.into(),
                url: signed.url,
                headers: signed.headers,
                body: signed.body,
                timeout: self.timeout_ms,
                max_body: MAX_VALUE_BYTES,
                proxy: "environment".into(),
            },
            headers: headers.collect(),
        }
    }

    /// What an answer that is no success means.
    pub(crate) fn kind(&self, answer: &Answer) -> FaultKind {
        Fault::read(answer).kind
    }

    /// Whether such an answer comes from a store whose clock is too far from ours.
    pub(crate) fn is_clock_off(&self, answer: &Answer) -> bool {
        Fault::read_at(answer, now_ms() / 1000).kind == FaultKind::Clock
    }

    /// Such an answer as an error of the cache.
    pub(crate) fn fault(&self, operation: &str, answer: &Answer) -> CacheError {
        error::of_answer(operation, &self.store, answer, now_ms())
    }

    /// A fault as an error of the cache.
    pub(crate) fn explain(&self, operation: &str, fault: &Fault) -> CacheError {
        error::of_fault(operation, &self.store, fault)
    }
}

impl Labels {
    fn piece(&self, piece: &Piece) -> credentials::Piece {
        let (bytes, secret) = match piece {
            Piece::Text(text) => (text.clone().into_bytes(), None),
            Piece::Secret(SecretName::KeyId) => (Vec::new(), Some(self.key.clone())),
            Piece::Secret(SecretName::SessionToken) => (Vec::new(), Some(self.token.clone())),
        };
        credentials::Piece { bytes, secret, encoding: "text".into() }
    }
}

/// The host, which holds the secrets.
struct Host<'a>(&'a Labels);

impl Vault for Host<'_> {
    type Error = error::Failure;

    fn hmac(&mut self, prefix: &str, message: &str) -> Result<[u8; 32], error::Failure> {
        digest(credentials::hmac_sha256(&self.0.secret, prefix.as_bytes(), message.as_bytes())?)
    }

    fn sha256(&mut self, pieces: &[Piece]) -> Result<[u8; 32], error::Failure> {
        let pieces: Vec<credentials::Piece> = pieces.iter().map(|piece| self.0.piece(piece)).collect();
        digest(credentials::sha256(&pieces)?)
    }
}

fn unanswered(operation: &str) -> CacheError {
    CacheError::new("other", "permanent", operation, "the host answered fewer requests than were sent")
}

fn digest(bytes: Vec<u8>) -> Result<[u8; 32], error::Failure> {
    bytes.try_into().map_err(|_| error::Failure {
        kind: "other".into(),
        stage: "secret".into(),
        os_code: None,
        message: "the host's digest has not 32 bytes".into(),
        details: Vec::new(),
    })
}

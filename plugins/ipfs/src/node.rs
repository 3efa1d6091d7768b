use crate::config::{Authorization, Scheme, Settings};
use crate::error::Trouble;
use crate::pointer::Pointer;
use ipfs_client::{Address, Call, Refusal, Reply, Request, Version, VersionInfo};
use seaworthy_adapter_sdk::CacheError;
use seaworthy_adapter_sdk::authorized_http::{self, Authorized, Header};
use seaworthy_adapter_sdk::credentials::Piece;
use seaworthy_adapter_sdk::http;

/// Bytes of one stretch of content. Four of them, the most that a record has, are what
/// one batch may bring.
const STRETCH: u64 = 2 << 20;
/// Bytes of any other answer.
pub(crate) const MOST_ANSWER: u32 = 4 << 20;
/// The longest record that a call can hand over.
pub(crate) const MOST_RECORD: u64 = (8 << 20) - (4 << 10);

/// A node's RPC.
#[derive(Debug)]
pub(crate) struct Node {
    address: Address,
    local: bool,
    timeout: u32,
    authorization: Option<(String, Scheme)>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answered {
    status: u16,
    pub(crate) body: Vec<u8>,
    truncated: bool,
}

impl Answered {
    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    /// *Errors*: `Overlong` when it was cut.
    pub(crate) fn reply(&self) -> Result<Reply<'_>, Trouble> {
        if self.truncated { Err(Trouble::Overlong) } else { Ok(Reply { status: self.status, body: &self.body }) }
    }

    /// The bytes of a success, cut or not.
    fn bytes(self) -> Result<Vec<u8>, Trouble> {
        Reply { status: self.status, body: &self.body }.bytes()?;
        Ok(self.body)
    }
}

impl Node {
    /// The node that the settings name.
    ///
    /// *Behaviour*: asks for its version, with each scheme of the credential until one is
    /// accepted.
    ///
    /// *Errors*: `configuration` for another server, or a Kubo older than
    /// [`Version::LEAST`].
    pub(crate) fn open(settings: &Settings) -> Result<Self, CacheError> {
        let mut node = Self {
            address: settings.address.clone(),
            local: settings.local,
            timeout: settings.timeout,
            authorization: None,
        };
        let seen = match &settings.authorization {
            None => node.version(),
            Some(authorization) => node.authorize(authorization),
        };
        let info = seen.map_err(|trouble| trouble.error("open", "version").with("address", node.address.base()))?;
        match Version::parse(&info.version) {
            Some(version) if version < Version::LEAST => {
                let message =
                    format!("Kubo {version} is older than {}, which this adapter needs; update it", Version::LEAST);
                Err(CacheError::configuration("open", message).with("version", info.version))
            }
            Some(_) => Ok(node),
            None => {
                let message =
                    format!("what answers calls itself version `{}`, which is no version of Kubo", info.version);
                Err(CacheError::configuration("open", message))
            }
        }
    }

    fn authorize(&mut self, authorization: &Authorization) -> Result<VersionInfo, Trouble> {
        let mut seen = Err(Trouble::Refused(Refusal::AccessDenied));
        for scheme in &authorization.schemes {
            self.authorization = Some((authorization.label.clone(), *scheme));
            seen = self.version();
            if !matches!(&seen, Err(trouble) if trouble.is_forbidden()) {
                break;
            }
        }
        seen
    }

    fn version(&self) -> Result<VersionInfo, Trouble> {
        Ok(self.ask(Call::version())?.reply()?.json()?)
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Asks for one thing.
    pub(crate) fn ask(&self, call: Call) -> Result<Answered, Trouble> {
        self.ask_all(vec![call]).pop().unwrap_or(Err(Trouble::Overlong))
    }

    /// Asks for several at once; answers in the order asked.
    pub(crate) fn ask_all(&self, calls: Vec<Call>) -> Vec<Result<Answered, Trouble>> {
        let requests = calls.into_iter().map(|call| self.authorized(call.request(&self.address))).collect::<Vec<_>>();
        authorized_http::send(&requests).into_iter().map(answered).collect()
    }

    /// The whole content that a pointer leads to, unchecked.
    pub(crate) fn content(&self, pointer: &Pointer) -> Result<Vec<u8>, Trouble> {
        let starts = (0..pointer.length.min(MOST_RECORD)).step_by(usize::try_from(STRETCH).unwrap_or(usize::MAX));
        let calls =
            starts.map(|at| Call::cat(&pointer.cid, at, STRETCH.min(pointer.length - at), self.local)).collect();
        let mut content = Vec::new();
        for stretch in self.ask_all(calls) {
            content.append(&mut stretch?.bytes()?);
        }
        Ok(content)
    }

    /// Whether it has the beginning of what a pointer leads to.
    pub(crate) fn begins(&self, pointer: &Pointer) -> Result<(), Trouble> {
        self.ask(Call::cat(&pointer.cid, 0, 1, self.local))?.bytes().map(drop)
    }

    fn authorized(&self, request: Request) -> Authorized {
        let headers = self.authorization.iter().map(|(label, scheme)| {
            let (word, encoding) = match scheme {
                Scheme::Bearer => ("Bearer ", "text"),
                Scheme::Basic => ("Basic ", "base64"),
            };
            authorization(word, label, encoding)
        });
        let content_type = request.content_type.into_iter().map(|kind| ("content-type".to_owned(), kind));
        Authorized {
            request: http::Request {
                method: "POST".into(),
                url: request.url,
                headers: content_type.collect(),
                body: request.body,
                timeout: self.timeout,
                max_body: MOST_ANSWER,
                proxy: proxy(&self.address).into(),
            },
            headers: headers.collect(),
        }
    }
}

/// The header that carries a credential; its text is put in by the host.
pub(crate) fn authorization(word: &str, label: &str, encoding: &str) -> Header {
    let piece = Piece { bytes: word.into(), secret: Some(label.to_owned()), encoding: encoding.into() };
    Header { name: "authorization".into(), value: vec![piece] }
}

/// A proxy for the outside never knows this machine's own loopback.
fn proxy(address: &Address) -> &'static str {
    if address.is_loopback() { "direct" } else { "environment" }
}

pub(crate) fn answered(seen: http::Seen) -> Result<Answered, Trouble> {
    let response = seen.outcome.map_err(Trouble::Failed)?;
    if response.status == 429 {
        return Err(Trouble::Limited(patience(&response.headers)));
    }
    Ok(Answered { status: response.status, body: response.body, truncated: response.truncated })
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3), as milliseconds. A date, which
/// nothing before a node is known to send, counts as nothing said.
fn patience(headers: &[(String, String)]) -> Option<u32> {
    let (_, text) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    text.trim().parse::<u32>().ok().map(|seconds| seconds.saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_read_in_seconds() {
        let of = |text: &str| patience(&[("Retry-After".into(), text.into())]);
        assert_eq!(
            (of("37"), of(" 0 "), of("Wed, 21 Oct 2026 07:28:00 GMT"), patience(&[])),
            (Some(37_000), Some(0), None, None)
        );
        assert_eq!(of("4294967295"), Some(u32::MAX));
    }

    #[test]
    fn proxies_do_not_know_loopback() {
        let of = |text: &str| proxy(&Address::parse(text).unwrap());
        assert_eq!((of("http://127.0.0.1:5001"), of("https://ipfs.test")), ("direct", "environment"));
    }
}

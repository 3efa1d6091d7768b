//! TLS handshakes, with the chain that was shown.

use crate::certificate;
use crate::dial;
use crate::target::Target;
use crate::trust::{Judge, Roots};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, Error as TlsError, OtherError};
use seaworthy_model::{Failure, Permit};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What to try.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// `host:port`.
    pub target: String,
    /// Whose certificate is wanted; without it, the host of the target.
    pub server_name: Option<String>,
    /// Protocols offered; may be empty.
    pub alpn: Vec<String>,
    /// Which roots judge the certificate.
    pub roots: Roots,
    /// For all of it.
    pub timeout: Duration,
}

/// A session that was made. It is closed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The other side.
    pub remote: SocketAddr,
    /// `TLSv1_3`, `TLSv1_2`.
    pub version: String,
    /// Name of the cipher suite.
    pub cipher_suite: String,
    /// The protocol agreed on.
    pub alpn: Option<String>,
    /// DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// `connect-us`, `tls-us`; of the leaf `subject`, `issuer`, `not-before`, `not-after`.
    pub details: BTreeMap<String, String>,
}

/// What one handshake brought.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How long it took.
    pub elapsed: Duration,
    /// The session, or why there is none.
    pub outcome: Result<Session, Failure>,
}

/// Connects and shakes hands.
///
/// *Failures*: those of a TCP connect, and `tls-unknown-issuer`, `tls-expired`,
/// `tls-not-yet-valid`, `tls-name-mismatch`, `tls-no-roots`, `tls-handshake`
/// (anything else, such as a server that does not speak TLS). A refused
/// certificate is described in the details: `subject`, `issuer`, `not-before`,
/// `not-after`, `chain-length`.
pub async fn handshake(attempt: &Attempt, permit: &dyn Permit) -> Seen {
    let start = Instant::now();
    let outcome = session(attempt, start + attempt.timeout, permit).await;
    Seen { elapsed: start.elapsed(), outcome }
}

async fn session(attempt: &Attempt, deadline: Instant, permit: &dyn Permit) -> Result<Session, Failure> {
    let target = Target::parse(&attempt.target)?;
    let name = attempt.server_name.as_deref().unwrap_or(&target.host);
    let client = Client::new(name, &attempt.alpn, &attempt.roots)?;
    let dialled = dial::first(&target, deadline, permit).await?;
    let start = Instant::now();
    let stream = client.handshake(dialled.stream, deadline).await?;
    let tls = start.elapsed();
    let (_, connection) = stream.get_ref();
    let chain: Vec<Vec<u8>> = client.judge.chain().iter().map(|c| c.to_vec()).collect();
    let mut details = BTreeMap::from([
        ("connect-us".to_owned(), dialled.connect.as_micros().to_string()),
        ("tls-us".to_owned(), tls.as_micros().to_string()),
    ]);
    details.extend(described(client.judge.chain().first()));
    Ok(Session {
        remote: dialled.remote,
        version: connection.protocol_version().map_or_else(|| "unknown".to_owned(), |v| format!("{v:?}")),
        cipher_suite: connection
            .negotiated_cipher_suite()
            .map_or_else(|| "unknown".to_owned(), |s| format!("{:?}", s.suite())),
        alpn: connection.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned()),
        chain,
        details,
    })
}

/// One handshake, prepared: everything that can fail without the network has.
pub(crate) struct Client {
    connector: TlsConnector,
    name: ServerName<'static>,
    judge: Arc<Judge>,
}

impl Client {
    pub(crate) fn new(name: &str, alpn: &[String], roots: &Roots) -> Result<Self, Failure> {
        let name = ServerName::try_from(name.trim_end_matches('.').to_owned()).map_err(|e| {
            Failure::new("invalid", "parse", format!("`{name}` cannot be the name of a TLS server: {e}"))
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let judge = Arc::new(Judge::new(roots.store()?, Arc::clone(&provider))?);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Failure::new("tls-handshake", "tls", e.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&judge) as _)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|p| p.clone().into_bytes()).collect();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name, judge })
    }

    pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        deadline: Instant,
    ) -> Result<TlsStream<S>, Failure> {
        match timeout_at(deadline, self.connector.connect(self.name.clone(), stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(self.refused(&error)),
            Err(_) => {
                Err(Failure::timeout("tls", "connected, but the TLS handshake did not end within the time budget"))
            }
        }
    }

    fn refused(&self, error: &std::io::Error) -> Failure {
        let inner = error.get_ref().and_then(|e| e.downcast_ref::<TlsError>());
        let mut failure = match inner {
            Some(tls) => Failure::new(kind(tls), "tls", format!("the TLS handshake failed: {tls}")),
            None if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Failure::new("tls-handshake", "tls", "the other side closed the connection during the TLS handshake")
                    .with("reason", "closed")
            }
            None => Failure::from_io("tls", error),
        };
        let chain = self.judge.chain();
        if !chain.is_empty() {
            failure = failure.with("chain-length", chain.len().to_string());
        }
        for (key, value) in described(chain.first()) {
            failure = failure.with(&key, value);
        }
        failure
    }
}

fn kind(error: &TlsError) -> &'static str {
    let TlsError::InvalidCertificate(certificate) = error else {
        return "tls-handshake";
    };
    match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "tls-expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "tls-not-yet-valid",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "tls-name-mismatch",
        CertificateError::UnknownIssuer => "tls-unknown-issuer",
        // A self-signed certificate that calls itself an authority, as `openssl req -x509` makes them.
        CertificateError::Other(OtherError(other)) if other.to_string().contains("CaUsedAsEndEntity") => {
            "tls-unknown-issuer"
        }
        _ => "tls-handshake",
    }
}

fn described(leaf: Option<&CertificateDer<'_>>) -> Vec<(String, String)> {
    leaf.and_then(|der| certificate::summary(der)).map_or_else(Vec::new, |leaf| {
        vec![
            ("subject".to_owned(), leaf.subject),
            ("issuer".to_owned(), leaf.issuer),
            ("not-before".to_owned(), leaf.not_before),
            ("not-after".to_owned(), leaf.not_after),
        ]
    })
}

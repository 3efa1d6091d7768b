//! Which roots judge a certificate, and a judge that remembers what it saw.

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use seaworthy_model::Failure;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

/// Which roots judge.
#[derive(Clone, Debug)]
pub enum Roots {
    /// Those of this machine; `SSL_CERT_FILE` and `SSL_CERT_DIR` replace them.
    Native,
    /// Those of Mozilla, compiled in. What only these accept lacks on the
    /// machine; what only the machine accepts is signed by a private authority.
    Bundled,
    /// Nobody: any certificate is taken and recorded. The handshake itself is
    /// still proven against the certificate's key.
    Nobody,
    /// These. For tests and for an authority given by the policy.
    Given(Arc<RootCertStore>),
}

impl FromStr for Roots {
    type Err = Failure;

    /// Reads `native`, `bundled` or `none`.
    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "native" => Ok(Roots::Native),
            "bundled" => Ok(Roots::Bundled),
            "none" => Ok(Roots::Nobody),
            _ => Err(Failure::new(
                "invalid",
                "parse",
                format!("`{text}` names no trust roots; write `native`, `bundled` or `none`"),
            )),
        }
    }
}

impl Roots {
    /// These, and the authorities of a text in PEM. *Behaviour*: where the machine has no
    /// roots of its own, the authorities alone; what `Nobody` judges stays so.
    ///
    /// # Errors
    /// `tls-no-roots` when it holds no certificate, or one that cannot be used.
    pub fn and(&self, pem: &[u8]) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::new("tls-no-roots", "tls", why);
        let mut store = match self.store() {
            Ok(None) => return Ok(Roots::Nobody),
            Ok(Some(found)) => RootCertStore { roots: found.roots.clone() },
            Err(_) => RootCertStore::empty(),
        };
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| wrong(format!("it is no PEM: {error}")))?;
            store.add(certificate).map_err(|error| wrong(format!("a certificate cannot be used: {error}")))?;
            count += 1;
        }
        if count == 0 {
            return Err(wrong("it holds no certificate in PEM".into()));
        }
        Ok(Roots::Given(Arc::new(store)))
    }

    /// The certificates, or `None` when nobody judges. Reads files for `Native`.
    ///
    /// # Errors
    /// `tls-no-roots` when the machine has none.
    pub fn store(&self) -> Result<Option<Arc<RootCertStore>>, Failure> {
        match self {
            Roots::Nobody => Ok(None),
            Roots::Given(store) => Ok(Some(Arc::clone(store))),
            Roots::Bundled => Ok(Some(Arc::new(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }))),
            Roots::Native => {
                let found = rustls_native_certs::load_native_certs();
                let mut store = RootCertStore::empty();
                let (_, unreadable) = store.add_parsable_certificates(found.certs);
                if store.is_empty() {
                    let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
                    return Err(Failure::new(
                        "tls-no-roots",
                        "tls",
                        "this machine has no trusted root certificates: install `ca-certificates`, or point SSL_CERT_FILE at a bundle",
                    )
                    .with("unreadable", unreadable.to_string())
                    .with("errors", why.join("; ")));
                }
                Ok(Some(Arc::new(store)))
            }
        }
    }
}

/// Judges by the roots it was given and keeps the chain, also one it refuses.
#[derive(Debug)]
pub(crate) struct Judge {
    roots: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
    seen: Mutex<Vec<CertificateDer<'static>>>,
}

impl Judge {
    pub(crate) fn new(store: Option<Arc<RootCertStore>>, provider: Arc<CryptoProvider>) -> Result<Self, Failure> {
        let algorithms = provider.signature_verification_algorithms;
        let roots = store
            .map(|store| WebPkiServerVerifier::builder_with_provider(store, provider).build())
            .transpose()
            .map_err(|e| Failure::new("tls-no-roots", "tls", format!("the trust roots cannot be used: {e}")))?;
        Ok(Self { roots, algorithms, seen: Mutex::new(Vec::new()) })
    }

    /// Leaf first; empty when the handshake did not come so far.
    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).map(|c| c.clone().into_owned()).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        match &self.roots {
            Some(roots) => roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

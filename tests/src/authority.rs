//! Certificates for scenes: authorities, and what servers show.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fmt::Write as _;
use std::sync::Arc;

/// An authority that signs for servers, made for one scene.
pub struct Authority {
    certificate: Certificate,
    key: KeyPair,
    /// Those that lead from it to a root, itself first; empty for a root.
    path: Vec<CertificateDer<'static>>,
}

/// What a server shows: its certificates, leaf first, and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

/// When a certificate is good: the years at whose beginning it begins and ends.
pub type Years = (i32, i32);

/// Good today.
pub const GOOD: Years = (2020, 2100);

impl Authority {
    /// A root of that name.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn root(common_name: &str, organisation: &str) -> Result<Self> {
        let key = KeyPair::generate().context("no key")?;
        let certificate = params(common_name, organisation)?.self_signed(&key)?;
        Ok(Self { certificate, key, path: Vec::new() })
    }

    /// An authority below this one.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn below(&self, common_name: &str, organisation: &str) -> Result<Self> {
        let key = KeyPair::generate().context("no key")?;
        let certificate = params(common_name, organisation)?.signed_by(&key, &self.certificate, &self.key)?;
        let path = std::iter::once(certificate.der().clone()).chain(self.path.iter().cloned()).collect();
        Ok(Self { certificate, key, path })
    }

    /// A server's identity for these names, with the whole chain.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn identity(&self, names: &[&str], (from, to): Years) -> Result<Identity> {
        let key = KeyPair::generate().context("no key")?;
        let leaf = leaf(names, (from, to))?.signed_by(&key, &self.certificate, &self.key)?;
        let chain = std::iter::once(leaf.der().clone()).chain(self.path.iter().cloned()).collect();
        Ok(Identity { chain, key: key.serialize_der() })
    }

    /// Its certificate, as trust stores have it.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", self.certificate.der())
    }
}

impl Identity {
    /// One that signs for itself.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn self_signed(names: &[&str]) -> Result<Self> {
        let key = KeyPair::generate().context("no key")?;
        let certificate = leaf(names, GOOD)?.self_signed(&key)?;
        Ok(Self { chain: vec![certificate.der().clone()], key: key.serialize_der() })
    }

    /// The same without what leads from the leaf to a root.
    #[must_use]
    pub fn leaf_only(mut self) -> Self {
        self.chain.truncate(1);
        self
    }

    /// The chain and the key, as files have them.
    #[must_use]
    pub fn pem(&self) -> (String, String) {
        let chain = self.chain.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect();
        (chain, pem("PRIVATE KEY", &self.key))
    }

    /// What a server of TLS shows it with.
    ///
    /// # Errors
    /// It is no good.
    pub fn server(&self) -> Result<Arc<ServerConfig>> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key())?;
        Ok(Arc::new(config))
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()))
    }
}

fn params(common_name: &str, organisation: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.distinguished_name.push(DnType::OrganizationName, organisation);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(params)
}

fn leaf(names: &[&str], (from, to): Years) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, *names.first().context("no name")?);
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    Ok(params)
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        let _ = writeln!(pem, "{}", String::from_utf8_lossy(line));
    }
    pem + &format!("-----END {label}-----\n")
}

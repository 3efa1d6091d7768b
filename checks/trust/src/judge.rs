//! What three handshakes say of a certificate and of who judges it.

use seaworthy_check_sdk::Code;

use crate::codes;

/// Organisations whose authorities every public store holds. A certificate of theirs that
/// is not trusted lacks a link of its chain, or the store lacks an authority.
const PUBLIC_AUTHORITIES: [&str; 20] = [
    "Let's Encrypt",
    "Internet Security Research Group",
    "DigiCert",
    "Google Trust Services",
    "Sectigo",
    "COMODO",
    "Amazon",
    "GlobalSign",
    "GoDaddy",
    "Starfield",
    "Entrust",
    "ZeroSSL",
    "Microsoft Corporation",
    "Baltimore",
    "IdenTrust",
    "Buypass",
    "SSL Corporation",
    "Certum",
    "Asseco",
    "QuoVadis",
];

/// Domains whose servers have certificates of public authorities.
const PUBLIC_DOMAINS: [&str; 24] = [
    "github.com",
    "githubusercontent.com",
    "githubassets.com",
    "ghcr.io",
    "actions.githubusercontent.com",
    "blob.core.windows.net",
    "azure.com",
    "amazonaws.com",
    "googleapis.com",
    "google.com",
    "gcr.io",
    "docker.com",
    "docker.io",
    "quay.io",
    "pypi.org",
    "pythonhosted.org",
    "npmjs.org",
    "crates.io",
    "golang.org",
    "cloudflare.com",
    "cloudflarestorage.com",
    "storacha.network",
    "web3.storage",
    "pinata.cloud",
];

/// A certificate as far as it was described.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Certificates that were sent.
    pub chain: usize,
}

impl Leaf {
    /// Signed by itself.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        !self.subject.is_empty() && self.subject == self.issuer
    }

    /// Says that a public authority signed it.
    #[must_use]
    pub fn is_of_public_authority(&self) -> bool {
        PUBLIC_AUTHORITIES.iter().any(|authority| self.issuer.contains(authority))
    }
}

/// How one handshake ended: the kind of its failure, and whether it got to TLS at all.
pub type Ended = Result<(), String>;

/// One target, three judges.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Whom it was asked as.
    pub host: String,
    /// With the machine's roots.
    pub native: Ended,
    /// With those of Mozilla.
    pub bundled: Ended,
    /// With nobody judging.
    pub nobody: Ended,
    /// The certificate, where one was seen.
    pub leaf: Option<Leaf>,
    /// Words of the failure with nobody judging, or with the machine's roots.
    pub message: String,
}

/// The machine's store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// Certificates in all; none when that is not known.
    pub certificates: Option<u64>,
    /// A variable that replaces the store, and how many certificates it leads to, where that is known.
    pub replaced: Option<(String, Option<u64>)>,
}

/// A store with fewer certificates than this is none of a distribution.
const FEW: u64 = 20;

/// What is wrong with one target, for its own sake.
#[must_use]
pub fn one(shown: &Shown, store: &Store) -> Option<Code> {
    if shown.native.is_ok() {
        return intercepts(shown).then_some(codes::TLS_INTERCEPTED);
    }
    let kind = shown.native.as_ref().err().map(String::as_str).unwrap_or_default();
    if kind == "tls-no-roots" || (store.certificates == Some(0) && kind.starts_with("tls-")) {
        return Some(codes::TLS_NO_ROOTS);
    }
    // Nobody judges: what fails all the same is no matter of trust.
    match &shown.nobody {
        Err(kind) if kind.starts_with("tls-") || kind == "timeout-tls" || kind.starts_with("connection-reset") => {
            return Some(protocol(&shown.message));
        }
        // Not reached: that is other checks' to say.
        Err(_) => return None,
        Ok(()) => {}
    }
    match kind {
        "tls-expired" => Some(codes::TLS_EXPIRED),
        "tls-not-yet-valid" => Some(codes::TLS_NOT_YET_VALID),
        "tls-name-mismatch" => Some(codes::TLS_NAME_MISMATCH),
        "tls-unknown-issuer" => Some(untrusted(shown, store)),
        // With nobody judging it succeeds: the certificate's form or its signature.
        kind if kind.starts_with("tls-") => Some(codes::TLS_HANDSHAKE_FAILED),
        _ => None,
    }
}

fn untrusted(shown: &Shown, store: &Store) -> Code {
    if shown.bundled.is_ok() {
        // A public authority signed it, and this machine does not hold that one.
        return match &store.replaced {
            Some((_, Some(few))) if *few < FEW => codes::TLS_STORE_REPLACED,
            _ => codes::TLS_OLD_STORE,
        };
    }
    let leaf = shown.leaf.clone().unwrap_or_default();
    let few = matches!(store.replaced, Some((_, Some(certificates))) if certificates < FEW);
    if few && leaf.is_of_public_authority() {
        // It says that a public authority signed it, and so few certificates hold none.
        codes::TLS_STORE_REPLACED
    } else if leaf.is_self_signed() {
        codes::TLS_SELF_SIGNED
    } else if intercepts(shown) {
        codes::TLS_INTERCEPTED
    } else if leaf.is_of_public_authority() {
        codes::TLS_INCOMPLETE_CHAIN
    } else {
        codes::TLS_PRIVATE_AUTHORITY
    }
}

/// A server of a known public service with a certificate of an authority that only some machines
/// know. *Behaviour*: an address of the whole Internet is not enough, since a company's own
/// service may have one, and a certificate of its own authority.
fn intercepts(shown: &Shown) -> bool {
    let unknown = shown.bundled.as_ref().err().is_some_and(|kind| kind == "tls-unknown-issuer");
    let leaf = shown.leaf.as_ref().is_some_and(|leaf| !leaf.is_of_public_authority() && !leaf.is_self_signed());
    unknown && leaf && is_public(&shown.host)
}

/// Whether a server of this name has a certificate of a public authority when nobody is in between.
#[must_use]
pub fn is_public(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    PUBLIC_DOMAINS
        .iter()
        .any(|domain| host == *domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}

/// What fails before any certificate is judged, by the words of the handshake.
fn protocol(message: &str) -> Code {
    let says = |text: &str| message.contains(text);
    if says("ProtocolVersion") || says("ServerDoesNotSupportTls12Or13") || says("ServerTlsVersionIsDisabled") {
        codes::TLS_OLD_PROTOCOL
    } else if says("InvalidContentType") || says("corrupt message") {
        codes::TLS_NOT_TLS
    } else {
        codes::TLS_HANDSHAKE_FAILED
    }
}

/// The last two labels of a name: near enough to whom a domain belongs.
fn domain(host: &str) -> &str {
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at + 1);
    let _ = dots.next();
    dots.next().map_or(host, |from| &host[from..])
}

/// Issuers that no public store knows and that signed for several domains, each with the
/// hosts: nobody but an interceptor has certificates for the names of others.
#[must_use]
pub fn interceptors(all: &[Shown]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for shown in all {
        let Some(leaf) = shown.leaf.as_ref().filter(|leaf| !leaf.is_self_signed()) else { continue };
        let unknown = shown.bundled.as_ref().err().is_some_and(|kind| kind == "tls-unknown-issuer");
        let named =
            |host: &str| host.contains(|c: char| c.is_ascii_alphabetic()) && host.contains('.') && !host.contains(':');
        let elsewhere = all.iter().any(|other| {
            other.leaf.as_ref().is_some_and(|other| other.issuer == leaf.issuer)
                && named(&other.host)
                && is_public(&other.host)
                && domain(&other.host) != domain(&shown.host)
        });
        if unknown && named(&shown.host) && is_public(&shown.host) && elsewhere && !found.contains(&leaf.issuer) {
            found.push(leaf.issuer.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: &str = "tls-unknown-issuer";

    fn shown(host: &str, native: Result<(), &str>, bundled: Result<(), &str>, issuer: &str) -> Shown {
        Shown {
            host: host.into(),
            native: native.map_err(str::to_owned),
            bundled: bundled.map_err(str::to_owned),
            nobody: Ok(()),
            leaf: Some(Leaf { subject: format!("CN={host}"), issuer: issuer.into(), chain: 2 }),
            message: String::new(),
        }
    }

    fn code(shown: &Shown, store: &Store) -> Option<&'static str> {
        one(shown, store).map(|code| code.code)
    }

    #[test]
    fn who_accepts_and_who_refuses_says_why() {
        let store = Store { certificates: Some(140), replaced: None };
        let replaced = Store { certificates: Some(1), replaced: Some(("SSL_CERT_FILE".into(), Some(1))) };
        let both = Store { certificates: Some(141), replaced: Some(("SSL_CERT_FILE".into(), Some(141))) };
        let none = Store { certificates: Some(0), replaced: None };
        let (corp, public) = ("CN=Corp Proxy CA, O=Corp", "CN=R3, O=Let's Encrypt");
        for (shown, store, expected) in [
            (shown("api.github.com", Ok(()), Ok(()), public), &store, None),
            // A company's own server, whose authority is installed: sound.
            (shown("minio.corp", Ok(()), Err(UNKNOWN), corp), &store, None),
            (shown("api.github.com", Ok(()), Err(UNKNOWN), corp), &store, Some("tls.intercepted")),
            (shown("api.github.com", Err(UNKNOWN), Err(UNKNOWN), corp), &store, Some("tls.intercepted")),
            (shown("minio.corp", Err(UNKNOWN), Err(UNKNOWN), corp), &store, Some("tls.private-authority")),
            (shown("minio.corp", Err(UNKNOWN), Err(UNKNOWN), "CN=minio.corp"), &store, Some("tls.self-signed")),
            (shown("cache.corp", Err(UNKNOWN), Err(UNKNOWN), public), &store, Some("tls.incomplete-chain")),
            (shown("api.github.com", Err(UNKNOWN), Ok(()), public), &replaced, Some("tls.store-replaced")),
            (shown("cache.corp", Err(UNKNOWN), Err(UNKNOWN), public), &replaced, Some("tls.store-replaced")),
            (shown("minio.corp", Err(UNKNOWN), Err(UNKNOWN), corp), &replaced, Some("tls.private-authority")),
            (shown("api.github.com", Err(UNKNOWN), Ok(()), public), &both, Some("tls.old-store")),
            (shown("api.github.com", Err(UNKNOWN), Ok(()), public), &store, Some("tls.old-store")),
            (shown("api.github.com", Err("tls-no-roots"), Ok(()), public), &none, Some("tls.no-roots")),
            (shown("x.corp", Err("tls-expired"), Err("tls-expired"), corp), &store, Some("tls.expired")),
            (shown("x.corp", Err("tls-not-yet-valid"), Err(UNKNOWN), corp), &store, Some("tls.not-yet-valid")),
            (shown("x.corp", Err("tls-name-mismatch"), Err(UNKNOWN), corp), &store, Some("tls.name-mismatch")),
            (shown("x.corp", Err("timeout"), Err("timeout"), corp), &store, None),
        ] {
            assert_eq!(code(&shown, store), expected, "{shown:?}");
        }
    }

    #[test]
    fn a_companys_own_server_is_not_intercepted_wherever_it_is() {
        let store = Store { certificates: Some(140), replaced: None };
        for (native, expected) in [(Ok(()), None), (Err(UNKNOWN), Some("tls.private-authority"))] {
            let shown = shown("cache.company.com", native, Err(UNKNOWN), "CN=Company Root");
            assert_eq!(code(&shown, &store), expected, "{shown:?}");
        }
    }

    #[test]
    fn what_fails_whoever_judges_is_no_matter_of_trust() {
        let failing = |kind: &str, message: &str| {
            let mut shown = shown("x.corp", Err(kind), Err(kind), "");
            (shown.nobody, shown.message, shown.leaf) = (Err(kind.to_owned()), message.to_owned(), None);
            code(&shown, &Store { certificates: Some(140), replaced: None })
        };
        assert_eq!(failing("tls-handshake", "received fatal alert: ProtocolVersion"), Some("tls.old-protocol"));
        assert_eq!(
            failing("tls-handshake", "received corrupt message of type InvalidContentType"),
            Some("tls.not-tls")
        );
        assert_eq!(failing("tls-handshake", "the other side closed the connection"), Some("tls.handshake-failed"));
        assert_eq!(failing("connection-refused", ""), None, "not reached");
    }

    #[test]
    fn one_issuer_for_many_domains_is_an_interceptor() {
        let corp = "CN=Corp";
        let github = shown("api.github.com", Ok(()), Err(UNKNOWN), corp);
        let pypi = shown("pypi.org", Ok(()), Err(UNKNOWN), corp);
        let own = shown("a.corp.internal", Ok(()), Err(UNKNOWN), corp);
        assert_eq!(interceptors(&[github.clone(), pypi]), [corp]);
        assert!(interceptors(&[github.clone(), own]).is_empty());
        assert!(interceptors(&[github.clone(), github]).is_empty());
        assert!(is_public("API.GitHub.com.") && !is_public("notgithub.com") && domain("a.b.c") == "b.c");
    }
}

//! A provider that has ended its service, told from a network that fails.
//!
//! Reported of the hosted Storacha: since 2026-05-15 its uploads answer
//! `ServiceUnavailable ... capability is currently disabled`, and its gateways are to
//! end after that. A name below its domains that does not exist any more, or an answer
//! of status 410 (Gone), says the same; a time-out or a refused connection does not.

/// Domains of services that have ended, or whose end was announced.
const DOMAINS: [&str; 5] = ["storacha.network", "storacha.link", "web3.storage", "w3s.link", "nft.storage"];

/// Providers that were named as successors, and what takes their place here.
pub const SUCCESSORS: &str = "Filecoin Pin, Filebase, Pinata";

/// Whether an address, or a name alone, is that of a provider that has ended its service.
#[must_use]
pub fn is_former(address: &str) -> bool {
    let authority = authority(address);
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    DOMAINS.iter().any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Whether a probe of `address` that failed with `kind` says that the provider is gone.
#[must_use]
pub fn is_gone(address: &str, kind: &str) -> bool {
    kind == "dns-not-found" && is_former(address)
}

/// Host and port of an address, as they stand there: what may be told of it, since a path,
/// a query or a user name may hold a secret.
#[must_use]
pub fn authority(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// Whether an HTTP status says so by itself.
#[must_use]
pub fn is_gone_status(status: u16) -> bool {
    status == 410
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_authority_of_an_address_is_told() {
        for (address, wanted) in [
            ("https://user:pass@h.test:8443/path?token=x", "h.test:8443"),
            ("http://[::1]:5001", "[::1]:5001"),
            ("h.test", "h.test"),
        ] {
            assert_eq!(authority(address), wanted);
        }
    }

    #[test]
    fn only_a_former_name_that_does_not_exist_means_retired() {
        for (host, kind, gone) in [
            ("up.storacha.network", "dns-not-found", true),
            ("UP.web3.storage.", "dns-not-found", true),
            ("https://up.storacha.network:443/version", "dns-not-found", true),
            ("w3s.link", "dns-not-found", true),
            ("bafy.ipfs.w3s.link", "dns-not-found", true),
            ("up.storacha.network", "dns-failure", false),
            ("up.storacha.network", "timeout", false),
            ("up.storacha.network", "connection-refused", false),
            ("mystoracha.network", "dns-not-found", false),
            ("cache.example.com", "dns-not-found", false),
        ] {
            assert_eq!(is_gone(host, kind), gone, "{host} {kind}");
        }
        assert!(is_gone_status(410) && !is_gone_status(404) && !is_gone_status(503));
    }
}

/// Words of other tools that say what a cause is. In lower case; one of them is enough.
const WORDS: &[(&str, &[&str])] = &[
    ("listener.none-or-loopback", &["connection refused"]),
    ("listener.nothing-listening", &["connection refused"]),
    ("ipfs.not-listening", &["connection refused"]),
    ("storacha.address", &["connection refused"]),
    ("origin.unreachable", &["connection refused"]),
    ("s3.unreachable", &["connection refused"]),
    ("tcp.unreachable", &["connection refused", "timed out"]),
    ("http.unreachable", &["connection refused", "timed out"]),
    ("net.no-route", &["network is unreachable"]),
    ("net.host-down", &["no route to host"]),
    ("net.silent", &["timed out"]),
    ("dns.name-not-found", &["name or service not known", "no such host"]),
    ("dns.not-found", &["name or service not known", "no such host"]),
    ("dns.resolver-failed", &["temporary failure in name resolution", "server misbehaving"]),
    ("docker.host-name-unresolved", &["host.docker.internal"]),
    ("http.bad-status", &["status"]),
    ("origin.failing", &["status 5"]),
    ("origin.token-rejected", &["status 401"]),
    ("origin.rate-limited", &["status 429"]),
    ("s3.no-bucket", &["status 404"]),
    ("env.no-peers", &["cache_bootstrap_peers is not set"]),
    ("env.p2p-disabled", &["cache_enable_p2p is not true"]),
    ("env.not-propagated", &["no cache variable is set"]),
    ("secret.missing", &["no secret is set"]),
    ("cache.directory", &["cannot write"]),
    ("dependencies.missing", &["is not installed"]),
    ("address.host-port", &["cannot read the address"]),
    ("address.url", &["cannot read the address"]),
    ("address.invalid", &["cannot read the address"]),
];

/// Whether a line says what a cause is.
pub(super) fn name(cause: &str, line: &str) -> bool {
    let line = line.to_lowercase();
    let words = WORDS.iter().find(|(code, _)| *code == cause).map(|(_, words)| *words).unwrap_or_default();
    words.iter().any(|word| line.contains(word))
}

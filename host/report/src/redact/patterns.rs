/// What stands in place of a secret.
pub(super) const TOKEN: &str = r"\[redacted(?::[0-9a-f]{8})?\]";

/// Secrets that are known by their form, wherever they come from.
pub(super) const BUILT_IN: &[&str] = &[
    // GitHub's tokens carry a prefix so that they can be found.
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})",
    // Password of a URL; a multiaddr has no `://`.
    r"://[^/\s:@]*:([^/\s@]+)@",
    // Credentials of a request.
    r"(?i)\bauthorization\b[^A-Za-z0-9\n]{1,6}(?:basic|bearer|token)\s+([^\s,;\x22']+)",
    // Signed URLs of object stores and caches.
    r"(?i)[?&](?:x-amz-signature|x-amz-security-token|sig)=([^&\s\x22']+)",
    // Keys in PEM.
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*PRIVATE KEY-----",
];

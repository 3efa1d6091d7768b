use regex::Regex;
use std::sync::{LazyLock, OnceLock};

/// What stands in place of a secret.
const TOKEN: &str = r"\[redacted(?::[0-9a-f]{8})?\]";

/// Secrets that are known by their form, wherever they come from, each with a text
/// that is part of whatever it matches, in lower case, and what it is called.
const BUILT_IN: &[(&str, &str, &str)] = &[
    // GitHub's tokens carry a prefix so that they can be found.
    ("gh", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})", "token of GitHub"),
    // What stands before the host of a URL, all of it: a token may be there alone, or be
    // the user of a password that is none (`TOKEN:x-oauth-basic`). A multiaddr has no `://`.
    ("@", r"://([^/\s]+)@", "credentials in a URL"),
    // Credentials of a request.
    (
        "authorization",
        r"(?i)\bauthorization\b(?:%[0-9A-Fa-f]{2}|[^A-Za-z0-9\n]){1,6}(?:basic|bearer|token)(?:\s|%20|\+)+([^\s,;\x22']+)",
        "credentials of a request",
    ),
    ("x-api-key", r"(?i)\bx-api-key\b[^A-Za-z0-9\n]{1,6}([^\s,;\x22']+)", "credentials of a request"),
    ("x-auth-token", r"(?i)\bx-auth-token\b[^A-Za-z0-9\n]{1,6}([^\s,;\x22']+)", "credentials of a request"),
    ("cookie", r"(?i)\b(?:set-)?cookie\b[^A-Za-z0-9\n]{1,6}([^\s,;\x22']+)", "cookie"),
    // JSON Web Tokens: two objects in base64 and a signature.
    ("eyj", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+", "JSON Web Token"),
    // Signed URLs of object stores and caches.
    ("sig", r"(?i)[?&](?:x-amz-signature|sig)=([^&\s\x22']+)", "signature of a URL"),
    ("x-amz-security-token", r"(?i)\bx-amz-security-token(?:=|[^A-Za-z0-9\n]{1,6})([^&\s,;\x22']+)", "session token"),
    // Keys in PEM.
    ("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*PRIVATE KEY-----", "private key"),
];

/// The bytes with which a hint begins.
const BEGINNINGS: [bool; 256] = {
    let mut beginnings = [false; 256];
    let mut at = 0;
    while at < BUILT_IN.len() {
        let first = BUILT_IN[at].0.as_bytes()[0];
        beginnings[first as usize] = true;
        beginnings[first.to_ascii_uppercase() as usize] = true;
        at += 1;
    }
    beginnings
};

/// Whether a text has any hint, in whatever case: almost none has, and a report has
/// thousands of them, so this looks at each byte once and copies nothing.
pub(super) fn hinted(text: &str) -> bool {
    let bytes = text.as_bytes();
    let begins = |at: usize, hint: &str| {
        bytes.get(at..at + hint.len()).is_some_and(|part| part.eq_ignore_ascii_case(hint.as_bytes()))
    };
    let mut beginnings = bytes.iter().enumerate().filter(|(_, byte)| BEGINNINGS[usize::from(**byte)]);
    beginnings.any(|(at, _)| BUILT_IN.iter().any(|(hint, _, _)| begins(at, hint)))
}

/// A pattern that is compiled when a text first has what all its matches have.
/// Compiling them all costs more than the whole run of a small policy.
#[derive(Debug)]
pub(super) struct Pattern {
    hint: Option<&'static str>,
    source: String,
    class: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// The patterns that are always looked for.
    pub(super) fn built_in() -> Vec<Self> {
        let pattern = |(hint, source, class): &(&'static str, &str, &'static str)| Self {
            hint: Some(hint),
            source: (*source).to_owned(),
            class,
            compiled: OnceLock::new(),
        };
        BUILT_IN.iter().map(pattern).collect()
    }

    /// A pattern of the policy, compiled at once so that a wrong one is an error.
    pub(super) fn given(source: &str) -> Result<Self, regex::Error> {
        let compiled = OnceLock::from(Some(Regex::new(source)?));
        Ok(Self { hint: None, source: source.to_owned(), class: "pattern of the policy", compiled })
    }

    /// What it finds is called.
    pub(super) fn class(&self) -> &'static str {
        self.class
    }

    /// The expression, when it matches somewhere in `text`; `lower` is the same text
    /// in lower case, made once for all patterns.
    pub(super) fn matching(&self, text: &str, lower: &str) -> Option<&Regex> {
        if self.hint.is_some_and(|hint| !lower.contains(hint)) {
            return None;
        }
        self.compiled.get_or_init(|| Regex::new(&self.source).ok()).as_ref().filter(|regex| regex.is_match(text))
    }
}

/// Where tokens that stand for secrets are in a text.
pub(super) fn tokens_in(text: &str) -> Vec<(usize, usize)> {
    static COMPILED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(TOKEN).ok());
    if !text.contains("[redacted") {
        return Vec::new();
    }
    COMPILED.iter().flat_map(|token| token.find_iter(text)).map(|found| (found.start(), found.end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_pattern_compiles_and_its_matches_have_its_hint() {
        let examples = [
            "ghp_0123456789abcdefghijABCDEFGHIJ",
            "github_pat_0123456789abcdefghijABCD",
            "https://user:pass@host/",
            "http://token@host:3128",
            "Authorization: Bearer abcdef",
            "?X-Amz-Signature=abc",
            "&X-AMZ-SECURITY-TOKEN=abc",
            "x-amz-security-token: abc",
            "X-Api-Key: abcdef",
            "\"x-auth-token\": \"abcdef\"",
            "Set-Cookie: session=abcdef; Path=/",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "?sig=abc",
            "-----BEGIN PRIVATE KEY-----abc-----END PRIVATE KEY-----",
        ];
        for (hint, source, _) in BUILT_IN {
            let regex = Regex::new(source).unwrap();
            let matched: Vec<&&str> = examples.iter().filter(|example| regex.is_match(example)).collect();
            assert!(!matched.is_empty(), "{source} has no example");
            assert!(
                matched.iter().all(|example| example.to_ascii_lowercase().contains(hint)),
                "{source} matches what lacks `{hint}`"
            );
        }
        let all = Pattern::built_in();
        assert!(!hinted("") && !hinted("127.0.0.1:9100 connected") && !hinted("g"));
        for example in examples {
            assert!(hinted(example) && hinted(&example.to_ascii_uppercase()), "{example} is not looked at");
            assert!(
                all.iter().any(|pattern| pattern.matching(example, &example.to_ascii_lowercase()).is_some()),
                "{example} slips through"
            );
        }
    }
}

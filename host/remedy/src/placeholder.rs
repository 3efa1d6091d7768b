//! Texts that only a person can complete, and such as must not be written at all.

/// What stands for a hidden value in a report.
const HIDDEN: &str = "[redacted";

/// Variables that a runner's cache reads, by beginning. A recorded report may come
/// from anybody; what it says must not become a `LD_PRELOAD` of a later process.
const FAMILIES: [&str; 13] = [
    "CACHE_",
    "SEAWORTHY_",
    "AWS_",
    "S3_",
    "IPFS_",
    "KUBO_",
    "STORACHA_",
    "WEB3_STORAGE_",
    "GITHUB_API_",
    "SSL_CERT_",
    "RUNNER_NAME",
    "ACTIONS_",
    "P2P_",
];

/// The word in a text that has to be filled in: `PEER_CONTAINER`, `ADDRESS`, `ID`.
/// *Behaviour*: a part in capitals of two letters or more is taken for one, since
/// no address, peer id, path or number has such a part.
pub(crate) fn in_text(text: &str) -> Option<String> {
    let separators = |c: char| !(c.is_alphanumeric() || c == '_' || c == '$' || c == '{' || c == '}');
    let is_word = |part: &&str| {
        let letters = part.chars().filter(|c| c.is_ascii_uppercase()).count();
        letters >= 2 && part.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    text.split(separators).find(is_word).map(str::to_owned)
}

/// Whether a part of a text was hidden by the redaction of a report.
pub(crate) fn is_hidden(text: &str) -> bool {
    text.contains(HIDDEN)
}

/// Whether a variable is one that may be set for a cache.
pub(crate) fn is_ours(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let token = matches!(upper.as_str(), "GITHUB_TOKEN" | "GH_TOKEN" | "GITHUB_REPOSITORY");
    plain && (token || upper.ends_with("_PROXY") || FAMILIES.iter().any(|family| name.starts_with(family)))
}

/// Whether a text has a character that a line of a file or a terminal must not have.
pub(crate) fn has_controls(text: &str) -> bool {
    text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::{in_text, is_ours};

    #[test]
    fn words_to_fill_in_are_found() {
        for (text, word) in [
            ("/ip4/ADDRESS/tcp/9100", "ADDRESS"),
            ("/ip4/1.2.3.4/tcp/1/p2p/ID", "ID"),
            ("PEER_CONTAINER", "PEER_CONTAINER"),
            ("{\"dns\":[\"SERVER_ADDRESS\"]}", "SERVER_ADDRESS"),
        ] {
            assert_eq!(in_text(text).as_deref(), Some(word), "{text}");
        }
        for text in [
            "/ip4/172.17.0.1/tcp/9100/p2p/12D3KooWLWtVaC9GkkUkh7rFdxCXYQ9QjqHqAbBjZp9",
            "p2p,s3",
            "us-east-1",
            "host.docker.internal:host-gateway",
            "9100:9100/udp",
            "",
            "/ip4/1.2.3.4/tcp/1/p2p/A",
        ] {
            assert_eq!(in_text(text), None, "{text}");
        }
    }

    #[test]
    fn only_variables_of_a_cache_are_set() {
        for name in ["CACHE_BOOTSTRAP_PEERS", "AWS_REGION", "NO_PROXY", "https_proxy", "SSL_CERT_FILE", "GITHUB_TOKEN"]
        {
            assert!(is_ours(name), "{name}");
        }
        for name in ["LD_PRELOAD", "PATH", "BASH_ENV", "NODE_OPTIONS", "PYTHONPATH", "CACHE_X=1\nPATH", "", "GIT_SSH"] {
            assert!(!is_ours(name), "{name}");
        }
    }
}

//! What the secret's status says.

/// A secret shorter than this many characters is weak.
pub const LEAST_LENGTH: usize = 16;

/// Whether the secret changes with every job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PerJob {
    /// The same in every job.
    Stable,
    /// From a variable that usually is, and nothing says otherwise.
    Likely,
    /// The host knows that it does.
    Certain,
}

/// Judges by the variable the secret comes from and the host's `per-job`.
#[must_use]
pub fn per_job(source: Option<&str>, detail: Option<&str>) -> PerJob {
    match (source, detail) {
        // A personal token may be put into GH_TOKEN by hand; GITHUB_TOKEN is always the job's own.
        (Some("GH_TOKEN"), Some("true") | None) => PerJob::Likely,
        (_, Some("true")) | (Some("GITHUB_TOKEN"), None) => PerJob::Certain,
        _ => PerJob::Stable,
    }
}

/// The level at which a missing secret counts: it has to be there once somebody
/// switched P2P on or named peers.
#[must_use]
pub fn missing_level(p2p: Option<&str>, peers: usize) -> &'static str {
    match p2p {
        Some(value) if !value.eq_ignore_ascii_case("true") => "warn",
        Some(_) => "fail",
        None if peers > 0 => "fail",
        None => "warn",
    }
}

/// Copies of `sealed` with one bit flipped: in its first byte, in the middle, in its last byte.
#[must_use]
pub fn tampered(sealed: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let last = sealed.len().saturating_sub(1);
    let mut all = Vec::new();
    for (name, at) in [("first", 0), ("middle", sealed.len() / 2), ("last", last)] {
        let mut copy = sealed.to_vec();
        if let Some(byte) = copy.get_mut(at) {
            *byte ^= 1;
            all.push((name, copy));
        }
    }
    all
}

/// What a failure to open says about a changed ciphertext: refused for what it is,
/// or never looked at.
#[must_use]
pub fn is_refusal(kind: &str) -> bool {
    !matches!(kind, "denied" | "cancelled" | "exhausted" | "timeout" | "not-found")
}

/// Whether a list of backends is given that names none which shares entries with peers.
#[must_use]
pub fn shares_nothing(backends: &str) -> bool {
    let mut names = backends.split(',').map(str::trim_ascii).filter(|name| !name.is_empty()).peekable();
    names.peek().is_some() && names.all(|name| name != "p2p")
}

/// What is known of the peers before they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Network Connectivity reached none.
    None,
    /// It reached some, or nothing is known.
    Open,
}

impl Reach {
    /// From the inherited findings, each a code and its target, and the fact `reachable-peers`.
    #[must_use]
    pub fn of(codes: &[(&str, &str)], reachable: Option<&str>) -> Self {
        let none = reachable == Some("0") || codes.iter().any(|(code, _)| *code == "peers.none-reachable");
        if none { Self::None } else { Self::Open }
    }

    /// Whether a peer may answer: neither it nor every peer was found unreachable. One
    /// without a cache protocol was reached, and says so when it is asked.
    #[must_use]
    pub fn is_worth_asking(self, codes: &[(&str, &str)], peer: &str) -> bool {
        let unreachable = |code: &str| code.starts_with("peer.") && code != "peer.no-cache-protocol";
        self == Self::Open && !codes.iter().any(|(code, target)| *target == peer && unreachable(code))
    }
}

/// What became of asking one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It holds the same secret.
    Agreed,
    /// It holds another.
    Different,
    /// It has no protocol for the proof.
    Unsupported,
    /// It took an entry and never confirmed it.
    Silent,
    /// It could not be asked.
    Unreached,
}

/// Judges one agreement by its result or the kind of its failure.
#[must_use]
pub fn asked(outcome: Result<bool, &str>) -> Asked {
    match outcome {
        Ok(true) => Asked::Agreed,
        Ok(false) => Asked::Different,
        Err("unsupported") => Asked::Unsupported,
        Err("never-acknowledged") => Asked::Silent,
        Err(_) => Asked::Unreached,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_a_job_are_told_from_stable_secrets() {
        assert_eq!(per_job(Some("GITHUB_TOKEN"), None), PerJob::Certain);
        assert_eq!(per_job(Some("GITHUB_TOKEN"), Some("true")), PerJob::Certain);
        assert_eq!(per_job(Some("GH_TOKEN"), Some("true")), PerJob::Likely);
        assert_eq!(per_job(Some("GH_TOKEN"), Some("false")), PerJob::Stable);
        assert_eq!(per_job(Some("CACHE_P2P_SHARED_SECRET"), Some("false")), PerJob::Stable);
        assert_eq!(per_job(None, None), PerJob::Stable);
    }

    #[test]
    fn a_missing_secret_matters_where_entries_are_shared() {
        assert_eq!(missing_level(Some("true"), 0), "fail");
        assert_eq!(missing_level(None, 1), "fail");
        assert_eq!(missing_level(None, 0), "warn");
        assert_eq!(missing_level(Some("false"), 4), "warn");
    }

    #[test]
    fn every_copy_differs_in_one_bit() {
        let sealed = [1_u8, 2, 3, 4, 5];
        let copies = tampered(&sealed);
        assert_eq!(copies.len(), 3);
        for (name, copy) in &copies {
            let bits: u32 = copy.iter().zip(sealed).map(|(a, b)| (a ^ b).count_ones()).sum();
            assert_eq!(bits, 1, "{name}");
        }
        assert!(tampered(&[]).is_empty());
    }

    #[test]
    fn backends_without_peers_need_no_secret() {
        assert!(shares_nothing("disk, memory"));
        assert!(!shares_nothing("disk, p2p") && !shares_nothing("") && !shares_nothing(" , "));
    }

    #[test]
    fn peers_that_were_not_reached_are_not_asked_again() {
        let codes = [("peer.wedged", "/a"), ("peer.no-cache-protocol", "/b"), ("docker.wrong-gateway", "/c")];
        let reach = Reach::of(&codes, Some("2"));
        assert_eq!(reach, Reach::Open);
        let asked: Vec<bool> = ["/a", "/b", "/c"].iter().map(|peer| reach.is_worth_asking(&codes, peer)).collect();
        assert_eq!(asked, [false, true, true]);
        assert_eq!(Reach::of(&codes, Some("0")), Reach::None);
        let none = [("peers.none-reachable", "")];
        assert!(!Reach::of(&none, None).is_worth_asking(&none, "/a"));
        assert_eq!(Reach::of(&[], None), Reach::Open);
    }

    #[test]
    fn answers_of_peers() {
        assert_eq!(asked(Ok(true)), Asked::Agreed);
        assert_eq!(asked(Ok(false)), Asked::Different);
        assert_eq!(asked(Err("unsupported")), Asked::Unsupported);
        assert_eq!(asked(Err("never-acknowledged")), Asked::Silent);
        assert_eq!(asked(Err("timeout")), Asked::Unreached);
        assert!(is_refusal("integrity") && !is_refusal("denied"));
    }
}

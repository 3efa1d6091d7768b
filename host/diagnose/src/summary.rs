use crate::scene::Symptom;
use seaworthy_model::Level;

/// A finding that only sums up others: it is never a root while one of them is there.
pub(crate) struct Summary {
    /// Whether a symptom is such a sum.
    pub(crate) is: fn(&Symptom<'_>) -> bool,
    /// What it may follow from.
    pub(crate) follows: fn(&Symptom<'_>) -> bool,
}

/// In this order: the later ones may follow from what the earlier ones left.
pub(crate) const SUMMARIES: &[Summary] = &[
    Summary { is: |s| s.code() == "peers.none-reachable", follows: about_peers },
    // A tier that lives on the peers cannot be opened or used without them.
    Summary {
        is: |s| tier(s, "p2p") && (s.code() == "cache.open-failed" || s.step.used_as.ends_with("cache/operations")),
        follows: |s| {
            about_peers(s)
                || s.code().starts_with("peers.")
                || s.code() == "secret.missing"
                || s.code() == "secret.different"
        },
    },
    Summary {
        is: |s| tier(s, "disk") && s.code() == "cache.open-failed",
        follows: |s| s.code() == "cache.directory-unwritable",
    },
    Summary {
        is: |s| s.code() == "cache.no-tier",
        follows: |s| {
            matches!(
                s.code(),
                "cache.open-failed"
                    | "cache.adapter-unknown"
                    | "cache.adapter-load-failed"
                    | "cache.directory-unwritable"
                    | "secret.missing"
            ) || about_peers(s)
        },
    },
    // A value that cannot be read is better told by the address in it.
    Summary {
        is: |s| s.code() == "env.invalid-value" && s.finding.target.as_deref() == Some("CACHE_BOOTSTRAP_PEERS"),
        follows: |s| s.code().starts_with("addr."),
    },
];

fn about_peers(symptom: &Symptom<'_>) -> bool {
    let code = symptom.code();
    symptom.finding.level == Level::Fail
        && (code.starts_with("peer.") || code.starts_with("addr.") || code.starts_with("docker."))
}

fn tier(symptom: &Symptom<'_>, label: &str) -> bool {
    symptom.finding.target.as_deref() == Some(label)
}

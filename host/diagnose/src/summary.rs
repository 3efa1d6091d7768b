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
    // A tier that lives on the peers cannot be opened or used without them. Which
    // findings it may follow from is in the kind of its error.
    Summary { is: |s| on_peers(s) && lacks_peers(s), follows: |s| s.code().starts_with("addr.") },
    Summary {
        is: |s| on_peers(s) && kind(s) == Some("configuration") && !lacks_peers(s),
        // To list oneself as a peer is a matter of configuration too.
        follows: |s| matches!(s.code(), "secret.missing" | "peer.self") || s.code().starts_with("addr."),
    },
    Summary {
        is: |s| on_peers(s) && matches!(kind(s), Some("unreachable" | "timed-out")),
        follows: |s| about_peers(s) || s.code().starts_with("peers."),
    },
    Summary {
        is: |s| on_peers(s) && kind(s) == Some("unauthenticated"),
        follows: |s| about_secret(s) || matches!(s.code(), "peer.wrong-id" | "peer.handshake-failed"),
    },
    Summary {
        is: |s| {
            let told = matches!(kind(s), Some("configuration" | "unreachable" | "timed-out" | "unauthenticated"));
            on_peers(s) && !told
        },
        follows: |s| about_peers(s) || about_secret(s) || s.code().starts_with("peers."),
    },
    Summary {
        is: |s| tier(s, "disk") && s.code() == "cache.open-failed",
        follows: |s| s.code() == "cache.directory-unwritable",
    },
    // That no tier is left follows from what closed one, and so from its cause.
    Summary { is: |s| s.code() == "cache.no-usable-backend", follows: closes_a_tier },
    Summary {
        is: |s| s.code() == "cache.no-usable-backend",
        follows: |s| s.code() == "cache.directory-unwritable" || about_secret(s) || about_peers(s),
    },
    // That a lower tier serves follows from what closed the preferred one.
    Summary { is: |s| s.code() == "cache.degraded" && tier(s, "p2p"), follows: |s| tier(s, "p2p") && closes_a_tier(s) },
    Summary {
        is: |s| s.code() == "cache.degraded" && tier(s, "p2p"),
        follows: |s| about_peers(s) || about_secret(s) || s.code().starts_with("peers."),
    },
    Summary {
        is: |s| s.code() == "cache.degraded" && !tier(s, "p2p"),
        follows: |s| !tier(s, "p2p") && closes_a_tier(s),
    },
    // A value that cannot be read is better told by the address in it.
    Summary {
        is: |s| s.code() == "env.invalid-value" && s.finding.target.as_deref() == Some("CACHE_BOOTSTRAP_PEERS"),
        follows: |s| s.code().starts_with("addr."),
    },
    // A list that names one peer twice is told by the address.
    Summary {
        is: |s| s.code() == "env.conflict" && s.finding.target.as_deref() == Some("CACHE_BOOTSTRAP_PEERS"),
        follows: |s| s.code() == "addr.duplicate",
    },
];

/// Whether the tier on the peers did not open because none is configured.
pub(crate) fn lacks_peers(symptom: &Symptom<'_>) -> bool {
    let said = || symptom.finding.message.contains("no peer is configured");
    tier(symptom, "p2p")
        && symptom.code() == "cache.open-failed"
        && kind(symptom).is_none_or(|kind| kind == "configuration")
        && (symptom.detail("reason") == Some("no-peers") || said())
}

/// Whether it is about opening or using the tier that lives on the peers.
fn on_peers(symptom: &Symptom<'_>) -> bool {
    tier(symptom, "p2p")
        && (symptom.code() == "cache.open-failed" || symptom.step.used_as.ends_with("cache/operations"))
}

fn closes_a_tier(symptom: &Symptom<'_>) -> bool {
    matches!(symptom.code(), "cache.open-failed" | "cache.adapter-unknown" | "cache.adapter-load-failed")
}

fn kind<'a>(symptom: &'a Symptom<'_>) -> Option<&'a str> {
    symptom.detail("error-kind")
}

fn about_secret(symptom: &Symptom<'_>) -> bool {
    matches!(symptom.code(), "secret.missing" | "secret.different")
}

fn about_peers(symptom: &Symptom<'_>) -> bool {
    let code = symptom.code();
    symptom.finding.level == Level::Fail
        && (code.starts_with("peer.") || code.starts_with("addr.") || code.starts_with("docker."))
}

fn tier(symptom: &Symptom<'_>, label: &str) -> bool {
    symptom.finding.target.as_deref() == Some(label)
}

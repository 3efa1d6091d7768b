use seaworthy_check_sdk::{Failure, net::tcp, row_value};

/// How a host answered an attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A connection was made.
    Connected,
    /// A RST: the machine is up, and the port is closed (or a firewall pretends so).
    Refused,
    /// An ICMP message ended it.
    Icmp(Icmp),
    /// Our own machine found no link to the other.
    Unreachable { after_ms: u64 },
    /// There is no route.
    NoRoute,
    /// Our own machine forbade it.
    Forbidden,
    /// The connection was reset while being made.
    Reset,
    /// Nothing came back.
    Silence,
    /// It could not be tried: out of descriptors, denied, cancelled.
    Untried { kind: String, message: String },
}

/// What an ICMP message said, and who sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Icmp {
    pub(crate) kind: String,
    pub(crate) code: String,
    pub(crate) from: Option<String>,
    pub(crate) after_ms: u64,
}

impl Reply {
    /// The reply that a failure of the connecting stage stands for.
    pub(crate) fn of(failure: &Failure, elapsed_us: u64) -> Self {
        let detail = |key: &str| row_value(&failure.details, key).map(str::to_owned);
        let after_ms = elapsed_us / 1000;
        if detail("origin").as_deref() == Some("icmp") {
            return Reply::Icmp(Icmp {
                kind: detail("icmp-type").unwrap_or_default(),
                code: detail("icmp-code").unwrap_or_default(),
                from: detail("icmp-from"),
                after_ms,
            });
        }
        match failure.kind.as_str() {
            "connection-refused" => Reply::Refused,
            "connection-reset" => Reply::Reset,
            "host-unreachable" => Reply::Unreachable { after_ms },
            "network-unreachable" => Reply::NoRoute,
            "permission-denied" => Reply::Forbidden,
            "timeout" => Reply::Silence,
            kind => Reply::Untried { kind: kind.into(), message: failure.message.clone() },
        }
    }

    /// The reply that an attempt got.
    pub(crate) fn seen(seen: &tcp::Seen) -> Self {
        match &seen.outcome {
            Ok(_) => Reply::Connected,
            Err(failure) => Reply::of(failure, seen.elapsed),
        }
    }

    /// Whether the machine itself is shown to be up.
    pub(crate) fn shows_life(&self) -> bool {
        matches!(self, Reply::Connected | Reply::Refused | Reply::Reset)
    }

    /// One word, for details and facts.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Reply::Connected => "connected",
            Reply::Refused => "refused",
            Reply::Icmp(_) => "rejected",
            Reply::Unreachable { .. } => "host-unreachable",
            Reply::NoRoute => "no-route",
            Reply::Forbidden => "forbidden",
            Reply::Reset => "reset",
            Reply::Silence => "silent",
            Reply::Untried { .. } => "not-tried",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: &str, details: &[(&str, &str)]) -> Failure {
        Failure {
            kind: kind.into(),
            stage: "connect".into(),
            os_code: None,
            message: String::new(),
            details: details.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    #[test]
    fn the_same_errno_from_a_rst_and_from_a_firewall_are_two_replies() {
        assert_eq!(Reply::of(&failure("connection-refused", &[("origin", "tcp")]), 100), Reply::Refused);
        let icmp = failure("connection-refused", &[("origin", "icmp"), ("icmp-type", "3"), ("icmp-code", "3")]);
        assert!(matches!(Reply::of(&icmp, 100), Reply::Icmp(Icmp { ref code, .. }) if code == "3"));
        assert_eq!(
            Reply::of(&failure("host-unreachable", &[("origin", "local")]), 3_066_000),
            Reply::Unreachable { after_ms: 3066 }
        );
        assert!(matches!(Reply::of(&failure("too-many-open-files", &[]), 0), Reply::Untried { .. }));
    }
}

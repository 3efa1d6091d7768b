use seaworthy_check_sdk::{Failure, row_value};

/// How a machine answered an attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Connected,
    /// A RST, while or right after connecting.
    Refused,
    /// An ICMP message ended it.
    Rejected,
    /// Our own machine found nobody on the link.
    NobodyThere,
    /// Our own machine has no route.
    NoRoute,
    Silent,
    /// It could not be tried.
    Untried,
}

impl Reply {
    pub(crate) fn of(failure: &Failure) -> Self {
        if row_value(&failure.details, "origin") == Some("icmp") {
            return Reply::Rejected;
        }
        match failure.kind.as_str() {
            "connection-refused" | "connection-reset" => Reply::Refused,
            "host-unreachable" => Reply::NobodyThere,
            "network-unreachable" => Reply::NoRoute,
            "timeout" => Reply::Silent,
            _ => Reply::Untried,
        }
    }

    /// Whether the machine itself is shown to be up.
    pub(crate) fn shows_life(self) -> bool {
        matches!(self, Reply::Connected | Reply::Refused)
    }
}

/// Whether a name server was heard of; `None` where the question did not leave this machine.
pub(crate) fn heard<T>(over_tcp: bool, outcome: &Result<T, Failure>) -> Option<bool> {
    let Err(failure) = outcome else { return Some(true) };
    if matches!(row_value(&failure.details, "origin"), Some("tcp" | "icmp")) {
        return Some(true);
    }
    match (failure.kind.as_str(), failure.stage.as_str()) {
        // Over TCP it took the question first.
        ("closed" | "connection-reset" | "protocol", "read") => Some(true),
        ("timeout", "read") if over_tcp => Some(true),
        ("timeout", _) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: &str, origin: &str) -> Failure {
        Failure {
            kind: kind.into(),
            stage: "connect".into(),
            os_code: None,
            message: String::new(),
            details: vec![("origin".into(), origin.into())],
        }
    }

    #[test]
    fn who_ended_it_matters() {
        assert_eq!(Reply::of(&failure("host-unreachable", "icmp")), Reply::Rejected);
        assert_eq!(Reply::of(&failure("host-unreachable", "local")), Reply::NobodyThere);
        assert_eq!(Reply::of(&failure("connection-refused", "tcp")), Reply::Refused);
        assert_eq!(Reply::of(&failure("too-many-open-files", "local")), Reply::Untried);
        assert!(!Reply::of(&failure("connection-refused", "icmp")).shows_life());
    }

    #[test]
    fn our_own_failures_are_no_words_of_a_name_server() {
        let of = |over_tcp, kind: &str, stage: &str, origin: &str| {
            heard::<()>(over_tcp, &Err(Failure { stage: stage.into(), ..failure(kind, origin) }))
        };
        for kind in ["denied", "invalid", "network-unreachable", "too-many-open-files", "exhausted", "cancelled"] {
            assert_eq!(of(false, kind, "connect", "local"), None, "{kind}");
        }
        assert_eq!(of(false, "timeout", "read", ""), Some(false));
        assert_eq!(of(true, "timeout", "connect", "local"), Some(false));
        // It was connected to, and then said nothing.
        assert_eq!(of(true, "timeout", "read", ""), Some(true));
        assert_eq!(of(true, "closed", "read", ""), Some(true));
        assert_eq!(of(true, "connection-refused", "connect", "tcp"), Some(true));
        assert_eq!(of(false, "connection-refused", "read", "icmp"), Some(true));
        assert_eq!(heard(false, &Ok(())), Some(true));
    }
}

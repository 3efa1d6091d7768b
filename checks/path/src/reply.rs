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
}

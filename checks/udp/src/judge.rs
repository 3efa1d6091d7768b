use seaworthy_check_sdk::net::tcp;
use seaworthy_check_sdk::path::datagrams;
use seaworthy_check_sdk::{Hop, row_value};

/// A QUIC address and what came of asking it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// As configured.
    pub(crate) text: String,
    pub(crate) hop: Hop,
    pub(crate) answer: Answer,
    /// Microseconds.
    pub(crate) elapsed: u64,
    /// Whether the machine answered over TCP; unknown where it was not asked.
    pub(crate) tcp_lives: Option<bool>,
    pub(crate) seen: Vec<u32>,
}

/// What a QUIC address answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Quic,
    Silent,
    /// An ICMP message said that the port is closed.
    Closed {
        from: Option<String>,
    },
    /// No answer about UDP: no name, no route, another protocol.
    Other,
    /// The question was not sent.
    Unasked(String),
}

impl Answer {
    pub(crate) fn of(seen: &datagrams::Seen) -> Self {
        match &seen.outcome {
            Ok(_) => Answer::Quic,
            Err(failure) => match failure.kind.as_str() {
                "timeout" if failure.stage != "dns" => Answer::Silent,
                "connection-refused" => {
                    Answer::Closed { from: row_value(&failure.details, "icmp-from").map(str::to_owned) }
                }
                "denied" | "cancelled" | "exhausted" | "unsupported" => Answer::Unasked(failure.message.clone()),
                _ => Answer::Other,
            },
        }
    }
}

/// Whether a machine shows over TCP that it is up.
pub(crate) fn shows_life(seen: &tcp::Seen) -> bool {
    seen.outcome.as_ref().err().is_none_or(|failure| {
        let by_icmp = row_value(&failure.details, "origin") == Some("icmp");
        !by_icmp && matches!(failure.kind.as_str(), "connection-refused" | "connection-reset")
    })
}

/// Whether a question from a fixed port was lost: silence, or a message that where it was
/// led to is not there. A port that could not be bound says nothing.
pub(crate) fn is_dead(seen: &datagrams::Seen) -> bool {
    const LOST: [&str; 4] = ["timeout", "host-unreachable", "network-unreachable", "connection-refused"];
    seen.outcome.as_ref().err().is_some_and(|failure| LOST.contains(&failure.kind.as_str()) && failure.stage != "dns")
}

/// Buffers that a socket may ask for, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffers {
    pub(crate) receive: u64,
    pub(crate) send: Option<u64>,
    /// 0: nothing is wanted.
    pub(crate) wanted: u64,
    /// Datagrams that found a buffer full while the check ran; unknown where not counted.
    pub(crate) dropped: Option<u64>,
}

impl Buffers {
    pub(crate) fn are_small(&self) -> bool {
        self.receive < self.wanted
    }

    /// The kernel's default is small, and hurts only where something is dropped for it.
    pub(crate) fn hurt(&self) -> bool {
        self.are_small() && self.dropped.is_some_and(|dropped| dropped > 0)
    }
}

/// Why nothing is known of UDP to these targets, where no answer told anything of it.
pub(crate) fn untold(targets: &[Target]) -> Option<String> {
    let unasked = targets.iter().find_map(|target| match &target.answer {
        Answer::Unasked(why) => Some(format!("{} could not be asked: {why}", target.text)),
        _ => None,
    });
    let told = |target: &Target| match target.answer {
        Answer::Quic | Answer::Closed { .. } => true,
        Answer::Silent => target.tcp_lives == Some(true),
        Answer::Other | Answer::Unasked(_) => false,
    };
    let nothing = "no QUIC address named its versions, and nothing else was heard of the machines";
    unasked.or_else(|| (!targets.iter().any(told)).then(|| nothing.to_owned()))
}

/// What says that only a private network may be used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Private {
    pub(crate) forced: bool,
    /// The key file that the policy names, where it exists.
    pub(crate) named: Option<String>,
    /// The key file of an IPFS node of this user, where it exists.
    pub(crate) of_node: Option<String>,
}

/// Why QUIC cannot be used, and whether that is about these peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Why {
    pub(crate) text: String,
    pub(crate) sure: bool,
}

impl Private {
    pub(crate) fn why(&self) -> Option<Why> {
        if self.forced {
            return Some(Why { text: "LIBP2P_FORCE_PNET is 1".into(), sure: true });
        }
        if let Some(path) = &self.named {
            return Some(Why { text: format!("{path} is a private network's key"), sure: true });
        }
        let path = self.of_node.as_ref()?;
        Some(Why { text: format!("{path} is the key of a private network"), sure: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_check_sdk::Failure;

    fn failure(kind: &str, stage: &str, details: &[(&str, &str)]) -> Failure {
        Failure {
            kind: kind.into(),
            stage: stage.into(),
            os_code: None,
            message: "why".into(),
            details: details.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    fn seen(outcome: Result<datagrams::Exchanged, Failure>) -> datagrams::Seen {
        datagrams::Seen { id: 1, target: "10.0.0.1:9100".into(), elapsed: 1, outcome }
    }

    #[test]
    fn silence_refusal_and_not_knowing_are_three_things() {
        let of = |kind, stage, details: &[(&str, &str)]| Answer::of(&seen(Err(failure(kind, stage, details))));
        assert_eq!(of("timeout", "read", &[]), Answer::Silent);
        assert_eq!(of("timeout", "dns", &[]), Answer::Other);
        assert_eq!(
            of("connection-refused", "read", &[("icmp-from", "10.0.0.1")]),
            Answer::Closed { from: Some("10.0.0.1".into()) }
        );
        assert_eq!(of("denied", "grant", &[]), Answer::Unasked("why".into()));
        assert_eq!(of("protocol", "read", &[]), Answer::Other);
    }

    #[test]
    fn a_firewall_s_message_is_no_sign_of_life() {
        let of = |kind: &str, origin: &str| {
            let outcome = Err(failure(kind, "connect", &[("origin", origin)]));
            shows_life(&tcp::Seen { id: 1, target: String::new(), elapsed: 1, tried: Vec::new(), outcome })
        };
        assert!(of("connection-refused", "tcp") && !of("connection-refused", "icmp"));
        assert!(!of("timeout", "local") && !of("host-unreachable", "local"));
    }

    #[test]
    fn a_port_that_another_holds_is_not_dead() {
        assert!(is_dead(&seen(Err(failure("timeout", "read", &[])))));
        // The router asked for the container that is gone, and says that nobody has the address.
        assert!(is_dead(&seen(Err(failure("host-unreachable", "read", &[("origin", "icmp")])))));
        assert!(!is_dead(&seen(Err(failure("address-in-use", "bind", &[])))));
        let answered = datagrams::Exchanged { remote: String::new(), local: String::new(), received: vec![vec![1]] };
        assert!(!is_dead(&seen(Ok(answered))));
    }

    #[test]
    fn a_key_that_lies_about_is_not_a_private_network_of_these_peers() {
        let sure = |private: Private| private.why().map(|why| why.sure);
        let of_node = Some("/home/runner/.ipfs/swarm.key".to_owned());
        assert_eq!(sure(Private { of_node: of_node.clone(), ..Private::default() }), Some(false));
        assert_eq!(sure(Private { forced: true, of_node, ..Private::default() }), Some(true));
        assert_eq!(sure(Private { named: Some("/k".into()), ..Private::default() }), Some(true));
        assert_eq!(sure(Private::default()), None);
    }

    #[test]
    fn a_target_of_which_nothing_was_heard_does_not_pass() {
        let target = |answer, tcp_lives| Target {
            text: "/ip4/10.0.0.1/udp/1/quic-v1".into(),
            hop: Hop::parse("/ip4/10.0.0.1/udp/1/quic-v1").unwrap(),
            answer,
            elapsed: 1,
            tcp_lives,
            seen: vec![1],
        };
        for (answer, lives) in [(Answer::Silent, Some(false)), (Answer::Silent, None), (Answer::Other, None)] {
            assert!(untold(&[target(answer.clone(), lives)]).is_some(), "{answer:?}");
            assert_eq!(untold(&[target(answer, lives), target(Answer::Quic, None)]), None);
        }
        assert_eq!(untold(&[target(Answer::Silent, Some(true))]), None);
        assert_eq!(untold(&[target(Answer::Closed { from: None }, None)]), None);
        assert!(untold(&[target(Answer::Unasked("why".into()), None), target(Answer::Quic, None)]).is_some());
    }

    #[test]
    fn the_kernel_s_default_hurts_where_something_was_dropped() {
        let default = Buffers { receive: 212_992, send: None, wanted: 7_500_000, dropped: Some(0) };
        assert!(default.are_small() && !default.hurt());
        assert!(!Buffers { dropped: None, ..default }.hurt());
        assert!(Buffers { dropped: Some(3), ..default }.hurt());
        assert!(!Buffers { dropped: Some(3), receive: 7_500_000, ..default }.hurt());
    }

    #[test]
    fn buffers_are_judged_by_what_is_wanted() {
        let buffers = Buffers { receive: 212_992, send: None, wanted: 7_500_000, dropped: None };
        assert!(buffers.are_small());
        assert!(!Buffers { receive: 7_500_000, ..buffers }.are_small());
        assert!(!Buffers { wanted: 0, ..buffers }.are_small());
    }
}

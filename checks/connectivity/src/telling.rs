use crate::address::{Endpoint, Entry, Fault};
use crate::codes;
use crate::confirmation::Confirmation;
use crate::reply::{Icmp, Reply};
use crate::verdict::{Sureness, Verdict};
use seaworthy_check_sdk::{Failure, FindingBuilder, row_value};

/// What dialling a faulty address taught about the peer there.
pub(crate) enum Lesson<'a> {
    /// It was not dialled.
    None,
    /// The peer proved this id.
    Peer(&'a str),
    /// It could not be reached either.
    Failed(&'a Failure),
}

/// An address whose text is wrong, corrected where the peer told its id.
pub(crate) fn fault(entry: &Entry, fault: &Fault, endpoint: Option<&Endpoint>, lesson: &Lesson) -> FindingBuilder {
    let mut finding = fault.code.at(&entry.text).observed(&entry.text);
    for (key, value) in &fault.details {
        finding = finding.detail(key, value);
    }
    let message = match (lesson, endpoint) {
        (Lesson::Peer(id), Some(endpoint)) => {
            let corrected = [endpoint.base.as_str(), "/p2p/", id].concat();
            finding = finding.detail("seen-peer-id", *id).detail("corrected-address", &corrected).expected(&corrected);
            [&fault.message, "; the peer that answers there is ", id, ": write ", &corrected].concat()
        }
        (Lesson::Failed(failure), _) => {
            [&fault.message, "; who is there could not be learned: ", &failure.message].concat()
        }
        _ => fault.message.clone(),
    };
    finding.message(message)
}

/// A peer that cannot be used.
pub(crate) fn unusable(
    entry: &Entry,
    endpoint: &Endpoint,
    verdict: &Verdict,
    failure: &Failure,
    confirmation: Option<&Confirmation>,
) -> FindingBuilder {
    let socket = endpoint.socket();
    let message = [socket.as_str(), ": ", verdict.why, " (", &failure.message, ")"].concat();
    let mut finding = verdict
        .code
        .at(&entry.text)
        .message(message)
        .observed(&failure.message)
        .detail("host", &endpoint.host)
        .detail("port", endpoint.port.to_string())
        .detail("kind", &failure.kind)
        .detail("stage", &failure.stage);
    if let Some(code) = failure.os_code {
        finding = finding.detail("errno", code.to_string());
    }
    for key in ["protocol", "banner", "offers", "tried", "gai-code", "udp", "status", "relay-peer-id"] {
        if let Some(value) = row_value(&failure.details, key) {
            finding = finding.detail(key, value);
        }
    }
    if let Some(confirmation) = confirmation {
        finding = corroborated(finding, confirmation, row_value(&failure.details, "protocol").is_none());
    }
    if verdict.code.code == codes::PEER_REFUSED.code && confirmation.is_some_and(|c| c.around.is_gateway) {
        finding = finding.expected("a listener on this address or on 0.0.0.0 of the container's host");
    }
    sure(finding, verdict.sureness)
}

fn corroborated(mut finding: FindingBuilder, confirmation: &Confirmation, speech: bool) -> FindingBuilder {
    let around = &confirmation.around;
    if let Some(resolved) = around.resolved {
        finding = finding
            .detail("resolved", resolved.to_string())
            .detail("on-link", flag(around.on_link))
            .detail("is-gateway", flag(around.is_gateway))
            .detail("own-address", flag(around.own));
    }
    if let Some(via) = around.via {
        finding = finding.detail("via-gateway", via.to_string());
    }
    if let Some(state) = &around.neighbour {
        finding = finding.detail("neighbour-state", state);
    }
    if let Some(word) = confirmation.control_word() {
        finding = finding.detail("control-port", word).detail("control-ports", confirmation.control_list());
    }
    if let Some(again) = &confirmation.again {
        finding = finding.detail("again", again.word());
        finding = match again {
            Reply::Icmp(icmp) => with_icmp(finding.detail("origin", "icmp"), icmp),
            Reply::Refused | Reply::Reset => finding.detail("origin", "tcp"),
            Reply::Unreachable { .. } | Reply::NoRoute | Reply::Forbidden => finding.detail("origin", "local"),
            _ => finding,
        };
    }
    if let Some((protocol, line)) = confirmation.speech.as_ref().filter(|_| speech) {
        finding = finding.detail("protocol", *protocol).detail("banner", line);
    }
    finding
}

fn with_icmp(finding: FindingBuilder, icmp: &Icmp) -> FindingBuilder {
    let finding = finding.detail("icmp-type", &icmp.kind).detail("icmp-code", &icmp.code);
    match &icmp.from {
        Some(from) => finding.detail("icmp-from", from),
        None => finding,
    }
}

/// A peer that proved another id than the address names.
pub(crate) fn wrong_id(entry: &Entry, endpoint: &Endpoint, expected: &str, seen: &str) -> FindingBuilder {
    let corrected = [endpoint.base.as_str(), "/p2p/", seen].concat();
    let message = [
        "the peer at ",
        &endpoint.socket(),
        " is ",
        seen,
        ", not ",
        expected,
        ": its identity was made anew, or another peer has taken the address; if it is the right one, write ",
        &corrected,
    ];
    codes::PEER_WRONG_ID
        .at(&entry.text)
        .message(message.concat())
        .observed(seen)
        .expected(expected)
        .detail("expected-peer-id", expected)
        .detail("seen-peer-id", seen)
        .detail("corrected-address", corrected)
        .detail("host", &endpoint.host)
        .detail("port", endpoint.port.to_string())
}

/// Two machines with one identity.
pub(crate) fn same_identity(
    entry: &Entry,
    peer_id: &str,
    other: &str,
    twin: &seaworthy_check_sdk::p2p::swarm::Peer,
    peer: &seaworthy_check_sdk::p2p::swarm::Peer,
) -> FindingBuilder {
    let (there, here) = (twin.listen_addresses.join(" "), peer.listen_addresses.join(" "));
    let message = [entry.text.as_str(), " and ", other, " are two machines that prove the same identity, ", peer_id];
    codes::PEER_SAME_IDENTITY
        .at(&entry.text)
        .message(message.concat())
        .observed(["one listens on ", &there, ", the other on ", &here].concat())
        .expected("an identity for each")
        .detail("peer-id", peer_id)
        .detail("other", other)
        .likely()
}

/// A peer that is no cache.
pub(crate) fn no_cache_protocol(entry: &Entry, wanted: &[&str], offered: &[String], agent: &str) -> FindingBuilder {
    let offers = offered.join(" ");
    let message = [
        "the peer (",
        if agent.is_empty() { "no agent named" } else { agent },
        ") answers, but offers no cache protocol: neither ",
        &wanted.join(" nor "),
    ];
    codes::PEER_NO_CACHE_PROTOCOL
        .at(&entry.text)
        .message(message.concat())
        .observed(&offers)
        .expected(wanted.join(" or "))
        .detail("protocols", offers)
        .detail("agent", agent)
}

fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn sure(finding: FindingBuilder, sureness: Sureness) -> FindingBuilder {
    match sureness {
        Sureness::Certain => finding,
        Sureness::Likely => finding.likely(),
        Sureness::Possible => finding.possible(),
    }
}

use crate::reply::Reply;
use seaworthy_check_sdk::net::{dns, tcp};
use seaworthy_check_sdk::{Hop, Transport, ip};
use std::net::IpAddr;

/// One target, and how the attempts to connect to it ended.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// As configured.
    pub(crate) text: String,
    pub(crate) hop: Hop,
    /// The addresses of its name, in the resolver's order; its own where it is a number.
    pub(crate) addresses: Vec<IpAddr>,
    /// What each of them answered.
    pub(crate) tried: Vec<(IpAddr, Reply)>,
    pub(crate) reply: Reply,
    /// The observations behind it.
    pub(crate) seen: Vec<u32>,
}

/// Connects to every target at once.
///
/// Only the first hop of an address is asked, over TCP; what is reached over UDP alone
/// is left to `net/udp`.
pub(crate) fn all(addresses: &[String], timeout: u32, further: &[String]) -> (Vec<Probe>, Vec<tcp::Seen>) {
    let hops: Vec<(String, Hop)> = addresses
        .iter()
        .filter_map(|text| Some((text.trim().to_owned(), Hop::parse(text)?)))
        .filter(|(_, hop)| hop.transport == Transport::Tcp)
        .collect();
    let named: Vec<dns::Query> = hops
        .iter()
        .filter(|(_, hop)| hop.ip().is_none())
        .map(|(_, hop)| dns::Query { name: hop.host.clone(), timeout: timeout / 2 })
        .collect();
    let answers = if named.is_empty() { Vec::new() } else { dns::resolve(&named) };
    let sockets = hops.iter().map(|(_, hop)| hop.socket()).chain(further.iter().cloned());
    let attempts: Vec<tcp::Attempt> =
        sockets.map(|target| tcp::Attempt { target, timeout, payload: Vec::new(), read_max: 0 }).collect();
    let mut seen = if attempts.is_empty() { Vec::new() } else { tcp::connect(&attempts) };
    let others = seen.split_off(hops.len().min(seen.len()));
    let probes = hops.into_iter().zip(seen).map(|((text, hop), seen)| {
        let answer = answers.iter().find(|answer| hop.ip().is_none() && answer.name == hop.host);
        read(text, hop, &seen, answer)
    });
    (probes.collect(), others)
}

fn read(text: String, hop: Hop, seen: &tcp::Seen, answer: Option<&dns::Seen>) -> Probe {
    let reply = |outcome: &Result<tcp::Connection, seaworthy_check_sdk::Failure>| match outcome {
        Ok(_) => Reply::Connected,
        Err(failure) => Reply::of(failure),
    };
    let resolved = answer.and_then(|answer| answer.outcome.as_ref().ok());
    let addresses: Vec<IpAddr> = match hop.ip() {
        Some(ip) => vec![ip],
        None => resolved.map(|a| a.addresses.iter().filter_map(|text| ip::parse(text)).collect()).unwrap_or_default(),
    };
    let addresses: Vec<IpAddr> = addresses.into_iter().filter(|address| hop.means(*address)).collect();
    let tried: Vec<(IpAddr, Reply)> = seen
        .tried
        .iter()
        .filter_map(|tried| Some((host_of(&tried.address)?, reply(&tried.outcome))))
        .filter(|(address, _)| hop.means(*address))
        .collect();
    // Of a name that means one family, the other's answer says nothing.
    let best = match (hop.only_ipv4, tried.iter().find(|(_, reply)| reply.shows_life()).or(tried.first())) {
        (Some(_), Some((_, reply))) => *reply,
        (Some(_), None) => Reply::Untried,
        (None, _) => reply(&seen.outcome),
    };
    let ids = std::iter::once(seen.id).chain(answer.map(|answer| answer.id)).collect();
    Probe { text, hop, addresses, tried, reply: best, seen: ids }
}

/// The address in `1.2.3.4:9100` or `[::1]:9100`.
fn host_of(socket: &str) -> Option<IpAddr> {
    ip::parse(socket.rsplit_once(':')?.0)
}

/// Why nothing is known of the ways, where no target answered in any manner.
pub(crate) fn nothing_heard(probes: &[Probe]) -> Option<String> {
    let heard = |reply: &Reply| reply.shows_life() || *reply == Reply::Rejected;
    let any = probes.iter().any(|p| heard(&p.reply) || p.tried.iter().any(|(_, reply)| heard(reply)));
    (!any).then(|| {
        let targets =
            if probes.len() == 1 { "the target".to_owned() } else { format!("any of {} targets", probes.len()) };
        format!("nothing was heard of {targets}, so nothing is known of the way there")
    })
}

impl Probe {
    /// The address that was connected to, else the first one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        let connected = self.tried.iter().find(|(_, reply)| *reply == Reply::Connected);
        let first = connected.or_else(|| self.tried.first()).map(|(ip, _)| *ip);
        first.or_else(|| self.addresses.first().copied())
    }

    /// Whether its host is a name.
    pub(crate) fn is_named(&self) -> bool {
        self.hop.ip().is_none()
    }

    /// What an address of it answered.
    pub(crate) fn reply_at(&self, wanted: impl Fn(IpAddr) -> bool) -> Option<Reply> {
        let mut found = self.tried.iter().filter(|(ip, _)| wanted(*ip)).map(|(_, reply)| *reply);
        let first = found.next()?;
        Some(if found.any(|reply| reply == Reply::Connected) { Reply::Connected } else { first })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A target with what its addresses answered.
    pub(crate) fn probe(text: &str, tried: &[(&str, Reply)]) -> Probe {
        let tried: Vec<(IpAddr, Reply)> = tried.iter().map(|(ip, reply)| (ip::parse(ip).unwrap(), *reply)).collect();
        let connected = tried.iter().find(|(_, reply)| *reply == Reply::Connected);
        let reply = connected.or_else(|| tried.first()).map_or(Reply::Untried, |(_, reply)| *reply);
        Probe {
            text: text.into(),
            hop: Hop::parse(text).unwrap(),
            addresses: tried.iter().map(|(ip, _)| *ip).collect(),
            tried,
            reply,
            seen: vec![1],
        }
    }

    #[test]
    fn silence_shows_no_way() {
        let at = |reply| probe("10.1.0.1:1", &[("10.1.0.1", reply)]);
        assert!(nothing_heard(&[at(Reply::Silent), at(Reply::Untried)]).is_some());
        for reply in [Reply::Connected, Reply::Refused, Reply::Rejected] {
            assert!(nothing_heard(&[at(Reply::Silent), at(reply)]).is_none(), "{reply:?}");
        }
    }

    #[test]
    fn the_address_that_answers_is_the_one_that_counts() {
        let probe = probe("a.test:1", &[("::1", Reply::Refused), ("127.0.0.1", Reply::Connected)]);
        assert_eq!(probe.ip(), ip::parse("127.0.0.1"));
        assert_eq!(probe.reply, Reply::Connected);
        assert_eq!(probe.reply_at(|ip| ip.is_ipv6()), Some(Reply::Refused));
        assert!(probe.is_named());
        assert_eq!(host_of("[::1]:9100"), ip::parse("::1"));
    }
}

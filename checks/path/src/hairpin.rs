use crate::probe::Probe;
use crate::reply::Reply;
use crate::surroundings::Surroundings;
use std::net::IpAddr;

/// This runner's own published address and whether something here listens on its port.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own {
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) listens: bool,
    /// Addresses of this container's host, where its report names them.
    pub(crate) of_host: Vec<IpAddr>,
}

/// What answers in place of a published address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Direct {
    /// In words, or as configured.
    pub(crate) text: String,
    /// The silent address is known to be of this host, and not merely far and silent.
    pub(crate) likely: bool,
}

/// The address that answers in place of a published one that is silent: of the same peer
/// and on this network, or this runner itself.
pub(crate) fn judge(net: &Surroundings, probes: &[Probe], index: usize, own: &Own) -> Option<Direct> {
    let published = probes.get(index)?;
    let ip = published.ip()?;
    if published.reply != Reply::Silent || net.on_link(ip) && !is_gateway(net, ip) {
        return None;
    }
    if own.listens && own.address == Some(ip) && own.port == published.hop.port {
        let text = format!("this runner itself, which listens on port {}", own.port);
        return Some(Direct { text, likely: true });
    }
    let peer = published.hop.peer_id.as_deref()?;
    let near = |probe: &&Probe| {
        probe.hop.peer_id.as_deref() == Some(peer)
            && probe.reply == Reply::Connected
            && probe.ip().is_some_and(|ip| net.on_link(ip) && !is_gateway(net, ip))
    };
    let likely = is_gateway(net, ip) || own.address == Some(ip) || own.of_host.contains(&ip);
    probes.iter().find(near).map(|probe| Direct { text: probe.text.clone(), likely })
}

fn is_gateway(net: &Surroundings, ip: IpAddr) -> bool {
    net.gateway() == Some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tests::probe;
    use crate::surroundings::tests::container;
    use seaworthy_check_sdk::ip;

    const PUBLISHED: &str = "/ip4/10.0.0.5/tcp/9100/p2p/A";
    const DIRECT: &str = "/ip4/172.18.0.3/tcp/9100/p2p/A";

    #[test]
    fn the_same_peer_answers_on_this_network() {
        let probes =
            [probe(PUBLISHED, &[("10.0.0.5", Reply::Silent)]), probe(DIRECT, &[("172.18.0.3", Reply::Connected)])];
        let direct = |likely| Some(Direct { text: DIRECT.into(), likely });
        // An address that is merely silent may be out of date.
        assert_eq!(judge(&container(), &probes, 0, &Own::default()), direct(false));
        let known = Own { of_host: vec![ip::parse("10.0.0.5").unwrap()], ..Own::default() };
        assert_eq!(judge(&container(), &probes, 0, &known), direct(true));
        assert_eq!(judge(&container(), &probes, 1, &Own::default()), None);
        // The bridge's own address is one of the host's too.
        let gateway = "/ip4/172.18.0.1/tcp/9100/p2p/A";
        let probes =
            [probe(gateway, &[("172.18.0.1", Reply::Silent)]), probe(DIRECT, &[("172.18.0.3", Reply::Connected)])];
        assert_eq!(judge(&container(), &probes, 0, &Own::default()), direct(true));
    }

    #[test]
    fn look_alikes() {
        let direct = |reply| probe(DIRECT, &[("172.18.0.3", reply)]);
        let published = |reply| probe(PUBLISHED, &[("10.0.0.5", reply)]);
        // The peer is down, the port is not published, the other is another peer, or far away.
        let other = probe("/ip4/172.18.0.3/tcp/9100/p2p/B", &[("172.18.0.3", Reply::Connected)]);
        let far = probe("/ip4/10.7.0.3/tcp/9100/p2p/A", &[("10.7.0.3", Reply::Connected)]);
        for pair in [
            [published(Reply::Silent), direct(Reply::Silent)],
            [published(Reply::Refused), direct(Reply::Connected)],
            [published(Reply::Silent), other],
            [published(Reply::Silent), far],
        ] {
            assert_eq!(judge(&container(), &pair, 0, &Own::default()), None);
        }
    }

    #[test]
    fn this_runner_s_own_published_address() {
        let own = Own { address: ip::parse("10.0.0.5"), port: 9100, listens: true, ..Own::default() };
        let probes = [probe("10.0.0.5:9100", &[("10.0.0.5", Reply::Silent)])];
        assert!(judge(&container(), &probes, 0, &own).is_some_and(|d| d.likely && d.text.contains("itself")));
        assert!(judge(&container(), &probes, 0, &Own { listens: false, ..own.clone() }).is_none());
        assert!(judge(&container(), &probes, 0, &Own { port: 9101, ..own }).is_none());
    }
}

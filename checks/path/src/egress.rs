use crate::probe::Probe;
use crate::reply::Reply;
use crate::surroundings::Surroundings;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Nothing beyond the gateway answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoEgress {
    /// Numbers of the targets that it keeps from being reached.
    pub(crate) targets: Vec<usize>,
    /// How many machines were silent.
    pub(crate) silent: usize,
    pub(crate) gateway: IpAddr,
    /// The host's report says that it forwards nothing.
    pub(crate) certain: bool,
    /// More than a few targets that may all be off were silent.
    pub(crate) likely: bool,
}

/// What was learned of machines besides the targets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// Ports of the gateway that were tried.
    pub(crate) gateway: Vec<Reply>,
    /// Name servers beyond the gateway; whether they answered.
    pub(crate) name_servers: Vec<(IpAddr, bool)>,
    /// What the host's report says of `ip_forward`.
    pub(crate) host_forwards: Option<bool>,
}

/// Networks whose machines are not all off by chance.
const NETWORKS: usize = 3;

/// Machines beyond the gateway that were tried, and how many answered.
pub(crate) fn beyond(net: &Surroundings, probes: &[Probe], beside: &Beside) -> (usize, usize) {
    let machines = machines(net, probes, beside);
    (machines.len(), machines.iter().filter(|(_, spoke)| *spoke).count())
}

/// They, and whether each answered.
fn machines(net: &Surroundings, probes: &[Probe], beside: &Beside) -> Vec<(IpAddr, bool)> {
    let mut machines: Vec<(IpAddr, bool)> = Vec::new();
    let targets = probes.iter().flat_map(|probe| &probe.tried);
    let answered = targets
        .filter(|(ip, reply)| net.beyond_gateway(*ip) && *reply != Reply::Untried)
        .map(|(ip, reply)| (*ip, *reply != Reply::Silent));
    for (ip, spoke) in answered.chain(beside.name_servers.iter().copied()) {
        match machines.iter_mut().find(|(known, _)| *known == ip) {
            Some((_, before)) => *before |= spoke,
            None => machines.push((ip, spoke)),
        }
    }
    machines
}

/// How many networks machines are in: their /24, or /48 of IPv6.
fn networks(machines: &[(IpAddr, bool)]) -> usize {
    let network = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets()[..3].to_vec(),
        IpAddr::V6(ip) => ip.octets()[..6].to_vec(),
    };
    machines.iter().map(|(ip, _)| network(ip)).collect::<BTreeSet<_>>().len()
}

/// Judges silence beyond the gateway. `explained` are targets for whose silence there is
/// another reason.
pub(crate) fn judge(net: &Surroundings, probes: &[Probe], beside: &Beside, explained: &[usize]) -> Option<NoEgress> {
    let gateway = net.gateway()?;
    let alive = beside.gateway.iter().any(|reply| reply.shows_life() || *reply == Reply::Rejected)
        || net.neighbour(gateway) == Some(true);
    let machines = machines(net, probes, beside);
    let answered = machines.iter().any(|(_, spoke)| *spoke);
    let silent = |probe: &Probe| {
        let mut far = probe.tried.iter().filter(|(ip, _)| net.beyond_gateway(*ip)).peekable();
        probe.reply == Reply::Silent && far.peek().is_some() && far.all(|(_, reply)| *reply == Reply::Silent)
    };
    let targets: Vec<usize> = probes
        .iter()
        .enumerate()
        .filter(|(index, probe)| silent(probe) && !explained.contains(index))
        .map(|(index, _)| index)
        .collect();
    let certain = beside.host_forwards == Some(false) && net.in_container;
    let enough = machines.len() >= 2 || certain;
    // Two peers may be off; a name server that everybody here uses hardly is.
    let likely = certain || !beside.name_servers.is_empty() || networks(&machines) >= NETWORKS;
    (alive && !answered && enough && !targets.is_empty()).then_some(NoEgress {
        targets,
        silent: machines.len(),
        gateway,
        certain,
        likely,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tests::probe;
    use crate::surroundings::tests::container;
    use seaworthy_check_sdk::ip;

    fn beside(forwards: Option<bool>) -> Beside {
        Beside { gateway: vec![Reply::Refused], name_servers: Vec::new(), host_forwards: forwards }
    }

    fn silent(address: &str) -> Probe {
        probe(&format!("{address}:9100"), &[(address, Reply::Silent)])
    }

    #[test]
    fn two_silent_machines_or_the_word_of_the_host() {
        let two = [silent("10.1.0.1"), silent("10.2.0.1")];
        let found = judge(&container(), &two, &beside(None), &[]).unwrap();
        assert_eq!((found.targets.as_slice(), found.silent, found.certain), ([0, 1].as_slice(), 2, false));
        assert!(judge(&container(), &two[..1], &beside(None), &[]).is_none());
        assert!(judge(&container(), &two[..1], &beside(Some(true)), &[]).is_none());
        assert!(judge(&container(), &two[..1], &beside(Some(false)), &[]).unwrap().certain);
        let server = Beside { name_servers: vec![(ip::parse("10.9.0.1").unwrap(), false)], ..beside(None) };
        assert!(judge(&container(), &two[..1], &server, &[]).is_some_and(|found| found.likely));
    }

    #[test]
    fn two_peers_that_may_be_off_are_only_possible() {
        let likely = |probes: &[Probe]| judge(&container(), probes, &beside(None), &[]).unwrap().likely;
        assert!(!likely(&[silent("10.1.0.1"), silent("10.2.0.1")]));
        assert!(!likely(&[silent("10.1.0.1"), silent("10.1.0.2"), silent("10.2.0.1")]));
        assert!(likely(&[silent("10.1.0.1"), silent("10.2.0.1"), silent("10.3.0.1")]));
    }

    #[test]
    fn one_answer_from_beyond_is_enough_against_it() {
        let refused = probe("10.2.0.1:9100", &[("10.2.0.1", Reply::Refused)]);
        let rejected = probe("10.2.0.1:9100", &[("10.2.0.1", Reply::Rejected)]);
        for other in [refused, rejected] {
            assert!(judge(&container(), &[silent("10.1.0.1"), other], &beside(Some(false)), &[]).is_none());
        }
        let server = Beside { name_servers: vec![(ip::parse("10.9.0.1").unwrap(), true)], ..beside(None) };
        assert!(judge(&container(), &[silent("10.1.0.1"), silent("10.2.0.1")], &server, &[]).is_none());
    }

    #[test]
    fn a_neighbour_and_a_dead_gateway_are_other_matters() {
        assert!(judge(&container(), &[silent("172.18.0.7"), silent("172.18.0.8")], &beside(None), &[]).is_none());
        let mut dead = container();
        dead = crate::surroundings::tests::without_neighbours(dead);
        let gone = Beside { gateway: vec![Reply::NobodyThere], ..beside(None) };
        assert!(judge(&dead, &[silent("10.1.0.1"), silent("10.2.0.1")], &gone, &[]).is_none());
        // The same machine twice is one machine.
        assert!(judge(&container(), &[silent("10.1.0.1"), silent("10.1.0.1")], &beside(None), &[]).is_none());
        // What has another reason is not counted as a target, and still as silent.
        let found = judge(&container(), &[silent("10.1.0.1"), silent("10.2.0.1")], &beside(None), &[0]).unwrap();
        assert_eq!(found.targets, [1]);
    }
}

use crate::probe::Probe;
use crate::reply::Reply;
use crate::surroundings::Surroundings;
use std::net::IpAddr;

/// What is wrong with a target's addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Its name has an IPv6 address and no route leads there: nothing else either, or only
    /// programs that try no second address are hurt.
    NoIpv6 { address: IpAddr, works_otherwise: bool },
    /// `localhost` is ::1 first, where nothing listens, while 127.0.0.1 serves.
    Localhost,
}

pub(crate) fn judge(net: &Surroundings, probe: &Probe) -> Option<Wrong> {
    if !probe.is_named() {
        return None;
    }
    let six = probe.addresses.iter().copied().find(IpAddr::is_ipv6)?;
    if six.is_loopback() {
        let first = probe.addresses.first().is_some_and(IpAddr::is_ipv6);
        let refused = probe.reply_at(|ip| ip.is_ipv6()) == Some(Reply::Refused);
        let served = probe.reply_at(|ip| ip.is_ipv4() && ip.is_loopback()) == Some(Reply::Connected);
        return (first && refused && served).then_some(Wrong::Localhost);
    }
    let tried = probe.reply_at(|ip| ip.is_ipv6());
    let unroutable = net.route(six).is_none() && matches!(tried, None | Some(Reply::NoRoute));
    let works_otherwise = probe.reply_at(|ip| ip.is_ipv4()) == Some(Reply::Connected);
    // An IPv4 address that does not answer is a fault of its own, and IPv6 would not mend it.
    let alone = !probe.addresses.iter().any(IpAddr::is_ipv4);
    (unroutable && (works_otherwise || alone)).then_some(Wrong::NoIpv6 { address: six, works_otherwise })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tests::probe;
    use crate::surroundings::tests::container;
    use seaworthy_check_sdk::ip;

    #[test]
    fn ipv6_in_the_name_and_not_here() {
        let both = probe("a.test:1", &[("2001:db8::1", Reply::NoRoute), ("10.1.0.1", Reply::Connected)]);
        let address = ip::parse("2001:db8::1").unwrap();
        assert_eq!(judge(&container(), &both), Some(Wrong::NoIpv6 { address, works_otherwise: true }));
        let only = probe("/dns6/a.test/tcp/1", &[("2001:db8::1", Reply::NoRoute)]);
        assert_eq!(judge(&container(), &only), Some(Wrong::NoIpv6 { address, works_otherwise: false }));
        // A number is told by `peer.no-route`, and IPv6 that is tried and silent is another fault.
        assert_eq!(judge(&container(), &probe("/ip6/2001:db8::1/tcp/1", &[("2001:db8::1", Reply::NoRoute)])), None);
        assert_eq!(judge(&container(), &probe("a.test:1", &[("2001:db8::1", Reply::Silent)])), None);
        assert_eq!(judge(&container(), &probe("a.test:1", &[("10.1.0.1", Reply::Connected)])), None);
    }

    #[test]
    fn a_peer_that_is_down_is_not_a_lack_of_ipv6() {
        for reply in [Reply::Refused, Reply::Silent, Reply::Rejected, Reply::Untried] {
            let both = probe("a.test:1", &[("2001:db8::1", Reply::NoRoute), ("10.1.0.1", reply)]);
            assert_eq!(judge(&container(), &both), None, "{reply:?}");
        }
    }

    #[test]
    fn localhost_is_two_places() {
        let six = ("::1", Reply::Refused);
        let four = ("127.0.0.1", Reply::Connected);
        assert_eq!(judge(&container(), &probe("localhost:1", &[six, four])), Some(Wrong::Localhost));
        assert_eq!(judge(&container(), &probe("localhost:1", &[four, six])), None);
        assert_eq!(judge(&container(), &probe("localhost:1", &[six, ("127.0.0.1", Reply::Refused)])), None);
        assert_eq!(judge(&container(), &probe("localhost:1", &[("::1", Reply::Connected), four])), None);
    }
}

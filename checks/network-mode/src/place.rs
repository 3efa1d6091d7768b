use seaworthy_check_sdk::{ip, row_value};
use std::net::IpAddr;

/// Rows as the host gives them.
pub(crate) type Row = Vec<(String, String)>;

/// Where this process lives, read from the rows of `container`, `interfaces` and `routes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// `docker`, `podman`, ... or `none`.
    pub(crate) kind: String,
    /// `bridge`, `user-defined`, `host`, ...
    pub(crate) mode: String,
    /// How sure the host is of the mode.
    pub(crate) confidence: String,
    /// Why it thinks so.
    pub(crate) reason: String,
    pub(crate) rootless: bool,
    pub(crate) desktop: bool,
    pub(crate) gateway: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) subnet: Option<String>,
    /// Addresses of interfaces other than loopback that are up.
    pub(crate) own: Vec<IpAddr>,
}

impl Place {
    pub(crate) fn read(container: &[(String, String)], interfaces: &[Row], routes: &[Row]) -> Self {
        let text = |key: &str| row_value(container, key).filter(|value| !value.is_empty()).map(str::to_owned);
        let is = |key: &str| row_value(container, key) == Some("true");
        let own: Vec<IpAddr> = interfaces
            .iter()
            .filter(|row| row_value(row, "loopback") != Some("true") && row_value(row, "up") != Some("false"))
            .filter_map(|row| ip::parse(row_value(row, "address")?))
            .filter(|address| !is_link_local(*address))
            .collect();
        Self {
            kind: text("kind").unwrap_or_else(|| "unknown".into()),
            mode: text("network-mode").unwrap_or_else(|| "unknown".into()),
            confidence: text("network-mode-confidence").unwrap_or_else(|| "possible".into()),
            reason: text("network-mode-reason").unwrap_or_default(),
            rootless: is("rootless"),
            desktop: is("desktop"),
            gateway: text("gateway").or_else(|| default_gateway(routes)),
            address: text("address").or_else(|| own.first().map(ToString::to_string)),
            subnet: text("subnet"),
            own,
        }
    }

    pub(crate) fn in_container(&self) -> bool {
        self.kind != "none" && self.mode != "not-a-container"
    }

    /// Whether loopback is this container's alone: then the host's 127.0.0.1 is out of
    /// reach. A container that joined another's namespace, or a pod, shares its loopback
    /// with its neighbours, so an address there may well be right.
    pub(crate) fn has_own_loopback(&self) -> bool {
        self.in_container() && !matches!(self.mode.as_str(), "host" | "container" | "pod")
    }

    /// Whether the mode was really determined.
    pub(crate) fn is_sure(&self) -> bool {
        self.mode != "unknown" && self.confidence != "possible"
    }

    /// Whether packets can leave at all.
    pub(crate) fn has_network(&self) -> bool {
        self.mode != "none" && !self.own.is_empty()
    }

    pub(crate) fn owns(&self, address: IpAddr) -> bool {
        self.own.contains(&address)
    }

    /// `user-defined network`, `the host's own network`, ...
    pub(crate) fn mode_in_words(&self) -> &str {
        match self.mode.as_str() {
            "user-defined" => "user-defined network",
            "bridge" => "default bridge",
            "host" => "host network",
            "none" => "no network",
            "container" => "network of another container",
            "pod" => "network of a pod",
            "unknown" => "network of unknown kind",
            other => other,
        }
    }
}

/// Present on every interface, says nothing about reachability.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn default_gateway(routes: &[Row]) -> Option<String> {
    routes
        .iter()
        .filter(|row| matches!(row_value(row, "destination"), Some("0.0.0.0/0" | "default")))
        .find_map(|row| {
            row_value(row, "gateway").filter(|gateway| ip::parse(gateway).is_some_and(|ip| !ip.is_unspecified()))
        })
        .map(str::to_owned)
}

/// Whether a socket of this network namespace listens on `port` where loopback reaches it.
/// It is no peer for certain, but then the address does lead somewhere.
pub(crate) fn serves(listeners: &[Row], port: u16, own: Option<IpAddr>) -> bool {
    let port = port.to_string();
    listeners.iter().any(|row| {
        let here = match (row_value(row, "scope"), own) {
            (Some("any"), _) => true,
            (Some("loopback"), None) => true,
            (_, Some(own)) => row_value(row, "address").and_then(ip::parse) == Some(own),
            _ => false,
        };
        here && row_value(row, "protocol") == Some("tcp") && row_value(row, "port") == Some(port.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn row(pairs: &[(&str, &str)]) -> Row {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_gateway_comes_from_the_default_route_when_the_container_row_has_none() {
        let routes = [
            row(&[("destination", "172.18.0.0/16"), ("gateway", "")]),
            row(&[("destination", "0.0.0.0/0"), ("gateway", "172.18.0.1")]),
        ];
        let place = Place::read(&row(&[("kind", "docker"), ("network-mode", "user-defined")]), &[], &routes);
        assert_eq!(place.gateway.as_deref(), Some("172.18.0.1"));
        assert!(place.in_container() && place.has_own_loopback());
    }

    #[test]
    fn shared_namespaces_have_no_loopback_of_their_own() {
        for (mode, own) in
            [("host", false), ("container", false), ("pod", false), ("bridge", true), ("none", true), ("pasta", true)]
        {
            let place = Place::read(&row(&[("kind", "docker"), ("network-mode", mode)]), &[], &[]);
            assert_eq!(place.has_own_loopback(), own, "{mode}");
        }
        let outside = Place::read(&row(&[("kind", "none"), ("network-mode", "not-a-container")]), &[], &[]);
        assert!(!outside.in_container() && !outside.has_own_loopback());
    }

    #[test]
    fn loopback_and_link_local_do_not_count_as_a_network() {
        let interfaces = [
            row(&[("name", "lo"), ("address", "127.0.0.1/8"), ("loopback", "true"), ("up", "true")]),
            row(&[("name", "eth0"), ("address", "fe80::1/64"), ("loopback", "false"), ("up", "true")]),
            row(&[("name", "eth1"), ("address", "172.17.0.2/16"), ("loopback", "false"), ("up", "false")]),
        ];
        let container = row(&[("kind", "docker"), ("network-mode", "bridge")]);
        assert!(!Place::read(&container, &interfaces, &[]).has_network());
        let up = [row(&[("address", "172.17.0.2/16"), ("loopback", "false"), ("up", "true")])];
        let place = Place::read(&container, &up, &[]);
        assert!(place.has_network());
        assert_eq!(place.address.as_deref(), Some("172.17.0.2"));
    }

    #[test]
    fn a_listener_serves_loopback_or_the_address_it_is_bound_to() {
        let listeners = [
            row(&[("protocol", "tcp"), ("address", "127.0.0.1"), ("port", "9100"), ("scope", "loopback")]),
            row(&[("protocol", "tcp"), ("address", "172.17.0.2"), ("port", "9200"), ("scope", "specific")]),
            row(&[("protocol", "udp"), ("address", "0.0.0.0"), ("port", "9300"), ("scope", "any")]),
        ];
        let own = ip::parse("172.17.0.2");
        assert!(serves(&listeners, 9100, None) && !serves(&listeners, 9100, own));
        assert!(serves(&listeners, 9200, own) && !serves(&listeners, 9200, None));
        assert!(!serves(&listeners, 9300, None));
    }
}

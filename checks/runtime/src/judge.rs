use crate::place::{Place, Row};
use seaworthy_check_sdk::{Hop, ip, row_value};

/// An engine of its own is to run in this container.
pub(crate) fn holds_engine(place: &Place, needed: bool) -> bool {
    place.in_container() && (place.has_dockerd || needed)
}

/// A target whose addresses slirp4netns has taken for itself.
pub(crate) fn overlaps(place: &Place, hop: &Hop) -> bool {
    let (Some(subnet), Some(ip)) = (place.subnet.as_deref(), hop.ip()) else { return false };
    let last = match ip {
        std::net::IpAddr::V4(ip) => ip.octets()[3],
        std::net::IpAddr::V6(_) => return false,
    };
    place.mode == "slirp4netns"
        && ip::in_block(subnet, ip)
        && place.own != Some(ip)
        && place.gateway != Some(ip)
        // slirp4netns is its own gateway, .2, and name server, .3.
        && !matches!(last, 2 | 3)
}

/// Whether the host listens on a port where a container behind a network of user space
/// does not get at it: `None` where nothing is known of the host's sockets.
pub(crate) fn on_loopback_only(listeners: Option<&[Row]>, port: u16) -> Option<bool> {
    let port = port.to_string();
    let mut found = listeners?.iter().filter(|row| {
        row_value(row, "port") == Some(port.as_str()) && row_value(row, "protocol").is_none_or(|p| p.starts_with("tcp"))
    });
    let first = found.next();
    let loopback = |row: &Row| {
        row_value(row, "scope") == Some("loopback")
            || row_value(row, "address").and_then(ip::parse).is_some_and(|ip| ip.is_loopback())
    };
    Some(first.is_some_and(loopback) && found.all(loopback))
}

/// What the engine's socket turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Socket {
    Fine,
    Missing,
    /// A folder, a file, or a link that leads nowhere.
    NoSocket(String),
    NotPermitted {
        owner: Option<String>,
        group: Option<String>,
        mode: Option<String>,
    },
}

pub(crate) fn socket(row: &Row) -> Socket {
    let text = |key| row_value(row, key).map(str::to_owned);
    let is = |key| row_value(row, key) == Some("true");
    if is("dangling") {
        return Socket::NoSocket(format!("a link to {}, which is not there", text("leads-to").unwrap_or_default()));
    }
    match (row_value(row, "exists"), row_value(row, "kind")) {
        (Some("false"), _) => Socket::Missing,
        (_, Some("folder")) => Socket::NoSocket("a folder".into()),
        (_, Some("file")) => Socket::NoSocket("a file".into()),
        _ if is("writable") => Socket::Fine,
        _ => Socket::NotPermitted { owner: text("uid"), group: text("gid"), mode: text("mode") },
    }
}

/// Whether a socket is looked at: the job says that it needs one, or somebody mounted it.
/// On a machine that nobody said it of, a socket of others is no fault.
pub(crate) fn socket_matters(place: &Place, needed: bool, named: bool, row: &Row) -> bool {
    let there = row_value(row, "exists") == Some("true") || row_value(row, "dangling") == Some("true");
    needed || named || place.in_container() && there
}

/// The path in `DOCKER_HOST`, where it is one.
pub(crate) fn socket_path(docker_host: Option<&str>) -> Option<&str> {
    docker_host?.trim().strip_prefix("unix://").filter(|path| path.starts_with('/'))
}

/// What is missing for the iptables of an engine inside.
pub(crate) fn missing_module(place: &Place) -> Option<&'static str> {
    let modules = place.kernel.modules.as_ref()?;
    let loaded = |wanted: &str| modules.iter().any(|module| module == wanted);
    match place.kernel.variant.as_deref() {
        // Built into the kernel it is no module, and its list of tables can be read.
        Some("legacy") if !loaded("ip_tables") && place.kernel.tables.is_none() => Some("ip_tables"),
        Some("nft") if !loaded("nf_tables") && !loaded("nft_compat") => Some("nf_tables"),
        _ => None,
    }
}

/// Legacy tables beside an iptables that writes to nf_tables.
pub(crate) fn mixed(place: &Place) -> Option<String> {
    let tables = place.kernel.tables.as_ref().filter(|tables| !tables.is_empty())?;
    (place.kernel.variant.as_deref() == Some("nft")).then(|| tables.join(", "))
}

/// A name that only the cluster's DNS knows, in a pod that does not ask it.
pub(crate) fn unknown_to_node(place: &Place, hop: &Hop) -> bool {
    let name = hop.host.trim_end_matches('.');
    let of_cluster = name.ends_with(".svc") || name.contains(".svc.") || !name.contains('.');
    place.is_pod() && !place.knows_cluster() && hop.ip().is_none() && name != "localhost" && of_cluster
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Kernel;
    use crate::place::tests::{row, slirp};

    fn hop(text: &str) -> Hop {
        Hop::parse(text).unwrap()
    }

    #[test]
    fn only_other_addresses_of_slirp_s_block_overlap() {
        assert!(overlaps(&slirp(), &hop("10.0.2.15:9100")));
        for other in ["10.0.2.2:9100", "10.0.2.3:53", "10.0.2.100:9100", "10.0.3.15:9100", "cache:9100"] {
            assert!(!overlaps(&slirp(), &hop(other)), "{other}");
        }
        let bridge = Place { mode: "bridge".into(), ..slirp() };
        assert!(!overlaps(&bridge, &hop("10.0.2.15:9100")));
    }

    #[test]
    fn listeners_of_the_host_settle_it() {
        let listener = |address: &str, scope: &str| {
            row(&[("protocol", "tcp"), ("address", address), ("port", "9100"), ("scope", scope)])
        };
        let loopback = listener("127.0.0.1", "loopback");
        let any = listener("0.0.0.0", "any");
        assert_eq!(on_loopback_only(Some(&[loopback.clone()]), 9100), Some(true));
        assert_eq!(on_loopback_only(Some(&[loopback.clone(), any]), 9100), Some(false));
        assert_eq!(on_loopback_only(Some(&[loopback]), 9101), Some(false));
        assert_eq!(on_loopback_only(None, 9100), None);
    }

    #[test]
    fn a_socket_is_missing_a_folder_or_not_permitted() {
        assert_eq!(socket(&row(&[("exists", "true"), ("kind", "socket"), ("writable", "true")])), Socket::Fine);
        assert_eq!(socket(&row(&[("exists", "false")])), Socket::Missing);
        assert_eq!(socket(&row(&[("exists", "true"), ("kind", "folder")])), Socket::NoSocket("a folder".into()));
        assert!(matches!(
            socket(&row(&[("exists", "false"), ("kind", "link"), ("dangling", "true")])),
            Socket::NoSocket(_)
        ));
        assert!(matches!(
            socket(&row(&[("exists", "true"), ("kind", "socket"), ("writable", "false")])),
            Socket::NotPermitted { .. }
        ));
    }

    #[test]
    fn a_socket_of_others_is_no_fault() {
        let present = row(&[("exists", "true"), ("kind", "socket"), ("writable", "false")]);
        let absent = row(&[("exists", "false")]);
        let machine = Place { kind: "none".into(), ..Place::default() };
        assert!(!socket_matters(&machine, false, false, &present));
        assert!(socket_matters(&machine, false, true, &absent));
        assert!(socket_matters(&slirp(), false, false, &present));
        assert!(!socket_matters(&slirp(), false, false, &absent));
        assert_eq!(socket_path(Some("unix:///run/user/1000/docker.sock")), Some("/run/user/1000/docker.sock"));
        assert_eq!(socket_path(Some("tcp://docker:2375")), None);
    }

    #[test]
    fn modules_that_are_built_in_or_unknown_are_not_missing() {
        let place = |modules: Option<&[&str]>, tables: Option<&[&str]>, variant: &str| Place {
            kernel: Kernel {
                release: None,
                modules: modules.map(|all| all.iter().map(|m| (*m).to_owned()).collect()),
                tables: tables.map(|all| all.iter().map(|t| (*t).to_owned()).collect()),
                variant: Some(variant.into()),
            },
            ..slirp()
        };
        assert_eq!(missing_module(&place(Some(&["nf_tables"]), None, "legacy")), Some("ip_tables"));
        assert_eq!(missing_module(&place(Some(&["ip_tables"]), None, "legacy")), None);
        assert_eq!(missing_module(&place(Some(&[]), Some(&[]), "legacy")), None);
        assert_eq!(missing_module(&place(None, None, "legacy")), None);
        assert_eq!(missing_module(&place(Some(&["ip_tables"]), None, "nft")), Some("nf_tables"));
        assert_eq!(missing_module(&place(Some(&[]), None, "none")), None);
        assert_eq!(mixed(&place(None, Some(&["filter", "nat"]), "nft")).as_deref(), Some("filter, nat"));
        assert_eq!(mixed(&place(None, Some(&["filter"]), "legacy")), None);
        assert_eq!(mixed(&place(None, Some(&[]), "nft")), None);
    }

    #[test]
    fn names_of_the_cluster_need_the_cluster() {
        let pod = |search: &[&str]| Place {
            kind: "kubernetes".into(),
            search: search.iter().map(|s| (*s).to_owned()).collect(),
            ..Place::default()
        };
        let node = pod(&["corp.example"]);
        assert!(unknown_to_node(&node, &hop("cache:9100")));
        assert!(unknown_to_node(&node, &hop("cache.build.svc.cluster.local:9100")));
        assert!(!unknown_to_node(&node, &hop("cache.corp.example:9100")));
        assert!(!unknown_to_node(&node, &hop("10.0.0.1:9100")) && !unknown_to_node(&node, &hop("localhost:1")));
        assert!(!unknown_to_node(&pod(&["build.svc.cluster.local"]), &hop("cache:9100")));
        assert!(!unknown_to_node(&slirp(), &hop("cache:9100")));
    }
}

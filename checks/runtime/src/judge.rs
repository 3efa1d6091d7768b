use crate::place::{Place, Row};
use seaworthy_check_sdk::{Failure, Hop, ip, row_value};

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

/// How sure it is that the host's loopback is kept away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sure {
    Certain,
    Likely,
    Possible,
}

/// Reads a failure to connect to the host through a network of user space; `None` where it is
/// another matter. A refusal may come from a service that was stopped.
pub(crate) fn kept_away(kind: &str, on_loopback: Option<bool>) -> Option<Sure> {
    match (kind, on_loopback) {
        (_, Some(false)) => None,
        (
            "connection-refused" | "connection-reset" | "timeout" | "host-unreachable" | "network-unreachable",
            Some(true),
        ) => Some(Sure::Certain),
        ("connection-refused" | "connection-reset", None) => Some(Sure::Possible),
        ("timeout" | "host-unreachable" | "network-unreachable", None) => Some(Sure::Likely),
        _ => None,
    }
}

/// What the engine's socket turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Socket {
    Fine,
    Missing,
    /// It lies where this process may not look.
    Unknown,
    /// A folder, a file, or a link that leads nowhere.
    OfAnotherKind(String),
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
        return Socket::OfAnotherKind(format!(
            "a link to {}, which is not there",
            text("leads-to").unwrap_or_default()
        ));
    }
    match (row_value(row, "exists"), row_value(row, "kind")) {
        (Some("false"), _) => Socket::Missing,
        (_, Some("folder")) => Socket::OfAnotherKind("a folder".into()),
        (_, Some("file")) => Socket::OfAnotherKind("a file".into()),
        // A link into a folder that may not be entered.
        (Some("true"), _) if row_value(row, "error-kind").is_some() => Socket::Unknown,
        (Some("true"), _) if is("writable") => Socket::Fine,
        (Some("true"), _) if row_value(row, "writable") == Some("false") => {
            Socket::NotPermitted { owner: text("uid"), group: text("gid"), mode: text("mode") }
        }
        _ => Socket::Unknown,
    }
}

/// What is wrong with the engine's socket, where the job needs one: the policy says so, or
/// `DOCKER_HOST` names it. That it is there is no need: GitHub mounts it into every job container.
pub(crate) fn wrong_socket(found: &Socket, needed: bool, named: bool) -> bool {
    (needed || named) && !matches!(found, Socket::Fine | Socket::Unknown)
}

/// The path in `DOCKER_HOST`, where it is one.
pub(crate) fn socket_path(docker_host: Option<&str>) -> Option<&str> {
    docker_host?.trim().strip_prefix("unix://").filter(|path| path.starts_with('/'))
}

/// What is missing for the iptables of an engine inside.
pub(crate) fn missing_module(place: &Place) -> Option<&'static str> {
    let kernel = &place.kernel;
    // What is built in is no module. Without the list of that, nothing is known to be missing.
    let (modules, built_in) = (kernel.modules.as_ref()?, kernel.built_in.as_ref()?);
    let present = modules.iter().chain(built_in).chain(kernel.present.iter().flatten());
    let loaded = |wanted: &str| present.clone().any(|module| module == wanted);
    match place.kernel.variant.as_deref() {
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

/// A name that the cluster's DNS knows, in a pod that does not ask it; another may know it too.
pub(crate) fn unknown_to_node(place: &Place, hop: &Hop) -> bool {
    let name = hop.host.trim_end_matches('.');
    let of_cluster = name.ends_with(".svc") || name.contains(".svc.") || !name.contains('.');
    place.is_pod() && !place.knows_cluster() && hop.ip().is_none() && name != "localhost" && of_cluster
}

/// Whether a look-up was answered, and with "no such name".
pub(crate) fn is_no_name(failure: &Failure) -> bool {
    failure.kind == "dns-not-found"
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
        assert_eq!(on_loopback_only(Some(std::slice::from_ref(&loopback)), 9100), Some(true));
        assert_eq!(on_loopback_only(Some(&[loopback.clone(), any]), 9100), Some(false));
        assert_eq!(on_loopback_only(Some(&[loopback]), 9101), Some(false));
        assert_eq!(on_loopback_only(None, 9100), None);
    }

    #[test]
    fn a_refusal_may_be_of_a_stopped_service() {
        assert_eq!(kept_away("connection-refused", None), Some(Sure::Possible));
        assert_eq!(kept_away("timeout", None), Some(Sure::Likely));
        assert_eq!(kept_away("connection-refused", Some(true)), Some(Sure::Certain));
        assert_eq!(kept_away("connection-refused", Some(false)), None);
        assert_eq!(kept_away("too-many-open-files", Some(true)), None);
    }

    #[test]
    fn a_socket_is_missing_a_folder_or_not_permitted() {
        assert_eq!(socket(&row(&[("exists", "true"), ("kind", "socket"), ("writable", "true")])), Socket::Fine);
        assert_eq!(socket(&row(&[("exists", "false")])), Socket::Missing);
        assert_eq!(socket(&row(&[("exists", "true"), ("kind", "folder")])), Socket::OfAnotherKind("a folder".into()));
        assert!(matches!(
            socket(&row(&[("exists", "false"), ("kind", "link"), ("dangling", "true")])),
            Socket::OfAnotherKind(_)
        ));
        assert!(matches!(
            socket(&row(&[("exists", "true"), ("kind", "socket"), ("writable", "false")])),
            Socket::NotPermitted { .. }
        ));
    }

    #[test]
    fn a_socket_that_nobody_asked_for_is_no_fault() {
        // As in a job container of GitHub, where it is mounted and the user may not use it.
        let mounted = socket(&row(&[("exists", "true"), ("kind", "socket"), ("writable", "false")]));
        assert!(!wrong_socket(&mounted, false, false));
        assert!(wrong_socket(&mounted, true, false) && wrong_socket(&Socket::Missing, false, true));
        assert!(!wrong_socket(&Socket::Fine, true, true));
        let hidden = socket(&row(&[("exists", "unknown"), ("error-kind", "permission-denied")]));
        assert_eq!(hidden, Socket::Unknown);
        assert!(!wrong_socket(&hidden, true, true));
        assert_eq!(socket_path(Some("unix:///run/user/1000/docker.sock")), Some("/run/user/1000/docker.sock"));
        assert_eq!(socket_path(Some("tcp://docker:2375")), None);
    }

    #[test]
    fn modules_that_are_built_in_or_unknown_are_not_missing() {
        let place = |modules: Option<&[&str]>, tables: Option<&[&str]>, variant: &str| Place {
            kernel: Kernel {
                release: None,
                modules: modules.map(|all| all.iter().map(|m| (*m).to_owned()).collect()),
                built_in: Some(vec!["nf_conntrack".to_owned()]),
                present: None,
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
        // As WSL2 and Docker Desktop have them, and as a container without /lib/modules sees them.
        let of = |built_in: Option<&str>, present: Option<&str>, variant: &str| {
            let list = |name: &str| vec![name.to_owned()];
            let mut place = place(Some(&["xt_conntrack"]), None, variant);
            place.kernel.built_in = built_in.map(list);
            place.kernel.present = present.map(list);
            missing_module(&place)
        };
        assert_eq!(of(Some("nf_tables"), None, "nft"), None);
        assert_eq!(of(Some("ip_tables"), None, "legacy"), None);
        assert_eq!((of(None, None, "nft"), of(None, None, "legacy")), (None, None));
        assert_eq!(of(Some("xt_mark"), Some("nf_tables"), "nft"), None);
        assert_eq!(of(Some("xt_mark"), Some("nf_nat"), "nft"), Some("nf_tables"));
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

    #[test]
    fn only_a_name_that_is_not_there_is_unknown() {
        let failure = |kind: &str| Failure {
            kind: kind.into(),
            stage: "dns".into(),
            os_code: None,
            message: String::new(),
            details: Vec::new(),
        };
        assert!(is_no_name(&failure("dns-not-found")));
        for kind in ["timeout", "dns-failure", "denied", "cancelled"] {
            assert!(!is_no_name(&failure(kind)), "{kind}");
        }
    }
}

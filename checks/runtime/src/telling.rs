use crate::codes;
use crate::judge::{Socket, Sure};
use crate::place::Place;
use seaworthy_check_sdk::{Failure, FindingBuilder, Hop};

pub(crate) fn loopback(text: &str, hop: &Hop, place: &Place, failure: &Failure, sure: Sure) -> FindingBuilder {
    let port = hop.port.to_string();
    let listens = if sure == Sure::Certain {
        format!("; the host listens on port {port} of its loopback")
    } else {
        String::new()
    };
    let finding = codes::RUNTIME_ROOTLESS_LOOPBACK
        .at(text)
        .message(format!(
            "{} is this container's host, behind {}, which keeps the host's loopback away ({}){listens}",
            hop.socket(),
            place.mode,
            failure.message
        ))
        .observed(&failure.message)
        .expected("a service on an address of the host other than 127.0.0.1, or loopback allowed")
        .detail("network-mode", &place.mode)
        .detail("container-kind", &place.kind)
        .detail("port", port)
        .detail("kind", &failure.kind);
    match sure {
        Sure::Certain => finding,
        Sure::Likely => finding.likely(),
        Sure::Possible => finding.possible(),
    }
}

pub(crate) fn overlap(text: &str, hop: &Hop, place: &Place) -> FindingBuilder {
    let subnet = place.subnet.as_deref().unwrap_or("10.0.2.0/24");
    codes::RUNTIME_SLIRP_OVERLAP
        .at(text)
        .message(format!(
            "{} lies in {subnet}, which slirp4netns has taken for this container: packets for it go nowhere",
            hop.host
        ))
        .observed(format!("{} in {subnet}", hop.host))
        .expected("a block of slirp4netns that no target is in")
        .detail("container-kind", &place.kind)
        .detail("subnet", subnet)
}

pub(crate) fn desktop(place: &Place) -> FindingBuilder {
    codes::RUNTIME_DESKTOP_HOST_NETWORK
        .found()
        .message("this container is on the network of Docker Desktop's virtual machine: ports opened here are not open on the Mac or Windows machine, unless Desktop's host networking is on")
        .observed(place.kernel.release.clone().unwrap_or_else(|| "a linuxkit kernel".into()))
        .expected("a published port")
        .possible()
}

pub(crate) fn socket_words(path: &str, found: &Socket) -> String {
    let what = match found {
        Socket::Fine => "usable",
        Socket::Missing => "missing",
        Socket::Unknown => "unknown",
        Socket::OfAnotherKind(_) => "no socket",
        Socket::NotPermitted { .. } => "not permitted",
    };
    format!("{path}: {what}")
}

pub(crate) fn socket(path: &str, found: &Socket, place: &Place) -> FindingBuilder {
    let (state, what) = match found {
        Socket::Fine => ("fine", "can be used".to_owned()),
        Socket::Missing => ("missing", "is not there".to_owned()),
        Socket::Unknown => ("unknown", "cannot be looked at".to_owned()),
        Socket::OfAnotherKind(kind) => ("no-socket", format!("is {kind}")),
        Socket::NotPermitted { owner, group, mode } => {
            let of = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".into());
            let text =
                format!("may not be used by this user: owner {}, group {}, mode {}", of(owner), of(group), of(mode));
            ("not-permitted", text)
        }
    };
    let finding = codes::RUNTIME_DOCKER_SOCKET
        .at(path)
        .message(format!("the job needs a container engine, and its socket {path} {what}"))
        .observed(state)
        .expected("a socket that this user may use")
        .detail("path", path)
        .detail("state", state)
        .detail("in-container", if place.in_container() { "true" } else { "false" });
    match found {
        Socket::NotPermitted { group: Some(group), .. } => finding.detail("socket-gid", group),
        _ => finding,
    }
}

pub(crate) fn no_module(place: &Place, module: &str) -> FindingBuilder {
    let variant = place.kernel.variant.as_deref().unwrap_or("unknown");
    codes::RUNTIME_NO_IP_TABLES
        .found()
        .message(format!(
            "an engine inside of this container would use iptables ({variant}), and the kernel has {module} neither loaded nor built in"
        ))
        .observed(format!("{module} is neither loaded nor built in"))
        .expected(format!("{module} loaded on the host"))
        .detail("module", module)
        .detail("iptables-variant", variant)
        .likely()
}

pub(crate) fn mixed(tables: &str) -> FindingBuilder {
    codes::RUNTIME_IPTABLES_MIXED
        .found()
        .message(format!(
            "iptables here writes to nf_tables, and this network namespace also has legacy tables ({tables}): rules of both are in force"
        ))
        .observed(format!("nft, and legacy {tables}"))
        .expected("one back end")
        .detail("tables", tables)
        .likely()
}

pub(crate) fn pod_dns(text: &str, hop: &Hop, place: &Place) -> FindingBuilder {
    let search = if place.search.is_empty() { "none".to_owned() } else { place.search.join(", ") };
    codes::RUNTIME_POD_DNS
        .at(text)
        .message(format!(
            "{} is not found, a name as of the cluster, and this pod asks the node's name servers (search domains: {search})",
            hop.host
        ))
        .observed(search)
        .expected("a search domain below svc. and the cluster's domain")
        .detail("name", &hop.host)
        .detail("network-mode", &place.mode)
        .likely()
}

/// The one line for people.
pub(crate) fn summary(place: &Place) -> String {
    let mut text = if place.in_container() { place.kind.clone() } else { "not a container".to_owned() };
    if place.rootless == "true" && place.in_container() {
        text.push_str(", rootless");
    }
    if place.in_container() && place.mode != "unknown" {
        text.push_str(&format!(", network {}", place.mode));
    }
    if let Some(release) = &place.kernel.release {
        text.push_str(&format!(", kernel {release}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::slirp;

    #[test]
    fn the_summary_names_runtime_and_network() {
        assert_eq!(summary(&slirp()), "podman, rootless, network slirp4netns");
        assert_eq!(summary(&Place { kind: "none".into(), ..Place::default() }), "not a container");
    }

    #[test]
    fn the_group_of_a_socket_is_handed_on() {
        let found =
            Socket::NotPermitted { owner: Some("0".into()), group: Some("999".into()), mode: Some("0660".into()) };
        let text = format!("{:?}", socket("/var/run/docker.sock", &found, &slirp()).cite(1));
        assert!(text.contains("socket-gid") && text.contains("group 999"), "{text}");
    }
}

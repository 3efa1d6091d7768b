use seaworthy_check_sdk::{ip, row_value};
use std::net::IpAddr;

/// Rows as the host gives them.
pub(crate) type Row = Vec<(String, String)>;

/// The runtime, its network and its kernel. What is not known is left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub(crate) kind: String,
    pub(crate) mode: String,
    /// `true`, `false` or `unknown`.
    pub(crate) rootless: String,
    pub(crate) desktop: bool,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) own: Option<IpAddr>,
    pub(crate) subnet: Option<String>,
    pub(crate) kernel: Kernel,
    /// Search domains of the resolver.
    pub(crate) search: Vec<String>,
    /// Names of the container's host that stand in /etc/hosts.
    pub(crate) host_names: Vec<(String, IpAddr)>,
    /// `dockerd` is on the path.
    pub(crate) has_dockerd: bool,
}

/// What the kernel says of packet filters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kernel {
    pub(crate) release: Option<String>,
    pub(crate) modules: Option<Vec<String>>,
    /// Built into the kernel; unknown in most containers.
    pub(crate) built_in: Option<Vec<String>>,
    /// Loaded or built in, though not all that are.
    pub(crate) present: Option<Vec<String>>,
    /// Legacy tables of this network namespace; unknown where they cannot be read.
    pub(crate) tables: Option<Vec<String>>,
    /// `legacy`, `nft` or `none`.
    pub(crate) variant: Option<String>,
}

const HOST_NAMES: [&str; 3] = ["host.docker.internal", "host.containers.internal", "gateway.docker.internal"];

pub(crate) fn is_host_name(name: &str) -> bool {
    HOST_NAMES.contains(&name)
}

fn list(row: &[(String, String)], key: &str) -> Option<Vec<String>> {
    let text = row_value(row, key)?;
    Some(text.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

impl Place {
    pub(crate) fn read(container: &Row, kernel: &[Row], resolver: &[Row], hosts: &[Row], executables: &[Row]) -> Self {
        let text = |key: &str| row_value(container, key).unwrap_or("unknown").to_owned();
        let address = |key: &str| row_value(container, key).and_then(ip::parse);
        let kernel = kernel.first().map(Vec::as_slice).unwrap_or_default();
        let vm = row_value(kernel, "desktop-vm") == Some("true");
        Self {
            kind: text("kind"),
            mode: text("network-mode"),
            rootless: text("rootless"),
            desktop: row_value(container, "desktop") == Some("true") || vm,
            gateway: address("gateway"),
            own: address("address"),
            subnet: row_value(container, "subnet").map(str::to_owned),
            kernel: Kernel {
                release: row_value(kernel, "release").map(str::to_owned),
                modules: list(kernel, "modules"),
                built_in: list(kernel, "built-in"),
                present: list(kernel, "present"),
                tables: list(kernel, "ip-tables"),
                variant: row_value(kernel, "iptables-variant").map(str::to_owned),
            },
            search: resolver.first().and_then(|row| list(row, "search")).unwrap_or_default(),
            host_names: hosts.iter().flat_map(named).collect(),
            has_dockerd: executables
                .iter()
                .any(|row| row_value(row, "name") == Some("dockerd") && row_value(row, "path").is_some()),
        }
    }

    pub(crate) fn in_container(&self) -> bool {
        !matches!(self.kind.as_str(), "none" | "unknown") && self.mode != "not-a-container"
    }

    /// A network stack of user space stands between this container and its host.
    pub(crate) fn user_space_network(&self) -> bool {
        matches!(self.mode.as_str(), "slirp4netns" | "pasta")
    }

    pub(crate) fn is_pod(&self) -> bool {
        self.kind == "kubernetes"
    }

    /// Whether names of the cluster are searched for.
    pub(crate) fn knows_cluster(&self) -> bool {
        self.search.iter().any(|domain| domain.starts_with("svc.") || domain.contains(".svc."))
    }

    /// The address of the container's host under `host`, where it is one.
    pub(crate) fn host_address(&self, host: &str) -> Option<IpAddr> {
        if is_host_name(host) {
            let known = self.host_names.iter().find(|(name, _)| name == host).map(|(_, ip)| *ip);
            return known.or(self.gateway);
        }
        let ip = ip::parse(host)?;
        let named = self.host_names.iter().any(|(_, known)| *known == ip);
        (named || self.gateway == Some(ip)).then_some(ip)
    }
}

fn named(row: &Row) -> Vec<(String, IpAddr)> {
    let Some(address) = row_value(row, "address").and_then(ip::parse) else { return Vec::new() };
    let names = row_value(row, "names").unwrap_or_default().split(' ');
    names.filter(|name| is_host_name(name)).map(|name| (name.to_owned(), address)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn row(pairs: &[(&str, &str)]) -> Row {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    /// A container behind slirp4netns.
    pub(crate) fn slirp() -> Place {
        Place::read(
            &row(&[
                ("kind", "podman"),
                ("network-mode", "slirp4netns"),
                ("rootless", "true"),
                ("gateway", "10.0.2.2"),
                ("address", "10.0.2.100"),
                ("subnet", "10.0.2.0/24"),
            ]),
            &[],
            &[],
            &[row(&[("address", "10.0.2.2"), ("names", "host.containers.internal host.docker.internal")])],
            &[],
        )
    }

    #[test]
    fn the_host_has_names_and_the_gateway() {
        let place = slirp();
        assert!(place.user_space_network() && place.in_container());
        assert_eq!(place.host_address("host.containers.internal"), ip::parse("10.0.2.2"));
        assert_eq!(place.host_address("10.0.2.2"), ip::parse("10.0.2.2"));
        assert_eq!(place.host_address("10.0.2.7"), None);
        assert_eq!(place.host_address("cache"), None);
    }

    #[test]
    fn lists_of_the_kernel_are_known_or_not() {
        let kernel = [row(&[("modules", "nf_tables,nf_nat"), ("ip-tables", ""), ("iptables-variant", "nft")])];
        let place =
            Place::read(&row(&[]), &kernel, &[row(&[("search", "a.svc.cluster.local,svc.cluster.local")])], &[], &[]);
        assert_eq!(place.kernel.modules.as_ref().map(Vec::len), Some(2));
        assert_eq!(place.kernel.tables, Some(Vec::new()));
        assert!(place.knows_cluster());
        let nothing = Place::read(&row(&[]), &[], &[], &[], &[]);
        assert!(nothing.kernel.modules.is_none() && nothing.kernel.tables.is_none() && !nothing.in_container());
    }
}

use super::namespace::Namespace;
use super::{engine, sweep};
use anyhow::{Context as _, Result};
use std::net::Ipv4Addr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A runner, a router and some machines behind it, each a network namespace:
///
/// ```text
/// runner 10.77.0.2 ── 10.77.0.1 router 10.77.1.1 ── 10.77.1.2 first machine
///                                      10.77.2.1 ── 10.77.2.2 second machine
/// ```
///
/// IPv6 is wired in the same way, below `fd77::/32`. Every wire has the same addresses,
/// since none can see another. Removed when it is dropped.
#[derive(Debug)]
pub struct Wire {
    /// Where the binary under test runs.
    pub runner: Namespace,
    /// What stands between, with forwarding on.
    pub router: Namespace,
    /// What it is to reach.
    pub machines: Vec<Namespace>,
}

impl Wire {
    /// The runner's address.
    pub const RUNNER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
    /// The router's address on the runner's side.
    pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
    /// An address on the runner's own link that nobody has.
    pub const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 250);

    /// Why there can be none here, if so. Looked up once.
    #[must_use]
    pub fn obstacle() -> Option<String> {
        static KNOWN: OnceLock<Option<String>> = OnceLock::new();
        KNOWN.get_or_init(|| try_one().err()).clone()
    }

    /// The address of the machine with this number.
    #[must_use]
    pub fn machine(number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, number + 1, 2)
    }

    /// Makes one with so many machines, all of them up and routed.
    ///
    /// # Errors
    /// When the kernel or `ip` says no.
    pub fn make(machines: u8) -> Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let stem = format!("swlab-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let namespace = |end: &str| Namespace::make(&format!("{stem}{end}")).map_err(anyhow::Error::msg);
        let wire = Self {
            runner: namespace("r")?,
            router: namespace("g")?,
            machines: (0..machines).map(|n| namespace(&format!("m{n}"))).collect::<Result<_>>()?,
        };
        let router = wire.router.name();
        wire.runner
            .ip(&format!(
                "link add eth0 type veth peer name near netns {router}\n\
                 link set eth0 up\n\
                 address add 10.77.0.2/24 dev eth0\n\
                 address add fd77::2/64 dev eth0 nodad\n\
                 route add default via 10.77.0.1\n"
            ))
            .context("the runner's cable")?;
        let mut near = String::from(
            "link set near up\naddress add 10.77.0.1/24 dev near\naddress add fd77::1/64 dev near nodad\n",
        );
        for (n, machine) in (1..).zip(&wire.machines) {
            machine.ip(&format!(
                "link add eth0 type veth peer name far{n} netns {router}\n\
                 link set eth0 up\n\
                 address add 10.77.{n}.2/24 dev eth0\n\
                 address add fd77:{n}::2/64 dev eth0 nodad\n\
                 route add default via 10.77.{n}.1\n"
            ))?;
            near += &format!(
                "link set far{n} up\naddress add 10.77.{n}.1/24 dev far{n}\naddress add fd77:{n}::1/64 dev far{n} nodad\n"
            );
        }
        wire.router.ip(&near)?;
        wire.router.sysctl("net/ipv4/ip_forward", "1")?;
        wire.router.sysctl("net/ipv6/conf/all/forwarding", "1")?;
        wire.runner.ip("route add default via fd77::1\n")?;
        for (n, machine) in (1..).zip(&wire.machines) {
            machine.ip(&format!("route add default via fd77:{n}::1\n"))?;
        }
        Ok(wire)
    }
}

fn try_one() -> Result<(), String> {
    if !nix::unistd::geteuid().is_root() {
        return Err("network namespaces need root".into());
    }
    for tool in ["ip", "nsenter", "unshare", "mount", "iptables"] {
        engine::on_path(tool).ok_or_else(|| format!("{tool} is not installed"))?;
    }
    sweep::stale_namespaces();
    Wire::make(1).map(drop).map_err(|e| format!("{e:#}"))
}

//! What a firewall, an absent neighbour, silence and a path that loses large packets
//! look like, measured against network namespaces. Needs root, `ip` and `iptables`; where they are missing the
//! trials are reported as ignored, with the reason in their name.

mod path;
mod server;

use libtest_mimic::{Arguments, Failed, Trial};
use seaworthy_model::{Failure, PermitAll};
use seaworthy_probe::tcp::{Attempt, Seen, connect};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

fn main() {
    if std::env::args().nth(1).as_deref() == Some(server::WORD) {
        return server::run();
    }
    let arguments = Arguments::from_args();
    let (bench, missing) = match Bench::new() {
        Ok(bench) => (Some(Arc::new(bench)), None),
        Err(reason) => {
            println!("namespace trials are skipped: {reason}");
            (None, Some(reason))
        }
    };
    type Case = (&'static str, fn(&Bench) -> Result<(), Failed>);
    let cases: [Case; 13] = [
        ("icmp reject is refused by icmp", |b| b.rejected("10.231.77.2:1001", "connection-refused", ("3", "3"))),
        ("icmp host-prohibited is unreachable by icmp", |b| {
            b.rejected("10.231.77.2:1002", "host-unreachable", ("3", "10"))
        }),
        ("icmpv6 reject is refused by icmp", |b| b.rejected("[fd00:77::2]:1001", "connection-refused", ("1", "4"))),
        ("tcp-reset looks like a closed port", Bench::reset),
        ("drop is silence", Bench::dropped),
        ("an absent neighbour takes three seconds", |b| b.absent("10.231.77.9:80")),
        ("an absent ipv6 neighbour takes three seconds", |b| b.absent("[fd00:77::9]:80")),
        ("an open udp port answers", path::udp_open),
        ("a rejected udp port is refused by icmp", path::udp_rejected),
        ("a dropped udp port is silence", path::udp_dropped),
        ("a name server filtered over tcp answers over udp", path::dns_over_tcp_filtered),
        ("small bursts pass where large packets are lost", path::black_hole),
        ("nat that forgets a connection is told by its silence", path::forgotten),
    ];
    let trials = cases.into_iter().map(|(name, case)| match &bench {
        Some(bench) => {
            let bench = Arc::clone(bench);
            Trial::test(name, move || case(&bench))
        }
        None => {
            let reason = missing.clone().unwrap_or_default();
            Trial::test(format!("{name} (skipped: {reason})"), || Ok(())).with_ignored_flag(true)
        }
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // `exit` runs no destructors; the bench is removed here.
    drop(bench);
    conclusion.exit();
}

/// A namespace with a firewall, joined to ours by a veth pair.
struct Bench {
    namespace: String,
    link: String,
    servers: Vec<server::Server>,
}

impl Bench {
    fn new() -> Result<Self, String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("needs root".to_owned());
        }
        let id = std::process::id();
        let mut bench = Self { namespace: format!("swprobe{id}"), link: format!("swp{id}"), servers: Vec::new() };
        let (ns, link) = (&bench.namespace, &bench.link);
        let inner = format!("{link}i");
        run(&["ip", "netns", "add", ns])?;
        run(&["ip", "link", "add", link, "type", "veth", "peer", "name", &inner, "netns", ns])?;
        run(&["ip", "addr", "add", "10.231.77.1/24", "dev", link])?;
        run(&["ip", "addr", "add", "fd00:77::1/64", "dev", link, "nodad"])?;
        run(&["ip", "link", "set", link, "up"])?;
        let inside = |command: &[&str]| run(&[&["ip", "netns", "exec", ns], command].concat());
        inside(&["ip", "addr", "add", "10.231.77.2/24", "dev", &inner])?;
        inside(&["ip", "addr", "add", "fd00:77::2/64", "dev", &inner, "nodad"])?;
        inside(&["ip", "link", "set", &inner, "up"])?;
        let rule = |tool: &str, port: &str, target: &[&str]| {
            inside(&[&[tool, "-A", "INPUT", "-p", "tcp", "--dport", port, "-j"], target].concat())
        };
        rule("iptables", "1001", &["REJECT"])?;
        rule("iptables", "1002", &["REJECT", "--reject-with", "icmp-host-prohibited"])?;
        rule("iptables", "1003", &["REJECT", "--reject-with", "tcp-reset"])?;
        rule("iptables", "1004", &["DROP"])?;
        rule("ip6tables", "1001", &["REJECT"])?;
        rule("iptables", "53", &["DROP"])?;
        let datagrams = |port: &str, target: &[&str]| {
            inside(&[&["iptables", "-A", "INPUT", "-p", "udp", "--dport", port, "-j"], target].concat())
        };
        datagrams("1101", &["REJECT"])?;
        datagrams("1102", &["REJECT", "--reject-with", "icmp-admin-prohibited"])?;
        datagrams("1104", &["DROP"])?;
        let server = server::Server::start(ns)?;
        bench.servers.push(server);
        Ok(bench)
    }

    fn seen(&self, target: &str, timeout: Duration) -> Result<(Seen, Failure), Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let attempt = Attempt { target: target.to_owned(), timeout, payload: Vec::new(), read_max: 0 };
        let seen = runtime.block_on(connect(&attempt, &PermitAll));
        match seen.outcome.clone() {
            Ok(connection) => Err(format!("connected: {connection:?}").into()),
            Err(failure) => Ok((seen, failure)),
        }
    }

    fn rejected(&self, target: &str, kind: &str, (icmp_type, icmp_code): (&str, &str)) -> Result<(), Failed> {
        let (seen, failure) = self.seen(target, Duration::from_secs(5))?;
        same("kind", &failure.kind, kind)?;
        same("origin", &failure.details["origin"], "icmp")?;
        same("icmp-type", &failure.details["icmp-type"], icmp_type)?;
        same("icmp-code", &failure.details["icmp-code"], icmp_code)?;
        let host = target.rsplit_once(':').map_or(target, |(host, _)| host).trim_matches(['[', ']']);
        same("icmp-from", &failure.details["icmp-from"], host)?;
        within(seen.elapsed, 0, 500)
    }

    fn reset(&self) -> Result<(), Failed> {
        for port in [1003, 1005] {
            let (seen, failure) = self.seen(&format!("10.231.77.2:{port}"), Duration::from_secs(5))?;
            same("kind", &failure.kind, "connection-refused")?;
            same("origin", &failure.details["origin"], "tcp")?;
            within(seen.elapsed, 0, 500)?;
        }
        Ok(())
    }

    fn dropped(&self) -> Result<(), Failed> {
        let (seen, failure) = self.seen("10.231.77.2:1004", Duration::from_millis(3500))?;
        same("kind", &failure.kind, "timeout")?;
        within(seen.elapsed, 3500, 3800)
    }

    fn absent(&self, target: &str) -> Result<(), Failed> {
        let (seen, failure) = self.seen(target, Duration::from_millis(4500))?;
        same("kind", &failure.kind, "host-unreachable")?;
        same("origin", &failure.details["origin"], "local")?;
        within(seen.elapsed, 2500, 4000)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // First what lives in the namespace, which would keep it.
        self.servers.clear();
        // The veth pair goes with the namespace; after an early failure there may be nothing to remove.
        let _ = run(&["ip", "link", "del", &self.link]);
        if let Err(error) = run(&["ip", "netns", "del", &self.namespace]) {
            eprintln!("left behind: {error}");
        }
    }
}

fn run(command: &[&str]) -> Result<(), String> {
    let shown = command.join(" ");
    let output = Command::new(command[0]).args(&command[1..]).output().map_err(|e| format!("`{shown}`: {e}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("`{shown}`: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

fn same(what: &str, seen: &str, wanted: &str) -> Result<(), Failed> {
    if seen == wanted { Ok(()) } else { Err(format!("{what} is {seen}, not {wanted}").into()) }
}

fn within(elapsed: Duration, from_ms: u64, to_ms: u64) -> Result<(), Failed> {
    let range = Duration::from_millis(from_ms)..Duration::from_millis(to_ms);
    if range.contains(&elapsed) { Ok(()) } else { Err(format!("took {elapsed:?}, not {range:?}").into()) }
}

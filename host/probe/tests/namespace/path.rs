//! Datagrams, name servers and sizes through firewalls and narrow links.

use crate::server::{DISCARD, ECHO, Server};
use crate::{Bench, run, same, within};
use libtest_mimic::Failed;
use seaworthy_model::PermitAll;
use seaworthy_probe::flow::{self, Burst, Flow};
use seaworthy_probe::name_server::{self, Question, Transport};
use seaworthy_probe::{datagram, tcp};
use std::time::Duration;

const INSIDE: &str = "10.231.77.2";

fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

fn send(port: u16) -> Result<datagram::Seen, Failed> {
    let attempt = datagram::Attempt {
        target: format!("{INSIDE}:{port}"),
        timeout: Duration::from_millis(800),
        limit: Duration::from_secs(5),
        payload: b"hello".to_vec(),
        times: 2,
        replies: 1,
        local_port: 0,
    };
    Ok(runtime()?.block_on(datagram::send(&attempt, &PermitAll)))
}

pub(crate) fn udp_open(_: &Bench) -> Result<(), Failed> {
    let exchanged = send(ECHO)?.outcome?;
    same("answer", &String::from_utf8_lossy(&exchanged.received.concat()), "hello")
}

pub(crate) fn udp_rejected(_: &Bench) -> Result<(), Failed> {
    for (port, kind, code) in [(1101, "connection-refused", "3"), (1102, "host-unreachable", "13")] {
        let seen = send(port)?;
        let failure = seen.outcome.err().ok_or("something answered")?;
        same("kind", &failure.kind, kind)?;
        same("origin", &failure.details["origin"], "icmp")?;
        same("icmp-type", &failure.details["icmp-type"], "3")?;
        same("icmp-code", &failure.details["icmp-code"], code)?;
        same("icmp-from", &failure.details["icmp-from"], INSIDE)?;
        within(seen.elapsed, 0, 500)?;
    }
    Ok(())
}

pub(crate) fn udp_dropped(_: &Bench) -> Result<(), Failed> {
    let seen = send(1104)?;
    same("kind", &seen.outcome.err().ok_or("something answered")?.kind, "timeout")?;
    within(seen.elapsed, 800, 1300)
}

pub(crate) fn dns_over_tcp_filtered(_: &Bench) -> Result<(), Failed> {
    let ask = |transport| -> Result<name_server::Seen, Failed> {
        let question = Question {
            server: format!("{INSIDE}:53"),
            transport,
            name: "cache.example.com".into(),
            kind: "A".into(),
            timeout: Duration::from_millis(1500),
        };
        Ok(runtime()?.block_on(name_server::ask(&question, &PermitAll)))
    };
    let reply = ask(Transport::Udp)?.outcome?;
    same("code", &reply.code, "NOERROR")?;
    same("data", &reply.answers.first().ok_or("no record")?.data, "192.0.2.1")?;
    let seen = ask(Transport::Tcp)?;
    let failure = seen.outcome.err().ok_or("the filter let it through")?;
    same("kind", &failure.kind, "timeout")?;
    same("stage", &failure.stage, "connect")?;
    within(seen.elapsed, 1500, 2000)
}

/// A namespace behind the bench's, which routes for it over a link with an MTU of 1200 on
/// its own side only: the far side does not know, so it announces segments that do not fit.
struct Behind {
    namespace: String,
    server: Option<Server>,
}

impl Behind {
    fn new(bench: &Bench, net: u8) -> Result<Self, String> {
        let router = &bench.namespace;
        let mut behind = Self { namespace: format!("{router}b{net}"), server: None };
        let far = &behind.namespace.clone();
        let (near, end) = (format!("{}n{net}", bench.link), format!("{}f{net}", bench.link));
        let at = |host: u8| format!("10.231.{net}.{host}");
        run(&["ip", "netns", "add", far])?;
        let on_router = |command: &[&str]| run(&[&["ip", "netns", "exec", router], command].concat());
        let on_far = |command: &[&str]| run(&[&["ip", "netns", "exec", far], command].concat());
        on_router(&["ip", "link", "add", &near, "type", "veth", "peer", "name", &end, "netns", far])?;
        on_router(&["ip", "addr", "add", &format!("{}/24", at(1)), "dev", &near])?;
        on_router(&["ip", "link", "set", &near, "mtu", "1200", "up"])?;
        on_router(&["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])?;
        for host in [2, 3] {
            on_far(&["ip", "addr", "add", &format!("{}/24", at(host)), "dev", &end])?;
        }
        on_far(&["ip", "link", "set", &end, "up"])?;
        on_far(&["ip", "route", "add", "default", "via", &at(1)])?;
        run(&["ip", "route", "add", &format!("10.231.{net}.0/24"), "via", INSIDE])?;
        behind.server = Some(Server::start(far)?);
        Ok(behind)
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.server = None;
        // The link and our route go with it.
        if let Err(error) = run(&["ip", "netns", "del", &self.namespace]) {
            eprintln!("left behind: {error}");
        }
    }
}

fn burst(size: u32, pause: Duration) -> Burst {
    Burst { pause, payload: Vec::new(), size, timeout: Duration::from_millis(1500), read_max: 0 }
}

fn flow(target: &str, bursts: Vec<Burst>) -> Result<Flow, Failed> {
    let attempt = flow::Attempt {
        target: format!("{target}:{DISCARD}"),
        timeout: Duration::from_secs(3),
        limit: Duration::from_secs(10),
        bursts,
        keep: 0,
    };
    Ok(runtime()?.block_on(flow::exchange(&attempt, &PermitAll)).outcome?)
}

fn acknowledged(flow: &Flow) -> Vec<u32> {
    flow.bursts.iter().map(|burst| burst.acknowledged).collect()
}

pub(crate) fn black_hole(bench: &Bench) -> Result<(), Failed> {
    let _behind = Behind::new(bench, 78)?;
    let sizes = || vec![burst(16, Duration::ZERO), burst(64 << 10, Duration::ZERO)];
    // With its ICMP the path says how narrow it is.
    let healthy = flow("10.231.78.3", sizes())?;
    same("acknowledged", &format!("{:?}", acknowledged(&healthy)), "[16, 65536]")?;
    same("path-mtu", &healthy.bursts[1].details["path-mtu"], "1200")?;
    let drop = ["iptables", "-A", "OUTPUT", "-p", "icmp", "--icmp-type", "fragmentation-needed", "-j", "DROP"];
    run(&[&["ip", "netns", "exec", &bench.namespace], &drop[..]].concat())?;
    let hole = flow("10.231.78.2", sizes())?;
    same("acknowledged", &format!("{:?}", acknowledged(&hole)), "[16, 0]")?;
    let large = &hole.bursts[1];
    same("path-mtu", &large.details["path-mtu"], "1500")?;
    if large.details["retransmits"] == "0" || large.failure.is_some() {
        return Err(format!("nothing was lost: {large:?}").into());
    }
    Ok(())
}

/// A router that from some moment on passes on nothing more of a connection, and says nothing.
pub(crate) fn forgotten(bench: &Bench) -> Result<(), Failed> {
    let _behind = Behind::new(bench, 79)?;
    let router = bench.namespace.clone();
    let forgetting = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        run(&["ip", "netns", "exec", &router, "iptables", "-A", "FORWARD", "-d", "10.231.79.0/24", "-j", "DROP"])
    });
    let flow = flow("10.231.79.2", vec![burst(16, Duration::ZERO), burst(16, Duration::from_millis(1500))])?;
    forgetting.join().map_err(|_| "the thread broke")??;
    same("acknowledged", &format!("{:?}", acknowledged(&flow)), "[16, 0]")?;
    // Whoever comes anew finds silence too.
    let attempt = tcp::Attempt {
        target: format!("10.231.79.2:{DISCARD}"),
        timeout: Duration::from_millis(500),
        payload: Vec::new(),
        read_max: 0,
    };
    let seen = runtime()?.block_on(tcp::connect(&attempt, &PermitAll));
    same("kind", &seen.outcome.err().ok_or("it connected")?.kind, "timeout")
}

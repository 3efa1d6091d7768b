//! The upper rungs: what a peer that answers does with a cache.

use crate::Loopback;
use anyhow::{Context, Result, ensure};
use seaworthy_model::{Level, Report, Status};
use seaworthy_p2p::double::{Double, Faults, Python};
use seaworthy_p2p::{SharedSecret, sharing};
use seaworthy_tests::lab::SECRET;
use seaworthy_tests::{Peer, PeerOptions, Reading, Scene, Seaworthy, scratch};
use std::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) fn scenes() -> Vec<Scene<Loopback>> {
    vec![
        Scene::new("every_rung_to_a_good_peer_is_an_observation", good_peer),
        Scene::new("embedded_run_shares_with_itself", embedded),
        Scene::new("where_nothing_may_be_written_nothing_is", no_writes),
        Scene::new("plaintext_offered_is_a_finding", plaintext_offered),
        Scene::new("clocks_that_differ_are_named_before_entries_are_refused", skewed),
        Scene::new("a_peer_that_loses_entries_is_found_out", losing),
        Scene::new("larger_entries_that_do_not_pass_are_a_matter_of_size", narrow),
        Scene::new("undialable_addresses_are_named", undialable),
        Scene::new("a_runner_that_cannot_be_dialled_is_told_so", not_dialable),
        Scene::new("python_peers_prove_their_secret_to_the_suite", python),
        Scene::new("codes_of_sharing_have_pages", pages),
    ]
}

/// A policy with this one check.
fn policy(writes: bool, with: &str) -> String {
    format!(
        "version = 1\n[run]\nallow-writes = {writes}\n[[check]]\nid = \"p2p.sharing\"\nuse = \"bundled:p2p/sharing\"\n\
         target = \"p2p\"\nseverity = \"critical\"\ntimeout = \"8s\"\nwith = {{ {with} }}\n"
    )
}

/// A peer with faults, in this process.
struct Faulty {
    double: Double,
    // Ends after the double.
    _runtime: Runtime,
}

impl Faulty {
    fn start(faults: Faults) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let secret = SharedSecret::derive(&seaworthy_model::Secret::new(SECRET.into()));
        let double = runtime.block_on(Double::start(secret, faults))?;
        Ok(Self { double, _runtime: runtime })
    }

    fn address(&self) -> &str {
        self.double.address()
    }
}

/// Runs the check against the peers at `addresses`, and answers the exit code too.
fn run(addresses: &str, policy: &str) -> Result<(Report, Option<i32>)> {
    run_at(addresses, policy, free_port()?)
}

fn run_at(addresses: &str, policy: &str, port: u16) -> Result<(Report, Option<i32>)> {
    let folder = scratch()?;
    let file = folder.path().join("checks.toml");
    std::fs::write(&file, policy)?;
    let run = Seaworthy::new(["run", "-f", "json", "-c"])?.arg(&file).env("CACHE_LISTEN_PORT", port.to_string());
    let run = Peer::configure(run, addresses).run()?;
    Ok((run.report()?, run.code()))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("0.0.0.0:0")?.local_addr()?.port())
}

fn fact<'a>(report: &'a Report, key: &str) -> Result<&'a str> {
    let facts = &report.check("p2p.sharing")?.facts;
    let found = facts.iter().find(|fact| fact.key == key);
    Ok(&found.with_context(|| format!("no fact {key} in {facts:?}\n{}", report.digest()))?.value)
}

fn good_peer(_: &Loopback) -> Result<()> {
    let peer = Peer::start(&PeerOptions::on("/ip4/127.0.0.1/tcp/0"))?;
    let (report, code) = run(&peer.at("ip4/127.0.0.1")?, &policy(true, ""))?;
    ensure!(code == Some(0), "{}", report.digest());
    report.all_pass_with_evidence()?;
    ensure!(fact(&report, "sharing-peers")? == "1");
    ensure!(fact(&report, "dialable-back")? == "1 of 1", "{}", report.digest());
    ensure!(fact(&report, "offered-security")? == "/noise" && fact(&report, "offered-muxers")? == "/yamux/1.0.0");
    let check = report.check("p2p.sharing")?;
    let alone = ["propagation"];
    for name in ["resolve", "connect", "noise", "yamux", "identify"].into_iter().chain(sharing::RUNGS) {
        let probe = format!("sharing.{name}");
        let seen = check.evidence.iter().any(|observation| observation.probe == probe && observation.answer.is_some());
        // A peer that does not speak the Python cache's protocol is asked nothing in it.
        let expected = !alone.contains(&name) && name != "plaintext";
        ensure!(seen == expected || name == "plaintext", "{probe}: {seen}\n{}", report.digest());
    }
    ensure!(!check.message.is_empty() && check.message.contains("1 of 1 peer"), "{}", check.message);
    // Two addresses of one peer are two vantage points on one store.
    let twice = [peer.at("ip4/127.0.0.1")?, peer.at("dns4/localhost")?].join(",");
    let (report, _) = run(&twice, &policy(true, ""))?;
    ensure!(fact(&report, "propagation-ms")?.parse::<f64>()? < 1000.0);
    report.all_pass_with_evidence()
}

fn embedded(_: &Loopback) -> Result<()> {
    let folder = scratch()?;
    let file = folder.path().join("checks.toml");
    std::fs::write(&file, policy(true, "require-dial-back = true"))?;
    let run = Seaworthy::new(["run", "--embedded", "-f", "json", "-c"])?.arg(&file);
    let report = run.env("CACHE_LISTEN_PORT", free_port()?.to_string()).run()?.exits(0)?.report()?;
    report.all_pass_with_evidence()
}

fn no_writes(_: &Loopback) -> Result<()> {
    let peer = Peer::start(&PeerOptions::on("/ip4/127.0.0.1/tcp/0"))?;
    let (report, code) = run(&peer.at("ip4/127.0.0.1")?, &policy(false, ""))?;
    ensure!(code == Some(0), "{}", report.digest());
    let check = report.check("p2p.sharing")?;
    ensure!(check.status == Status::Pass, "{}", report.digest());
    for name in sharing::WRITING {
        let probe = format!("sharing.{name}");
        let observation = check.evidence.iter().find(|observation| observation.probe == probe);
        let kind = observation.and_then(|o| o.failure.as_ref()).map(|failure| failure.kind.as_str());
        ensure!(kind == Some("not-allowed"), "{probe} is {observation:?}");
    }
    Ok(())
}

fn plaintext_offered(_: &Loopback) -> Result<()> {
    let peer = Faulty::start(Faults { plaintext: true, ..Faults::default() })?;
    let (report, code) = run(peer.address(), &policy(true, ""))?;
    ensure!(code == Some(0), "a warning does not fail\n{}", report.digest());
    let finding = report.finding("peer.plaintext-offered")?;
    ensure!(finding.level == Level::Warn && finding.target.as_deref() == Some(peer.address()), "{finding:?}");
    report.cause("peer.plaintext").map(drop)
}

fn skewed(_: &Loopback) -> Result<()> {
    for (ahead, level) in [(8_000, Level::Warn), (-90_000, Level::Fail)] {
        let peer = Faulty::start(Faults { skew_ms: ahead, ..Faults::default() })?;
        let (report, code) = run(peer.address(), &policy(true, ""))?;
        let finding = report.finding("clock.skew")?;
        ensure!(finding.level == level, "{finding:?}");
        ensure!(code == Some(if level == Level::Fail { 1 } else { 0 }), "{}", report.digest());
        let seen: i64 = fact(&report, "clock-skew-ms")?.parse()?;
        ensure!((seen - ahead).abs() < 2_000, "{seen} ms instead of {ahead}");
        report.cause("clock.skew")?;
    }
    Ok(())
}

fn losing(_: &Loopback) -> Result<()> {
    let peer = Faulty::start(Faults { loses: true, ..Faults::default() })?;
    let (report, code) = run(peer.address(), &policy(true, ""))?;
    ensure!(code == Some(1), "{}", report.digest());
    report.cause("cache.canary-lost")?;
    let peer = Faulty::start(Faults { alters: true, ..Faults::default() })?;
    let (report, _) = run(peer.address(), &policy(true, ""))?;
    report.cause("cache.canary-differs").map(drop)
}

fn narrow(_: &Loopback) -> Result<()> {
    let peer = Faulty::start(Faults { swallows_beyond: Some(50_000), ..Faults::default() })?;
    let (report, _) = run(peer.address(), &policy(true, "timeout-ms = 2500"))?;
    let finding = report.finding("cache.size-limited")?;
    ensure!(finding.details.get("kind").is_some_and(|kind| kind == "timeout"), "{finding:?}");
    ensure!(finding.confidence == seaworthy_model::Confidence::Likely, "{finding:?}");
    ensure!(fact(&report, "canary-ms").is_ok(), "the small one passes\n{}", report.digest());
    report.cause("cache.size-limited")?;
    // The same peer is good for what is smaller.
    let (report, _) = run(peer.address(), &policy(true, "canary-bytes = 20000, dial-back = false"))?;
    report.all_pass_with_evidence()
}

fn undialable(_: &Loopback) -> Result<()> {
    let listen = |texts: &[&str]| Faults {
        listen_addresses: texts.iter().map(|text| (*text).to_owned()).collect(),
        ..Faults::default()
    };
    let peer = Faulty::start(listen(&["/ip4/0.0.0.0/tcp/9100"]))?;
    let (report, _) = run(peer.address(), &policy(true, "dial-back = false"))?;
    report.finding("peer.advertises-undialable")?;
    let peer = Faulty::start(listen(&["/ip4/0.0.0.0/tcp/9100", "/ip4/127.0.0.1/tcp/9100"]))?;
    let (report, _) = run(peer.address(), &policy(true, "dial-back = false"))?;
    report.all_pass_with_evidence()
}

fn not_dialable(_: &Loopback) -> Result<()> {
    let peer = Peer::start(&PeerOptions::on("/ip4/127.0.0.1/tcp/0"))?;
    let address = peer.at("ip4/127.0.0.1")?;
    // The port is taken by a program that listens where the peer does not come from.
    let elsewhere = TcpListener::bind("127.0.0.2:0")?;
    let port = elsewhere.local_addr()?.port();
    let (report, code) = run_at(&address, &policy(true, ""), port)?;
    ensure!(code == Some(0), "{}", report.digest());
    let finding = report.finding("peer.not-dialable-back")?;
    ensure!(finding.level == Level::Info, "{finding:?}");
    ensure!(finding.details.get("kind").is_some_and(|kind| kind == "connection-refused"), "{finding:?}");
    ensure!(fact(&report, "dialable-back")? == "0 of 1");
    let (report, _) = run_at(&address, &policy(true, "require-dial-back = true"), port)?;
    ensure!(report.finding("peer.not-dialable-back")?.level == Level::Warn);
    // Another peer at the port is as reachable as we would be.
    let neighbour = Peer::start(&PeerOptions::on("/ip4/127.0.0.1/tcp/0"))?;
    let (report, _) = run_at(&address, &policy(true, ""), neighbour.port()?)?;
    ensure!(fact(&report, "dialable-back")? == "1 of 1", "{}", report.digest());
    Ok(())
}

/// The default suite, which looks at the secret alone.
fn suite(address: &str) -> Result<Report> {
    Peer::configure(Seaworthy::new(["run", "-f", "json"])?, address).run()?.report()
}

fn python(_: &Loopback) -> Result<()> {
    let peer = Faulty::start(Faults { python: Some(Python::Encrypted), ..Faults::default() })?;
    let report = suite(peer.address())?;
    let encryption = report.check("p2p.encryption")?;
    ensure!(encryption.status == Status::Pass, "{}", report.digest());
    ensure!(encryption.facts.iter().any(|fact| fact.key == "agreed-peers" && fact.value == "1"), "{encryption:?}");
    let peer = Faulty::start(Faults { python: Some(Python::Silent), ..Faults::default() })?;
    let report = suite(peer.address())?;
    report.finding("peer.never-acknowledges")?;
    report.cause("peer.never-acknowledges")?;
    let peer = Faulty::start(Faults { python: Some(Python::Plain), ..Faults::default() })?;
    suite(peer.address())?.cause("secret.different")?;
    let (report, code) = run(peer.address(), &policy(true, ""))?;
    ensure!(code == Some(1), "{}", report.digest());
    report.finding("peer.plaintext-accepted")?;
    Ok(())
}

fn pages(_: &Loopback) -> Result<()> {
    let codes = [
        "peer.plaintext-offered",
        "peer.plaintext-accepted",
        "peer.plaintext",
        "peer.never-acknowledges",
        "peer.advertises-undialable",
        "peer.not-dialable-back",
        "secret.different",
        "clock.skew",
        "cache.canary-lost",
        "cache.canary-differs",
        "cache.canary-refused",
        "cache.size-limited",
        "cache.one-way-propagation",
        "p2p/sharing",
    ];
    for code in codes {
        let run = Seaworthy::new(["explain", code])?.run()?;
        ensure!(run.exits(0)?.stdout.contains(code), "{code}\n{}", run.transcript());
    }
    Ok(())
}

//! The peer as a service: what it tells a scraper, an orchestrator, systemd and a
//! log, and how it ends.

use crate::Loopback;
use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use seaworthy_tests::open_metrics::Page;
use seaworthy_tests::{Peer, Scene, Seaworthy, ServedPeer, scratch};
use serde_json::Value;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

/// A peer ends within six seconds by itself; a slow machine gets some more.
const END: Duration = Duration::from_secs(12);

pub(crate) fn scenes() -> Vec<Scene<Loopback>> {
    vec![
        Scene::new("a_peer_counts_what_a_run_does", counts),
        Scene::new("only_known_pages_are_served", pages),
        Scene::new("a_peer_whose_disk_fails_is_not_ready_until_it_works_again", disk).unless(no_prlimit()),
        Scene::new("health_looks_for_itself", health),
        Scene::new("the_log_is_json_and_says_what_matters", log),
        Scene::new("a_peer_under_load_ends_well_on_each_signal", signals),
        Scene::new("a_second_signal_ends_at_once", second_signal),
        Scene::new("systemd_hears_ready_watchdog_and_stopping", systemd),
        Scene::new("wrong_flags_of_a_peer_are_named", flags),
    ]
}

fn page(peer: &ServedPeer) -> Result<Page> {
    let answer = peer.get("/metrics")?;
    ensure!(answer.status == 200, "{answer:?}");
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    ensure!(answer.head.contains(kind), "{}", answer.head);
    Page::parse(&answer.body).with_context(|| answer.body.clone())
}

fn counts(_: &Loopback) -> Result<()> {
    let peer = ServedPeer::start(&["--max-bytes", "64MiB"], &[])?;
    let request = |page: &Page, operation: &str, outcome: &str| {
        page.value("seaworthy_peer_requests_total", &[("operation", operation), ("outcome", outcome)])
    };
    let done = [("get", "hit"), ("get", "miss"), ("put", "stored"), ("invalidate", "removed")];
    let none = page(&peer)?;
    for (operation, outcome) in done {
        ensure!(request(&none, operation, outcome)? == 0.0, "{operation} {outcome} before anything was asked");
    }
    peer.exercise()?.exits(0)?;
    let once = page(&peer)?;
    peer.exercise()?.exits(0)?;
    let twice = page(&peer)?;
    // Each run does the same, under keys of its own.
    for (operation, outcome) in done {
        let (first, second) = (request(&once, operation, outcome)?, request(&twice, operation, outcome)?);
        ensure!(first > 0.0 && second == 2.0 * first, "{operation} {outcome}: {first}, then {second}");
    }
    let answered = twice.sum("seaworthy_peer_requests_total");
    let timed = twice.sum("seaworthy_peer_request_duration_seconds_count");
    ensure!(answered == timed, "{answered} requests, {timed} durations");
    ensure!(twice.value("seaworthy_peer_store_max_bytes", &[])? == f64::from(64 << 20));
    let inbound = [("direction", "Inbound")];
    ensure!(twice.value("seaworthy_peer_established_connections_total", &inbound)? >= 2.0);
    ensure!(twice.sum("seaworthy_peer_libp2p_bandwidth_bytes_total") > 10_000.0);
    let success = twice.value("seaworthy_peer_last_success_timestamp_seconds", &[])?;
    ensure!(success > twice.value("seaworthy_peer_start_time_seconds", &[])?);
    // Refusals are among the requests, each with its reason.
    let other = ServedPeer::start(&[], &[("CACHE_P2P_SHARED_SECRET", "another-secret-for-this-peer")])?;
    other.exercise()?.exits(1)?;
    let refused = page(&other)?;
    let reason = |reason| refused.value("seaworthy_peer_refused_requests_total", &[("reason", reason)]);
    ensure!(reason("different-secret")? > 0.0 && reason("integrity")? == 0.0);
    let family = &refused.families["seaworthy_peer_requests"].samples;
    let outcomes = family.iter().filter(|s| s.1["outcome"] == "refused").map(|s| s.2).sum::<f64>();
    ensure!(outcomes == refused.sum("seaworthy_peer_refused_requests_total"));
    documented(&twice)
}

/// The table in docs/peer.md says what is served, no more and no less.
fn documented(page: &Page) -> Result<()> {
    let text = std::fs::read_to_string(seaworthy_tests::workspace_root().join("docs/peer.md"))?;
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `seaworthy_")).map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        (format!("seaworthy_{}", cells[0].trim_end_matches('`')), cells[1].to_owned())
    });
    let said: std::collections::BTreeMap<String, String> = rows.collect();
    let served = page.families.iter().map(|(name, family)| {
        let suffix = match family.kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        (format!("{name}{suffix}"), family.kind.clone())
    });
    let served: std::collections::BTreeMap<String, String> = served.collect();
    ensure!(said == served, "docs/peer.md says\n{said:#?}\nand these are served\n{served:#?}");
    Ok(())
}

fn pages(_: &Loopback) -> Result<()> {
    let peer = ServedPeer::start(&[], &[])?;
    for path in ["/", "/metrics", "/metrics?x=1", "/healthz", "/readyz"] {
        ensure!(peer.get(path)?.status == 200, "{path}");
    }
    ensure!(peer.get("/metric")?.status == 404);
    let posted = peer.ask("POST /metrics HTTP/1.1\r\nHost: p\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    ensure!(posted.status == 405 && posted.head.contains("allow: get, head"), "{posted:?}");
    let head = peer.ask("HEAD /readyz HTTP/1.1\r\nHost: p\r\nConnection: close\r\n\r\n")?;
    ensure!(head.status == 200 && head.body.is_empty(), "{head:?}");
    let long = format!("GET /{} HTTP/1.1\r\nHost: p\r\n\r\n", "x".repeat(100_000));
    ensure!(peer.ask(&long).is_err() || peer.ask(&long)?.status >= 400, "a head without an end");
    // Many who say nothing keep nobody waiting for longer than they are waited for.
    let silent: Vec<_> = (0..40).map(|_| std::net::TcpStream::connect(peer.metrics)).collect::<Result<_, _>>()?;
    let start = Instant::now();
    peer.until(Duration::from_secs(10), "an answer beside silent connections", |peer| {
        Ok(peer.get("/healthz").is_ok())
    })?;
    drop(silent);
    ensure!(start.elapsed() < Duration::from_secs(10));
    Ok(())
}

fn no_prlimit() -> Option<String> {
    let found = Command::new("prlimit").arg("--version").output().is_ok_and(|output| output.status.success());
    (!found).then(|| "prlimit (util-linux) is not installed".into())
}

/// A disk that takes no more, by a limit on the size of files; and then does again.
fn disk(_: &Loopback) -> Result<()> {
    let peer = ServedPeer::start(&[], &[])?;
    peer.exercise()?.exits(0)?;
    let limit = |bytes: &str| -> Result<()> {
        let status = Command::new("prlimit")
            .arg(format!("--pid={}", peer.pid()))
            .arg(format!("--fsize={bytes}:unlimited"))
            .status()?;
        ensure!(status.success(), "prlimit cannot set the limit to {bytes}");
        Ok(())
    };
    let ready = |peer: &ServedPeer| -> Result<(u16, Value)> {
        let answer = peer.get("/readyz")?;
        Ok((answer.status, serde_json::from_str(&answer.body)?))
    };
    ensure!(ready(&peer)?.0 == 200);
    limit("1024")?;
    let run = peer.exercise()?;
    ensure!(run.code() != Some(0), "a put that cannot be stored is no success\n{}", run.transcript());
    let (status, why) = ready(&peer)?;
    ensure!(status == 503 && why["ready"] == false && why["alive"] == true, "{status} {why}");
    ensure!(why["reasons"][0].as_str().is_some_and(|r| r.contains("store") && r.contains("File too large")), "{why}");
    ensure!(peer.get("/healthz")?.status == 200, "a restart would not help, so none is asked for");
    let url = format!("http://{}/readyz", peer.metrics);
    let asked = Seaworthy::new(["peer", "health", "--url", &url])?.run()?;
    asked.exits(1)?;
    ensure!(asked.stdout.contains("File too large"), "{}", asked.transcript());
    ensure!(page(&peer)?.value("seaworthy_peer_errors_total", &[("kind", "store")])? > 0.0);
    ensure!(peer.log().iter().any(|line| line.contains("ERROR") && line.contains("the store failed")));
    limit("unlimited")?;
    peer.until(Duration::from_secs(20), "ready again", |peer| Ok(ready(peer)?.0 == 200))?;
    peer.exercise()?.exits(0).context("after the disk works again")?;
    Ok(())
}

fn health(_: &Loopback) -> Result<()> {
    let peer = ServedPeer::start(&[], &[])?;
    let ask = |args: &[&str]| Seaworthy::new([&["peer", "health"], args].concat())?.run();
    let url = format!("http://{}/readyz", peer.metrics);
    ask(&["--url", &url])?.exits(0)?;
    ask(&["--url", &url.replace("/readyz", "/nothing")])?.exits(1)?;
    Seaworthy::new(["peer", "health"])?.env("SEAWORTHY_METRICS", peer.metrics.to_string()).run()?.exits(0)?;
    let dialled = ask(&["--address", &peer.address])?;
    dialled.exits(0)?;
    ensure!(dialled.stdout.contains("ping"), "{}", dialled.transcript());
    let without_id = peer.address.split("/p2p/").next().unwrap_or_default().to_owned();
    ask(&["--address", &without_id])?.exits(0)?;
    // Stopped, it still has its sockets, and the kernel still takes connections.
    peer.signal(Signal::SIGSTOP)?;
    let stuck = [ask(&["--address", &without_id, "--timeout", "1s"])?, ask(&["--url", &url, "--timeout", "1s"])?];
    peer.signal(Signal::SIGCONT)?;
    for asked in stuck {
        asked.exits(1)?;
        ensure!(asked.elapsed < Duration::from_secs(5), "{:?}", asked.elapsed);
    }
    peer.signal(Signal::SIGTERM)?;
    peer.ended(END)?;
    ask(&["--url", &url, "--timeout", "1s"])?.exits(1)?;
    ask(&["--address", &without_id, "--timeout", "1s"])?.exits(1)?;
    ask(&["--address", &without_id, "--url", &url])?.exits(2)?;
    Ok(())
}

fn log(_: &Loopback) -> Result<()> {
    let peer = ServedPeer::start(&["--log-format", "json"], &[])?;
    peer.exercise()?.exits(0)?;
    for _ in 0..5 {
        let wrong = Seaworthy::new(["run", "-f", "json", "--retries", "0"])?;
        let wrong = wrong.env("CACHE_ENABLE_P2P", "true").env("CACHE_BOOTSTRAP_PEERS", &peer.address);
        wrong.env("CACHE_P2P_SHARED_SECRET", "not-the-secret-of-this-peer").run()?.exits(1)?;
    }
    peer.signal(Signal::SIGTERM)?;
    let (status, lines) = peer.ended(END)?;
    ensure!(status.code() == Some(0), "{status}");
    let mut events = Vec::new();
    for line in &lines {
        let event: Value = serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))?;
        ensure!(line.matches("\"message\":").count() == 1, "a field of an event has the name of its text: {line}");
        ensure!(["timestamp", "level", "target", "message"].iter().all(|key| event[key].is_string()), "{line}");
        events.push(event);
    }
    let said = |message: &str| events.iter().filter(|event| event["message"] == message).collect::<Vec<_>>();
    let started = said("the peer has started");
    ensure!(started.len() == 1 && started[0]["addresses"].as_str().is_some_and(|a| a.contains("/p2p/")), "{lines:?}");
    let refused = said("refused a request");
    // Five runs, several connections each: said once, and not again for ten seconds.
    let different = refused.iter().filter(|event| event["reason"] == "different-secret").count();
    ensure!((1..=3).contains(&different), "{different} lines about one mistake\n{}", lines.join("\n"));
    ensure!(said("shutting down").len() == 1);
    let end = said("the peer has ended");
    ensure!(end.len() == 1 && end[0]["puts"].as_u64() > Some(0), "{lines:?}");
    ensure!(!lines.iter().any(|line| line.contains(seaworthy_tests::lab::SECRET)), "the log shows the secret");
    Ok(())
}

fn signals(_: &Loopback) -> Result<()> {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let peer = ServedPeer::start(&[], &[])?;
        let clients: Vec<_> = (0..3)
            .map(|_| Peer::configure(Seaworthy::new(["run", "-f", "json", "--retries", "0"])?, &peer.address).start())
            .collect::<Result<_>>()?;
        let stored = |peer: &ServedPeer| page(peer).map(|page| page.sum("seaworthy_peer_requests_total") > 3.0);
        peer.until(Duration::from_secs(20), "clients at work", stored)?;
        peer.signal(signal)?;
        let (status, lines) = peer.ended(END)?;
        ensure!(status.code() == Some(0), "{signal}: {status}\n{}", lines.join("\n"));
        ensure!(!lines.iter().any(|line| line.contains("still in progress")), "{signal}\n{}", lines.join("\n"));
        // They were left without a peer, and must know it rather than wait.
        for client in clients {
            let run = client.wait()?;
            ensure!(run.code().is_some(), "{}", run.transcript());
        }
    }
    Ok(())
}

fn second_signal(_: &Loopback) -> Result<()> {
    let peer = ServedPeer::start(&[], &[])?;
    // While it is stopped both wait for it, and it finds them together.
    peer.signal(Signal::SIGSTOP)?;
    peer.signal(Signal::SIGTERM)?;
    peer.signal(Signal::SIGINT)?;
    peer.signal(Signal::SIGCONT)?;
    let start = Instant::now();
    let (status, lines) = peer.ended(END)?;
    ensure!(matches!(status.code(), Some(130 | 143)), "{status}\n{}", lines.join("\n"));
    ensure!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    Ok(())
}

fn systemd(_: &Loopback) -> Result<()> {
    let folder = scratch()?;
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let place = path.to_str().context("a path that is no text")?;
    let peer = ServedPeer::start(&[], &[("NOTIFY_SOCKET", place), ("WATCHDOG_USEC", "600000")])?;
    let mut buffer = [0; 4096];
    let mut hear = || -> Result<String> {
        let length = socket.recv(&mut buffer).context("systemd hears nothing")?;
        Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
    };
    let (mut ready, mut alive) = (String::new(), 0);
    while ready.is_empty() || alive < 3 {
        let said = hear()?;
        if said.contains("READY=1") {
            ready = said;
        } else if said.contains("WATCHDOG=1") {
            alive += 1;
        }
    }
    ensure!(ready.contains("STATUS=listening as "), "{ready}");
    peer.signal(Signal::SIGTERM)?;
    while !hear()?.contains("STOPPING=1") {}
    let (status, _) = peer.ended(END)?;
    ensure!(status.code() == Some(0), "{status}");
    Ok(())
}

fn flags(_: &Loopback) -> Result<()> {
    let state = scratch()?;
    let refused = |args: &[&str], code: i32, word: &str| -> Result<()> {
        let base = ["peer", "--listen", "/ip4/127.0.0.1/tcp/0", "--state"];
        let mut command = Seaworthy::new(base)?.arg(state.path());
        for arg in args {
            command = command.arg(arg);
        }
        let run = command.env("CACHE_P2P_SHARED_SECRET", seaworthy_tests::lab::SECRET).run()?;
        run.exits(code)?;
        ensure!(run.stderr.contains(word), "{args:?} without {word:?}\n{}", run.transcript());
        Ok(())
    };
    refused(&["--max-bytes", "1M"], 2, "MiB")?;
    refused(&["--max-value", "2GiB"], 2, "--max-value")?;
    refused(&["--max-bytes", "1MiB", "--max-value", "2MiB"], 2, "--max-bytes")?;
    refused(&["--peer", "nonsense"], 2, "--peer nonsense")?;
    refused(&["--metrics", "localhost"], 2, "--metrics")?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.to_string();
    refused(&["--metrics", &port], 5, "cannot serve metrics")?;
    refused(&["--metrics", &port, "--log-format", "json"], 5, "\"level\":\"ERROR\"")
}

//! A service of the IPFS Pinning Service API beside the node: it is asked to keep what is
//! stored, says how far it is, and what it does not do harms nothing.

use crate::{Here, Runner, detail};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Asked, Reading, Scene, Scripted, Told};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("a_pinning_service_keeps_what_is_stored", keeps),
        Scene::new("a_pinning_service_that_refuses_harms_nothing", refuses),
        Scene::new("the_check_reads_a_pinning_service", check),
    ]
}

/// What must be in no output.
const TOKEN: &str = "pS8-pinning-token-4Gf6Jk3V";

/// A service with what it holds: each pin a request id, a CID and a state.
#[derive(Debug, Default)]
struct Held {
    pins: Vec<(String, String, &'static str)>,
    next: usize,
    /// What every request is answered with, where it is set.
    refusal: Option<(u16, &'static str)>,
    /// Requests that did not carry the token.
    strangers: usize,
}

struct Service {
    server: Scripted,
    held: Arc<Mutex<Held>>,
}

impl Service {
    fn start() -> Result<Self> {
        let held = Arc::new(Mutex::new(Held::default()));
        let state = Arc::clone(&held);
        let server = Scripted::start(move |asked| state.lock().unwrap_or_else(PoisonError::into_inner).answer(asked))?;
        Ok(Self { server, held })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Held) -> T) -> T {
        look(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn runner(&self, here: &Here, token: &str) -> Runner {
        let url = format!("{}/psa", self.server.url());
        Runner::on(&here.kubo.multiaddr()).env("IPFS_PINNING_SERVICE", &url).env("IPFS_PINNING_TOKEN", token)
    }
}

impl Held {
    /// As the specification has it.
    fn answer(&mut self, asked: &Asked) -> Told {
        let refused = |status: u16, reason: &str| {
            Told::json(status, &json!({ "error": { "reason": reason, "details": "scripted" } }))
        };
        if asked.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            self.strangers += 1;
            return refused(401, "UNAUTHORIZED");
        }
        if let Some((status, reason)) = self.refusal {
            return refused(status, reason);
        }
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        match (asked.method.as_str(), path.strip_prefix("/psa/pins")) {
            ("POST", Some("")) => {
                let pin: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
                let Some(cid) = pin["cid"].as_str() else { return refused(400, "BAD_REQUEST") };
                self.next += 1;
                self.pins.push((format!("request-{}", self.next), cid.to_owned(), "queued"));
                self.pins.last().map_or_else(|| refused(500, "LOST"), |last| Told::json(202, &status(last)))
            }
            ("GET", Some("")) => {
                let of = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
                let states: Vec<&str> = of("status").unwrap_or("pinned").split(',').collect();
                let wanted = |(_, cid, state): &&(String, String, &str)| {
                    states.contains(state) && of("cid").is_none_or(|list| list.split(',').any(|one| one == cid))
                };
                let results: Vec<Value> = self.pins.iter().filter(wanted).map(status).collect();
                Told::json(200, &json!({ "count": results.len(), "results": results }))
            }
            ("DELETE", Some(id)) => {
                let before = self.pins.len();
                let id = id.trim_start_matches('/').replace("%2D", "-");
                self.pins.retain(|(own, ..)| *own != id);
                if self.pins.len() < before { Told::text(202, "") } else { refused(404, "NOT_FOUND") }
            }
            _ => Told::text(404, "no such page"),
        }
    }
}

fn status((id, cid, state): &(String, String, &str)) -> Value {
    let info = if *state == "failed" { json!({ "status_details": "no provider answered" }) } else { json!({}) };
    json!({ "requestid": id, "status": state, "created": "2026-01-01T00:00:00Z",
            "pin": { "cid": cid, "name": "seaworthy" }, "delegates": [], "info": info })
}

fn keeps(here: &Here) -> Result<()> {
    let service = Service::start()?;
    let runner = service.runner(here, TOKEN);
    let run = runner.put("pinned/key", b"value", &["-v"])?;
    run.exits(0)?;
    ensure!(!run.stderr.contains(TOKEN) && !run.stdout.contains(TOKEN), "the token is shown");
    let entry = runner.stat("pinned/key")?;
    let cid = detail(&entry, "cid")?.to_owned();
    ensure!(detail(&entry, "remote-pin")? == "queued", "{entry}");
    ensure!(service.with(|held| held.pins.iter().any(|(_, own, _)| *own == cid)), "it was not asked for {cid}");
    for state in ["pinning", "pinned", "failed"] {
        service.with(|held| held.pins.iter_mut().for_each(|pin| pin.2 = state));
        let entry = runner.stat("pinned/key")?;
        ensure!(detail(&entry, "remote-pin")? == state, "{entry}");
    }
    ensure!(
        detail(&runner.stat("pinned/key")?, "remote-pin-info")? == "no provider answered",
        "the service's own words"
    );
    // Another value in its place: the service keeps that one alone.
    runner.puts("pinned/key", b"another")?;
    let now = detail(&runner.stat("pinned/key")?, "cid")?.to_owned();
    let kept: Vec<String> = service.with(|held| held.pins.iter().map(|(_, cid, _)| cid.clone()).collect());
    ensure!(kept == [now], "{kept:?}");
    runner.cache(&["rm", "pinned/key"])?.exits(0)?;
    ensure!(service.with(|held| held.pins.is_empty() && held.strangers == 0), "it was told to let go");
    Ok(())
}

fn refuses(here: &Here) -> Result<()> {
    let service = Service::start()?;
    let runner = service.runner(here, "another-token");
    runner.puts("refused/key", b"value")?;
    ensure!(runner.get("refused/key")?.as_deref() == Some(b"value".as_slice()), "the node has it");
    let entry = runner.stat("refused/key")?;
    ensure!(detail(&entry, "remote-pin")? == "unknown", "what could not be asked is not absent: {entry}");
    ensure!(detail(&entry, "remote-pin-error")? == "unauthenticated", "{entry}");
    service.with(|held| held.refusal = Some((409, "INSUFFICIENT_FUNDS")));
    let runner = service.runner(here, TOKEN);
    runner.puts("refused/key", b"again")?;
    ensure!(runner.get("refused/key")?.as_deref() == Some(b"again".as_slice()), "the node has it");
    let bare = Runner::on(&here.kubo.multiaddr()).env("IPFS_PINNING_SERVICE", &service.server.url());
    crate::ended(&bare.cache(&["get", "refused/key"])?, crate::MISTAKEN, "IPFS_PINNING_TOKEN")
}

fn check(here: &Here) -> Result<()> {
    let service = Service::start()?;
    let report = |runner: &Runner| -> Result<_> {
        let run = runner.check("")?;
        ensure!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "the token is shown");
        run.report()
    };
    let runner = service.runner(here, TOKEN);
    // The node has nobody to talk to, which matters once a service is to fetch from it.
    let sound = report(&runner)?;
    sound.finding("ipfs.no-peers")?;
    let facts = &sound.check("ipfs.node")?.facts;
    let failed = facts.iter().find(|fact| fact.key == "failed-pins").context("no fact failed-pins")?;
    ensure!(failed.value == "0", "{}", sound.digest());
    service.with(|held| held.pins.push(("request-9".into(), "bafkqaaa".into(), "failed")));
    report(&runner)?.finding("pinning.failed-pins")?;
    report(&service.runner(here, "another-token"))?.finding("pinning.unauthorized")?;
    for (refusal, code) in [((409, "INSUFFICIENT_FUNDS"), "pinning.quota"), ((503, "DOWN"), "pinning.unreachable")] {
        service.with(|held| held.refusal = Some(refusal));
        let found = report(&runner)?;
        found.finding(code)?;
        found.cause("pinning.unusable")?;
    }
    let elsewhere = Runner::on(&here.kubo.multiaddr())
        .env("IPFS_PINNING_SERVICE", &format!("http://{}", here.kubo.gateway()))
        .env("IPFS_PINNING_TOKEN", TOKEN);
    report(&elsewhere)?.finding("pinning.not-service")?;
    let bare = Runner::on(&here.kubo.multiaddr()).env("IPFS_PINNING_SERVICE", &service.server.url());
    report(&bare)?.finding("pinning.token-missing")?;
    Ok(())
}

//! Components of 0.1.0, one for each published world. Each calls every function of its world
//! and reports what came of it.

use crate::Stage;
use crate::services::{SEED, TOKEN};
use anyhow::{Context, Result, ensure};
use data_encoding::HEXLOWER;
use seaworthy_model::Status;
use seaworthy_tests::lab::SECRET;
use seaworthy_tests::{Reading, Scene, Seaworthy, contract, digest, scratch};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use wit_parser::WorldItem;

pub(crate) fn scenes() -> Vec<Scene<Stage>> {
    vec![
        Scene::new("a_check_of_seaworthy_check", |s| check(s, "check", "seaworthy:check")),
        Scene::new("a_check_of_seaworthy_sharing", |s| check(s, "sharing", "seaworthy:sharing")),
        Scene::new("a_check_of_seaworthy_credentials", |s| check(s, "credentials", "seaworthy:credentials")),
        Scene::new("a_check_of_seaworthy_path", |s| check(s, "path", "seaworthy:path")),
        Scene::new("an_adapter_of_seaworthy_check", |s| adapter(s, "adapter", "seaworthy:check")),
        Scene::new("an_adapter_of_seaworthy_credentials", |s| {
            adapter(s, "adapter_credentials", "seaworthy:credentials")
        }),
        Scene::new("a_check_of_a_later_patch_that_uses_nothing_new", later_patch),
    ]
}

/// What each function answers here.
fn answers() -> BTreeMap<&'static str, String> {
    let sha256 = HEXLOWER.encode(&Sha256::digest(format!("a-{TOKEN}-b")));
    let fixed = [
        ("seaworthy:env/vars.read", "seen"),
        ("seaworthy:env/vars.matching", "COMPAT_MARK"),
        ("seaworthy:env/system.inspect", "1 row,1 row"),
        ("seaworthy:env/files.read", "cont"),
        ("seaworthy:kit/log.emit", "said"),
        ("seaworthy:kit/progress.step", "said"),
        ("seaworthy:kit/progress.remaining-ms", "some"),
        ("seaworthy:kit/clock.unix-ms", "this century"),
        ("seaworthy:kit/clock.monotonic-us", "goes on"),
        ("seaworthy:kit/clock.sleep-ms", "slept"),
        ("seaworthy:kit/random.hex", "16 digits"),
        ("seaworthy:net/dns.resolve", "loopback"),
        ("seaworthy:net/tcp.connect", "220 ready, tried 1"),
        ("seaworthy:net/tls.handshake", "TLSv1_3, 1 certificate"),
        ("seaworthy:net/http.send", "200 plain"),
        ("seaworthy:p2p/swarm.parse", "127.0.0.1/tcp"),
        (
            "seaworthy:p2p/swarm.dial",
            "resolve>connect>multistream>noise>yamux>identify>ping, the peer that was expected: true",
        ),
        ("seaworthy:p2p/swarm.request", "the same 32 bytes: true"),
        ("seaworthy:p2p/secrets.inspect", "CACHE_P2P_SHARED_SECRET"),
        ("seaworthy:p2p/secrets.seal", "sealed"),
        ("seaworthy:p2p/secrets.open", "plain"),
        ("seaworthy:p2p/secrets.agree", "the same secret: true"),
        ("seaworthy:cache/caches.open", "memory: true"),
        ("seaworthy:cache/caches.put", "done"),
        ("seaworthy:cache/caches.get", "value"),
        ("seaworthy:cache/caches.invalidate", "gone"),
        ("seaworthy:sharing/ladder.climb", "secret: true, canary: true"),
        ("seaworthy:credentials/credentials.inspect", "COMPAT_TOKEN"),
        // HMAC-SHA256 under "prefix-" and the token, by Python's hmac.
        (
            "seaworthy:credentials/credentials.hmac-sha256",
            "7193832323e2f18c08c2d3ba36a22707d584024c62cfa1521798b78efd5dd00c",
        ),
        // RFC 8032, 7.1, test 1.
        (
            "seaworthy:credentials/credentials.ed25519-public",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        ),
        (
            "seaworthy:credentials/credentials.ed25519-sign",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        ("seaworthy:credentials/authorized-http.send", "200 authorized"),
        ("seaworthy:path/names.ask", "NOERROR 192.0.2.7"),
        ("seaworthy:path/flows.exchange", "1000 of 1000 bytes"),
        ("seaworthy:path/datagrams.send", "datagram"),
        ("seaworthy:path/datagrams.quic-versions", "version 1 among them: true"),
        ("seaworthy:path/proxies.choose", "http://proxy.test:3128"),
        ("seaworthy:path/proxies.connect", "200"),
        ("seaworthy:cache/storage.open", "done"),
        ("seaworthy:cache/storage.put", "done"),
        ("seaworthy:cache/storage.get", "kept"),
        ("seaworthy:cache/storage.list", "compat"),
        ("seaworthy:cache/storage.delete", "done"),
        ("seaworthy:cache/peers.open", "1 peer"),
        ("seaworthy:cache/peers.put", "done"),
        ("seaworthy:cache/peers.get", "shared"),
        ("seaworthy:cache/peers.has", "compat"),
        ("seaworthy:cache/peers.invalidate", "done"),
    ];
    let mut answers: BTreeMap<_, _> = fixed.into_iter().map(|(function, told)| (function, told.to_owned())).collect();
    answers.insert("seaworthy:credentials/credentials.sha256", sha256);
    answers
}

/// The functions that a published world imports, as its WIT has them.
fn functions(package: &str, world: &str) -> Result<BTreeSet<String>> {
    let resolve = contract()?;
    let (_, found) = resolve
        .packages
        .iter()
        .find(|(_, found)| found.name.to_string() == format!("{package}@0.1.0"))
        .context("no such package")?;
    let world = found.worlds.get(world).context("no such world")?;
    let mut functions = BTreeSet::new();
    for item in resolve.worlds[*world].imports.values() {
        let WorldItem::Interface { id, .. } = item else { continue };
        let name = resolve.id_of(*id).context("an interface without a name")?;
        let name = name.split('@').next().unwrap_or_default();
        functions.extend(resolve.interfaces[*id].functions.keys().map(|function| format!("{name}.{function}")));
    }
    Ok(functions)
}

/// Every function of the world was called, and each answered as it should.
fn all_answered(told: &BTreeMap<String, String>, package: &str, world: &str) -> Result<()> {
    let functions = functions(package, world)?;
    let called: BTreeSet<String> = told.keys().cloned().collect();
    ensure!(
        called == functions,
        "the component does not call what its world imports: {:?}",
        called.symmetric_difference(&functions).collect::<Vec<_>>()
    );
    let answers = answers();
    let wrong: Vec<String> = told
        .iter()
        .filter(|(function, told)| answers.get(function.as_str()) != Some(told))
        .map(|(function, told)| format!("{function} answered {told:?}"))
        .collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

fn policy(stage: &Stage, file: &Path, plugin: &str) -> Result<String> {
    Ok(format!(
        r#"version = 1

[vars]
shared = {{ env = "CACHE_P2P_SHARED_SECRET", type = "secret", label = "shared" }}
token = {{ env = "COMPAT_TOKEN", type = "secret", label = "token" }}
seed = {{ env = "COMPAT_SEED", type = "secret", label = "seed" }}

{}[plugins.since]
source = "file:{}"
digest = "{}"
{plugin}
"#,
        stage.services.targets()?,
        file.display(),
        digest(file)?
    ))
}

fn run(words: &[&str], folder: &Path) -> Result<Seaworthy> {
    Ok(Seaworthy::new(words)?
        .directory(folder)
        .env("COMPAT_MARK", "seen")
        .env("COMPAT_TOKEN", TOKEN)
        .env("COMPAT_SEED", SEED)
        .env("CACHE_P2P_SHARED_SECRET", SECRET)
        .env("HTTP_PROXY", "http://proxy.test:3128")
        .env("http_proxy", "http://proxy.test:3128"))
}

fn check(stage: &Stage, world: &str, package: &str) -> Result<()> {
    runs_and_answers(stage, &stage.since.join(format!("since_0_1_{world}.wasm")), world, package)
}

fn runs_and_answers(stage: &Stage, file: &Path, world: &str, package: &str) -> Result<()> {
    let folder = scratch()?;
    let read = folder.path().join("file.txt");
    std::fs::write(&read, "content")?;
    let grants = r#"grant.env = ["COMPAT_*", "*_PROXY", "*_proxy", "NO_PROXY", "no_proxy"]
grant.dns = ["localhost", "compat.test"]
grant.system = ["process"]
grant.read = ["FOLDER/**"]
grant.p2p = ["dial", "share", "/ipfs/ping/1.0.0"]
grant.cache = ["read", "write"]
grant.secret = ["shared", "token", "seed"]
"#;
    let grants = grants.replace("FOLDER", &folder.path().display().to_string());
    let text = policy(stage, file, &grants)?
        + &format!(
            r#"
[fallback.cache]
order = ["memory"]

[[check]]
id = "since"
use = "since:since-0-1/{world}"
target = ["greeter", "echo", "http", "tls", "names", "proxy", "peer", "quic"]
timeout = "30s"
with = {{ file = "{}" }}
"#,
            read.display()
        );
    std::fs::write(folder.path().join("checks.toml"), text)?;
    let run = run(&["run", "-f", "json", "--allow-writes"], folder.path())?.run()?;
    let report = run.exits(0)?.report()?;
    let check = report.check("since")?;
    ensure!(check.status == Status::Pass, "{}", report.digest());
    let told = check.facts.iter().map(|fact| (fact.key.clone(), fact.value.clone())).collect();
    all_answered(&told, package, "check")?;
    ensure!(
        check.log.iter().any(|line| line.contains("said by a component of 0.1") && line.contains("key")),
        "what it logged is lost: {:?}",
        check.log
    );
    Ok(())
}

fn adapter(stage: &Stage, world: &str, package: &str) -> Result<()> {
    let file = stage.since.join(format!("since_0_1_{world}.wasm"));
    let folder = scratch()?;
    let kept = folder.path().join("kept");
    let grants = r#"grant.net = ["127.0.0.1:*"]
grant.p2p = ["dial", "/seaworthy/cache/1.0.0"]
grant.secret = ["shared", "token", "seed"]
"#;
    let text = policy(stage, &file, grants)?
        + &format!(
            r#"
[fallback.cache]
order = ["old"]

[tiers.old]
adapter = "since"
target = "http"
with = {{ http = "{}", peer = "{}", directory = "{}" }}
"#,
            stage.services.http(),
            stage.services.peer()?,
            kept.display()
        );
    std::fs::write(folder.path().join("checks.toml"), text)?;
    let calls = run(&["cache", "get", "calls"], folder.path())?.run()?;
    let told = calls.exits(0)?.stdout.lines().filter_map(|line| line.split_once(' '));
    let told = told.map(|(function, told)| (function.to_owned(), told.to_owned())).collect();
    all_answered(&told, package, "adapter")?;
    // And it is an adapter: what is put is there, is listed, and is gone when it is removed.
    let value: PathBuf = folder.path().join("value");
    std::fs::write(&value, "round trip")?;
    run(&["cache", "put", "key"], folder.path())?.arg(&value).run()?.exits(0)?;
    ensure!(run(&["cache", "get", "key"], folder.path())?.run()?.exits(0)?.stdout == "round trip");
    run(&["cache", "stat", "key"], folder.path())?.run()?.exits(0)?;
    let listed = run(&["cache", "list"], folder.path())?.run()?;
    ensure!(listed.exits(0)?.stdout.contains("key"), "{}", listed.transcript());
    run(&["cache", "rm", "key"], folder.path())?.run()?.exits(0)?;
    run(&["cache", "get", "key"], folder.path())?.run()?.exits(6)?;
    Ok(())
}

/// The same component as if its WIT had been 0.1.7: nothing in it is newer but the number.
fn later_patch(stage: &Stage) -> Result<()> {
    let mut bytes = std::fs::read(stage.since.join("since_0_1_path.wasm"))?;
    let (old, new) = (b"@0.1.0", b"@0.1.7");
    let places: Vec<usize> = (0..bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(old)).collect();
    ensure!(places.len() > 20, "only {} versions are in the component", places.len());
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
    let folder = scratch()?;
    let file = folder.path().join("later.wasm");
    std::fs::write(&file, bytes)?;
    runs_and_answers(stage, &file, "path", "seaworthy:path")
}

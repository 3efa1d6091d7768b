//! What a client gets: once from the origin, then from the cache, and from there too when
//! the origin is gone.

use crate::{Here, Place};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{CachingProxy, Caddy, Client, Heard, Origin, ProxyOptions, Said, Scene};
use std::time::Duration;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("equal_requests_at_once_reach_the_origin_once", once),
        Scene::new("a_stale_answer_stands_in_for_a_dead_origin", dead_origin),
        Scene::new("answers_that_vary_are_kept_apart", vary),
        Scene::new("a_write_goes_through_and_ends_what_was_kept", written),
        Scene::new("what_is_too_long_to_keep_goes_through_whole", too_long),
        Scene::new("without_any_tier_that_works_the_proxy_works", no_tier),
        Scene::new("an_origin_over_tls_is_judged_by_its_authority", over_tls).unless(Caddy::obstacle()),
        Scene::new("wrong_flags_end_with_a_reason", flags),
    ]
}

fn public(heard: &Heard) -> Said {
    Said::new(200, format!("{} as {}", heard.path, heard.header("accept"))).with("cache-control", "public, max-age=60")
}

fn once(_: &Here) -> Result<()> {
    let place = Place::new()?;
    let origin = Origin::start(Duration::from_millis(300), |heard| public(heard))?;
    let proxy = CachingProxy::start(&place.proxy(&origin.url(), "p2p,disk", "a")?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let address = proxy.address;
    let answers = runtime.block_on(async {
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..16 {
            all.spawn(async move { Client::connect(address).await?.ask("GET", "/repos/acme/app", &[]).await });
        }
        let mut answers = Vec::new();
        while let Some(one) = all.join_next().await {
            answers.push(one??);
        }
        anyhow::Ok(answers)
    })?;
    let shared = answers.iter().filter(|got| got.cache() == "hit; tier=flight").count();
    ensure!(origin.count() == 1, "the origin was asked {} times", origin.count());
    ensure!(answers.iter().all(|got| got.status == 200 && got.text().starts_with("/repos/acme/app")), "other answers");
    ensure!(shared == 15, "{shared} of 15 shared the answer");
    Ok(())
}

fn dead_origin(_: &Here) -> Result<()> {
    let place = Place::new()?;
    let origin = Origin::start(Duration::ZERO, |heard| {
        let control = match heard.path.as_str() {
            "/allowed" => "public, max-age=0, stale-if-error=60",
            "/forbidden" => "public, max-age=0, must-revalidate, stale-if-error=60",
            _ => "private, max-age=0",
        };
        Said::new(200, "kept").with("cache-control", control).with("etag", "\"v1\"")
    })?;
    let options = place.proxy(&origin.url(), "disk", "a")?.arg("--stale-if-error").arg("30s");
    let proxy = CachingProxy::start(&options)?;
    let token = [("authorization", "Bearer of-a-job")];
    for (path, headers) in [("/allowed", &[][..]), ("/forbidden", &[]), ("/open", &token)] {
        ensure!(proxy.ask("GET", path, headers)?.cache() == "miss", "{path}");
    }
    proxy.stored()?;
    let confirmed = proxy.ask("GET", "/allowed", &[])?;
    // This origin answers 200 to whoever asks if it is still right: a new answer, not a confirmed one.
    ensure!(confirmed.cache() == "miss", "{}", confirmed.cache());
    let asked = origin.heard().last().map(|heard| heard.header("if-none-match").to_owned());
    ensure!(asked.as_deref() == Some("\"v1\""), "the origin was asked whether it is still right: {asked:?}");
    proxy.stored()?;
    drop(origin);
    let stale = proxy.ask("GET", "/allowed", &[])?;
    ensure!((stale.status, stale.cache()) == (200, "stale; tier=disk"), "{} {}", stale.status, stale.cache());
    ensure!(stale.text() == "kept" && !stale.header("age").is_empty(), "{:?}", stale.headers);
    let open = proxy.ask("GET", "/open", &token)?;
    ensure!((open.status, open.cache()) == (200, "stale; tier=disk"), "{} {}", open.status, open.cache());
    for path in ["/forbidden", "/never-seen"] {
        let gone = proxy.ask("GET", path, &[])?;
        ensure!(
            gone.status == 502 && gone.text().contains("cannot be asked"),
            "{path}: {} {}",
            gone.status,
            gone.text()
        );
    }
    let stats = proxy.stats()?;
    ensure!(stats["outcomes"]["stale"] == 2 && stats["origin"]["failures"].as_u64() > Some(3), "{stats}");
    ensure!(proxy.terminate()? == Some(0), "it is to end well");
    Ok(())
}

fn vary(_: &Here) -> Result<()> {
    let place = Place::new()?;
    let origin = Origin::start(Duration::ZERO, |heard| public(heard).with("vary", "Accept, X-Requested-With"))?;
    let options = place.proxy(&origin.url(), "p2p,disk", "a")?;
    let proxy = CachingProxy::start(&options)?;
    let ask = |proxy: &CachingProxy, accept: &str| proxy.ask("GET", "/x", &[("accept", accept)]);
    for accept in ["application/json", "text/html"] {
        let got = ask(&proxy, accept)?;
        ensure!((got.cache(), got.text()) == ("miss", format!("/x as {accept}")), "{}", got.cache());
    }
    ensure!(proxy.terminate()? == Some(0), "what is on its way is stored before the end");
    // Another process learns from the tiers which header selects.
    let anew = CachingProxy::start(&options)?;
    for accept in ["text/html", "application/json"] {
        let got = ask(&anew, accept)?;
        ensure!(
            got.cache().starts_with("hit") && got.text() == format!("/x as {accept}"),
            "{} {}",
            got.cache(),
            got.text()
        );
    }
    ensure!(ask(&anew, "text/plain")?.cache() == "miss", "nobody asked for that before");
    ensure!(origin.count() == 3, "{}", origin.count());
    Ok(())
}

fn written(_: &Here) -> Result<()> {
    let place = Place::new()?;
    let origin = Origin::start(Duration::ZERO, |heard| match heard.method.as_str() {
        "GET" => public(heard),
        "PATCH" => Said::new(200, "done"),
        _ => Said::new(405, "no"),
    })?;
    let proxy = CachingProxy::start(&place.proxy(&origin.url(), "disk", "a")?)?;
    let state = || -> Result<bool> { Ok(proxy.ask("GET", "/x", &[])?.cache().starts_with("hit")) };
    state()?;
    proxy.stored()?;
    ensure!(state()?, "it was kept");
    let refused = proxy.ask("DELETE", "/x", &[])?;
    ensure!((refused.status, refused.cache()) == (405, "bypass") && state()?, "a refused write changed nothing");
    ensure!(proxy.ask("PATCH", "/x", &[])?.text() == "done" && !state()?, "the origin was written to");
    Ok(())
}

fn too_long(_: &Here) -> Result<()> {
    let place = Place::new()?;
    let origin = Origin::start(Duration::ZERO, |heard| {
        let length = heard.path.trim_start_matches('/').parse().unwrap_or(0);
        Said::new(200, "x".repeat(length)).with("cache-control", "public, max-age=60")
    })?;
    let proxy = CachingProxy::start(&place.proxy(&origin.url(), "disk", "a")?.arg("--max-body").arg("1MiB"))?;
    for (length, kept) in [(1 << 20, true), ((1 << 20) + 1, false), (20 << 20, false)] {
        for again in [false, true] {
            let got = proxy.ask("GET", &format!("/{length}"), &[])?;
            ensure!(got.body.len() == length, "{} of {length} bytes came", got.body.len());
            ensure!(got.cache().starts_with("hit") == (kept && again), "{length}: {}", got.cache());
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    Ok(())
}

fn no_tier(_: &Here) -> Result<()> {
    let origin = Origin::start(Duration::ZERO, |heard| public(heard))?;
    // Nobody listens at the peer's address, and the disk cannot be written.
    let options = ProxyOptions::before(origin.url())
        .env("CACHE_BACKENDS", "p2p,disk")
        .env("CACHE_DIR", "/proc/nowhere")
        .env("CACHE_ENABLE_P2P", "true")
        .env("CACHE_BOOTSTRAP_PEERS", "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWGRUVh9q8iQxLqLLYJrkLBFKjpZGUdpBtwVKsyUoKe8zV")
        .env("CACHE_P2P_SHARED_SECRET", seaworthy_tests::lab::SECRET);
    let proxy = CachingProxy::start(&options)?;
    for _ in 0..3 {
        let got = proxy.ask("GET", "/x", &[])?;
        ensure!(got.status == 200 && got.took < Duration::from_secs(4), "{} after {:?}", got.status, got.took);
    }
    let log = proxy.logged();
    ensure!(log.contains("p2p: not used for now") && log.contains("disk: not used for now"), "{log}");
    let health = proxy.ask("GET", "/.seaworthy/healthz", &[])?;
    ensure!(health.status == 200, "{}", health.status);
    Ok(())
}

fn over_tls(_: &Here) -> Result<()> {
    let caddy = Caddy::start()?;
    let place = Place::new()?;
    let untrusting = CachingProxy::start(&place.proxy(&caddy.url(), "disk", "untrusting")?)?;
    let refused = untrusting.ask("GET", "/repos/acme/app", &[])?;
    ensure!(refused.status == 502, "an unknown authority was trusted: {} {}", refused.status, refused.text());
    let authority = caddy.authority().display().to_string();
    let trusting = place.proxy(&caddy.url(), "disk", "a")?.arg("--ca").arg(&authority);
    let proxy = CachingProxy::start(&trusting)?;
    let first = proxy.ask("GET", "/repos/acme/app", &[])?;
    ensure!((first.status, first.cache()) == (200, "miss"), "{} {}", first.status, first.text());
    std::thread::sleep(Duration::from_millis(500));
    let second = proxy.ask("GET", "/repos/acme/app", &[])?;
    ensure!(second.cache() == "hit; tier=disk" && second.body == first.body, "{}", second.cache());
    let insisting = proxy.ask("GET", "/repos/acme/app", &[("cache-control", "no-cache")])?;
    ensure!(insisting.cache() == "revalidated; tier=disk" && insisting.body == first.body, "{}", insisting.cache());
    // The variable that replaces a machine's roots serves as well.
    let by_variable = place.proxy(&caddy.url(), "disk", "b")?.env("SSL_CERT_FILE", &authority);
    let got = CachingProxy::start(&by_variable)?.ask("GET", "/repos/acme/app", &[])?;
    ensure!(got.status == 200, "{} {}", got.status, got.text());
    Ok(())
}

fn flags(_: &Here) -> Result<()> {
    for (arguments, says) in [
        (&["--origin", "api.github.com"][..], "cannot be an origin"),
        (&["--origin", "https://me:hunter2@api.github.com"], "holds credentials"),
        (&["--origin", "https://a", "--max-body", "1GiB"], "at most"),
        (&["--origin", "https://a", "--ca", "/nowhere"], "cannot read --ca"),
        (&["--origin", "https://a", "--listen", "nowhere"], "invalid"),
    ] {
        let words = ["cache", "proxy"].iter().chain(arguments);
        let run = seaworthy_tests::Seaworthy::new(words)?.env("CACHE_BACKENDS", "memory").run()?;
        let code = run.code().context("a signal")?;
        ensure!(matches!(code, 2 | 3) && run.stderr.contains(says), "{}", run.transcript());
        ensure!(!run.stderr.contains("hunter2"), "{}", run.transcript());
    }
    Ok(())
}

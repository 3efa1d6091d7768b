//! The seed's table, measured: a realistic mix of requests by eight clients at once,
//! through a peer and a disk, to an API that takes 200 ms.

use crate::{Here, Place};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{CachingProxy, Client, Got, Heard, Origin, Said, Scene};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const REQUESTS: u64 = 1_000;
const CLIENTS: u64 = 8;
/// What the API takes for an answer.
const DELAY: Duration = Duration::from_millis(200);
/// Runs until the times are those of the proxy and not of a machine that does something
/// else: counts have to be right in each of them.
const TRIES: u64 = 3;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![Scene::new("a_thousand_requests_by_eight_clients_are_the_table", table)]
}

/// A generator of the MMIX kind (Knuth), good enough to choose among paths.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// Small numbers more often than large ones: about as the law of Zipf has it.
    fn skewed(&mut self, bound: u64) -> u64 {
        let (a, b) = (self.below(bound), self.below(bound));
        a * b / bound
    }
}

/// What a job asks for: metadata of repositories with one of two tokens, releases that are
/// public, states of commits that change, and now and then a state of its own.
fn request(chance: &mut Chance) -> (&'static str, String, Option<&'static str>) {
    const TOKENS: [&str; 2] = ["Bearer ghp_first_job_aT4pXe7w", "Bearer ghp_second_job_Gm9zKd2v"];
    let token = TOKENS[usize::try_from(chance.below(2)).unwrap_or(0)];
    match chance.below(100) {
        0..70 => ("GET", format!("/repos/acme/app/contents/file-{}", chance.skewed(100)), Some(token)),
        70..85 => ("GET", format!("/repos/acme/app/releases/{}", chance.skewed(60)), None),
        85..95 => ("GET", format!("/repos/acme/app/commits/{}/status", chance.below(5)), Some(token)),
        _ => ("POST", "/repos/acme/app/statuses".to_owned(), Some(token)),
    }
}

/// As GitHub answers, with the life of what changes cut to a second.
fn github(heard: &Heard, asked: &AtomicU64) -> Said {
    let left = 5_000_u64.saturating_sub(asked.fetch_add(1, Ordering::Relaxed));
    let limits = |said: Said| {
        said.with("x-ratelimit-limit", "5000")
            .with("x-ratelimit-remaining", left.to_string())
            .with("x-ratelimit-resource", "core")
    };
    if heard.method == "POST" {
        return limits(Said::new(201, "{}"));
    }
    let etag = format!("W/\"{}\"", heard.path.len());
    let control = match (heard.header("authorization"), heard.path.ends_with("/status")) {
        ("", _) => "public, max-age=300, s-maxage=300",
        (_, true) => "private, max-age=1, s-maxage=1",
        (_, false) => "private, max-age=60, s-maxage=60",
    };
    let same = heard.header("if-none-match") == etag;
    let body =
        if same { String::new() } else { format!("{{\"path\":\"{}\",\"x\":\"{}\"}}", heard.path, "y".repeat(2_000)) };
    limits(Said::new(if same { 304 } else { 200 }, body))
        .with("etag", etag)
        .with("cache-control", control)
        .with("vary", "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With")
        .with("content-type", "application/json; charset=utf-8")
}

/// What the clients saw.
struct Seen {
    cached: Vec<Duration>,
    shared: Vec<Duration>,
    asked: Vec<Duration>,
    calls: usize,
    elapsed: Duration,
    stats: Value,
}

fn measure(seed: u64) -> Result<Seen> {
    let place = Place::new()?;
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    let origin = Origin::start(DELAY, move |heard| github(heard, &counter))?;
    // With the log that users have by default: what every connection says at `debug` is a cost of its own.
    let options = place.proxy(&origin.url(), "p2p,disk", "a")?.env("SEAWORTHY_LOG", "");
    let proxy = CachingProxy::start(&options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let address = proxy.address;
    let started = Instant::now();
    let got: Vec<Got> = runtime.block_on(async {
        let mut clients = tokio::task::JoinSet::new();
        for number in 0..CLIENTS {
            clients.spawn(async move {
                let mut chance = Chance(seed * 1_000 + number);
                let mut client = Client::connect(address).await?;
                let mut all = Vec::new();
                for _ in 0..REQUESTS / CLIENTS {
                    let (method, path, token) = request(&mut chance);
                    let mut headers = vec![("accept", "application/vnd.github+json"), ("accept-encoding", "gzip, br")];
                    headers.extend(token.map(|token| ("authorization", token)));
                    let got = client.ask(method, &path, &headers).await?;
                    let right = if method == "POST" {
                        got.status == 201
                    } else {
                        got.status == 200 && got.text().contains(&path)
                    };
                    ensure!(right, "{method} {path}: {} {}", got.status, got.text());
                    all.push(got);
                }
                anyhow::Ok(all)
            });
        }
        let mut all = Vec::new();
        while let Some(client) = clients.join_next().await {
            all.extend(client??);
        }
        anyhow::Ok(all)
    })?;
    let elapsed = started.elapsed();
    let times = |of: &dyn Fn(&str) -> bool| {
        let mut times: Vec<Duration> = got.iter().filter(|got| of(got.cache())).map(|got| got.took).collect();
        times.sort_unstable();
        times
    };
    let flight = "hit; tier=flight";
    Ok(Seen {
        cached: times(&|cache| cache.starts_with("hit") && cache != flight),
        shared: times(&|cache| cache == flight),
        asked: times(&|cache| !cache.starts_with("hit")),
        calls: origin.count(),
        elapsed,
        stats: proxy.stats()?,
    })
}

fn table(_: &Here) -> Result<()> {
    let mut told = Vec::new();
    for seed in 1..=TRIES {
        let seen = measure(seed)?;
        let total = seen.cached.len() + seen.shared.len() + seen.asked.len();
        let requests = usize::try_from(REQUESTS)?;
        ensure!(total == requests, "{total} answers to {requests} requests");
        ensure!(seen.asked.len() == seen.calls, "{} answers of the API to {} calls", seen.asked.len(), seen.calls);
        let cacheable = requests - usize::try_from(seen.stats["outcomes"]["bypass"].as_u64().context("no number")?)?;
        let hits = percent(seen.cached.len() + seen.shared.len(), cacheable);
        let calls = percent(seen.calls, requests);
        print(&seen, hits, calls, seed);
        ensure!((60..=80).contains(&hits), "the hit rate is {hits} %");
        ensure!((20..=40).contains(&calls), "{calls} % of the requests were API calls");
        for tier in ["p2p", "disk"] {
            ensure!(seen.stats["tiers"]["errors"][tier].is_null(), "{}", seen.stats["tiers"]);
        }
        ensure!(seen.stats["tiers"]["hits"]["p2p"].as_u64() > Some(100), "{}", seen.stats["tiers"]);
        let (cached, api) = (at(&seen.cached, 99), at(&seen.asked, 99));
        ensure!(at(&seen.asked, 1) >= DELAY, "an API call took less than the API does");
        if cached < Duration::from_millis(10) && api <= Duration::from_millis(500) {
            return Ok(());
        }
        told.push(format!("99 of 100 cached answers took at most {cached:?}, API calls {api:?}"));
    }
    anyhow::bail!("the times were not those of the table in any of {TRIES} runs: {}", told.join("; "))
}

fn print(seen: &Seen, hits: usize, calls: usize, seed: u64) {
    let row = |times: &[Duration]| {
        let ms = |percent: usize| format!("{:.1}", at(times, percent).as_secs_f64() * 1e3);
        format!("p50 {} ms, p95 {} ms, p99 {} ms", ms(50), ms(95), ms(99))
    };
    println!("{REQUESTS} requests by {CLIENTS} clients in {:.1} s (seed {seed})", seen.elapsed.as_secs_f64());
    println!("| | promised | measured |");
    println!("|---|---|---|");
    println!("| cache hit rate | 60-80 % | {hits} % |");
    println!("| API calls | 20-40 % | {calls} % |");
    println!("| cached answers | < 10 ms | {} |", row(&seen.cached));
    println!("| API calls | 100-500 ms | {} |", row(&seen.asked));
    println!(
        "of them: {} from the tiers {}, {} shared a request under way, {} confirmed by ETag",
        seen.cached.len(),
        seen.stats["tiers"]["hits"],
        seen.shared.len(),
        seen.stats["origin"]["not_modified"]
    );
}

/// A percentile of sorted times; zero of none.
fn at(times: &[Duration], percent: usize) -> Duration {
    let last = times.len().saturating_sub(1);
    times.get((times.len() * percent / 100).min(last)).copied().unwrap_or_default()
}

fn percent(part: usize, of: usize) -> usize {
    (part * 100 + of / 2) / of.max(1)
}

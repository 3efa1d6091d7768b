//! The tier `origin` and its check, on a real API over TLS and on a scripted one.

use crate::{Here, session};
use anyhow::{Context, Result, ensure};
use seaworthy_model::Status;
use seaworthy_tests::{CADDY_TOKEN, Caddy, Origin, Run, Said, Scene, Seaworthy, scratch};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// The exit codes of a miss, and of a cache that could not tell.
const MISS: i32 = 6;
const UNKNOWN: i32 = 5;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("values_come_from_a_real_api_over_tls", values).unless(Caddy::obstacle()),
        Scene::new("an_authority_of_the_policy_is_trusted_at_its_target", authority).unless(Caddy::obstacle()),
        Scene::new("no_refusal_of_the_api_is_a_miss", refusals).unless(Caddy::obstacle()),
        Scene::new("a_value_that_did_not_change_is_confirmed", confirmed),
        Scene::new("private_values_are_not_filled_into_shared_tiers", not_filled),
        Scene::new("the_check_passes_before_a_real_api", check_passes).unless(Caddy::obstacle()),
        Scene::new("the_check_tells_what_is_wrong_with_an_api", check_tells),
        Scene::new("the_check_tells_an_unknown_authority", check_untrusted).unless(Caddy::obstacle()),
    ]
}

fn cache(url: &str, words: &[&str]) -> Result<Seaworthy> {
    let command = Seaworthy::new(["cache"].iter().chain(words))?;
    Ok(command.env("CACHE_BACKENDS", "origin").env("GITHUB_API_URL", url))
}

fn values(_: &Here) -> Result<()> {
    let caddy = Caddy::start()?;
    let run = |words: &[&str], token: &str| -> Result<Run> {
        cache(&caddy.url(), words)?.env("SSL_CERT_FILE", caddy.authority()).env("GH_TOKEN", token).run()
    };
    let got = run(&["get", "repos/acme/app"], "")?;
    ensure!(got.exits(0)?.stdout == r#"{"full_name":"acme/app"}"#, "{}", got.transcript());
    let whole = format!("{}/repos/acme/app", caddy.url());
    run(&["get", &whole], "")?.exits(0).context("a key may be a URL below the base")?;
    let moved = run(&["get", "moved"], "")?;
    ensure!(
        moved.exits(0)?.stdout.contains("acme/app"),
        "a redirect below the base is followed\n{}",
        moved.transcript()
    );
    let stat = run(&["stat", "repos/acme/app", "--json"], "")?;
    let told: Value = serde_json::from_str(&stat.exits(0)?.stdout)?;
    let text = told.to_string();
    ensure!(text.contains("v1") && text.contains("public, max-age=60"), "{text}");
    let mine = run(&["get", "user"], CADDY_TOKEN)?;
    ensure!(mine.exits(0)?.stdout == r#"{"login":"octo"}"#, "{}", mine.transcript());
    ensure!(!mine.stderr.contains(CADDY_TOKEN), "{}", mine.transcript());
    run(&["get", "repos/acme/none"], "")?.exits(MISS)?;
    let put = run(&["put", "x", "/dev/null"], "")?;
    ensure!(
        put.code() != Some(0) && put.stderr.contains("unsupported"),
        "it is read and never written\n{}",
        put.transcript()
    );
    Ok(())
}

/// By a variable, and by a file beside the checks.toml; never anywhere else.
fn authority(_: &Here) -> Result<()> {
    let caddy = Caddy::start()?;
    let says = |run: &Run, words: &[&str]| -> Result<()> {
        ensure!(!matches!(run.code(), Some(0 | MISS)), "{}", run.transcript());
        words.iter().try_for_each(|word| {
            ensure!(run.stderr.contains(word), "`{word}` is not said\n{}", run.transcript());
            Ok(())
        })
    };
    let got = cache(&caddy.url(), &["get", "repos/acme/app"])?.env("CACHE_ORIGIN_CA_FILE", caddy.authority()).run()?;
    ensure!(got.exits(0)?.stdout == r#"{"full_name":"acme/app"}"#, "{}", got.transcript());
    says(&cache(&caddy.url(), &["get", "repos/acme/app"])?.run()?, &["certificate"])?;
    let none = cache(&caddy.url(), &["get", "repos/acme/app"])?.env("CACHE_ORIGIN_CA_FILE", "/nowhere/ca.pem").run()?;
    says(&none, &["ca-file", "/nowhere/ca.pem", "No such file"])?;

    let folder = scratch()?;
    std::fs::copy(caddy.authority(), folder.path().join("ca.pem"))?;
    let policy = |target: &str| {
        format!(
            "version = 1\n[fallback.cache]\norder = [\"api\"]\n[tiers.api]\nadapter = \"origin\"\ntarget = \"api\"\n\
             [targets.api]\nkind = \"http\"\nurl = \"{}\"\n{target}",
            caddy.url()
        )
    };
    let run = |target: &str| -> Result<Run> {
        std::fs::write(folder.path().join("checks.toml"), policy(target))?;
        let command = Seaworthy::new(["cache", "get", "repos/acme/app", "--config"])?;
        command.arg(folder.path().join("checks.toml")).run()
    };
    run("ca-file = \"ca.pem\"\n")?.exits(0).context("a path is taken from the file's folder")?;
    let other = "[targets.other]\nkind = \"http\"\nurl = \"https://other.test\"\nca-file = \"ca.pem\"\n";
    says(&run(other)?, &["certificate"]).context("an authority is trusted at its own target alone")?;
    std::fs::write(folder.path().join("ca.pem"), "no certificate")?;
    says(&run("ca-file = \"ca.pem\"\n")?, &["ca-file", "target `api`", "no certificate in PEM"])
}

fn refusals(_: &Here) -> Result<()> {
    let caddy = Caddy::start()?;
    let authority = caddy.authority();
    for (key, token, says) in [
        ("user", "ghp_wrong_0123456789abcdef", "unauthenticated"),
        ("user", "", "unauthenticated"),
        ("limited", "", "rate-limited"),
        ("failing", "", "unreachable"),
        ("elsewhere", "", "not below it"),
        ("../admin", "", "lead elsewhere"),
        ("https://example.invalid/x", "", "does not lie below"),
    ] {
        let run = cache(&caddy.url(), &["get", key])?.env("SSL_CERT_FILE", &authority).env("GH_TOKEN", token).run()?;
        ensure!(!matches!(run.code(), Some(0 | MISS)), "{key} with `{token}`\n{}", run.transcript());
        ensure!(run.stderr.contains(says), "{key}: `{says}` is not said\n{}", run.transcript());
        ensure!(token.is_empty() || !run.stderr.contains(token), "{}", run.transcript());
    }
    // Without the authority's certificate nothing is asked and no token is sent.
    let untrusted = cache(&caddy.url(), &["get", "user"])?.env("GH_TOKEN", CADDY_TOKEN).run()?;
    ensure!(!matches!(untrusted.code(), Some(0 | MISS)), "{}", untrusted.transcript());
    drop(caddy);
    let down = cache("http://127.0.0.1:1", &["get", "x"])?.run()?;
    down.exits(UNKNOWN)?;
    ensure!(down.stderr.contains("unreachable"), "{}", down.transcript());
    Ok(())
}

fn confirmed(_: &Here) -> Result<()> {
    let origin = Origin::start(Duration::ZERO, |heard| {
        let said = Said::new(200, "value").with("etag", "\"v1\"").with("cache-control", "public, max-age=60");
        match (heard.path.as_str(), heard.header("if-none-match")) {
            ("/gone", _) => Said::new(404, "{}").with("content-type", "application/json"),
            (_, "\"v1\"") => Said { status: 304, body: String::new(), ..said },
            _ => said,
        }
    })?;
    // One process, as a program has that links the cache: `seaworthy cache get` is one each.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _within = runtime.enter();
    let session = session::of_origin(&origin.url())?;
    for (key, version) in [("a", ""), ("a", "\"v1\""), ("a", "\"v1\""), ("b", "")] {
        let hit = runtime.block_on(session.tiers().get(key)).outcome?.with_context(|| format!("{key} is a miss"))?;
        ensure!(hit.blob.bytes == b"value", "{key}: the body of what was confirmed is that of before");
        ensure!(hit.blob.ttl_ms.is_some_and(|left| left > 50_000), "{key}: {:?}", hit.blob.ttl_ms);
        let heard = origin.heard().pop().context("it was not asked")?;
        ensure!(heard.header("if-none-match") == version, "{key}: asked with {:?}", heard.headers);
    }
    ensure!(origin.count() == 4, "{} requests for four values", origin.count());
    let gone = runtime.block_on(session.tiers().get("gone")).outcome?;
    ensure!(gone.is_none(), "404 is a miss");
    Ok(())
}

fn not_filled(_: &Here) -> Result<()> {
    let folder = scratch()?;
    let origin = Origin::start(Duration::ZERO, |heard| {
        let control = if heard.path == "/mine" { "private, max-age=60" } else { "public, max-age=60" };
        Said::new(200, "value").with("cache-control", control)
    })?;
    let run = |words: &[&str]| {
        let command = cache(&origin.url(), words)?.env("CACHE_BACKENDS", "disk,origin");
        command.env("CACHE_DIR", folder.path().join("entries")).env("GH_TOKEN", CADDY_TOKEN).run()
    };
    for key in ["mine", "ours"] {
        ensure!(run(&["get", key])?.exits(0)?.stdout == "value", "{key}");
    }
    let listed = run(&["list", "--tier", "disk"])?;
    ensure!(listed.exits(0)?.stdout.contains("ours") && !listed.stdout.contains("mine"), "{}", listed.transcript());
    Ok(())
}

const POLICY: &str = r#"
version = 1

[[check]]
id = "origin.api"
use = "bundled:origin/api"
target = "origin"
timeout = "8s"
"#;

/// What the check says of the API at `url`: its status, its findings and its facts.
fn check(url: &str, token: &str, authority: Option<&Path>) -> Result<(Status, Vec<String>, Value)> {
    check_by(POLICY, url, token, authority)
}

fn check_by(policy: &str, url: &str, token: &str, authority: Option<&Path>) -> Result<(Status, Vec<String>, Value)> {
    let folder = scratch()?;
    let file = folder.path().join("checks.toml");
    std::fs::write(&file, policy)?;
    let mut command = Seaworthy::new(["run", "--report-only", "-f", "json", "-c"])?
        .arg(&file)
        .env("GITHUB_API_URL", url)
        .env("GH_TOKEN", token);
    if let Some(authority) = authority {
        command = command.env("SSL_CERT_FILE", authority);
    }
    let run = command.run()?;
    ensure!(token.is_empty() || !run.stdout.contains(token), "the token is in the report");
    let report = run.report()?;
    let step = report.checks.iter().find(|step| step.id == "origin.api").with_context(|| run.transcript())?;
    let codes = step.findings.iter().map(|finding| finding.code.clone()).collect();
    let facts = step.facts.iter().map(|fact| (fact.key.clone(), Value::from(fact.value.clone())));
    Ok((step.status, codes, Value::Object(facts.collect())))
}

fn check_passes(_: &Here) -> Result<()> {
    let caddy = Caddy::start()?;
    let (status, codes, facts) = check(&caddy.url(), CADDY_TOKEN, Some(&caddy.authority()))?;
    ensure!((status, codes.as_slice()) == (Status::Pass, &[][..]), "{status:?} {codes:?} {facts}");
    ensure!(facts["origin-remaining"] == "4321" && facts["origin-token"] == "accepted", "{facts}");
    ensure!(facts["origin-token-form"] == "github-token" && facts["origin-clock-offset-s"] != Value::Null, "{facts}");
    let (status, codes, facts) = check(&caddy.url(), "", Some(&caddy.authority()))?;
    ensure!((status, codes) == (Status::Warn, vec!["origin.token-missing".to_owned()]), "{facts}");
    let demanding = format!("{POLICY}with = {{ require-token = true }}\n");
    let (status, codes, facts) = check_by(&demanding, &caddy.url(), "", Some(&caddy.authority()))?;
    ensure!((status, codes) == (Status::Fail, vec!["origin.token-missing".to_owned()]), "{facts}");
    Ok(())
}

fn check_untrusted(_: &Here) -> Result<()> {
    let caddy = Caddy::start()?;
    let (status, codes, facts) = check(&caddy.url(), CADDY_TOKEN, None)?;
    ensure!((status, codes) == (Status::Fail, vec!["origin.untrusted".to_owned()]), "{facts}");
    // A port without TLS shows no certificate that could be refused.
    let plain = Origin::start(Duration::ZERO, |_| Said::new(200, "{}"))?;
    let (status, codes, facts) = check(&plain.url().replace("http:", "https:"), CADDY_TOKEN, None)?;
    ensure!((status, codes) == (Status::Fail, vec!["origin.unreachable".to_owned()]), "{facts}");
    Ok(())
}

/// What a scripted API answers.
type Script = Box<dyn Fn() -> Said + Send + Sync>;

fn check_tells(_: &Here) -> Result<()> {
    let github = |said: Said| said.with("x-github-request-id", "0AB1").with("content-type", "application/json");
    let cases: Vec<(&str, Script)> = vec![
        ("", Box::new(move || github(Said::new(200, "{}")).with("x-ratelimit-remaining", "4000"))),
        ("origin.token-rejected", Box::new(move || github(Said::new(401, r#"{"message":"Bad credentials"}"#)))),
        (
            "origin.rate-limited",
            Box::new(move || {
                github(Said::new(403, r#"{"message":"API rate limit exceeded"}"#))
                    .with("x-ratelimit-remaining", "0")
                    .with("x-ratelimit-limit", "5000")
            }),
        ),
        ("origin.rate-limit-low", Box::new(move || github(Said::new(200, "{}")).with("x-ratelimit-remaining", "7"))),
        ("origin.secondary-limit", Box::new(move || github(Said::new(429, "{}")).with("retry-after", "60"))),
        (
            "origin.sso-required",
            Box::new(move || github(Said::new(403, "{}")).with("x-github-sso", "required; url=https://x")),
        ),
        (
            "origin.scope-missing",
            Box::new(move || github(Said::new(403, "{}")).with("x-accepted-github-permissions", "contents=read")),
        ),
        ("origin.failing", Box::new(move || github(Said::new(502, "{}")))),
        ("origin.not-an-api", Box::new(|| Said::new(301, "").with("location", "https://github.com/"))),
        ("origin.intercepted", Box::new(|| Said::new(403, "<!doctype html>").with("content-type", "text/html"))),
        (
            "origin.clock-skew",
            Box::new(move || github(Said::new(200, "{}")).with("date", "Tue, 14 Nov 2023 22:13:20 GMT")),
        ),
        (
            "origin.token-expires",
            Box::new(move || {
                github(Said::new(200, "{}")).with("github-authentication-token-expiration", "2020-01-02 00:00:00 UTC")
            }),
        ),
    ];
    for (expected, said) in cases {
        let origin = Origin::start(Duration::ZERO, move |_| said())?;
        let (status, codes, facts) = check(&origin.url(), CADDY_TOKEN, None)?;
        let wanted: Vec<&str> = Some(expected).into_iter().filter(|code| !code.is_empty()).collect();
        ensure!(codes == wanted, "expected {expected}, got {status:?} {codes:?} {facts}");
        ensure!((status == Status::Pass) == expected.is_empty(), "{expected}: {status:?}");
    }
    let (status, codes, _) = check("http://127.0.0.1:1", CADDY_TOKEN, None)?;
    ensure!((status, codes) == (Status::Fail, vec!["origin.unreachable".to_owned()]), "{status:?}");
    Ok(())
}

//! An API that says what GitHub says: nobody's real limit is used up for a scene.

use crate::Here;
use crate::listed::{Listed, fact};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Asked, Scene, Scripted, Told, free_address};
use serde_json::json;

const TOKEN: &str = "ghp_cookbook0123456789abcdefghijklmno";

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("a_token_with_requests_left_is_right", |_| healthy()),
        Scene::new("requests_without_a_token_are_found", |_| stranger()),
        Scene::new("a_limit_that_is_used_up_is_told_from_one_of_the_pace", |_| limits()),
        Scene::new("a_token_that_is_refused_is_found", |_| refused()),
        Scene::new("what_is_not_githubs_api_is_found", |_| strangers()),
        Scene::new("an_enterprise_server_without_limits_is_right", |_| enterprise()),
        Scene::new("the_token_is_denied_without_its_grant", |_| denied()),
    ]
}

fn api(limit: u32, remaining: u32) -> Result<Scripted> {
    Scripted::start(move |asked: &Asked| {
        if asked.target != "/rate_limit" {
            return Told::json(404, &json!({ "message": "Not Found" }));
        }
        let core = json!({ "limit": limit, "remaining": remaining, "reset": 4_102_444_800_u64 });
        Told::json(200, &json!({ "resources": { "core": core } }))
    })
}

/// With a token, which goes to this address without TLS since it is the policy's target.
fn listed(api: &Scripted) -> Listed {
    Listed::new("github-rate-limit").at(api.url()).env("GITHUB_TOKEN", TOKEN)
}

fn healthy() -> Result<()> {
    let api = api(5000, 4000)?;
    let facts = listed(&api).passes()?;
    ensure!(fact(&facts, "rate-remaining")? == "4000" && fact(&facts, "rate-authenticated")? == "true", "{facts:?}");
    let sent = api.asked();
    let sent = sent.first().and_then(|asked| asked.header("authorization")).context("no token was sent")?;
    ensure!(sent == format!("Bearer {TOKEN}"), "another token was sent");
    let run = listed(&api).seaworthy(&["run", "-f", "json", "-v"])?;
    ensure!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "the token is shown");
    Ok(())
}

fn stranger() -> Result<()> {
    let api = api(60, 58)?;
    let stranger = Listed::new("github-rate-limit").at(api.url()).with("needed = 10");
    let facts = stranger.finds("rate.unauthenticated")?;
    ensure!(fact(&facts, "rate-authenticated")? == "false", "{facts:?}");
    ensure!(api.asked().iter().all(|asked| asked.header("authorization").is_none()), "a header was sent");
    Ok(())
}

fn limits() -> Result<()> {
    listed(&api(5000, 20)?).finds("rate.exhausted")?;
    listed(&api(5000, 20)?).with("needed = 20").passes()?;
    let words = r#"{"message":"You have exceeded a secondary rate limit."}"#;
    let head = "HTTP/1.1 403 Forbidden\r\nRetry-After: 60\r\nX-RateLimit-Remaining: 4000\r\n";
    listed(&Scripted::always(head, words)?).finds("rate.secondary")?;
    let head = "HTTP/1.1 403 Forbidden\r\nX-RateLimit-Remaining: 0\r\n";
    listed(&Scripted::always(head, r#"{"message":"API rate limit exceeded"}"#)?).finds("rate.exhausted")?;
    listed(&Scripted::always("HTTP/1.1 403 Forbidden\r\n", r#"{"message":"IP allow list"}"#)?)
        .finds("rate.forbidden")
        .map(|_| ())
}

fn refused() -> Result<()> {
    let api = Scripted::start(|_| Told::json(401, &json!({ "message": "Bad credentials" })))?;
    listed(&api).finds("rate.bad-token").map(|_| ())
}

fn strangers() -> Result<()> {
    listed(&Scripted::start(|_| Told::of(200, "text/html", "<html>Sign in"))?).finds("rate.not-api")?;
    Listed::new("github-rate-limit").at(format!("http://{}", free_address()?)).finds("rate.unreachable").map(|_| ())
}

fn enterprise() -> Result<()> {
    let server = Scripted::start(|_| Told::json(404, &json!({ "message": "Rate limiting is not enabled." })))?;
    let facts = listed(&server).passes()?;
    ensure!(fact(&facts, "rate-limit")? == "none", "{facts:?}");
    Ok(())
}

fn denied() -> Result<()> {
    let api = api(5000, 4000)?;
    let listed = Listed::new("github-rate-limit").at(api.url()).env("GITHUB_TOKEN", TOKEN);
    listed.ends_denied("grant.secret")?;
    ensure!(api.asked().iter().all(|asked| asked.header("authorization").is_none()), "the token was sent all the same");
    Ok(())
}

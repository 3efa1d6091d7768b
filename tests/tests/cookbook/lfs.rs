use crate::Here;
use crate::listed::{Listed, fact, obstacle};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Asked, Program, Scene, Scripted, Told, free_address, server};
use serde_json::json;
use std::net::SocketAddr;
use std::process::Command;

const CREDENTIALS: &str = "scene:lfs-token-8Kq2Zt";
const MEDIA_TYPE: &str = "application/vnd.git-lfs+json";

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    let plugin = obstacle("lfs-endpoint");
    let giftless = plugin.clone().or_else(|| server(&["lfs"]).err());
    vec![
        Scene::new("an_lfs_endpoint_is_right", |_| healthy()).unless(giftless),
        Scene::new("an_lfs_endpoint_that_wants_credentials_is_told", |_| credentials()).unless(plugin.clone()),
        Scene::new("a_login_page_is_no_lfs_endpoint", |_| strangers()).unless(plugin.clone()),
        Scene::new("the_credentials_of_lfs_are_denied_without_their_grant", |_| denied()).unless(plugin),
    ]
}

fn listed(url: &str) -> Listed {
    Listed::new("lfs-endpoint").at(url)
}

/// giftless, which everybody may read.
fn giftless(address: SocketAddr) -> Result<Program> {
    let installed = server(&["lfs"]).map_err(anyhow::Error::msg)?;
    Program::start(address, |folder| {
        std::fs::write(folder.join("giftless.yaml"), "AUTH_PROVIDERS:\n  - giftless.auth.allow_anon:read_only\n")?;
        let mut command = Command::new(installed.join("bin/flask"));
        command.env("GIFTLESS_CONFIG_FILE", "giftless.yaml").env("FLASK_APP", "giftless.wsgi_entrypoint");
        command.args(["run", "--host", "127.0.0.1", "--port", &address.port().to_string()]);
        Ok(command)
    })
}

fn healthy() -> Result<()> {
    let address = free_address()?;
    let _server = giftless(address)?;
    let facts = listed(&format!("http://{address}/team/app")).passes()?;
    ensure!(fact(&facts, "lfs-transfer")? == "basic" && fact(&facts, "lfs-credentials")? == "false", "{facts:?}");
    // Those who may only read.
    listed(&format!("http://{address}/team/app")).with("operation = \"upload\"").finds("lfs.forbidden")?;
    // Beside the API.
    listed(&format!("http://{address}")).finds("lfs.not-found").map(|_| ())
}

/// An endpoint that takes [`CREDENTIALS`], as no server here can be made to.
fn guarded() -> Result<Scripted> {
    use base64::Engine as _;
    let right = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(CREDENTIALS));
    Scripted::start(move |asked: &Asked| {
        let (status, body) = match asked.header("authorization") {
            Some(given) if given == right => (200, json!({ "transfer": "basic", "objects": [] })),
            _ => (401, json!({ "message": "Credentials needed" })),
        };
        Told::of(status, MEDIA_TYPE, body.to_string())
    })
}

fn credentials() -> Result<()> {
    let endpoint = guarded()?;
    let url = format!("{}/team/app.git/info/lfs", endpoint.url());
    let with = |credentials: &str| listed(&url).env("LFS_CREDENTIALS", credentials);
    let facts = with(CREDENTIALS).passes()?;
    ensure!(fact(&facts, "lfs-credentials")? == "true", "{facts:?}");
    let asked = endpoint.asked().pop().context("it was not asked")?;
    ensure!(asked.line() == "POST /team/app.git/info/lfs/objects/batch", "{}", asked.line());
    ensure!(asked.header("content-type") == Some(MEDIA_TYPE), "{:?}", asked.headers);
    listed(&url).finds("lfs.auth-required")?;
    with("scene:another").finds("lfs.bad-credentials")?;
    with(CREDENTIALS).with("anonymous = true").finds("lfs.auth-required").map(|_| ())
}

fn strangers() -> Result<()> {
    let page = Scripted::start(|_| Told::of(200, "text/html", "<!DOCTYPE html>Sign in"))?;
    listed(&page.url()).finds("lfs.login-page")?;
    let git = Scripted::start(|_| Told::text(404, "404 page not found"))?;
    listed(&git.url()).finds("lfs.not-lfs")?;
    let patience = Scripted::always("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 9\r\n", "{}")?;
    listed(&patience.url()).finds("lfs.rate-limited")?;
    listed(&format!("http://{}", free_address()?)).finds("lfs.unreachable").map(|_| ())
}

fn denied() -> Result<()> {
    let endpoint = guarded()?;
    listed(&endpoint.url()).env("LFS_CREDENTIALS", CREDENTIALS).ends_denied("grant.secret")?;
    ensure!(
        endpoint.asked().iter().all(|asked| asked.header("authorization").is_none()),
        "they were sent all the same"
    );
    Ok(())
}

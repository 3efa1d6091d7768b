//! A private answer has one reader, and a token is nowhere.

use crate::{Here, Place};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{CachingProxy, Heard, Origin, ProxyOptions, Said, Scene};
use std::path::Path;
use std::time::Duration;

const MINE: &str = "Bearer ghp_mine_Qz7tWm3xKv9p";
const OTHER: &str = "Bearer ghp_other_Lr5nHb8dYc2s";

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("a_private_answer_is_never_served_to_another_token", one_reader),
        Scene::new("a_token_is_in_no_name_file_log_or_number", nowhere),
        Scene::new("without_a_secret_private_answers_stay_on_this_machine", no_secret),
    ]
}

/// As GitHub answers: for the holder of a token alone.
fn private(heard: &Heard) -> Said {
    let who = heard.header("authorization");
    Said::new(200, format!("the mail of {who}"))
        .with("cache-control", "private, max-age=60, s-maxage=60")
        .with("vary", "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With")
        .with("etag", format!("W/\"{}\"", who.len()))
}

fn one_reader(_: &Here) -> Result<()> {
    let place = Place::new()?;
    let origin = Origin::start(Duration::ZERO, private)?;
    let ask = |proxy: &CachingProxy, token: &str| -> Result<(String, String)> {
        let headers = [("authorization", token)];
        let got = proxy.ask("GET", "/user/emails", if token.is_empty() { &[] } else { &headers })?;
        ensure!(got.text() == format!("the mail of {token}"), "{token} read: {}", got.text());
        Ok((got.cache().to_owned(), got.text()))
    };
    let options = place.proxy(&origin.url(), "p2p,disk", "a")?;
    let first = CachingProxy::start(&options)?;
    ask(&first, MINE)?;
    std::thread::sleep(Duration::from_millis(500));
    ensure!(ask(&first, MINE)?.0.starts_with("hit"), "it is kept for its reader");
    for other in [OTHER, "", "Bearer ghp_mine_Qz7tWm3xKv9", "bearer ghp_mine_Qz7tWm3xKv9p"] {
        ensure!(ask(&first, other)?.0 == "miss", "{other} was served from the cache");
    }
    ensure!(first.terminate()? == Some(0), "it is to end well");
    // The same after a restart, which knows nothing but what is in the tiers.
    let restarted = CachingProxy::start(&options)?;
    ensure!(ask(&restarted, MINE)?.0.starts_with("hit"), "the tiers have it");
    ensure!(ask(&restarted, "Bearer ghp_third_Xk1vFj6gTn4w")?.0 == "miss", "another token");
    // And by way of the peer alone, from another machine with the same secret.
    let elsewhere = CachingProxy::start(&place.proxy(&origin.url(), "p2p", "b")?)?;
    let before = origin.count();
    ensure!(ask(&elsewhere, MINE)?.0 == "hit; tier=p2p", "another runner of the same job finds it");
    ensure!(origin.count() == before, "the origin was asked again");
    ensure!(ask(&elsewhere, "Bearer ghp_fourth_Zs9cPd2hMw7r")?.0 == "miss", "another token");
    Ok(())
}

fn nowhere(_: &Here) -> Result<()> {
    let place = Place::new()?;
    let origin = Origin::start(Duration::ZERO, |heard| match heard.path.as_str() {
        "/refused?token=query-Wb4kUy8e" => Said::new(401, r#"{"message":"Bad credentials"}"#),
        _ => private(heard),
    })?;
    let proxy = CachingProxy::start(&place.proxy(&origin.url(), "p2p,disk", "a")?)?;
    let headers = [("authorization", MINE), ("cookie", "session=cookie-Ht6mRx3q")];
    for path in [
        "/user/emails?access_token=query-Wb4kUy8e",
        "/refused?token=query-Wb4kUy8e",
        "/user/emails?access_token=query-Wb4kUy8e",
    ] {
        proxy.ask("GET", path, &headers)?;
        proxy.ask("POST", path, &headers)?;
        proxy.ask("GET", path, &headers)?;
        std::thread::sleep(Duration::from_millis(300));
    }
    let stats = proxy.stats()?.to_string();
    drop(origin);
    proxy.ask("GET", "/gone?token=query-Wb4kUy8e", &headers)?;
    let log = proxy.logged();
    ensure!(log.contains("answered") && log.contains("/user/emails"), "nothing was logged:\n{log}");
    ensure!(proxy.terminate()? == Some(0), "it is to end well");
    let mut files = Vec::new();
    collect(place.folder.path(), &mut files)?;
    ensure!(files.iter().any(|(name, _)| name.contains("entries")), "no file of a tier: {files:?}");
    ensure!(files.iter().any(|(name, _)| name.contains("redb")), "no file of the peer");
    let places = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let places = places.chain([("the numbers", stats.as_bytes()), ("the log", log.as_bytes())]);
    for (name, bytes) in places {
        for secret in ["Qz7tWm3xKv9p", "Ht6mRx3q", "query-Wb4kUy8e", "the mail of"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            ensure!(!found && !name.contains(secret), "`{secret}` is in {name}");
        }
    }
    Ok(())
}

fn no_secret(_: &Here) -> Result<()> {
    let folder = seaworthy_tests::scratch()?;
    let origin = Origin::start(Duration::ZERO, private)?;
    let options = |home: &str| -> Result<ProxyOptions> {
        let home = folder.path().join(home);
        std::fs::create_dir_all(&home)?;
        let options = ProxyOptions { home: Some(home), ..ProxyOptions::before(origin.url()) };
        // Two machines that mount one folder.
        Ok(options.env("CACHE_BACKENDS", "disk").env("CACHE_DIR", folder.path().join("entries").display().to_string()))
    };
    let here = CachingProxy::start(&options("here")?)?;
    let ask = |proxy: &CachingProxy| proxy.ask("GET", "/user/emails", &[("authorization", MINE)]);
    ensure!(ask(&here)?.cache() == "miss", "nothing is there yet");
    ensure!(here.terminate()? == Some(0), "it is to end well");
    let again = CachingProxy::start(&options("here")?)?;
    ensure!(ask(&again)?.cache() == "hit; tier=disk", "this machine has its key still");
    let mut files = Vec::new();
    collect(&folder.path().join("entries"), &mut files)?;
    ensure!(!files.is_empty(), "nothing was stored");
    for (name, bytes) in &files {
        ensure!(!bytes.windows(11).any(|window| window == b"the mail of"), "{name} is readable");
    }
    ensure!(ask(&CachingProxy::start(&options("elsewhere")?)?)?.cache() == "miss", "another machine has another key");
    let key = folder.path().join("here/state/seaworthy/proxy.key");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&key).with_context(|| key.display().to_string())?.permissions().mode();
    ensure!(mode & 0o077 == 0, "others may read the key: {mode:o}");
    Ok(())
}

/// Every file below `folder`, with its name and content.
fn collect(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path.is_file() {
            into.push((path.display().to_string(), std::fs::read(&path)?));
        }
    }
    Ok(())
}

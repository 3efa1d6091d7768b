//! An HTTP API that is only read, without TLS: what can be broken inside HTTP stands here,
//! and in `origin_tls.rs` the same adapter before a real server.

use crate::place::Place;
use crate::store::{Breakage, Running, Store};
use seaworthy_cache::conformance::Fault;
use seaworthy_tests::{Heard, NoStage, Origin, Said};
use std::net::SocketAddr;
use std::time::Duration;

const POLICY: &str = "[tiers.origin]\nadapter = \"origin\"\ntarget = \"origin\"\n";
const TOKEN: &str = "ghp_conformance0123456789abcdefghijkl";
const KEY: &str = "repos/acme/app";

pub(crate) fn store() -> Store {
    Store { name: "origin", start }
}

fn place(address: SocketAddr, token: &str) -> Place {
    Place::new("origin", POLICY, &[("GITHUB_API_URL", &format!("http://{address}")), ("GH_TOKEN", token)])
}

/// What the API says of the one thing that it has.
fn value() -> String {
    format!("{{\"full_name\":\"acme/app\",\"description\":\"{}\"}}", "a cache ".repeat(300))
}

fn answer(heard: &Heard) -> Said {
    if heard.header("authorization") != format!("Bearer {TOKEN}") {
        return Said::new(401, "{\"message\":\"Bad credentials\"}").with("content-type", "application/json");
    }
    match heard.path.trim_start_matches('/') {
        KEY => Said::new(200, value()).with("content-type", "application/json").with("cache-control", "max-age=60"),
        _ => Said::new(404, "{\"message\":\"Not Found\"}").with("content-type", "application/json"),
    }
}

fn start() -> Result<Running, NoStage> {
    let api = Origin::start(Duration::ZERO, answer)?;
    let address = api.address;
    Ok(Running::new(place(address, TOKEN).keeping(api))
        .knowing(KEY, value().as_bytes())
        .through_http(address, |relay| Ok(place(relay, TOKEN)))
        .with(Fault::WrongCredentials, Breakage::At(place(address, "ghp_another0123456789abcdefghijklmnop")))
        .without(&[Fault::Flipped, Fault::Truncated], "an API gives no digest of its answers to hold them against")
        .without(&[Fault::Skewed], "an API judges no clock, and a life is counted by the API's own"))
}

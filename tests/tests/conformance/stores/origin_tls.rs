//! A real HTTP API over TLS, on a server that is not ours, whose authority the policy
//! names. `tests/tests/proxy/origin_tier.rs` has its scenes.

use crate::place::Place;
use crate::store::{Breakage, Running, Store};
use anyhow::Context as _;
use seaworthy_cache::conformance::Fault;
use seaworthy_tests::{CADDY_TOKEN, Caddy, NoStage};
use std::net::{Ipv4Addr, SocketAddr};

/// What only the holder of the token may read.
const KEY: &str = "user";
const VALUE: &[u8] = br#"{"login":"octo"}"#;

pub(crate) fn store() -> Store {
    Store { name: "origin-tls", start }
}

fn place(port: u16, authority: &str, token: &str) -> Place {
    let policy = format!(
        "[targets.api]\nkind = \"http\"\nurl = \"https://localhost:{port}\"\nca-file = \"{authority}\"\n\
         credentials = {{ token = \"${{origin-token}}\" }}\n[tiers.origin]\nadapter = \"origin\"\ntarget = \"api\"\n"
    );
    Place::new("origin", &policy, &[("GH_TOKEN", token)])
}

fn start() -> Result<Running, NoStage> {
    if let Some(why) = Caddy::obstacle() {
        return Err(NoStage::Unavailable(why));
    }
    let api = Caddy::start()?;
    let authority = api.authority().to_str().context("a path that is not UTF-8")?.to_owned();
    let port = api.port();
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let relayed = authority.clone();
    Ok(Running::new(place(port, &authority, CADDY_TOKEN).keeping(api))
        .knowing(KEY, VALUE)
        .through_tcp(server, move |relay| Ok(place(relay.port(), &relayed, CADDY_TOKEN)))
        .with(Fault::WrongCredentials, Breakage::At(place(port, &authority, "ghp_another_0123456789abcdef")))
        .without(&[Fault::Flipped, Fault::Truncated], "what is altered on the way ends the TLS session, which is `cut`")
        .without(&[Fault::Skewed], "an API judges no clock, and a life is counted by the API's own")
        .without(&[Fault::RateLimited], "nobody but the server speaks inside its TLS; the store `origin` has it"))
}

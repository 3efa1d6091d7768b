//! The service logic that Storacha published, in memory on loopback, with a gateway of our
//! own beside it. It is not the hosted service, which takes no uploads any more.

use crate::place::Place;
use crate::store::{Breakage, Running, Store};
use anyhow::{Context, Result};
use seaworthy_cache::conformance::Fault;
use seaworthy_tests::{NoStage, Storacha, scratch};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Mutex;

pub(crate) fn store() -> Store {
    Store { name: "storacha", start }
}

/// What the places of one service have in common.
#[derive(Clone)]
struct Space {
    storage: String,
    space: String,
    proof: String,
    key: String,
    directory: String,
}

impl Space {
    /// The space, with service and gateway at this address.
    fn at(&self, address: SocketAddr, key: &str) -> Place {
        let policy = format!(
            "[tiers.storacha]\nadapter = \"storacha\"\ntarget = \"storacha\"\nwith = {{ directory = \"{}\" }}\n",
            self.directory
        );
        let url = format!("http://{address}");
        let environment = [
            ("STORACHA_SERVICE_URL", url.as_str()),
            ("STORACHA_GATEWAY_URL", &url),
            ("STORACHA_STORAGE_URLS", &self.storage),
            ("STORACHA_SPACE", &self.space),
            ("STORACHA_PROOF", &self.proof),
            ("STORACHA_AGENT_KEY", key),
        ];
        Place::new("storacha", &policy, &environment)
    }
}

fn start() -> Result<Running, NoStage> {
    if let Some(why) = Storacha::obstacle() {
        return Err(NoStage::Unavailable(why));
    }
    let service = Storacha::start()?;
    let (granted, other) = (service.grant(&json!({}))?, service.grant(&json!({}))?);
    let folder = scratch()?;
    let address = service.at.url.strip_prefix("http://").context("no http address")?;
    let address: SocketAddr = address.parse().context("the service's address")?;
    let space = Space {
        storage: service.at.storage.join(","),
        space: granted.space,
        proof: granted.proof,
        key: granted.key,
        directory: folder.path().to_string_lossy().into_owned(),
    };
    let relayed = space.clone();
    let healthy = space.at(address, &space.key).keeping(Mutex::new(service)).keeping(folder);
    Ok(Running::new(healthy)
        .through_http(address, move |at| Ok(relayed.at(at, &relayed.key)))
        .with(Fault::WrongCredentials, Breakage::At(space.at(address, &other.key)))
        .without(
            &[Fault::Skewed],
            "a UCAN is judged by its own end, which the service compares with its clock; no header carries a time",
        ))
}

//! Kubo, as the daemon that it is: once with its MFS as the index, once with a directory.

use crate::place::Place;
use crate::store::{Breakage, Running, Store};
use anyhow::Result;
use seaworthy_cache::conformance::Fault;
use seaworthy_tests::{Kubo, KuboOptions, NoStage, scratch};
use serde_json::json;
use std::net::SocketAddr;

const TOKEN: &str = "cF2-conformance-8Lw5Hn7D";

pub(crate) fn by_mfs() -> Store {
    Store { name: "ipfs", start: || start(None) }
}

pub(crate) fn by_directory() -> Store {
    Store { name: "ipfs-directory", start: || start(Some(scratch()?)) }
}

fn place(rpc: SocketAddr, directory: Option<&str>, token: &str) -> Place {
    let with = directory.map_or_else(
        || "timeout-ms = 20000".to_owned(),
        |path| format!("timeout-ms = 20000, index = \"directory\", directory = \"{path}\""),
    );
    let policy = format!("[tiers.ipfs]\nadapter = \"ipfs\"\ntarget = \"ipfs\"\nwith = {{ {with} }}\n");
    Place::new("ipfs", &policy, &[("CACHE_IPFS_API", &format!("http://{rpc}")), ("IPFS_API_AUTH", token)])
}

fn start(folder: Option<tempfile::TempDir>) -> Result<Running, NoStage> {
    if let Some(why) = Kubo::obstacle() {
        return Err(NoStage::Unavailable(why));
    }
    let authorizations = json!({ "cache": { "AuthSecret": format!("bearer:{TOKEN}"), "AllowedPaths": ["/api/v0"] } });
    let kubo = Kubo::start(&KuboOptions { authorizations: Some(authorizations), ..KuboOptions::default() })?;
    let rpc = kubo.rpc();
    let path = folder.as_ref().map(|folder| folder.path().to_string_lossy().into_owned());
    let relayed = path.clone();
    Ok(Running::new(place(rpc, path.as_deref(), TOKEN).keeping(kubo).keeping(folder))
        .through_http(rpc, move |at| Ok(place(at, relayed.as_deref(), TOKEN)))
        .with(Fault::WrongCredentials, Breakage::At(place(rpc, path.as_deref(), "another-token-3Xs9")))
        .without(&[Fault::Skewed], "a node judges no clock; a value from the future is one of the cases"))
}

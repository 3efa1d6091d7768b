use crate::Here;
use crate::listed::{Listed, fact};
use crate::saying::saying;
use anyhow::{Result, ensure};
use seaworthy_tests::authority::{Authority, GOOD};
use seaworthy_tests::{BazelRemote, Certified, Scene, free_address};
use std::net::TcpListener;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    let bazel = BazelRemote::obstacle();
    vec![
        Scene::new("a_remote_cache_over_grpc_is_right", |_| healthy()).unless(bazel.clone()),
        Scene::new("the_http_port_of_a_remote_cache_is_told", |_| http_port()).unless(bazel.clone()),
        Scene::new("a_remote_cache_that_wants_a_password_is_told", |_| password()).unless(bazel.clone()),
        Scene::new("a_remote_cache_with_another_digest_function_is_told", |_| digest_function()).unless(bazel),
        Scene::new("a_remote_cache_behind_tls_is_told", |_| tls()),
        Scene::new("a_remote_cache_that_is_down_is_told", |_| down()),
    ]
}

fn listed(address: impl ToString) -> Listed {
    Listed::new("bazel-remote-grpc").at(address)
}

fn healthy() -> Result<()> {
    let cache = BazelRemote::start()?;
    let facts = listed(cache.grpc()).passes()?;
    ensure!(fact(&facts, "remote-digest-functions")? == "sha256", "{facts:?}");
    ensure!(fact(&facts, "remote-writable")? == "true" && fact(&facts, "remote-api")?.starts_with("2."), "{facts:?}");
    Ok(())
}

fn http_port() -> Result<()> {
    let cache = BazelRemote::start()?;
    listed(cache.http()).finds("remote.http1-only").map(|_| ())
}

fn password() -> Result<()> {
    let cache = BazelRemote::with_password()?;
    listed(cache.grpc()).finds("remote.unauthenticated").map(|_| ())
}

fn digest_function() -> Result<()> {
    let cache = BazelRemote::start()?;
    listed(cache.grpc()).with("digest-function = \"blake3\"").finds("remote.digest-function").map(|_| ())
}

/// Ends what is no handshake, as gRPC servers do.
fn tls() -> Result<()> {
    let identity = Authority::root("Scene Root", "Scene")?.identity(&["127.0.0.1"], GOOD)?;
    let server = Certified::on(TcpListener::bind("127.0.0.1:0")?, &identity)?;
    let address = server.address()?;
    listed(address).finds("remote.tls-expected")?;
    // It agrees on no protocol.
    listed(format!("grpcs://{address}")).finds("remote.no-http2").map(|_| ())
}

fn down() -> Result<()> {
    listed(free_address()?).finds("remote.unreachable")?;
    listed(saying(b"", true)?).finds("remote.no-answer")?;
    listed(saying(b"220 mail ready\r\n", false)?).finds("remote.no-answer").map(|_| ())
}

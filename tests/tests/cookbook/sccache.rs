use crate::Here;
use crate::listed::{Listed, fact};
use crate::saying::saying;
use anyhow::{Result, ensure};
use seaworthy_tests::{Program, Scene, free_address, installed};
use std::net::SocketAddr;
use std::process::Command;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    let sccache = installed("sccache", "sccache").err();
    vec![
        Scene::new("an_sccache_server_is_right", |_| healthy()).unless(sccache.clone()),
        Scene::new("an_sccache_server_with_another_storage_is_found", |_| other_cache()).unless(sccache),
        Scene::new("an_sccache_server_that_does_not_run_is_found", |_| not_running()),
        Scene::new("another_program_at_sccaches_port_is_found", |_| other_protocol()),
    ]
}

fn listed(address: SocketAddr) -> Listed {
    Listed::new("sccache-server").at(address)
}

/// A server in the foreground, over a folder.
fn server(address: SocketAddr) -> Result<Program> {
    let program = installed("sccache", "sccache").map_err(anyhow::Error::msg)?;
    Program::start(address, |folder| {
        let mut command = Command::new(program);
        command.env_clear().envs([("SCCACHE_START_SERVER", "1"), ("SCCACHE_NO_DAEMON", "1")]);
        command.env("SCCACHE_SERVER_PORT", address.port().to_string()).env("SCCACHE_DIR", folder.join("cache"));
        Ok(command)
    })
}

fn healthy() -> Result<()> {
    let address = free_address()?;
    let _server = server(address)?;
    let facts = listed(address).with("cache = \"Local disk\"").passes()?;
    ensure!(fact(&facts, "sccache-compile-requests")? == "0", "{facts:?}");
    ensure!(fact(&facts, "sccache-cache")?.contains("cache"), "{facts:?}");
    Ok(())
}

fn other_cache() -> Result<()> {
    let address = free_address()?;
    let _server = server(address)?;
    listed(address).with("cache = \"S3\"").finds("sccache.other-cache").map(|_| ())
}

fn not_running() -> Result<()> {
    listed(free_address()?).finds("sccache.not-running").map(|_| ())
}

fn other_protocol() -> Result<()> {
    listed(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n", true)?).finds("sccache.other-protocol")?;
    listed(saying(b"", true)?).finds("sccache.no-answer").map(|_| ())
}

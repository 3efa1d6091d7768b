use crate::Here;
use crate::listed::{Listed, fact, obstacle};
use crate::saying::saying;
use anyhow::{Result, ensure};
use seaworthy_tests::authority::{Authority, GOOD};
use seaworthy_tests::{Certified, Program, Scene, free_address, server};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    let plugin = obstacle("nats");
    let nats = plugin.clone().or_else(|| server(&["nats"]).err());
    vec![
        Scene::new("a_nats_server_is_right", |_| healthy()).unless(nats.clone()),
        Scene::new("jetstream_is_told_from_its_absence", |_| jetstream()).unless(nats.clone()),
        Scene::new("jetstream_of_another_account_is_told", |_| account()).unless(nats.clone()),
        Scene::new("a_nats_server_that_wants_credentials_is_told", |_| credentials()).unless(nats.clone()),
        Scene::new("the_monitoring_of_a_nats_server_is_told", |_| monitoring()).unless(nats),
        Scene::new("a_nats_server_that_wants_tls_is_told", |_| tls()).unless(plugin.clone()),
        Scene::new("what_is_no_nats_server_is_told", |_| strangers()).unless(plugin),
    ]
}

fn listed(address: SocketAddr) -> Listed {
    Listed::new("nats").at(address)
}

struct Nats {
    _program: Program,
    address: SocketAddr,
}

impl Nats {
    fn start(arguments: &[&str], config: &str) -> Result<Self> {
        let installed = server(&["nats"]).map_err(anyhow::Error::msg)?;
        let address = free_address()?;
        let program = Program::start(address, |folder| {
            let file = folder.join("nats.conf");
            std::fs::write(&file, config)?;
            let mut command = Command::new(installed.join("nats-server"));
            command.args(["-a", "127.0.0.1", "-p", &address.port().to_string(), "-sd"]).arg(folder.join("streams"));
            command.arg("-c").arg(file).args(arguments);
            Ok(command)
        })?;
        Ok(Self { _program: program, address })
    }
}

fn healthy() -> Result<()> {
    let nats = Nats::start(&[], "")?;
    let facts = listed(nats.address).passes()?;
    ensure!(fact(&facts, "nats-jetstream")? == "false" && fact(&facts, "nats-version")?.starts_with("2."), "{facts:?}");
    Ok(())
}

fn jetstream() -> Result<()> {
    let without = Nats::start(&[], "")?;
    listed(without.address).with("jetstream = true").finds("nats.no-jetstream")?;
    let with = Nats::start(&["-js"], "")?;
    let facts = listed(with.address).with("jetstream = true").passes()?;
    ensure!(fact(&facts, "nats-jetstream")? == "true", "{facts:?}");
    Ok(())
}

/// The server has it, and the account of those without credentials may not use it.
fn account() -> Result<()> {
    let config = "jetstream {}\naccounts {\n  A: { jetstream: enabled, users: [{ user: a, password: a }] }\n  \
                  B: { users: [{ user: b, password: b }] }\n}\nno_auth_user: b\n";
    let nats = Nats::start(&[], config)?;
    listed(nats.address).with("jetstream = true").finds("nats.no-jetstream").map(|_| ())
}

fn credentials() -> Result<()> {
    let nats = Nats::start(&["--user", "scene", "--pass", "scene-password"], "")?;
    listed(nats.address).finds("nats.auth-required")?;
    listed(nats.address).with("credentials = true").passes().map(|_| ())
}

fn monitoring() -> Result<()> {
    let address = free_address()?;
    let _nats = Nats::start(&["-m", &address.port().to_string()], "")?;
    // It waits for a request, and speaks no TLS.
    listed(address).finds("nats.no-answer").map(|_| ())
}

/// Servers with `tls` say so before the handshake, those with `handshake_first` do not.
fn tls() -> Result<()> {
    let said = saying(b"INFO {\"version\":\"2.10.0\",\"tls_required\":true} \r\n", false)?;
    listed(said).finds("nats.tls-required")?;
    listed(said).with("tls = true").passes()?;
    let identity = Authority::root("Scene Root", "Scene")?.identity(&["127.0.0.1"], GOOD)?;
    let first = Certified::on(TcpListener::bind("127.0.0.1:0")?, &identity)?;
    listed(first.address()?).finds("nats.tls-required")?;
    listed(first.address()?).with("tls = true").cannot_tell()?;
    let plain = saying(b"INFO {\"version\":\"2.10.0\"} \r\n", false)?;
    listed(plain).with("tls = true").finds("nats.tls-missing").map(|_| ())
}

fn strangers() -> Result<()> {
    listed(free_address()?).finds("nats.unreachable")?;
    listed(saying(b"-ERR 'maximum connections exceeded'\r\n", true)?).finds("nats.refuses")?;
    listed(saying(b"220 mail ready\r\n", false)?).finds("nats.other-protocol").map(|_| ())
}

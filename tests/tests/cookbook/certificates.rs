use crate::Here;
use crate::listed::{Listed, fact};
use crate::saying::saying;
use anyhow::{Result, ensure};
use seaworthy_tests::authority::{Authority, GOOD, Years};
use seaworthy_tests::{Certified, Scene, free_address};
use std::net::TcpListener;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("a_certificate_with_years_left_is_right", |_| healthy()),
        Scene::new("a_certificate_that_ends_soon_is_found", |_| soon()),
        Scene::new("a_certificate_that_has_ended_is_found", |_| ended()),
        Scene::new("a_certificate_of_another_name_is_found", |_| other_name()),
        Scene::new("a_port_without_certificates_is_told_from_none", |_| none()),
    ]
}

fn server(names: &[&str], years: Years) -> Result<Certified> {
    let authority = Authority::root("Scene Root", "Scene")?.below("Scene Intermediate", "Scene")?;
    Certified::on(TcpListener::bind("127.0.0.1:0")?, &authority.identity(names, years)?)
}

fn listed(server: &Certified) -> Result<Listed> {
    Ok(Listed::new("certificate-expiry").at(format!("https://{}", server.address()?)))
}

fn healthy() -> Result<()> {
    let server = server(&["127.0.0.1"], GOOD)?;
    let facts = listed(&server)?.passes()?;
    ensure!(fact(&facts, "days-left")?.parse::<i64>()? > 365, "{facts:?}");
    ensure!(fact(&facts, "chain-days-left")?.parse::<i64>()? > 365, "an intermediate is sent: {facts:?}");
    Ok(())
}

/// The number of days is that of the machine's clock, so the limits are chosen by it.
fn soon() -> Result<()> {
    let server = server(&["127.0.0.1"], GOOD)?;
    let facts = listed(&server)?.passes()?;
    let left: i64 = fact(&facts, "days-left")?.parse()?;
    listed(&server)?.with(&format!("warn-days = {}, fail-days = 0", left + 2)).finds("certificate.ends-soon")?;
    listed(&server)?.with(&format!("fail-days = {}", left + 2)).finds("certificate.ends-soon").map(|_| ())
}

fn ended() -> Result<()> {
    let server = server(&["127.0.0.1"], (2020, 2021))?;
    let facts = listed(&server)?.finds("certificate.expired")?;
    ensure!(fact(&facts, "days-left")?.starts_with('-'), "{facts:?}");
    let early = self::server(&["127.0.0.1"], (2090, 2100))?;
    listed(&early)?.finds("certificate.not-yet-valid").map(|_| ())
}

fn other_name() -> Result<()> {
    let server = server(&["cache.test"], GOOD)?;
    listed(&server)?.finds("certificate.name-mismatch")?;
    listed(&server)?.with("server-name = \"cache.test\"").passes().map(|_| ())
}

fn none() -> Result<()> {
    let at = |address| Listed::new("certificate-expiry").at(format!("https://{address}"));
    at(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n", true)?).finds("certificate.none")?;
    at(free_address()?).cannot_tell()
}

use crate::Here;
use crate::listed::{Listed, fact};
use crate::saying::saying;
use anyhow::{Result, ensure};
use seaworthy_tests::authority::{Authority, GOOD};
use seaworthy_tests::{Certified, ContainerRegistry, RegistryOptions, Scene, Scripted, Told, free_address};
use std::net::TcpListener;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    let registry = ContainerRegistry::obstacle();
    vec![
        Scene::new("a_mirror_that_is_a_registry_is_right", |_| healthy()).unless(registry.clone()),
        Scene::new("a_mirror_that_wants_a_password_is_found", |_| password()).unless(registry.clone()),
        Scene::new("a_mirror_without_a_scheme_is_found", |_| no_scheme()).unless(registry),
        Scene::new("a_mirror_that_is_down_is_found", |_| down()),
        Scene::new("a_login_page_is_no_mirror", |_| login()),
        Scene::new("a_mirror_with_tokens_is_right", |_| tokens()),
        Scene::new("a_mirror_without_tls_is_told_from_one_that_is_not_trusted", |_| tls()),
    ]
}

fn listed(address: &str) -> Listed {
    Listed::new("registry-mirror").at(address)
}

fn healthy() -> Result<()> {
    let registry = ContainerRegistry::start(RegistryOptions::default())?;
    let facts = listed(&registry.url()).passes()?;
    ensure!(fact(&facts, "mirror-auth")? == "none" && facts.contains_key("mirror-answer-ms"), "{facts:?}");
    Ok(())
}

fn password() -> Result<()> {
    let registry = ContainerRegistry::start(RegistryOptions { password: true, ..RegistryOptions::default() })?;
    listed(&registry.url()).finds("mirror.wants-basic").map(|_| ())
}

fn no_scheme() -> Result<()> {
    let registry = ContainerRegistry::start(RegistryOptions::default())?;
    listed(&registry.address().to_string()).finds("mirror.no-scheme").map(|_| ())
}

fn down() -> Result<()> {
    listed(&format!("http://{}", free_address()?)).finds("mirror.unreachable").map(|_| ())
}

fn login() -> Result<()> {
    let portal = Scripted::start(|_| Told::of(200, "text/html", "<html><form>Sign in"))?;
    listed(&portal.url()).finds("mirror.not-registry")?;
    let portal = Scripted::always("HTTP/1.1 302 Found\r\nLocation: https://portal.test/login\r\n", "")?;
    listed(&portal.url()).finds("mirror.not-registry").map(|_| ())
}

fn tokens() -> Result<()> {
    let head = "HTTP/1.1 401 Unauthorized\r\nDocker-Distribution-Api-Version: registry/2.0\r\n\
                WWW-Authenticate: Bearer realm=\"https://auth.test/token\"\r\n";
    let registry = Scripted::always(head, "{\"errors\":[]}")?;
    let facts = listed(&registry.url()).passes()?;
    ensure!(fact(&facts, "mirror-auth")? == "bearer", "{facts:?}");
    Ok(())
}

fn tls() -> Result<()> {
    // As servers do that are spoken to in TLS and speak none.
    let plain = saying(b"HTTP/1.1 400 Bad Request\r\n\r\n", true)?;
    listed(&format!("https://{plain}")).finds("mirror.plain-http")?;
    let identity = Authority::root("Scene Root", "Scene")?.identity(&["127.0.0.1"], GOOD)?;
    let private = Certified::on(TcpListener::bind("127.0.0.1:0")?, &identity)?;
    listed(&format!("https://{}", private.address()?)).finds("mirror.untrusted").map(|_| ())
}

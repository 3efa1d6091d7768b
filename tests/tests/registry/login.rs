//! Registries that want to know who asks.

use crate::liar::{Answer, Artifact, Liar};
use crate::place::Stage;
use anyhow::{Context, Result, ensure};
use data_encoding::BASE64;
use seaworthy_tests::{ContainerRegistry, RegistryOptions, Scene};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::OnceLock;

pub(crate) fn scenes() -> Vec<Scene<Stage>> {
    vec![
        Scene::new("a_password_in_the_environment", environment),
        Scene::new("what_docker_login_wrote", docker),
        Scene::new("a_credential_helper", helper),
        Scene::new("a_service_for_tokens", token),
        Scene::new("a_service_for_tokens_that_gives_none", no_token),
    ]
}

/// Who may use it.
fn user() -> (&'static str, &'static str) {
    ContainerRegistry::CREDENTIALS.split_once(':').unwrap_or_default()
}

fn closed() -> Result<ContainerRegistry> {
    ContainerRegistry::start(RegistryOptions { password: true, deletes: false })
}

fn environment(stage: &Stage) -> Result<()> {
    let (registry, mut place) = (closed()?, stage.place()?);
    let host = registry.address().to_string();
    let reference = format!("oci://{host}/acme/banner:1");
    let file = stage.component.display().to_string();
    let push = ["plugin", "push", &file, &reference];
    let login = format!("docker login {host}");
    place.says(&push, 3, &["refuses to write acme/banner (401)", "nobody is logged in", &login])?;
    place.set("SEAWORTHY_REGISTRY_USER", user().0);
    place.set("SEAWORTHY_REGISTRY_PASSWORD", "wrong-password");
    // Without the host that it is for, a password goes nowhere.
    place.says(&push, 3, &["nobody is logged in"])?;
    place.set("SEAWORTHY_REGISTRY_HOST", &host);
    let asked = format!("asked as `{}` (from SEAWORTHY_REGISTRY_USER)", user().0);
    let run = place.says(&push, 3, &["(401)", &asked])?;
    ensure!(!run.stderr.contains("wrong-password"), "the password is shown\n{}", run.transcript());
    place.set("SEAWORTHY_REGISTRY_PASSWORD", user().1);
    place.push(&stage.component, &reference, &[])?;
    place.add(&[&reference])?.exits(0)?;
    Ok(())
}

fn docker(stage: &Stage) -> Result<()> {
    let (registry, place) = (closed()?, stage.place()?);
    let host = registry.address();
    let reference = format!("oci://{host}/acme/banner:1");
    let auth = BASE64.encode(format!("{}:{}", user().0, user().1).as_bytes());
    std::fs::create_dir(place.path("docker"))?;
    place.write("docker/config.json", &format!("{{\"auths\":{{\"{host}\":{{\"auth\":\"{auth}\"}}}}}}"))?;
    place.push(&stage.component, &reference, &[])?;
    place.add(&[&reference])?.exits(0)?;
    place.write("docker/config.json", "{ broken")?;
    std::fs::remove_dir_all(place.path("plugins"))?;
    place.says(&["validate"], 3, &["the credentials for", "config.json"])?;
    Ok(())
}

fn helper(stage: &Stage) -> Result<()> {
    let (registry, mut place) = (closed()?, stage.place()?);
    let host = registry.address();
    let reference = format!("oci://{host}/acme/banner:1");
    std::fs::create_dir(place.path("docker"))?;
    std::fs::create_dir(place.path("bin"))?;
    place.write("docker/config.json", &format!("{{\"credHelpers\":{{\"{host}\":\"scene\"}}}}"))?;
    place.set("PATH", format!("{}:/usr/bin:/bin", place.path("bin").display()));
    let file = stage.component.display().to_string();
    let said = ["the credential helper that", "does not start"];
    place.says(&["plugin", "push", &file, &reference], 3, &said)?;
    let script = |text: &str| -> Result<()> {
        place.write("bin/docker-credential-scene", &format!("#!/bin/sh\nread host\n{text}\n"))?;
        let executable = std::fs::Permissions::from_mode(0o755);
        Ok(std::fs::set_permissions(place.path("bin/docker-credential-scene"), executable)?)
    };
    script("echo right-password is what I will not tell; exit 1")?;
    let run = place.says(&["plugin", "push", &file, &reference], 3, &["docker-credential-scene", "failed"])?;
    ensure!(!run.stderr.contains("right-password"), "{}", run.transcript());
    script(&format!(
        "[ \"$host\" = {host} ] && echo '{{\"ServerURL\":\"{host}\",\"Username\":\"{}\",\"Secret\":\"{}\"}}'",
        user().0,
        user().1
    ))?;
    place.push(&stage.component, &reference, &[])?;
    Ok(())
}

/// As ghcr.io and Docker Hub do it: a token for one repository and one thing, from elsewhere.
fn token(stage: &Stage) -> Result<()> {
    let mut place = stage.place()?;
    let artifact = Artifact::of(&std::fs::read(&stage.component)?);
    let own: &'static OnceLock<String> = Box::leak(Box::default());
    let liar = Liar::start(move |asked| {
        let realm = own.get().map_or("", String::as_str);
        if asked.path.starts_with("/token") {
            return Answer::of("application/json", b"{\"token\":\"short-lived\"}");
        }
        if asked.authorization.as_deref() != Some("Bearer short-lived") {
            let challenge =
                format!("Bearer realm=\"http://{realm}/token\",service=\"scene\",scope=\"repository:all:*\"");
            return Answer::status(401).with("WWW-Authenticate", challenge);
        }
        artifact.honest(&asked.path)
    })?;
    own.set(liar.address.to_string()).ok().context("set twice")?;
    place.set("SEAWORTHY_REGISTRY_HOST", liar.address.to_string());
    place.set("SEAWORTHY_REGISTRY_USER", "me");
    place.set("SEAWORTHY_REGISTRY_PASSWORD", "secret");
    place.add(&[&liar.reference()])?.exits(0)?;
    let asked = liar.asked();
    let tokens: Vec<_> = asked.iter().filter(|asked| asked.path.starts_with("/token")).collect();
    // One to learn what the tag names, one to fetch that: three requests in all.
    ensure!(tokens.len() <= 2, "a token for each request: {asked:?}");
    // Not what the challenge proposes: what is needed.
    ensure!(tokens[0].path == "/token?service=scene&scope=repository%3Aacme%2Fliar%3Apull", "{tokens:?}");
    ensure!(tokens[0].authorization.as_deref() == Some("Basic bWU6c2VjcmV0"), "{tokens:?}");
    let passwords = asked.iter().filter(|asked| asked.authorization.as_deref() == Some("Basic bWU6c2VjcmV0")).count();
    ensure!(passwords == tokens.len(), "the password goes to the registry too: {asked:?}");
    Ok(())
}

fn no_token(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    let own: &'static OnceLock<String> = Box::leak(Box::default());
    let liar = Liar::start(move |asked| match asked.path.starts_with("/token") {
        true => Answer::of("application/json", b"{}"),
        false => {
            let realm = own.get().map_or("", String::as_str);
            Answer::status(401).with("WWW-Authenticate", format!("Bearer realm=\"http://{realm}/token\""))
        }
    })?;
    own.set(liar.address.to_string()).ok().context("set twice")?;
    place.says(&["plugin", "add", &liar.reference()], 5, &["/token", "holds no token"])?;
    place.is_untouched()
}

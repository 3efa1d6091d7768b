//! A registry that lies about content is refused, with what was expected and what came.

use crate::liar::{Answer, Artifact, Asked, Liar, sha256};
use crate::place::Stage;
use anyhow::{Context, Result, ensure};
use seaworthy_tests::authority::{Authority, GOOD};
use seaworthy_tests::{ForwardProxy, Scene};
use serde_json::json;
use std::net::TcpListener;

pub(crate) fn scenes() -> Vec<Scene<Stage>> {
    vec![
        Scene::new("what_is_true_of_the_liar_is_taken", honest),
        Scene::new("other_bytes_under_the_digest_of_the_component", other_component),
        Scene::new("other_bytes_under_the_digest_of_the_config", other_config),
        Scene::new("another_manifest_under_a_digest", other_manifest),
        Scene::new("a_tag_whose_manifest_is_not_what_the_header_says", other_header),
        Scene::new("a_component_of_another_length", other_length),
        Scene::new("a_body_that_ends_before_its_length", ends_early),
        Scene::new("a_component_without_end", endless_component),
        Scene::new("a_manifest_without_end", endless_manifest),
        Scene::new("a_manifest_that_announces_too_much", large_manifest),
        Scene::new("a_component_that_is_said_to_be_too_large", large_component),
        Scene::new("a_page_in_the_place_of_a_manifest", page),
        Scene::new("a_container_image", image),
        Scene::new("a_name_that_leads_out_of_the_cache", traversal),
        Scene::new("without_tls_one_is_not_led_to_another_host", led_away),
        Scene::new("from_https_one_is_not_led_to_http", downgraded),
        Scene::new("credentials_are_not_taken_along", credentials_stay),
        Scene::new("what_is_run_is_verified_like_what_is_added", run_is_lied_to),
    ]
}

fn artifact(stage: &Stage) -> Result<Artifact> {
    Ok(Artifact::of(&std::fs::read(&stage.component)?))
}

/// `plugin add` of what a liar has; what it says, and that nothing came of it.
fn refused(
    stage: &Stage,
    artifact: &Artifact,
    code: i32,
    said: &[&str],
    lie: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> Result<()> {
    let place = stage.place()?;
    let honest = artifact.clone();
    let liar = Liar::start(move |asked| lie(asked).unwrap_or_else(|| honest.honest(&asked.path)))?;
    let host = liar.address.to_string();
    let run = place.says(&["plugin", "add", &liar.reference()], code, &[said, &[&host]].concat())?;
    ensure!(run.stdout.is_empty(), "it says how to use it\n{}", run.transcript());
    place.is_untouched()
}

fn honest(stage: &Stage) -> Result<()> {
    let artifact = artifact(stage)?;
    let liar = Liar::start(move |asked| artifact.honest(&asked.path))?;
    let place = stage.place()?;
    place.add(&[&liar.reference()])?.exits(0)?;
    Ok(())
}

fn other_component(stage: &Stage) -> Result<()> {
    let artifact = artifact(stage)?;
    let name = sha256(&artifact.component);
    let mut other = artifact.component.clone();
    *other.last_mut().context("empty")? ^= 1;
    let actual = sha256(&other);
    let said = ["the component from", &format!("expected {name}, got {actual}")];
    refused(stage, &artifact, 3, &said, {
        let name = name.clone();
        move |asked| asked.path.ends_with(&name).then(|| Answer::of("application/octet-stream", &other))
    })
}

fn other_config(stage: &Stage) -> Result<()> {
    let artifact = artifact(stage)?;
    let name = sha256(&artifact.config);
    let other = vec![b' '; artifact.config.len()];
    let said = ["the config from", &format!("expected {name}")];
    refused(stage, &artifact, 3, &said, {
        let name = name.clone();
        move |asked| asked.path.ends_with(&name).then(|| Answer::of("application/json", &other))
    })
}

fn other_manifest(stage: &Stage) -> Result<()> {
    let (artifact, place) = (artifact(stage)?, stage.place()?);
    let pinned = sha256(b"what was promised");
    let actual = sha256(&artifact.manifest);
    let liar = Liar::start(move |asked| artifact.honest(&asked.path))?;
    let reference = format!("oci://{}/acme/liar@{pinned}", liar.address);
    let said = format!("expected {pinned}, got {actual}");
    place.says(&["plugin", "add", &reference], 3, &["the manifest from", &said])?;
    place.is_untouched()
}

fn other_header(stage: &Stage) -> Result<()> {
    let artifact = artifact(stage)?;
    let promised = sha256(b"what was promised");
    let manifest = artifact.manifest.clone();
    refused(stage, &artifact, 3, &["the manifest from", &format!("expected {promised}")], {
        let promised = promised.clone();
        move |asked| {
            let answer = Answer::of(crate::liar::MANIFEST, &manifest).with("Docker-Content-Digest", promised.clone());
            asked.path.contains("/manifests/").then_some(answer)
        }
    })
}

fn other_length(stage: &Stage) -> Result<()> {
    let artifact = artifact(stage)?;
    let (name, length) = (sha256(&artifact.component), artifact.component.len());
    let said = [&*format!("expected {length} bytes, got 5 bytes")];
    refused(stage, &artifact, 3, &said, move |asked| {
        asked.path.ends_with(&name).then(|| Answer::of("application/octet-stream", b"short"))
    })
}

fn ends_early(stage: &Stage) -> Result<()> {
    let artifact = artifact(stage)?;
    let (name, length) = (sha256(&artifact.component), artifact.component.len());
    // Nothing that the policy could be blamed for: the network broke off.
    refused(stage, &artifact, 5, &[&format!("broke off after 5 of {length} bytes")], move |asked| {
        let answer = Answer::of("application/octet-stream", b"short").announcing(length);
        asked.path.ends_with(&name).then_some(answer)
    })
}

fn endless_component(stage: &Stage) -> Result<()> {
    let artifact = artifact(stage)?;
    let (name, length) = (sha256(&artifact.component), artifact.component.len());
    refused(stage, &artifact, 3, &[&format!("larger than the {length} bytes")], move |asked| {
        let answer = Answer::of("application/octet-stream", &[0; 65_536]).endless();
        asked.path.ends_with(&name).then_some(answer)
    })
}

fn endless_manifest(stage: &Stage) -> Result<()> {
    refused(stage, &artifact(stage)?, 3, &["the manifest from", "larger than the 1048576 bytes"], |asked| {
        asked.path.contains("/manifests/").then(|| Answer::of(crate::liar::MANIFEST, &[b' '; 4096]).endless())
    })
}

fn large_manifest(stage: &Stage) -> Result<()> {
    refused(stage, &artifact(stage)?, 3, &["it announces 4294967296"], |asked| {
        asked.path.contains("/manifests/").then(|| Answer::of(crate::liar::MANIFEST, b"{}").announcing(1 << 32))
    })
}

fn large_component(stage: &Stage) -> Result<()> {
    let artifact = Artifact::changed(b"\0asm", |manifest| manifest["layers"][0]["size"] = json!(200 << 20));
    refused(stage, &artifact, 3, &["its component is 209715200 bytes, more than the 67108864"], |_| None)
}

fn page(stage: &Stage) -> Result<()> {
    refused(stage, &artifact(stage)?, 3, &["answered 200 with an HTML page"], |_| {
        Some(Answer::of("text/html; charset=utf-8", b"<html>Please log in</html>"))
    })
}

fn image(stage: &Stage) -> Result<()> {
    let artifact = Artifact::changed(b"\0asm", |manifest| {
        manifest["config"]["mediaType"] = json!("application/vnd.oci.image.config.v1+json");
    });
    refused(stage, &artifact, 3, &["is no WebAssembly component", "(a container image)"], |_| None)
}

fn traversal(stage: &Stage) -> Result<()> {
    let artifact = Artifact::changed(b"\0asm", |manifest| {
        manifest["layers"][0]["digest"] = json!("sha256:../../../../etc/passwd");
    });
    refused(stage, &artifact, 3, &["no digest of SHA-256"], |_| None)
}

fn led_away(stage: &Stage) -> Result<()> {
    let said = ["which is not followed", "http://registry.example.com/", "another host"];
    refused(stage, &artifact(stage)?, 3, &said, |asked| {
        asked
            .path
            .contains("/blobs/")
            .then(|| Answer::status(307).with("Location", "http://registry.example.com/blob?token=hidden"))
    })
}

/// A registry with TLS and a name, which only a proxy knows how to reach.
fn downgraded(stage: &Stage) -> Result<()> {
    let mut place = stage.place()?;
    let authority = Authority::root("Scene", "seaworthy")?;
    let identity = authority.identity(&["registry.example.com"], GOOD)?;
    let artifact = artifact(stage)?;
    let liar = Liar::with_tls(Some(&identity), move |asked| match asked.path.contains("/blobs/") {
        true => Answer::status(302).with("Location", "http://registry.example.com/blob"),
        false => artifact.honest(&asked.path),
    })?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let proxy = listener.local_addr()?;
    let _proxy = ForwardProxy::on(listener, liar.address, seaworthy_tests::Way::Through)?;
    place.set("HTTPS_PROXY", format!("http://{proxy}"));
    let add = ["plugin", "add", "oci://registry.example.com/acme/liar:1"];
    // Before its authority is known, not a word is exchanged.
    place.says(&add, 5, &["registry.example.com", "cannot reach"])?;
    ensure!(liar.asked().is_empty(), "a stranger was asked: {:?}", liar.asked());
    place.write("authority.pem", &authority.pem())?;
    place.set("SSL_CERT_FILE", place.path("authority.pem").display().to_string());
    place.says(&add, 3, &["leads to http://registry.example.com/blob", "it would leave TLS"])?;
    place.is_untouched()
}

/// The storage that a registry leads to gets no password, though it is on the same machine.
fn credentials_stay(stage: &Stage) -> Result<()> {
    let mut place = stage.place()?;
    let artifact = artifact(stage)?;
    let honest = artifact.clone();
    let storage = Liar::start(move |asked| honest.honest(&asked.path))?;
    let elsewhere = storage.address;
    let liar = Liar::start(move |asked| match (&asked.authorization, asked.path.contains("/blobs/")) {
        (None, _) => Answer::status(401).with("WWW-Authenticate", "Basic realm=\"scene\""),
        (Some(_), true) => Answer::status(307).with("Location", format!("http://{elsewhere}{}", asked.path)),
        (Some(_), false) => artifact.honest(&asked.path),
    })?;
    place.set("SEAWORTHY_REGISTRY_HOST", liar.address.to_string());
    place.set("SEAWORTHY_REGISTRY_USER", "me");
    place.set("SEAWORTHY_REGISTRY_PASSWORD", "secret");
    place.add(&[&liar.reference()])?.exits(0)?;
    ensure!(
        liar.asked().iter().any(|asked| asked.authorization.as_deref() == Some("Basic bWU6c2VjcmV0")),
        "nobody logged in"
    );
    let asked = storage.asked();
    ensure!(asked.len() == 2 && asked.iter().all(|asked| asked.authorization.is_none()), "{asked:?}");
    Ok(())
}

/// A registry that lies to a machine on which a plugin is pinned, and nothing of it kept.
fn run_is_lied_to(stage: &Stage) -> Result<()> {
    let (place, artifact) = (stage.place()?, artifact(stage)?);
    let name = sha256(&artifact.component);
    let liar = Liar::start({
        let artifact = artifact.clone();
        move |asked| match asked.path.ends_with(&name) {
            true => Answer::of("application/octet-stream", &vec![0; artifact.component.len()]),
            false => artifact.honest(&asked.path),
        }
    })?;
    place.policy(&format!("source = \"{}@{}\"", liar.reference(), sha256(&artifact.manifest)))?;
    place.says(&["run"], 3, &["plugin `acme`", "the component from", "lying or broken"])?;
    Ok(())
}

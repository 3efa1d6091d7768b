//! The whole way: push, add, run.

use crate::place::Stage;
use anyhow::{Result, ensure};
use seaworthy_model::{ErrorReason, Status};
use seaworthy_tests::authority::{Authority, GOOD};
use seaworthy_tests::{ContainerRegistry, ForwardProxy, Reading, Scene, Way, digest};
use std::net::TcpListener;

pub(crate) fn scenes() -> Vec<Scene<Stage>> {
    vec![
        Scene::new("what_is_pushed_is_added_and_run", round_trip),
        Scene::new("the_same_component_is_the_same_artifact", reproducible),
        Scene::new("a_file_is_added_like_a_reference", file),
        Scene::new("another_name_and_a_name_that_is_taken", names),
        Scene::new("a_registry_with_tls_behind_a_proxy", behind_a_proxy),
        Scene::new("what_this_host_would_refuse_is_not_pushed", refused),
        Scene::new("what_is_not_there_is_named", missing),
        Scene::new("reports_lists_and_the_policy_name_the_registry", named),
    ]
}

/// From nothing, on a machine that has only the reference.
fn round_trip(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    let reference = stage.reference("trip", "1.0");
    let pinned = place.push(&stage.component, &reference, &[])?;
    ensure!(pinned.starts_with(&format!("{reference}@sha256:")), "{pinned}");

    let place = stage.place()?;
    let mine = "# mine\nversion = 1  # one\n\n[run]\n  deadline = '30s'   # as it is\n";
    place.write("checks.toml", mine)?;
    let added = place.add(&[&reference])?;
    added.exits(0)?;
    let text = place.read("checks.toml")?;
    ensure!(text.starts_with(mine), "what was there has changed:\n{text}");
    ensure!(text.contains("\n# grant.env = [\"HTTPS_PROXY\"]\n"), "what it asks for is not written out:\n{text}");
    ensure!(text.contains("say in a finding that a proxy is configured"), "nor why:\n{text}");
    let lock = place.read("checks.lock")?;
    let manifest = pinned.rsplit('@').next().unwrap_or_default();
    for line in [
        format!("source = \"{reference}\""),
        format!("manifest = \"{manifest}\""),
        format!("component = \"{}\"", digest(&stage.component)?),
    ] {
        ensure!(lock.contains(&line), "{line} is not in\n{lock}");
    }

    // How it is used is on stdout; what is missing there is the target and the setting.
    for line in ["[[check]]", "use = \"tcp-banner:acme/tcp-banner\"", "greeting (needed)"] {
        ensure!(added.stdout.contains(line), "{line}\n{}", added.transcript());
    }
    let uses = place.use_of("tcp-banner").replace("grant.env = [\"HTTPS_PROXY\"]\n", "");
    place.write("checks.toml", &format!("{text}{uses}"))?;
    let report = place.run(&["run", "-f", "json"])?.exits(5)?.report()?;
    let check = report.check("greeting")?;
    ensure!(check.error_reason == Some(ErrorReason::Denied), "what nobody granted is not denied: {}", report.digest());
    let granted = place.read("checks.toml")?.replace("# grant.env", "grant.env");
    place.write("checks.toml", &granted)?;
    let report = place.run(&["run", "-f", "json"])?.exits(0)?.report()?;
    ensure!(report.check("greeting")?.status == Status::Pass, "{}", report.digest());
    ensure!(report.plugins.iter().any(|plugin| plugin.source == pinned), "{:?}", report.plugins);
    ensure!(
        report.plugins.iter().any(|plugin| plugin.id == "tcp-banner" && plugin.loaded == "cached"),
        "{:?}",
        report.plugins
    );

    // Again: nothing changes.
    let before = (place.read("checks.toml")?, place.read("checks.lock")?);
    place.add(&[&reference])?.exits(0)?;
    place.add(&["--update", "tcp-banner"])?.exits(0)?;
    ensure!(
        (place.read("checks.toml")?, place.read("checks.lock")?) == before,
        "adding it again has changed something"
    );
    Ok(())
}

fn reproducible(stage: &Stage) -> Result<()> {
    let mut place = stage.place()?;
    let reference = stage.reference("same", "1");
    let first = place.push(&stage.component, &reference, &[])?;
    ensure!(place.push(&stage.component, &reference, &[])? == first, "the second push is another artifact");
    let noted = place.push(&stage.component, &reference, &["--annotation", "org.opencontainers.image.source=x"])?;
    ensure!(noted != first, "an annotation is not in the artifact");
    place.set("SOURCE_DATE_EPOCH", "1700000000");
    ensure!(place.push(&stage.component, &reference, &[])? != first, "SOURCE_DATE_EPOCH is not minded");
    Ok(())
}

fn file(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    std::fs::create_dir(place.path("dist"))?;
    std::fs::copy(&stage.component, place.path("dist/banner.wasm"))?;
    let added = place.add(&["dist/banner.wasm", "--name", "acme"])?;
    added.exits(0)?;
    ensure!(added.stderr.contains("wrote checks.toml"), "{}", added.transcript());
    let text = place.read("checks.toml")?;
    ensure!(text.contains("source = \"file:dist/banner.wasm\"\n"), "{text}");
    ensure!(text.contains(&format!("# digest = \"{}\"", digest(&stage.component)?)), "{text}");
    ensure!(!place.path("checks.lock").exists(), "a file is not locked");
    place.run(&["validate"])?.exits(0)?;
    place.add(&["file:dist/banner.wasm", "--name", "acme"])?.exits(0)?;
    ensure!(place.read("checks.toml")? == text, "adding it again has changed something");
    Ok(())
}

fn names(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    let (first, second) = (stage.reference("names-a", "1"), stage.reference("names-b", "1"));
    place.push(&stage.component, &first, &[])?;
    place.push(&stage.other, &second, &[])?;
    place.add(&[&first])?.exits(0)?;
    place.says(&["plugin", "add", &second], 2, &["has a plugin `tcp-banner` already", "--name", &first])?;
    place.add(&[&second, "--name", "other.banner"])?.exits(0)?;
    ensure!(place.read("checks.lock")?.contains("[plugins.\"other.banner\"]"), "{}", place.read("checks.lock")?);
    place.run(&["validate"])?.exits(0)?;
    place.says(&["plugin", "add", "--update", "tcp-baner"], 2, &["did you mean `tcp-banner`?"])?;
    // Another reference in the place of the first.
    place.add(&["--update", "tcp-banner", &second])?.exits(0)?;
    let text = place.read("checks.toml")?;
    ensure!(!text.contains(&first) && text.matches(&second).count() == 2, "{text}");
    place.run(&["validate"])?.exits(0)?;
    Ok(())
}

fn behind_a_proxy(stage: &Stage) -> Result<()> {
    let mut place = stage.place()?;
    let authority = Authority::root("Scene", "seaworthy")?;
    let identity = authority.identity(&["registry.example.com"], GOOD)?;
    let registry = ContainerRegistry::with_tls(&identity)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let proxy = listener.local_addr()?;
    let _proxy = ForwardProxy::on(listener, registry.address(), Way::Through)?;
    place.set("HTTPS_PROXY", format!("http://{proxy}"));
    place.write("authority.pem", &authority.pem())?;
    place.set("SSL_CERT_FILE", place.path("authority.pem").display().to_string());
    let reference = "oci://registry.example.com/acme/banner:1";
    place.push(&stage.component, reference, &[])?;
    place.add(&[reference])?.exits(0)?;
    place.run(&["validate"])?.exits(0)?;
    Ok(())
}

fn refused(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    let reference = stage.reference("refused", "1");
    let file = place.path("plugin.wasm").display().to_string();
    let whole = std::fs::read(&stage.component)?;
    let half = &whole[..whole.len() / 2];
    for (bytes, why) in
        [(&b"\0asm\x01\0\0\0"[..], "core module"), (b"<html>", "not WebAssembly"), (half, "not a valid component")]
    {
        std::fs::write(&file, bytes)?;
        place.says(&["plugin", "push", &file, &reference], 3, &["plugin `plugin`", why])?;
    }
    std::fs::write(&file, &whole)?;
    let untagged = reference.trim_end_matches(":1");
    let pinned = format!("{untagged}@sha256:{}", "a".repeat(64));
    place.says(&["plugin", "push", &file, &pinned], 2, &["what is pushed gets a tag"])?;
    place.says(&["plugin", "push", &file, untagged], 2, &["neither a tag nor a digest"])?;
    place.says(&["plugin", "add", &reference], 3, &["has no acme/refused:1", "was it pushed"])?;
    Ok(())
}

fn missing(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    place.says(&["plugin", "add", &stage.reference("missing", "1")], 3, &["has no acme/missing:1"])?;
    place.says(&["plugin", "add", "oci://127.0.0.1:9/acme/a:1"], 5, &["cannot reach http://127.0.0.1:9/"])?;
    place.says(&["plugin", "add", "nowhere.wasm"], 3, &["nowhere.wasm"])?;
    place.says(&["plugin", "add", "oci://UPPER/x"], 2, &["neither a tag nor a digest"])?;
    place.is_untouched()
}

fn named(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    let reference = stage.reference("named", "1");
    let pinned = place.push(&stage.component, &reference, &[])?;
    place.add(&[&reference, "--name", "acme"])?.exits(0)?;
    let listed = place.run(&["list", "plugins"])?;
    ensure!(listed.exits(0)?.stdout.contains(&pinned), "{}", listed.transcript());
    let shown = place.run(&["show-config"])?;
    let digest = pinned.rsplit('@').next().unwrap_or_default();
    ensure!(shown.exits(0)?.stdout.contains(&format!("# manifest {digest}")), "{}", shown.transcript());
    let valid = place.run(&["validate"])?;
    ensure!(valid.exits(0)?.stdout.contains("1 plugin,"), "{}", valid.transcript());
    Ok(())
}

//! The files as they would be.

use crate::made::{Made, PEER, cause, loopback, name_on_bridge, remedy, run, write};
use seaworthy_model::Layer;
use seaworthy_remedy::{Around, Content, FileChange, Kind, TextFile, propose};
use std::collections::BTreeMap;

/// What would become of some files.
fn files(made: &Made, around: &Around, there: &[(&str, &str)]) -> BTreeMap<String, FileChange> {
    let there: BTreeMap<&str, &str> = there.iter().copied().collect();
    let read = |path: &str| Ok(there.get(path).map(|text| (*text).to_owned()));
    propose(&made.0, around, None).files(&read).into_iter().map(|file| (file.path.clone(), file)).collect()
}

fn text(file: &FileChange) -> &str {
    file.after.as_deref().unwrap()
}

#[test]
fn an_environment_file_has_the_new_peers_and_keeps_the_rest() {
    let made = Made::on("bridge").cause(loopback());
    let all =
        files(&made, &Around::default(), &[("seaworthy.env", "# mine\nCACHE_BOOTSTRAP_PEERS=old\nCACHE_DIR=/c\n")]);
    let file = &all["seaworthy.env"];
    let line = format!("CACHE_BOOTSTRAP_PEERS=/ip4/172.17.0.1/tcp/9100/p2p/{PEER}");
    assert_eq!(text(file), format!("# mine\n{line}\nCACHE_DIR=/c\n"));
    assert!(file.is_needed() && file.blockers.is_empty());
    let diff = file.diff();
    assert!(diff.starts_with("--- seaworthy.env\n+++ seaworthy.env\n"), "{diff}");
    assert!(diff.contains("\n-CACHE_BOOTSTRAP_PEERS=old\n") && diff.contains(&format!("\n+{line}\n")), "{diff}");
    let again = files(&made, &Around::default(), &[("seaworthy.env", text(file))]);
    assert!(!again["seaworthy.env"].is_needed() && again["seaworthy.env"].diff().is_empty());
}

#[test]
fn a_whole_compose_file_has_peer_and_runner_on_one_network() {
    let all = files(&Made::on("bridge").cause(name_on_bridge()), &Around::default(), &[]);
    let text = text(&all["docker-compose.yml"]);
    for line in [
        "  cache-peer:\n    image: \"${SEAWORTHY_IMAGE:-seaworthy}\"\n",
        "  runner:\n",
        "      CACHE_BOOTSTRAP_PEERS:\n",
        "    networks:\n      - \"cache-net\"\n",
        "networks:\n  cache-net:\nvolumes:\n  cache-peer-state:\n",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
    assert!(!text.contains("external"), "compose makes the network itself:\n{text}");
}

#[test]
fn a_compose_file_of_somebody_is_put_over_and_never_rewritten() {
    let base = "# mine\nservices:\n  build:\n    image: x\n    environment:\n      CACHE_BOOTSTRAP_PEERS: old\n  other:\n    image: y\n";
    let compose = TextFile { path: "docker-compose.yml".into(), text: base.into() };
    let mut around = Around { compose: Some(compose), ..Around::default() };
    let made = Made::on("bridge").cause(loopback());
    let all = files(&made, &around, &[]);
    let text = text(&all["docker-compose.override.yml"]);
    let line =
        format!("  build:\n    environment:\n      CACHE_BOOTSTRAP_PEERS: \"/ip4/172.17.0.1/tcp/9100/p2p/{PEER}\"\n");
    assert!(text.ends_with(&line), "{text}");
    assert!(!all.contains_key("docker-compose.yml"));
    // The name of the override is taken: another file, and a command that names all three.
    around.compose_override =
        Some(TextFile { path: "docker-compose.override.yml".into(), text: "services: {}\n".into() });
    let beside = files(&made, &around, &[]);
    assert!(beside.contains_key("docker-compose.seaworthy.yml"), "{beside:?}");
    let fix = &propose(&made.0, &around, None).fixes[0];
    let commands = fix.changes.iter().filter(|change| change.kind == Kind::Compose);
    let up =
        "docker compose -f docker-compose.yml -f docker-compose.override.yml -f docker-compose.seaworthy.yml up -d";
    assert!(commands.into_iter().any(|change| change.content == Content::Command(up.into())));
}

#[test]
fn a_service_that_cannot_be_told_is_asked_for() {
    let base = "services:\n  a:\n    image: x\n  b:\n    image: y\n";
    let compose = TextFile { path: "compose.yaml".into(), text: base.into() };
    let mut around = Around { compose: Some(compose), ..Around::default() };
    let made = Made::on("bridge").cause(loopback());
    assert!(!files(&made, &around, &[]).keys().any(|path| path.contains("compose")));
    let fix = &propose(&made.0, &around, None).fixes[0];
    assert!(fix.changes.iter().any(|change| change.kind == Kind::Compose && change.text.contains("--service")));
    around.service = Some("b".into());
    assert!(text(&files(&made, &around, &[])["compose.override.yaml"]).contains("\n  b:\n"));
}

#[test]
fn dollars_and_quotes_stay_what_they_are_in_compose() {
    let made = Made::on("bridge").cause(cause(
        "x.y",
        Layer::Config,
        vec![remedy("r", vec![run("export CACHE_DIR='/a \"b\" $c: #d'")])],
    ));
    let around = Around { places: [(Kind::Compose, "c.yml".to_owned())].into(), ..Around::default() };
    let all = files(&made, &around, &[]);
    assert!(text(&all["c.yml"]).contains("      CACHE_DIR: \"/a \\\"b\\\" $$c: #d\"\n"), "{}", text(&all["c.yml"]));
    assert!(text(&all["seaworthy.env"]).contains("\nCACHE_DIR=/a \"b\" $c: #d\n"));
}

#[test]
fn a_daemon_file_is_merged_and_one_that_cannot_be_read_is_left() {
    let made = Made::on("bridge").cause(cause(
        "dns.resolver-failed",
        Layer::Dns,
        vec![remedy(
            "set-dns-server",
            vec![run("--dns 10.0.0.2"), write("/etc/docker/daemon.json", "{\"dns\": [\"10.0.0.2\"]}")],
        )],
    ));
    let all = files(
        &made,
        &Around::default(),
        &[("/etc/docker/daemon.json", "{\"log-driver\": \"local\", \"dns\": [\"8.8.8.8\"]}")],
    );
    let file = &all["/etc/docker/daemon.json"];
    let compact: serde_json::Value = serde_json::from_str(text(file)).unwrap();
    assert_eq!(compact.to_string(), "{\"log-driver\":\"local\",\"dns\":[\"10.0.0.2\",\"8.8.8.8\"]}");
    assert!(!file.named);
    let all = files(&made, &Around::default(), &[("/etc/docker/daemon.json", "{ // mine")]);
    assert!(all["/etc/docker/daemon.json"].after.is_err());
}

#[test]
fn two_causes_share_a_file() {
    let made = Made::on("bridge").cause(loopback()).cause(cause(
        "env.p2p-disabled",
        Layer::Config,
        vec![remedy("enable-p2p", vec![run("export CACHE_ENABLE_P2P=true")])],
    ));
    let all = files(&made, &Around::default(), &[]);
    let file = &all["seaworthy.env"];
    assert_eq!(file.causes, ["docker.loopback-in-bridge", "env.p2p-disabled"]);
    assert!(text(file).contains("CACHE_BOOTSTRAP_PEERS=") && text(file).contains("CACHE_ENABLE_P2P=true"));
}

#[test]
fn a_workflow_piece_names_job_and_container() {
    let flow =
        "on: push\njobs:\n  lint:\n    runs-on: x\n  test:\n    env:\n      CACHE_ENABLE_P2P: true\n    steps: []\n";
    let workflows = vec![TextFile { path: ".github/workflows/test.yml".into(), text: flow.into() }];
    let around = Around { workflows, ..Around::default() };
    let mut host_name = loopback();
    host_name.remediations.remove(0);
    let made = Made::on("bridge").fact("ci", "github-actions").cause(host_name);
    let fix = &propose(&made.0, &around, None).fixes[0];
    let piece = fix.changes.iter().find_map(|change| match &change.content {
        Content::Piece(piece) => Some(piece),
        _ => None,
    });
    let piece = piece.unwrap();
    assert_eq!(piece.file.as_deref(), Some(".github/workflows/test.yml"));
    let expected =
        "jobs:\n  test:\n    container:\n      options: \"--add-host host.docker.internal:host-gateway\"\n      env:\n";
    assert!(piece.text.starts_with(expected), "{}", piece.text);
    assert!(files(&made, &around, &[]).keys().all(|path| !path.contains("workflows")), "it is somebody's own");
}

#[test]
fn a_file_that_is_not_ours_is_not_replaced() {
    let around = Around { places: [(Kind::Workflow, "w.yml".to_owned())].into(), ..Around::default() };
    let made = Made::on("bridge").cause(loopback());
    let fresh = files(&made, &around, &[]);
    assert!(text(&fresh["w.yml"]).contains("image: ${{ vars.RUNNER_IMAGE }}"));
    let again = files(&made, &around, &[("w.yml", text(&fresh["w.yml"]))]);
    assert!(!again["w.yml"].is_needed());
    let theirs = files(&made, &around, &[("w.yml", "name: mine\n")]);
    assert!(theirs["w.yml"].after.is_err());
}

#[test]
fn a_folder_of_the_changes_is_in_every_name() {
    let around = Around { folder: Some("out".into()), ..Around::default() };
    let made = Made::on("bridge").cause(name_on_bridge());
    assert!(files(&made, &around, &[]).contains_key("out/docker-compose.yml"));
    let made = Made::on("bridge").cause(loopback());
    let fix = &propose(&made.0, &around, None).fixes[0];
    let flags = fix.changes.iter().find(|change| change.kind == Kind::Docker).unwrap();
    assert_eq!(flags.content, Content::Command("--env-file out/seaworthy.env".into()));
}

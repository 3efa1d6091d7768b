//! What goes wrong is an error of its kind, and never a miss.

use crate::runner::Runner;
use crate::{CONFIGURATION, Here, UNCLEAR};
use anyhow::{Result, ensure};
use seaworthy_tests::{Scene, Storacha, StorachaAddresses, scratch};
use serde_json::json;
use std::ffi::OsString;
use std::net::TcpListener;
use std::process::{Command, Stdio};

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("a_key_of_another_agent_is_unauthenticated", wrong_agent),
        Scene::new("an_expired_proof_is_unauthenticated", expired_proof),
        Scene::new("a_proof_that_grants_too_little_is_forbidden", narrow_proof),
        Scene::new("a_proof_for_another_space_is_forbidden", other_space),
        Scene::new("a_key_that_is_none_is_unauthenticated_and_not_told", bad_key),
        Scene::new("a_space_without_a_provider_is_configuration", not_provisioned),
        Scene::new("uploads_that_are_switched_off_are_retired", disabled),
        Scene::new("a_gateway_that_is_gone_is_retired", gone),
        Scene::new("names_that_are_no_more_are_retired", dead_names).unless(no_namespace()),
        Scene::new("a_gateway_that_lies_is_an_integrity_error", lying),
        Scene::new("a_gateway_that_does_not_find_what_the_space_holds_is_no_miss", lagging),
        Scene::new("a_service_or_gateway_that_is_down_is_unreachable", down),
        Scene::new("an_upload_goes_only_where_the_policy_says", ungranted_storage),
        Scene::new("nothing_is_sent_anywhere_by_default", no_defaults),
    ]
}

fn wrong_agent(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let granted = service.grant(&json!({}))?;
    let other = service.grant(&json!({}))?;
    let runner = Runner::new(&service.at, &granted)?.with("STORACHA_AGENT_KEY", &other.key);
    let run = runner.fails(&["get", "key"], "unauthenticated", UNCLEAR)?;
    ensure!(run.stderr.contains(&granted.agent) && run.stderr.contains(&other.agent), "{}", run.transcript());
    ensure!(!run.stderr.contains(&other.key) && !run.stderr.contains(&granted.proof), "{}", run.transcript());
    Ok(())
}

fn expired_proof(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({ "expires": 1_700_000_000 }))?)?;
    let run = runner.fails(&["get", "key"], "unauthenticated", UNCLEAR)?;
    ensure!(run.stderr.contains("1700000000") && run.stderr.contains("delegation create"), "{}", run.transcript());
    Ok(())
}

fn narrow_proof(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({ "can": ["upload/list", "space/info"] }))?)?;
    let run = runner.fails(&["get", "key"], "forbidden", UNCLEAR)?;
    ensure!(run.stderr.contains("space/blob/add"), "{}", run.transcript());
    Ok(())
}

fn other_space(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let (granted, other) = (service.grant(&json!({}))?, service.grant(&json!({}))?);
    let runner = Runner::new(&service.at, &granted)?.with("STORACHA_SPACE", &other.space);
    runner.fails(&["get", "key"], "forbidden", UNCLEAR)?;
    Ok(())
}

fn bad_key(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let secret = "MgAAAAhunter2hunter2hunter2hunter2";
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?.with("STORACHA_AGENT_KEY", secret);
    let run = runner.fails(&["get", "key"], "unauthenticated", UNCLEAR)?;
    ensure!(run.stderr.contains("STORACHA_AGENT_KEY") && !run.stderr.contains("hunter2"), "{}", run.transcript());
    Ok(())
}

fn not_provisioned(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({ "provision": false }))?)?;
    let put = runner.put("key", b"value", &[])?;
    put.exits(CONFIGURATION)?;
    ensure!(put.stderr.contains("has no storage provider"), "{}", put.transcript());
    Ok(())
}

fn disabled(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?;
    runner.put("before", b"value", &[])?.exits(0)?;
    service.disable(&["space/blob/add", "upload/add"])?;
    let put = runner.put("key", b"value", &[])?;
    put.exits(UNCLEAR)?;
    for says in ["retired", "currently disabled", "Filebase", "s3"] {
        ensure!(put.stderr.contains(says), "it does not say `{says}`\n{}", put.transcript());
    }
    // What was stored is still read: the end of uploads is not that of everything.
    ensure!(runner.get("before")?.as_deref() == Some(b"value"), "reads go on");
    ensure!(runner.get("key")?.is_none(), "nothing was stored");
    Ok(())
}

fn gone(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?;
    runner.put("key", b"value", &[])?.exits(0)?;
    service.gateway("gone")?;
    let run = runner.fails(&["get", "key"], "retired", UNCLEAR)?;
    ensure!(run.stderr.contains("410"), "{}", run.transcript());
    Ok(())
}

/// Why there can be no place with a name server of its own.
pub(crate) fn no_namespace() -> Option<String> {
    let tried = Command::new("unshare").args(["--net", "--mount", "true"]).stderr(Stdio::null()).status();
    match tried {
        Ok(status) if status.success() => None,
        _ => Some("no network and mount namespace can be made here (unshare)".into()),
    }
}

/// A command that runs another one where a name server says of every name that there is none.
pub(crate) fn where_no_name_is(resolver: &std::path::Path) -> Vec<OsString> {
    const SCRIPT: &str = "PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH\n\
        ip link set lo up && mount --make-rprivate / && mount --bind \"$1\" /etc/resolv.conf || exit 99\n\
        \"$2\" names 127.0.0.1:53 >/dev/null & server=$!\n\
        shift 2; sleep 0.3; \"$@\"; code=$?; kill $server; exit $code";
    let server = env!("CARGO_BIN_EXE_lab-server");
    let words = ["unshare", "--net", "--mount", "sh", "-c", SCRIPT, "sh"];
    words.iter().map(OsString::from).chain([resolver.into(), server.into()]).collect()
}

/// The service and the gateway that everybody knew.
pub(crate) fn former() -> StorachaAddresses {
    StorachaAddresses {
        url: "https://up.storacha.network".into(),
        gateway: "https://w3s.link".into(),
        storage: Vec::new(),
        did: String::new(),
    }
}

fn dead_names(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let granted = service.grant(&json!({}))?;
    let folder = scratch()?;
    let resolver = folder.path().join("resolv.conf");
    std::fs::write(&resolver, "nameserver 127.0.0.1\n")?;
    let through = where_no_name_is(&resolver);
    let runner = Runner::new(&former(), &granted)?;
    let run = runner.discreet(runner.command(&["cache", "get", "key"])?.through(&through).run()?)?;
    run.exits(UNCLEAR)?;
    ensure!(run.stderr.contains("retired") && run.stderr.contains("up.storacha.network"), "{}", run.transcript());
    // A name of somebody else that does not exist is a misspelling, or a network.
    let runner = Runner::new(&former(), &granted)?.with("STORACHA_SERVICE_URL", "https://up.storacha.example");
    let run = runner.command(&["cache", "get", "key"])?.through(&through).run()?;
    run.exits(UNCLEAR)?;
    ensure!(run.stderr.contains("unreachable") && !run.stderr.contains("retired"), "{}", run.transcript());
    Ok(())
}

fn lying(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?;
    runner.put("key", &[7; 5_000], &[])?.exits(0)?;
    for mode in ["flip", "cut"] {
        service.gateway(mode)?;
        runner.fails(&["get", "key"], "integrity", UNCLEAR)?;
    }
    service.gateway("honest")?;
    ensure!(runner.get("key")? == Some(vec![7; 5_000]), "the lie left nothing behind");
    Ok(())
}

fn lagging(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?;
    runner.put("key", b"value", &[])?.exits(0)?;
    service.gateway("missing")?;
    for words in [["get", "key"], ["stat", "key"]] {
        runner.fails(&words, "unreachable", UNCLEAR)?;
    }
    service.gateway("broken")?;
    runner.fails(&["get", "key"], "unreachable", UNCLEAR)?;
    service.gateway("honest")?;
    ensure!(runner.get("key")?.as_deref() == Some(b"value"), "nothing was forgotten meanwhile");
    Ok(())
}

fn down(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let granted = service.grant(&json!({}))?;
    let runner = Runner::new(&service.at, &granted)?;
    runner.put("key", b"value", &[])?.exits(0)?;
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        format!("http://{}", listener.local_addr()?)
    };
    let runner = runner.with("STORACHA_GATEWAY_URL", &closed);
    runner.fails(&["get", "key"], "unreachable", UNCLEAR)?;
    ensure!(runner.get("other")?.is_none(), "what the space does not name is a miss without the gateway");
    let runner = runner.with("STORACHA_SERVICE_URL", &closed);
    for words in [&["get", "key"][..], &["get", "other"], &["stat", "key"], &["rm", "key"], &["list"]] {
        runner.fails(words, "unreachable", UNCLEAR)?;
    }
    Ok(())
}

fn ungranted_storage(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?.with("STORACHA_STORAGE_URLS", "");
    let put = runner.put("key", b"value", &[])?;
    put.exits(CONFIGURATION)?;
    ensure!(put.stderr.contains("denied") && put.stderr.contains("`storage`"), "{}", put.transcript());
    ensure!(service.blobs()? == 0 && runner.get("key")?.is_none(), "nothing was stored");
    Ok(())
}

fn no_defaults(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?.with("STORACHA_GATEWAY_URL", "");
    let run = runner.fails(&["get", "key"], "configuration", CONFIGURATION)?;
    ensure!(run.stderr.contains("STORACHA_GATEWAY_URL"), "{}", run.transcript());
    Ok(())
}

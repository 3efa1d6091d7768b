//! Host calls as data: a run that is recorded and replayed, and cases in which an author
//! writes down what the host answers.

use anyhow::{Context, Result, ensure};
use seaworthy_model::{ErrorReason, Report, Status};
use seaworthy_tests::{Reading, Run, Scripted, Seaworthy, build_guests, scratch, workspace_root};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn seaworthy(folder: &Path, words: &[&str]) -> Result<Run> {
    Seaworthy::new(words)?.directory(folder).run()
}

/// A run with a peer of its own, recorded in the folder.
fn recorded(folder: &Path) -> Result<Report> {
    seaworthy(folder, &["run", "--embedded", "--record", "run.json", "-f", "json"])?.exits(0)?.report()
}

/// What a report says of the world: statuses, facts and findings, without times.
fn said(report: &Report) -> Vec<(String, Status, Vec<String>)> {
    let one = |check: &seaworthy_model::CheckResult| {
        let facts = check.facts.iter().map(|fact| format!("{} = {}", fact.key, fact.value));
        let findings = check.findings.iter().map(|finding| format!("{} at {:?}", finding.code, finding.target));
        (check.id.clone(), check.status, facts.chain(findings).collect())
    };
    report.checks.iter().map(one).collect()
}

#[test]
fn a_run_is_replayed_without_its_peer() -> Result<()> {
    let folder = scratch()?;
    let live = recorded(folder.path())?;
    // The peer is gone, and none of its variables is set.
    let run = seaworthy(folder.path(), &["run", "--replay", "run.json", "-f", "json"])?;
    let replayed = run.exits(0)?.report()?;
    ensure!(said(&live) == said(&replayed), "live {:#?}\nreplayed {:#?}", said(&live), said(&replayed));
    ensure!(replayed.vantage.facts.contains_key("replay-of"), "the report does not say that it is a replay");
    ensure!(run.stderr.contains("replaying"), "{}", run.transcript());
    let dialled = |report: &Report| {
        let check = report.check("net.connectivity").ok()?;
        check.evidence.iter().find(|seen| seen.probe == "swarm.dial").map(|seen| seen.asked.clone())
    };
    ensure!(dialled(&live).is_some() && dialled(&live) == dialled(&replayed), "the evidence is another");
    Ok(())
}

#[test]
fn a_failure_is_replayed_with_its_cause() -> Result<()> {
    let folder = scratch()?;
    let refused = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWLWtVaCQmTQ8rFvJ9RhPvN4nQe4XTdG1ZQ8M3Vv8o7cXn";
    let live = Seaworthy::new(["run", "--record", "run.json", "-f", "json"])?
        .env("CACHE_ENABLE_P2P", "true")
        .env("CACHE_BOOTSTRAP_PEERS", refused)
        .env("CACHE_P2P_SHARED_SECRET", "a secret of thirty-two characters")
        .directory(folder.path())
        .run()?
        .exits(1)?
        .report()?;
    let replayed = seaworthy(folder.path(), &["run", "--replay", "run.json", "-f", "json"])?.exits(1)?.report()?;
    let causes = |report: &Report| report.causes.iter().map(|cause| cause.code.clone()).collect::<Vec<_>>();
    ensure!(
        !causes(&live).is_empty() && causes(&live) == causes(&replayed),
        "{:?} {:?}",
        causes(&live),
        causes(&replayed)
    );
    ensure!(said(&live) == said(&replayed), "live {:#?}\nreplayed {:#?}", said(&live), said(&replayed));
    let text = std::fs::read_to_string(folder.path().join("run.json"))?;
    ensure!(!text.contains("a secret of thirty-two"), "the recording holds the secret");
    Ok(())
}

/// Changes a recording and says how the replay of it ends.
fn tampered(change: impl FnOnce(&mut Value) -> Result<()>) -> Result<Run> {
    let folder = scratch()?;
    recorded(folder.path())?;
    let path = folder.path().join("run.json");
    let mut value: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    change(&mut value)?;
    std::fs::write(&path, value.to_string())?;
    seaworthy(folder.path(), &["run", "--replay", "run.json", "-f", "json"])
}

/// The calls of one check of a recording.
fn calls<'a>(recording: &'a mut Value, check: &str) -> Result<&'a mut Vec<Value>> {
    let steps = recording["steps"].as_array_mut().context("no steps")?;
    let step = steps.iter_mut().find(|step| step["check"] == check).context("no such step")?;
    step["calls"].as_array_mut().context("no calls")
}

#[test]
fn what_departs_from_the_recording_could_not_be_told() -> Result<()> {
    let replay = |run: Run, check: &str| -> Result<String> {
        let report = run.exits(5)?.report()?;
        let check = report.check(check)?;
        ensure!(check.error_reason == Some(ErrorReason::Replay), "{}", report.digest());
        Ok(check.message.clone())
    };
    let asked = tampered(|recording| {
        let dial = calls(recording, "net.connectivity")?.iter_mut().find(|call| call["function"] == "p2p/swarm.dial");
        dial.context("no dial")?["asked"]["attempts"][0]["pings"] = 7.into();
        Ok(())
    })?;
    let message = replay(asked, "net.connectivity")?;
    ensure!(message.contains("attempts[0].pings") && message.contains('7'), "{message}");
    let more = tampered(|recording| {
        let last = calls(recording, "env.variables")?.last().cloned().context("no call")?;
        calls(recording, "env.variables")?.push(last);
        Ok(())
    })?;
    let message = replay(more, "env.variables")?;
    ensure!(message.contains("without asking") && message.contains("env/vars.matching"), "{message}");
    let gone = tampered(|recording| {
        recording["steps"].as_array_mut().context("no steps")?.retain(|step| step["check"] != "p2p.encryption");
        Ok(())
    })?;
    let message = replay(gone, "p2p.encryption")?;
    ensure!(message.contains("has no attempt 1") && message.contains("env.variables"), "{message}");
    let unreadable = tampered(|recording| {
        calls(recording, "env.variables")?[0]["answer"] = serde_json::json!({ "variabels": [] });
        Ok(())
    })?;
    let message = replay(unreadable, "env.variables")?;
    ensure!(message.contains("`variabels`") && message.contains("variables"), "{message}");
    Ok(())
}

#[test]
fn what_is_no_recording_is_refused_with_its_reason() -> Result<()> {
    for (text, told) in [
        ("{", "not JSON"),
        ("{}", "no `schema_version`"),
        (r#"{ "schema_version": 99 }"#, "format 99"),
        (r#"{ "schema_version": 1 }"#, "not a recording"),
    ] {
        let folder = scratch()?;
        std::fs::write(folder.path().join("run.json"), text)?;
        let run = seaworthy(folder.path(), &["run", "--replay", "run.json"])?;
        run.exits(3)?;
        ensure!(run.stderr.contains("run.json") && run.stderr.contains(told), "{text}: {}", run.transcript());
    }
    let folder = scratch()?;
    seaworthy(folder.path(), &["run", "--replay", "absent.json"])?.exits(3)?;
    seaworthy(folder.path(), &["run", "--replay", "a.json", "--record", "b.json"])?.exits(2)?;
    Ok(())
}

/// The check of another team, and a copy of its cases that may be changed.
struct Project {
    folder: tempfile::TempDir,
    component: PathBuf,
}

impl Project {
    fn new() -> Result<Self> {
        let built = build_guests("plugin-outside")?.join("tcp_banner.wasm");
        let folder = scratch()?;
        let component = folder.path().join("tcp-banner.wasm");
        std::fs::copy(built, &component)?;
        std::fs::create_dir(folder.path().join("cases"))?;
        for entry in std::fs::read_dir(workspace_root().join("tests/fixtures/plugin-outside/cases"))? {
            let entry = entry?;
            std::fs::copy(entry.path(), folder.path().join("cases").join(entry.file_name()))?;
        }
        Ok(Self { folder, component })
    }

    fn test(&self, flags: &[&str]) -> Result<Run> {
        let words: Vec<&str> = ["plugin", "test", "tcp-banner.wasm"].iter().chain(flags).copied().collect();
        seaworthy(self.folder.path(), &words)
    }

    fn case(&self, name: &str) -> PathBuf {
        self.folder.path().join("cases").join(format!("{name}.toml"))
    }

    fn change(&self, name: &str, from: &str, to: &str) -> Result<()> {
        let text = std::fs::read_to_string(self.case(name))?;
        ensure!(text.contains(from), "{from} is not in {name}");
        Ok(std::fs::write(self.case(name), text.replacen(from, to, 1))?)
    }
}

#[test]
fn the_cases_of_a_check_pass_without_a_network() -> Result<()> {
    let project = Project::new()?;
    let run = project.test(&[])?;
    run.exits(0)?;
    ensure!(run.stdout.contains("5 passed, 0 failed"), "{}", run.transcript());
    project.test(&["--case", "refused"])?.exits(0)?;
    let none = project.test(&["--case", "nothing-like-it"])?;
    none.exits(4)?;
    Ok(())
}

#[test]
fn a_case_that_differs_is_shown_as_a_difference() -> Result<()> {
    let project = Project::new()?;
    project.change("refused", "banner.unreachable", "banner.differs")?;
    project.change("greets", "220 ready", "421 busy")?;
    let run = project.test(&["--junit", "results.xml"])?;
    run.exits(1)?;
    for part in [
        "- code = \"banner.differs\"",
        "+ code = \"banner.unreachable\"",
        "pass is expected, and it is fail",
        "fact greeting-ms",
        "3 passed, 2 failed",
    ] {
        ensure!(run.stdout.contains(part), "{part} is not told\n{}", run.transcript());
    }
    let junit = std::fs::read_to_string(project.folder.path().join("results.xml"))?;
    ensure!(junit.contains("failures=\"2\"") && junit.contains("name=\"refused\""), "{junit}");
    Ok(())
}

#[test]
fn a_call_too_few_and_a_call_too_many_fail() -> Result<()> {
    let project = Project::new()?;
    let call = "\n[[call]]\nfunction = \"net/tcp.connect\"\nanswer = []\n\n[expect]";
    project.change("refused", "\n[expect]", call)?;
    project.change(
        "other-service",
        "[[call]]\nfunction = \"net/tcp.connect\"",
        "[[call]]\nfunction = \"net/tls.handshake\"",
    )?;
    let run = project.test(&[])?;
    run.exits(1)?;
    ensure!(
        run.stdout.contains("without asking for what comes next: call 2 `net/tcp.connect`"),
        "{}",
        run.transcript()
    );
    ensure!(run.stdout.contains("where `net/tls.handshake` is written down"), "{}", run.transcript());
    Ok(())
}

#[test]
fn update_writes_what_the_check_says_now() -> Result<()> {
    let project = Project::new()?;
    project.change("refused", "banner.unreachable", "banner.differs")?;
    let before = std::fs::read_to_string(project.case("refused"))?;
    let run = project.test(&["--update"])?;
    run.exits(1)?;
    let after = std::fs::read_to_string(project.case("refused"))?;
    let kept = before.split("[expect]").next().unwrap_or_default();
    ensure!(after.starts_with(kept) && after.contains("code = \"banner.unreachable\""), "{after}");
    project.test(&[])?.exits(0)?;
    Ok(())
}

#[test]
fn a_case_that_cannot_be_read_is_named_with_its_line() -> Result<()> {
    for (from, to, told) in [
        ("status = \"fail\"", "staus = \"fail\"", "staus"),
        ("with = { greeting = \"220 \" }", "with = { greting = \"220 \" }", "greting"),
        ("title = ", "check = \"acme/other\"\ntitle = ", "acme/tcp-banner"),
        ("title = ", "now = \"today\"\ntitle = ", "now = \"today\""),
    ] {
        let project = Project::new()?;
        project.change("refused", from, to)?;
        let run = project.test(&["--case", "refused"])?;
        run.exits(3)?;
        ensure!(run.stderr.contains("refused.toml") && run.stderr.contains(told), "{told}: {}", run.transcript());
    }
    Ok(())
}

#[test]
fn a_recorded_run_is_a_case() -> Result<()> {
    let project = Project::new()?;
    let policy = format!(
        "version = 1\n[plugins.acme]\nsource = \"file:{}\"\ngrant.net = [\"127.0.0.1:9\"]\ngrant.env = [\"HTTPS_PROXY\"]\n\
         [targets.mail]\nkind = \"tcp\"\naddresses = [\"127.0.0.1:9\"]\n\
         [[check]]\nid = \"greeting\"\nuse = \"acme:acme/tcp-banner\"\ntarget = \"mail\"\nwith = {{ greeting = \"220 \" }}\n",
        project.component.display()
    );
    std::fs::write(project.folder.path().join("checks.toml"), policy)?;
    seaworthy(project.folder.path(), &["run", "--report-only", "--record", "cases/nobody.json"])?.exits(0)?;
    std::fs::write(
        project.case("nobody"),
        "recording = \"nobody.json\"\n[expect]\nstatus = \"fail\"\nfindings = [{ code = \"banner.unreachable\", target = \"127.0.0.1:9\" }]\n",
    )?;
    project.test(&["--case", "nobody"])?.exits(0)?;
    Ok(())
}

#[test]
fn an_adapter_is_rehearsed_operation_by_operation() -> Result<()> {
    let origin =
        seaworthy_bundled::COMPONENTS.iter().find(|component| component.name == "origin").context("no origin")?;
    let folder = scratch()?;
    std::fs::write(folder.path().join("origin.wasm"), origin.wasm)?;
    std::fs::create_dir(folder.path().join("cases"))?;
    let case = r#"
title = "a value, a miss, and a server that is broken"
config = { url = "http://api.example" }

[[do]]
operation = "open"
expect = { capability = { operations = ["get", "stat"] } }

[[do]]
operation = "get"
key = "repos/x"
expect = { hit = { bytes = "value" } }
[[do.call]]
function = "credentials/authorized-http.send"
asked = { requests = [{ request = { method = "GET", url = "http://api.example/repos/x" } }] }
answer = [{ outcome = { ok = { status = 200, body = "value" } } }]

[[do]]
operation = "get"
key = "repos/y"
expect = { miss = true }
[[do.call]]
function = "credentials/authorized-http.send"
answer = [{ outcome = { ok = { status = 404 } } }]
"#;
    let path = folder.path().join("cases/api.toml");
    std::fs::write(&path, case)?;
    let run = seaworthy(folder.path(), &["plugin", "test", "origin.wasm"])?;
    run.exits(0)?;
    std::fs::write(&path, case.replace("miss = true", "hit = { bytes = 'x' }"))?;
    let run = seaworthy(folder.path(), &["plugin", "test", "origin.wasm"])?;
    run.exits(1)?;
    ensure!(run.stdout.contains("do 3, get repos/y: a hit is expected, and it is a miss"), "{}", run.transcript());
    Ok(())
}

#[test]
fn a_component_is_taken_apart_measured_and_documented() -> Result<()> {
    let project = Project::new()?;
    let seen = seaworthy(project.folder.path(), &["plugin", "inspect", "tcp-banner.wasm"])?;
    seen.exits(0)?;
    for part in [
        "acme/tcp-banner",
        "seaworthy:net/tcp@0.1.0",
        "greeting (string, required)",
        "banner.differs (fail, protocol)",
        "env HTTPS_PROXY",
        "runs here  yes",
    ] {
        ensure!(seen.stdout.contains(part), "{part} is not told\n{}", seen.transcript());
    }
    let json = seaworthy(project.folder.path(), &["plugin", "inspect", "tcp-banner.wasm", "-f", "json"])?;
    let json: Value = serde_json::from_str(&json.exits(0)?.stdout)?;
    ensure!(
        json["runs"] == true && json["descriptor"]["name"] == "tcp-banner" && json["notes"] == serde_json::json!([]),
        "{json}"
    );

    std::fs::write(project.folder.path().join("module.wasm"), b"\0asm\x01\0\0\0")?;
    let refused = seaworthy(project.folder.path(), &["plugin", "inspect", "module.wasm"])?;
    refused.exits(3)?;
    ensure!(refused.stdout.contains("no: it is a core module"), "{}", refused.transcript());

    let bench = seaworthy(project.folder.path(), &["plugin", "bench", "tcp-banner.wasm", "--runs", "3"])?;
    bench.exits(0)?;
    for part in ["bundled median", "compile (cold)", "instantiate (median)", "greets", "host calls"] {
        ensure!(bench.stdout.contains(part), "{part} is not told\n{}", bench.transcript());
    }
    let docs = seaworthy(project.folder.path(), &["plugin", "docs", "tcp-banner.wasm"])?;
    ensure!(
        docs.exits(0)?.stdout.contains("#### `banner.differs`: the target greets differently"),
        "{}",
        docs.transcript()
    );
    Ok(())
}

/// A header that holds credentials is no text of which a pattern tells that it does.
#[test]
fn a_recording_holds_no_cookie_and_is_replayed_all_the_same() -> Result<()> {
    let head = "HTTP/1.1 200 OK\r\nSet-Cookie: session=TOPSECRETCOOKIE\r\nX-Auth-Token: TOPSECRETTOKEN\r\nContent-Length: 0\r\n\r\n";
    let server = Scripted::always(head, "")?;
    let folder = scratch()?;
    let policy = format!(
        "version = 1\n[targets.site]\nkind = \"http\"\nurl = \"{}\"\n[[check]]\nid = \"site\"\nuse = \"bundled:net/http\"\ntarget = \"site\"\n",
        server.url()
    );
    std::fs::write(folder.path().join("checks.toml"), policy)?;
    let live = seaworthy(folder.path(), &["run", "--record", "run.json", "-f", "json"])?.report()?;
    ensure!(!server.asked().is_empty(), "the server was not asked");
    let text = std::fs::read_to_string(folder.path().join("run.json"))?;
    let recording: Value = serde_json::from_str(&text)?;
    let calls = recording["steps"][0]["calls"].to_string();
    ensure!(calls.to_ascii_lowercase().contains("set-cookie"), "the answer is not in the recording: {calls}");
    ensure!(!calls.contains("TOPSECRET"), "a credential is in the recording: {calls}");
    drop(server);
    let replayed = seaworthy(folder.path(), &["run", "--replay", "run.json", "-f", "json"])?.report()?;
    ensure!(said(&live) == said(&replayed), "live {:#?}\nreplayed {:#?}", said(&live), said(&replayed));
    Ok(())
}

/// A case whose calls are not those of the component is wrong, whatever it expects.
#[test]
fn an_expected_error_is_not_a_case_without_answers() -> Result<()> {
    let project = Project::new()?;
    std::fs::write(
        project.case("blind"),
        "with = { greeting = \"220 \" }\ntargets = [\"192.0.2.1:25\"]\n[expect]\nstatus = \"error\"\n",
    )?;
    let run = project.test(&["--case", "blind"])?;
    run.exits(1)?;
    ensure!(run.stdout.contains("asks `net/tcp.connect`"), "{}", run.transcript());
    let updated = project.test(&["--case", "blind", "--update"])?;
    updated.exits(3)?;
    ensure!(updated.stderr.contains("its calls are not those"), "{}", updated.transcript());
    let bench = seaworthy(project.folder.path(), &["plugin", "bench", "tcp-banner.wasm", "--runs", "1"])?;
    bench.exits(3)?;
    ensure!(bench.stderr.contains("`blind` does not pass"), "{}", bench.transcript());
    Ok(())
}

/// A plugin stands in no bundled component's place.
#[test]
fn a_bundled_name_is_taken() -> Result<()> {
    let project = Project::new()?;
    let policy = "version = 1\n[plugins.net]\nsource = \"file:tcp-banner.wasm\"\n[[check]]\nid = \"a\"\nuse = \"bundled:env/variables\"\n";
    std::fs::write(project.folder.path().join("checks.toml"), policy)?;
    let run = seaworthy(project.folder.path(), &["validate"])?;
    run.exits(3)?;
    ensure!(run.stderr.contains("`net` has the name of a bundled component"), "{}", run.transcript());
    Ok(())
}

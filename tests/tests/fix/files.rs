//! The files, as the programs that read them see them; and what is not written.

use crate::{Stage, programs};
use anyhow::{Context as _, Result, ensure};
use seaworthy_tests::{Run, Scene, Seaworthy, scratch, server};
use serde_json::{Value, json};
use std::path::Path;

const PEERS: &str = "/ip4/172.17.0.1/tcp/9100/p2p/12D3KooWLWtVaC9GkkUkh7rFdxCXYQ9QjqHqAbBjZp9mN4sT6uVw";

pub(crate) fn scenes() -> Vec<Scene<Stage>> {
    let compose = || programs::compose().err();
    vec![
        Scene::new("an_override_is_read_by_compose_with_the_file_it_is_put_over", compose_override).unless(compose()),
        Scene::new("every_option_of_a_container_is_read_by_compose", compose_options).unless(compose()),
        Scene::new("a_workflow_is_right_for_actionlint", workflow).unless(server(&["actionlint"]).err()),
        Scene::new("a_daemon_file_is_right_for_dockerd_and_keeps_what_was_there", daemon).unless(programs::dockerd()),
        Scene::new("a_sysctl_drop_in_is_read_by_sysctl", sysctl).unless(programs::sysctl()),
        Scene::new("files_of_the_system_are_left_unless_they_are_named", system_files),
        Scene::new("a_file_is_backed_up_and_a_second_fix_changes_nothing", backup),
        Scene::new("a_report_of_a_stranger_cannot_write_elsewhere_or_into_the_terminal", stranger),
        Scene::new("a_cause_that_is_not_there_is_named_with_those_that_are", unknown_cause),
        Scene::new("what_is_wrong_with_the_variables_is_mended_and_proven_here", variables),
        Scene::new("nothing_to_mend_is_said", nothing),
    ]
}

/// A report of this binary, with causes that it did not find, so that a change of
/// every kind can be had on any machine.
fn report(folder: &Path, causes: &[Value], facts: &[(&str, &str)]) -> Result<()> {
    let run = Seaworthy::new(["run", "env.variables", "--report-only", "-f", "json"])?.run()?;
    let mut report: Value = serde_json::from_str(&run.exits(0)?.stdout)?;
    report["causes"] = json!(causes);
    for (key, value) in facts {
        report["vantage"]["facts"][*key] = json!(value);
    }
    std::fs::write(folder.join("report.json"), report.to_string())?;
    Ok(())
}

fn cause(code: &str, steps: &[Value]) -> Value {
    json!({
        "code": code, "title": "A title", "message": "What it means.", "confidence": "certain", "layer": "config",
        "explains": [], "supported_by": [], "would_fix": 1,
        "remediations": [{
            "id": "a-remedy", "title": "A remedy", "why": "Because.", "risk": "config", "verified_by": "env.variables",
            "steps": steps,
        }],
    })
}

fn command(text: &str) -> Value {
    json!({ "text": "Do this.", "command": text })
}

fn piece(file: &str, text: &str) -> Value {
    json!({ "text": "Write this.", "snippet": { "language": "json", "file": file, "text": text } })
}

fn fix(folder: &Path, args: &[&str]) -> Result<Run> {
    let command = Seaworthy::new(["fix", "report.json"])?.directory(folder);
    args.iter().fold(command, |command, arg| command.arg(arg)).run()
}

fn compose_override(_: &Stage) -> Result<()> {
    let folder = scratch()?;
    let base = "services:\n  runner:\n    image: runner # mine\n    environment:\n      CACHE_BOOTSTRAP_PEERS: old\n";
    std::fs::write(folder.path().join("docker-compose.yml"), base)?;
    let steps = [command(&format!("--add-host host.docker.internal:host-gateway -e CACHE_BOOTSTRAP_PEERS={PEERS}"))];
    report(
        folder.path(),
        &[cause("docker.loopback-in-bridge", &steps)],
        &[("in-container", "true"), ("network-mode", "bridge")],
    )?;
    fix(folder.path(), &["--apply", "--only", "compose"])?;
    ensure!(
        std::fs::read_to_string(folder.path().join("docker-compose.yml"))? == base,
        "the file of the user was changed"
    );
    let merged = programs::compose_config(folder.path(), &[])?;
    let text = &merged.exits(0)?.stdout;
    ensure!(text.contains(PEERS) && text.contains("host.docker.internal") && !text.contains("old"), "{text}");
    Ok(())
}

fn compose_options(_: &Stage) -> Result<()> {
    let folder = scratch()?;
    let flags = "--dns 10.0.0.2 --dns-option ndots:1 --dns-search a.test -p 9000:9000/udp -v /a:/b:ro --ulimit nofile=65536:65536 \
                 --ulimit nproc=4096 --sysctl net.ipv4.tcp_tw_reuse=1 --cap-add NET_ADMIN --pids-limit 100 --user 1000:1000 \
                 --memory 512m --hostname h --tmpfs /t --group-add 5 -e 'CACHE_DIR=/a \"b\" $c: #d'";
    report(folder.path(), &[cause("x.options", &[command(flags)])], &[])?;
    fix(folder.path(), &["--apply", "--file", "compose=all.yml", "--only", "compose"])?;
    let read = programs::compose_config(folder.path(), &["all.yml"])?;
    let text = &read
        .exits(0)
        .with_context(|| std::fs::read_to_string(folder.path().join("all.yml")).unwrap_or_default())?
        .stdout;
    for part in ["10.0.0.2", "ndots:1", "65536", "NET_ADMIN", "/a \"b\" $$c: #d"] {
        let escaped = part.replace('"', "\\\"");
        ensure!(text.contains(part) || text.contains(&escaped), "no {part} in\n{text}");
    }
    Ok(())
}

fn workflow(_: &Stage) -> Result<()> {
    let program = server(&["actionlint"]).map_err(anyhow::Error::msg)?.join("actionlint");
    for in_container in ["true", "false"] {
        let folder = scratch()?;
        let steps = [
            command(&format!(
                "--add-host host.docker.internal:host-gateway -e CACHE_BOOTSTRAP_PEERS={PEERS} -p 9000:9000 -v /a:/b"
            )),
            command("docker network connect --alias cache-peer cache-net PEER_CONTAINER"),
            piece(
                ".github/workflows/ci.yml",
                "env:\n  CACHE_P2P_SHARED_SECRET: ${{ secrets.CACHE_P2P_SHARED_SECRET }}\n",
            ),
        ];
        let facts = [("in-container", in_container), ("ci", "github-actions")];
        report(folder.path(), &[cause("docker.loopback-in-bridge", &steps)], &facts)?;
        fix(folder.path(), &["--apply", "--file", "workflow=w.yml", "--only", "workflow"])?;
        let file = folder.path().join("w.yml");
        let text = std::fs::read_to_string(&file).context("no workflow was written")?;
        ensure!(text.contains("secrets.CACHE_P2P_SHARED_SECRET") && text.contains(PEERS), "{text}");
        ensure!(text.contains("container:") == (in_container == "true"), "{text}");
        let run = Seaworthy::program([program.as_os_str(), "-no-color".as_ref(), file.as_os_str()])
            .directory(folder.path())
            .run()?;
        run.exits(0).with_context(|| text.clone())?;
        // The judge judges: what is not right is not let through.
        std::fs::write(&file, text.replace("runs-on:", "runs-in:"))?;
        let wrong = Seaworthy::program([program.as_os_str(), file.as_os_str()]).directory(folder.path()).run()?;
        ensure!(wrong.code() != Some(0), "actionlint takes anything");
    }
    Ok(())
}

fn daemon(_: &Stage) -> Result<()> {
    let folder = scratch()?;
    let path = folder.path().join("daemon.json");
    std::fs::write(&path, "{\n  \"log-driver\": \"local\",\n  \"dns\": [\"8.8.8.8\"]\n}\n")?;
    let steps = [piece("/etc/docker/daemon.json", "{\"dns\": [\"10.0.0.2\"], \"mtu\": 1400}")];
    report(folder.path(), &[cause("dns.resolver-failed", &steps)], &[])?;
    fix(folder.path(), &["--apply", "--file", "daemon=daemon.json"])?.exits(5)?;
    let merged: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    ensure!(merged == json!({ "log-driver": "local", "dns": ["10.0.0.2", "8.8.8.8"], "mtu": 1400 }), "{merged}");
    ensure!(std::fs::read_to_string(folder.path().join("daemon.json.bak-1"))?.contains("[\"8.8.8.8\"]"));
    let check = ["dockerd".as_ref(), "--validate".as_ref(), "--config-file".as_ref(), path.as_os_str()];
    let checked = Seaworthy::program(check).run()?;
    // Engines before 23.0 cannot check a file without starting.
    if !checked.stderr.contains("unknown flag: --validate") {
        checked.exits(0)?;
    }
    // What cannot be read is left as it is.
    std::fs::write(&path, "{ // mine\n}\n")?;
    let said = fix(folder.path(), &["--apply", "--file", "daemon=daemon.json"])?;
    said.exits(1)?;
    ensure!(std::fs::read_to_string(&path)? == "{ // mine\n}\n", "{}", said.transcript());
    Ok(())
}

fn sysctl(_: &Stage) -> Result<()> {
    let folder = scratch()?;
    let steps = [command("sudo sysctl -w net.core.rmem_max=7500000 'net.ipv4.ip_local_port_range=10240 65535'")];
    report(folder.path(), &[cause("path.small-buffers", &steps)], &[])?;
    fix(folder.path(), &["--apply", "--out", "staged"])?.exits(5)?;
    let path = folder.path().join("staged/etc/sysctl.d/90-seaworthy.conf");
    let read = Seaworthy::program(["sysctl".as_ref(), "--dry-run".as_ref(), "-p".as_ref(), path.as_os_str()]).run()?;
    let text = &read.exits(0)?.stdout;
    ensure!(text.contains("net.core.rmem_max = 7500000") && text.contains("10240 65535"), "{}", read.transcript());
    Ok(())
}

fn system_files(_: &Stage) -> Result<()> {
    let folder = scratch()?;
    let steps = [piece("/etc/docker/daemon.json", "{\"mtu\": 1400}")];
    report(folder.path(), &[cause("path.mtu", &steps)], &[])?;
    let run = fix(folder.path(), &["--apply"])?;
    let said = &run.exits(1)?.stdout;
    ensure!(
        said.contains("left to you: /etc/docker/daemon.json") && said.contains("--file daemon="),
        "{}",
        run.transcript()
    );
    fix(folder.path(), &["--apply", "--out", "staged"])?.exits(5)?;
    let staged = std::fs::read_to_string(folder.path().join("staged/etc/docker/daemon.json"))?;
    ensure!(staged.contains("\"mtu\": 1400"), "{staged}");
    Ok(())
}

fn backup(_: &Stage) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = scratch()?;
    let path = folder.path().join("seaworthy.env");
    std::fs::write(&path, "# mine\nCACHE_DIR=/c\n")?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    report(folder.path(), &[cause("env.p2p-disabled", &[command("export CACHE_ENABLE_P2P=true")])], &[])?;
    fix(folder.path(), &["--apply"])?;
    ensure!(std::fs::read_to_string(&path)? == "# mine\nCACHE_DIR=/c\nCACHE_ENABLE_P2P=true\n");
    ensure!(std::fs::metadata(&path)?.permissions().mode() & 0o777 == 0o600, "the file became more readable");
    ensure!(std::fs::read_to_string(folder.path().join("seaworthy.env.bak-1"))? == "# mine\nCACHE_DIR=/c\n");
    let again = fix(folder.path(), &["--apply"])?;
    ensure!(again.stdout.contains("is right already"), "{}", again.transcript());
    ensure!(!folder.path().join("seaworthy.env.bak-2").exists(), "a backup of nothing");
    Ok(())
}

fn stranger(_: &Stage) -> Result<()> {
    let (folder, other) = (scratch()?, scratch()?);
    std::os::unix::fs::symlink(other.path().join("caught"), folder.path().join("seaworthy.env"))?;
    let steps = [
        command("export LD_PRELOAD=/tmp/x.so CACHE_ENABLE_P2P=true"),
        piece("../../escape.txt", "x"),
        json!({ "text": "\u{1b}[31m::error::x" }),
    ];
    report(folder.path(), &[cause("x.stranger", &steps)], &[])?;
    let run = fix(folder.path(), &["--apply"])?;
    run.exits(1)?;
    ensure!(run.stdout.contains("LD_PRELOAD is no variable of the cache"), "{}", run.transcript());
    ensure!(!run.stdout.contains('\u{1b}'), "an escape sequence came through");
    // Without the foreign variable it is the link that is in the way.
    report(folder.path(), &[cause("x.stranger", &[command("export CACHE_ENABLE_P2P=true")])], &[])?;
    let run = fix(folder.path(), &["--apply"])?;
    ensure!(run.stdout.contains("a link that leads nowhere"), "{}", run.transcript());
    ensure!(std::fs::read_dir(other.path())?.count() == 0, "a link was followed out of the folder");
    Ok(())
}

fn unknown_cause(_: &Stage) -> Result<()> {
    let folder = scratch()?;
    report(folder.path(), &[cause("env.p2p-disabled", &[command("export CACHE_ENABLE_P2P=true")])], &[])?;
    let run = fix(folder.path(), &["--cause", "env.p2p-disable"])?;
    run.exits(2)?;
    ensure!(run.stderr.contains("env.p2p-disabled"), "{}", run.transcript());
    Ok(())
}

/// No report: the suite is run, the file written, the check run again with it.
fn variables(_: &Stage) -> Result<()> {
    let folder = scratch()?;
    let command =
        Seaworthy::new(["fix", "--cause", "env.p2p-disabled", "--apply", "-f", "json"])?.directory(folder.path());
    let run = command
        .env("CACHE_ENABLE_P2P", "yes")
        .env("CACHE_BOOTSTRAP_PEERS", PEERS.replace("172.17.0.1", "127.0.0.1"))
        .run()?;
    let said: Value = serde_json::from_str(&run.exits(0)?.stdout)?;
    ensure!(said["fixes"][0]["strategy"] == "variables" && said["proofs"][0]["verdict"] == "gone", "{said}");
    ensure!(std::fs::read_to_string(folder.path().join("seaworthy.env"))?.contains("CACHE_ENABLE_P2P=true\n"));
    Ok(())
}

fn nothing(_: &Stage) -> Result<()> {
    let folder = scratch()?;
    report(folder.path(), &[], &[])?;
    let run = fix(folder.path(), &[])?;
    ensure!(run.exits(0)?.stdout.starts_with("Nothing to mend"), "{}", run.transcript());
    Ok(())
}

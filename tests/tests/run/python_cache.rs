//! The faults of the Python cache, each provoked without Python: interpreters are
//! folders with metadata, sockets are sockets, a registry is a folder of files. The
//! table in docs/python-cache.md names the scene of each.

use crate::Loopback;
use anyhow::{Context, Result, bail, ensure};
use seaworthy_model::{Level, Report};
use seaworthy_tests::{
    Peer, PeerOptions, PythonClient, Reading, Scene, Seaworthy, Stand, registry_entry, scratch, workspace_root,
};
use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) fn scenes() -> Vec<Scene<Loopback>> {
    vec![
        Scene::new("a_log_that_claims_a_listener_is_not_believed", logged_listener),
        Scene::new("a_listener_that_the_policy_expects_is_looked_for", expected_listener),
        Scene::new("a_running_cache_without_a_socket_is_named", running_without_socket),
        Scene::new("a_release_without_p2p_code_is_named", ignored_switch),
        Scene::new("a_port_that_moved_is_found", moved_port),
        Scene::new("p2p_is_off_for_anything_but_true", look_alike_switch),
        Scene::new("a_port_that_is_no_number_is_named", port_not_a_number),
        Scene::new("a_cache_folder_that_cannot_be_written_is_named", unwritable_folder),
        Scene::new("a_public_address_that_nobody_answers_is_named", public_address).unless(no_namespaces()),
        Scene::new("the_other_multiformats_is_named", look_alike_package),
        Scene::new("two_multihashes_are_named", both_multihashes),
        Scene::new("an_unquoted_requirement_is_found", unquoted_requirement),
        Scene::new("a_registry_for_one_runner_alone_is_named", private_registry),
        Scene::new("two_reports_show_two_registries", two_registries),
        Scene::new("one_name_for_two_runners_is_named", same_name),
        Scene::new("an_entry_of_an_ended_process_is_named", dead_entry),
        Scene::new("an_identity_of_an_ended_process_is_named", stale_identity),
        Scene::new("an_entry_with_0000_is_named", undialable_entry),
        Scene::new("a_secret_of_one_job_is_named", per_job_secret),
        Scene::new("what_the_python_cache_does_by_design_is_said", by_design),
        Scene::new("the_table_of_faults_is_true", table),
    ]
}

/// A well-formed id that belongs to nobody.
const NOBODY: &str = "12D3KooWSahP5pFRCEfaziPEba7urXGeif6T1y8jmodzdFUvzBHj";

/// A place with an interpreter that would fail if anybody ran it.
struct Client {
    python: PythonClient,
}

impl Client {
    fn with(packages: &[(&str, &str)], source: &str) -> Result<Self> {
        Ok(Self { python: PythonClient::with(packages, source)? })
    }

    fn complete() -> Result<Self> {
        Ok(Self { python: PythonClient::complete()? })
    }

    /// A run in which this is the only Python, with a home of its own.
    fn run(&self, checks: &[&str]) -> Result<Seaworthy> {
        let args = ["run", "-f", "json", "--report-only"].iter().chain(checks);
        Ok(Seaworthy::new(args)?.env("PATH", self.python.bin()).env("HOME", self.python.home()?))
    }

    fn report(&self, checks: &[&str], variables: &[(&str, &str)]) -> Result<Report> {
        let run = variables.iter().fold(self.run(checks)?, |run, (name, value)| run.env(name, value));
        run.run()?.exits(0)?.report()
    }
}

const DEPENDENCIES: &[&str] = &["p2p.dependencies"];
const INITIALIZATION: &[&str] = &["cache.initialization", "p2p.dependencies"];

/// Runs `cache/initialization` alone, with these settings.
fn initialization(settings: &str, variables: &[(&str, &str)]) -> Result<Report> {
    let folder = scratch()?;
    let text = format!(
        "version = 1\n[[check]]\nid = \"cache.initialization\"\nuse = \"bundled:cache/initialization\"\nseverity = \"critical\"\nwith = {{ {settings} }}\n"
    );
    std::fs::write(folder.path().join("checks.toml"), text)?;
    let run = Seaworthy::new(["run", "-f", "json", "--report-only"])?.directory(folder.path());
    variables.iter().fold(run, |run, (name, value)| run.env(name, value)).run()?.exits(0)?.report()
}

/// The cause is there, with a command and a check that proves it.
fn names(report: &Report, code: &str) -> Result<()> {
    let cause = report.cause(code)?;
    let fix = cause.remediations.first().with_context(|| format!("{code} has no remedy"))?;
    let concrete = cause.remediations.iter().flat_map(|fix| &fix.steps).any(|step| step.command.is_some());
    ensure!(concrete, "{code} has no command: {:?}", cause.remediations);
    ensure!(fix.verified_by.is_some(), "{code}: nothing proves its remedy");
    Ok(())
}

fn commands(report: &Report, code: &str) -> Result<String> {
    let steps = report.cause(code)?.remediations.iter().flat_map(|fix| &fix.steps);
    Ok(steps.filter_map(|step| step.command.clone()).collect::<Vec<_>>().join("\n"))
}

/// A port on which nobody listens.
fn closed_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn logged_listener(_: &Loopback) -> Result<()> {
    let folder = scratch()?;
    let log = folder.path().join("cache.log");
    let setting = format!("log-file = {:?}", log.display().to_string());
    let port = closed_port()?;
    std::fs::write(&log, format!("INFO starting\nINFO P2P cache sharing enabled on port {port}\n"))?;
    let report = initialization(&setting, &[])?;
    names(&report, "cache.no-listener")?;
    ensure!(report.finding("cache.no-listener")?.message.contains("sharing enabled"), "{}", report.digest());
    let there = TcpListener::bind("127.0.0.1:0")?;
    std::fs::write(&log, format!("Listening on /ip4/0.0.0.0/tcp/{}\n", there.local_addr()?.port()))?;
    initialization(&setting, &[])?.no_cause("cache.no-listener")?;
    // Off is off, whatever an old log says.
    std::fs::write(&log, format!("listening on port {port}\n"))?;
    initialization(&setting, &[("CACHE_ENABLE_P2P", "false")])?.no_cause("cache.no-listener")
}

fn expected_listener(_: &Loopback) -> Result<()> {
    let port = closed_port()?.to_string();
    let report = initialization("expect-listener = true", &[("CACHE_LISTEN_PORT", &port)])?;
    names(&report, "cache.no-listener")?;
    ensure!(report.cause("cache.no-listener")?.target.as_deref() == Some(&port), "{}", report.digest());
    initialization("expect-listener = false", &[("CACHE_LISTEN_PORT", &port)])?.no_cause("cache.no-listener")
}

/// A process under another name. Ended when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program by its name, where there is one.
fn program(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.with_context(|| format!("no {name} on PATH"))
}

fn running_without_socket(_: &Loopback) -> Result<()> {
    let folder = scratch()?;
    let name = format!("cachew-{}", std::process::id());
    symlink(program("sleep")?, folder.path().join(&name))?;
    let port = closed_port()?.to_string();
    let start = |on: &str| -> Result<Running> {
        let mut command = Command::new(folder.path().join(&name));
        command.arg("60").env("CACHE_ENABLE_P2P", on).env("CACHE_LISTEN_PORT", &port).stdin(Stdio::null());
        let child = Running(command.spawn()?);
        // Until it is the program that it was told to be.
        let called = format!("/proc/{}/comm", child.0.id());
        while std::fs::read_to_string(&called)?.trim() != name {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Ok(child)
    };
    let setting = format!("cache-process = {name:?}");
    let running = start("true")?;
    let report = initialization(&setting, &[])?;
    names(&report, "cache.no-listener")?;
    let finding = report.finding("cache.no-listener")?;
    let pid = running.0.id().to_string();
    ensure!(finding.details.get("pid") == Some(&pid), "{finding:?} is not about {pid}");
    drop(running);
    let _off = start("1")?;
    initialization(&setting, &[])?.no_cause("cache.no-listener")
}

fn ignored_switch(_: &Loopback) -> Result<()> {
    let on = [("CACHE_ENABLE_P2P", "true")];
    let client = Client::with(&PythonClient::COMPLETE, "# CACHE_ENABLE_P2P is retired\n")?;
    let report = client.report(DEPENDENCIES, &on)?;
    names(&report, "dependencies.flag-ignored")?;
    let command = commands(&report, "dependencies.flag-ignored")?;
    ensure!(command.contains("install --upgrade ipfs-accelerate-py"), "{command}");
    client.report(DEPENDENCIES, &[])?.no_cause("dependencies.flag-ignored")?;
    Client::complete()?.report(DEPENDENCIES, &on)?.no_cause("dependencies")
}

fn moved_port(_: &Loopback) -> Result<()> {
    let folder = scratch()?;
    let python = folder.path().join("python3");
    symlink(env!("CARGO_BIN_EXE_lab-server"), &python)?;
    for _ in 0..20 {
        let owner = TcpListener::bind("127.0.0.1:0")?;
        let port = owner.local_addr()?.port();
        let variables = [("CACHE_LISTEN_PORT", port.to_string())];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let Some(next) = port.checked_add(3) else { continue };
        // Somebody else may have it.
        let Ok(moved) = Stand::start(&python, "silent", &format!("127.0.0.1:{next}"), &[]) else { continue };
        let report = initialization("", &variables)?;
        names(&report, "cache.port-moved")?;
        ensure!(commands(&report, "cache.port-moved")?.contains(&next.to_string()), "{}", report.digest());
        report.no_cause("cache.port-in-use")?;
        drop(moved);
        let report = initialization("", &variables)?;
        names(&report, "cache.port-in-use")?;
        return report.no_cause("cache.port-moved");
    }
    bail!("no two ports near each other were free")
}

fn look_alike_switch(_: &Loopback) -> Result<()> {
    for value in ["1", "yes", "true "] {
        let run = Seaworthy::new(["run", "env.variables", "-f", "json", "--report-only"])?;
        let report = run.env("CACHE_ENABLE_P2P", value).run()?.report()?;
        names(&report, "env.p2p-disabled")?;
        let command = commands(&report, "env.p2p-disabled")?;
        ensure!(command.contains("export CACHE_ENABLE_P2P=true"), "{command}");
    }
    let run = Seaworthy::new(["run", "env.variables", "-f", "json", "--report-only"])?;
    run.env("CACHE_ENABLE_P2P", "True").run()?.report()?.no_cause("env")
}

fn port_not_a_number(_: &Loopback) -> Result<()> {
    let run = Seaworthy::new(["run", "env.variables", "-f", "json", "--report-only"])?;
    let report = run.env("CACHE_LISTEN_PORT", "91OO").run()?.report()?;
    names(&report, "env.invalid")?;
    ensure!(commands(&report, "env.invalid")?.contains("export CACHE_LISTEN_PORT=9100"), "{}", report.digest());
    Ok(())
}

fn unwritable_folder(_: &Loopback) -> Result<()> {
    // Only the Python cache reads this name, so it is tested without being asked to.
    let report = initialization("", &[("IPFS_ACCELERATE_CACHE_DIR", "/proc/cache")])?;
    names(&report, "cache.directory")?;
    ensure!(report.cause("cache.directory")?.target.as_deref() == Some("/proc/cache"), "{}", report.digest());
    // Where a client is installed its default folders are.
    let client = Client::complete()?;
    let run = client.run(INITIALIZATION)?.env("HOME", "/proc");
    let report = run.run()?.exits(0)?.report()?;
    let folders: Vec<&str> =
        report.causes.iter().filter(|c| c.code == "cache.directory").filter_map(|c| c.target.as_deref()).collect();
    ensure!(folders == ["/proc/.cache/github_cli", "/proc/.cache/p2p_peers"], "{folders:?}\n{}", report.digest());
    let report = client.report(INITIALIZATION, &[])?;
    let fact = report.check("cache.initialization")?.facts.iter().find(|fact| fact.key == "cache-directory");
    ensure!(fact.is_some_and(|fact| fact.value.ends_with("/.cache/github_cli")), "{}", report.digest());
    report.no_cause("cache.directory")
}

/// Why there can be no network of our own.
fn no_namespaces() -> Option<String> {
    let output = Command::new("unshare").args(["--net", "--mount", "true"]).output();
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("unshare: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("cannot run unshare (util-linux): {error}")),
    }
}

/// A command that runs another in a network where every packet out vanishes, or none
/// gets as far; with a name server out there.
fn secluded(folder: &Path, vanishing: bool) -> Result<Vec<OsString>> {
    let resolver = folder.join("resolv.conf");
    std::fs::write(&resolver, "nameserver 192.0.2.53\noptions timeout:5 attempts:1\n")?;
    let route = if vanishing {
        "ip link add out0 type veth peer name out1 && ip link set out1 up && ip addr add 192.0.2.1/24 dev out0 && ip link set out0 up && ip route add default dev out0 && ip neigh add 192.0.2.53 lladdr 02:00:00:00:00:53 dev out0 &&"
    } else {
        ""
    };
    let script =
        format!("mount --bind {} /etc/resolv.conf && ip link set lo up && {route} exec \"$@\"", resolver.display());
    Ok(["unshare", "--net", "--mount", "sh", "-c", &script, "sh"].iter().map(OsString::from).collect())
}

fn public_address(_: &Loopback) -> Result<()> {
    let folder = scratch()?;
    let client = Client::complete()?;
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", client.python.bin().display());
    let run = |vanishing: bool, variables: &[(&str, &str)]| -> Result<Report> {
        let run =
            client.run(&["docker.network-mode"])?.env("PATH", &path).through(&secluded(folder.path(), vanishing)?);
        variables.iter().fold(run, |run, (name, value)| run.env(name, value)).run()?.exits(0)?.report()
    };
    let report = run(true, &[])?;
    names(&report, "cache.public-address-stall")?;
    ensure!(commands(&report, "cache.public-address-stall")?.contains("CACHE_ADVERTISE_IP"), "{}", report.digest());
    let finding = report.finding("cache.public-address-stall")?;
    ensure!(finding.details.get("seconds").is_some_and(|seconds| seconds == "15"), "{finding:?}");
    for quiet in [
        run(true, &[("CACHE_ADVERTISE_IP", "192.0.2.1")])?,
        run(true, &[("CACHE_ENABLE_P2P", "false")])?,
        // No way out at all is an error at once, and no time lost.
        run(false, &[])?,
    ] {
        quiet.no_cause("cache.public-address-stall")?;
    }
    Ok(())
}

fn look_alike_package(_: &Loopback) -> Result<()> {
    let packages = PythonClient::COMPLETE.map(|(name, version)| match name {
        "multiformats" => ("py_multiformats_cid", "0.4.4"),
        _ => (name, version),
    });
    let report = Client::with(&packages, PythonClient::WITH_P2P)?.report(DEPENDENCIES, &[])?;
    names(&report, "dependencies.look-alike")?;
    let command = commands(&report, "dependencies.look-alike")?;
    ensure!(
        command.contains("uninstall -y py-multiformats-cid") && command.contains("install multiformats"),
        "{command}"
    );
    Client::complete()?.report(DEPENDENCIES, &[])?.no_cause("dependencies")
}

fn both_multihashes(_: &Loopback) -> Result<()> {
    let packages: Vec<_> = PythonClient::COMPLETE.into_iter().chain([("pymultihash", "0.8.2")]).collect();
    let report = Client::with(&packages, PythonClient::WITH_P2P)?.report(DEPENDENCIES, &[])?;
    names(&report, "dependencies.conflict")?;
    let command = commands(&report, "dependencies.conflict")?;
    ensure!(command.contains("uninstall -y pymultihash") && command.contains("py-multihash"), "{command}");
    Ok(())
}

fn unquoted_requirement(_: &Loopback) -> Result<()> {
    let old =
        PythonClient::COMPLETE.map(|(name, version)| if name == "libp2p" { (name, "0.4.0") } else { (name, version) });
    let client = Client::with(&old, PythonClient::WITH_P2P)?;
    let workspace = scratch()?;
    let workflows = workspace.path().join(".github/workflows");
    std::fs::create_dir_all(&workflows)?;
    let write = |line: &str| {
        std::fs::write(workflows.join("ci.yml"), format!("jobs:\n  a:\n    steps:\n      - run: {line}\n"))
    };
    let run = || client.run(DEPENDENCIES)?.directory(workspace.path()).run()?.exits(0)?.report();

    write("pip install libp2p>=0.4.0")?;
    std::fs::write(workspace.path().join("=0.4.0"), "Collecting libp2p\n")?;
    let report = run()?;
    names(&report, "dependencies.unquoted-requirement")?;
    let cause = report.cause("dependencies.unquoted-requirement")?;
    ensure!(cause.message.contains("ci.yml:4"), "the line is not named: {}", cause.message);
    let command = commands(&report, "dependencies.unquoted-requirement")?;
    ensure!(command.contains("'libp2p>=0.8'") && command.contains("rm -- ") && command.contains("=0.4.0"), "{command}");
    // The old version is what came of it.
    report.no_cause("dependencies.too-old")?;

    write("pip install 'libp2p>=0.4.0'")?;
    std::fs::remove_file(workspace.path().join("=0.4.0"))?;
    let report = run()?;
    report.no_cause("dependencies.unquoted-requirement")?;
    names(&report, "dependencies.too-old")
}

fn registry(folder: &Path, variables: &[(&str, &str)]) -> Result<Report> {
    let folder = folder.display().to_string();
    let all: Vec<(&str, &str)> =
        [("IPFS_ACCELERATE_P2P_CACHE_DIR", folder.as_str())].into_iter().chain(variables.iter().copied()).collect();
    initialization("", &all)
}

fn private_registry(_: &Loopback) -> Result<()> {
    let temporary = scratch()?;
    let folder = temporary.path().join("p2p_peers");
    std::fs::create_dir_all(&folder)?;
    let root = temporary.path().display().to_string();
    let report = registry(&folder, &[("RUNNER_TEMP", &root)])?;
    names(&report, "cache.registry-not-shared")?;
    ensure!(
        commands(&report, "cache.registry-not-shared")?.contains("IPFS_ACCELERATE_P2P_CACHE_DIR"),
        "{}",
        report.digest()
    );
    registry(&folder, &[("RUNNER_TEMP", "/nowhere")])?.no_cause("cache.registry-not-shared")?;
    // With peers by name it is only noted.
    let address = format!("/ip4/192.0.2.9/tcp/9100/p2p/{NOBODY}");
    let report = registry(&folder, &[("RUNNER_TEMP", &root), ("CACHE_BOOTSTRAP_PEERS", &address)])?;
    report.no_cause("cache.registry-not-shared")?;
    ensure!(report.finding("cache.registry-not-shared")?.level == Level::Info, "{}", report.digest());
    Ok(())
}

fn two_registries(_: &Loopback) -> Result<()> {
    let (host, own) = (scratch()?, scratch()?);
    registry_entry(host.path(), "peer_b.json", "b", NOBODY, "/ip4/192.0.2.9/tcp/9100")?;
    let of = |folder: &Path, more: &[&str]| -> Result<Seaworthy> {
        let args = ["run", "cache.initialization", "-f", "json", "--report-only"].iter().chain(more);
        Ok(Seaworthy::new(args)?.env("IPFS_ACCELERATE_P2P_CACHE_DIR", folder))
    };
    let recorded = host.path().join("host.json");
    of(host.path(), &["-o", &format!("json={}", recorded.display())])?.run()?.exits(0)?;
    let given = recorded.display().to_string();
    let report = of(own.path(), &["--host-report", &given])?.run()?.exits(0)?.report()?;
    names(&report, "cache.registry-not-shared")?;
    let same = of(host.path(), &["--host-report", &given])?.run()?.exits(0)?.report()?;
    same.no_cause("cache.registry-not-shared")?;
    // The same name in both, with another identity.
    registry_entry(own.path(), "peer_b.json", "b", "12D3KooWOther", "/ip4/192.0.2.8/tcp/9100")?;
    names(&of(own.path(), &["--host-report", &given])?.run()?.exits(0)?.report()?, "cache.runner-name-twice")
}

fn same_name(_: &Loopback) -> Result<()> {
    let folder = scratch()?;
    registry_entry(folder.path(), "peer_a.json", "runner-1", NOBODY, "/ip4/192.0.2.9/tcp/9100")?;
    registry(folder.path(), &[("RUNNER_NAME", "runner-2")])?.no_cause("cache.runner-name-twice")?;
    registry_entry(folder.path(), "peer_b.json", "runner-1", "12D3KooWOther", "/ip4/192.0.2.8/tcp/9100")?;
    let report = registry(folder.path(), &[])?;
    names(&report, "cache.runner-name-twice")?;
    ensure!(report.cause("cache.runner-name-twice")?.target.as_deref() == Some("runner-1"), "{}", report.digest());
    // Under our own name, at an address that is none of ours.
    std::fs::remove_file(folder.path().join("peer_b.json"))?;
    registry_entry(folder.path(), "peer_a.json", "runner-1", NOBODY, "/ip4/10.254.254.254/tcp/9100")?;
    names(&registry(folder.path(), &[("RUNNER_NAME", "runner-1")])?, "cache.runner-name-twice")
}

fn dead_entry(_: &Loopback) -> Result<()> {
    let folder = scratch()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("/ip4/127.0.0.1/tcp/{}/p2p/{NOBODY}", listener.local_addr()?.port());
    registry_entry(folder.path(), "peer_a.json", "a", NOBODY, &address)?;
    registry(folder.path(), &[])?.no_cause("identity.ended-process")?;
    drop(listener);
    let report = registry(folder.path(), &[])?;
    names(&report, "identity.ended-process")?;
    ensure!(commands(&report, "identity.ended-process")?.contains("peer_a.json"), "{}", report.digest());
    // The cache drops by itself what is older than half an hour.
    let path = folder.path().join("peer_a.json");
    let old = std::fs::read_to_string(&path)?;
    let mut old: serde_json::Value = serde_json::from_str(&old)?;
    old["last_seen"] = "2025-01-01T00:00:00.000000".into();
    std::fs::write(&path, old.to_string())?;
    registry(folder.path(), &[])?.no_cause("identity.ended-process")
}

fn stale_identity(_: &Loopback) -> Result<()> {
    let folder = scratch()?;
    let peer = Peer::start(&PeerOptions::on("/ip4/127.0.0.1/tcp/0"))?;
    let address = format!("/ip4/127.0.0.1/tcp/{}/p2p/{NOBODY}", peer.port()?);
    let run = |more: &Path| -> Result<Report> {
        let run = Seaworthy::new(["run", "net.connectivity", "cache.initialization", "-f", "json", "--report-only"])?;
        Peer::configure(run, &address).env("IPFS_ACCELERATE_P2P_CACHE_DIR", more).run()?.exits(0)?.report()
    };
    registry_entry(folder.path(), "peer_a.json", "a", NOBODY, &address)?;
    let report = run(folder.path())?;
    names(&report, "identity.ended-process")?;
    ensure!(commands(&report, "identity.ended-process")?.contains(peer.id()), "{}", report.digest());
    // Without the registry it is any peer with another id.
    let empty = scratch()?;
    names(&run(empty.path())?, "identity.wrong-peer")
}

fn undialable_entry(_: &Loopback) -> Result<()> {
    let folder = scratch()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("/ip4/0.0.0.0/tcp/{}/p2p/{NOBODY}", listener.local_addr()?.port());
    registry_entry(folder.path(), "peer_a.json", "a", NOBODY, &address)?;
    let report = registry(folder.path(), &[])?;
    names(&report, "cache.registry-undialable")?;
    ensure!(commands(&report, "cache.registry-undialable")?.contains("CACHE_ADVERTISE_IP"), "{}", report.digest());
    Ok(())
}

fn per_job_secret(_: &Loopback) -> Result<()> {
    let run = Seaworthy::new(["run", "p2p.encryption", "-f", "json", "--report-only"])?;
    let report = run.env("GITHUB_TOKEN", "ghs_0123456789abcdefghijABCDEFGHIJ012345").run()?.report()?;
    names(&report, "secret.per-job")?;
    let run = Seaworthy::new(["run", "p2p.encryption", "-f", "json", "--report-only"])?;
    let report = run.env("CACHE_P2P_SHARED_SECRET", seaworthy_tests::lab::SECRET).run()?.report()?;
    report.no_cause("secret.per-job")
}

fn by_design(_: &Loopback) -> Result<()> {
    let address = format!("/dns4/localhost/tcp/9100/p2p/{NOBODY}");
    let peers = [("CACHE_BOOTSTRAP_PEERS", address.as_str())];
    let report = Client::complete()?.report(INITIALIZATION, &peers)?;
    for code in ["cache.one-way", "cache.address-not-passed-on"] {
        ensure!(report.finding(code)?.level == Level::Info, "{}", report.digest());
    }
    let without = Seaworthy::new(["run", "cache.initialization", "-f", "json", "--report-only"])?;
    let report = without.env(peers[0].0, peers[0].1).run()?.report()?;
    ensure!(report.finding("cache.one-way").is_err(), "no Python client is here\n{}", report.digest());
    Ok(())
}

/// Every code and every test that docs/python-cache.md names is there.
fn table(_: &Loopback) -> Result<()> {
    let root = workspace_root();
    let text = std::fs::read_to_string(root.join("docs/python-cache.md"))?;
    let listed = Seaworthy::new(["list", "codes"])?.run()?;
    let codes: Vec<&str> = listed.exits(0)?.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    let sources = [
        "tests/tests/run/python_cache.rs",
        "host/diagnose/tests/diagnosis/python.rs",
        "host/diagnose/tests/diagnosis/causes.rs",
    ];
    let sources = sources.map(|path| std::fs::read_to_string(root.join(path)).unwrap_or_default()).concat();
    let mut rows = 0;
    for line in text.lines().filter(|line| line.starts_with("| ") && line.contains('`')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, found, cause, _, tests] = cells.as_slice() else { bail!("a row has not five cells: {line}") };
        let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        for code in words(found).into_iter().chain(words(cause)) {
            ensure!(codes.contains(&code.as_str()), "{code} is no code: {line}");
        }
        let tests = words(tests);
        ensure!(!tests.is_empty(), "no test is named: {line}");
        for test in tests {
            ensure!(
                sources.contains(&format!("\"{test}\"")) || sources.contains(&format!("fn {test}(")),
                "no test is called {test}"
            );
        }
        rows += 1;
    }
    ensure!(rows >= 14, "only {rows} faults are in the table");
    Ok(())
}

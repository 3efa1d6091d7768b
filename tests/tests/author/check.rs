//! The check of the template, which asks a service for its greeting, from nothing to a report.

use crate::workshop::{Workshop, javascript, python};
use anyhow::{Context, Result, ensure};
use seaworthy_model::{ErrorReason, Report, Status};
use seaworthy_tests::{Reading, Scene};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

pub(crate) fn scenes() -> Vec<Scene<Workshop>> {
    vec![
        Scene::new("a_check_in_rust_from_nothing_to_a_report", |shop| whole(shop, "rust")),
        Scene::new("a_check_in_python_from_nothing_to_a_report", |shop| whole(shop, "python")).unless(python()),
        Scene::new("a_check_in_javascript_from_nothing_to_a_report", |shop| whole(shop, "js")).unless(javascript()),
    ]
}

fn whole(shop: &Workshop, language: &'static str) -> Result<()> {
    let made = shop.make("check", "acme/redis-reach", language)?;
    shop.own_tests(&made)?;
    let built = shop.build(&made)?;
    for part in ["dist/redis-reach.wasm", "size", "sha256:", "check acme/redis-reach (WIT 0.1.0)", "to build"] {
        ensure!(built.stdout.contains(part), "`{part}` is not told\n{}", built.transcript());
    }
    let inside = std::fs::read(made.folder.path().join("dist/redis-reach.wasm"))?;
    ensure!(inside.starts_with(b"\0asm\x0d\0\x01\0"), "what was built is no component");
    let home = made.folder.path().to_string_lossy().into_owned();
    ensure!(
        language == "rust" || !inside.windows(home.len()).any(|bytes| bytes == home.as_bytes()),
        "the component holds the path that it was built at"
    );

    let policy = made.read("checks.toml")?;
    let run = |address: &str, greeting: &str| -> Result<(i32, Report)> {
        let text = policy.replace("127.0.0.1:2525", address).replace("\"220 \"", greeting);
        std::fs::write(made.folder.path().join("checks.toml"), text)?;
        let run = shop.seaworthy(&["run", "-f", "json"])?.directory(made.folder.path()).run()?;
        let report = run.report()?;
        Ok((run.code().context("no exit code")?, report))
    };

    let right = greeter(b"220 ready\r\n")?.to_string();
    let (code, report) = run(&right, "\"220 \"")?;
    let check = report.check("redis-reach")?;
    ensure!(code == 0 && check.status == Status::Pass, "{}", report.digest());
    ensure!(check.facts.iter().any(|fact| fact.key == "greeting-ms"), "{:?}", check.facts);
    ensure!(check.evidence.iter().any(|seen| seen.probe.contains("connect")), "it did not look: {:?}", check.evidence);

    let (code, report) = run(&right, "\"SSH-2.0-\"")?;
    let finding = report.finding("greeting.differs")?;
    ensure!(code == 1 && finding.observed.as_deref() == Some("220 read"), "{finding:?}");

    let (code, report) = run("127.0.0.1:1", "\"220 \"")?;
    ensure!(code == 1, "{}", report.digest());
    report.finding("greeting.unreachable")?;

    let (code, report) = run(&greeter(b"")?.to_string(), "\"220 \"")?;
    let check = report.check("redis-reach")?;
    let reason = check.error_reason;
    ensure!(code == 5 && reason == Some(ErrorReason::Inconclusive), "{code} {reason:?}: {}", report.digest());
    Ok(())
}

/// A service on loopback that says that to everyone, and stays.
fn greeter(greeting: &'static [u8]) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.write_all(greeting);
                std::thread::sleep(Duration::from_secs(60));
            });
        }
    });
    Ok(address)
}

//! Files that are no component for this host: each is refused by its reason, before anything
//! is run.

use crate::Stage;
use crate::component::{Imported, component, import};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Run, Scene, Seaworthy, like, scratch, target_directory, workspace_root};
use std::path::Path;
use std::process::Command;

const CHECKS: &str = "seaworthy:check/checks@0.1.0";
const ADAPTER: &str = "seaworthy:cache/adapter@0.1.0";
/// This program, as a message about versions names it.
const OURS: &str = concat!("seaworthy ", env!("CARGO_PKG_VERSION"));

pub(crate) fn scenes() -> Vec<Scene<Stage>> {
    let go = which("go").is_none().then(|| "no Go compiler (`go`)".to_owned());
    vec![
        Scene::new("an_import_of_a_newer_contract", newer_import),
        Scene::new("a_function_that_is_newer_than_this_host", newer_function),
        Scene::new("a_function_that_was_never_published", never_published),
        Scene::new("an_interface_that_nobody_has_yet", new_interface),
        Scene::new("an_export_of_a_newer_contract", newer_world),
        Scene::new("a_type_that_differs_from_the_published_one", other_type),
        Scene::new("an_interface_of_checks_in_an_adapter", of_checks),
        Scene::new("wasi_filesystem", |_| wasi("wasi:filesystem/types@0.2.6", "seaworthy:env/files")),
        Scene::new("wasi_sockets", |_| wasi("wasi:sockets/tcp@0.2.6", "seaworthy:net")),
        Scene::new("wasi_http", |_| wasi("wasi:http/outgoing-handler@0.2.6", "seaworthy:net")),
        Scene::new("wasi_keyvalue", |_| wasi("wasi:keyvalue/store@0.2.0-draft", "WASI 0.2")),
        Scene::new("wasi_0_3", wasi_third),
        Scene::new("a_server_of_wasi_http", server),
        Scene::new("a_component_that_exports_nothing", nothing),
        Scene::new("a_program_of_plain_cargo", command),
        Scene::new("a_program_of_the_go_compiler", go_program).unless(go),
        Scene::new("a_core_module", |_| other_file("module", b"\0asm\x01\0\0\0", &["core module", "wasm32-wasip2"])),
        Scene::new("a_truncated_component", truncated),
        Scene::new("a_damaged_component", damaged),
        Scene::new("a_file_of_200_mib", huge),
        Scene::new("an_empty_file", |_| other_file("empty", b"", &["empty"])),
        Scene::new("a_text", |_| other_file("text", b"#!/bin/sh\necho hello\n", &["not WebAssembly", "a text"])),
        Scene::new("a_web_page", |_| other_file("page", b"<!DOCTYPE html>\n", &["not WebAssembly", "web page"])),
        Scene::new("the_text_format", |_| other_file("wat", b"(component)", &["not WebAssembly", "wasm-tools parse"])),
        Scene::new("an_archive", |_| other_file("archive", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0], &["archive", "unpack"])),
    ]
}

fn which(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn validate(file: &Path) -> Result<Run> {
    let folder = scratch()?;
    let text = format!(
        "version = 1\n\n[plugins.stranger]\nsource = \"file:{}\"\n\n[[check]]\nid = \"a\"\nuse = \"stranger:a/b\"\n",
        file.display()
    );
    std::fs::write(folder.path().join("checks.toml"), text)?;
    Seaworthy::new(["validate"])?.directory(folder.path()).run()
}

/// The policy is invalid (exit code 3), and all of this is told.
fn refused(file: &Path, told: &[&str]) -> Result<()> {
    let run = validate(file)?;
    run.exits(3)?;
    // Lines are wrapped at words.
    let said = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for what in told.iter().chain(&["`stranger`"]) {
        ensure!(said.contains(what), "{what:?} is not told\n{}", run.transcript());
    }
    in_the_guide(&said)
}

/// The page of messages has this one, with what to do.
fn in_the_guide(said: &str) -> Result<()> {
    let page = std::fs::read_to_string(workspace_root().join("docs/guide/src/troubleshooting.md"))?;
    let (_, message) = said.split_once("plugin `stranger`: ").with_context(|| said.to_owned())?;
    let mut patterns = page.split('`').skip(1).step_by(2).filter(|code| code.starts_with("it "));
    ensure!(patterns.any(|pattern| like(pattern, message)), "docs/guide/src/troubleshooting.md has no `{message}`");
    Ok(())
}

fn refused_bytes(name: &str, bytes: &[u8], told: &[&str]) -> Result<()> {
    let folder = scratch()?;
    let file = folder.path().join(name).with_extension("wasm");
    std::fs::write(&file, bytes)?;
    refused(&file, told)
}

fn other_file(name: &str, bytes: &[u8], told: &[&str]) -> Result<()> {
    refused_bytes(name, bytes, told)
}

fn newer_import(_: &Stage) -> Result<()> {
    let bytes = component(&[import("seaworthy:net/tcp@0.2.0", &["connect"])], &[CHECKS]);
    let told = [
        "imports seaworthy:net/tcp@0.2.0",
        &format!("{OURS} offers seaworthy:net/tcp@0.1.0"),
        "use a seaworthy that offers seaworthy:net@0.2.0",
        "build it against seaworthy:net@0.1.0",
    ];
    refused_bytes("newer", &bytes, &told)
}

/// The version fits, and the function is missing: another thing than a version that does not fit.
fn newer_function(_: &Stage) -> Result<()> {
    let bytes = component(&[import("seaworthy:net/tcp@0.1.7", &["connect", "connect-all"])], &[CHECKS]);
    let told = [
        "imports seaworthy:net/tcp@0.1.7",
        &format!("{OURS} offers seaworthy:net/tcp@0.1.0, without `connect-all`"),
        "use a seaworthy that offers seaworthy:net/tcp@0.1.7, or do without `connect-all`",
    ];
    refused_bytes("function", &bytes, &told)
}

fn never_published(_: &Stage) -> Result<()> {
    let bytes = component(&[import("seaworthy:net/tcp@0.1.0", &["conect"])], &[CHECKS]);
    let told = ["without `conect`", "the published seaworthy:net/tcp@0.1.0 has never had `conect`"];
    refused_bytes("never", &bytes, &told)
}

fn new_interface(_: &Stage) -> Result<()> {
    let bytes = component(&[import("seaworthy:new/thing@0.1.0", &["do-it"])], &[CHECKS]);
    let told = [
        "imports seaworthy:new/thing@0.1.0",
        &format!("{OURS} has no such interface"),
        "use a newer seaworthy that has it, or do without",
    ];
    refused_bytes("thing", &bytes, &told)
}

fn newer_world(_: &Stage) -> Result<()> {
    let told = |wanted: &str, offered: &str| {
        [
            format!("exports {wanted}"),
            format!("{OURS} runs {offered}"),
            "use a seaworthy that offers".to_owned(),
            format!("build it against {}@0.1.0", offered.split('/').next().unwrap_or_default()),
        ]
    };
    for (wanted, offered) in [("seaworthy:check/checks@0.2.0", CHECKS), ("seaworthy:cache/adapter@1.0.0", ADAPTER)] {
        let told = told(wanted, offered);
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        refused_bytes("world", &component(&[], &[wanted]), &told)?;
    }
    Ok(())
}

/// The names fit and the types do not: somebody changed the WIT that they built against.
fn other_type(_: &Stage) -> Result<()> {
    let bytes = component(&[import("seaworthy:kit/clock@0.1.0", &["sleep-ms"])], &[CHECKS]);
    let told = [
        "differs from the published one",
        &format!("{OURS} offers seaworthy:kit/clock@0.1.0"),
        "sleep-ms",
        "build it against the WIT of this seaworthy as it is",
    ];
    refused_bytes("type", &bytes, &told)
}

fn of_checks(_: &Stage) -> Result<()> {
    let bytes = component(&[import("seaworthy:net/tcp@0.1.0", &["connect"])], &[ADAPTER]);
    refused_bytes("adapter", &bytes, &["seaworthy:net/tcp@0.1.0", "offered to checks, not to adapters"])?;
    let bytes = component(&[import("seaworthy:cache/storage@0.1.0", &["open"])], &[CHECKS]);
    refused_bytes("check", &bytes, &["seaworthy:cache/storage@0.1.0", "offered to adapters, not to checks"])
}

fn wasi(interface: &str, instead: &str) -> Result<()> {
    let bytes = component(&[import(interface, &["get"]), import("wasi:io/poll@0.2.6", &[])], &[CHECKS]);
    refused_bytes("wasi", &bytes, &[interface, instead, OURS, "offers io, clocks, random and an inert cli of WASI 0.2"])
}

fn wasi_third(_: &Stage) -> Result<()> {
    let clocks =
        Imported { interface: "wasi:clocks/monotonic-clock@0.3.0", functions: &["wait-for"], asynchronous: true };
    let told = [
        "wasi:clocks/monotonic-clock@0.3.0",
        &format!("{OURS} offers wasi:clocks/monotonic-clock@0.2"),
        "build it for WASI 0.2",
    ];
    refused_bytes("third", &component(&[clocks], &[CHECKS]), &told)?;
    // Asynchronous functions under a name that is linked.
    let clocks = Imported { interface: "wasi:clocks/monotonic-clock@0.2.6", ..clocks };
    refused_bytes("async", &component(&[clocks], &[CHECKS]), &["not a valid component", "WASI 0.3", "WASI 0.2"])
}

/// The world wasi:http/proxy.
fn server(_: &Stage) -> Result<()> {
    let bytes = component(&[import("wasi:http/types@0.2.6", &[])], &["wasi:http/incoming-handler@0.2.6"]);
    let told = ["exports wasi:http/incoming-handler@0.2.6", "a server", CHECKS, ADAPTER, OURS, "seaworthy plugin new"];
    refused_bytes("server", &bytes, &told)
}

fn nothing(_: &Stage) -> Result<()> {
    refused_bytes("nothing", &component(&[], &[]), &["exports nothing", CHECKS, ADAPTER])
}

/// `cargo build --target wasm32-wasip2` of a program: the world wasi:cli/command.
fn command(stage: &Stage) -> Result<()> {
    let told = ["exports wasi:cli/run@0.2", "a program with a `main`", "cdylib", CHECKS, ADAPTER];
    refused(&stage.foreign.join("foreign-command.wasm"), &told)
}

/// Go's own compiler: a core module of WASI 0.1.
fn go_program(_: &Stage) -> Result<()> {
    let folder = target_directory()?.join("tests-go");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("hello.wasm");
    let go = which("go").context("no go")?;
    let output = Command::new(go)
        .args(["build", "-o"])
        .arg(&file)
        .current_dir(workspace_root().join("tests/fixtures/foreign/go"))
        .envs([("GOOS", "wasip1"), ("GOARCH", "wasm"), ("GOTOOLCHAIN", "local"), ("GOPROXY", "off"), ("GOWORK", "off")])
        .env("GOCACHE", folder.join("cache"))
        .output()
        .context("cannot start go")?;
    ensure!(output.status.success(), "go does not build: {}", String::from_utf8_lossy(&output.stderr));
    refused(&file, &["core module", "wasm-tools component new"])
}

fn truncated(stage: &Stage) -> Result<()> {
    let whole = std::fs::read(stage.since.join("since_0_1_check.wasm"))?;
    for part in [9, 100, whole.len() / 2, whole.len() - 1] {
        refused_bytes("truncated", &whole[..part], &["not a valid component", "build or fetch it again"])
            .with_context(|| format!("cut after {part} bytes"))?;
    }
    refused_bytes("header", &whole[..6], &["not WebAssembly", "within the header"])
}

/// Every byte of the first kilobyte in turn is another one: whatever that makes of it, it is
/// refused or described, and nothing worse.
fn damaged(stage: &Stage) -> Result<()> {
    let whole = std::fs::read(stage.since.join("since_0_1_check.wasm"))?;
    for at in (8..1024).step_by(101) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        let folder = scratch()?;
        let file = folder.path().join("damaged.wasm");
        std::fs::write(&file, bytes)?;
        let run = validate(&file)?;
        ensure!(run.code() == Some(3), "byte {at}\n{}", run.transcript());
    }
    Ok(())
}

/// A sparse file: nobody has to write, or read, what is in it.
fn huge(_: &Stage) -> Result<()> {
    let folder = scratch()?;
    let file = folder.path().join("huge.wasm");
    std::fs::File::create(&file)?.set_len(200 << 20)?;
    refused(&file, &["200 MiB", "more than the 64"])
}

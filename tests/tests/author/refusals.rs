//! What does not work is said before anything is written, or with the way out.

use crate::workshop::{Workshop, javascript, python};
use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use seaworthy_tests::{Scene, scratch};
use std::time::{Duration, Instant};

pub(crate) fn scenes() -> Vec<Scene<Workshop>> {
    vec![
        Scene::new("a_wrong_name_is_refused_and_nothing_written", names),
        Scene::new("a_folder_with_something_in_it_is_left_alone", folders),
        Scene::new("a_folder_without_a_project_is_told_what_is_missing", no_project),
        Scene::new("a_missing_toolchain_is_named_with_the_way_to_it", tools),
        Scene::new("a_misspelt_code_does_not_build_in_rust", |shop| misspelt(shop, "rust")),
        Scene::new("a_misspelt_code_does_not_build_in_python", |shop| misspelt(shop, "python")).unless(python()),
        Scene::new("a_misspelt_code_does_not_build_in_javascript", |shop| misspelt(shop, "js")).unless(javascript()),
        Scene::new("an_interface_outside_the_world_does_not_build_in_python", |shop| outside(shop, "python"))
            .unless(python()),
        Scene::new("an_interface_outside_the_world_does_not_build_in_javascript", |shop| outside(shop, "js"))
            .unless(javascript()),
        Scene::new("a_bug_in_a_check_in_python_is_told_with_its_line", |shop| bug(shop, "python")).unless(python()),
        Scene::new("a_bug_in_a_check_in_javascript_is_told_with_its_line", |shop| bug(shop, "js")).unless(javascript()),
        Scene::new("what_was_vendored_and_changed_is_told", vendored),
        Scene::new("watch_builds_again_at_each_change", watch),
    ]
}

fn names(shop: &Workshop) -> Result<()> {
    let place = scratch()?;
    for (name, why) in
        [("Redis", "lower case"), ("redis_reach", "`-`"), ("../x", "`.`"), ("crate", "Rust"), ("", "empty")]
    {
        let run = shop.seaworthy(&["plugin", "new", "check", name, "--lang", "rust"])?.directory(place.path()).run()?;
        run.exits(2)?;
        ensure!(run.stderr.contains(why), "{}", run.transcript());
    }
    shop.seaworthy(&["plugin", "new", "check", "x", "--lang", "cobol"])?.directory(place.path()).run()?.exits(2)?;
    ensure!(std::fs::read_dir(place.path())?.count() == 0, "something was written");
    Ok(())
}

fn folders(shop: &Workshop) -> Result<()> {
    let place = scratch()?;
    let new = |arguments: &[&str]| {
        let all: Vec<&str> =
            ["plugin", "new", "check", "reach", "--lang", "js"].iter().chain(arguments).copied().collect();
        shop.seaworthy(&all)?.directory(place.path()).run()
    };
    let first = new(&[])?;
    first.exits(0)?;
    ensure!(first.stderr.contains("cd reach && seaworthy plugin build"), "{}", first.transcript());
    let again = new(&[])?;
    again.exits(2)?;
    ensure!(again.stderr.contains("not empty") && again.stderr.contains("--dir"), "{}", again.transcript());
    new(&["--dir", "elsewhere/deep"])?.exits(0)?;
    ensure!(place.path().join("elsewhere/deep/check.toml").is_file(), "it is somewhere else");
    Ok(())
}

fn no_project(shop: &Workshop) -> Result<()> {
    let place = scratch()?;
    let build = || shop.seaworthy(&["plugin", "build"])?.directory(place.path()).run();
    let nothing = build()?;
    nothing.exits(3)?;
    ensure!(nothing.stderr.contains("check.toml") && nothing.stderr.contains("plugin new"), "{}", nothing.transcript());
    std::fs::write(place.path().join("check.toml"), "name = 'x'\n[[check]]\nid = 'a/x'")?;
    let no_language = build()?;
    no_language.exits(3)?;
    ensure!(no_language.stderr.contains("Cargo.toml"), "{}", no_language.transcript());
    Ok(())
}

fn tools(shop: &Workshop) -> Result<()> {
    for (language, what, get) in [
        ("rust", "cargo is missing", "rustup"),
        ("python", "python3 is missing", "python3-venv"),
        ("js", "node is missing", "nodejs"),
    ] {
        let made = shop.make("check", "reach", language)?;
        let nowhere = scratch()?;
        let run = shop.seaworthy(&["plugin", "build"])?.env("PATH", nowhere.path()).env("HOME", nowhere.path());
        let run = run.directory(made.folder.path()).run()?;
        run.exits(3)?;
        ensure!(run.stderr.contains(what) && run.stderr.contains(get), "{language}: {}", run.transcript());
        ensure!(!made.folder.path().join("dist/reach.wasm").exists(), "what was built?");
    }
    Ok(())
}

fn source(language: &str) -> &'static str {
    match language {
        "rust" => "src/lib.rs",
        "python" => "src/check.py",
        _ => "src/check.js",
    }
}

fn misspelt(shop: &Workshop, language: &'static str) -> Result<()> {
    let made = shop.make("check", "reach", language)?;
    made.edit(source(language), "GREETING_DIFFERS", "GREETING_DIFERS")?;
    let run = shop.seaworthy(&["plugin", "build"])?.directory(made.folder.path()).run()?;
    run.exits(1)?;
    ensure!(run.stderr.contains("GREETING_DIFERS"), "the tool's words are not shown\n{}", run.transcript());
    ensure!(!made.folder.path().join("dist/reach.wasm").exists(), "what was built?");
    Ok(())
}

fn outside(shop: &Workshop, language: &'static str) -> Result<()> {
    let made = shop.make("check", "reach", language)?;
    let (from, to) = match language {
        "python" => ("import tcp\n", "import http, tcp\n"),
        _ => ("import * as tcp", "import * as http from \"seaworthy:net/http@0.1.0\";\nimport * as tcp"),
    };
    made.edit(source(language), from, to)?;
    let build = || shop.seaworthy(&["plugin", "build"])?.directory(made.folder.path()).run();
    let refused = build()?;
    refused.exits(1)?;
    ensure!(refused.stderr.contains("seaworthy:net/http"), "{}", refused.transcript());
    ensure!(refused.stderr.contains("wit/world.wit"), "the way out is not told\n{}", refused.transcript());
    made.edit(
        "wit/world.wit",
        "  import seaworthy:net/tcp@0.1.0;",
        "  import seaworthy:net/tcp@0.1.0;\n  import seaworthy:net/http@0.1.0;",
    )?;
    build()?.exits(0)?;
    Ok(())
}

fn bug(shop: &Workshop, language: &'static str) -> Result<()> {
    let made = shop.make("check", "reach", language)?;
    let (from, to, place) = match language {
        "python" => ("    evidence = Evidence.of(seen)", "    evidence = Evidence.of(seen[9].nonsense)", "check.py:"),
        _ => ("  const evidence = Evidence.of(seen)", "  const evidence = Evidence.of(seen[9].nonsense)", "check.js:"),
    };
    made.edit(source(language), from, to)?;
    shop.build(&made)?;
    let run = shop.seaworthy(&["run", "-f", "json"])?.directory(made.folder.path()).run()?;
    let report = serde_json::to_string(&run.report()?)?;
    ensure!(run.code() == Some(5) && report.contains(place), "{}", run.transcript());
    Ok(())
}

fn vendored(shop: &Workshop) -> Result<()> {
    let made = shop.make("check", "reach", "rust")?;
    let root = seaworthy_tests::workspace_root();
    for (theirs, ours) in [
        ("vendor/seaworthy/wit/net-0.1.0/net.wit", "wit/net-0.1.0/net.wit"),
        ("vendor/seaworthy/checks/sdk/src/lib.rs", "checks/sdk/src/lib.rs"),
    ] {
        ensure!(made.read(theirs)? == std::fs::read_to_string(root.join(ours))?, "{theirs} is not {ours}");
    }
    let pins = made.read("vendor/PINS")?;
    for line in std::fs::read_to_string(root.join("wit/DIGESTS"))?.lines().filter(|line| !line.starts_with('#')) {
        let digest = line.split_once(' ').context("wit/DIGESTS")?.1;
        ensure!(pins.contains(digest), "vendor/PINS has no {line}");
    }
    made.edit("vendor/seaworthy/checks/sdk/src/millis.rs", "/// Microseconds", "/// Some microseconds")?;
    let run = shop.build(&made)?;
    ensure!(run.stderr.contains("vendor/seaworthy/checks/sdk is not what vendor/PINS says"), "{}", run.transcript());
    Ok(())
}

fn watch(shop: &Workshop) -> Result<()> {
    let made = shop.make("check", "reach", "rust")?;
    let once = shop.seaworthy(&["plugin", "watch", "--once"])?.directory(made.folder.path()).run()?;
    once.exits(0)?;
    let last = once.stdout.lines().last().unwrap_or_default();
    ensure!(last.starts_with("ok in ") && last.ends_with("(start)"), "{}", once.transcript());
    ensure!(once.stdout.contains("3 passed, 0 failed"), "the cases were not played\n{}", once.transcript());
    let component = made.folder.path().join("dist/reach.wasm");
    let built = || component.metadata().and_then(|there| there.modified()).ok();
    let before = built();
    let watching = shop.seaworthy(&["plugin", "watch"])?.directory(made.folder.path()).start()?;
    let until = |what: &dyn Fn() -> bool| -> Result<()> {
        let start = Instant::now();
        while !what() {
            ensure!(start.elapsed() < Duration::from_secs(300), "nothing was built");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    };
    until(&|| built() > before)?;
    let first = built();
    // After the round is over: what changes during one is the next one's.
    std::thread::sleep(Duration::from_secs(2));
    made.edit("src/greeting.rs", "mod tests {", "mod checked {")?;
    until(&|| built() > first)?;
    std::thread::sleep(Duration::from_secs(2));
    // Not SIGINT: who is started in the background of a shell ignores it.
    watching.signal(Signal::SIGTERM)?;
    let ended = watching.wait()?;
    let rounds: Vec<&str> = ended.stdout.lines().filter(|line| line.starts_with("ok in ")).collect();
    ensure!(rounds.len() >= 2, "{}", ended.transcript());
    ensure!(rounds.iter().any(|line| line.contains("src/greeting.rs")), "{}", ended.transcript());
    Ok(())
}

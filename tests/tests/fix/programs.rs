//! The programs that the files are for.

use anyhow::{Context as _, Result};
use seaworthy_tests::{Run, Seaworthy};
use std::path::Path;

/// The compose client: the plugin of the docker command, else the older program.
pub(crate) fn compose() -> Result<Vec<&'static str>, String> {
    for words in [vec!["docker", "compose"], vec!["docker-compose"]] {
        if answers(words.iter().copied().chain(["version"])) {
            return Ok(words);
        }
    }
    Err("neither `docker compose` nor docker-compose is installed".into())
}

/// Compose reads the files in a folder, with nothing set but what has to be.
pub(crate) fn compose_config(folder: &Path, files: &[&str]) -> Result<Run> {
    let mut command = Seaworthy::program(compose().map_err(anyhow::Error::msg)?);
    for file in files {
        command = command.arg("--file").arg(file);
    }
    let command = command.arg("config").directory(folder).env("HOME", folder);
    let command = command.env("CACHE_P2P_SHARED_SECRET", "x").env("CACHE_BOOTSTRAP_PEERS", "x");
    command.run().context("compose")
}

pub(crate) fn dockerd() -> Option<String> {
    let there = answers(["dockerd", "--version"]);
    (!there).then(|| "dockerd is not installed, so nothing can check a daemon.json".into())
}

pub(crate) fn sysctl() -> Option<String> {
    let help = Seaworthy::program(["sysctl", "--help"]).run();
    let dry = help.is_ok_and(|run| run.stdout.contains("--dry-run"));
    (!dry).then(|| "there is no sysctl that has --dry-run".into())
}

fn answers<'a>(words: impl IntoIterator<Item = &'a str>) -> bool {
    Seaworthy::program(words).run().is_ok_and(|run| run.code() == Some(0))
}

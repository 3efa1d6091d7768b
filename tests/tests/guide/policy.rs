//! Policies of the guide.

use crate::book::Block;
use anyhow::{Context, Result};
use seaworthy_tests::{Seaworthy, build_guests, scratch};
use std::path::Path;

/// A check of somebody else's, which policies of the guide name by this file.
const EXAMPLE: &str = "tcp-banner.wasm";

/// Has the binary judge a policy. A part of one gets a version; the plugin of the examples is
/// put where the policy looks for it. What names other plugins is judged as far as that goes
/// without them.
pub(crate) fn judge(block: &Block) -> Result<()> {
    let folder = scratch()?;
    let mut text = block.text.clone();
    if !text.lines().any(|line| line.starts_with("version")) {
        text.insert_str(0, "version = 1\n");
    }
    let sources: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("source")?.trim_start().strip_prefix('=')?.trim().strip_prefix('"'))
        .filter_map(|source| source.split('"').next())
        .collect();
    let mut here = true;
    for source in sources {
        match source.strip_prefix("file:") {
            Some(path) if Path::new(path).file_name().is_some_and(|name| name == EXAMPLE) => {
                let component = build_guests("plugin-outside")?.join("tcp_banner.wasm");
                let place = folder.path().join(path);
                std::fs::create_dir_all(place.parent().unwrap_or(folder.path()))?;
                std::fs::copy(component, place).context("the example is not built")?;
            }
            _ => here = false,
        }
    }
    std::fs::write(folder.path().join("checks.toml"), &text)?;
    let command = if here { "validate" } else { "show-config" };
    Seaworthy::new([command])?.directory(folder.path()).run()?.exits(0).context("the policy is not valid")?;
    Ok(())
}

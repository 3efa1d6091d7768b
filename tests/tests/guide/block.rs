//! What is done with each kind of block.

use crate::book::{Block, Page};
use crate::playing::{Folder, obstacle};
use crate::{links, policy};
use anyhow::{Context, Result, bail, ensure};
use seaworthy_tests::workspace_root;

/// Where the code of the guide may come from: projects that tests build.
const BUILT: [&str; 6] = ["docs/guide/examples", "plugins", "checks", "tests/fixtures", "host/author/templates", "wit"];

/// Tests the blocks of a page; answers those that could not be tested here, and why.
pub(crate) fn test(page: &Page) -> Result<Vec<(String, String)>> {
    let mut folder = Folder::new()?;
    let mut skipped = Vec::new();
    for block in &page.blocks {
        if let Some(why) = block.mark("needs").and_then(obstacle) {
            skipped.push((block.place.clone(), why));
            folder.incomplete = true;
            continue;
        }
        one(block, &mut folder, page.path.starts_with("reference")).with_context(|| block.place.clone())?;
    }
    Ok(skipped)
}

fn one(block: &Block, folder: &mut Folder, reference: bool) -> Result<()> {
    if let Some(path) = block.mark("file").filter(|_| !folder.incomplete) {
        folder.put(path, &block.text)?;
    }
    if let Some(path) = block.mark("append").filter(|_| !folder.incomplete) {
        folder.append(path, &block.text)?;
    }
    match block.language.as_str() {
        "console" => folder.play(block),
        "sh" => links::exist(&block.text),
        "json" => serde_json::from_str::<serde_json::Value>(&block.text).map(|_| ()).context("no JSON"),
        // The pages of the reference are compared with the contract as a whole.
        "wit" if reference => Ok(()),
        "toml" if block.is("case") || block.is("manifest") => of_a_project(block),
        "toml" => policy::judge(block),
        "rust" | "python" | "js" | "ts" | "wit" => of_a_project(block),
        "" => bail!("a block needs a language, so that it can be tested"),
        other => bail!("blocks of `{other}` are not tested; see tests/tests/guide.rs for those that are"),
    }
}

/// Code is never typed into a page: it comes from a file that is built, or goes into the
/// folder in which the page is played, and is built there.
fn of_a_project(block: &Block) -> Result<()> {
    let Some(file) = &block.file else {
        ensure!(
            block.mark("file").or(block.mark("append")).is_some(),
            "include it from a file that is built: {{{{#include ...}}}}"
        );
        return Ok(());
    };
    let root = workspace_root().canonicalize()?;
    let below = |folder: &&str| file.starts_with(root.join(folder));
    ensure!(BUILT.iter().any(below), "{} is in no project that is built", file.display());
    Ok(())
}

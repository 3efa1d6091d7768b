use super::{rates, table};
use crate::faults::{Confusion, Outcome};
use crate::workspace_root;
use anyhow::{Context as _, Result, ensure};
use std::path::PathBuf;

/// Points of a hundred by which a rate may differ from the one that was written down:
/// scenes come and go, and some machines lack what a few of them need.
const SLACK: usize = 10;

/// Everything before the tables.
const HEAD: &str = "# The same faults, asked of other tools\n\n\
    What a runner's owner has without this tool, on the faults of `tests/tests/faults`: each is made for real in a\n\
    network namespace or a container, and every tool is asked in the same place, before and after.\n\n\
    * **script**: the logic of a diagnostic script of eight checks for this cache: packages, a cache in its folder, a\n\
    \x20 connection to each bootstrap peer, a secret to derive a key from, variables, whether this is Docker.\n\
    * **nc -z**: `nc -z -w 3 HOST PORT` for each peer and port, with `-u` for UDP.\n\
    * **goss**: its checks of ports (`addr`), names (`dns`) and URLs (`http`), with its default time-outs.\n\n\
    All three are written anew in `tests/src/rivals` from what they document, and are asked only what they can be asked.\n\
    A tool *notices* a fault when it complains about something that it did not complain about before. It *names* the\n\
    cause when the new complaint says what the cause is: `Connection refused` counts as \"nothing listens there\", `Name\n\
    or service not known` as a name that does not exist; what counts is listed in `tests/src/rivals/words.rs`, and in\n\
    doubt counts for the tool. For `seaworthy` naming is stricter: the right cause comes first.\n\n\
    Most of these faults cannot be told by a port that is open or closed, which is all that `nc` and goss look at. They\n\
    are good tools for what they are made for, and the comparison says no more than that.\n\n\
    The figures are of one run. To make them again, as root on a machine with Docker:\n\n\
    ```sh\ncargo test --workspace --test faults\n```\n\n\
    It writes `faults/confusion.md` and `confusion.json` below the target folder's `tmp`, with what each tool said;\n\
    with `SEAWORTHY_BLESS=1` it writes this page too.\n\n";

fn path() -> PathBuf {
    workspace_root().join("docs/comparison.md")
}

/// Writes the page where `SEAWORTHY_BLESS` is set; else sees that what it says is not far
/// from what this run has seen.
///
/// # Errors
/// The page is not there, or a rate in it is another.
pub fn compare_with_page(confusion: &Confusion) -> Result<()> {
    let outcomes: Vec<&Outcome> = confusion.outcomes.iter().filter(|o| !o.scene.contains(" + ")).collect();
    let path = path();
    if std::env::var_os("SEAWORTHY_BLESS").is_some() {
        let page = format!("{HEAD}{}", table(&outcomes));
        return std::fs::write(&path, page).with_context(|| path.display().to_string());
    }
    // Where much is missing the rates are those of other scenes.
    if confusion.skipped.len() * 10 > outcomes.len() {
        return Ok(());
    }
    let page = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    for (tool, noticed, named) in rates(&outcomes) {
        let line = page.lines().find(|line| line.starts_with(&format!("| {tool} |")));
        let cells: Vec<&str> =
            line.with_context(|| format!("the page has no {tool}"))?.split('|').map(str::trim).collect();
        for (cell, seen) in [(2, noticed), (3, named)] {
            let (said, of) = part(cells.get(cell).copied().unwrap_or_default())?;
            let (said, seen) = (said * 100 / of.max(1), seen * 100 / outcomes.len().max(1));
            ensure!(
                said.abs_diff(seen) <= SLACK,
                "{} says {said} % of {tool}, and it is {seen} %; write it anew with SEAWORTHY_BLESS=1",
                path.display()
            );
        }
    }
    Ok(())
}

/// `12 of 90`.
fn part(cell: &str) -> Result<(usize, usize)> {
    let (part, whole) = cell.split_once(" of ").with_context(|| format!("`{cell}` is no rate"))?;
    Ok((part.parse()?, whole.parse()?))
}

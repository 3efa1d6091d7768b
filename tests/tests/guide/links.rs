//! The summary, the links and the commands.

use crate::book::{Page, source};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Seaworthy, scratch, workspace_root};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

/// Every page is in the summary once, and every entry of it is a page.
pub(crate) fn summary(pages: &[Page]) -> Result<()> {
    let listed: Vec<PathBuf> = of(pages, "SUMMARY.md")?.into_iter().map(PathBuf::from).collect();
    let unique: BTreeSet<&PathBuf> = listed.iter().collect();
    ensure!(unique.len() == listed.len(), "SUMMARY.md lists a page twice");
    for page in pages.iter().filter(|page| page.path != Path::new("SUMMARY.md")) {
        ensure!(unique.contains(&page.path), "{} is not in SUMMARY.md", page.path.display());
    }
    for path in listed {
        ensure!(source().join(&path).is_file(), "SUMMARY.md names {}, which is not there", path.display());
    }
    Ok(())
}

fn of(pages: &[Page], name: &str) -> Result<Vec<String>> {
    let page = pages.iter().find(|page| page.path == Path::new(name)).with_context(|| format!("no {name}"))?;
    Ok(targets(&page.text))
}

/// What the links of a text lead to; those in code are none.
fn targets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        // Code in a line is between every second pair of backquotes.
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        found.extend(plain.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned));
    }
    found
}

/// The lines of a text that are in no block.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    })
}

pub(crate) fn links(pages: &[Page]) -> Result<()> {
    for page in pages {
        for target in targets(&page.text) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = page.path.parent().unwrap_or(Path::new(""));
            let path = if file.is_empty() { page.path.clone() } else { plain(&folder.join(file)) };
            let place = || format!("{}: ({target})", page.path.display());
            let Some(there) = pages.iter().find(|other| other.path == path) else {
                ensure!(source().join(&path).exists(), "{} leads nowhere", place());
                continue;
            };
            ensure!(anchor.is_empty() || anchors(&there.text).contains(anchor), "{}: no such heading", place());
        }
    }
    Ok(())
}

/// Without `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
        plain
    })
}

/// What headings are called in links, as mdBook names them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(text).filter(|line| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim();
        if let Some((_, id)) = title.rsplit_once("{#") {
            anchors.insert(id.trim_end_matches('}').to_owned());
            continue;
        }
        let kept = title.chars().filter_map(|c| match c {
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
            c if c.is_whitespace() => Some('-'),
            _ => None,
        });
        let name: String = kept.collect();
        let again = (1..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(again).find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

/// Commands in a line of code and in `sh` blocks.
pub(crate) fn commands(pages: &[Page]) -> Result<()> {
    let mut shown = 0;
    for page in pages {
        for line in prose(&page.text) {
            for code in line.split('`').skip(1).step_by(2) {
                if code.starts_with("seaworthy ") {
                    exist(code).with_context(|| page.path.display().to_string())?;
                    shown += 1;
                }
            }
        }
    }
    ensure!(shown > 10, "only {shown} commands are shown: is this test reading them right?");
    Ok(())
}

/// Every command of seaworthy in these lines exists, with its flags.
pub(crate) fn exist(text: &str) -> Result<()> {
    for line in text.replace("\\\n", " ").lines() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let Some(at) = line.find("seaworthy ").filter(|at| *at == 0 || line.as_bytes()[*at - 1] == b' ') else {
            continue;
        };
        let words = line[at..].split_whitespace().skip(1);
        let words: Vec<&str> = words.take_while(|word| !["|", ">", "<", "&&", ";"].contains(word)).collect();
        let plain = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
        let Some(command) = words.first().filter(plain) else { continue };
        let nested = ["cache", "plugin"].contains(command);
        let further = words.get(1).filter(|word| nested && plain(word));
        let help = Seaworthy::new([Some(command), further, Some(&"--help")].into_iter().flatten())?.run()?;
        help.exits(0).with_context(|| format!("`{line}`"))?;
        for flag in words.iter().filter(|word| word.starts_with("--") && word.len() > 2) {
            let flag = flag.split('=').next().unwrap_or_default();
            ensure!(help.stdout.contains(flag), "`{line}`: there is no {flag}");
        }
    }
    Ok(())
}

/// A plugin without a page would not be found.
pub(crate) fn cookbook(pages: &[Page]) -> Result<()> {
    let folder = workspace_root().join("plugins/cookbook");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(()) };
    for entry in entries {
        let plugin = entry?.path();
        if !["check.toml", "adapter.toml"].iter().any(|manifest| plugin.join(manifest).is_file()) {
            continue;
        }
        let name = plugin.file_name().context("no name")?.to_string_lossy().into_owned();
        let page = Path::new("cookbook").join(&name).with_extension("md");
        ensure!(pages.iter().any(|there| there.path == page), "plugins/cookbook/{name} has no page {}", page.display());
    }
    Ok(())
}

/// mdBook makes the book and complains of nothing.
pub(crate) fn made(program: &Path) -> Result<()> {
    let folder = scratch()?;
    let output = Command::new(program)
        .arg("build")
        .arg(workspace_root().join("docs/guide"))
        .arg("--dest-dir")
        .arg(folder.path().join("book"))
        .stdin(Stdio::null())
        .output()
        .with_context(|| program.display().to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && !said.contains("WARN") && !said.contains("ERROR"), "mdbook build says\n{said}");
    let index = std::fs::read_to_string(folder.path().join("book/index.html")).context("there is no book")?;
    ensure!(index.contains("Writing plugins for seaworthy"), "the book has no beginning");
    Ok(())
}

//! The pages of the book, as mdBook puts them together.

use anyhow::{Context, Result, bail, ensure};
use seaworthy_tests::workspace_root;
use std::path::{Path, PathBuf};

/// One page.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Below `docs/guide/src`.
    pub(crate) path: PathBuf,
    /// With everything that it includes.
    pub(crate) text: String,
    pub(crate) blocks: Vec<Block>,
}

/// A fenced block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// `distribution.md:12`.
    pub(crate) place: String,
    /// The language, and what else its info string says.
    pub(crate) language: String,
    pub(crate) marks: Vec<String>,
    pub(crate) text: String,
    /// The file that all of it was included from.
    pub(crate) file: Option<PathBuf>,
}

impl Block {
    /// The value of `name=VALUE` in its info string.
    pub(crate) fn mark(&self, name: &str) -> Option<&str> {
        self.marks.iter().find_map(|mark| mark.strip_prefix(name)?.strip_prefix('='))
    }

    /// Whether its info string has this word.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.marks.iter().any(|mark| mark == word)
    }
}

impl Page {
    pub(crate) fn name(&self) -> String {
        self.path.with_extension("").display().to_string().replace(['/', '-'], "_")
    }
}

/// `docs/guide/src`.
pub(crate) fn source() -> PathBuf {
    workspace_root().join("docs/guide/src")
}

/// Every page below it.
pub(crate) fn pages() -> Result<Vec<Page>> {
    let mut files = Vec::new();
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    files.iter().map(|file| page(file)).collect()
}

fn page(file: &Path) -> Result<Page> {
    let path = file.strip_prefix(source())?.to_path_buf();
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let folder = file.parent().context("a page without a folder")?;
    let mut whole = String::new();
    let mut blocks = Vec::new();
    expand(&text, folder, &path.display().to_string(), &mut whole, &mut blocks)?;
    Ok(Page { path, text: whole, blocks })
}

/// Puts in what is included, and gathers the blocks. A page that is included whole has its
/// blocks under its own name.
fn expand(text: &str, folder: &Path, name: &str, whole: &mut String, blocks: &mut Vec<Block>) -> Result<()> {
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", number + 1);
        if let Some((file, anchor)) = included(line) {
            let path = folder.join(file);
            let content = std::fs::read_to_string(&path).with_context(|| format!("{place}: {}", path.display()))?;
            let content = part(&content, anchor).with_context(|| format!("{place}: {}", path.display()))?;
            match &mut open {
                Some(block) => {
                    ensure!(block.text.is_empty(), "{place}: a block is included whole, or not at all");
                    block.text = content.clone();
                    block.file = Some(path.canonicalize()?);
                    whole.push_str(&content);
                }
                None => {
                    let of = path.parent().unwrap_or(folder).to_path_buf();
                    expand(&content, &of, file, whole, blocks)?;
                }
            }
            continue;
        }
        whole.push_str(line);
        whole.push('\n');
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(info)) => {
                let mut marks =
                    info.split([',', ' ']).map(|mark| mark.trim().to_owned()).filter(|mark| !mark.is_empty());
                let language = marks.next().unwrap_or_default();
                open = Some(Block { place, language, marks: marks.collect(), text: String::new(), file: None });
            }
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some(block), _) => {
                ensure!(block.file.is_none(), "{place}: a block is included whole, or not at all");
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    match open {
        Some(block) => bail!("{}: the block does not end", block.place),
        None => Ok(()),
    }
}

/// File and anchor of `{{#include FILE:ANCHOR}}`.
fn included(line: &str) -> Option<(&str, Option<&str>)> {
    let inner = line.trim().strip_prefix("{{#include ")?.strip_suffix("}}")?.trim();
    Some(inner.split_once(':').map_or((inner, None), |(file, anchor)| (file, Some(anchor))))
}

/// What lies between `ANCHOR: name` and `ANCHOR_END: name`, or all of it; without the lines
/// that mark anchors.
fn part(text: &str, anchor: Option<&str>) -> Result<String> {
    let mut inside = anchor.is_none();
    let mut found = inside;
    let mut kept = String::new();
    for line in text.lines() {
        let mark = |word: &str| line.split_once(word).map(|(_, name)| name.trim());
        if let Some(name) = mark("ANCHOR_END:") {
            inside &= Some(name) != anchor;
        } else if let Some(name) = mark("ANCHOR:") {
            inside |= Some(name) == anchor;
            found |= inside;
        } else if inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    ensure!(found, "there is no anchor {}", anchor.unwrap_or_default());
    Ok(kept)
}

use crate::workspace_root;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use wit_parser::{Resolve, UnresolvedPackageGroup};

/// Every published package of `wit/`, each after those that it refers to.
///
/// # Errors
/// When one cannot be read, or refers to what is not there.
pub fn contract() -> Result<Resolve> {
    let root = workspace_root().join("wit");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&root)
        .with_context(|| root.display().to_string())?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let mut waiting = folders.iter().map(UnresolvedPackageGroup::parse_dir).collect::<Result<Vec<_>>>()?;
    let mut resolve = Resolve::default();
    while !waiting.is_empty() {
        let known = |group: &UnresolvedPackageGroup| {
            group.main.foreign_deps.keys().all(|name| resolve.package_names.contains_key(name))
        };
        let Some(next) = waiting.iter().position(known) else {
            bail!("the packages below wit/ refer to each other, or to one that is not there");
        };
        resolve.push_group(waiting.remove(next))?;
    }
    Ok(resolve)
}

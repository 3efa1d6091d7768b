//! The SDKs for Python and JavaScript: their own tests, and what in them is generated.

use crate::workshop::{COMPONENTIZE_PY, Workshop, javascript, python};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Scene, scratch, workspace_root};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const KITS: [(&str, &str); 2] =
    [("checks/sdk", "seaworthy:path/check"), ("plugins/sdk", "seaworthy:credentials/adapter")];

pub(crate) fn scenes() -> Vec<Scene<Workshop>> {
    vec![
        Scene::new("the_python_kits_pass_their_tests_and_types", python_kits).unless(python()),
        Scene::new("the_javascript_kits_pass_their_tests_and_types", javascript_kits).unless(javascript()),
        Scene::new("the_python_bindings_are_those_of_the_contract", python_bindings).unless(python()),
    ]
}

/// A copy, in which tools may leave what they want.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// An environment of Python with some packages.
fn environment(shop: &Workshop, place: &Path, packages: &[&str]) -> Result<PathBuf> {
    shop.tool(place, &["python3", "-m", "venv", "venv"])?.exits(0)?;
    let command: Vec<&str> = ["venv/bin/pip", "install", "--quiet"].iter().chain(packages).copied().collect();
    let pip = place.join("venv/bin/pip");
    let pip = pip.to_string_lossy();
    let command: Vec<&str> = std::iter::once(&*pip).chain(command.into_iter().skip(1)).collect();
    shop.tool(place, &command)?.exits(0)?;
    Ok(place.join("venv/bin"))
}

fn python_kits(shop: &Workshop) -> Result<()> {
    let place = scratch()?;
    let programs = environment(shop, place.path(), &["mypy==1.18.2"])?;
    let mypy = programs.join("mypy").to_string_lossy().into_owned();
    for (folder, _) in KITS {
        let kit = place.path().join(folder);
        copy(&workspace_root().join(folder).join("python"), &kit)?;
        let tested = shop.tool(&kit, &["python3", "-m", "unittest", "discover", "-s", "tests", "-t", "."])?;
        tested.exits(0)?;
        ensure!(tested.stderr.contains("OK"), "{}", tested.transcript());
        shop.tool(&kit, &[&mypy])?.exits(0)?;
    }
    for kind in ["check", "adapter"] {
        let made = shop.make(kind, "reach", "python")?;
        shop.tool(made.folder.path(), &[&mypy])?.exits(0)?;
    }
    Ok(())
}

fn javascript_kits(shop: &Workshop) -> Result<()> {
    let place = scratch()?;
    std::fs::write(place.path().join("package.json"), "{}")?;
    shop.tool(place.path(), &["npm", "install", "--no-audit", "--no-fund", "typescript@5.9"])?.exits(0)?;
    let tsc = place.path().join("node_modules/.bin/tsc").to_string_lossy().into_owned();
    for (folder, _) in KITS {
        let kit = place.path().join(folder);
        copy(&workspace_root().join(folder).join("js"), &kit)?;
        let tested = shop.tool(&kit, &["node", "--test"])?;
        tested.exits(0)?;
        ensure!(!tested.stdout.contains("# pass 0"), "{}", tested.transcript());
        shop.tool(&kit, &[&tsc, "--project", "jsconfig.json"])?.exits(0)?;
    }
    for kind in ["check", "adapter"] {
        let made = shop.make(kind, "reach", "js")?;
        // Where npm would put it.
        let modules = made.folder.path().join("node_modules");
        std::fs::create_dir(&modules)?;
        let kit = format!("seaworthy-{kind}");
        std::os::unix::fs::symlink(made.folder.path().join("vendor").join(&kit), modules.join(&kit))?;
        shop.tool(made.folder.path(), &[&tsc, "--project", "jsconfig.json"])?.exits(0)?;
    }
    Ok(())
}

fn python_bindings(shop: &Workshop) -> Result<()> {
    let place = scratch()?;
    let programs = environment(shop, place.path(), &[COMPONENTIZE_PY])?;
    let tool = programs.join("componentize-py").to_string_lossy().into_owned();
    for (folder, world) in KITS {
        let at = place.path().join(folder);
        copy(&workspace_root().join("wit"), &at.join("wit/deps"))?;
        std::fs::remove_file(at.join("wit/deps/DIGESTS"))?;
        let text = format!("package seaworthy:sdk;\nworld plugin {{ include {world}@0.1.0; }}\n");
        std::fs::write(at.join("wit/world.wit"), text)?;
        shop.tool(&at, &[&tool, "--wit-path", "wit", "bindings", "fresh"])?.exits(0)?;
        let (mut fresh, mut committed) = (BTreeMap::new(), BTreeMap::new());
        collect(&at.join("fresh/wit_world"), Path::new(""), &mut fresh)?;
        let bindings = workspace_root().join(folder).join("python/bindings");
        collect(&bindings.join("wit_world"), Path::new(""), &mut committed)?;
        ensure!(!fresh.is_empty(), "no bindings were made");
        for (name, text) in &fresh {
            let same = committed.get(name) == Some(text);
            ensure!(same, "{folder}/python/bindings/wit_world/{} is not what {COMPONENTIZE_PY} makes", name.display());
        }
        ensure!(
            fresh.len() == committed.len(),
            "{folder}/python/bindings has files that {COMPONENTIZE_PY} does not make"
        );
    }
    Ok(())
}

fn collect(folder: &Path, inside: &Path, files: &mut BTreeMap<PathBuf, String>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let (path, name) = (entry.path(), inside.join(entry.file_name()));
        if entry.file_name() == "__pycache__" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&path, &name, files)?;
        } else {
            files.insert(name, std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

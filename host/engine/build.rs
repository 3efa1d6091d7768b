//! What components are offered, as tables: the interfaces of both worlds with their functions,
//! out of the WIT that the bindings are generated from. An error can then say what there is
//! beside what is wanted.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use wit_parser::{Resolve, UnresolvedPackageGroup, WorldItem, WorldKey};

/// The worlds of `src/bindings.rs`, newest first among what a component may be built against.
const WORLDS: [(&str, &str); 2] = [("CHECK", "seaworthy:path/check"), ("ADAPTER", "seaworthy:credentials/adapter")];

fn main() {
    if let Err(message) = generate() {
        for line in message.lines() {
            println!("cargo::error={line}");
        }
    }
}

fn generate() -> Result<(), String> {
    let env = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set; this is a build script"));
    let wit = PathBuf::from(env("CARGO_MANIFEST_DIR")?).join("../../wit");
    println!("cargo::rerun-if-changed={}", wit.display());
    let resolve = read(&wit)?;
    let mut text = String::new();
    for (table, world) in WORLDS {
        table_of(&mut text, &resolve, table, world)?;
    }
    let out = PathBuf::from(env("OUT_DIR")?).join("offered.rs");
    std::fs::write(&out, text).map_err(|error| format!("cannot write {}: {error}", out.display()))
}

/// Every package below `wit`, each after those that it refers to.
fn read(wit: &Path) -> Result<Resolve, String> {
    let folders = std::fs::read_dir(wit).map_err(|error| format!("cannot read {}: {error}", wit.display()))?;
    let mut folders: Vec<PathBuf> = folders.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    let parse = |folder: &PathBuf| UnresolvedPackageGroup::parse_dir(folder).map_err(|error| format!("{error:#}"));
    let mut waiting = folders.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let mut resolve = Resolve::default();
    while !waiting.is_empty() {
        let ready = waiting
            .iter()
            .position(|group| group.main.foreign_deps.keys().all(|name| resolve.package_names.contains_key(name)));
        let next = ready.ok_or("the packages below wit/ refer to each other, or to one that is not there")?;
        let group = waiting.remove(next);
        let name = group.main.name.to_string();
        resolve.push_group(group).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(resolve)
}

fn table_of(text: &mut String, resolve: &Resolve, table: &str, world: &str) -> Result<(), String> {
    let missing = || format!("wit/ has no world {world}, which src/bindings.rs is generated from");
    let (package, name) = world.split_once('/').ok_or_else(missing)?;
    let of_package = |id: &wit_parser::PackageId| {
        let name = &resolve.packages[*id].name;
        format!("{}:{}", name.namespace, name.name) == package
    };
    let found = resolve.packages.iter().map(|(id, _)| id).filter(of_package);
    let world = found.filter_map(|id| resolve.packages[id].worlds.get(name)).next_back().ok_or_else(missing)?;
    let world = &resolve.worlds[*world];
    let _ = writeln!(text, "pub(crate) static {table}: World = World {{\n    exports: &[");
    interfaces(text, resolve, world.exports.iter())?;
    text.push_str("    ],\n    imports: &[\n");
    interfaces(text, resolve, world.imports.iter())?;
    text.push_str("    ],\n};\n");
    Ok(())
}

fn interfaces<'a>(
    text: &mut String,
    resolve: &Resolve,
    items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> Result<(), String> {
    for (key, item) in items {
        let WorldItem::Interface { id, .. } = item else {
            return Err(format!("a world has `{}`, which is no interface", resolve.name_world_key(key)));
        };
        let full = resolve.id_of(*id).ok_or("a world has an interface without a name")?;
        let (name, version) = full.split_once('@').ok_or_else(|| format!("{full} has no version"))?;
        let functions: Vec<&str> = resolve.interfaces[*id].functions.keys().map(String::as_str).collect();
        let _ =
            writeln!(text, "        Interface {{ name: {name:?}, version: {version:?}, functions: &{functions:?} }},");
    }
    Ok(())
}

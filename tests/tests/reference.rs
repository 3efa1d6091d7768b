//! The reference in the guide is what `wit/` says. `SEAWORTHY_BLESS=1` writes it anew.

use anyhow::{Context, Result, ensure};
use seaworthy_tests::{contract, workspace_root};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use wit_parser::{
    Docs, Function, Handle, IndexMap, InterfaceId, Package, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner,
    World, WorldItem, WorldKey,
};

const WORLDS: &str = "worlds.md";

/// Every page by its name.
fn pages(resolve: &Resolve) -> Result<BTreeMap<String, String>> {
    let mut pages = BTreeMap::new();
    for (_, package) in &resolve.packages {
        let text = page(resolve, package)?;
        pages.insert(format!("{}.md", package.name.name), text);
    }
    pages.insert(WORLDS.into(), worlds(resolve)?);
    Ok(pages)
}

const HEAD: &str = "<!-- Made from wit/ by tests/tests/reference.rs; SEAWORTHY_BLESS=1 writes it anew. -->\n\n";

fn page(resolve: &Resolve, package: &Package) -> Result<String> {
    let mut text = format!("{HEAD}# `{}`\n", package.name);
    docs(&mut text, &package.docs);
    if let Some(only) = single_use(resolve, package)? {
        let _ = write!(text, "\n{only}\n");
    }
    for id in package.interfaces.values() {
        interface(&mut text, resolve, *id)?;
    }
    Ok(text)
}

/// Where a package has types only or worlds only, what that means to a reader.
fn single_use(resolve: &Resolve, package: &Package) -> Result<Option<String>> {
    let mut worlds = Vec::new();
    for id in package.worlds.values() {
        let world = &resolve.worlds[*id];
        worlds.push(format!("[`{}/{}`]({WORLDS}#{}-{1})", short(package), world.name, package.name.name));
    }
    Ok((!worlds.is_empty()).then(|| format!("Worlds: {}.", worlds.join(", "))))
}

fn short(package: &Package) -> String {
    format!("{}:{}", package.name.namespace, package.name.name)
}

fn interface(text: &mut String, resolve: &Resolve, id: InterfaceId) -> Result<()> {
    let interface = &resolve.interfaces[id];
    let name = interface.name.as_deref().context("an interface without a name")?;
    let full = resolve.id_of(id).context("an interface without a name")?;
    let _ = write!(text, "\n## `{name}`\n\n`{full}`");
    let importers = importers(resolve, id)?;
    match importers.as_slice() {
        [] => text.push_str(".\n"),
        some => {
            let _ = writeln!(text, ", {}.", some.join(" and ").replace(" and imported by", " and"));
        }
    }
    docs(text, &interface.docs);
    let (used, own): (Vec<_>, Vec<_>) =
        interface.types.iter().partition(|(_, ty)| used_from(resolve, &resolve.types[**ty]).is_some());
    if !used.is_empty() {
        let links: Vec<String> = used
            .iter()
            .filter_map(|(name, ty)| Some((name, used_from(resolve, &resolve.types[**ty])?)))
            .map(|(name, place)| format!("[`{name}`]({place})"))
            .collect();
        let _ = write!(text, "\nTypes from elsewhere: {}.\n", links.join(", "));
    }
    for function in interface.functions.values() {
        let head = format!("### `{0}` {{#{name}-{0}}}", function.name);
        let _ = write!(text, "\n{head}\n\n```wit\n{}\n```\n", signature(resolve, function));
        docs(text, &function.docs);
    }
    for (of, ty) in own {
        type_of(text, resolve, name, of, *ty);
    }
    Ok(())
}

/// Who imports or exports an interface, by the newest world of either kind.
fn importers(resolve: &Resolve, id: InterfaceId) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (kind, word) in [("check", "checks"), ("adapter", "adapters")] {
        let worlds = resolve.worlds.iter().map(|(_, world)| world).filter(|world| world.name == kind);
        let newest = worlds.max_by_key(|world| world.imports.len()).context("no world")?;
        let has = |items: &IndexMap<WorldKey, WorldItem>| {
            items.values().any(|item| matches!(item, WorldItem::Interface { id: other, .. } if *other == id))
        };
        if has(&newest.imports) {
            found.push(format!("imported by {word}"));
        }
        if has(&newest.exports) {
            found.push(format!("exported by {word}"));
        }
    }
    Ok(found)
}

/// Where a type is described that comes from another interface.
fn used_from(resolve: &Resolve, ty: &TypeDef) -> Option<String> {
    let TypeDefKind::Type(Type::Id(from)) = &ty.kind else { return None };
    let from = &resolve.types[*from];
    let TypeOwner::Interface(owner) = from.owner else { return None };
    if ty.owner == TypeOwner::Interface(owner) {
        return None;
    }
    let interface = &resolve.interfaces[owner];
    let package = &resolve.packages[interface.package?];
    let place = || Some(format!("{}.md#{}-{}", package.name.name, interface.name.as_deref()?, from.name.as_deref()?));
    used_from(resolve, from).or_else(place)
}

fn kind(kind: &TypeDefKind) -> &'static str {
    match kind {
        TypeDefKind::Record(_) => "record",
        TypeDefKind::Variant(_) => "variant",
        TypeDefKind::Enum(_) => "enum",
        TypeDefKind::Flags(_) => "flags",
        TypeDefKind::Resource => "resource",
        _ => "type",
    }
}

fn type_of(text: &mut String, resolve: &Resolve, interface: &str, name: &str, id: TypeId) {
    let ty = &resolve.types[id];
    let _ = write!(text, "\n### {} `{name}` {{#{interface}-{name}}}\n", kind(&ty.kind));
    if !matches!(ty.kind, TypeDefKind::Record(_) | TypeDefKind::Variant(_) | TypeDefKind::Enum(_)) {
        let _ = write!(text, "\n`{}`\n", definition(resolve, &ty.kind));
    }
    docs(text, &ty.docs);
    let rows: Vec<(String, String, &Docs)> = match &ty.kind {
        TypeDefKind::Record(record) => {
            record.fields.iter().map(|field| (field.name.clone(), named(resolve, &field.ty), &field.docs)).collect()
        }
        TypeDefKind::Variant(variant) => {
            let of = |ty: &Option<Type>| ty.map_or_else(String::new, |ty| named(resolve, &ty));
            variant.cases.iter().map(|case| (case.name.clone(), of(&case.ty), &case.docs)).collect()
        }
        TypeDefKind::Enum(cases) => {
            cases.cases.iter().map(|case| (case.name.clone(), String::new(), &case.docs)).collect()
        }
        _ => return,
    };
    if let TypeDefKind::Enum(_) = ty.kind {
        let cases: Vec<String> = rows.iter().map(|(name, ..)| format!("`{name}`")).collect();
        let _ = write!(text, "\n{}.\n", cases.join(", "));
        return;
    }
    let head = if matches!(ty.kind, TypeDefKind::Record(_)) { "field" } else { "case" };
    let _ = write!(text, "\n| {head} | type | meaning |\n|---|---|---|\n");
    for (name, ty, docs) in rows {
        let ty = if ty.is_empty() { ty } else { format!("`{ty}`") };
        let _ = writeln!(text, "| `{name}` | {ty} | {} |", cell(docs));
    }
}

fn cell(docs: &Docs) -> String {
    docs.contents.as_deref().unwrap_or_default().trim().replace('\n', " ").replace('|', "\\|")
}

fn docs(text: &mut String, docs: &Docs) {
    if let Some(contents) = &docs.contents {
        let _ = write!(text, "\n{}\n", contents.trim());
    }
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let params: Vec<String> =
        function.params.iter().map(|param| format!("{}: {}", param.name, named(resolve, &param.ty))).collect();
    let result = function.result.map_or_else(String::new, |ty| format!(" -> {}", named(resolve, &ty)));
    format!("{}: func({}){result};", function.name, params.join(", "))
}

/// A type as WIT writes it.
fn named(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Id(id) => match &resolve.types[*id] {
            TypeDef { name: Some(name), .. } => name.clone(),
            unnamed => definition(resolve, &unnamed.kind),
        },
        Type::Bool => "bool".into(),
        Type::U8 => "u8".into(),
        Type::U16 => "u16".into(),
        Type::U32 => "u32".into(),
        Type::U64 => "u64".into(),
        Type::S8 => "s8".into(),
        Type::S16 => "s16".into(),
        Type::S32 => "s32".into(),
        Type::S64 => "s64".into(),
        Type::F32 => "f32".into(),
        Type::F64 => "f64".into(),
        Type::Char => "char".into(),
        Type::String => "string".into(),
        Type::ErrorContext => "error-context".into(),
    }
}

fn definition(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let of = |ty: &Type| named(resolve, ty);
    match kind {
        TypeDefKind::List(ty) => format!("list<{}>", of(ty)),
        TypeDefKind::Option(ty) => format!("option<{}>", of(ty)),
        TypeDefKind::Tuple(tuple) => {
            format!("tuple<{}>", tuple.types.iter().map(of).collect::<Vec<_>>().join(", "))
        }
        TypeDefKind::Result(result) => match (&result.ok, &result.err) {
            (None, None) => "result".into(),
            (Some(ok), None) => format!("result<{}>", of(ok)),
            (ok, Some(err)) => format!("result<{}, {}>", ok.as_ref().map_or_else(|| "_".into(), of), of(err)),
        },
        TypeDefKind::Type(ty) => of(ty),
        TypeDefKind::Handle(Handle::Own(id)) => of(&Type::Id(*id)),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", of(&Type::Id(*id))),
        TypeDefKind::Flags(flags) => {
            format!("flags {{ {} }}", flags.flags.iter().map(|f| f.name.clone()).collect::<Vec<_>>().join(", "))
        }
        other => other.as_str().into(),
    }
}

/// The worlds, and which interfaces each has.
fn worlds(resolve: &Resolve) -> Result<String> {
    let mut text = format!(
        "{HEAD}# Worlds\n\nA world is what a component exports and what it may import. A component of an older world \
         runs on a host that has newer ones; one of a newer world than the host's is refused, and the message names \
         both.\n"
    );
    for (_, world) in &resolve.worlds {
        let package = &resolve.packages[world.package.context("a world without a package")?];
        let head = format!("## `{}/{}` {{#{}-{1}}}", short(package), world.name, package.name.name);
        let _ = write!(text, "\n{head}\n");
        docs(&mut text, &world.docs);
        let _ = write!(text, "\nExports: {}.\n", list(resolve, &with_functions(resolve, &world.exports))?);
        let imports = with_functions(resolve, &world.imports);
        match base(resolve, world, &imports) {
            Some((base, of_base)) => {
                let package = &resolve.packages[base.package.context("a world without a package")?];
                let further: Vec<InterfaceId> = imports.iter().filter(|id| !of_base.contains(id)).copied().collect();
                let name = format!("{}/{}", short(package), base.name);
                let further = list(resolve, &further)?;
                let _ = write!(text, "\nImports: all of `{name}`, and {further}.\n");
            }
            None => {
                let _ = write!(text, "\nImports: {}.\n", list(resolve, &imports)?);
            }
        }
    }
    Ok(text)
}

/// The interfaces of a world that have functions: what has types only comes along with what uses it.
fn with_functions(resolve: &Resolve, items: &IndexMap<WorldKey, WorldItem>) -> Vec<InterfaceId> {
    let interface = |item: &WorldItem| match item {
        WorldItem::Interface { id, .. } => Some(*id),
        _ => None,
    };
    items.values().filter_map(interface).filter(|id| !resolve.interfaces[*id].functions.is_empty()).collect()
}

/// The largest world of the same kind that this one has all of.
fn base<'a>(resolve: &'a Resolve, world: &World, imports: &[InterfaceId]) -> Option<(&'a World, Vec<InterfaceId>)> {
    let others = resolve.worlds.iter().map(|(_, other)| other).filter(|other| other.name == world.name);
    let others = others.map(|other| (other, with_functions(resolve, &other.imports)));
    others
        .filter(|(_, all)| all.len() < imports.len() && all.iter().all(|id| imports.contains(id)))
        .max_by_key(|(_, all)| all.len())
}

/// Links to interfaces.
fn list(resolve: &Resolve, interfaces: &[InterfaceId]) -> Result<String> {
    let mut names = Vec::new();
    for id in interfaces {
        let interface = &resolve.interfaces[*id];
        let package = &resolve.packages[interface.package.context("an interface without a package")?];
        let name = interface.name.as_deref().context("an interface without a name")?;
        names.push(format!("[`{}/{name}`]({}.md#{name})", short(package), package.name.name));
    }
    Ok(names.join(", "))
}

fn folder() -> PathBuf {
    workspace_root().join("docs/guide/src/reference")
}

#[test]
fn the_reference_is_what_the_contract_says() -> Result<()> {
    let pages = pages(&contract()?)?;
    let folder = folder();
    if std::env::var_os("SEAWORTHY_BLESS").is_some() {
        std::fs::create_dir_all(&folder)?;
        for (name, text) in &pages {
            std::fs::write(folder.join(name), text)?;
        }
    }
    for (name, text) in &pages {
        let there = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        ensure!(
            there == *text,
            "docs/guide/src/reference/{name} is not what wit/ says; SEAWORTHY_BLESS=1 cargo test --test reference writes it"
        );
    }
    Ok(())
}

/// Every package has a page, and everything with a name in it is there with what is said of it.
#[test]
fn nothing_of_the_contract_is_left_out() -> Result<()> {
    let resolve = contract()?;
    let pages = pages(&resolve)?;
    for (_, package) in &resolve.packages {
        let page = pages.get(&format!("{}.md", package.name.name)).context("no page")?;
        for id in package.interfaces.values() {
            let interface = &resolve.interfaces[*id];
            for (name, function) in &interface.functions {
                ensure!(page.contains(&format!("### `{name}`")), "{}: no {name}", package.name);
                let said = function.docs.contents.as_deref().unwrap_or_default().trim();
                ensure!(page.contains(said), "{}: {name} has lost {said:?}", package.name);
            }
            for (name, ty) in &interface.types {
                ensure!(page.contains(&format!("`{name}`")), "{}: no {name}", package.name);
                let TypeDefKind::Record(record) = &resolve.types[*ty].kind else { continue };
                for field in &record.fields {
                    let said = cell(&field.docs);
                    ensure!(page.contains(&format!("| `{}` |", field.name)) && page.contains(&said), "{}", field.name);
                }
            }
        }
    }
    Ok(())
}

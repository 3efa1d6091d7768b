//! The types of the contract for JavaScript, made from `wit/`: `contract.d.ts` for editors
//! and `tsc`, `contract.json` (the functions of each interface) for tests under Node.
//!
//! Not jco's: what a component is made with here (componentize-qjs) has `null` for `none`
//! and numbers for `u64`, which jco has not.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of a test, which end it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use wit_parser::{Docs, Function, Interface, InterfaceId, Resolve, Type, TypeDefKind, TypeId, UnresolvedPackageGroup};

const TARGETS: [&str; 2] = ["checks/sdk/js", "plugins/sdk/js"];

#[test]
fn the_types_for_javascript_are_those_of_the_contract() {
    let resolve = contract();
    let (types, functions) = (declarations(&resolve), functions(&resolve));
    for folder in TARGETS {
        for (name, fresh) in [("contract.d.ts", &types), ("contract.json", &functions)] {
            let path = root().join(folder).join(name);
            if std::env::var_os("SEAWORTHY_BLESS").is_some() {
                std::fs::write(&path, fresh).unwrap();
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(committed == **fresh, "{folder}/{name} is out of date; run this test with SEAWORTHY_BLESS=1");
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every package of `wit/`.
fn contract() -> Resolve {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root().join("wit")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let mut groups: Vec<UnresolvedPackageGroup> = folders
        .iter()
        .filter(|folder| folder.is_dir())
        .map(|folder| UnresolvedPackageGroup::parse_dir(folder).unwrap())
        .collect();
    let mut resolve = Resolve::default();
    // A package goes in once those it uses are in.
    while !groups.is_empty() {
        let known = |name: &wit_parser::PackageName| resolve.package_names.contains_key(name);
        let ready = groups.iter().position(|group| group.main.foreign_deps.keys().all(known));
        let ready = ready.expect("a package uses one that is not in wit/");
        resolve.push_group(groups.remove(ready)).unwrap();
    }
    resolve
}

fn interfaces(resolve: &Resolve) -> BTreeMap<String, (InterfaceId, &Interface)> {
    let named = resolve.interfaces.iter().filter(|(_, interface)| interface.name.is_some());
    named.map(|(id, interface)| (resolve.id_of(id).unwrap(), (id, interface))).collect()
}

fn functions(resolve: &Resolve) -> String {
    let all: BTreeMap<String, Vec<String>> = interfaces(resolve)
        .into_iter()
        .map(|(module, (_, interface))| (module, interface.functions.keys().map(|name| camel(name)).collect()))
        .collect();
    serde_json::to_string_pretty(&all).unwrap() + "\n"
}

fn declarations(resolve: &Resolve) -> String {
    let mut text = String::from(
        "// Made from wit/ by `cargo test -p seaworthy-author --test typescript`; do not edit.\n\
         // A value of `option<T>` is `T | null`, of `result<T, E>` in a record `{ tag, val }`; a function that\n\
         // returns a `result` throws its `E`.\n",
    );
    let mut modules = String::new();
    for (module, (_, interface)) in interfaces(resolve) {
        let _ = writeln!(modules, "  \"{module}\": typeof import(\"{module}\");");
        text.push('\n');
        docs(&mut text, &interface.docs, "");
        let _ = writeln!(text, "declare module \"{module}\" {{");
        for (name, id) in &interface.types {
            definition(resolve, &mut text, name, *id);
        }
        for (name, function) in &interface.functions {
            declaration(resolve, &mut text, name, function);
        }
        // Without this, what is declared here and not exported would be visible too.
        text.push_str("  export {};\n}\n");
    }
    let _ = write!(text, "\n/** Every module of the contract. */\ninterface SeaworthyContract {{\n{modules}}}\n");
    text
}

fn definition(resolve: &Resolve, text: &mut String, name: &str, id: TypeId) {
    let definition = &resolve.types[id];
    docs(text, &definition.docs, "  ");
    let name = pascal(name);
    match &definition.kind {
        TypeDefKind::Record(record) => {
            let _ = writeln!(text, "  export interface {name} {{");
            for field in &record.fields {
                docs(text, &field.docs, "    ");
                let _ = writeln!(text, "    {}: {};", camel(&field.name), shown(resolve, &field.ty));
            }
            text.push_str("  }\n");
        }
        TypeDefKind::Enum(list) => {
            let cases: Vec<String> = list.cases.iter().map(|case| format!("\"{}\"", case.name)).collect();
            let _ = writeln!(text, "  export type {name} = {};", cases.join(" | "));
        }
        TypeDefKind::Variant(variant) => {
            let _ = writeln!(text, "  export type {name} =");
            let last = variant.cases.len() - 1;
            for (at, case) in variant.cases.iter().enumerate() {
                docs(text, &case.docs, "    ");
                let value = case.ty.map(|ty| format!("; val: {}", shown(resolve, &ty))).unwrap_or_default();
                let _ =
                    writeln!(text, "    | {{ tag: \"{}\"{value} }}{}", case.name, if at == last { ";" } else { "" });
            }
        }
        TypeDefKind::Type(Type::Id(other)) if resolve.types[*other].name.is_some() => {
            let module = match resolve.types[*other].owner {
                wit_parser::TypeOwner::Interface(owner) => resolve.id_of(owner).unwrap(),
                owner => panic!("{name} belongs to {owner:?}"),
            };
            let theirs = pascal(resolve.types[*other].name.as_deref().unwrap());
            let _ = writeln!(text, "  export type {name} = import(\"{module}\").{theirs};");
        }
        kind => {
            let _ = writeln!(text, "  export type {name} = {};", shown_kind(resolve, kind));
        }
    }
}

fn declaration(resolve: &Resolve, text: &mut String, name: &str, function: &Function) {
    docs(text, &function.docs, "  ");
    let parameters: Vec<String> = function
        .params
        .iter()
        .map(|parameter| format!("{}: {}", camel(&parameter.name), shown(resolve, &parameter.ty)))
        .collect();
    // An error is thrown, so what comes back is the answer.
    let result = match function.result.map(|ty| answered(resolve, ty)) {
        None => "void".into(),
        Some(text) => text,
    };
    let (name, parameters) = (camel(name), parameters.join(", "));
    // A module may export what a function cannot be called.
    let _ = match name.as_str() {
        "delete" => writeln!(text, "  function {name}_({parameters}): {result};\n  export {{ {name}_ as {name} }};"),
        _ => writeln!(text, "  export function {name}({parameters}): {result};"),
    };
}

fn answered(resolve: &Resolve, ty: Type) -> String {
    if let Type::Id(id) = ty
        && let TypeDefKind::Result(result) = &resolve.types[id].kind
    {
        return result.ok.map_or_else(|| "void".into(), |ok| shown(resolve, &ok));
    }
    shown(resolve, &ty)
}

fn shown(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Bool => "boolean".into(),
        Type::String | Type::Char => "string".into(),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => "number".into(),
        Type::S8 | Type::S16 | Type::S32 | Type::S64 | Type::F32 | Type::F64 => "number".into(),
        Type::Id(id) => match &resolve.types[*id].name {
            Some(name) => pascal(name),
            None => shown_kind(resolve, &resolve.types[*id].kind),
        },
        Type::ErrorContext => panic!("the contract is synchronous"),
    }
}

fn shown_kind(resolve: &Resolve, kind: &TypeDefKind) -> String {
    match kind {
        TypeDefKind::Type(ty) => shown(resolve, ty),
        TypeDefKind::Option(ty) => format!("{} | null", shown(resolve, ty)),
        TypeDefKind::List(Type::U8) => "Uint8Array".into(),
        TypeDefKind::List(ty) => format!("Array<{}>", shown(resolve, ty)),
        TypeDefKind::Tuple(tuple) => {
            let parts: Vec<String> = tuple.types.iter().map(|ty| shown(resolve, ty)).collect();
            format!("[{}]", parts.join(", "))
        }
        TypeDefKind::Result(result) => {
            let value = |ty: Option<Type>| ty.map(|ty| format!("; val: {}", shown(resolve, &ty))).unwrap_or_default();
            format!("{{ tag: \"ok\"{} }} | {{ tag: \"err\"{} }}", value(result.ok), value(result.err))
        }
        other => panic!("the contract has no {other:?}"),
    }
}

fn docs(text: &mut String, docs: &Docs, indent: &str) {
    let Some(said) = docs.contents.as_deref().map(str::trim).filter(|said| !said.is_empty()) else { return };
    // A glob may hold the end of a comment.
    let said = said.replace("*/", "*\\/");
    let lines: Vec<&str> = said.lines().collect();
    match lines.as_slice() {
        [line] => {
            let _ = writeln!(text, "{indent}/** {line} */");
        }
        lines => {
            let _ = writeln!(text, "{indent}/**");
            for line in lines {
                let _ = writeln!(text, "{}", format!("{indent} * {line}").trim_end());
            }
            let _ = writeln!(text, "{indent} */");
        }
    }
}

fn pascal(name: &str) -> String {
    let name = camel(name);
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

fn camel(name: &str) -> String {
    let mut parts = name.split('-');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let mut letters = part.chars();
        let upper = letters.next().map(|letter| letter.to_ascii_uppercase());
        text + &upper.map(String::from).unwrap_or_default() + letters.as_str()
    })
}

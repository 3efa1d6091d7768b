use crate::offered::{self, CHECK, Interface, WASI_TRACK};
use crate::surface::{Import, Surface};
use seaworthy_model::ComponentKind;
use std::fmt::Write as _;

/// What this program calls itself in a message that is about versions.
const OURS: &str = concat!("seaworthy ", env!("CARGO_PKG_VERSION"));

/// Why a component cannot be used, with the way out.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Over the size that is read at all.
    #[error(
        "it has {} MiB, more than the {} that are read; build it for release and strip it",
        .bytes.div_ceil(1 << 20), .limit >> 20
    )]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Nothing in it.
    #[error("it is an empty file; build or fetch it again")]
    Empty,
    /// Not WebAssembly.
    #[error("it is not WebAssembly: it does not begin with the magic bytes `\\0asm`, {0}")]
    NotWasm(&'static str),
    /// A core module.
    #[error(
        "it is a core module, not a component; build for the target wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// Damaged or using what this engine does not have.
    #[error("it is not a valid component: {0}")]
    Invalid(String),
    /// Exports neither world.
    #[error(
        "it {exports}, and neither {check} (a check) nor {adapter} (an adapter), which {ours} runs; {hint}",
        check = exported(ComponentKind::Check),
        adapter = exported(ComponentKind::Adapter),
        ours = OURS
    )]
    WrongWorld {
        /// What it exports, after "it".
        exports: String,
        /// The way out.
        hint: String,
    },
    /// Exports a world of another version.
    #[error("it exports {wanted}, and {ours} runs {offered}; {hint}", ours = OURS)]
    OtherWorld {
        /// What it exports.
        wanted: String,
        /// What would be used.
        offered: String,
        /// The way out.
        hint: String,
    },
    /// Imports what is not linked.
    #[error("it imports {}; {}", list(.0), hints(.0))]
    Imports(Vec<Unmet>),
    /// Has the right names with other types behind them.
    #[error(
        "it was built against a WIT that differs from the published one{offered}: {detail}; build it against the WIT of this seaworthy as it is (`seaworthy plugin new` vendors it)"
    )]
    Types {
        /// In brackets, what this seaworthy offers, where the import could be told.
        offered: String,
        /// Where it differs.
        detail: String,
    },
    /// `describe` failed.
    #[error("it could not be described: {0}")]
    Describe(String),
    /// An inconsistency of our own.
    #[error("{0}; this is a bug in seaworthy")]
    Broken(String),
}

/// An import for which there is nothing to link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// As the component has it: `seaworthy:net/tcp@0.2.0`.
    pub import: String,
    /// What there is instead: `seaworthy:net/tcp@0.1.0`.
    pub offered: Option<String>,
    /// What is wrong with it, for people.
    pub note: String,
    /// The way out.
    pub hint: String,
}

/// What a component of that kind exports.
fn exported(kind: ComponentKind) -> String {
    offered::world(kind).exports.iter().map(Interface::full).collect::<Vec<_>>().join(", ")
}

/// The imports, each followed by what is wrong with it; those with the same fault together.
fn list(unmet: &[Unmet]) -> String {
    let mut text = String::new();
    for (at, one) in unmet.iter().enumerate() {
        let next = unmet.get(at + 1);
        text.push_str(&one.import);
        if next.is_none_or(|next| next.note != one.note) {
            let _ = write!(text, " ({})", one.note);
        }
        text.push_str(if next.is_some() { ", " } else { "" });
    }
    text
}

fn hints(unmet: &[Unmet]) -> String {
    let mut hints: Vec<&str> = Vec::new();
    for one in unmet {
        if !hints.contains(&one.hint.as_str()) {
            hints.push(&one.hint);
        }
    }
    hints.join("; ")
}

/// Tells core modules and other files from components by their first eight bytes.
pub(crate) fn check_header(bytes: &[u8]) -> Result<(), Refusal> {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', ..]) => Err(Refusal::CoreModule),
        None if bytes.is_empty() => Err(Refusal::Empty),
        _ => Err(Refusal::NotWasm(looks_like(bytes))),
    }
}

/// What a file is that is not WebAssembly.
fn looks_like(bytes: &[u8]) -> &'static str {
    let start = &bytes[..bytes.len().min(512)];
    match start {
        [0, b'a', b's', b'm', ..] => "it ends within the header",
        [0x7f, b'E', b'L', b'F', ..] => {
            "it looks like machine code; precompiled components are not taken, give the `.wasm` itself"
        }
        [0x1f, 0x8b, ..] | [b'P', b'K', ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => "it looks like an archive; unpack it",
        _ if std::str::from_utf8(start).is_ok_and(|text| text.trim_start().starts_with('(')) => {
            "it looks like the text format; assemble it with `wasm-tools parse`"
        }
        _ if std::str::from_utf8(start).is_ok_and(|text| text.trim_start().starts_with('<')) => {
            "it looks like a web page; was it downloaded from the right place?"
        }
        _ if std::str::from_utf8(start).is_ok() => "it looks like a text; give the component that is built from it",
        _ => "it is something else; give a component",
    }
}

/// Whether a component is a check or an adapter.
///
/// # Errors
/// It is neither, or one of another version of the contract.
pub(crate) fn kind_of(surface: &Surface) -> Result<ComponentKind, Refusal> {
    for kind in [ComponentKind::Check, ComponentKind::Adapter] {
        for (ours, (name, version)) in offered::world(kind)
            .exports
            .iter()
            .flat_map(|ours| surface.exports.iter().map(move |export| (ours, offered::split(export))))
        {
            if name == ours.name {
                return if matches(ours, version.as_ref()) { Ok(kind) } else { Err(other_world(ours, surface)) };
            }
        }
    }
    let exports = match surface.exports.as_slice() {
        [] => "exports nothing".to_owned(),
        exports => format!("exports {}", exports.join(", ")),
    };
    let has = |prefix: &str| surface.exports.iter().any(|export| export.starts_with(prefix));
    let made = if has("wasi:cli/run") {
        "it is a program with a `main`: make it a library (in Rust `crate-type = [\"cdylib\"]`) that exports one of them; "
    } else if has("wasi:http/") {
        "it is a server for HTTP requests; "
    } else {
        ""
    };
    Err(Refusal::WrongWorld { exports, hint: format!("{made}`seaworthy plugin new` starts a project that does") })
}

fn matches(ours: &Interface, version: Option<&semver::Version>) -> bool {
    let own = semver::Version::parse(ours.version);
    version.is_some_and(|version| own.is_ok_and(|own| offered::compatible(&own, version)))
}

fn other_world(ours: &Interface, surface: &Surface) -> Refusal {
    let wanted = surface.exports.iter().find(|export| offered::split(export).0 == ours.name);
    let wanted = wanted.cloned().unwrap_or_default();
    Refusal::OtherWorld { hint: either(&wanted, ours), wanted, offered: ours.full() }
}

/// The way out where two versions do not go together.
fn either(wanted: &str, ours: &Interface) -> String {
    let package = ours.name.split('/').next().unwrap_or_default();
    let (_, version) = offered::split(wanted);
    let newer =
        version.as_ref().zip(semver::Version::parse(ours.version).ok()).is_some_and(|(wanted, own)| *wanted > own);
    let build = format!("build it against {package}@{} (`seaworthy plugin new` vendors that WIT)", ours.version);
    match version {
        Some(version) if newer => format!("use a seaworthy that offers {package}@{version}, or {build}"),
        _ => build,
    }
}

/// The imports for which there is nothing to link: an interface that is not offered, one of
/// another version, or a function that the offered one lacks.
pub(crate) fn unmet(surface: &Surface, kind: ComponentKind) -> Vec<Unmet> {
    surface.imports.iter().filter_map(|import| judge(import, kind)).collect()
}

fn judge(import: &Import, kind: ComponentKind) -> Option<Unmet> {
    let unmet = |offered: Option<String>, note: String, hint: String| {
        Some(Unmet { import: import.name.clone(), offered, note, hint })
    };
    let (name, version) = offered::split(&import.name);
    if let Some(rest) = name.strip_prefix("wasi:") {
        return wasi(name, rest, version.as_ref(), kind).and_then(|(offered, note, hint)| unmet(offered, note, hint));
    }
    let of_name = |interfaces: &'static [Interface]| interfaces.iter().filter(move |ours| ours.name == name);
    let mut candidates = of_name(offered::world(kind).imports);
    if let Some(ours) = candidates.clone().find(|ours| matches(ours, version.as_ref())) {
        return lacking(import, version.as_ref(), ours);
    }
    if let Some(ours) = candidates.next_back() {
        return unmet(Some(ours.full()), format!("{OURS} offers {}", ours.full()), either(&import.name, ours));
    }
    if kind == ComponentKind::Adapter && of_name(CHECK.imports).next().is_some() {
        let hint =
            "an adapter has the interfaces of the world seaworthy:credentials/adapter; leave the others to a check";
        return unmet(None, "offered to checks, not to adapters".into(), hint.into());
    }
    if kind == ComponentKind::Check && of_name(offered::ADAPTER.imports).next().is_some() {
        let hint = "a check has the interfaces of the world seaworthy:path/check; leave the others to an adapter";
        return unmet(None, "offered to adapters, not to checks".into(), hint.into());
    }
    if name.starts_with("seaworthy:") {
        let hint = "use a newer seaworthy that has it, or do without; `seaworthy plugin new` vendors the WIT that this one offers";
        return unmet(None, format!("{OURS} has no such interface"), hint.into());
    }
    let hint = "a component gets nothing but interfaces of seaworthy and a part of WASI 0.2; do without it, or compose it with a component that implements it";
    unmet(None, format!("{OURS} has no such interface"), hint.into())
}

/// The functions that an interface of the right version lacks.
fn lacking(import: &Import, version: Option<&semver::Version>, ours: &Interface) -> Option<Unmet> {
    let lacks = |function: &&String| !ours.functions.contains(&function.as_str());
    let missing: Vec<String> = import.functions.iter().filter(lacks).map(|function| format!("`{function}`")).collect();
    if missing.is_empty() {
        return None;
    }
    let missing = missing.join(", ");
    let newer = version.is_some_and(|version| semver::Version::parse(ours.version).is_ok_and(|own| *version > own));
    let hint = if newer {
        format!("use a seaworthy that offers {}, or do without {missing}", import.name)
    } else {
        format!(
            "the published {} has never had {missing}; build it against the WIT as it is (`seaworthy plugin new` vendors it)",
            ours.full()
        )
    };
    let note = format!("{OURS} offers {}, without {missing}", ours.full());
    Some(Unmet { import: import.name.clone(), offered: Some(ours.full()), note, hint })
}

/// An import of WASI: what there is instead, what is wrong, and the way out.
fn wasi(
    name: &str,
    rest: &str,
    version: Option<&semver::Version>,
    kind: ComponentKind,
) -> Option<(Option<String>, String, String)> {
    let linked = offered::wasi().any(|linked| linked == name);
    let second = version.is_some_and(|version| version.major == 0 && version.minor == 2 && version.pre.is_empty());
    if linked && second {
        return None;
    }
    let package = rest.split('/').next().unwrap_or_default();
    let hint = match (package, kind) {
        _ if !second => "build it for WASI 0.2, such as Rust's target wasm32-wasip2",
        ("sockets" | "http", ComponentKind::Check) => {
            "a check reaches the network through seaworthy:net, which asks the policy and records what it sees: leave out std::net and HTTP libraries of the language (for Python and JavaScript `seaworthy plugin build` does)"
        }
        ("sockets" | "http", ComponentKind::Adapter) => {
            "an adapter reaches the network through seaworthy:net/http, which asks the policy: leave out std::net and HTTP libraries of the language (for Python and JavaScript `seaworthy plugin build` does)"
        }
        ("filesystem", ComponentKind::Check) => {
            "a check reads files through seaworthy:env/files, as far as the policy grants it: leave out std::fs (for Python and JavaScript `seaworthy plugin build` does)"
        }
        ("filesystem", ComponentKind::Adapter) => {
            "an adapter keeps things through seaworthy:cache/storage, in the directory of its tier: leave out std::fs (for Python and JavaScript `seaworthy plugin build` does)"
        }
        _ => "only io, clocks, random and an inert cli of WASI 0.2 are linked; do without the rest",
    };
    let offered = linked.then(|| format!("{name}@{WASI_TRACK}"));
    let note = match &offered {
        Some(offered) => format!("{OURS} offers {offered}"),
        None => format!("{OURS} offers io, clocks, random and an inert cli of WASI {WASI_TRACK}"),
    };
    Some((offered, note, hint.into()))
}

/// The names fit and the types do not: what wasmtime says of it.
pub(crate) fn types_differ(surface: &Surface, kind: ComponentKind, error: &wasmtime::Error) -> Refusal {
    let detail = format!("{error:#}");
    let imported = surface.imports.iter().find(|import| detail.contains(&format!("`{}`", import.name)));
    let name = imported.map(|import| offered::split(&import.name).0);
    let world = offered::world(kind);
    let ours = world.imports.iter().chain(world.exports).find(|ours| Some(ours.name) == name);
    let offered = ours.map_or(String::new(), |ours| format!(" ({OURS} offers {})", ours.full()));
    Refusal::Types { offered, detail }
}

/// Why wasmtime does not take a component that could be read.
pub(crate) fn not_compiled(error: &wasmtime::Error) -> Refusal {
    let text = format!("{error:#}");
    let hint = if text.contains("component model async") {
        "; it uses the asynchronous part of the component model (WASI 0.3), which is switched off here: build it for WASI 0.2, without async"
    } else {
        ""
    };
    Refusal::Invalid(format!("{text}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(imports: &[(&str, &[&str])], exports: &[&str]) -> Surface {
        let import = |(name, functions): &(&str, &[&str])| Import {
            name: (*name).into(),
            functions: functions.iter().map(|f| (*f).into()).collect(),
        };
        Surface {
            imports: imports.iter().map(import).collect(),
            exports: exports.iter().map(|e| (*e).into()).collect(),
        }
    }

    fn notes(imports: &[(&str, &[&str])], kind: ComponentKind) -> Vec<String> {
        unmet(&surface(imports, &[]), kind).into_iter().map(|one| one.note).collect()
    }

    #[test]
    fn what_the_worlds_have_is_linked_and_what_is_added_in_a_patch_is_a_function() {
        for kind in [ComponentKind::Check, ComponentKind::Adapter] {
            for ours in offered::world(kind).imports {
                let full = ours.full();
                assert_eq!(notes(&[(&full, ours.functions)], kind), Vec::<String>::new());
                let newer = full.replace("@0.1.0", "@0.1.9");
                assert_eq!(notes(&[(&newer, ours.functions)], kind), Vec::<String>::new());
                let told = notes(&[(&newer, &["not-yet"])], kind);
                assert!(told[0].contains(&full) && told[0].contains("without `not-yet`"), "{told:?}");
            }
        }
    }

    #[test]
    fn both_versions_are_named() {
        let told = notes(&[("seaworthy:net/tcp@0.2.0", &["connect"])], ComponentKind::Check);
        assert_eq!(told, [format!("{OURS} offers seaworthy:net/tcp@0.1.0")]);
        let told = notes(&[("wasi:io/streams@0.3.0", &[])], ComponentKind::Check);
        assert_eq!(told, [format!("{OURS} offers wasi:io/streams@0.2")]);
        assert_eq!(notes(&[("wasi:io/streams@0.2.99", &[])], ComponentKind::Check), Vec::<String>::new());
    }

    #[test]
    fn a_version_is_judged_by_the_first_number_that_is_not_zero() {
        let all = |a: &str, b: &str| offered::compatible(&a.parse().unwrap(), &b.parse().unwrap());
        assert!(all("0.1.0", "0.1.7") && all("1.2.0", "1.0.3") && all("0.0.1", "0.0.1"));
        assert!(!all("0.1.0", "0.2.0") && !all("1.0.0", "2.0.0") && !all("0.0.1", "0.0.2"));
        assert!(!all("0.1.0", "0.1.1-rc.1"));
    }

    #[test]
    fn exports_tell_what_a_component_is() {
        let kind = |exports: &[&str]| kind_of(&surface(&[], exports)).map_err(|refusal| refusal.to_string());
        assert_eq!(kind(&["seaworthy:check/checks@0.1.0"]), Ok(ComponentKind::Check));
        assert_eq!(kind(&["other", "seaworthy:cache/adapter@0.1.4"]), Ok(ComponentKind::Adapter));
        let newer = kind(&["seaworthy:check/checks@0.2.0"]).unwrap_err();
        assert!(newer.contains("checks@0.2.0") && newer.contains("checks@0.1.0"), "{newer}");
        let command = kind(&["wasi:cli/run@0.2.6"]).unwrap_err();
        assert!(command.contains("wasi:cli/run@0.2.6") && command.contains("cdylib"), "{command}");
        assert!(kind(&[]).unwrap_err().contains("exports nothing"));
    }
}

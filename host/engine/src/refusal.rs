use crate::runtime::Runtime;
use seaworthy_model::ComponentKind;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

/// Why a component cannot be used, with the way out.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Over the size that is read at all.
    #[error("it is {bytes} bytes, more than the {limit} that are read; build it for release and strip it")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Not WebAssembly.
    #[error("it is not WebAssembly: it does not begin with the magic bytes `\\0asm`")]
    NotWasm,
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
        "it exports neither seaworthy:check/checks@0.1 nor seaworthy:cache/adapter@0.1 (it exports: {exports}); build it against the WIT of this seaworthy (0.1.0)"
    )]
    WrongWorld {
        /// What it exports.
        exports: String,
    },
    /// Imports what is not linked.
    #[error("it imports {imports}, which this seaworthy does not offer; {hint}")]
    Imports {
        /// What is missing.
        imports: String,
        /// The way out.
        hint: String,
    },
    /// `describe` failed.
    #[error("it could not be described: {0}")]
    Describe(String),
    /// An inconsistency of our own.
    #[error("{0}; this is a bug in seaworthy")]
    Broken(String),
}

/// Tells core modules and other files from components by their first eight bytes.
pub(crate) fn check_header(bytes: &[u8]) -> Result<(), Refusal> {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', ..]) => Err(Refusal::CoreModule),
        _ => Err(Refusal::NotWasm),
    }
}

/// What a component exports.
pub(crate) fn kind_of(component: &Component, engine: &Engine) -> Result<ComponentKind, Refusal> {
    let exports: Vec<String> = component.component_type().exports(engine).map(|(name, _)| name.to_owned()).collect();
    let has = |prefix: &str| exports.iter().any(|name| name.starts_with(prefix));
    if has("seaworthy:check/checks@0.1.") {
        Ok(ComponentKind::Check)
    } else if has("seaworthy:cache/adapter@0.1.") {
        Ok(ComponentKind::Adapter)
    } else {
        Err(Refusal::WrongWorld { exports: if exports.is_empty() { "nothing".into() } else { exports.join(", ") } })
    }
}

/// The imports for which there is nothing to link, as a refusal that names them;
/// None when the error has another reason.
pub(crate) fn missing_import(
    component: &Component,
    runtime: &Runtime,
    kind: ComponentKind,
    error: &wasmtime::Error,
) -> Option<Refusal> {
    let text = format!("{error:#}");
    if !text.contains("linker") && !text.contains("wrong type") && !text.contains("does not have export") {
        return None;
    }
    let offered: &[&str] = match kind {
        ComponentKind::Check => &[
            "kit/log",
            "kit/progress",
            "kit/clock",
            "kit/random",
            "env/vars",
            "env/system",
            "env/files",
            "net/dns",
            "net/tcp",
            "net/tls",
            "net/http",
            "p2p/swarm",
            "p2p/secrets",
            "sharing/ladder",
            "credentials/credentials",
            "credentials/authorized-http",
            "path/names",
            "path/flows",
            "path/datagrams",
            "path/proxies",
            "cache/types",
            "cache/caches",
            "types/types",
        ],
        ComponentKind::Adapter => &[
            "kit/log",
            "kit/clock",
            "kit/random",
            "net/http",
            "credentials/credentials",
            "credentials/authorized-http",
            "cache/storage",
            "cache/peers",
            "cache/types",
            "types/types",
        ],
    };
    let wasi = ["wasi:io/", "wasi:cli/", "wasi:clocks/", "wasi:random/"];
    let mut missing: Vec<String> = component
        .component_type()
        .imports(&runtime.engine)
        .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentInstance(_)))
        .map(|(name, _)| name.to_owned())
        .filter(|name| {
            let ours = offered.iter().any(|path| name.starts_with(&format!("seaworthy:{path}@0.1.")));
            !ours && !wasi.iter().any(|prefix| name.starts_with(prefix) && name.contains("@0.2."))
        })
        .collect();
    if missing.is_empty() {
        missing.push(text);
    }
    let hint = if missing.iter().any(|name| name.starts_with("wasi:sockets") || name.starts_with("wasi:http")) {
        "a check reaches the network through seaworthy:net, which records what it sees"
    } else if missing.iter().any(|name| name.starts_with("wasi:filesystem")) {
        "a check reads files through seaworthy:env/files, as far as the policy grants it; avoid std::fs (Python: --stub-wasi)"
    } else if missing.iter().any(|name| name.starts_with("seaworthy:")) {
        "it was built against another version of the contract; this seaworthy serves 0.1, so build it against wit 0.1.0 or use a newer seaworthy"
    } else {
        "only clocks, random, io and an inert cli of WASI 0.2 are linked"
    };
    Some(Refusal::Imports { imports: missing.join(", "), hint: hint.into() })
}

//! How the program is linked, and which versions of the libraries it was built with.

/// Libraries that a support archive names.
const NAMED: [&str; 6] = ["wasmtime", "libp2p", "rustls", "hyper", "redb", "tokio"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    // A static program that may lie anywhere moves a hundred thousand pointers when it starts.
    // Packed, the list of them is some KiB instead of megabytes that are read each time. musl
    // reads such lists since 1.2.4; a linker that does not know the word says so and goes on.
    if target("OS") == "linux" && target("ENV") == "musl" {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    let lock = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    println!("cargo::rustc-env=SEAWORTHY_LOCKED={}", locked(&std::fs::read_to_string(lock).unwrap_or_default()));
}

/// `name=version,...` out of a lock file.
fn locked(text: &str) -> String {
    let value = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches([' ', '=', '"']).to_owned());
    let mut found: Vec<String> = Vec::new();
    let mut name = None;
    for line in text.lines() {
        if let Some(named) = value(line, "name") {
            name = Some(named);
        } else if let (Some(version), Some(name)) = (value(line, "version"), name.take())
            && NAMED.contains(&name.as_str())
        {
            found.push(format!("{name}={version}"));
        }
    }
    found.join(",")
}

//! How the program is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    // A static program that may lie anywhere moves a hundred thousand pointers when it starts.
    // Packed, the list of them is some KiB instead of megabytes that are read each time. musl
    // reads such lists since 1.2.4; a linker that does not know the word says so and goes on.
    if target("OS") == "linux" && target("ENV") == "musl" {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

//! What a tier's answer to `open` says about its adapter.

/// Whether an adapter became a running component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Import {
    /// It loaded; whether its backend works is another check's question.
    Loaded,
    /// This build has none of that name.
    Unknown,
    /// It is there and does not run.
    Failed,
}

/// Reasons in an error's context that mean that the component itself did not run.
const LOAD_REASONS: &[&str] =
    &["load-failed", "not-a-component", "instantiate-failed", "link-failed", "digest-mismatch", "wit-version", "trap"];

/// Judges an error of `open` by its kind and the `reason` in its context; `trap` where
/// the context says that the component trapped.
#[must_use]
pub fn import(kind: &str, reason: Option<&str>) -> Import {
    match (kind, reason) {
        (_, Some("unknown-adapter")) => Import::Unknown,
        (_, Some(reason)) if LOAD_REASONS.contains(&reason) => Import::Failed,
        ("load" | "trap" | "load-failed", _) => Import::Failed,
        _ => Import::Loaded,
    }
}

/// The first 12 hex digits of a digest, as people compare them.
#[must_use]
pub fn short_digest(digest: &str) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.get(..12).unwrap_or(hex)
}

/// Whether a distribution brings `module`: by its list of top-level modules, and
/// only where it has none, by its name.
#[must_use]
pub fn brings(module: &str, name: &str, modules: &str) -> bool {
    let top = module.split('.').next().unwrap_or(module);
    if modules.trim_ascii().is_empty() {
        return same(top, name);
    }
    modules.split(',').any(|other| other.trim_ascii() == top)
}

/// Equal but for case and `-`, `_`, `.`.
fn same(a: &str, b: &str) -> bool {
    let plain = |c: char| if matches!(c, '-' | '.') { '_' } else { c.to_ascii_lowercase() };
    a.chars().map(plain).eq(b.chars().map(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_backend_are_no_import_errors() {
        assert_eq!(import("unreachable", None), Import::Loaded);
        assert_eq!(import("configuration", Some("no-such-bucket")), Import::Loaded);
        assert_eq!(import("configuration", Some("unknown-adapter")), Import::Unknown);
        assert_eq!(import("other", Some("trap")), Import::Failed);
        assert_eq!(import("load", None), Import::Failed);
    }

    #[test]
    fn a_module_is_found_by_the_metadata() {
        assert!(brings("ipfs_accelerate_py.github_cli", "ipfs-accelerate-py", ""));
        assert!(brings("multihash", "py-multihash", "multihash,tests"));
        assert!(!brings("multiformats", "py-multiformats-cid", "multiformats_cid"));
        assert!(!brings("multiformats", "multiformats", "other"));
    }

    #[test]
    fn digests_are_cut() {
        assert_eq!(short_digest("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(short_digest("x"), "x");
    }
}

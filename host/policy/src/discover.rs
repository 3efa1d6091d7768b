use std::path::{Path, PathBuf};

/// Where a policy file may be, in each folder, best first.
pub const CANDIDATES: [&str; 3] = ["checks.toml", ".config/checks.toml", ".github/checks.toml"];

/// The policy file nearest to `start`.
///
/// *Behaviour*: looks in `start` and each folder above it up to the root of the
/// repository (the first that has `.git`); outside of a repository in `start`
/// alone. `None` means the embedded suite. `exists` answers for the file system.
pub fn discover(start: &Path, exists: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let root = start.ancestors().find(|folder| exists(&folder.join(".git"))).unwrap_or(start);
    let folders = start.ancestors().take_while(|folder| folder.starts_with(root));
    folders.flat_map(|folder| CANDIDATES.map(|name| folder.join(name))).find(|path| exists(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(start: &str, files: &[&str]) -> Option<String> {
        let file = discover(Path::new(start), |p| files.iter().any(|f| Path::new(f) == p));
        file.map(|p| p.to_string_lossy().into_owned())
    }

    #[test]
    fn the_nearest_file_up_to_the_repository() {
        assert_eq!(found("/w/r/a/b", &["/w/r/.git", "/w/r/checks.toml"]).unwrap(), "/w/r/checks.toml");
        assert_eq!(
            found("/w/r/a", &["/w/r/.git", "/w/r/checks.toml", "/w/r/a/.github/checks.toml"]).unwrap(),
            "/w/r/a/.github/checks.toml"
        );
        assert_eq!(
            found("/w/r", &["/w/r/.git", "/w/r/.github/checks.toml", "/w/r/.config/checks.toml"]).unwrap(),
            "/w/r/.config/checks.toml"
        );
        assert_eq!(found("/w/r", &["/w/r/.git", "/w/checks.toml"]), None, "above the repository");
        assert_eq!(found("/w/a", &["/w/checks.toml", "/checks.toml"]), None, "outside of a repository");
        assert_eq!(found("/w/a", &["/w/a/checks.toml"]).unwrap(), "/w/a/checks.toml");
    }
}

use super::{Arguments, Context, Row, RowBuilder};
use nix::unistd::{AccessFlags, access};
use std::path::{Path, PathBuf};

/// Where each named program is, by PATH; the first that we may execute.
pub(crate) fn inspect(arguments: &Arguments<'_>, context: &Context) -> Vec<Row> {
    let path = context.environment.text("PATH").unwrap_or_default();
    arguments.listed("name").into_iter().map(|name| row(name, find(name, path))).collect()
}

/// Where each named shared library is. `ssl` and `libssl` take any version,
/// `libssl.so.3` takes that one. Nothing is loaded.
pub(crate) fn inspect_libraries(arguments: &Arguments<'_>, context: &Context) -> Vec<Row> {
    let folders = library_folders(context.environment.text("LD_LIBRARY_PATH").unwrap_or_default());
    arguments.listed("name").into_iter().map(|name| row(name, find_library(name, &folders))).collect()
}

fn row(name: &str, path: Option<PathBuf>) -> Row {
    RowBuilder::default().put("name", name).known("path", path.map(|p| p.display().to_string())).done()
}

/// The program that a shell would start for `name`.
pub(crate) fn find(name: &str, path: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|p| executable(p));
    }
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|p| executable(p))
}

pub(crate) fn executable(path: &Path) -> bool {
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}

fn library_folders(variable: &str) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(variable).filter(|f| f.is_absolute()).collect();
    configured(Path::new("/etc/ld.so.conf"), &mut folders, 0);
    for file in std::fs::read_dir("/etc").into_iter().flatten().flatten() {
        // musl keeps its list in /etc/ld-musl-$ARCH.path, one folder a line or with colons.
        let name = file.file_name();
        if name.to_string_lossy().starts_with("ld-musl-") && name.to_string_lossy().ends_with(".path") {
            let text = std::fs::read_to_string(file.path()).unwrap_or_default();
            folders.extend(text.split([':', '\n']).filter(|t| t.starts_with('/')).map(PathBuf::from));
        }
    }
    let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
    for base in ["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"] {
        folders.push(PathBuf::from(base));
        folders.push(Path::new(base).join(&multiarch));
    }
    folders
}

/// Reads an ld.so.conf; `include` takes a pattern like /etc/ld.so.conf.d/*.conf.
fn configured(file: &Path, folders: &mut Vec<PathBuf>, depth: usize) {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    for line in text.lines().map(|l| l.split('#').next().unwrap_or_default().trim()) {
        if line.starts_with('/') {
            folders.push(PathBuf::from(line));
        } else if let Some(pattern) = line.strip_prefix("include ").filter(|_| depth < 4) {
            let pattern = Path::new(pattern.trim());
            let (Some(folder), Some(name)) = (pattern.parent(), pattern.file_name()) else { continue };
            let wanted = name.to_string_lossy();
            let (start, end) = wanted.split_once('*').unwrap_or((&wanted, ""));
            let mut found: Vec<PathBuf> =
                std::fs::read_dir(folder).into_iter().flatten().flatten().map(|f| f.path()).collect();
            found.sort();
            for path in found {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if name.starts_with(start) && name.ends_with(end) {
                    configured(&path, folders, depth + 1);
                }
            }
        }
    }
}

fn find_library(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    if name.starts_with('/') {
        return Some(PathBuf::from(name)).filter(|p| p.is_file());
    }
    if name.contains('/') {
        return None;
    }
    let full = if name.starts_with("lib") { name.to_owned() } else { format!("lib{name}") };
    let stem = if full.contains(".so") { full.clone() } else { format!("{full}.so") };
    folders.iter().find_map(|folder| {
        let exact = folder.join(&stem);
        if exact.is_file() {
            return Some(exact);
        }
        let versioned = format!("{stem}.");
        let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
            .ok()?
            .flatten()
            .filter(|f| f.file_name().to_string_lossy().starts_with(&versioned))
            .map(|f| f.path())
            .filter(|p| p.is_file())
            .collect();
        found.sort();
        found.into_iter().next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_program_must_be_executable_to_be_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tool");
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        let path = folder.path().display().to_string();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(find("tool", &path), None);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("tool", &path), Some(file));
        assert_eq!(find("no-such-tool", &path), None);
    }

    #[test]
    fn a_library_is_found_by_any_spelling() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("libhull.so.2.1"), "").unwrap();
        let folders = [folder.path().to_owned()];
        for name in ["hull", "libhull", "libhull.so", "libhull.so.2", "libhull.so.2.1"] {
            assert_eq!(find_library(name, &folders), Some(folder.path().join("libhull.so.2.1")), "{name}");
        }
        assert_eq!(find_library("libhull.so.3", &folders), None);
        assert_eq!(find_library("hul", &folders), None);
    }
}

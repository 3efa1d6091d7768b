use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const FILE: &str = "vendor/PINS";
const HEAD: &str = "\
# What this project has from seaworthy: where it lies, in which version, and the sha256 over its files (`NAME SIZE\\n`
# and content, by name). `seaworthy plugin build` says what is not so any more.
";

/// Something that a project has from here.
pub(super) struct Part {
    /// Where it is embedded.
    pub(super) source: String,
    /// Where it goes.
    pub(super) target: String,
    pub(super) version: String,
}

impl Part {
    pub(super) fn sdk(source: &str, target: &str) -> Self {
        Self { source: source.into(), target: target.into(), version: env!("CARGO_PKG_VERSION").into() }
    }

    /// A package of the contract, whose folder is called `NAME-VERSION`.
    pub(super) fn wit(package: &str, folder: &str) -> Self {
        let version = package.rsplit_once('-').map_or("", |(_, version)| version).into();
        Self { source: format!("wit/{package}"), target: format!("{folder}/{package}"), version }
    }
}

/// One line a part.
pub(super) fn text(parts: &[(Part, String)]) -> String {
    let mut text = String::from(HEAD);
    for (part, digest) in parts {
        let _ = writeln!(text, "{} {} {digest}", part.target, part.version);
    }
    text
}

/// `sha256:...` over the files of a part.
pub(super) fn digest(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut hasher = Sha256::new();
    for (name, bytes) in files {
        hasher.update(format!("{name} {}\n", bytes.len()));
        hasher.update(bytes);
    }
    format!("sha256:{}", HEXLOWER.encode(&hasher.finalize()))
}

/// The parts of a project that are not what `vendor/PINS` says; none where there is no such file.
#[must_use]
pub fn changed(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(FILE)).unwrap_or_default();
    let lines =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut changed = Vec::new();
    for line in lines {
        let [path, _, pinned] = line.as_slice() else { continue };
        let part = folder.join(path);
        let mut files = BTreeMap::new();
        let read = collect(&part, &part, &mut files).is_ok();
        if !read || digest(&files) != *pinned {
            changed.push((*path).to_owned());
        }
    }
    changed
}

fn collect(top: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.ends_with("__pycache__") {
            continue;
        }
        if path.is_dir() {
            collect(top, &path, files)?;
        } else if let Ok(inside) = path.strip_prefix(top) {
            let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
            files.insert(parts.join("/"), std::fs::read(&path)?);
        }
    }
    Ok(())
}

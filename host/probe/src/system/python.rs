//! Python interpreters and what is installed for them. Everything is read from
//! files; nothing is executed, since a broken interpreter is one of the faults.

mod mentions;

use super::executables::{executable, find};
use super::{Arguments, Context, Row, RowBuilder};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// An interpreter with the folders it imports from.
struct Interpreter {
    path: PathBuf,
    version: Option<String>,
    folders: Vec<PathBuf>,
}

/// Something installed.
#[derive(Debug, PartialEq, Eq)]
struct Distribution {
    name: String,
    version: String,
    folder: PathBuf,
    /// Its metadata.
    info: PathBuf,
    modules: BTreeSet<String>,
}

pub(crate) fn inspect(arguments: &Arguments<'_>, context: &Context) -> Vec<Row> {
    let wanted: BTreeSet<String> = arguments.listed("names").into_iter().map(normal).collect();
    let given = arguments.all("interpreter");
    let texts = arguments.all("mention");
    let searched: BTreeSet<String> = arguments.listed("mentions-in").into_iter().map(normal).collect();
    let mut rows = Vec::new();
    for interpreter in interpreters(&given, context) {
        rows.push(
            RowBuilder::default()
                .put("row-kind", "interpreter")
                .put("path", interpreter.path.display())
                .known("version", interpreter.version.as_ref())
                .put(
                    "site-packages",
                    interpreter.folders.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(":"),
                )
                .done(),
        );
        for folder in &interpreter.folders {
            for found in distributions(folder, &wanted) {
                let row = RowBuilder::default()
                    .put("row-kind", "distribution")
                    .put("interpreter", interpreter.path.display())
                    .put("name", &found.name)
                    .put("version", &found.version)
                    .put("location", found.folder.display());
                let searched = !texts.is_empty() && searched.contains(&normal(&found.name));
                let row = match searched.then(|| mentions::search(folder, &found.info, &texts)) {
                    Some(seen) => row
                        .put("mentions", seen.found.join(","))
                        .put("files-read", seen.files)
                        .put("complete", seen.complete),
                    None => row,
                };
                rows.push(row.put("modules", found.modules.into_iter().collect::<Vec<_>>().join(",")).done());
            }
        }
    }
    rows
}

/// Those given, else that of the virtual environment, else those of PATH. An
/// interpreter that two names lead to counts once, unless a virtual environment
/// is in between: its folders differ.
fn interpreters(given: &[&str], context: &Context) -> Vec<Interpreter> {
    let variable = |name: &str| context.environment.text(name).unwrap_or_default();
    let path = variable("PATH");
    let mut candidates: Vec<PathBuf> = given.iter().filter_map(|name| find(name, path)).collect();
    if given.is_empty() {
        let environment = variable("VIRTUAL_ENV");
        if !environment.is_empty() {
            candidates.push(Path::new(environment).join("bin/python"));
        }
        for folder in std::env::split_paths(path).filter(|f| f.is_absolute()) {
            for name in ["python3", "python"] {
                candidates.push(folder.join(name));
            }
        }
    }
    let mut seen = BTreeSet::new();
    candidates
        .into_iter()
        .filter(|c| executable(c))
        .filter_map(|path| behind_shim(path, variable("PYENV_VERSION")))
        .filter_map(|path| {
            let found = describe(path, context);
            seen.insert((std::fs::canonicalize(&found.path).ok()?, found.folders.clone())).then_some(found)
        })
        .collect()
}

/// pyenv puts scripts called `python3` before everything else in PATH; the
/// interpreter they would start is `versions/<chosen>/bin/python3` beside them.
/// `None` when the choice is the system's own, which PATH leads to anyway.
fn behind_shim(path: PathBuf, chosen: &str) -> Option<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Some(path);
    };
    let Some(root) = folder.parent().filter(|_| folder.ends_with("shims")) else {
        return Some(path);
    };
    let written = std::fs::read_to_string(root.join("version")).unwrap_or_default();
    let version = chosen.split(':').chain(written.split_whitespace()).find(|v| !v.is_empty())?;
    Some(root.join("versions").join(version).join("bin").join(name)).filter(|p| executable(p))
}

fn describe(path: PathBuf, context: &Context) -> Interpreter {
    let real = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
    let prefix = |path: &Path| path.parent().and_then(Path::parent).map(Path::to_path_buf);
    let virtual_root = prefix(&path).filter(|p| p.join("pyvenv.cfg").is_file());
    let settings =
        virtual_root.as_ref().and_then(|p| std::fs::read_to_string(p.join("pyvenv.cfg")).ok()).unwrap_or_default();
    let base = prefix(&real).unwrap_or_else(|| PathBuf::from("/usr"));
    let minor = minor_version(&real, &settings, &base);
    let version = setting(&settings, "version")
        .or_else(|| setting(&settings, "version_info").map(|v| v.split('.').take(3).collect::<Vec<_>>().join(".")))
        .or_else(|| minor.as_ref().and_then(|m| full_version(&base, m)))
        .or_else(|| minor.clone());

    let mut folders = Vec::new();
    let listed = context.environment.text("PYTHONPATH").unwrap_or_default();
    folders.extend(std::env::split_paths(listed).filter(|f| f.is_absolute()));
    if let Some(minor) = &minor {
        let shared = setting(&settings, "include-system-site-packages").is_some_and(|v| v == "true");
        if let Some(root) = &virtual_root {
            folders.push(root.join(format!("lib/python{minor}/site-packages")));
        }
        if virtual_root.is_none() || shared {
            if let Some(home) = context.environment.text("HOME") {
                folders.push(Path::new(home).join(format!(".local/lib/python{minor}/site-packages")));
            }
            // Debian's own Python looks into dist-packages, and into /usr/local as well.
            if base == Path::new("/usr") {
                folders.push(PathBuf::from(format!("/usr/local/lib/python{minor}/dist-packages")));
                folders.push(PathBuf::from("/usr/lib/python3/dist-packages"));
            }
            for lib in ["lib", "lib64"] {
                folders.push(base.join(format!("{lib}/python{minor}/site-packages")));
                folders.push(base.join(format!("{lib}/python{minor}/dist-packages")));
            }
        }
    }
    let mut known = BTreeSet::new();
    folders.retain(|f| f.is_dir() && known.insert(std::fs::canonicalize(f).unwrap_or_else(|_| f.clone())));
    Interpreter { path, version, folders }
}

/// `3.11`: from the file's name, from pyvenv.cfg, or from the only library folder.
fn minor_version(real: &Path, settings: &str, base: &Path) -> Option<String> {
    let is_minor =
        |text: &str| text.split_once('.').is_some_and(|(a, b)| a.parse::<u8>().is_ok() && b.parse::<u8>().is_ok());
    let by_name = real.file_name()?.to_string_lossy().strip_prefix("python").map(str::to_owned).filter(|v| is_minor(v));
    let by_settings = || {
        let full = setting(settings, "version").or_else(|| setting(settings, "version_info"))?;
        Some(full.split('.').take(2).collect::<Vec<_>>().join(".")).filter(|v| is_minor(v))
    };
    let by_folder = || {
        let mut found: Vec<String> = std::fs::read_dir(base.join("lib"))
            .ok()?
            .flatten()
            .filter_map(|f| f.file_name().to_string_lossy().strip_prefix("python").map(str::to_owned))
            .filter(|v| is_minor(v))
            .collect();
        found.sort();
        found.dedup();
        (found.len() == 1).then(|| found.remove(0))
    };
    by_name.or_else(by_settings).or_else(by_folder)
}

/// `3.11.2`, from the headers when they are installed.
fn full_version(base: &Path, minor: &str) -> Option<String> {
    let text = std::fs::read_to_string(base.join(format!("include/python{minor}/patchlevel.h"))).ok()?;
    text.lines().find_map(|line| line.strip_prefix("#define PY_VERSION")).map(|v| v.trim().trim_matches('"').to_owned())
}

/// A value of pyvenv.cfg.
fn setting(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })
}

/// The distributions of a folder that are wanted; all when none is named.
fn distributions(folder: &Path, wanted: &BTreeSet<String>) -> Vec<Distribution> {
    let mut found: Vec<Distribution> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let stem = name.strip_suffix(".dist-info").or_else(|| name.strip_suffix(".egg-info"))?;
            // The metadata of every package need not be read to find three.
            let guessed = normal(stem.split('-').next().unwrap_or(stem));
            if !wanted.is_empty() && !wanted.contains(&guessed) {
                return None;
            }
            read(folder, &entry.path(), stem)
        })
        .collect();
    found.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    // Some packagers leave both kinds of metadata for one installation.
    found.dedup_by(|next, kept| {
        let same = (&next.name, &next.version) == (&kept.name, &kept.version);
        if same {
            kept.modules.append(&mut next.modules);
        }
        same
    });
    found
}

/// One `*.dist-info` or `*.egg-info`. A folder without readable metadata is what
/// an interrupted installation leaves; it is no distribution.
fn read(folder: &Path, info: &Path, stem: &str) -> Option<Distribution> {
    let metadata = ["METADATA", "PKG-INFO"].iter().find_map(|f| std::fs::read_to_string(info.join(f)).ok());
    let metadata = metadata.or_else(|| std::fs::read_to_string(info).ok())?;
    let field = |name: &str| {
        metadata
            .lines()
            .take_while(|line| !line.is_empty())
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(|v| v.trim().to_owned())
    };
    let mut modules: BTreeSet<String> = std::fs::read_to_string(info.join("top_level.txt"))
        .unwrap_or_default()
        .lines()
        .map(|l| l.trim().to_owned())
        .filter(|l| !l.is_empty())
        .collect();
    if modules.is_empty() {
        let record = ["RECORD", "installed-files.txt"].iter().find_map(|f| std::fs::read_to_string(info.join(f)).ok());
        modules = record.unwrap_or_default().lines().filter_map(module_of).collect();
    }
    Some(Distribution {
        name: field("Name").unwrap_or_else(|| stem.split('-').next().unwrap_or(stem).to_owned()),
        version: field("Version")?,
        folder: folder.to_path_buf(),
        info: info.to_path_buf(),
        modules,
    })
}

/// The module that a line of RECORD (`path,hash,size`) belongs to.
fn module_of(line: &str) -> Option<String> {
    let path = line.split(',').next()?;
    let (first, inside) = match path.split_once('/') {
        Some((first, _)) => (first, true),
        None => (path, false),
    };
    let name = if inside {
        first
    } else {
        // Extension modules carry the interpreter's tag: `_x.cpython-311-x86_64-linux-gnu.so`.
        match first.strip_suffix(".py") {
            Some(name) => name,
            None => first.strip_suffix(".so")?.split('.').next()?,
        }
    };
    let is_module =
        !name.is_empty() && name != "__pycache__" && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_module.then(|| name.to_owned())
}

/// Names are compared as PEP 503 says.
fn normal(name: &str) -> String {
    let parts: Vec<&str> = name.split(['-', '_', '.']).filter(|p| !p.is_empty()).collect();
    parts.join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_model::Environment;
    use std::os::unix::fs::PermissionsExt;

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A prefix with an interpreter that would fail if anybody ran it.
    fn prefix() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let binary = root.path().join("bin/python3.11");
        write(&binary, "#!/bin/false\n");
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("python3.11", root.path().join("bin/python3")).unwrap();
        let site = root.path().join("lib/python3.11/site-packages");
        write(
            &site.join("cryptography-42.0.5.dist-info/METADATA"),
            "Metadata-Version: 2.1\nName: cryptography\nVersion: 42.0.5\n\nVersion: of the text\n",
        );
        write(
            &site.join("cryptography-42.0.5.dist-info/RECORD"),
            "cryptography/__init__.py,sha256=x,1\n../../../bin/tool,,\ncryptography-42.0.5.dist-info/RECORD,,\n_cffi.cpython-311-x86_64-linux-gnu.so,,\nsix.py,,\n",
        );
        write(&site.join("Flask_Old-1.0.egg-info/PKG-INFO"), "Name: Flask.Old\nVersion: 1.0\n");
        write(&site.join("Flask_Old-1.0.egg-info/top_level.txt"), "flask_old\n");
        write(&site.join("broken-1.0.dist-info/RECORD"), "broken.py,,\n");
        root
    }

    fn inspected(root: &Path, names: &str) -> Vec<Row> {
        let pairs = [("names".to_owned(), names.to_owned())];
        let path = root.join("bin").display().to_string();
        let context = Context { environment: Environment::from_pairs([("PATH".to_owned(), path)]) };
        inspect(&Arguments(&pairs), &context)
    }

    fn value(row: &Row, key: &str) -> String {
        row.iter().find(|(k, _)| k == key).map_or_else(String::new, |(_, v)| v.clone())
    }

    #[test]
    fn distributions_are_read_from_metadata() {
        let root = prefix();
        let rows = inspected(root.path(), "Cryptography,flask-old,broken,absent");
        assert_eq!(rows.len(), 3, "{rows:?}");
        assert_eq!(value(&rows[0], "row-kind"), "interpreter");
        assert_eq!(value(&rows[0], "version"), "3.11");
        assert_eq!((value(&rows[1], "name"), value(&rows[1], "modules")), ("Flask.Old".into(), "flask_old".into()));
        assert_eq!(
            (value(&rows[2], "version"), value(&rows[2], "modules")),
            ("42.0.5".into(), "_cffi,cryptography,six".into())
        );
    }

    #[test]
    fn a_distribution_is_searched_for_texts() {
        let root = prefix();
        let site = root.path().join("lib/python3.11/site-packages");
        write(&site.join("cryptography/__init__.py"), "# speaks /x/1.0.0\n");
        write(&site.join("six.py"), "import os\n");
        let ask = |name: &str| {
            let pairs = [("names", name), ("mentions-in", name), ("mention", "/x/1.0.0"), ("mention", "other")];
            let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let path = root.path().join("bin").display().to_string();
            let context = Context { environment: Environment::from_pairs([("PATH".to_owned(), path)]) };
            inspect(&Arguments(&pairs), &context)
        };
        let rows = ask("cryptography");
        assert_eq!((value(&rows[1], "mentions"), value(&rows[1], "files-read")), ("/x/1.0.0".into(), "2".into()));
        // Without a list of files nothing is known of what it holds.
        let rows = ask("flask-old");
        assert_eq!((value(&rows[1], "files-read"), value(&rows[1], "complete")), ("0".into(), "false".into()));
    }

    #[test]
    fn without_names_everything_is_listed() {
        let root = prefix();
        assert_eq!(inspected(root.path(), "").len(), 3);
    }

    #[test]
    fn a_virtual_environment_hides_the_base_unless_it_shares_it() {
        let root = prefix();
        let venv = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(venv.path().join("bin")).unwrap();
        std::os::unix::fs::symlink(root.path().join("bin/python3.11"), venv.path().join("bin/python3")).unwrap();
        let site = venv.path().join("lib/python3.11/site-packages");
        write(&site.join("libp2p-0.2.0.dist-info/METADATA"), "Name: libp2p\nVersion: 0.2.0\n");
        let settings = venv.path().join("pyvenv.cfg");
        write(&settings, "home = /x\ninclude-system-site-packages = false\nversion = 3.11.9\n");
        let rows = inspected(venv.path(), "");
        assert_eq!(rows.iter().map(|r| value(r, "name")).collect::<Vec<_>>(), ["", "libp2p"]);
        assert_eq!(value(&rows[0], "version"), "3.11.9");
        write(&settings, "include-system-site-packages = true\nversion = 3.11.9\n");
        assert_eq!(inspected(venv.path(), "cryptography").len(), 2);
    }

    #[test]
    fn two_kinds_of_metadata_for_one_installation_are_one() {
        let root = prefix();
        let site = root.path().join("lib/python3.11/site-packages");
        write(&site.join("cryptography-42.0.5.egg-info/PKG-INFO"), "Name: cryptography\nVersion: 42.0.5\n");
        write(&site.join("cryptography-38.0.0.dist-info/METADATA"), "Name: cryptography\nVersion: 38.0.0\n");
        let rows = inspected(root.path(), "cryptography");
        assert_eq!(rows.iter().map(|r| value(r, "version")).collect::<Vec<_>>(), ["3.11", "38.0.0", "42.0.5"]);
        assert_eq!(value(&rows[2], "modules"), "_cffi,cryptography,six");
    }

    #[test]
    fn a_shim_leads_to_the_interpreter_it_would_start() {
        let pyenv = tempfile::tempdir().unwrap();
        let shim = pyenv.path().join("shims/python3");
        let real = pyenv.path().join("versions/3.12.1/bin/python3");
        write(&real, "");
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(behind_shim(shim.clone(), ""), None);
        assert_eq!(behind_shim(shim.clone(), "3.12.1"), Some(real.clone()));
        write(&pyenv.path().join("version"), "3.12.1\n");
        assert_eq!(behind_shim(shim.clone(), ""), Some(real.clone()));
        assert_eq!(behind_shim(shim, "3.9.0"), None);
        assert_eq!(behind_shim(real.clone(), "3.9.0"), Some(real));
    }

    #[test]
    fn names_are_normalised() {
        assert_eq!(normal("Flask__Old.x"), "flask-old-x");
    }
}

use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Makes a root of this machine's folders below its first argument, mounts each pair of
/// those after the number there, and becomes the rest inside. Files that lie in `/` itself
/// are left out: a `/.dockerenv` would make a container of the runner.
const ROOT: &str = r#"root=$1; n=$2; here=$PWD; shift 2
mount -t tmpfs tmpfs "$root" || exit 97
for d in /*; do
  if [ -L "$d" ]; then cp -a "$d" "$root$d"
  elif [ -d "$d" ]; then mkdir "$root$d" && mount --rbind "$d" "$root$d" || exit 97
  fi
done
while [ "$n" -gt 0 ]; do mount --bind "$1" "$root$2" || exit 97; shift 2; n=$((n-1)); done
exec chroot "$root" sh -c 'cd "$1" && shift && exec "$@"' sh "$here" "$@""#;

/// Files that the runner finds in place of this machine's.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    /// Where the root is made, in a mount namespace that ends with the command.
    root: PathBuf,
    /// From the path that the runner sees to the file here.
    shown: BTreeMap<PathBuf, PathBuf>,
}

impl Files {
    pub(super) fn below(folder: &Path) -> Result<Self> {
        let root = folder.join("root");
        std::fs::create_dir_all(&root).with_context(|| root.display().to_string())?;
        Ok(Self { folder: folder.to_path_buf(), root, shown: BTreeMap::new() })
    }

    pub(super) fn write(&mut self, path: &str, text: &str) -> Result<()> {
        let file = self.folder.join(path.trim_start_matches('/').replace('/', "%"));
        std::fs::write(&file, text).with_context(|| file.display().to_string())?;
        self.shown.insert(PathBuf::from(path), file);
        Ok(())
    }

    pub(super) fn forget(&mut self, path: &str) {
        self.shown.remove(Path::new(path));
    }

    pub(super) fn mounts(&self) -> impl Iterator<Item = (&PathBuf, &PathBuf)> {
        self.shown.iter().map(|(to, from)| (from, to))
    }

    /// Command that shows them to another one, in a mount namespace that ends with it.
    pub(super) fn prefix(&self) -> Vec<OsString> {
        if self.shown.is_empty() {
            return Vec::new();
        }
        let fixed = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", ROOT, "sh"];
        let mut words: Vec<OsString> = fixed.iter().map(OsString::from).collect();
        words.extend([self.root.clone().into(), self.shown.len().to_string().into()]);
        words.extend(self.mounts().flat_map(|(from, to)| [from.into(), to.into()]));
        words
    }
}

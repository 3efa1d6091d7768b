use super::{Context, Row, RowBuilder, text};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Beginnings of the names of modules that have to do with filtering and NAT.
const NETFILTER: [&str; 11] = [
    "arptable",
    "br_netfilter",
    "ebtable",
    "ip6table",
    "ip6_tables",
    "ip_set",
    "ip_tables",
    "iptable",
    "nf",
    "x_tables",
    "xt_",
];

/// Which kernel this is, whose machine it runs on, and what it can filter with.
pub(crate) fn inspect(context: &Context) -> Row {
    let release = text("/proc/sys/kernel/osrelease");
    let named = |words: &[&str]| {
        release.as_ref().map(|release| words.iter().any(|word| release.to_ascii_lowercase().contains(word)))
    };
    RowBuilder::default()
        .known("release", release.as_ref())
        .known("version", text("/proc/sys/kernel/version"))
        .known("wsl", named(&["microsoft", "wsl"]))
        .known("desktop-vm", named(&["linuxkit"]))
        .known("modules", text("/proc/modules").and_then(|modules| netfilter(&modules)))
        .known("built-in", release.as_ref().and_then(|release| built_in(Path::new("/lib/modules"), release)))
        .known("present", present(Path::new("/sys/module")))
        .known("ip-tables", text("/proc/net/ip_tables_names").map(|names| listed(names.lines())))
        .known("iptables-variant", variant(context.environment.text("PATH").unwrap_or_default()))
        .done()
}

fn listed(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    let names = names.map(|name| name.as_ref().trim().to_owned()).filter(|name| !name.is_empty());
    names.collect::<Vec<_>>().join(",")
}

fn is_netfilter(name: &str) -> bool {
    NETFILTER.iter().any(|start| name.starts_with(start)) && !name.starts_with("nfs")
}

/// The netfilter modules among the loaded ones; unknown where none at all is loaded, as
/// everything may be built in then.
fn netfilter(modules: &str) -> Option<String> {
    let names: Vec<&str> = modules.lines().filter_map(|line| line.split_whitespace().next()).collect();
    (!names.is_empty()).then(|| listed(names.into_iter().filter(|name| is_netfilter(name))))
}

/// The netfilter modules that this kernel has built in, by the list that is installed with it;
/// unknown where it is not, as in most containers.
fn built_in(modules: &Path, release: &str) -> Option<String> {
    // Whatever else a release may be, it is one folder's name.
    let release = Path::new(release).file_name().filter(|name| *name == release)?;
    let files = std::fs::read_to_string(modules.join(release).join("modules.builtin")).ok()?;
    // `kernel/net/netfilter/nf_tables.ko`; the kernel takes a dash for an underscore.
    let names = files.lines().filter_map(|line| line.trim().rsplit('/').next()?.split('.').next());
    Some(listed(names.map(|name| name.replace('-', "_")).filter(|name| is_netfilter(name))))
}

/// The netfilter modules with a folder in /sys/module: those that are loaded, and those that
/// are built in and have a parameter or a version.
fn present(folder: &Path) -> Option<String> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| is_netfilter(name));
    names.sort();
    Some(names.join(","))
}

/// Which kernel interface the iptables of a PATH uses, told by the name that its links end
/// at (`xtables-nft-multi`, `iptables-legacy`); unknown where that does not say. Nothing is run.
fn variant(path: &str) -> Option<&'static str> {
    let runs = |file: &PathBuf| file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    let Some(found) = folders.map(|folder| folder.join("iptables")).find(runs) else {
        return Some("none");
    };
    let real = std::fs::canonicalize(&found).ok()?;
    let name = real.file_name().map(Path::new)?.display().to_string();
    ["nft", "legacy"].into_iter().find(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn this_kernel_is_described() {
        let row = inspect(&Context::default());
        for key in ["release", "version", "wsl", "desktop-vm"] {
            assert!(row.iter().any(|(k, v)| k == key && !v.is_empty()), "{key}: {row:?}");
        }
    }

    #[test]
    fn netfilter_modules_are_picked_out() {
        let modules =
            "nft_chain_nat 16384 3 - Live 0x0\nnfs 1 0 - Live 0x0\nxt_conntrack 1 1 - Live 0x0\next4 1 1 - Live 0x0\n";
        assert_eq!(netfilter(modules).as_deref(), Some("nft_chain_nat,xt_conntrack"));
        assert_eq!(netfilter("ext4 1 1 - Live 0x0").as_deref(), Some(""));
        assert_eq!(netfilter(""), None);
    }

    #[test]
    fn modules_that_are_built_in_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let of = |release: &str| built_in(folder.path(), release);
        assert_eq!(of("6.6.87-WSL2"), None);
        std::fs::create_dir(folder.path().join("6.6.87-WSL2")).unwrap();
        let list = "kernel/fs/ext4/ext4.ko\nkernel/net/netfilter/nf_tables.ko\nkernel/net/ipv4/netfilter/ip_tables.ko.xz\nkernel/net/netfilter/nf-nat.ko\n";
        std::fs::write(folder.path().join("6.6.87-WSL2/modules.builtin"), list).unwrap();
        assert_eq!(of("6.6.87-WSL2").as_deref(), Some("nf_tables,ip_tables,nf_nat"));
        assert_eq!(of("../6.6.87-WSL2"), None);
        std::fs::create_dir(folder.path().join("nf_tables")).unwrap();
        assert_eq!(present(folder.path()).as_deref(), Some("nf_tables"));
        assert_eq!(present(&folder.path().join("gone")), None);
    }

    #[test]
    fn the_variant_of_iptables_is_told_by_its_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        assert_eq!(variant(&path), Some("none"));
        for (target, wanted) in
            [("xtables-nft-multi", Some("nft")), ("xtables-legacy-multi", Some("legacy")), ("iptables-1.4", None)]
        {
            let real = folder.path().join(target);
            std::fs::write(&real, "").unwrap();
            std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o755)).unwrap();
            let link = folder.path().join("iptables");
            symlink(target, &link).unwrap();
            assert_eq!(variant(&path), wanted, "{target}");
            std::fs::remove_file(link).unwrap();
        }
    }
}

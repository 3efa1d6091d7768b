/// What was seen of the image.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The zstd that a shell would start.
    pub(crate) zstd: Option<String>,
    pub(crate) tar: Tar,
    /// Version of the package `zstd`, where one is installed.
    pub(crate) version: Option<String>,
}

/// The tar that a shell would start.
#[derive(Clone, Debug)]
pub(crate) enum Tar {
    Missing,
    /// Where it leads to, if it is a link.
    At {
        path: String,
        leads_to: Option<String>,
    },
    /// Outside of the folders of a distribution, at this path.
    Foreign(String),
}

/// Whether a program is where a distribution, or an image's own build, puts programs.
pub(crate) fn is_usual(path: &str) -> bool {
    let folder = path.rsplit_once('/').map(|(folder, _)| folder);
    matches!(folder, Some("/usr/bin" | "/bin" | "/usr/local/bin"))
}

impl Tar {
    pub(crate) fn is_busybox(&self) -> bool {
        let Self::At { leads_to: Some(leads_to), .. } = self else { return false };
        leads_to.rsplit('/').next().is_some_and(|name| name.starts_with("busybox"))
    }
}

/// How actions/cache compresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    /// With a zstd of this version, which is older than it has to be.
    Old(String),
    /// With the zstd at this path, of whatever version.
    Unknown(String),
    Zstd,
}

impl Compression {
    pub(crate) fn method(&self) -> &'static str {
        if *self == Self::Gzip { "gzip" } else { "zstd" }
    }
}

/// Judges the zstd.
///
/// *Behaviour*: the version of the package counts only for the program of the package.
pub(crate) fn compression(seen: &Seen, least: &str) -> Compression {
    let Some(path) = &seen.zstd else { return Compression::Gzip };
    let of_package = matches!(path.as_str(), "/usr/bin/zstd" | "/bin/zstd");
    match &seen.version {
        Some(version) if of_package => {
            if numbers(version) < numbers(least) {
                Compression::Old(version.clone())
            } else {
                Compression::Zstd
            }
        }
        _ => Compression::Unknown(path.clone()),
    }
}

/// `1:1.5.4+dfsg2-5` as 1, 5, 4.
fn numbers(version: &str) -> Vec<u32> {
    let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
    let end = upstream.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(upstream.len());
    upstream.get(..end).unwrap_or_default().split('.').map_while(|part| part.parse().ok()).collect()
}

/// Reads the version of the package `zstd` from a database.
pub(crate) type Database = fn(&str) -> Option<String>;

/// dpkg's: paragraphs of `Field: value`.
pub(crate) fn dpkg(text: &str) -> Option<String> {
    let paragraph = text.split("\n\n").find(|paragraph| paragraph.lines().any(|line| line == "Package: zstd"))?;
    let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let installed = field("Status:")?.ends_with(" installed");
    field("Version:").filter(|_| installed).map(str::to_owned)
}

/// apk's: paragraphs of `P:name`, `V:version`.
pub(crate) fn apk(text: &str) -> Option<String> {
    let paragraph = text.split("\n\n").find(|paragraph| paragraph.lines().any(|line| line == "P:zstd"))?;
    paragraph.lines().find_map(|line| line.strip_prefix("V:")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(zstd: Option<&str>, version: Option<&str>) -> Seen {
        Seen { zstd: zstd.map(str::to_owned), tar: Tar::Missing, version: version.map(str::to_owned) }
    }

    #[test]
    fn the_package_says_the_version_of_its_own_program_only() {
        let told = |zstd, version| compression(&seen(zstd, version), "1.3.2");
        assert_eq!(told(None, Some("1.5.4")), Compression::Gzip, "a package whose program is not on PATH");
        assert_eq!(told(Some("/usr/bin/zstd"), Some("1.5.4+dfsg2-5")), Compression::Zstd);
        assert_eq!(told(Some("/usr/bin/zstd"), Some("1.3.2")), Compression::Zstd);
        assert_eq!(told(Some("/usr/bin/zstd"), Some("1.1.2-1")), Compression::Old("1.1.2-1".into()));
        assert_eq!(told(Some("/usr/bin/zstd"), None), Compression::Unknown("/usr/bin/zstd".into()));
        assert_eq!(told(Some("/opt/zstd"), Some("1.5.4")), Compression::Unknown("/opt/zstd".into()));
    }

    #[test]
    fn versions_are_numbers() {
        assert!(numbers("1.10.0") > numbers("1.9.9") && numbers("1:1.5") == numbers("1.5-r1"));
        assert!(numbers("1.3") < numbers("1.3.2") && numbers("x").is_empty());
    }

    #[test]
    fn databases_are_read() {
        let status = "Package: libzstd1\nStatus: install ok installed\nVersion: 9\n\nPackage: zstd\n\
                      Status: install ok installed\nVersion: 1.5.4+dfsg2-5\n\nPackage: zzz\nVersion: 3\n";
        assert_eq!(dpkg(status).as_deref(), Some("1.5.4+dfsg2-5"));
        assert_eq!(dpkg(&status.replace("ok installed", "ok config-files")), None, "removed");
        assert_eq!(dpkg("Package: libzstd1\nVersion: 9\n"), None);
        assert_eq!(apk("P:zstd-libs\nV:9\n\nP:zstd\nV:1.5.5-r8\nA:x86_64\n").as_deref(), Some("1.5.5-r8"));
        assert_eq!(apk("P:zstd-libs\nV:9\n"), None);
    }

    #[test]
    fn busybox_is_told_by_where_its_link_leads() {
        let tar = |leads_to: Option<&str>| Tar::At { path: "/bin/tar".into(), leads_to: leads_to.map(str::to_owned) };
        assert!(tar(Some("/bin/busybox")).is_busybox() && tar(Some("/usr/bin/busybox.static")).is_busybox());
        assert!(
            is_usual("/bin/tar") && is_usual("/usr/local/bin/tar") && !is_usual("/opt/bin/tar") && !is_usual("tar")
        );
        assert!(!tar(None).is_busybox() && !tar(Some("/usr/bin/gtar")).is_busybox() && !Tar::Missing.is_busybox());
    }
}

use crate::system::interfaces::{Link, links};
use crate::system::routes::{Route, routes};
use crate::system::text;
use seaworthy_model::Environment;
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that the conclusion rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// /.dockerenv is there.
    pub dockerenv: bool,
    /// Text of /run/.containerenv, when it is there.
    pub containerenv: Option<String>,
    /// Text of /run/systemd/container, when it is there.
    pub systemd_container: Option<String>,
    /// A Kubernetes service account is mounted.
    pub service_account: bool,
    /// Text of /proc/self/cgroup.
    pub cgroup: String,
    /// Text of /proc/self/mountinfo.
    pub mountinfo: String,
    /// Text of /proc/self/uid_map.
    pub uid_map: String,
    /// The variables that mark a container or a CI service; nothing else.
    pub environment: BTreeMap<String, String>,
    /// The interfaces of this network namespace.
    pub links: Vec<Link>,
    /// Its routes.
    pub routes: Vec<Route>,
    /// Text of /etc/resolv.conf.
    pub resolv_conf: String,
    /// Text of /etc/hosts.
    pub hosts: String,
    /// Our host name.
    pub hostname: String,
    /// Release of the kernel.
    pub kernel: String,
}

/// Id of the container that ours was made like, and whose network and files of /etc it
/// has: set by `run --in`.
pub(super) const STANDS_IN_FOR: &str = "SEAWORTHY_STANDS_IN_FOR";

/// The variables that are looked at. None of them holds a secret.
pub(super) const VARIABLES: [&str; 16] = [
    STANDS_IN_FOR,
    "container",
    "KUBERNETES_SERVICE_HOST",
    "CI",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "JENKINS_URL",
    "TF_BUILD",
    "CIRCLECI",
    "BUILDKITE",
    "DRONE",
    "WOODPECKER_CI",
    "BITBUCKET_BUILD_NUMBER",
    "TEAMCITY_VERSION",
    "TRAVIS",
    "FORGEJO_ACTIONS",
];

impl Evidence {
    /// Looks at this machine; what cannot be read counts as absent.
    #[must_use]
    pub fn gather(environment: &Environment) -> Self {
        let exists = |path: &str| Path::new(path).exists();
        let read = |path: &str| text(path).unwrap_or_default();
        let variables =
            VARIABLES.iter().filter_map(|n| Some(((*n).to_owned(), environment.text(n)?.to_owned()))).collect();
        Self {
            dockerenv: exists("/.dockerenv"),
            containerenv: exists("/run/.containerenv").then(|| read("/run/.containerenv")),
            systemd_container: text("/run/systemd/container"),
            service_account: exists("/var/run/secrets/kubernetes.io/serviceaccount"),
            cgroup: read("/proc/self/cgroup"),
            mountinfo: read("/proc/self/mountinfo"),
            uid_map: read("/proc/self/uid_map"),
            environment: variables,
            links: links(),
            routes: routes().unwrap_or_default(),
            resolv_conf: read("/etc/resolv.conf"),
            hosts: read("/etc/hosts"),
            hostname: read("/proc/sys/kernel/hostname"),
            kernel: read("/proc/sys/kernel/osrelease"),
        }
    }

    /// The variable, when it is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// The mounts of our namespace, as far as they are about us.
    pub(super) fn mounts(&self) -> impl Iterator<Item = Mount<'_>> {
        self.mountinfo.lines().filter_map(Mount::parse)
    }
}

/// One line of mountinfo (`man 5 proc_pid_mountinfo`).
pub(super) struct Mount<'a> {
    /// Path inside the mounted file system.
    pub(super) root: &'a str,
    /// Where we see it.
    pub(super) point: &'a str,
    /// `overlay`, `ext4`, `fuse.lxcfs`.
    pub(super) file_system: &'a str,
    /// Options of the file system.
    pub(super) options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (mount, system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let mut system = system.split(' ');
        Some(Self {
            root: mount.next()?,
            point: mount.next()?,
            file_system: system.next()?,
            options: system.nth(1).unwrap_or_default(),
        })
    }
}

use super::evidence::Evidence;

/// What runs us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: a machine or a virtual machine.
    None,
    /// Docker or Moby.
    Docker,
    /// Podman, CRI-O tools, Buildah.
    Podman,
    /// A pod, whatever its runtime.
    Kubernetes,
    /// containerd without Kubernetes (nerdctl).
    Containerd,
    /// LXC, LXD, Incus.
    Lxc,
    /// A container that nothing names.
    Unknown,
}

impl Kind {
    /// The word of the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::None => "none",
            Kind::Docker => "docker",
            Kind::Podman => "podman",
            Kind::Kubernetes => "kubernetes",
            Kind::Containerd => "containerd",
            Kind::Lxc => "lxc",
            Kind::Unknown => "unknown",
        }
    }
}

/// The kind, with what proved it.
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) id: Option<String>,
    /// The container whose /etc files we see; another one's in `container:` mode.
    pub(super) files_of: Option<String>,
    /// resolv.conf is mounted, but not from the runtime: somebody replaced it.
    pub(super) foreign_resolver: bool,
    pub(super) proofs: Vec<&'static str>,
}

/// *Behaviour*: only what is about ourselves counts. A machine that runs Docker
/// has mounts and interfaces of its containers, so of the mounts only `/` and the
/// three files that runtimes put into /etc are looked at, and of the control
/// groups only our own.
pub(super) fn recognise(evidence: &Evidence) -> Found {
    let groups = Groups::read(&evidence.cgroup);
    let mounts = Mounts::read(evidence);
    let marker = evidence.variable("container").or(evidence.systemd_container.as_deref()).unwrap_or_default();

    let mut seen: Vec<(&'static str, Kind)> = Vec::new();
    // Virtual machines whose disk was made of an image have the file too. In a
    // container, the root is an overlay or the files of /etc are mounted.
    let left_over = !evidence.mountinfo.is_empty() && !mounts.overlay_root && !mounts.etc && groups.kind.is_none();
    if evidence.dockerenv && !left_over {
        seen.push(("/.dockerenv", Kind::Docker));
    }
    if evidence.containerenv.is_some() {
        seen.push(("/run/.containerenv", Kind::Podman));
    }
    seen.extend(groups.kind.map(|kind| ("cgroup", kind)));
    seen.extend(mounts.kind.map(|kind| ("mountinfo", kind)));
    let by_name = match marker {
        "" => None,
        "podman" | "oci" => Some(Kind::Podman),
        "docker" => Some(Kind::Docker),
        "lxc" | "lxc-libvirt" => Some(Kind::Lxc),
        "wsl" => None,
        _ => Some(Kind::Unknown),
    };
    seen.extend(by_name.map(|kind| ("container variable", kind)));
    if evidence.service_account {
        seen.push(("service account", Kind::Kubernetes));
    }
    // Inherited variables alone do not make a pod of a container that Docker runs inside one.
    let inside_other = matches!(mounts.kind, Some(Kind::Docker | Kind::Podman));
    if evidence.variable("KUBERNETES_SERVICE_HOST").is_some() && !inside_other {
        seen.push(("KUBERNETES_SERVICE_HOST", Kind::Kubernetes));
    }
    if seen.is_empty() && mounts.overlay_root {
        seen.push(("overlay root", Kind::Unknown));
    }

    let order = [Kind::Kubernetes, Kind::Podman, Kind::Docker, Kind::Containerd, Kind::Lxc, Kind::Unknown];
    let kind = order.into_iter().find(|kind| seen.iter().any(|(_, k)| k == kind)).unwrap_or(Kind::None);
    let named = evidence.containerenv.as_deref().and_then(|text| value(text, "id"));
    Found {
        kind,
        id: if kind == Kind::None { None } else { named.or(groups.id).or_else(|| mounts.id.clone()) },
        files_of: mounts.id,
        foreign_resolver: mounts.foreign_resolver,
        proofs: seen.into_iter().map(|(proof, _)| proof).collect(),
    }
}

/// Whether the runtime belongs to a user other than root.
pub(super) fn rootless(evidence: &Evidence) -> Option<bool> {
    if let Some(said) = evidence.containerenv.as_deref().and_then(|text| value(text, "rootless")) {
        return Some(said == "1");
    }
    let map: Vec<Vec<u64>> =
        evidence.uid_map.lines().map(|l| l.split_whitespace().filter_map(|n| n.parse().ok()).collect()).collect();
    match map.first()?.as_slice() {
        // The whole range, unchanged: no user namespace.
        [0, 0, length] if *length >= u64::from(u32::MAX) => Some(false),
        // Rootless runtimes map root to the user alone, then the subordinate ids.
        [0, outside, 1] => Some(*outside != 0),
        // A daemon of root that remaps (userns-remap) maps one long range.
        [0, _, _] => Some(false),
        _ => None,
    }
}

/// The CI service, by the variable it promises to set.
pub(super) fn ci(evidence: &Evidence) -> &'static str {
    let services = [
        ("FORGEJO_ACTIONS", "forgejo-actions"),
        ("GITHUB_ACTIONS", "github-actions"),
        ("GITLAB_CI", "gitlab"),
        ("JENKINS_URL", "jenkins"),
        ("TF_BUILD", "azure-pipelines"),
        ("CIRCLECI", "circleci"),
        ("BUILDKITE", "buildkite"),
        ("DRONE", "drone"),
        ("WOODPECKER_CI", "woodpecker"),
        ("BITBUCKET_BUILD_NUMBER", "bitbucket"),
        ("TEAMCITY_VERSION", "teamcity"),
        ("TRAVIS", "travis"),
        ("CI", "unknown"),
    ];
    services.into_iter().find(|(variable, _)| evidence.variable(variable).is_some()).map_or("none", |(_, name)| name)
}

/// `key="value"` or `key=value` of /run/.containerenv.
fn value(text: &str, key: &str) -> Option<String> {
    text.lines()
        .find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))
        .map(|v| v.trim_matches('"').to_owned())
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[derive(Default)]
struct Groups {
    kind: Option<Kind>,
    id: Option<String>,
}

impl Groups {
    /// `0::/system.slice/docker-<id>.scope`, `5:devices:/docker/<id>`,
    /// `/kubepods.slice/…/cri-containerd-<id>.scope`, `/user.slice/…/libpod-<id>.scope/container` ...
    fn read(text: &str) -> Self {
        let mut groups = Groups::default();
        for path in text.lines().filter_map(|line| line.splitn(3, ':').nth(2)) {
            let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
            for (at, part) in parts.iter().enumerate() {
                let bare = part.strip_suffix(".scope").unwrap_or(part);
                let (runtime, id) = match bare.rsplit_once('-') {
                    Some((runtime, id)) if is_id(id) => (runtime, id),
                    _ if is_id(bare) => (if at > 0 { parts[at - 1] } else { "" }, bare),
                    _ => continue,
                };
                groups.id = Some(id.to_owned());
                groups.kind = groups.kind.or(match runtime {
                    "docker" => Some(Kind::Docker),
                    "libpod" | "libpod_parent" => Some(Kind::Podman),
                    "cri-containerd" | "nerdctl" => Some(Kind::Containerd),
                    "crio" => Some(Kind::Podman),
                    "ecs" | "actions_job" => Some(Kind::Docker),
                    _ => None,
                });
            }
            if parts.iter().any(|p| p.starts_with("kubepods")) {
                groups.kind = Some(Kind::Kubernetes);
            } else if parts.iter().any(|p| *p == "lxc" || p.starts_with("lxc.payload")) {
                groups.kind = groups.kind.or(Some(Kind::Lxc));
            }
        }
        groups
    }
}

#[derive(Default)]
struct Mounts {
    kind: Option<Kind>,
    id: Option<String>,
    overlay_root: bool,
    /// One of the files that runtimes put into /etc is a mount.
    etc: bool,
    foreign_resolver: bool,
}

impl Mounts {
    fn read(evidence: &Evidence) -> Self {
        let mut mounts = Mounts::default();
        let mut by_root = None;
        for mount in evidence.mounts() {
            match mount.point {
                "/" if mount.file_system == "overlay" || mount.file_system == "fuse.fuse-overlayfs" => {
                    mounts.overlay_root = true;
                    by_root = if mount.options.contains("/docker/overlay2/") {
                        Some(Kind::Docker)
                    } else if mount.options.contains("/containers/storage/overlay") {
                        Some(Kind::Podman)
                    } else if mount.options.contains("/io.containerd.snapshotter") {
                        Some(Kind::Containerd)
                    } else {
                        None
                    };
                }
                "/etc/hosts" | "/etc/hostname" | "/etc/resolv.conf" => {
                    mounts.etc = true;
                    let parts: Vec<&str> = mount.root.split('/').collect();
                    let id = parts.iter().find(|p| is_id(p)).map(|id| (*id).to_owned());
                    let kind = if mount.root.contains("/pods/") && mount.root.ends_with("/etc-hosts") {
                        Some(Kind::Kubernetes)
                    } else if mount.root.contains("/overlay-containers/") || mount.root.contains("/vfs-containers/") {
                        Some(Kind::Podman)
                    } else if mount.root.contains("/nerdctl/") {
                        Some(Kind::Containerd)
                    } else if id.is_some() && parts.contains(&"containers") {
                        Some(Kind::Docker)
                    } else {
                        None
                    };
                    if mounts.kind != Some(Kind::Kubernetes) {
                        mounts.kind = kind.or(mounts.kind);
                    }
                    mounts.foreign_resolver |= mount.point == "/etc/resolv.conf" && kind.is_none();
                    mounts.id = mounts.id.or(id);
                }
                point if mount.file_system == "fuse.lxcfs" && point.starts_with("/proc/") => {
                    mounts.kind = mounts.kind.or(Some(Kind::Lxc));
                }
                _ => {}
            }
        }
        mounts.kind = mounts.kind.or(by_root);
        mounts
    }
}

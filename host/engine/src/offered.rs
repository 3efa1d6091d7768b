//! What components can be linked with. The tables are made from `wit/` by the build script.

use crate::runtime::WASI;
use seaworthy_model::ComponentKind;
use semver::Version;

include!(concat!(env!("OUT_DIR"), "/offered.rs"));

/// The versions of WASI that are linked: any 0.2.
pub(crate) const WASI_TRACK: &str = "0.2";

/// What a kind of component exports and may import.
pub(crate) struct World {
    pub(crate) exports: &'static [Interface],
    pub(crate) imports: &'static [Interface],
}

/// An interface of the contract.
#[derive(Debug)]
pub(crate) struct Interface {
    /// `seaworthy:net/tcp`.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) functions: &'static [&'static str],
}

impl Interface {
    /// `seaworthy:net/tcp@0.1.0`.
    pub(crate) fn full(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

pub(crate) fn world(kind: ComponentKind) -> &'static World {
    match kind {
        ComponentKind::Check => &CHECK,
        ComponentKind::Adapter => &ADAPTER,
    }
}

/// The interfaces of WASI that are linked, without a version: `wasi:io/streams`.
pub(crate) fn wasi() -> impl Iterator<Item = String> {
    WASI.iter().map(|(package, interface)| format!("wasi:{package}/{}", interface.replace('_', "-")))
}

/// A name without its version, and the version where it has one.
pub(crate) fn split(name: &str) -> (&str, Option<Version>) {
    match name.split_once('@') {
        Some((name, version)) => (name, Version::parse(version).ok()),
        None => (name, None),
    }
}

/// Whether what was built against one of these versions can be linked with the other, by
/// the rule of the component model: the same first number that is not zero, and no
/// pre-release. Functions may still be missing.
pub(crate) fn compatible(a: &Version, b: &Version) -> bool {
    let released = a.pre.is_empty() && b.pre.is_empty();
    let track = |version: &Version| (version.major, if version.major == 0 { version.minor } else { 0 });
    a == b || (released && track(a) == track(b) && track(a) != (0, 0))
}

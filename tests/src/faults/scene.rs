use super::{Bench, World};
use crate::lab::Wire;
use crate::{Caddy, Kubo, Make, PythonPeer, Storacha};
use anyhow::Result;

/// One fault: how to make it, and how to mend it.
///
/// *Behaviour*: [`play`](super::play) builds the topology, calls `setup`, and runs the
/// binary three times: as it is (no cause may be named and the gate passes), after
/// `inject` (the first cause is `causes[0]`), and after `remedy` (no cause again).
#[derive(Clone, Copy)]
pub struct Scene {
    /// `domain/fault`, in lower case.
    pub name: &'static str,
    /// Numbers in the knowledge base; none for faults of our own.
    pub faults: &'static [&'static str],
    /// The code of the cause that must come first. Where more are given, the others
    /// must be among the causes too.
    pub causes: &'static [&'static str],
    /// Where it plays. What that takes need not be repeated in `needs`.
    pub topology: Topology,
    /// What else this machine must have; without it the scene is skipped.
    pub needs: &'static [Need],
    /// The healthy state: servers, variables, the policy.
    pub setup: fn(&mut World) -> Result<()>,
    /// Makes the fault.
    pub inject: fn(&mut World) -> Result<()>,
    /// Mends it, as the remedy of the cause says.
    pub remedy: fn(&mut World) -> Result<()>,
    /// Causes that may be named beside, each with the reason. They never come first.
    pub allows: &'static [(&'static str, &'static str)],
    /// Why the diagnosis is known to miss this fault, where it does. It counts as a miss.
    pub known_miss: Option<&'static str>,
}

impl Scene {
    /// A scene to be filled in: `Scene { setup, inject, remedy, ..Scene::new(...) }`.
    #[must_use]
    pub const fn new(
        name: &'static str,
        topology: Topology,
        faults: &'static [&'static str],
        causes: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            faults,
            causes,
            topology,
            needs: &[],
            setup: nothing,
            inject: nothing,
            remedy: nothing,
            allows: &[],
            known_miss: None,
        }
    }

    /// Why it cannot be played here, if so.
    pub(super) fn obstacle(&self, bench: &Bench) -> Option<String> {
        let place = match self.topology {
            Topology::Here => None,
            Topology::Wire => Need::Namespaces.obstacle(bench),
            Topology::Docker => bench.lab().err(),
        };
        place.or_else(|| self.needs.iter().find_map(|need| need.obstacle(bench)))
    }
}

fn nothing(_: &mut World) -> Result<()> {
    Ok(())
}

/// Where the binary under test runs, and where what it looks at is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// On this machine, with everything on its loopback. No root is needed.
    Here,
    /// In network namespaces: runner, router and machines behind it ([`Wire`]).
    Wire,
    /// In a container of a real Docker engine, whose host is a namespace
    /// ([`Lab`](crate::lab::Lab)).
    Docker,
}

/// What a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Root, and network and mount namespaces.
    Namespaces,
    /// A Kubo daemon (`tests/servers/kubo.sh`).
    Kubo,
    /// Caddy (`tests/servers/caddy.sh`).
    Caddy,
    /// An S3 server of this make (`tests/servers/s3.sh`).
    S3(Make),
    /// Storacha's service (`tests/servers/storacha.sh`).
    Storacha,
    /// A py-libp2p of this version (`tests/servers/python.sh`).
    Python(&'static str),
    /// A program on PATH.
    Program(&'static str),
}

impl Need {
    fn obstacle(self, bench: &Bench) -> Option<String> {
        bench.known(self, || match self {
            Need::Namespaces => Wire::obstacle(),
            Need::Kubo => Kubo::obstacle(),
            Need::Caddy => Caddy::obstacle(),
            Need::S3(make) => make.obstacle(),
            Need::Storacha => Storacha::obstacle(),
            Need::Python(version) => PythonPeer::obstacle(version),
            Need::Program(name) => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
                (!found).then(|| format!("{name} is not installed"))
            }
        })
    }
}

//! A Docker engine with a host around it, made for one test file and removed
//! after it.
//!
//! The "host" of a scene is a network namespace: the engine's bridges, its
//! firewall rules and the cache peers live in it, so nothing of the machine's own
//! network changes and everything goes when the namespace goes. With
//! `SEAWORTHY_LAB_DOCKER=host` the engine that is already running on the machine
//! is used instead; then the firewall rules are made on the machine itself, and
//! each is taken away by its guard.

mod container;
mod engine;
mod firewall;
mod namespace;
mod sweep;
mod wire;

pub use container::{Container, Network, Running};
pub use firewall::Rule;
pub use namespace::Namespace;
pub use wire::Wire;

use crate::{NoStage, Peer, PeerOptions, Run, Seaworthy, Stand, binary, workspace_root};
use anyhow::{Context, Result};
use engine::Engine;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The shared secret of scenes that need one. No output may ever hold it.
pub const SECRET: &str = "lab-secret-Zq8vTnR4wL2xKp7s";

/// The address of the default bridge in an engine that the lab started.
const BRIDGE: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 1);

/// An engine, its host, and an image of the binary under test.
#[derive(Debug)]
pub struct Lab {
    // In the order in which they have to go.
    _names: Option<Stand>,
    engine: Engine,
    namespace: Option<Namespace>,
    folder: PathBuf,
    image: String,
    label: String,
    server: PathBuf,
    counter: AtomicU32,
}

impl Lab {
    /// Opens a lab. `server` is the built `lab-server` program.
    ///
    /// # Errors
    /// [`NoStage::Unavailable`] where there can be none: no root, no engine, no
    /// namespaces. [`NoStage::Broken`] when the binary or its image is not to be had.
    pub fn open(server: &Path) -> Result<Self, NoStage> {
        binary()?;
        sweep::stale_labs();
        let id = std::process::id();
        let folder = sweep::labs_folder().join(format!("lab-{id}"));
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let (engine, namespace) = Self::engine(&folder, id).map_err(|reason| {
            sweep::remove(&folder);
            NoStage::Unavailable(reason)
        })?;
        let label = format!("seaworthy-lab={id}");
        let mut lab = Self {
            _names: None,
            engine,
            namespace,
            folder,
            image: format!("seaworthy-lab:{id}"),
            label,
            server: server.to_path_buf(),
            counter: AtomicU32::new(0),
        };
        if lab.namespace.is_some() {
            lab._names = Some(lab.stand("names", &format!("{BRIDGE}:53"))?);
        }
        lab.build_image()?;
        Ok(lab)
    }

    fn engine(folder: &Path, id: u32) -> Result<(Engine, Option<Namespace>), String> {
        if std::env::var("SEAWORTHY_LAB_DOCKER").is_ok_and(|v| v == "host") {
            return Ok((Engine::running()?, None));
        }
        engine::can_start()?;
        let namespace = Namespace::make(&format!("swlab-{id}"))?;
        Ok((Engine::start(folder, &namespace.prefix(), BRIDGE)?, Some(namespace)))
    }

    /// `docker build` of docker/Dockerfile, by the classic builder: BuildKit needs a
    /// plugin that an engine from a distribution does not bring.
    fn build_image(&self) -> Result<()> {
        let context = self.folder.join("context");
        std::fs::create_dir_all(&context)?;
        std::fs::copy(binary()?, context.join("seaworthy")).context("cannot copy the binary")?;
        std::fs::copy(workspace_root().join("docker/Dockerfile"), context.join("Dockerfile"))
            .context("docker/Dockerfile")?;
        let built = self
            .docker(["build", "--quiet", "--label", &self.label, "--tag", &self.image])
            .arg(&context)
            .env("DOCKER_BUILDKIT", "0")
            .run()?;
        built.exits(0).context("docker build")?;
        Ok(())
    }

    /// `docker ARGS...` against the lab's engine.
    #[must_use]
    pub fn docker<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Seaworthy {
        self.engine.docker(args)
    }

    /// The namespace that is the lab's host; none where that is the machine itself.
    #[must_use]
    pub fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
    }

    /// `docker run --rm` of a container, as a command.
    #[must_use]
    pub fn command(&self, container: &Container) -> Seaworthy {
        container.as_command(self)
    }

    /// Command that runs another one on the lab's host.
    #[must_use]
    pub fn host(&self) -> Vec<OsString> {
        self.namespace.as_ref().map(Namespace::prefix).unwrap_or_default()
    }

    /// Environment that reaches the engine, for other clients.
    #[must_use]
    pub fn engine_address(&self) -> Option<String> {
        self.engine.address()
    }

    /// The image of the binary under test.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }

    /// A name that nothing else in the engine has.
    #[must_use]
    pub fn unique(&self, stem: &str) -> String {
        format!("sw{}-{stem}-{}", std::process::id(), self.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// `seaworthy ARGS...` on the lab's host, outside any container.
    ///
    /// # Errors
    /// When the binary is not there.
    pub fn on_host<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Result<Seaworthy> {
        Ok(Seaworthy::new(args)?.through(&self.host()))
    }

    /// A cache peer as a process of the lab's host.
    ///
    /// # Errors
    /// When it does not start.
    pub fn peer(&self, listen: &str) -> Result<Peer> {
        self.peer_with(PeerOptions::on(listen))
    }

    /// The same, with its own options.
    ///
    /// # Errors
    /// When it does not start.
    pub fn peer_with(&self, mut options: PeerOptions) -> Result<Peer> {
        options.through = self.host();
        Peer::start(&options)
    }

    /// A stand-in for a service on the lab's host.
    ///
    /// # Errors
    /// When it does not start.
    pub fn stand(&self, kind: &str, address: &str) -> Result<Stand> {
        Stand::start(&self.server, kind, address, &self.host())
    }

    /// A further network, removed when it is dropped.
    ///
    /// # Errors
    /// When the engine does not make it.
    pub fn network(&self, stem: &str) -> Result<Network> {
        Network::make(self, stem)
    }

    /// Runs the container to its end.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn run(&self, container: &Container) -> Result<Run> {
        container.run(self)
    }

    /// Starts the container in the background; it is removed when dropped.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, container: &Container) -> Result<Running> {
        container.start(self)
    }

    /// A firewall rule on the lab's host, taken away when it is dropped.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn firewall(&self, rule: &[&str]) -> Result<Rule> {
        Rule::insert(self.host(), &self.label, rule)
    }

    /// Gateway of a network, as its containers see it.
    ///
    /// # Errors
    /// When the engine does not tell.
    pub fn gateway(&self, network: &str) -> Result<Ipv4Addr> {
        let format = "{{(index .IPAM.Config 0).Gateway}}";
        let run = self.docker(["network", "inspect", "--format", format, network]).run()?;
        run.exits(0)?;
        run.stdout.trim().parse().with_context(|| format!("the gateway of {network} is {:?}", run.stdout))
    }

    /// An address of the default bridge's subnet that nothing has.
    ///
    /// # Errors
    /// When the engine does not tell its subnet.
    pub fn dead_address(&self) -> Result<Ipv4Addr> {
        let [a, b, ..] = self.gateway("bridge")?.octets();
        Ok(Ipv4Addr::new(a, b, 0, 250))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self._names = None;
        let filter = format!("label={}", self.label);
        for (list, remove) in [
            (&["ps", "--all", "--quiet", "--filter", &filter][..], &["rm", "--force"][..]),
            (&["network", "ls", "--quiet", "--filter", &filter], &["network", "rm"]),
            (&["images", "--quiet", "--filter", &filter], &["rmi", "--force"]),
        ] {
            let ids = self.docker(list.iter().copied()).run().map(|run| run.stdout).unwrap_or_default();
            let ids: Vec<&str> = ids.split_whitespace().collect();
            if !ids.is_empty() {
                let _ = self.docker(remove.iter().copied().chain(ids)).run();
            }
        }
        self.engine.stop();
        self.namespace = None;
        sweep::remove(&self.folder);
    }
}

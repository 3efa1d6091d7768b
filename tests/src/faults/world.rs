use super::files::Files;
use super::{Bench, Topology};
use crate::lab::{Container, Lab, Namespace, SECRET, Wire};
use crate::rivals::Ask;
use crate::{
    Asked, NameServer, Peer, PeerOptions, Reply, Run, Scripted, Seaworthy, Stand, Told, scratch, workspace_root,
};
use anyhow::{Context as _, Result, bail, ensure};
use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;

/// Machines that a [`Wire`] has: one for each scene of a pair.
const MACHINES: u8 = 2;

/// Everything that a scene consists of while it plays. Removed when it is dropped.
///
/// The *machine* of a scene is the far end that it has for itself: this machine's
/// loopback, a namespace behind the router, or the containers' host. In a pair the
/// second scene gets another one, so a scene that keeps to its own machine and to its
/// own names can be played beside any other.
pub struct World {
    // In the order in which they have to go.
    kept: Vec<(usize, &'static str, Box<dyn Any + Send>)>,
    peers: BTreeMap<usize, Peer>,
    _names: Option<NameServer>,
    bench: Arc<Bench>,
    topology: Topology,
    wire: Option<Wire>,
    at: usize,
    zone: Arc<Mutex<BTreeMap<String, Reply>>>,
    addresses: BTreeMap<usize, Vec<String>>,
    env: BTreeMap<String, String>,
    policies: BTreeMap<(usize, String), String>,
    suite: Option<bool>,
    checks: Vec<String>,
    args: Vec<String>,
    before: Vec<OsString>,
    files: Files,
    options: BTreeMap<String, Vec<String>>,
    asks: BTreeMap<usize, Vec<Ask>>,
    folder: TempDir,
}

impl World {
    /// A place without anything in it; scenes get theirs.
    ///
    /// # Errors
    /// It cannot be made here.
    pub fn build(bench: &Arc<Bench>, topology: Topology) -> Result<Self> {
        let folder = scratch()?;
        let mut world = Self {
            kept: Vec::new(),
            peers: BTreeMap::new(),
            _names: None,
            bench: Arc::clone(bench),
            topology,
            wire: None,
            at: 0,
            zone: Arc::default(),
            addresses: BTreeMap::new(),
            env: BTreeMap::new(),
            policies: BTreeMap::new(),
            suite: None,
            checks: Vec::new(),
            args: Vec::new(),
            before: Vec::new(),
            files: Files::below(&folder.path().join("files"))?,
            options: BTreeMap::new(),
            asks: BTreeMap::new(),
            folder,
        };
        match topology {
            Topology::Here => {}
            Topology::Docker => {
                world.lab()?;
            }
            Topology::Wire => {
                let wire = Wire::make(MACHINES)?;
                world._names = Some(world.name_server(&wire)?);
                world.wire = Some(wire);
                world.file("/etc/resolv.conf", &format!("nameserver {}\n", Wire::GATEWAY))?;
                world.file("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")?;
                for n in 0..MACHINES {
                    let ip = IpAddr::V4(Wire::machine(n));
                    world.name(&format!("machine{n}.lab.test"), Reply::Addresses(vec![ip]));
                }
            }
        }
        Ok(world)
    }

    /// At the router; it knows the names that [`World::name`] gave, and no other.
    fn name_server(&self, wire: &Wire) -> Result<NameServer> {
        let at = SocketAddr::from((Wire::GATEWAY, 53));
        let (udp, tcp) = wire.router.inside(|| Ok((UdpSocket::bind(at)?, TcpListener::bind(at)?)))?;
        let zone = Arc::clone(&self.zone);
        NameServer::on(udp, Some(tcp), move |question| {
            let zone = zone.lock().unwrap_or_else(PoisonError::into_inner);
            zone.get(&question.name).or_else(|| zone.get("*")).cloned().unwrap_or(Reply::NoName)
        })
    }

    // ---- places

    pub(super) fn go_to(&mut self, machine: usize) {
        self.at = machine;
    }

    /// Which of the two machines is the scene's own: 0, and in a pair 1.
    #[must_use]
    pub fn number(&self) -> usize {
        self.at
    }

    /// The address of the scene's machine, as the runner sees it.
    ///
    /// # Errors
    /// The engine does not tell its gateway.
    pub fn address(&self) -> Result<Ipv4Addr> {
        match self.topology {
            Topology::Here => Ok(Ipv4Addr::LOCALHOST),
            Topology::Wire => Ok(Wire::machine(u8::try_from(self.at)?)),
            Topology::Docker => self.lab()?.gateway("bridge"),
        }
    }

    /// The namespaces.
    ///
    /// # Errors
    /// The scene plays elsewhere.
    pub fn wire(&self) -> Result<&Wire> {
        self.wire.as_ref().context("this scene has no namespaces: its topology is not Wire")
    }

    /// The Docker engine.
    ///
    /// # Errors
    /// There is none here.
    pub fn lab(&self) -> Result<&Lab> {
        self.bench.lab().map_err(anyhow::Error::msg)
    }

    /// The namespace of the scene's machine; none where that is this machine.
    ///
    /// # Errors
    /// The scene has no machine with this number.
    pub fn machine(&self) -> Result<Option<&Namespace>> {
        match self.topology {
            Topology::Here => Ok(None),
            Topology::Wire => Ok(Some(self.wire()?.machines.get(self.at).context("a third machine")?)),
            Topology::Docker => Ok(self.lab()?.namespace()),
        }
    }

    fn prefix(&self) -> Result<Vec<OsString>> {
        Ok(self.machine()?.map(Namespace::prefix).unwrap_or_default())
    }

    /// A folder of this world.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    // ---- what the machine serves

    /// A listener on the scene's machine; port 0 takes a free one. Servers of this
    /// process can be put on it ([`Scripted::on`](crate::Scripted::on)).
    ///
    /// # Errors
    /// The port is taken.
    pub fn listener(&self, port: u16) -> Result<TcpListener> {
        let at = SocketAddr::from((self.address()?, port));
        match self.machine()? {
            Some(namespace) => namespace.inside(|| TcpListener::bind(at)),
            None => TcpListener::bind(at).with_context(|| at.to_string()),
        }
    }

    /// The same for UDP.
    ///
    /// # Errors
    /// The port is taken.
    pub fn socket(&self, port: u16) -> Result<UdpSocket> {
        let at = SocketAddr::from((self.address()?, port));
        match self.machine()? {
            Some(namespace) => namespace.inside(|| UdpSocket::bind(at)),
            None => UdpSocket::bind(at).with_context(|| at.to_string()),
        }
    }

    /// A port of the scene's machine that nobody has now.
    ///
    /// # Errors
    /// None is free.
    pub fn free_port(&self) -> Result<u16> {
        Ok(self.listener(0)?.local_addr()?.port())
    }

    /// `lab-server KIND` on the scene's machine.
    ///
    /// # Errors
    /// It cannot listen.
    pub fn stand(&self, kind: &str, port: u16) -> Result<Stand> {
        let at = SocketAddr::from((self.address()?, port));
        Stand::start(self.bench.server(), kind, &at.to_string(), &self.prefix()?)
    }

    /// Starts the scene's peer and makes it one of the runner's, at the machine's
    /// address. A peer that is there already ends first.
    ///
    /// # Errors
    /// It does not start.
    pub fn serve_peer(&mut self) -> Result<()> {
        let listen = format!("/ip4/{}/tcp/0", self.address()?);
        self.serve_peer_with(PeerOptions::on(&listen))?;
        self.use_own_peer()
    }

    /// Starts the scene's peer with options of its own; the runner is told nothing.
    ///
    /// # Errors
    /// It does not start.
    pub fn serve_peer_with(&mut self, mut options: PeerOptions) -> Result<()> {
        self.peers.remove(&self.at);
        options.through = self.prefix()?;
        self.peers.insert(self.at, Peer::start(&options)?);
        Ok(())
    }

    /// The scene's peer.
    ///
    /// # Errors
    /// There is none.
    pub fn peer(&self) -> Result<&Peer> {
        self.peers.get(&self.at).context("this scene has no peer")
    }

    /// Ends the scene's peer.
    pub fn end_peer(&mut self) {
        self.peers.remove(&self.at);
    }

    /// Sets `CACHE_BOOTSTRAP_PEERS` so that the scene's part of it is its own peer.
    ///
    /// # Errors
    /// There is none.
    pub fn use_own_peer(&mut self) -> Result<()> {
        let at = self.peer()?.at(&format!("ip4/{}", self.address()?))?;
        self.use_peers(&[&at]);
        Ok(())
    }

    /// Sets the scene's part of `CACHE_BOOTSTRAP_PEERS`, and P2P and its secret on.
    pub fn use_peers(&mut self, addresses: &[&str]) {
        self.addresses.insert(self.at, addresses.iter().map(|&a| a.to_owned()).collect());
        self.env.entry("CACHE_ENABLE_P2P".into()).or_insert_with(|| "true".into());
        self.env.entry("CACHE_P2P_SHARED_SECRET".into()).or_insert_with(|| SECRET.into());
        let asks = addresses.iter().flat_map(|address| Ask::of_peer(address)).collect();
        self.asks.insert(self.at, asks);
    }

    /// Takes the scene's part of `CACHE_BOOTSTRAP_PEERS` away.
    pub fn forget_peers(&mut self) {
        self.addresses.remove(&self.at);
        self.asks.remove(&self.at);
    }

    /// What `CACHE_BOOTSTRAP_PEERS` is.
    #[must_use]
    pub fn peers_text(&self) -> String {
        self.environment().remove("CACHE_BOOTSTRAP_PEERS").unwrap_or_default()
    }

    /// Has tools that know ports, names and URLs only ask for this one too
    /// ([`rivals`](crate::rivals)).
    pub fn ask(&mut self, ask: Ask) {
        self.asks.entry(self.at).or_default().push(ask);
    }

    /// What they are asked.
    pub(crate) fn asks(&self) -> Vec<Ask> {
        self.asks.values().flatten().cloned().collect()
    }

    /// Keeps something (a server, a guard) until the end, or until [`World::end`].
    pub fn keep(&mut self, name: &'static str, thing: impl Any + Send) {
        self.end(name);
        self.kept.push((self.at, name, Box::new(thing)));
    }

    /// What was kept under that name.
    ///
    /// # Errors
    /// Nothing, or of another type.
    pub fn kept<T: Any>(&mut self, name: &str) -> Result<&mut T> {
        let at = self.at;
        let found = self.kept.iter_mut().find(|(number, known, _)| (*number, *known) == (at, name));
        found.and_then(|(_, _, thing)| thing.downcast_mut()).with_context(|| format!("nothing is kept as {name}"))
    }

    /// Ends what was kept under that name.
    pub fn end(&mut self, name: &str) {
        let at = self.at;
        self.kept.retain(|(number, known, _)| (*number, *known) != (at, name));
    }

    /// What the wire's name server answers for a name; `*` is for all others.
    pub fn name(&self, name: &str, reply: Reply) {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), reply);
    }

    // ---- firewalls

    /// `iptables RULE...` on the scene's machine, such as `-I INPUT -p tcp --dport 80 -j DROP`.
    ///
    /// # Errors
    /// The machine is this one, or iptables says no.
    pub fn firewall(&self, rule: &[&str]) -> Result<()> {
        let machine = self.machine()?.context("this machine's own firewall is nobody's business")?;
        machine.command(&[&["iptables", "--wait", "10"], rule].concat()).map(drop)
    }

    /// The same at the router.
    ///
    /// # Errors
    /// As for [`World::firewall`].
    pub fn router_firewall(&self, rule: &[&str]) -> Result<()> {
        self.wire()?.router.command(&[&["iptables", "--wait", "10"], rule].concat()).map(drop)
    }

    // ---- the runner

    /// A variable of the runner's environment.
    pub fn env(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    /// Takes a variable away.
    pub fn unset(&mut self, name: &str) {
        self.env.remove(name);
    }

    /// Adds a part to the runner's checks.toml: `[[check]]`, `[targets.NAME]` and
    /// `[vars.NAME]` blocks; the same part is added once. In a pair both scenes' parts
    /// stand in one file, so ids of checks and names of targets that end in
    /// [`World::number`] keep out of each other's way.
    ///
    /// *Behaviour*: `version = 1` is added. A scene that gives no part has the default
    /// suite run, one that does has not, unless it asks for it ([`World::with_suite`]).
    pub fn policy(&mut self, text: &str) {
        self.set_policy(text, text);
    }

    /// The same, in the place of the part that had this name before.
    pub fn set_policy(&mut self, name: &str, text: &str) {
        self.policies.insert((self.at, name.to_owned()), text.to_owned());
    }

    /// Has the default suite run beside what the scene's own policy says.
    pub fn with_suite(&mut self) {
        self.suite = Some(true);
    }

    /// Leaves the default suite out.
    pub fn without_suite(&mut self) {
        self.suite = Some(false);
    }

    /// Whether some scene of this world wants the default suite.
    fn wants_suite(&self) -> bool {
        let without_policy = |number: &usize| !self.policies.keys().any(|(of, _)| of == number);
        let unsaid = || self.policies.is_empty() || self.addresses.keys().any(without_policy);
        self.suite.unwrap_or_else(unsaid)
    }

    /// Runs these checks only, by their ids.
    pub fn only(&mut self, checks: &[&str]) {
        for check in checks {
            if !self.checks.iter().any(|known| known == check) {
                self.checks.push((*check).to_owned());
            }
        }
    }

    /// A further argument of `seaworthy run`.
    pub fn arg(&mut self, argument: &str) {
        self.args.push(argument.to_owned());
    }

    /// Further arguments of `seaworthy run`; the same ones again are left out.
    pub fn args(&mut self, arguments: &[&str]) {
        let known = self.args.windows(arguments.len().max(1)).any(|window| window == arguments);
        if !known {
            self.args.extend(arguments.iter().map(|&argument| argument.to_owned()));
        }
    }

    /// Takes all such arguments away again.
    pub fn no_args(&mut self) {
        self.args.clear();
    }

    /// A scripted server at the scene's own port, in place of the one before; its port.
    ///
    /// # Errors
    /// When no port is to be had.
    pub fn serve(&mut self, answer: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> Result<u16> {
        self.end("service");
        let port = if let Ok(port) = self.kept::<u16>("port") {
            *port
        } else {
            let port = self.free_port()?;
            self.keep("port", port);
            port
        };
        let listener = self.listener(port)?;
        self.keep("service", Scripted::on(listener, answer)?);
        Ok(port)
    }

    /// A command that the runner is started through, such as `prlimit --nofile=64`.
    pub fn through(&mut self, words: &[&str]) {
        self.before = words.iter().map(OsString::from).collect();
    }

    /// What the runner finds at an absolute path in place of what is there. There has to
    /// be a file; needs namespaces, or Docker.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn file(&mut self, path: &str, text: &str) -> Result<()> {
        self.files.write(path, text)
    }

    /// Undoes [`World::file`].
    pub fn own_file(&mut self, path: &str) {
        self.files.forget(path);
    }

    /// An option of `docker run` and its value, such as `--network none`. A later value
    /// takes the place of an earlier one.
    pub fn option(&mut self, name: &str, values: &[&str]) {
        self.options.insert(name.to_owned(), values.iter().map(|&v| v.to_owned()).collect());
    }

    // ---- runs

    /// `seaworthy WORDS...` where the runner is, with its environment.
    ///
    /// # Errors
    /// The place is not there.
    pub fn command(&self, words: &[&str]) -> Result<Seaworthy> {
        let env = self.environment();
        if self.topology == Topology::Docker {
            let container = self.container(words);
            let container = env.iter().fold(container, |all, (name, value)| all.env(name, value));
            return Ok(self.lab()?.command(&container));
        }
        let mut command = Seaworthy::new(words)?.directory(self.folder());
        for (name, value) in &env {
            command = command.env(name, value);
        }
        Ok(command.through(&self.inside(&self.before)))
    }

    fn container(&self, words: &[&str]) -> Container {
        let container = Container::of(words.iter().copied()).volume(self.folder());
        let options = self.options.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        let container = options.fold(container, |all, (name, value)| all.option(name).option(value));
        self.files.mounts().fold(container, |all, (from, to)| {
            all.option("--volume").option(&format!("{}:{}:ro", from.display(), to.display()))
        })
    }

    fn inside(&self, before: &[OsString]) -> Vec<OsString> {
        let mut prefix = self.wire.as_ref().map(|wire| wire.runner.prefix()).unwrap_or_default();
        prefix.extend(self.files.prefix());
        prefix.extend(before.iter().cloned());
        prefix
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let mut env = self.env.clone();
        let addresses: Vec<&str> = self.addresses.values().flatten().map(String::as_str).collect();
        if !addresses.is_empty() {
            env.entry("CACHE_BOOTSTRAP_PEERS".into()).or_insert_with(|| addresses.join(","));
        }
        env
    }

    /// `seaworthy run WORDS...` with the policy, where the runner is.
    ///
    /// # Errors
    /// The policy cannot be written.
    pub fn run_command(&self, words: &[&str]) -> Result<Seaworthy> {
        let mut all = vec!["run".to_owned()];
        all.extend(self.checks.iter().cloned());
        let head = if self.wants_suite() { default_suite()? } else { "version = 1\n".to_owned() };
        let mut parts: Vec<&String> = Vec::new();
        for part in self.policies.values().filter(|part| !part.is_empty()) {
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        let text = parts.iter().fold(head, |text, part| text + "\n" + part);
        let file = self.folder().join("checks.toml");
        std::fs::write(&file, text).with_context(|| file.display().to_string())?;
        all.extend(["-c".to_owned(), file.display().to_string()]);
        all.extend(self.args.iter().cloned());
        all.extend(words.iter().map(|&w| w.to_owned()));
        let words: Vec<&str> = all.iter().map(String::as_str).collect();
        self.command(&words)
    }

    /// One run, with a JSON report.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run(&self) -> Result<Run> {
        self.run_command(&["-f", "json"])?.run()
    }

    /// The `lab-server` program.
    #[must_use]
    pub fn server(&self) -> &Path {
        self.bench.server()
    }

    /// Another program of this machine, where the runner is and with its environment:
    /// what is found there by other means. It has to be static where that is a container.
    ///
    /// # Errors
    /// It cannot be started, or fails.
    pub fn beside(&self, program: &Path, words: &[&str]) -> Result<String> {
        let env = self.environment();
        let run = if self.topology == Topology::Docker {
            let container = self.container(words).option("--entrypoint").option("/beside");
            let mount = format!("{}:/beside:ro", program.display());
            let container = container.option("--volume").option(&mount);
            let container = env.iter().fold(container, |all, (name, value)| all.env(name, value));
            self.lab()?.command(&container).run()?
        } else {
            let command = Seaworthy::program([program]).through(&self.inside(&self.before));
            let command = words.iter().fold(command, |command, word| command.arg(word));
            env.iter().fold(command, |command, (name, value)| command.env(name, value)).run()?
        };
        if run.code() != Some(0) {
            bail!("{}", run.transcript());
        }
        Ok(run.stdout)
    }
}

/// The checks of the default suite, but for the time that a cached answer may take: a
/// machine that is busy with other tests is slow, and that is no fault of a scene. All
/// else is the embedded policy's own, since a value that stands in a file of its user is
/// one that was set.
fn default_suite() -> Result<String> {
    const OPERATIONS: &str = "use = \"bundled:cache/operations\"\n";
    let file = workspace_root().join("checks.toml");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let checks: Vec<&str> = text.split("\n\n").filter(|part| part.starts_with("[[check]]")).collect();
    let text = format!("version = 1\n[run]\nallow-writes = true\n{}\n", checks.join("\n"));
    ensure!(text.matches(OPERATIONS).count() == 1, "{} has another cache.operations", file.display());
    Ok(text.replacen(OPERATIONS, &format!("{OPERATIONS}with = {{ latency-ms = 5000 }}\n"), 1))
}

//! What the scenes share: a registry, two components, something to look at; and a folder each.

use anyhow::{Context, Result, ensure};
use seaworthy_tests::{ContainerRegistry, NoStage, RegistryOptions, Run, Seaworthy, build_guests, digest, scratch};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// What all scenes use.
pub(crate) struct Stage {
    /// A registry that everybody may use.
    pub(crate) registry: ContainerRegistry,
    /// A component.
    pub(crate) component: PathBuf,
    /// The same with other bytes.
    pub(crate) other: PathBuf,
    greeter: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn set() -> Result<Self, NoStage> {
        if let Some(obstacle) = ContainerRegistry::obstacle() {
            return Err(NoStage::Unavailable(obstacle));
        }
        seaworthy_tests::binary()?;
        let component = build_guests("plugin-outside")?.join("tcp_banner.wasm");
        let folder = scratch()?;
        let other = folder.path().join("tcp_banner.wasm");
        std::fs::write(&other, with_a_section(&std::fs::read(&component).context("the component")?))
            .context("the other component")?;
        Ok(Self {
            registry: ContainerRegistry::start(RegistryOptions::default())?,
            component,
            other,
            greeter: greeter()?,
            _folder: folder,
        })
    }

    /// `oci://` of the shared registry.
    pub(crate) fn reference(&self, repository: &str, tag: &str) -> String {
        format!("oci://{}/acme/{repository}:{tag}", self.registry.address())
    }

    pub(crate) fn place(&self) -> Result<Place> {
        Place::new(self.greeter)
    }
}

/// A component with a section of its own at its end, which means nothing to anybody.
fn with_a_section(component: &[u8]) -> Vec<u8> {
    let name = b"scene";
    let length = u8::try_from(name.len()).unwrap_or_default();
    let mut bytes = component.to_vec();
    bytes.extend([0, length + 1, length]);
    bytes.extend(name);
    bytes
}

/// A service on loopback that says `220 ready` to everyone.
fn greeter() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port")?;
    let address = listener.local_addr().context("no port")?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"220 ready\r\n");
        }
    });
    Ok(address)
}

/// A user's folder, with a cache of plugins of its own.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    greeter: SocketAddr,
    variables: Vec<(String, String)>,
}

impl Place {
    fn new(greeter: SocketAddr) -> Result<Self> {
        Ok(Self { folder: scratch()?, greeter, variables: Vec::new() })
    }

    /// Sets a variable for all that is done here from now on.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.into(), value.into()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Result<String> {
        std::fs::read_to_string(self.path(name)).with_context(|| name.to_owned())
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        std::fs::write(self.path(name), text).with_context(|| name.to_owned())
    }

    /// A command, here.
    pub(crate) fn command(&self, words: &[&str]) -> Result<Seaworthy> {
        let command = Seaworthy::new(words)?.directory(self.folder.path());
        let command = command.env("SEAWORTHY_PLUGIN_CACHE", self.path("plugins"));
        // Nobody is logged in anywhere, whatever home the tests have.
        let command = command.env("DOCKER_CONFIG", self.path("docker"));
        Ok(self.variables.iter().fold(command, |command, (name, value)| command.env(name, value)))
    }

    pub(crate) fn run(&self, words: &[&str]) -> Result<Run> {
        self.command(words)?.run()
    }

    /// Pushes; the pinned reference.
    pub(crate) fn push(&self, file: &Path, reference: &str, flags: &[&str]) -> Result<String> {
        let file = file.display().to_string();
        let run = self.run(&[&["plugin", "push", &file, reference], flags].concat())?;
        Ok(run.exits(0)?.stdout.trim().to_owned())
    }

    pub(crate) fn add(&self, words: &[&str]) -> Result<Run> {
        self.run(&[&["plugin", "add"], words].concat())
    }

    /// A policy whose one plugin is `acme`, with this block, and a check of it.
    pub(crate) fn policy(&self, block: &str) -> Result<()> {
        self.write("checks.toml", &format!("version = 1\n\n[plugins.acme]\n{block}\n{}", self.use_of("acme")))
    }

    /// A check of a plugin, with what it looks at, and one of the suite that needs no network.
    pub(crate) fn use_of(&self, plugin: &str) -> String {
        format!(
            r#"grant.env = ["HTTPS_PROXY"]

[targets.mail]
kind = "tcp"
addresses = ["{}"]

[[check]]
id = "greeting"
use = "{plugin}:acme/tcp-banner"
target = "mail"
with = {{ greeting = "220 " }}

[[check]]
id = "bystander"
use = "bundled:env/variables"
"#,
            self.greeter
        )
    }

    /// Runs the checks; all is well, and the component is this one, from there.
    pub(crate) fn runs(&self, component: &Path, flags: &[&str]) -> Result<String> {
        let report = self.run(&[&["run", "-f", "json"], flags].concat())?.exits(0)?.report()?;
        let plugin = report.plugins.iter().find(|plugin| plugin.source.starts_with("oci://"));
        let plugin = plugin.with_context(|| format!("no plugin from a registry: {:?}", report.plugins))?;
        ensure!(plugin.digest == digest(component)?, "another component ran: {plugin:?}");
        Ok(plugin.source.clone())
    }

    /// A command that ends with this code and says all of this.
    pub(crate) fn says(&self, words: &[&str], code: i32, said: &[&str]) -> Result<Run> {
        let run = self.run(words)?;
        run.exits(code)?;
        for text in said {
            ensure!(run.stderr.contains(text), "it does not say {text:?}\n{}", run.transcript());
        }
        Ok(run)
    }

    /// Nothing of a component was kept or listed here.
    pub(crate) fn is_untouched(&self) -> Result<()> {
        let kept = |path: PathBuf| {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let components: Vec<String> =
            kept(self.path("plugins")).into_iter().filter(|name| name.ends_with(".wasm")).collect();
        ensure!(components.is_empty(), "it was kept: {components:?}");
        ensure!(!self.path("checks.lock").exists(), "it was pinned");
        ensure!(!self.path("checks.toml").exists(), "it was listed");
        Ok(())
    }
}

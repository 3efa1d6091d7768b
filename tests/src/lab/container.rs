use super::Lab;
use crate::{Run, Seaworthy};
use anyhow::{Context, Result};
use std::net::Ipv4Addr;
use std::path::Path;

/// A container of the image under test, to be run or started.
#[derive(Clone, Debug, Default)]
pub struct Container {
    name: Option<String>,
    options: Vec<String>,
    args: Vec<String>,
}

impl Container {
    /// A container that runs `seaworthy ARGS...`.
    #[must_use]
    pub fn of<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        Self { args: args.into_iter().map(str::to_owned).collect(), ..Self::default() }
    }

    /// Its name, also in the name service of user-defined networks.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// `--network`.
    #[must_use]
    pub fn network(self, network: &str) -> Self {
        self.option("--network").option(network)
    }

    /// `--env`.
    #[must_use]
    pub fn env(self, name: &str, value: &str) -> Self {
        self.option("--env").option(&format!("{name}={value}"))
    }

    /// The variables of a runner that uses the peers at `addresses`.
    #[must_use]
    pub fn runner(self, addresses: &str) -> Self {
        self.env("CACHE_ENABLE_P2P", "true")
            .env("CACHE_BOOTSTRAP_PEERS", addresses)
            .env("CACHE_P2P_SHARED_SECRET", super::SECRET)
    }

    /// `--volume`, read-only, under the same path.
    #[must_use]
    pub fn volume(self, path: &Path) -> Self {
        let path = path.display();
        self.option("--volume").option(&format!("{path}:{path}:ro"))
    }

    /// Any other option of `docker run`.
    #[must_use]
    pub fn option(mut self, option: &str) -> Self {
        self.options.push(option.into());
        self
    }

    /// A further argument of `seaworthy`.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.into());
        self
    }

    fn command(&self, lab: &Lab, how: &str, name: &str) -> Seaworthy {
        let fixed = ["run", how, "--name", name, "--label", &lab.label];
        let words = fixed.into_iter().chain(self.options.iter().map(String::as_str));
        lab.docker(words.chain([lab.image()]).chain(self.args.iter().map(String::as_str)))
    }

    pub(super) fn run(&self, lab: &Lab) -> Result<Run> {
        let name = self.name.clone().unwrap_or_else(|| lab.unique("run"));
        let run = self.command(lab, "--rm", &name).run();
        if run.is_err() {
            let _ = lab.docker(["rm", "--force", &name]).run();
        }
        run
    }

    pub(super) fn as_command(&self, lab: &Lab) -> Seaworthy {
        let name = self.name.clone().unwrap_or_else(|| lab.unique("run"));
        self.command(lab, "--rm", &name)
    }

    pub(super) fn start(&self, lab: &Lab) -> Result<Running> {
        let name = self.name.clone().unwrap_or_else(|| lab.unique("start"));
        let mut running = Running {
            remove: lab.docker(["rm", "--force", &name]),
            logs: lab.docker(["logs", &name]),
            address: None,
            name,
        };
        self.command(lab, "--detach", &running.name).run()?.exits(0).context("docker run")?;
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
        let inspected = lab.docker(["inspect", "--format", format, &running.name]).run()?;
        running.address = inspected.stdout.split_whitespace().find_map(|a| a.parse().ok());
        Ok(running)
    }
}

/// A container in the background. Removed when it is dropped.
#[derive(Debug)]
pub struct Running {
    remove: Seaworthy,
    logs: Seaworthy,
    name: String,
    /// Its address in the first of its networks.
    pub address: Option<Ipv4Addr>,
}

impl Running {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first line it printed, waited for at most 20 s.
    ///
    /// # Errors
    /// When it prints none.
    pub fn first_line(&self) -> Result<String> {
        for _ in 0..200 {
            let run = self.logs.run()?;
            if let Some((line, _)) = run.stdout.split_once('\n') {
                return Ok(line.to_owned());
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        anyhow::bail!("{} printed nothing: {}", self.name, self.logs.run()?.transcript())
    }

    /// The peer id that `seaworthy peer --json` in it announced.
    ///
    /// # Errors
    /// When it announced none.
    pub fn peer_id(&self) -> Result<String> {
        let line = self.first_line()?;
        let said: serde_json::Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        Ok(said["peer_id"].as_str().with_context(|| line.clone())?.to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.remove.run();
    }
}

/// A network of the lab's engine. Removed when it is dropped.
#[derive(Debug)]
pub struct Network {
    name: String,
    remove: Seaworthy,
}

impl Network {
    pub(super) fn make(lab: &Lab, stem: &str) -> Result<Self> {
        let name = lab.unique(stem);
        lab.docker(["network", "create", "--label", &lab.label, &name]).run()?.exits(0)?;
        Ok(Self { remove: lab.docker(["network", "rm", &name]), name })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.remove.run();
    }
}

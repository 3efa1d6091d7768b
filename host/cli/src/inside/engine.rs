use crate::error::CliError;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A container engine, asked through its own command: that knows contexts, sockets and
/// rootless set-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Docker,
    Podman,
}

/// What is to be run in: a container that runs, or an image.
#[derive(Debug)]
pub(crate) struct Described {
    /// What the throwaway container is made from.
    pub(crate) image: String,
    /// Absent for an image.
    pub(crate) container: Option<Container>,
}

/// What the throwaway container takes from the one that is asked about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) environment: Vec<(String, String)>,
    user: String,
    folder: String,
    /// What else it was started with, as options of `run`.
    options: Vec<(String, String)>,
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Engine::Docker => "docker",
            Engine::Podman => "podman",
        })
    }
}

impl Engine {
    pub(crate) fn command(self) -> Command {
        Command::new(self.to_string())
    }

    /// Asks for a container of that name, then for an image.
    pub(crate) fn describe(self, name: &str) -> Result<Described, CliError> {
        if let Some(found) = self.inspect("container", name)? {
            let container = Container::read(&found).map_err(|reason| {
                CliError::Config(format!("container {name}: {reason}; what `{self} inspect` says cannot be used"))
            })?;
            if found.pointer("/State/Running").and_then(Value::as_bool) != Some(true) {
                return Err(CliError::Config(format!(
                    "container {name} does not run, so it has no network to look at; start it (`{self} start {name}`), or \
                     look from its image (`--in {self}:IMAGE --network NETWORK`)"
                )));
            }
            // By its id: the name may be given to a newer image meanwhile.
            let image =
                text(&found, "/Image").ok_or_else(|| CliError::Config(format!("container {name} has no image")))?;
            return Ok(Described { image, container: Some(container) });
        }
        if self.inspect("image", name)?.is_some() {
            return Ok(Described { image: name.to_owned(), container: None });
        }
        Err(CliError::Config(format!(
            "{self} knows neither a container nor an image called {name}; see `{self} ps` and `{self} images`"
        )))
    }

    /// The first of what `inspect` prints; `None` when there is no such thing.
    fn inspect(self, kind: &str, name: &str) -> Result<Option<Value>, CliError> {
        let output =
            self.command().args(["inspect", "--type", kind, "--", name]).output().map_err(|error| {
                CliError::Config(format!("cannot run `{self}`: {error}; is it installed and on PATH?"))
            })?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            let missing = said.to_ascii_lowercase().contains("no such") || said.contains("failed to find");
            return if missing {
                Ok(None)
            } else {
                Err(CliError::Config(format!("`{self} inspect`: {}", said.trim())))
            };
        }
        let list: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| CliError::Config(format!("`{self} inspect` printed no JSON: {error}")))?;
        Ok(list.get(0).cloned())
    }
}

impl Described {
    /// Writes the variables for `--env-file`; names of those that it cannot hold. An
    /// image brings its own.
    pub(super) fn write_environment(&self, path: &Path) -> Result<Vec<String>, CliError> {
        let mut variables = Vec::new();
        if let Some(container) = &self.container {
            variables.clone_from(&container.environment);
            // The probe of the container's network reads it.
            variables.push(("SEAWORTHY_STANDS_IN_FOR".into(), container.id.clone()));
        }
        super::write_variables(path, &variables)
    }

    /// The options of `run` that make the throwaway container like the one asked about.
    pub(super) fn options(&self, network: Option<&str>) -> Vec<String> {
        let mut options = Vec::new();
        let mut option = |name: &str, value: String| options.extend([name.to_owned(), value]);
        match &self.container {
            Some(container) => {
                option("--network", format!("container:{}", container.id));
                option("--pid", format!("container:{}", container.id));
                option("--volumes-from", container.id.clone());
                if !container.user.is_empty() {
                    option("--user", container.user.clone());
                }
                if !container.folder.is_empty() {
                    option("--workdir", container.folder.clone());
                }
                for (name, value) in &container.options {
                    option(name, value.clone());
                }
            }
            None => {
                if let Some(network) = network {
                    option("--network", network.to_owned());
                }
            }
        }
        options
    }
}

impl Container {
    fn read(found: &Value) -> Result<Self, String> {
        let variables = found.pointer("/Config/Env").and_then(Value::as_array).cloned().unwrap_or_default();
        let environment = variables
            .iter()
            .filter_map(Value::as_str)
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(Self {
            id: text(found, "/Id").ok_or("it has no id")?,
            environment,
            user: text(found, "/Config/User").unwrap_or_default(),
            folder: text(found, "/Config/WorkingDir").unwrap_or_default(),
            options: host_options(found.pointer("/HostConfig").unwrap_or(&Value::Null)),
        })
    }
}

/// What a container may do and how much it may use, as options of `run`.
fn host_options(host: &Value) -> Vec<(String, String)> {
    let mut options = Vec::new();
    let list = |key: &str| host.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    for (key, option) in [
        ("GroupAdd", "--group-add"),
        ("CapAdd", "--cap-add"),
        ("CapDrop", "--cap-drop"),
        ("SecurityOpt", "--security-opt"),
    ] {
        let values = list(key).into_iter().filter_map(|value| Some((option.to_owned(), value.as_str()?.to_owned())));
        options.extend(values);
    }
    for limit in list("Ulimits") {
        // Docker says nofile, podman RLIMIT_NOFILE.
        let read = || {
            let name = limit.get("Name")?.as_str()?.trim_start_matches("RLIMIT_").to_ascii_lowercase();
            Some(format!("{name}={}:{}", limit.get("Soft")?.as_i64()?, limit.get("Hard")?.as_i64()?))
        };
        options.extend(read().map(|limit| ("--ulimit".to_owned(), limit)));
    }
    for (key, option) in [("Memory", "--memory"), ("PidsLimit", "--pids-limit")] {
        // 0 and -1 are no limit.
        let number = host.get(key).and_then(Value::as_i64).filter(|number| *number > 0);
        options.extend(number.map(|number| (option.to_owned(), number.to_string())));
    }
    options
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_throwaway_container_is_like_the_one_asked_about() {
        let found = json!({
            "Id": "abc", "Image": "sha256:1",
            "Config": { "Env": ["CACHE_BACKENDS=p2p", "EMPTY=", "A=b=c"], "User": "1001:127", "WorkingDir": "/work" },
            "HostConfig": {
                "Ulimits": [{ "Name": "nofile", "Soft": 256, "Hard": 512 }],
                "GroupAdd": ["999"], "CapDrop": ["ALL"], "CapAdd": null, "Memory": 67_108_864, "PidsLimit": -1,
            },
        });
        let container = Container::read(&found).unwrap();
        assert_eq!(container.environment[1..], [("EMPTY".into(), String::new()), ("A".into(), "b=c".into())]);
        let described = Described { image: "sha256:1".into(), container: Some(container) };
        let options = described.options(Some("ignored")).join(" ");
        for part in [
            "--network container:abc",
            "--pid container:abc",
            "--user 1001:127",
            "--workdir /work",
            "--ulimit nofile=256:512",
            "--group-add 999",
            "--cap-drop ALL",
            "--memory 67108864",
        ] {
            assert!(options.contains(part), "{part}: {options}");
        }
        assert!(!options.contains("--pids-limit"), "{options}");
        assert!(Container::read(&json!({})).is_err());
    }

    #[test]
    fn an_image_takes_the_network_that_is_named() {
        let described = Described { image: "runner".into(), container: None };
        assert_eq!(described.options(Some("ci")), ["--network", "ci"]);
        assert!(described.options(None).is_empty());
    }

    #[test]
    fn what_an_environment_file_cannot_hold_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("variables");
        let pairs = [("A".to_owned(), "b c".to_owned()), ("KEY".to_owned(), "one\ntwo".to_owned())];
        assert_eq!(super::super::write_variables(&path, &pairs).unwrap(), ["KEY"]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "A=b c\n");
        use std::os::unix::fs::MetadataExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}

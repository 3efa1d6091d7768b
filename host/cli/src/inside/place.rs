use super::Engine;

/// A container or an image of an engine: `docker:job-1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) engine: Engine,
    pub(crate) name: String,
}

impl Place {
    /// Reads `docker:NAME` or `podman:NAME`.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let wanted = "write docker:CONTAINER or docker:IMAGE (or podman:...)";
        let (engine, name) = text.split_once(':').ok_or(wanted)?;
        let engine = match engine {
            "docker" => Engine::Docker,
            "podman" => Engine::Podman,
            other => return Err(format!("`{other}` is no engine that can be asked; {wanted}")),
        };
        // It becomes an argument of the engine's command, where an option would be one.
        if name.is_empty() || name.starts_with('-') || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(format!("`{name}` is no name of a container or an image; {wanted}"));
        }
        Ok(Self { engine, name: name.to_owned() })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.engine, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_and_a_name() {
        let place = Place::read("docker:ghcr.io/acme/runner:1.2").unwrap();
        assert_eq!((place.engine, place.name.as_str()), (Engine::Docker, "ghcr.io/acme/runner:1.2"));
        assert_eq!(Place::read("podman:job").unwrap().to_string(), "podman:job");
        for bad in ["job", "docker:", "docker:--privileged", "docker:a b", "lxc:job"] {
            assert!(Place::read(bad).is_err(), "{bad}");
        }
    }
}

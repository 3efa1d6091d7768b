//! Who one is to a registry.

use crate::error::RegistryError;
use docker_credential::{CredentialRetrievalError as Wrong, DockerCredential};
use seaworthy_model::{Environment, Secret};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What `docker login` without a host writes.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// A user and a password, or a token in their place.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    Password {
        user: String,
        password: Secret,
    },
    /// Exchanged for tokens of short life.
    Identity(Secret),
}

/// Credentials, and where they were found, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) proof: Proof,
    pub(crate) from: String,
}

/// Where credentials are looked for.
///
/// *Behaviour*: the first that has some for the very host: `SEAWORTHY_REGISTRY_HOST`, `_USER`
/// and `_PASSWORD` (all three: a password without a host would go to whatever host a policy
/// names); `DOCKER_AUTH_CONFIG`, whose value is a Docker configuration; the files that
/// `REGISTRY_AUTH_FILE` names, `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`, and
/// `$XDG_RUNTIME_DIR/containers/auth.json`, with the credential helpers that they name. Nothing
/// is looked up before a registry asks.
#[derive(Clone, Debug)]
pub struct Login {
    environment: Environment,
}

impl Login {
    /// Of this environment.
    #[must_use]
    pub fn new(environment: &Environment) -> Self {
        Self { environment: environment.clone() }
    }

    pub(crate) fn find(&self, host: &str) -> Result<Option<Found>, RegistryError> {
        let set = |name: &str| self.environment.text(name).filter(|text| !text.is_empty());
        if let (Some(named), Some(user), Some(password)) =
            (set("SEAWORTHY_REGISTRY_HOST"), set("SEAWORTHY_REGISTRY_USER"), set("SEAWORTHY_REGISTRY_PASSWORD"))
            && named == host
        {
            let proof = Proof::Password { user: user.into(), password: Secret::new(password.into()) };
            return Ok(Some(Found { proof, from: "SEAWORTHY_REGISTRY_USER".into() }));
        }
        if let Some(text) = set("DOCKER_AUTH_CONFIG")
            && let Some(found) = read(host, text.as_bytes(), "DOCKER_AUTH_CONFIG")?
        {
            return Ok(Some(found));
        }
        for path in self.files() {
            let unreadable = |why: String| RegistryError::Credentials {
                host: host.into(),
                why: format!("{} cannot be read: {why}", path.display()),
            };
            let bytes = match std::fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                Err(error) => return Err(unreadable(error.to_string())),
            };
            if let Some(found) = read(host, &bytes, &path.display().to_string())? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn files(&self) -> Vec<PathBuf> {
        let folder = |name: &str| self.environment.text(name).filter(|text| !text.is_empty()).map(Path::new);
        let docker = folder("DOCKER_CONFIG")
            .map(Path::to_path_buf)
            .or_else(|| folder("HOME").map(|home| home.join(".docker")))
            .map(|folder| folder.join("config.json"));
        let podman = folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json"));
        folder("REGISTRY_AUTH_FILE").map(Path::to_path_buf).into_iter().chain(docker).chain(podman).collect()
    }
}

fn read(host: &str, bytes: &[u8], from: &str) -> Result<Option<Found>, RegistryError> {
    let server =
        if matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io") { DOCKER_HUB } else { host };
    let proof = match docker_credential::get_credential_from_reader(bytes, server) {
        Ok(DockerCredential::UsernamePassword(user, _)) if user.is_empty() => return Ok(None),
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Proof::Password { user, password: Secret::new(password) }
        }
        Ok(DockerCredential::IdentityToken(token)) => Proof::Identity(Secret::new(token)),
        Err(Wrong::NoCredentialConfigured) => return Ok(None),
        // Helpers say this of a host that they do not know.
        Err(Wrong::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => return Ok(None),
        Err(wrong) => {
            let why = match wrong {
                // What it printed may hold anything, a password too.
                Wrong::HelperFailure { helper, .. } => format!("{helper}, which {from} names, failed"),
                Wrong::HelperCommunicationError => format!("the credential helper that {from} names does not start"),
                other => format!("{from}: {other}"),
            };
            return Err(RegistryError::Credentials { host: host.into(), why });
        }
    };
    Ok(Some(Found { proof, from: from.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(pairs: &[(&str, &str)]) -> Login {
        Login::new(&Environment::from_pairs(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))))
    }

    fn user(found: Option<Found>) -> Option<String> {
        match found?.proof {
            Proof::Password { user, password } => Some(format!("{user}:{}", password.expose())),
            Proof::Identity(token) => Some(format!("token {}", token.expose())),
        }
    }

    /// `me:secret`, as Docker writes it.
    const CONFIG: &str = r#"{"auths":{"registry.example.com":{"auth":"bWU6c2VjcmV0"}}}"#;

    #[test]
    fn they_are_for_the_host_that_they_were_given_for() {
        let three = [
            ("SEAWORTHY_REGISTRY_HOST", "registry.example.com"),
            ("SEAWORTHY_REGISTRY_USER", "me"),
            ("SEAWORTHY_REGISTRY_PASSWORD", "a:b"),
        ];
        assert_eq!(user(login(&three).find("registry.example.com").unwrap()).unwrap(), "me:a:b");
        assert_eq!(user(login(&three).find("evil.example.com").unwrap()), None);
        assert_eq!(user(login(&three[1..]).find("registry.example.com").unwrap()), None);
    }

    #[test]
    fn dockers_own_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), CONFIG).unwrap();
        let login = login(&[("DOCKER_CONFIG", folder.path().to_str().unwrap()), ("HOME", "/nonexistent")]);
        let found = login.find("registry.example.com").unwrap();
        assert!(found.as_ref().unwrap().from.ends_with("config.json"));
        assert_eq!(user(found).unwrap(), "me:secret");
        assert_eq!(user(login.find("other.example.com").unwrap()), None);
        std::fs::write(folder.path().join("config.json"), "{").unwrap();
        let wrong = login.find("registry.example.com").unwrap_err().to_string();
        assert!(wrong.contains("config.json"), "{wrong}");
    }

    #[test]
    fn the_variable_of_a_build_service_is_read() {
        let login = login(&[("DOCKER_AUTH_CONFIG", CONFIG), ("HOME", "/nonexistent")]);
        assert_eq!(user(login.find("registry.example.com").unwrap()).unwrap(), "me:secret");
    }
}

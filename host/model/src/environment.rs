use crate::Secret;
use std::collections::BTreeMap;

/// Where a variable's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The environment of the process.
    Process,
    /// Set by `run --embedded` for the peer that it started.
    Embedded,
    /// `--var NAME=VALUE`.
    Flag,
    /// `[vars]` of the policy file.
    File,
}

impl Origin {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Process => "process",
            Origin::Embedded => "embedded",
            Origin::Flag => "--var",
            Origin::File => "checks.toml",
        }
    }
}

/// One variable.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its value; exposed only to what may see it.
    pub value: Secret,
    /// Of the secret class: never handed to a guest or a report.
    pub secret: bool,
    /// Where it comes from.
    pub origin: Origin,
}

/// A snapshot of the environment, taken once at the start and passed down.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, Variable>,
}

impl Environment {
    /// A snapshot of `pairs`; names of the secret class are marked.
    #[must_use]
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in pairs {
            environment.set(name, value, Origin::Process);
        }
        environment
    }

    /// Sets or replaces one variable.
    pub fn set(&mut self, name: String, value: String, origin: Origin) {
        let secret = Self::is_secret_name(&name);
        self.variables.insert(name, Variable { value: Secret::new(value), secret, origin });
    }

    /// Marks a variable as secret, whatever it is called.
    pub fn mark_secret(&mut self, name: &str) {
        if let Some(variable) = self.variables.get_mut(name) {
            variable.secret = true;
        }
    }

    /// One variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.variables.get(name)
    }

    /// The text of a variable, secret or not. For the host's own use.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|v| v.value.expose())
    }

    /// Every variable by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Variable)> {
        self.variables.iter().map(|(name, variable)| (name.as_str(), variable))
    }

    /// Whether a name alone marks a secret: it has a part such as `TOKEN` or `SECRET`.
    #[must_use]
    pub fn is_secret_name(name: &str) -> bool {
        name.to_ascii_uppercase().split('_').any(|part| {
            matches!(
                part,
                "TOKEN" | "SECRET" | "PASSWORD" | "PASSWD" | "PASSPHRASE" | "CREDENTIAL" | "CREDENTIALS" | "APIKEY"
            )
        }) || ["_KEY", "_AUTH"].iter().any(|end| name.to_ascii_uppercase().ends_with(end))
            || name.eq_ignore_ascii_case("AWS_ACCESS_KEY_ID")
    }
}

use serde::Serialize;
use serde_json::Map;

/// What a variable is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// This text.
    Text(String),
    /// What it is where the container is started: for secrets, which are only ever named.
    Caller,
    /// Not set.
    Unset,
}

/// An option of `docker run`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DockerOption {
    /// The long name: `--add-host`.
    pub name: String,
    /// Its value, where it has one.
    pub value: Option<String>,
}

/// What remedies ask for, read back from their steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Variables of the process that uses the cache, in the order of the steps.
    pub variables: Vec<(String, Value)>,
    /// Options of its container.
    pub options: Vec<DockerOption>,
    /// Networks to make, with their driver options.
    pub networks: Vec<(String, Vec<(String, String)>)>,
    /// Names under which the peer's container is to be known, by network.
    pub aliases: Vec<(String, String)>,
    /// Settings of the Docker daemon.
    pub daemon: Map<String, serde_json::Value>,
    /// Kernel settings of the host.
    pub sysctls: Vec<(String, String)>,
    /// Commands that configure a Kubo node.
    pub kubo: Vec<(String, String)>,
    /// Commands of every other kind, each with what it is for.
    pub commands: Vec<(String, String)>,
    /// Pieces of files that are somebody's own.
    pub pieces: Vec<(String, seaworthy_model::Snippet)>,
    /// What is said in words only.
    pub words: Vec<String>,
}

impl Wanted {
    /// Whether it changes how a container is started.
    pub(crate) fn is_of_container(&self) -> bool {
        !self.variables.is_empty() || !self.options.is_empty()
    }

    /// Sets a variable. *Behaviour*: the first to say something about one is heard;
    /// false where an earlier one wants another value.
    pub(crate) fn set(&mut self, name: &str, value: Value) -> bool {
        match self.variables.iter().find(|(known, _)| known == name) {
            Some((_, known)) => *known == value,
            None => {
                self.variables.push((name.to_owned(), value));
                true
            }
        }
    }

    /// Adds an option once. *Behaviour*: of those that can be given only once the
    /// first is heard; false where an earlier one wants another value.
    pub(crate) fn add(&mut self, option: DockerOption) -> bool {
        if self.options.contains(&option) {
            return true;
        }
        let once = crate::options::is_single(&option.name);
        if once && self.options.iter().any(|known| known.name == option.name) {
            return false;
        }
        self.options.push(option);
        true
    }

    /// The text of a variable, where it is set to one.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| known == name).and_then(|(_, value)| match value {
            Value::Text(text) => Some(text.as_str()),
            Value::Caller | Value::Unset => None,
        })
    }

    /// The values of an option.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.options.iter().filter(move |option| option.name == name).filter_map(|option| option.value.as_deref())
    }

    /// What concerns a container, put over what is there. False where they disagree.
    pub(crate) fn merge_container(&mut self, other: &Self) -> bool {
        let mut agree = true;
        for (name, value) in &other.variables {
            agree &= self.set(name, value.clone());
        }
        for option in &other.options {
            agree &= self.add(option.clone());
        }
        for network in &other.networks {
            if !self.networks.iter().any(|(name, _)| *name == network.0) {
                self.networks.push(network.clone());
            }
        }
        for alias in &other.aliases {
            if !self.aliases.contains(alias) {
                self.aliases.push(alias.clone());
            }
        }
        agree
    }
}

use crate::{Context, Inherited, Target};

/// Reading a [`Context`].
pub trait ContextExt {
    /// A setting by its flattened key, e.g. `latency.warn-ms`.
    fn setting(&self, key: &str) -> Option<&str>;
    /// Every element of an array setting.
    fn settings_all<'a>(&'a self, key: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a>;
    /// A fact of a check that this one needs, whichever it was.
    fn inherited(&self, key: &str) -> Option<&Inherited>;
    /// Something the host says about the vantage point.
    fn vantage(&self, key: &str) -> Option<&str>;
    /// The first target.
    fn target(&self) -> Option<&Target>;
    /// All addresses of all targets, in order.
    fn addresses(&self) -> Vec<String>;
}

impl ContextExt for Context {
    fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    fn settings_all<'a>(&'a self, key: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(self.settings.iter().filter(move |(k, _)| k == key).map(|(_, v)| v.as_str()))
    }

    fn inherited(&self, key: &str) -> Option<&Inherited> {
        self.facts.iter().find(|fact| fact.key == key)
    }

    fn vantage(&self, key: &str) -> Option<&str> {
        self.vantage.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    fn target(&self) -> Option<&Target> {
        self.targets.first()
    }

    fn addresses(&self) -> Vec<String> {
        self.targets.iter().flat_map(|target| target.addresses.iter().cloned()).collect()
    }
}

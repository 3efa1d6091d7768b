//! What a plugin from a registry must be: by checks.toml, or by checks.lock beside it.

use crate::error::{ErrorKind, PolicyError, PolicyErrors};
use crate::file::PluginBlock;
use crate::lock::Locked;
use crate::origin::At;
use crate::policy::Policy;
use seaworthy_model::RegistryReference;
use std::path::PathBuf;

/// A plugin of the policy that comes from a registry, with what it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct RegistryPlugin {
    /// Name in checks.toml: its key in the catalog.
    pub name: String,
    /// Where it is, as written.
    pub reference: RegistryReference,
    /// Its registry is spoken to without TLS.
    pub plain_http: bool,
    /// `sha256:...` that its manifest must have.
    pub manifest: Option<String>,
    /// `sha256:...` that the component must have. At least one of the two is there.
    pub component: Option<String>,
    /// Files of public keys of which one must have signed; none where nobody need have.
    pub keys: Option<Vec<PathBuf>>,
}

impl Policy {
    /// The plugins that come from a registry, pinned.
    ///
    /// # Errors
    /// Those that nothing pins, and pins that contradict each other.
    pub fn registry_plugins(&self) -> Result<Vec<RegistryPlugin>, PolicyErrors> {
        let mut errors = Vec::new();
        let mut plugins = Vec::new();
        for (name, at) in &self.plugins {
            let Some(mut plugin) = self.registry_plugin(name) else { continue };
            match self.pins(name, &at.value, &plugin.reference) {
                Ok((manifest, component)) => {
                    (plugin.manifest, plugin.component) = (manifest, component);
                    plugins.push(plugin);
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(plugins) } else { Err(self.errors(errors)) }
    }

    /// Whether a plugin of the policy is pinned, where it comes from a registry.
    ///
    /// # Errors
    /// Nothing pins it, or its pins contradict each other.
    pub fn is_pinned(&self, name: &str) -> Result<(), PolicyErrors> {
        let Some((plugin, at)) = self.registry_plugin(name).zip(self.plugins.get(name)) else { return Ok(()) };
        self.pins(name, &at.value, &plugin.reference).map(drop).map_err(|error| self.errors(vec![error]))
    }

    /// A plugin that comes from a registry, without its pins; none where there is no such.
    #[must_use]
    pub fn registry_plugin(&self, name: &str) -> Option<RegistryPlugin> {
        let block = &self.plugins.get(name)?.value;
        Some(RegistryPlugin {
            name: name.to_owned(),
            reference: block.source.value.parse().ok()?,
            plain_http: block.plain_http.as_ref().is_some_and(|plain| plain.value),
            manifest: None,
            component: None,
            keys: self.keys(block.signed_by.as_ref().map_or(&[], |by| &by.value)),
        })
    }

    /// The files of the keys of which one must have signed a plugin: those of its own, else
    /// those of all, else none.
    #[must_use]
    pub fn keys(&self, own: &[At<String>]) -> Option<Vec<PathBuf>> {
        let keys = match own {
            [] if self.signatures.required() => self.signatures.keys(),
            [] => return None,
            own => own,
        };
        Some(keys.iter().map(|key| self.relative(&key.value)).collect())
    }

    /// The digests that hold: manifest and component.
    fn pins(
        &self,
        name: &str,
        block: &PluginBlock,
        reference: &RegistryReference,
    ) -> Result<(Option<String>, Option<String>), PolicyError> {
        let source = &block.source;
        let lock = || self.lock_name.clone();
        let again = format!("`seaworthy plugin add --update {name}` pins what it is now");
        let manifest = reference.manifest.clone();
        let component = block.digest.as_ref().map(|digest| digest.value.clone());
        let locked = self.lock.plugins.get(name);
        match locked.filter(|locked| locked.source == source.value) {
            Some(Locked { manifest: locked, .. }) if manifest.as_ref().is_some_and(|wanted| wanted != locked) => {
                let message = format!("plugin `{name}` is the manifest of its `source`, and {} says {locked}", lock());
                Err(PolicyError::new(ErrorKind::Component, source.place(), message).help(again))
            }
            Some(Locked { component: locked, .. }) if component.as_ref().is_some_and(|wanted| wanted != locked) => {
                let place = block.digest.as_ref().and_then(At::place);
                let message = format!("`digest` of plugin `{name}` is another than {} says: {locked}", lock());
                let help = format!("find out which is wanted; {again}");
                Err(PolicyError::new(ErrorKind::Component, place, message).help(help))
            }
            Some(locked) => Ok((Some(locked.manifest.clone()), Some(locked.component.clone()))),
            None if manifest.is_some() || component.is_some() => Ok((manifest, component)),
            None => {
                let why = match locked {
                    Some(locked) => format!("{} pins it as {}", lock(), locked.source),
                    None => format!("{} does not pin it", lock()),
                };
                let message = format!("plugin `{name}` is named by a tag, which may be moved, and {why}");
                let help =
                    format!("{again}, or write the digest: `source = \"{source}@sha256:..\"`", source = source.value);
                Err(PolicyError::new(ErrorKind::Component, source.place(), message).help(help))
            }
        }
    }
}

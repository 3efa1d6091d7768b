//! What `use` of a check means.

use crate::error::{ErrorKind, PolicyError};
use crate::origin::At;
use crate::plan::Catalog;
use crate::policy::Policy;
use crate::suggestion::hint;
use crate::tier;
use seaworthy_model::{CheckDescriptor, ComponentDescriptor, ComponentKind, DESCRIPTOR_SCHEMA_VERSION, Environment};
use std::collections::BTreeSet;

/// The plugin whose checks are all bundled ones.
const BUNDLED: &str = "bundled";

/// What a policy uses, before any component was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Ids of checks of the bundled suite: `net/tcp`.
    pub checks: BTreeSet<String>,
    /// Names of the adapters of the tiers in use.
    pub adapters: BTreeSet<String>,
    /// How many tiers that are.
    pub tiers: usize,
}

impl Policy {
    /// What this policy uses, so that nothing else of the bundled components has to be
    /// read. *Behaviour*: a `use` without an id is the id that nothing has.
    #[must_use]
    pub fn uses(&self, process: &Environment) -> Uses {
        let used = self.checks.iter().map(|check| check.value.used_as.value.as_str());
        let bundled =
            used.map(|used| used.split_once(':').unwrap_or((used, ""))).filter(|(plugin, _)| *plugin == BUNDLED);
        let adapters = tier::adapters(self, &self.environment(process));
        Uses {
            checks: bundled.map(|(_, id)| id.to_owned()).collect(),
            tiers: adapters.len(),
            adapters: adapters.into_iter().collect(),
        }
    }
}

/// A check found in the catalog.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// Name of its component.
    pub(crate) component: &'a str,
    /// What it says about itself.
    pub(crate) check: &'a CheckDescriptor,
}

/// Finds the check that `use` names.
///
/// *Behaviour*: `bundled:id` looks through every bundled component; `plugin:id`
/// through that plugin; `plugin` alone takes its only check.
///
/// *Errors*: the plugin was not loaded, is not made of checks, speaks a newer
/// descriptor format, or has no such check.
pub(crate) fn find<'a>(policy: &Policy, catalog: &'a Catalog, used_as: &At<String>) -> Result<Found<'a>, PolicyError> {
    let error = |kind, message: String| PolicyError::new(kind, used_as.place(), message);
    let (plugin, id) = match used_as.value.split_once(':') {
        Some((plugin, id)) => (plugin, Some(id)),
        None => (used_as.value.as_str(), None),
    };
    if plugin == BUNDLED {
        let builtin = catalog.iter().filter(|(_, (_, _, s))| s.is_builtin());
        let mut checks =
            builtin.flat_map(|(name, (d, _, _))| d.checks.iter().map(move |check| Found { component: name, check }));
        let Some(id) = id else {
            let message = "`use` names no check of the bundled suite".to_owned();
            return Err(error(ErrorKind::Reference, message)
                .help("write \"bundled:net/tcp\"; `seaworthy list checks` lists them"));
        };
        let known = || catalog.values().filter(|(_, _, s)| s.is_builtin()).flat_map(|(d, _, _)| &d.checks);
        return checks.find(|found| found.check.id == id).ok_or_else(|| {
            error(ErrorKind::Reference, format!("the bundled suite has no check `{id}`"))
                .maybe_help(hint(id, known().map(|c| c.id.as_str())))
        });
    }
    let declared = policy.plugins.contains_key(plugin);
    let Some((component, (descriptor, _, _))) = catalog.get_key_value(plugin).filter(|_| declared) else {
        return Err(error(ErrorKind::Component, format!("plugin `{plugin}` was not loaded")));
    };
    usable(descriptor).map_err(|message| error(ErrorKind::Component, format!("plugin `{plugin}` {message}")))?;
    let known = || descriptor.checks.iter().map(|c| c.id.as_str());
    let check = match (id, descriptor.checks.as_slice()) {
        (None, [only]) => Some(only),
        (None, _) => {
            let message = format!("plugin `{plugin}` has {} checks; `use` names none of them", descriptor.checks.len());
            return Err(error(ErrorKind::Reference, message).maybe_help(hint("", known())));
        }
        (Some(id), all) => all.iter().find(|c| c.id == id),
    };
    let missing = || {
        let id = id.unwrap_or("");
        error(ErrorKind::Reference, format!("plugin `{plugin}` has no check `{id}`")).maybe_help(hint(id, known()))
    };
    check.map(|check| Found { component, check }).ok_or_else(missing)
}

fn usable(descriptor: &ComponentDescriptor) -> Result<(), String> {
    if descriptor.schema_version > DESCRIPTOR_SCHEMA_VERSION {
        let version = descriptor.schema_version;
        return Err(format!("has descriptor format {version}; this tool reads {DESCRIPTOR_SCHEMA_VERSION}"));
    }
    if descriptor.kind == ComponentKind::Check { Ok(()) } else { Err("is a cache adapter and has no checks".into()) }
}

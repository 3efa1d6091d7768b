//! Whose certificates are taken besides those that the machine trusts.

use crate::endpoint::Endpoint;
use crate::policy::Policy;
use crate::scalar::variable;
use crate::values::text_of;
use seaworthy_model::{Environment, Origin, Tier, Trust};
use std::path::PathBuf;

/// What the targets of the policy say with `ca-file`.
///
/// *Behaviour*: an authority belongs to addresses, and not to a check or a tier, so that
/// everybody who looks at a target sees the same. It holds at the exact addresses of its
/// target, and at the names that the target's bucket has below them.
pub(crate) fn trust(policy: &Policy, environment: &Environment, tiers: &[Tier]) -> Vec<Trust> {
    let mut all = Vec::new();
    for name in policy.targets.keys() {
        let (Some(file), Some(target)) = (file(policy, name, environment), policy.target(name, environment)) else {
            continue;
        };
        let endpoints = Endpoint::all_of(&target);
        let mut rules: Vec<_> = endpoints.iter().filter_map(Endpoint::exact).collect();
        let of_tiers = tiers.iter().filter(|tier| policy.target_of_tier(&tier.label) == Some(name.as_str()));
        let buckets = of_tiers.filter_map(|tier| tier.config.get("bucket")?.as_str());
        for bucket in buckets.chain(target.details.get("bucket").map(String::as_str)) {
            for rule in Endpoint::of_bucket(bucket, &endpoints) {
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
        }
        all.extend(rules.into_iter().map(|net| Trust { net, target: name.clone(), file: file.clone() }));
    }
    all
}

/// The file that a target names: taken from the policy's folder where the policy says it,
/// and from where the tool was started where the environment does.
fn file(policy: &Policy, target: &str, environment: &Environment) -> Option<PathBuf> {
    let text = &policy.targets.get(target)?.value.ca_file.as_ref()?.value;
    let Some(name) = variable(text) else { return Some(policy.relative(text)) };
    let resolved = policy.resolve(name, environment)?;
    let path = resolved.value.map(|value| text_of(&value, ",")).filter(|path| !path.is_empty())?;
    let set = resolved.from.and_then(|name| environment.get(&name));
    Some(if set.is_some_and(|set| set.origin != Origin::File) { PathBuf::from(path) } else { policy.relative(&path) })
}

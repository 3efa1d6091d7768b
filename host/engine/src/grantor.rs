use seaworthy_model::{ComponentSource, Plan, Step, Tier};

/// Who could allow what a component was refused, and by which line.
///
/// A plugin has what its block in checks.toml grants. A bundled component has what it asks
/// for, and beyond that what the target of its check or tier names; it has no block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grantor {
    /// `[plugins.NAME]`.
    Plugin(String),
    /// `[targets.LABEL]`, the first of a bundled check.
    Target(String),
    /// The target of a tier with a bundled adapter.
    Tier(String),
    /// A bundled check without a target.
    Check(String),
}

impl Grantor {
    /// For a step of a run.
    pub(crate) fn of_step(plan: &Plan, step: &Step) -> Self {
        if !bundled(plan, &step.component) {
            return Self::Plugin(step.component.clone());
        }
        match step.targets.first() {
            Some(target) => Self::Target(target.label.clone()),
            None => Self::Check(step.id.clone()),
        }
    }

    /// For a tier.
    pub(crate) fn of_tier(plan: &Plan, tier: &Tier) -> Self {
        match &tier.component {
            Some(component) if !bundled(plan, component) => Self::Plugin(component.clone()),
            _ => Self::Tier(tier.label.clone()),
        }
    }

    /// The line for checks.toml; empty where no line allows it.
    pub(crate) fn line(&self, capability: &str, wanted: &str) -> String {
        if let Self::Plugin(name) = self {
            return format!("[plugins.{name}] grant.{capability} = [\"{wanted}\"]");
        }
        // A target's details may lead to further places, and name further secrets and files.
        let further = match capability {
            "net" | "dns" => format!("details.further = \"http://{wanted}\""),
            "read" if wanted.starts_with('/') => format!("details.further = \"{wanted}\""),
            "secret" => format!("credentials.further = \"${{{wanted}}}\""),
            _ => return String::new(),
        };
        match self {
            Self::Target(label) => format!("[targets.{label}] {further}"),
            Self::Tier(label) => format!("{further}  # in the [targets.NAME] of tier `{label}`"),
            Self::Check(id) => format!("{further}  # in a [targets.NAME] that is the `target` of check `{id}`"),
            Self::Plugin(_) => String::new(),
        }
    }
}

fn bundled(plan: &Plan, component: &str) -> bool {
    plan.components.get(component).is_some_and(|found| matches!(found.source, ComponentSource::Builtin(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_that_a_policy_can_have() {
        let line = |grantor: Grantor, capability: &str, wanted: &str| grantor.line(capability, wanted);
        let plugin = || Grantor::Plugin("acme".into());
        assert_eq!(line(plugin(), "env", "HOME"), "[plugins.acme] grant.env = [\"HOME\"]");
        let target = || Grantor::Target("mirror".into());
        assert_eq!(line(target(), "net", "[::1]:80"), "[targets.mirror] details.further = \"http://[::1]:80\"");
        assert_eq!(line(target(), "secret", "token"), "[targets.mirror] credentials.further = \"${token}\"");
        assert_eq!(line(target(), "env", "HOME"), "");
        assert!(line(Grantor::Tier("s3".into()), "net", "a.test:443").ends_with("of tier `s3`"));
        assert!(line(Grantor::Check("a".into()), "read", "/etc/x").contains("check `a`"));
    }
}

//! Whether what opened is what `[fallback.cache]` demands.

use crate::tier::{Closed, Tier, closed};

/// What the policy demands of the tiers.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// So many must be usable.
    pub need: usize,
    /// This one should be.
    pub prefer: Option<&'a str>,
    /// One tier over the network is not enough, be it usable or not.
    pub wants_another: bool,
}

/// Another tier serves than the one that should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Degraded<'a> {
    /// The one that should.
    pub preferred: &'a str,
    /// The one that does.
    pub instead: &'a str,
    /// The kind of the error, or `not-configured`, `switched-off` or `not-listed`.
    pub reason: &'a str,
}

impl<'a> Demand<'a> {
    /// Fewer are usable than needed. `wrong` of the others are configured and do not open;
    /// where nothing is configured and nothing particular demanded, nothing is missing.
    #[must_use]
    pub fn unmet(self, usable: usize, wrong: usize) -> bool {
        usable < self.need && (self.need > 1 || wrong > 0)
    }

    /// How many there are of how many, for people.
    #[must_use]
    pub fn shortage(self, usable: usize, all: usize) -> String {
        if self.need <= 1 {
            return format!("none of {all} configured tiers is usable");
        }
        format!("{usable} of {all} configured tiers can be used, and {} are needed", self.need)
    }

    /// The preferred tier is not usable, and another is.
    #[must_use]
    pub fn degraded(self, tiers: &'a [Tier], p2p_off: bool) -> Option<Degraded<'a>> {
        let preferred = self.prefer?;
        let instead = tiers.iter().find(|tier| tier.state.is_ok())?.label.as_str();
        let reason = match tiers.iter().find(|tier| tier.label == preferred).map(|tier| &tier.state) {
            Some(Ok(_)) => return None,
            Some(Err((kind, reason))) => match closed(kind, reason.as_deref()) {
                Closed::NotConfigured => "not-configured",
                Closed::NotImported | Closed::Failed => kind,
            },
            None if preferred == "p2p" && p2p_off => "switched-off",
            None => "not-listed",
        };
        Some(Degraded { preferred, instead, reason })
    }
}

impl Degraded<'_> {
    /// What it means, for people.
    #[must_use]
    pub fn message(self) -> String {
        let why = match self.reason {
            "not-configured" => "is not configured".to_owned(),
            "switched-off" => "is switched off by CACHE_ENABLE_P2P".to_owned(),
            "not-listed" => "is not among the tiers in use".to_owned(),
            kind => format!("is not usable ({kind})"),
        };
        format!(
            "the cache is degraded: the tier {} serves, as {}, which is preferred, {why}",
            self.instead, self.preferred
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shut(label: &str, kind: &str, reason: Option<&str>) -> Tier {
        Tier { state: Err((kind.into(), reason.map(str::to_owned))), ..Tier::open(label, label, &[]) }
    }

    #[test]
    fn too_few_is_what_is_demanded_and_not_there() {
        let demand = |need| Demand { need, prefer: None, wants_another: false };
        assert!(demand(1).unmet(0, 1) && !demand(1).unmet(1, 1));
        assert!(!demand(1).unmet(0, 0), "nothing is configured");
        assert!(demand(2).unmet(1, 0) && demand(2).unmet(0, 0) && !demand(2).unmet(2, 5));
        assert_eq!(demand(2).shortage(1, 3), "1 of 3 configured tiers can be used, and 2 are needed");
    }

    #[test]
    fn degraded_says_which_serves_and_why() {
        let disk = Tier::open("disk", "disk", &[]);
        let demand = Demand { need: 1, prefer: Some("p2p"), wants_another: false };
        let why = |p2p: Option<Tier>, off: bool| {
            let tiers: Vec<Tier> = p2p.into_iter().chain([disk.clone()]).collect();
            demand.degraded(&tiers, off).map(|degraded| degraded.reason.to_owned())
        };
        assert_eq!(why(Some(Tier::open("p2p", "p2p", &[])), false), None);
        assert_eq!(why(Some(shut("p2p", "unreachable", None)), false).as_deref(), Some("unreachable"));
        assert_eq!(why(Some(shut("p2p", "configuration", Some("no-peers"))), false).as_deref(), Some("not-configured"));
        assert_eq!(why(None, true).as_deref(), Some("switched-off"));
        assert_eq!(why(None, false).as_deref(), Some("not-listed"));
        let nothing = [shut("p2p", "unreachable", None)];
        assert_eq!(demand.degraded(&nothing, false), None, "then it is gone, not degraded");
        assert_eq!(Demand { prefer: None, ..demand }.degraded(&[disk], false), None);
    }

    #[test]
    fn the_message_is_a_sentence() {
        let degraded = Degraded { preferred: "p2p", instead: "disk", reason: "unreachable" };
        let said =
            "the cache is degraded: the tier disk serves, as p2p, which is preferred, is not usable (unreachable)";
        assert_eq!(degraded.message(), said);
    }
}

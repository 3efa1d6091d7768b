//! What the tiers' answers say about the configuration.

/// One tier, reduced to what is judged.
#[derive(Clone, Debug)]
pub struct Tier {
    /// Its label.
    pub label: String,
    /// Its adapter.
    pub adapter: String,
    /// Properties when it is open, else the kind of error and the reason in its context.
    pub state: Result<Vec<String>, (String, Option<String>)>,
}

/// How a tier that is not open is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Nothing was configured for it: no finding.
    NotConfigured,
    /// Cache Module Import reports it.
    NotImported,
    /// Reported here.
    Failed,
}

/// Judges the error of `open`.
#[must_use]
pub fn closed(kind: &str, reason: Option<&str>) -> Closed {
    match (kind, reason) {
        ("not-configured", _) | (_, Some("not-configured" | "no-peers" | "no-addresses")) => Closed::NotConfigured,
        ("load" | "trap" | "load-failed", _)
        | (
            _,
            Some(
                "unknown-adapter" | "load-failed" | "not-a-component" | "instantiate-failed" | "link-failed"
                | "digest-mismatch" | "wit-version" | "trap",
            ),
        ) => Closed::NotImported,
        _ => Closed::Failed,
    }
}

/// A tier that is not open, for the summary.
#[must_use]
pub fn shut(label: &str, kind: &str, closed: Closed) -> String {
    let why = match closed {
        Closed::NotConfigured => "not configured",
        Closed::NotImported => "its adapter does not load",
        Closed::Failed => kind,
    };
    [label, " (", why, ")"].concat()
}

/// The settings that were made, as far as they concern tiers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// `CACHE_BACKENDS`, else `CACHE_BACKEND`, with the variable's name.
    pub backends: Option<(&'static str, &'a str)>,
    /// `CACHE_ENABLE_P2P`.
    pub p2p: Option<&'a str>,
    /// `CACHE_DEFAULT_TTL`.
    pub ttl: Option<&'a str>,
    /// `CACHE_DIR`, else `IPFS_ACCELERATE_CACHE_DIR`, with the variable's name.
    pub directory: Option<(&'static str, &'a str)>,
    /// The directory is to be tested, whatever the tiers are.
    pub directory_demanded: bool,
}

impl Wanted<'_> {
    /// Something keeps entries in the directory. `tiers` are labels and adapters.
    pub fn uses_directory<'b>(&self, mut tiers: impl Iterator<Item = (&'b str, &'b str)>) -> bool {
        self.directory_demanded || tiers.any(|(label, adapter)| label == "disk" || adapter == "disk")
    }

    /// P2P was switched off; unset is on.
    #[must_use]
    pub fn p2p_off(&self) -> bool {
        self.p2p.is_some_and(|value| !value.eq_ignore_ascii_case("true"))
    }
}

/// Settings without effect on the tiers: the variable and why.
#[must_use]
pub fn without_effect(wanted: &Wanted<'_>, tiers: &[Tier]) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let is = |tier: &Tier, name: &str| tier.label == name || tier.adapter == name;
    if let Some((variable, list)) = wanted.backends {
        let names = list.split(',').map(str::trim_ascii).filter(|name| !name.is_empty());
        // Switched off by CACHE_ENABLE_P2P is reported with that variable.
        for name in names.filter(|name| !(*name == "p2p" && wanted.p2p_off())) {
            if !tiers.iter().any(|tier| is(tier, name)) {
                found.push((variable, format!("{variable} lists `{name}`, but no tier of that name was opened")));
            }
        }
    }
    let on = wanted.p2p.is_some() && !wanted.p2p_off();
    let shares =
        |tier: &Tier| is(tier, "p2p") || tier.state.as_ref().is_ok_and(|list| list.iter().any(|p| p == "shared"));
    if on && !tiers.is_empty() && !tiers.iter().any(shares) {
        let message = "CACHE_ENABLE_P2P is true, but no configured tier shares with peers";
        found.push(("CACHE_ENABLE_P2P", message.into()));
    }
    let names = tiers.iter().map(|tier| (tier.label.as_str(), tier.adapter.as_str()));
    if let Some((variable, path)) = wanted.directory.filter(|_| !wanted.uses_directory(names)) {
        found.push((variable, format!("{variable} is {path}, but no configured tier keeps its entries on disk")));
    }
    let mut open = tiers.iter().filter_map(|tier| tier.state.as_ref().ok()).peekable();
    if wanted.ttl.is_some() && open.peek().is_some() && !open.any(|list| list.iter().any(|p| p == "expiring")) {
        let message = "CACHE_DEFAULT_TTL is set, but no open tier lets entries expire";
        found.push(("CACHE_DEFAULT_TTL", message.into()));
    }
    found
}

impl Tier {
    /// A tier that is open.
    #[must_use]
    pub fn open(label: &str, adapter: &str, properties: &[&str]) -> Self {
        let state = Ok(properties.iter().map(|property| (*property).to_owned()).collect());
        Self { label: label.into(), adapter: adapter.into(), state }
    }
}

/// Whether there is one tier only, and that one is not on this machine.
#[must_use]
pub fn stands_alone(tiers: &[Tier]) -> bool {
    matches!(tiers, [only] if !matches!(only.adapter.as_str(), "disk" | "memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tier_elsewhere_stands_alone() {
        let tier = |adapter: &str| Tier { label: adapter.into(), adapter: adapter.into(), state: Ok(vec![]) };
        assert!(stands_alone(&[tier("s3")]));
        assert!(!stands_alone(&[tier("disk")]) && !stands_alone(&[tier("s3"), tier("disk")]) && !stands_alone(&[]));
    }

    #[test]
    fn errors_are_told_apart() {
        assert_eq!(closed("unreachable", None), Closed::Failed);
        assert_eq!(closed("configuration", Some("bad-bucket")), Closed::Failed);
        assert_eq!(closed("configuration", Some("unknown-adapter")), Closed::NotImported);
        assert_eq!(closed("configuration", Some("no-peers")), Closed::NotConfigured);
    }

    #[test]
    fn settings_are_compared_with_what_opened() {
        let tiers = [Tier::open("memory", "memory", &["expiring"])];
        let backends = Some(("CACHE_BACKENDS", "memory,s3"));
        let wanted = Wanted { backends, p2p: Some("true"), ttl: Some("300"), ..Wanted::default() };
        let names: Vec<_> = without_effect(&wanted, &tiers).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["CACHE_BACKENDS", "CACHE_ENABLE_P2P"]);
        let backends = Some(("CACHE_BACKENDS", "p2p,memory"));
        let off = Wanted { backends, p2p: Some("false"), ..Wanted::default() };
        assert!(without_effect(&off, &tiers).is_empty());
        let plain = [Tier::open("store", "p2p", &["shared"])];
        let ttl = Wanted { ttl: Some("300"), p2p: Some("true"), ..Wanted::default() };
        assert_eq!(without_effect(&ttl, &plain).len(), 1);
    }

    #[test]
    fn a_directory_matters_only_where_something_is_kept_in_it() {
        let wanted = Wanted { directory: Some(("CACHE_DIR", "/cache")), ..Wanted::default() };
        let memory = [Tier::open("memory", "memory", &["expiring"])];
        let found = without_effect(&wanted, &memory);
        assert_eq!(found.len(), 1);
        assert!(found[0].0 == "CACHE_DIR" && found[0].1.contains("/cache"), "{found:?}");
        let closed = Tier { state: Err(("permission-denied".into(), None)), ..Tier::open("store", "disk", &[]) };
        assert!(without_effect(&wanted, &[closed]).is_empty());
        assert!(without_effect(&Wanted { directory_demanded: true, ..wanted }, &memory).is_empty());
    }

    #[test]
    fn a_closed_tier_is_named_with_its_reason() {
        assert_eq!(shut("p2p", "unreachable", Closed::Failed), "p2p (unreachable)");
        assert_eq!(shut("p2p", "configuration", Closed::NotConfigured), "p2p (not configured)");
    }
}

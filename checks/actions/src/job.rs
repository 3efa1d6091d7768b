//! The job, as its variables have it.

/// A variable as the host tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Whether it is set, be it to nothing.
    pub present: bool,
    /// Its text; none of a secret.
    pub value: Option<String>,
    /// Characters of a secret.
    pub length: Option<u64>,
}

impl Variable {
    /// Set to something.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.present && !self.is_empty()
    }

    /// Set to nothing, as a secret is that the run does not get.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let blank = self.value.as_deref().is_some_and(|text| text.trim_ascii().is_empty());
        self.present && (blank || self.value.is_none() && self.length == Some(0))
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Job(pub Vec<Variable>);

impl Job {
    /// One of them.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.0.iter().find(|variable| variable.name == name)
    }

    /// Its text, where it has one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let text = self.variable(name)?.value.as_deref()?.trim_ascii();
        (!text.is_empty()).then_some(text)
    }

    /// Whether it is set to something.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.variable(name).is_some_and(Variable::is_set)
    }

    /// Whether it says yes, as the clients of the cache read it.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| !matches!(text.to_ascii_lowercase().as_str(), "false" | "off" | "0" | "no"))
    }

    /// Whether GitHub Actions runs us.
    #[must_use]
    pub fn is_actions(&self) -> bool {
        self.text("GITHUB_ACTIONS") == Some("true")
    }

    /// Whether the server is one of a company: it has the first version of the cache service only.
    #[must_use]
    pub fn is_enterprise_server(&self) -> bool {
        let Some(server) = self.text("GITHUB_SERVER_URL") else { return false };
        let host = server.split("://").nth(1).unwrap_or(server).trim_end_matches('/').to_ascii_lowercase();
        host != "github.com" && !host.ends_with(".ghe.com") && !host.ends_with(".localhost")
    }

    /// The variables of this list that are set to nothing, and those that are not set and were asked for.
    #[must_use]
    pub fn without_value<'a>(&'a self, watched: &'a [&'a str], demanded: &'a [String]) -> Vec<&'a str> {
        let empty = |name: &str| self.variable(name).is_some_and(Variable::is_empty);
        let mut names: Vec<&str> = watched.iter().copied().filter(|name| empty(name)).collect();
        for name in demanded {
            if !self.has(name) && !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }
}

/// The secrets of caches that are known here, and the tier that each is for; none for
/// those of other programs.
const SECRETS: [(&str, Option<&str>); 7] = [
    ("CACHE_P2P_SHARED_SECRET", Some("p2p")),
    ("AWS_ACCESS_KEY_ID", Some("s3")),
    ("AWS_SECRET_ACCESS_KEY", Some("s3")),
    ("STORACHA_AGENT_KEY", Some("storacha")),
    ("IPFS_API_AUTH", Some("ipfs")),
    ("IPFS_PINNING_TOKEN", Some("ipfs")),
    ("TURBO_TOKEN", None),
];

/// Names of the secrets that this job's caches want.
///
/// *Behaviour*: where CACHE_BACKENDS names the tiers, those of other tiers are not missed.
#[must_use]
pub fn watched(job: &Job) -> Vec<&'static str> {
    let backends = job.text("CACHE_BACKENDS").or_else(|| job.text("CACHE_BACKEND"));
    let uses = |tier: &str| backends.is_none_or(|list| list.split(',').any(|one| one.trim_ascii() == tier));
    SECRETS.iter().filter(|(_, tier)| tier.is_none_or(uses)).map(|(name, _)| *name).collect()
}

/// What a step that uses the Actions cache lacks.
///
/// *Behaviour*: `None` where it uses none, or lacks nothing.
#[must_use]
pub fn not_exported(job: &Job, setting: &str) -> Option<Vec<&'static str>> {
    let (token, results, old) =
        (job.has("ACTIONS_RUNTIME_TOKEN"), job.has("ACTIONS_RESULTS_URL"), job.has("ACTIONS_CACHE_URL"));
    let wanted = match setting {
        "off" => false,
        "required" => true,
        _ => job.is_on("SCCACHE_GHA_ENABLED") || token || results || old || job.has("ACTIONS_CACHE_SERVICE_V2"),
    };
    let mut missing = Vec::new();
    if !(results || old && job.is_enterprise_server()) {
        missing.push("ACTIONS_RESULTS_URL");
    }
    if !token {
        missing.push("ACTIONS_RUNTIME_TOKEN");
    }
    // The first version's address alone may be all that its client wants.
    (wanted && !missing.is_empty()).then_some(missing)
}

/// Whether a configured remote cache of Turborepo lacks its token, and what configures it.
#[must_use]
pub fn turbo_without_token(job: &Job, configured_in_workspace: bool) -> Option<&'static str> {
    if job.has("TURBO_TOKEN") {
        return None;
    }
    ["TURBO_TEAM", "TURBO_TEAMID", "TURBO_API"]
        .into_iter()
        .find(|name| job.has(name))
        .or_else(|| configured_in_workspace.then_some(".turbo/config.json"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn job(variables: &[(&str, &str)]) -> Job {
        Job(variables
            .iter()
            .map(|(name, value)| Variable {
                name: (*name).into(),
                present: true,
                value: (!name.contains("TOKEN")).then(|| (*value).into()),
                length: name.contains("TOKEN").then_some(value.len() as u64),
            })
            .collect())
    }

    #[test]
    fn empty_is_not_absent_and_not_set() {
        let job = job(&[("A", ""), ("B_TOKEN", ""), ("C", " \n"), ("D", "x"), ("E_TOKEN", "x")]);
        let watched = ["A", "B_TOKEN", "C", "D", "E_TOKEN", "F"];
        assert_eq!(job.without_value(&watched, &[]), ["A", "B_TOKEN", "C"]);
        assert_eq!(job.without_value(&["A"], &["F".into(), "D".into(), "A".into()]), ["A", "F"]);
    }

    #[test]
    fn tiers_that_are_not_used_miss_no_secret() {
        assert_eq!(watched(&Job::default()).len(), 7, "which tiers are used is not known");
        assert_eq!(watched(&job(&[("CACHE_BACKENDS", "disk")])), ["TURBO_TOKEN"]);
        assert_eq!(watched(&job(&[("CACHE_BACKENDS", "p2p, disk")])), ["CACHE_P2P_SHARED_SECRET", "TURBO_TOKEN"]);
    }

    #[test]
    fn only_a_step_that_uses_the_cache_lacks_its_variables() {
        let plain = job(&[("GITHUB_ACTIONS", "true")]);
        assert_eq!(not_exported(&plain, "auto"), None);
        assert_eq!(not_exported(&plain, "off"), None);
        assert_eq!(not_exported(&plain, "required").unwrap(), ["ACTIONS_RESULTS_URL", "ACTIONS_RUNTIME_TOKEN"]);
        let sccache = job(&[("SCCACHE_GHA_ENABLED", "true")]);
        assert_eq!(not_exported(&sccache, "auto").unwrap().len(), 2);
        assert_eq!(not_exported(&job(&[("SCCACHE_GHA_ENABLED", "false")]), "auto"), None);
        let half = job(&[("ACTIONS_RESULTS_URL", "https://r/")]);
        assert_eq!(not_exported(&half, "auto").unwrap(), ["ACTIONS_RUNTIME_TOKEN"]);
        let whole = job(&[("ACTIONS_RESULTS_URL", "https://r/"), ("ACTIONS_RUNTIME_TOKEN", "t")]);
        assert_eq!(not_exported(&whole, "required"), None);
    }

    #[test]
    fn a_server_of_a_company_has_the_first_version_only() {
        let at = |server: &str| job(&[("GITHUB_SERVER_URL", server)]).is_enterprise_server();
        assert!(at("https://github.acme.example") && at("https://git.acme.example/"));
        assert!(!at("https://github.com") && !at("https://acme.ghe.com") && !Job::default().is_enterprise_server());
        let old = job(&[
            ("GITHUB_SERVER_URL", "https://github.acme.example"),
            ("ACTIONS_CACHE_URL", "https://c/"),
            ("ACTIONS_RUNTIME_TOKEN", "t"),
        ]);
        assert_eq!(not_exported(&old, "required"), None);
    }

    #[test]
    fn a_remote_cache_is_meant_only_where_it_is_configured() {
        assert_eq!(turbo_without_token(&job(&[("TURBO_TEAM", "acme")]), false), Some("TURBO_TEAM"));
        assert_eq!(
            turbo_without_token(&job(&[("TURBO_API", "https://t"), ("TURBO_TOKEN", "")]), false),
            Some("TURBO_API")
        );
        assert_eq!(turbo_without_token(&Job::default(), true), Some(".turbo/config.json"));
        assert_eq!(turbo_without_token(&job(&[("TURBO_TEAM", "acme"), ("TURBO_TOKEN", "x")]), true), None);
        assert_eq!(turbo_without_token(&Job::default(), false), None);
    }
}

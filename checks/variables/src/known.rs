//! The variables that configure the cache.

/// What a value has to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On for the word `true`, off for anything else.
    Switch,
    /// 1 to 65535.
    Port,
    /// Multiaddrs separated by commas.
    PeerList,
    /// Whole seconds, at least 1.
    Seconds,
    /// A whole number.
    Count,
    /// An address that others can dial.
    Address,
    /// An absolute path.
    Directory,
    /// `owner/name`.
    Repository,
    /// Names of backends separated by commas.
    BackendList,
    /// A multiaddr or an http URL.
    Api,
    /// The name of an S3 bucket.
    Bucket,
    /// Lower-case letters, digits and dashes.
    Region,
    /// An absolute http or https URL with a host.
    Url,
    /// A DID, such as did:key:z6Mk...
    Did,
    /// Anything that is not empty.
    Text,
    /// Never seen: presence and length only.
    Secret,
}

impl Kind {
    /// What is accepted, for people.
    #[must_use]
    pub fn accepts(self) -> &'static str {
        match self {
            Kind::Switch => "the word `true`",
            Kind::Port => "a number from 1 to 65535",
            Kind::PeerList => "multiaddrs separated by commas, e.g. /ip4/172.17.0.1/tcp/9100/p2p/PEER_ID",
            Kind::Seconds => "whole seconds without a unit, at least 1, e.g. 300",
            Kind::Count => "a whole number",
            Kind::Address => "an IPv4 or IPv6 address that other machines can dial",
            Kind::Directory => "an absolute path",
            Kind::Repository => "owner/name",
            Kind::BackendList => "backend names separated by commas, e.g. p2p,disk",
            Kind::Api => "a multiaddr such as /ip4/127.0.0.1/tcp/5001, or an http:// or https:// URL",
            Kind::Bucket => "3 to 63 lower-case letters, digits, dots and dashes",
            Kind::Region => "a region such as eu-central-1",
            Kind::Url => "an http:// or https:// URL with a host, e.g. https://s3.example.com:9000",
            Kind::Did => "a DID, e.g. did:key:z6Mk...",
            Kind::Text => "a text that is not empty",
            Kind::Secret => "a secret that is not empty",
        }
    }
}

/// One variable that something reads.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Only the cache reads it: being set shows that somebody configured the cache.
    pub ours: bool,
}

const fn ours(name: &'static str, kind: Kind) -> Known {
    Known { name, kind, ours: true }
}

const fn shared(name: &'static str, kind: Kind) -> Known {
    Known { name, kind, ours: false }
}

/// Every variable of the cache, in the order they are reported in.
pub const KNOWN: &[Known] = &[
    ours("CACHE_ENABLE_P2P", Kind::Switch),
    ours("CACHE_LISTEN_PORT", Kind::Port),
    ours("CACHE_BOOTSTRAP_PEERS", Kind::PeerList),
    ours("CACHE_P2P_SHARED_SECRET", Kind::Secret),
    shared("GH_TOKEN", Kind::Secret),
    shared("GITHUB_TOKEN", Kind::Secret),
    ours("CACHE_DEFAULT_TTL", Kind::Seconds),
    ours("CACHE_DIR", Kind::Directory),
    ours("IPFS_ACCELERATE_CACHE_DIR", Kind::Directory),
    ours("IPFS_ACCELERATE_P2P_CACHE_DIR", Kind::Directory),
    ours("IPFS_ACCELERATE_PUBLIC_IP", Kind::Address),
    ours("CACHE_ADVERTISE_IP", Kind::Address),
    ours("CACHE_MIN_CONNECTED_PEERS", Kind::Count),
    shared("CACHE_METRICS_URL", Kind::Url),
    shared("CACHE_STATS_FILE", Kind::Directory),
    shared("CACHE_LOG_FILE", Kind::Directory),
    shared("GITHUB_REPOSITORY", Kind::Repository),
    shared("RUNNER_NAME", Kind::Text),
    shared("RUNNER_TEMP", Kind::Directory),
    ours("CACHE_BACKENDS", Kind::BackendList),
    ours("CACHE_BACKEND", Kind::BackendList),
    ours("CACHE_P2P_BOOTSTRAP", Kind::PeerList),
    ours("CACHE_IPFS_API", Kind::Api),
    shared("IPFS_API", Kind::Api),
    shared("KUBO_API", Kind::Api),
    shared("IPFS_API_AUTH", Kind::Secret),
    shared("IPFS_PINNING_SERVICE", Kind::Url),
    shared("IPFS_PINNING_TOKEN", Kind::Secret),
    ours("CACHE_S3_ENDPOINT", Kind::Url),
    ours("CACHE_S3_CA_FILE", Kind::Text),
    shared("AWS_ENDPOINT_URL_S3", Kind::Url),
    shared("AWS_ENDPOINT_URL", Kind::Url),
    shared("S3_ENDPOINT", Kind::Url),
    ours("CACHE_S3_BUCKET", Kind::Bucket),
    shared("AWS_S3_BUCKET", Kind::Bucket),
    shared("AWS_S3_REGION", Kind::Region),
    shared("AWS_REGION", Kind::Region),
    shared("AWS_DEFAULT_REGION", Kind::Region),
    shared("AWS_ACCESS_KEY_ID", Kind::Secret),
    shared("AWS_SECRET_ACCESS_KEY", Kind::Secret),
    shared("AWS_SESSION_TOKEN", Kind::Secret),
    shared("STORACHA_SERVICE_URL", Kind::Url),
    shared("STORACHA_GATEWAY_URL", Kind::Url),
    shared("STORACHA_SPACE", Kind::Did),
    shared("STORACHA_PROOF", Kind::Text),
    shared("STORACHA_AGENT_KEY", Kind::Secret),
    shared("WEB3_STORAGE_TOKEN", Kind::Secret),
    shared("GITHUB_API_URL", Kind::Url),
    ours("CACHE_ORIGIN_CA_FILE", Kind::Text),
];

/// Backends that are spoken of in the cache's documents or that this tool brings.
pub const BACKENDS: &[&str] = &["p2p", "disk", "memory", "ipfs", "s3", "storacha", "origin"];

/// One variable as the host showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value; absent for secrets and for what is not set.
    pub value: Option<String>,
    /// It is set.
    pub present: bool,
    /// It is not set, and this is the default that the policy file writes for it.
    pub default: bool,
    /// Length of a secret, where the host says it.
    pub length: Option<usize>,
}

/// Looking up settings by name.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a>(pub &'a [Setting]);

impl<'a> Settings<'a> {
    /// The setting, when it is set.
    #[must_use]
    pub fn set(self, name: &str) -> Option<&'a Setting> {
        self.0.iter().find(|setting| setting.present && setting.name == name)
    }

    /// Its value, when it is set and no secret.
    #[must_use]
    pub fn value(self, name: &str) -> Option<&'a str> {
        self.set(name)?.value.as_deref()
    }

    /// Its trimmed value, when there is one that is not empty.
    #[must_use]
    pub fn filled(self, name: &str) -> Option<&'a str> {
        self.value(name).map(str::trim_ascii).filter(|value| !value.is_empty())
    }
}

/// The elements of a comma list, without the empty ones.
pub fn elements(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim_ascii).filter(|element| !element.is_empty())
}

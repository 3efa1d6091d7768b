use crate::telling;
use s3_client::{Access, Addressing, Checksum, Names, Store};
use seaworthy_check_sdk::credentials::Status;
use seaworthy_check_sdk::{Context, ContextExt, FindingBuilder, Target, row_value};

const DEFAULT_PREFIX: &str = "seaworthy";
const DEFAULT_SKEW_S: i64 = 30;

/// The roles of a store's credentials, with the labels that the reference policy has.
const ROLES: [(&str, &str); 3] = [("key", "s3-key"), ("secret", "s3-secret"), ("session-token", "s3-session")];

/// What the target and the check's settings say.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) store: Store,
    pub(crate) names: Names,
    /// Labels of key, secret and session token.
    pub(crate) labels: [String; 3],
    pub(crate) need: Vec<String>,
    pub(crate) may_write: bool,
    pub(crate) skew_s: i64,
    pub(crate) timeout_ms: u32,
    /// How the client in use sends checksums along, where that is to be tried.
    pub(crate) upload: Option<Checksum>,
    /// Bytes of a large object that is to be tried; 0 for none.
    pub(crate) large: usize,
    /// The one key that the client in use looks at in every run.
    pub(crate) constant_key: Option<String>,
    /// Whether the metadata service of EC2 is asked: always, never, or where this is EC2.
    pub(crate) metadata: Option<bool>,
}

/// What came of reading them.
pub(crate) enum Configured {
    /// There is no store, and why that is.
    Nothing(String),
    /// There is one, and it cannot be asked.
    Wrong(FindingBuilder),
    Store(Settings),
}

/// Labels of key, secret and session token, as the target has them.
pub(crate) fn labels(context: &Context) -> Vec<String> {
    let of_target = |role: &str| {
        let details = &context.target()?.details;
        row_value(details, &format!("credentials.{role}")).map(str::to_owned)
    };
    ROLES.iter().map(|(role, label)| of_target(role).unwrap_or_else(|| (*label).to_owned())).collect()
}

/// The word of the fact `access`.
pub(crate) fn access_word(access: Access) -> &'static str {
    match access {
        Access::Anonymous => "anonymous",
        Access::Signed { session_token: false } => "keys",
        Access::Signed { session_token: true } => "temporary",
    }
}

impl Settings {
    /// Reads them; `statuses` are those of the [`labels`].
    pub(crate) fn read(context: &Context, statuses: &[Status]) -> Configured {
        let Some(target) = context.target() else {
            return Configured::Nothing("the check has no target; give it `target = \"s3\"`".into());
        };
        let detail = |key: &str| row_value(&target.details, key).map(str::trim).filter(|text| !text.is_empty());
        let Some(bucket) = detail("bucket") else {
            return Configured::Nothing("no bucket is configured; set CACHE_S3_BUCKET".into());
        };
        let present: Vec<bool> = statuses.iter().map(|status| status.present).collect();
        let access = match present.as_slice() {
            [true, true, token] => Access::Signed { session_token: *token },
            [true, false, ..] => return Configured::Wrong(telling::incomplete("AWS_SECRET_ACCESS_KEY")),
            [false, true, ..] => return Configured::Wrong(telling::incomplete("AWS_ACCESS_KEY_ID")),
            _ => Access::Anonymous,
        };
        let word = context.setting("addressing").unwrap_or("auto");
        let addressing = word.parse().unwrap_or(Addressing::Auto);
        let url = url(target);
        let subject = url.map_or_else(|| bucket.to_owned(), str::to_owned);
        let store = match Store::new(url, bucket, detail("region"), addressing, access) {
            Ok(store) => store,
            Err(error) => return Configured::Wrong(telling::not_configured(&subject, &error.to_string())),
        };
        let names = match Names::below(context.setting("prefix").unwrap_or(DEFAULT_PREFIX)) {
            Ok(names) => names,
            Err(why) => return Configured::Wrong(telling::not_configured(&subject, &format!("the prefix: {why}"))),
        };
        let mut need: Vec<String> = context.settings_all("need").map(str::to_owned).collect();
        if need.is_empty() {
            need = ["list", "read", "write", "delete"].map(str::to_owned).to_vec();
        }
        let number = |key: &str| context.setting(key).and_then(|text| text.parse::<u32>().ok());
        let mut labels = statuses.iter().map(|status| status.label.clone());
        Configured::Store(Self {
            store,
            names,
            labels: std::array::from_fn(|_| labels.next().unwrap_or_default()),
            need,
            may_write: context.vantage("allow-writes") == Some("true"),
            skew_s: number("skew-s").map_or(DEFAULT_SKEW_S, i64::from),
            timeout_ms: number("timeout-ms").unwrap_or(context.budget / 4).max(1),
            upload: match context.setting("upload") {
                Some("checksum") => Some(Checksum::Header),
                Some("chunked") => Some(Checksum::Trailer),
                _ => None,
            },
            large: number("large-bytes").and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0),
            constant_key: context.setting("constant-key").map(str::to_owned),
            metadata: match context.setting("metadata-service") {
                Some("always") => Some(true),
                Some("never") => Some(false),
                _ => None,
            },
        })
    }

    /// Whether requests are signed.
    pub(crate) fn signed(&self) -> bool {
        self.store.access() != Access::Anonymous
    }

    /// Whether a permission must be there.
    pub(crate) fn needs(&self, what: &str) -> bool {
        self.need.iter().any(|need| need == what)
    }
}

/// The store's address, as it is written.
fn url(target: &Target) -> Option<&str> {
    target.addresses.first().map(|address| address.trim()).filter(|address| !address.is_empty())
}

//! A tunnel through a proxy, and what becomes of it while it is silent.

use crate::dial::{self, Dialled};
use crate::proxy::Proxy;
use crate::proxy_choice;
use crate::target::Target;
use crate::trust::Roots;
use crate::tunnel::{self, Stream};
use seaworthy_model::{Environment, Failure, Permit};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// What to try.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// URL of the proxy, or `environment`: as curl would choose for `https://TARGET/`.
    pub proxy: String,
    /// `host:port`.
    pub target: String,
    /// For the proxy and its answer.
    pub timeout: Duration,
    /// Stay silent for so long in the tunnel.
    pub idle: Duration,
    /// For everything.
    pub limit: Duration,
}

impl Attempt {
    /// The proxy without credentials.
    #[must_use]
    pub fn label(&self) -> String {
        match self.proxy.as_str() {
            "environment" => "environment".to_owned(),
            url => proxy_choice::without_credentials(url, 80),
        }
    }
}

/// What one attempt brought.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How long it took.
    pub elapsed: Duration,
    /// `proxy`, `status`, `via`, `server`, `authenticate` (the schemes that a 407
    /// asks for), `connect-us`, `tunnel-us`; of a tunnel that was to idle `idle-end` (`open`,
    /// `closed`, `reset`) and `idle-ms`.
    pub outcome: Result<BTreeMap<String, String>, Failure>,
}

/// Characters of a header that are kept.
const MAX_HEADER: usize = 200;

/// Asks a proxy for a tunnel to the target.
///
/// *Behaviour*: whatever status the proxy answers with is an answer; only one of 2xx
/// leads into a tunnel. The proxy's address is permitted right before it is used, the
/// target by its name, as the proxy resolves it.
///
/// *Failures*: `invalid`, `denied`; at stage `proxy`, with the detail `proxy`: what kept
/// us from it (`connection-refused`, `timeout`, `dns-not-found` ... with the detail
/// `at-stage`), `protocol` (it is no proxy), `unsupported`, and `not-found`: there is none
/// for that target.
pub async fn connect(attempt: &Attempt, environment: &Environment, permit: &dyn Permit) -> Seen {
    let start = Instant::now();
    let outcome = facts(attempt, environment, start, permit).await;
    Seen { elapsed: start.elapsed(), outcome }
}

async fn facts(
    attempt: &Attempt,
    environment: &Environment,
    start: Instant,
    permit: &dyn Permit,
) -> Result<BTreeMap<String, String>, Failure> {
    let target = Target::parse(&attempt.target)?;
    let proxy = proxy(attempt, &target, environment)?;
    tunnel::permit_by_name(&target, permit)?;
    let end = start + attempt.limit;
    let deadline = end.min(start + attempt.timeout);
    let hop = Target { host: proxy.host.clone(), port: proxy.port };
    let Dialled { stream, connect, .. } =
        dial::first(&hop, deadline, permit).await.map_err(|failure| of_the_proxy(failure, &proxy))?;
    let mut stream: Box<dyn Stream> = Box::new(stream);
    if proxy.tls {
        let mut spent = None;
        stream = tunnel::shake(stream, &proxy.host, &Roots::Native, deadline, &mut spent)
            .await
            .map_err(|failure| of_the_proxy(failure, &proxy))?;
    }
    let asked = Instant::now();
    // Ends with this value: it moves the bytes of the tunnel.
    let mut mover = JoinSet::new();
    let answer = tunnel::ask(stream, &target, &proxy, deadline, &mut mover).await?;
    let mut facts = BTreeMap::from([
        ("proxy".to_owned(), proxy.label.clone()),
        ("status".to_owned(), answer.status.as_u16().to_string()),
        ("connect-us".to_owned(), connect.as_micros().to_string()),
        ("tunnel-us".to_owned(), asked.elapsed().as_micros().to_string()),
    ]);
    let mut header = |name: &str, key: &str, shorten: fn(&str) -> &str| {
        let values = answer.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let text = values.map(|value| shorten(&value).to_owned()).collect::<Vec<_>>().join(", ");
        if !text.is_empty() {
            facts.insert(key.to_owned(), text.chars().take(MAX_HEADER).collect());
        }
    };
    header("via", "via", |value| value);
    header("server", "server", |value| value);
    // Only the scheme: what follows may be a challenge.
    header("proxy-authenticate", "authenticate", |value| value.split_whitespace().next().unwrap_or_default());
    if let Some(stream) = answer.stream.filter(|_| !attempt.idle.is_zero()) {
        let silent = Instant::now();
        let how = idle(stream, end.min(silent + attempt.idle)).await;
        facts.insert("idle-end".to_owned(), how.to_owned());
        facts.insert("idle-ms".to_owned(), silent.elapsed().as_millis().to_string());
    }
    Ok(facts)
}

fn proxy(attempt: &Attempt, target: &Target, environment: &Environment) -> Result<Proxy, Failure> {
    if attempt.proxy != "environment" {
        return Proxy::parse(&attempt.proxy, "request");
    }
    let Some((value, variable)) = proxy_choice::curls(&target.to_string(), environment)? else {
        let message = format!("the environment names no proxy for https://{target}/");
        return Err(Failure::new("not-found", "proxy", message));
    };
    let mut proxy = Proxy::parse(&value, &variable)?;
    // The port that curl takes where none is written.
    let label = proxy_choice::without_credentials(&value, 1080);
    if let Ok(url) = url::Url::parse(&label) {
        proxy.port = url.port_or_known_default().unwrap_or(proxy.port);
        proxy.label = label;
    }
    Ok(proxy)
}

/// A failure on the way to the proxy is the proxy's, whatever it is.
fn of_the_proxy(failure: Failure, proxy: &Proxy) -> Failure {
    if failure.kind == "denied" {
        return failure;
    }
    let stage = failure.stage.clone();
    Failure { stage: "proxy".to_owned(), ..failure }.with("at-stage", stage).with("proxy", &proxy.label)
}

/// Waits in a tunnel, and says how it was at the end. What the target says by itself is
/// passed over.
async fn idle(mut stream: Box<dyn Stream>, until: Instant) -> &'static str {
    let mut buffer = [0_u8; 1024];
    loop {
        match timeout_at(until, stream.read(&mut buffer)).await {
            Ok(Ok(0)) => return "closed",
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return "reset",
            Err(_) => return "open",
        }
    }
}

use crate::grantor::Grantor;
use crate::state::Handover;
use crate::tape::{Playback, Tape, Used};
use crate::validate::cut;
use seaworthy_model::{Denial, Failure, Grants, Limits, Observation, ObservationId, Permit, Plan, Surroundings};
use seaworthy_p2p::{Node, NodeConfig, SharedSecret};
use seaworthy_probe::http::Connections;
use seaworthy_probe::system;
use seaworthy_probe::trust::Roots;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// A lock whose data stays usable after a panic elsewhere: everything kept behind
/// one here is only ever appended to.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A key that is derived once, by whoever needs it first.
type Derived = Arc<OnceCell<Arc<SharedSecret>>>;

/// What all steps of one run share.
pub(crate) struct RunScope {
    pub(crate) plan: Plan,
    pub(crate) started: Instant,
    pub(crate) sink: Arc<dyn seaworthy_model::EventSink>,
    pub(crate) observations: Mutex<Vec<Observation>>,
    /// Whether observations are kept: there is nobody to cite them outside a run.
    recording: bool,
    node: OnceCell<Result<Node, Failure>>,
    secrets: Arc<Mutex<BTreeMap<String, Derived>>>,
    /// The machine's roots with those of a file, by the files of an address.
    roots: Mutex<BTreeMap<Vec<PathBuf>, Roots>>,
    surroundings: OnceLock<Surroundings>,
    /// Salts fingerprints, so that they say "equal" within a report and nothing outside it.
    pub(crate) salt: [u8; 16],
    /// What the system probes need besides the machine.
    pub(crate) system: system::Context,
    /// Whether host calls look at the world, and are written down.
    pub(crate) playback: Playback,
}

impl RunScope {
    pub(crate) fn new(plan: Plan, sink: Arc<dyn seaworthy_model::EventSink>) -> Self {
        Self {
            system: system::Context { environment: plan.environment.clone() },
            plan,
            started: Instant::now(),
            sink,
            observations: Mutex::new(Vec::new()),
            recording: true,
            node: OnceCell::new(),
            secrets: Arc::default(),
            roots: Mutex::default(),
            surroundings: OnceLock::new(),
            salt: rand::random(),
            playback: Playback::Live,
        }
    }

    /// The scope of what is no run: nothing that is observed is kept.
    pub(crate) fn outside_a_run(plan: Plan, sink: Arc<dyn seaworthy_model::EventSink>) -> Self {
        Self { recording: false, ..Self::new(plan, sink) }
    }

    /// The same orders for somebody else: a node of its own, and the secrets that
    /// were derived already.
    pub(crate) fn sibling(&self) -> Self {
        let own = Self::new(self.plan.clone(), self.sink.clone());
        Self { recording: self.recording, secrets: self.secrets.clone(), ..own }
    }

    /// The libp2p node of this run, started by the first check that dials.
    pub(crate) async fn node(&self) -> Result<Node, Failure> {
        self.node
            .get_or_init(|| async {
                Node::start(NodeConfig::default()).map_err(|e| Failure::new("other", "node", e.to_string()))
            })
            .await
            .clone()
    }

    /// The key derived from the secret called `label`, and the variable it came from.
    /// Deriving takes tens of milliseconds by design, so it happens once and off the runtime.
    pub(crate) async fn secret(&self, label: &str) -> Option<(String, Arc<SharedSecret>)> {
        let (source, text) = self.plan.secrets.get(label)?.clone();
        let cell = lock(&self.secrets).entry(label.to_owned()).or_default().clone();
        let key = cell
            .get_or_try_init(|| async {
                tokio::task::spawn_blocking(move || Arc::new(SharedSecret::derive(&text))).await
            })
            .await
            .ok()?;
        Some((source, key.clone()))
    }

    /// Who judges the certificate of a server: the roots of this machine, and the authorities
    /// that the policy trusts at this very address.
    ///
    /// # Errors
    /// `tls-no-roots`: a file of authorities cannot be used.
    pub(crate) fn roots(&self, host: &str, port: u16) -> Result<Roots, Failure> {
        let trusted: Vec<_> = self.plan.trust.iter().filter(|trust| trust.net.names(host, port)).collect();
        if trusted.is_empty() {
            return Ok(Roots::Native);
        }
        let files: Vec<PathBuf> = trusted.iter().map(|trust| trust.file.clone()).collect();
        if let Some(known) = lock(&self.roots).get(&files) {
            return Ok(known.clone());
        }
        let mut roots = Roots::Native;
        for trust in trusted {
            let unusable = |why: &str| {
                let place = format!("`ca-file` of target `{}`, {},", trust.target, trust.file.display());
                Failure::new("tls-no-roots", "tls", format!("{place} cannot be used: {why}"))
            };
            let pem = std::fs::read(&trust.file).map_err(|error| unusable(&error.to_string()))?;
            roots = roots.and(&pem).map_err(|failure| unusable(&failure.message))?;
        }
        lock(&self.roots).insert(files, roots.clone());
        Ok(roots)
    }

    /// What this machine is configured with, read once for a run.
    fn surroundings(&self) -> &Surroundings {
        self.surroundings.get_or_init(|| Surroundings {
            gateways: system::routes::gateways().unwrap_or_default(),
            nameservers: system::resolver::nameservers(),
        })
    }
}

/// A limit of a step that its guest went over. Ends the guest as a trap and is
/// recognised afterwards.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct LimitExceeded(pub(crate) String);

/// What belongs to one attempt of one step and outlives its store.
pub(crate) struct StepScope {
    pub(crate) check: String,
    pub(crate) plugin: String,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) deadline: Instant,
    /// Who could allow what is refused.
    pub(crate) grantor: Grantor,
    /// How much goes from and to the guest at once: a check's, unless it is an adapter's.
    pub(crate) handover: Handover,
    /// HTTP connections kept between calls: an adapter's. A check has none.
    pub(crate) connections: Option<Connections>,
    /// Where its host calls go through.
    pub(crate) tape: Tape,
    own: Mutex<Vec<ObservationId>>,
    denials: Mutex<Vec<Denial>>,
    calls: AtomicU32,
    log: Mutex<Vec<String>>,
    log_bytes: AtomicUsize,
    ticks: AtomicU64,
    memory: AtomicUsize,
    doing: Mutex<Option<String>>,
}

impl StepScope {
    pub(crate) fn new(check: &str, plugin: &str, grants: Grants, limits: Limits, budget: Duration) -> Self {
        Self {
            check: check.into(),
            plugin: plugin.into(),
            grants,
            limits,
            deadline: Instant::now() + budget,
            grantor: Grantor::Plugin(plugin.into()),
            handover: Handover::CHECK,
            connections: None,
            tape: Tape::Live,
            own: Mutex::default(),
            denials: Mutex::default(),
            calls: AtomicU32::new(0),
            log: Mutex::default(),
            log_bytes: AtomicUsize::new(0),
            ticks: AtomicU64::new(0),
            memory: AtomicUsize::new(0),
            doing: Mutex::default(),
        }
    }

    /// Time left of this attempt.
    pub(crate) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The smaller of what a guest asked for and what is left.
    pub(crate) fn clamp(&self, asked_ms: u32) -> Duration {
        Duration::from_millis(u64::from(asked_ms)).min(self.remaining())
    }

    /// Notes that the guest entered a host call that does `work` units of work.
    pub(crate) fn enter(&self, call: &str, detail: &str, work: usize) -> Result<Doing<'_>, LimitExceeded> {
        let work = u32::try_from(work.max(1)).unwrap_or(u32::MAX);
        let before = self.calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(n.saturating_add(work)));
        let total = before.unwrap_or(u32::MAX).saturating_add(work);
        if total > self.limits.host_calls {
            return Err(LimitExceeded(format!("more than {} host calls (in {call})", self.limits.host_calls)));
        }
        let detail: String = detail.chars().take(200).collect();
        *lock(&self.doing) = Some(if detail.is_empty() { call.to_owned() } else { format!("{call}({detail})") });
        Ok(Doing(self))
    }

    /// Starts the processor time anew: an adapter's instance serves many operations.
    pub(crate) fn begin(&self) {
        self.ticks.store(0, Ordering::Relaxed);
    }

    /// Counts one tick of processor time; the ticks so far.
    pub(crate) fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Units of work done in host calls so far.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Notes how much linear memory the guest had.
    pub(crate) fn had(&self, memory: usize) {
        self.memory.store(memory, Ordering::Relaxed);
    }

    /// What it took of its limits.
    pub(crate) fn used(&self) -> Used {
        Used { memory: self.memory.load(Ordering::Relaxed), host_calls: self.calls() }
    }

    /// The host call that is open now, for the message of a time-out.
    pub(crate) fn doing(&self) -> Option<String> {
        lock(&self.doing).clone()
    }

    /// Keeps one line of the guest's log, within the output limit.
    pub(crate) fn log(&self, line: String) {
        let bytes = self.log_bytes.fetch_add(line.len(), Ordering::Relaxed) + line.len();
        let mut log = lock(&self.log);
        if bytes <= self.limits.output {
            log.push(line);
        } else if bytes - line.len() <= self.limits.output {
            log.push("(further log lines dropped: the output limit was reached)".into());
        }
    }

    pub(crate) fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.log))
    }

    /// Records a refusal: whatever the guest makes of it, its step ends as `error/denied`.
    pub(crate) fn deny(&self, capability: &str, wanted: &str) -> Failure {
        let wanted = cut(wanted.to_owned());
        let add = self.grantor.line(capability, &wanted);
        let denial = Denial { capability: capability.into(), wanted: wanted.clone(), add };
        let failure = Failure::new("denied", "grant", format!("`{wanted}` is not granted; {}", denial.way_out()));
        let mut denials = lock(&self.denials);
        if !denials.contains(&denial) {
            denials.push(denial);
        }
        failure
    }

    pub(crate) fn denials(&self) -> Vec<Denial> {
        lock(&self.denials).clone()
    }

    pub(crate) fn own_observations(&self) -> Vec<ObservationId> {
        lock(&self.own).clone()
    }
}

/// Clears the open host call when it returns or is dropped.
pub(crate) struct Doing<'a>(&'a StepScope);

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        *lock(&self.0.doing) = None;
    }
}

/// Run and step together: where observations are made and grants are asked.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) run: Arc<RunScope>,
    pub(crate) step: Arc<StepScope>,
}

impl Scope {
    /// Appends an observation and answers its number, 0 where none are kept. The
    /// only way one comes to be.
    pub(crate) fn record(&self, probe: &str, asked: Value, outcome: Result<Value, &Failure>, elapsed: Duration) -> u32 {
        if !self.run.recording {
            return 0;
        }
        let at = self.run.started.elapsed().saturating_sub(elapsed);
        let (answer, failure) = match outcome {
            Ok(answer) => (Some(shortened(answer)), None),
            Err(failure) => (None, Some(Failure { message: cut(failure.message.clone()), ..failure.clone() })),
        };
        let asked = shortened(asked);
        let mut all = lock(&self.run.observations);
        let id = ObservationId(u32::try_from(all.len()).unwrap_or(u32::MAX - 1) + 1);
        all.push(Observation {
            id,
            check: self.step.check.clone(),
            probe: probe.into(),
            asked,
            answer,
            failure,
            at_s: round(at),
            elapsed_s: round(elapsed),
        });
        drop(all);
        lock(&self.step.own).push(id);
        id.0
    }
}

/// What a guest asked is kept as far as a person would read it, so that a guest
/// cannot fill the host's memory with its questions.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(cut(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(shortened).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (cut(key), shortened(value))).collect()),
        other => other,
    }
}

/// Seconds, to the microsecond.
pub(crate) fn round(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e6
}

impl Permit for Scope {
    fn lookup(&self, host: &str) -> Result<(), Failure> {
        let grants = &self.step.grants;
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        if literal
            || grants.net.iter().any(|rule| rule.host.allows_lookup(host))
            || grants.dns.iter().any(|pattern| pattern.allows_lookup(host))
        {
            return Ok(());
        }
        Err(self.step.deny("dns", host))
    }

    fn connect(&self, host: &str, address: SocketAddr) -> Result<(), Failure> {
        let rules = &self.step.grants.net;
        let nothing = Surroundings::default();
        // Routes and resolv.conf are read only for a rule that is about them.
        let asked = rules.iter().any(|rule| rule.host.depends_on_surroundings());
        let around = if asked { self.run.surroundings() } else { &nothing };
        if rules.iter().any(|rule| rule.allows(host, address, around)) {
            return Ok(());
        }
        Err(self.step.deny("net", &address.to_string()))
    }

    fn connect_by_name(&self, host: &str, port: u16) -> Result<(), Failure> {
        if self.step.grants.net.iter().any(|rule| rule.allows_by_name(host, port)) {
            return Ok(());
        }
        Err(self.step.deny("net", &format!("{host}:{port}")))
    }
}

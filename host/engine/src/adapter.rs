use crate::bindings::adapter::{Adapter, AdapterPre};
use crate::bindings::wit_cache::types as wit;
use crate::catalog::Catalog;
use crate::grantor::Grantor;
use crate::hosts::peers::{OpenPeers, PeerCounts};
use crate::instances::{Lender, Place};
use crate::scope::{RunScope, Scope, StepScope, lock};
use crate::state::{Handover, State};
use crate::tape::{Playback, Tape};
use crate::trap;
use async_trait::async_trait;
use seaworthy_cache::{Backend, Blob, CacheError, Capability, Entry, Retry};
use seaworthy_model::{ErrorReason, Limits, Plan, Tier};
use seaworthy_probe::http::Connections;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;

/// The longest that an instance may be in use.
const LIFE: Duration = Duration::from_secs(24 * 3600);

/// Room in what a component may hand over in one call for everything that is not the value.
const OVERHEAD: usize = 64 << 10;

/// The property of an adapter that keeps nothing between calls but what `open` found.
const CONCURRENT: &str = "concurrent";

/// Instances of such an adapter at most, and so its operations under way at once.
pub(crate) const INSTANCES: usize = 8;

/// Characters of a text from which on it is no longer part of ordinary words.
const TELLING: usize = 6;

/// An adapter component as a [`Backend`].
///
/// *Behaviour*: one instance serves the whole run, since an adapter may keep state
/// in it; one whose capability has the property `concurrent` gets more as they are
/// needed, each opened like the first, and lends their places to other tiers and sessions
/// while they are idle. Whoever calls waits for an instance itself; from then on the
/// operation runs on a task of its own, so that a caller who gives up does not tear the
/// instance down. After a trap the next operation starts a new one.
pub(crate) struct Component {
    shared: Arc<Shared>,
}

struct Shared {
    catalog: Arc<Catalog>,
    run: Arc<RunScope>,
    tier: Tier,
    /// Instances that nobody uses now.
    idle: Mutex<Vec<Instance>>,
    /// One permit for each instance that there may be.
    turns: Arc<Semaphore>,
    /// Bytes of key, value and metadata that it takes, by what it said when it was opened.
    most: AtomicUsize,
    /// Whether [`CONCURRENT`] was found, and the permits were added.
    widened: AtomicBool,
    /// What was opened last through `cache/peers`: connections serve all instances.
    peers: Mutex<Option<Arc<OpenPeers>>>,
    /// Where the host calls of all instances go through.
    tape: Tape,
}

struct Instance {
    store: Store<State>,
    adapter: Adapter,
    /// After the store, which has to be gone before the next one comes.
    _place: Place,
}

/// What an operation has before it begins.
struct Claim {
    _turn: OwnedSemaphorePermit,
    instance: Ready,
}

enum Ready {
    Kept(Box<Instance>),
    New(Place),
}

/// One operation and its arguments.
enum Operation {
    Open,
    Get(String),
    Put(String, Blob),
    Stat(String),
    Invalidate(String),
    List(String, u32),
}

/// What an operation answers.
enum Answer {
    Capability(wit::Capability),
    Blob(Option<wit::Blob>),
    Entry(Option<wit::Entry>),
    Entries(Vec<wit::Entry>),
    Done,
}

impl Component {
    /// The adapter of `tier`, instantiated when it is opened.
    pub(crate) fn new(catalog: &Arc<Catalog>, run: &Arc<RunScope>, tier: &Tier) -> Self {
        let shared = Shared {
            catalog: catalog.clone(),
            run: run.clone(),
            tier: tier.clone(),
            idle: Mutex::default(),
            turns: Arc::new(Semaphore::new(1)),
            most: AtomicUsize::new(UNDECLARED),
            widened: AtomicBool::new(false),
            peers: Mutex::default(),
            // Of a run that is recorded or replayed the tape is that of the check which asks a tier.
            tape: match &run.playback {
                Playback::Rehearse(scripted) => Tape::by_hand(scripted),
                _ => Tape::Live,
            },
        };
        let shared = Arc::new(shared);
        let lender: Weak<Shared> = Arc::downgrade(&shared);
        catalog.runtime.instances.ask(lender);
        Self { shared }
    }

    /// What the peers count that the adapter opened through `cache/peers`; `None`
    /// when it opened none. The question goes over the adapter's own connections.
    ///
    /// # Errors
    /// No peer answered.
    pub(crate) async fn peers(&self) -> Result<Option<PeerCounts>, CacheError> {
        let Some(peers) = lock(&self.shared.peers).clone() else { return Ok(None) };
        crate::hosts::peers::counts(&peers.client, &self.shared.scope()).await.map(Some)
    }

    /// Where its host calls go through.
    pub(crate) fn tape(&self) -> &Tape {
        &self.shared.tape
    }

    async fn call(&self, name: &'static str, operation: Operation) -> Result<Answer, CacheError> {
        let shared = self.shared.clone();
        let claim = shared.claim(name).await?;
        tokio::spawn(async move { shared.call(name, operation, claim).await }).await.unwrap_or_else(|error| {
            Err(CacheError::other(name, Retry::Permanent, format!("the adapter's task ended: {error}")))
        })
    }
}

impl Shared {
    async fn call(&self, name: &str, operation: Operation, claim: Claim) -> Result<Answer, CacheError> {
        let Claim { _turn, instance } = claim;
        let (fresh, mut instance) = match instance {
            Ready::Kept(instance) => (false, *instance),
            Ready::New(place) => (true, self.instantiate(place).await?),
        };
        let opening = matches!(operation, Operation::Open);
        instance.store.data().scope.step.begin();
        if fresh && !opening {
            // One more, or the first after a trap: what was opened is not in it.
            instance.store.data_mut().peers = lock(&self.peers).clone();
            let opened = run(&mut instance, name, Operation::Open, &self.tier.config).await;
            opened.map_err(|error| self.without_secrets(error))?;
        }
        if opening {
            // Looks anew: connections are made, not taken over.
            instance.store.data_mut().peers = None;
        }
        let answer = run(&mut instance, name, operation, &self.tier.config).await;
        let answer = answer.map_err(|error| self.without_secrets(error));
        if opening && answer.is_ok() {
            lock(&self.peers).clone_from(&instance.store.data().peers);
        }
        if let Ok(Answer::Capability(capability)) = &answer {
            let declares = capability.limits.iter().any(|(name, _)| name == MAX_VALUE);
            self.most.store(if declares { MOST } else { UNDECLARED }, Ordering::Relaxed);
        }
        if let Ok(Answer::Capability(capability)) = &answer
            && capability.properties.iter().any(|property| property == CONCURRENT)
            && !self.widened.swap(true, Ordering::Relaxed)
        {
            self.turns.add_permits(INSTANCES - 1);
        }
        // An instance that trapped cannot be entered again, and one that did not open is of no use.
        let dead = matches!(&answer, Err(error) if opening || error.context.contains_key("trap"));
        if !dead {
            self.keep(instance);
        }
        answer
    }

    /// Keeps an instance for the next operation, unless others want its place more.
    fn keep(&self, instance: Instance) {
        let mut idle = lock(&self.idle);
        if !(self.lends() && self.catalog.runtime.instances.are_wanted()) {
            idle.push(instance);
        }
    }

    /// Whether nothing is lost with an instance that is idle.
    fn lends(&self) -> bool {
        self.widened.load(Ordering::Relaxed)
    }

    fn scope(&self) -> Scope {
        let mut step = step_scope(&self.run.plan, &self.tier);
        step.tape = self.tape.clone();
        Scope { run: self.run.clone(), step: Arc::new(step) }
    }

    /// Waits until an instance may be used, or made.
    async fn claim(&self, operation: &str) -> Result<Claim, CacheError> {
        // Neither semaphore is ever closed.
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| mixed(operation))?;
        let idle = lock(&self.idle).pop();
        let instance = match idle {
            Some(instance) => Ready::Kept(Box::new(instance)),
            None => Ready::New(self.catalog.runtime.instances.take().await.ok_or_else(|| mixed(operation))?),
        };
        Ok(Claim { _turn: turn, instance })
    }

    /// The error without the text of any secret: a service may repeat what it was sent, and
    /// an adapter, which knows no secret, cannot see that it does.
    fn without_secrets(&self, mut error: CacheError) -> CacheError {
        for (_, secret) in self.run.plan.secrets.values() {
            let text = secret.expose().trim();
            if text.len() < TELLING {
                continue;
            }
            for said in [&mut error.message, &mut error.kind].into_iter().chain(error.context.values_mut()) {
                if said.contains(text) {
                    *said = said.replace(text, "***");
                }
            }
        }
        error
    }

    async fn instantiate(&self, place: Place) -> Result<Instance, CacheError> {
        let failed = |message: String| CacheError::configuration("load", message).with("reason", "load-failed");
        let component = self.tier.component.as_deref().ok_or_else(|| self.unknown())?;
        let loaded = self.catalog.load(component).map_err(|refusal| failed(refusal.to_string()))?;
        let mut store = State::store(&self.catalog.runtime.engine, self.scope(), None);
        let linker = self.catalog.runtime.adapters();
        let pre = linker.and_then(|linker| linker.instantiate_pre(&loaded.component)).and_then(AdapterPre::new);
        let adapter = match pre {
            Ok(pre) => pre.instantiate_async(&mut store).await,
            Err(error) => Err(error),
        };
        adapter.map(|adapter| Instance { store, adapter, _place: place }).map_err(|error| failed(format!("{error:#}")))
    }

    /// The error of a tier whose adapter is not there.
    fn unknown(&self) -> CacheError {
        let known: Vec<&str> = self
            .catalog
            .entries()
            .iter()
            .filter(|(_, entry)| entry.descriptor.kind == seaworthy_model::ComponentKind::Adapter)
            .map(|(name, _)| name.as_str())
            .collect();
        CacheError::configuration(
            "open",
            format!("this seaworthy has no adapter `{}`; it has: {}", self.tier.adapter, known.join(", ")),
        )
        .with("reason", "unknown-adapter")
        .with("known", known.join(","))
    }
}

impl Lender for Shared {
    fn give_up_one(&self) -> bool {
        // Ended outside the lock.
        let idle = if self.lends() { lock(&self.idle).pop() } else { None };
        idle.is_some()
    }
}

/// What a tier may do. It lives as long as the run and does as much as it is asked for.
pub(crate) fn step_scope(plan: &Plan, tier: &Tier) -> StepScope {
    let mut scope = StepScope::new(
        &format!("tier:{}", tier.label),
        tier.component.as_deref().unwrap_or(&tier.adapter),
        tier.grants.clone(),
        Limits { host_calls: u32::MAX, cpu: Duration::from_secs(5), memory: MEMORY, ..Limits::default() },
        LIFE,
    );
    scope.grantor = Grantor::of_tier(plan, tier);
    scope.handover = Handover::ADAPTER;
    scope.connections = Some(Connections::default());
    scope
}

/// Linear memory of an adapter: the largest value three times over, as it may be there as
/// it came, as it goes, and in a piece of memory that grew; and what the adapter itself needs.
const MEMORY: usize = 3 * Handover::ADAPTER.call + (32 << 20);

/// Bytes of key, value and metadata that a component takes and gives in one call.
const MOST: usize = Handover::ADAPTER.call - OVERHEAD;

/// The same for an adapter that says of no limit of its own: what is behind it may have one.
const UNDECLARED: usize = (8 << 20) - OVERHEAD;

/// The limit that bounds a value.
const MAX_VALUE: &str = "max-value-bytes";

/// What is effective is what can be handed over, whatever the adapter could keep.
fn bounded(mut capability: Capability) -> Capability {
    let most = capability.limit(MAX_VALUE).map_or(UNDECLARED as u64, |declared| declared.min(MOST as u64));
    capability.limits.insert(MAX_VALUE.into(), most.to_string());
    capability
}

/// What a component can hand over in one call has a bound, so a longer value could
/// be stored and never be read back. *Behaviour*: refused before the adapter is asked.
fn fits(key: &str, value: &Blob, most: usize) -> Result<(), CacheError> {
    let metadata: usize = value.metadata.iter().map(|(name, text)| name.len() + text.len()).sum();
    let length = value.bytes.len() + key.len() + metadata;
    if length <= most {
        return Ok(());
    }
    let message = format!("key, value and metadata have {length} bytes, and this adapter takes at most {most}");
    Err(CacheError::too_large("put", message).with(MAX_VALUE, most.to_string()))
}

/// Calls the guest and translates its answer; a trap is an error with the context `trap`.
async fn run(instance: &mut Instance, name: &str, operation: Operation, config: &Value) -> Result<Answer, CacheError> {
    let guest = instance.adapter.seaworthy_cache_adapter();
    let store = &mut instance.store;
    let called = match operation {
        Operation::Open => guest.call_open(&mut *store, &config.to_string()).await.map(|r| r.map(Answer::Capability)),
        Operation::Get(key) => guest.call_get(&mut *store, &key).await.map(|r| r.map(Answer::Blob)),
        Operation::Put(key, blob) => {
            guest.call_put(&mut *store, &key, &from_blob(blob)).await.map(|r| r.map(|()| Answer::Done))
        }
        Operation::Stat(key) => guest.call_stat(&mut *store, &key).await.map(|r| r.map(Answer::Entry)),
        Operation::Invalidate(key) => guest.call_invalidate(&mut *store, &key).await.map(|r| r.map(|()| Answer::Done)),
        Operation::List(prefix, limit) => {
            guest.call_list(&mut *store, &prefix, limit).await.map(|r| r.map(Answer::Entries))
        }
    };
    match called {
        Ok(answer) => answer.map_err(to_error),
        Err(error) => {
            let (reason, message) = trap::explain(&error, store.data());
            let error = CacheError::other(name, Retry::Permanent, message).with("trap", "true");
            // A rehearsal tells its own faults from those of the adapter.
            Err(if reason == ErrorReason::Replay { error.with("replay", "true") } else { error })
        }
    }
}

#[async_trait]
impl Backend for Component {
    async fn open(&self) -> Result<Capability, CacheError> {
        match self.call("open", Operation::Open).await? {
            Answer::Capability(capability) => Ok(bounded(Capability {
                operations: capability.operations.iter().filter_map(|word| word.parse().ok()).collect(),
                properties: capability.properties.into_iter().collect(),
                limits: capability.limits.into_iter().collect(),
            })),
            _ => Err(mixed("open")),
        }
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        match self.call("get", Operation::Get(key.into())).await? {
            Answer::Blob(blob) => Ok(blob.map(to_blob)),
            _ => Err(mixed("get")),
        }
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        fits(key, &value, self.shared.most.load(Ordering::Relaxed))?;
        self.call("put", Operation::Put(key.into(), value)).await.map(|_| ())
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        match self.call("stat", Operation::Stat(key.into())).await? {
            Answer::Entry(entry) => Ok(entry.map(to_entry)),
            _ => Err(mixed("stat")),
        }
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        self.call("invalidate", Operation::Invalidate(key.into())).await.map(|_| ())
    }

    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        match self.call("list", Operation::List(prefix.into(), limit)).await? {
            Answer::Entries(entries) => Ok(entries.into_iter().map(to_entry).collect()),
            _ => Err(mixed("list")),
        }
    }
}

/// Cannot happen: each operation has one kind of answer, and instances are given out for ever.
fn mixed(operation: &str) -> CacheError {
    CacheError::other(
        operation,
        Retry::Permanent,
        "the adapter's own state is inconsistent; this is a bug in seaworthy",
    )
}

pub(crate) fn to_blob(blob: wit::Blob) -> Blob {
    Blob {
        bytes: blob.bytes,
        created_ms: blob.created,
        ttl_ms: blob.ttl,
        metadata: blob.metadata.into_iter().collect(),
    }
}

pub(crate) fn from_blob(blob: Blob) -> wit::Blob {
    wit::Blob {
        bytes: blob.bytes,
        created: blob.created_ms,
        ttl: blob.ttl_ms,
        metadata: blob.metadata.into_iter().collect(),
    }
}

fn to_entry(entry: wit::Entry) -> Entry {
    Entry { key: entry.key, size: entry.size, details: entry.details.into_iter().collect() }
}

fn to_error(error: wit::CacheError) -> CacheError {
    CacheError {
        kind: error.kind,
        // A word that is none of the three is taken as the cautious one: do not retry.
        retry: error.retry.parse().unwrap_or(Retry::Permanent),
        operation: error.operation,
        message: error.message,
        context: error.context.into_iter().collect(),
        retry_after: error.retry_after.map(|ms| Duration::from_millis(u64::from(ms))),
    }
}

pub(crate) fn from_error(error: CacheError) -> wit::CacheError {
    wit::CacheError {
        kind: error.kind,
        retry: error.retry.as_str().into(),
        operation: error.operation,
        message: error.message,
        context: error.context.into_iter().collect(),
        retry_after: error.retry_after.map(|after| u32::try_from(after.as_millis()).unwrap_or(u32::MAX)),
    }
}

pub(crate) fn from_capability(capability: &Capability) -> wit::Capability {
    wit::Capability {
        operations: capability.operations.iter().map(ToString::to_string).collect(),
        properties: capability.properties.iter().cloned().collect(),
        limits: capability.limits.clone().into_iter().collect(),
    }
}

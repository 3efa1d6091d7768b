use super::ledger::{Ledger, Written, now_ms};
use super::value::Value;
use super::{Measured, Random, Verified};
use anyhow::{Context as _, Result};
use seaworthy_model::PermitAll;
use seaworthy_p2p::{Blob, CacheClient, Node, NodeConfig, SharedSecret};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// No operation may take longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a client does, over and over.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Keys of its own.
    pub keys: u64,
    /// Bytes of a value, from and up to.
    pub value: (usize, usize),
    /// Writes in 100 operations; the rest are reads.
    pub writes: u64,
    /// Removals in 100 writes.
    pub removals: u64,
    /// Values in 100 that live for a moment only.
    pub short_lives: u64,
    /// That moment, in milliseconds, from and up to.
    pub short_ms: (u64, u64),
}

impl Habits {
    /// Values of `length` bytes that stay, and `writes` writes in 100 operations.
    #[must_use]
    pub fn steady(length: usize, writes: u64) -> Self {
        Self { keys: 64, value: (length, length), writes, removals: 0, short_lives: 0, short_ms: (1, 1) }
    }
}

/// A client that checks every answer.
pub(super) struct Client {
    cache: CacheClient,
    habits: Habits,
    ledger: Ledger,
    random: Random,
    number: usize,
    /// Before its keys: no other client, and none of another crowd, has the same.
    folder: String,
    written: u64,
}

impl Client {
    /// The `number`th client of the peer at `address`, with an identity of its own.
    ///
    /// # Errors
    /// When it cannot connect or agree.
    pub(super) async fn open(
        address: &str,
        secret: &Arc<SharedSecret>,
        number: usize,
        habits: Habits,
        seed: u64,
    ) -> Result<Self> {
        let node = Node::start(NodeConfig::default())?;
        let addresses = [address.to_owned()];
        let cache = CacheClient::open(&node, &addresses, Arc::clone(secret), PATIENCE, &PermitAll)
            .await
            .with_context(|| format!("client {number} cannot use {address}"))?;
        let random = Random::new(seed ^ (number as u64).wrapping_mul(0xa076_1d64_78bd_642f));
        let folder = format!("soak/{:.8}/{number}", node.peer_id().trim_start_matches("12D3KooW"));
        Ok(Self { cache, habits, ledger: Ledger::default(), random, number, folder, written: 0 })
    }

    pub(super) fn number(&self) -> usize {
        self.number
    }

    pub(super) fn behave(&mut self, habits: Habits) {
        self.habits = habits;
    }

    /// Works until `end`. What fails after it is no error when the end is not
    /// `orderly`: then the peer is gone.
    pub(super) async fn work(&mut self, end: &AtomicBool, orderly: bool) -> Result<Measured> {
        let mut measured = Measured::default();
        let ended = || end.load(Ordering::Relaxed);
        while !(orderly && ended()) {
            let key = format!("{}/{}", self.folder, self.random.below(self.habits.keys));
            let outcome = if self.random.percent(self.habits.writes) {
                self.write(&key, &mut measured).await
            } else {
                self.read(&key, &mut measured).await.map(|answer| answer.map(drop))
            };
            match outcome? {
                Ok(()) => {}
                Err(_) if !orderly && ended() => break,
                Err(failure) => return Err(failure),
            }
        }
        Ok(measured)
    }

    async fn write(&mut self, key: &str, measured: &mut Measured) -> Result<Result<()>> {
        self.written += 1;
        let started = Instant::now();
        let answer = if self.random.percent(self.habits.removals) {
            self.ledger.removing(key);
            self.cache.invalidate(key, &PermitAll).await
        } else {
            let (least, most) = self.habits.value;
            let spread = self.random.below((most - least + 1) as u64);
            let value = Value { number: self.written, length: least + usize::try_from(spread)? };
            let (soon, late) = self.habits.short_ms;
            let short = self.random.percent(self.habits.short_lives);
            let ttl = short.then(|| soon + self.random.below(late - soon + 1));
            let blob = Blob { bytes: value.bytes(key), ttl_ms: ttl, ..Blob::default() };
            self.ledger.sent(key, Written::new(value, ttl, now_ms()));
            self.cache.put(key, &blob, &PermitAll).await
        };
        match answer {
            Ok(()) => {
                self.ledger.acknowledged(key, now_ms());
                measured.puts.note(started.elapsed());
                Ok(Ok(()))
            }
            Err(failure) => {
                self.ledger.unanswered(key, now_ms());
                Ok(Err(anyhow::Error::new(failure).context(format!("a write of {key} failed"))))
            }
        }
    }

    /// The outer error is a wrong answer, the inner one none.
    async fn read(&mut self, key: &str, measured: &mut Measured) -> Result<Result<Verified>> {
        let (started, from) = (Instant::now(), now_ms());
        match self.cache.get(key, &PermitAll).await {
            Ok(found) => {
                measured.gets.note(started.elapsed());
                self.ledger.judge(key, found.as_ref().map(|blob| blob.bytes.as_slice()), from, now_ms()).map(Ok)
            }
            Err(failure) => Ok(Err(anyhow::Error::new(failure).context(format!("a read of {key} failed")))),
        }
    }

    /// Reads every key that it ever wrote.
    pub(super) async fn verify(&mut self) -> Result<Verified> {
        let mut verified = Verified::default();
        let mut unmeasured = Measured::default();
        for key in self.ledger.keys() {
            verified.add(&self.read(&key, &mut unmeasured).await??);
        }
        Ok(verified)
    }
}

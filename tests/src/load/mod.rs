//! Clients of the cache that work hard and forget nothing: what was acknowledged
//! must be there, whole, as long as it lives.

mod client;
mod ledger;
mod measure;
mod random;
mod value;

use client::Client;

pub use client::Habits;
pub use measure::{Latencies, Measured};
pub use random::Random;

use anyhow::{Context, Result, ensure};
use seaworthy_model::Secret;
use seaworthy_p2p::SharedSecret;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// Clients, each with a connection and an identity of its own, as runners have.
pub struct Crowd {
    clients: Vec<Client>,
    runtime: Runtime,
}

impl Crowd {
    /// `count` clients of the peer at `address`, each with the habits `habits`.
    ///
    /// # Errors
    /// When one cannot connect or agree.
    pub fn open(address: &str, count: usize, habits: Habits, seed: u64) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let secret = Arc::new(SharedSecret::derive(&Secret::new(crate::lab::SECRET.into())));
        let clients = runtime.block_on(async {
            let mut clients = Vec::with_capacity(count);
            for number in 0..count {
                clients.push(Client::open(address, &secret, number, habits, seed).await?);
            }
            Ok::<_, anyhow::Error>(clients)
        })?;
        Ok(Self { clients, runtime })
    }

    /// All of them work at once for `duration`.
    ///
    /// # Errors
    /// The first error of any, or the first wrong answer.
    pub fn work(&mut self, duration: Duration) -> Result<Measured> {
        let stop = Arc::new(AtomicBool::new(false));
        let started = Instant::now();
        let working = self.begin(&stop, true);
        std::thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
        let mut measured = self.end(working)?;
        measured.elapsed = started.elapsed();
        Ok(measured)
    }

    /// All of them work until `disaster` makes their peer fail; what fails then is
    /// no error. `disaster` runs after `delay`, on this thread.
    ///
    /// # Errors
    /// An error before the disaster, a wrong answer at any time, or that of `disaster`.
    pub fn work_until(&mut self, delay: Duration, disaster: impl FnOnce() -> Result<()>) -> Result<Measured> {
        let struck = Arc::new(AtomicBool::new(false));
        let started = Instant::now();
        let working = self.begin(&struck, false);
        std::thread::sleep(delay);
        struck.store(true, Ordering::Relaxed);
        let outcome = disaster();
        let mut measured = self.end(working)?;
        measured.elapsed = started.elapsed();
        outcome.map(|()| measured)
    }

    /// Gives all of them other habits; what they wrote stays theirs.
    pub fn behave(&mut self, habits: Habits) {
        self.clients.iter_mut().for_each(|client| client.behave(habits));
    }

    fn begin(&mut self, end: &Arc<AtomicBool>, orderly: bool) -> Vec<JoinHandle<(Client, Result<Measured>)>> {
        let clients = std::mem::take(&mut self.clients);
        let spawn = |mut client: Client| {
            let end = Arc::clone(end);
            self.runtime.spawn(async move {
                let outcome = client.work(&end, orderly).await;
                (client, outcome)
            })
        };
        clients.into_iter().map(spawn).collect()
    }

    fn end(&mut self, working: Vec<JoinHandle<(Client, Result<Measured>)>>) -> Result<Measured> {
        let mut measured = Measured::default();
        let mut failed = None;
        for task in working {
            let (client, outcome) = self.runtime.block_on(task).context("a client panicked")?;
            match outcome {
                Ok(more) => measured.add(&more),
                Err(error) => failed = Some(error.context(format!("client {}", client.number()))),
            }
            self.clients.push(client);
        }
        failed.map_or(Ok(measured), Err)
    }

    /// Reads all that was ever acknowledged, and what may have been stored without
    /// an answer. What has expired, or was removed, must be a miss.
    ///
    /// # Errors
    /// What is lost, torn or still there.
    pub fn verify(&mut self) -> Result<Verified> {
        let clients = std::mem::take(&mut self.clients);
        let reading: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                self.runtime.spawn(async move {
                    let outcome = client.verify().await;
                    (client, outcome)
                })
            })
            .collect();
        let mut verified = Verified::default();
        let mut failed = None;
        for task in reading {
            let (client, outcome) = self.runtime.block_on(task).context("a client panicked")?;
            match outcome {
                Ok(more) => verified.add(&more),
                Err(error) => failed = Some(error.context(format!("client {}", client.number()))),
            }
            self.clients.push(client);
        }
        failed.map_or(Ok(verified), Err)
    }
}

/// What a reading of everything found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Values that had to be there, and were.
    pub present: u64,
    /// Misses where a value had expired or was removed.
    pub absent: u64,
    /// Writes without an acknowledgement that turned out to be stored.
    pub unacknowledged: u64,
}

impl Verified {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.present += other.present;
        self.absent += other.absent;
        self.unacknowledged += other.unacknowledged;
    }

    /// Checks that something was shown at all.
    ///
    /// # Errors
    /// When nothing was there to be lost, or nothing had expired.
    pub fn is_telling(&self) -> Result<()> {
        ensure!(self.present > 100 && self.absent > 10, "too little was read back to show anything: {self:?}");
        Ok(())
    }
}

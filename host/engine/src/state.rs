use crate::hosts::peers::OpenPeers;
use crate::scope::Scope;
use crate::tape::stand_still;
use seaworthy_cache::storage::Storage;
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, ResourceLimiter, Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// Elements that one table of a guest may have.
pub(crate) const TABLE_ELEMENTS: usize = 20_000;
/// Core instances that a component may have. One of Rust has four; one of Python 39, of which
/// most are libraries and what joins them.
pub(crate) const CORE_INSTANCES: usize = 64;
/// Tables that a component may have.
pub(crate) const TABLES: u32 = 20;
/// Memories that a component may have.
pub(crate) const MEMORIES: u32 = 4;

/// What a guest and the host may hand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handover {
    /// Bytes that the guest may give in one call.
    pub(crate) call: usize,
    /// Bytes of one HTTP body that it may get.
    pub(crate) body: u32,
    /// Bytes that all answers of one batch may hold together.
    pub(crate) batch: u32,
}

impl Handover {
    /// A check looks at things: what is longer than this is no answer to a question of one.
    pub(crate) const CHECK: Self = Self { call: 8 << 20, body: 4 << 20, batch: 8 << 20 };
    /// An adapter moves values, of up to 32 MiB with their keys and heads.
    pub(crate) const ADAPTER: Self = Self { call: (32 << 20) + (128 << 10), body: 32 << 20, batch: 32 << 20 };
}

/// The data of one store: what a guest instance can reach.
pub(crate) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    limits: Measured,
    pub(crate) stdout: MemoryOutputPipe,
    pub(crate) stderr: MemoryOutputPipe,
    pub(crate) scope: Scope,
    /// Lets a check reach the configured tiers; adapters have none.
    pub(crate) tiers: Option<Arc<crate::tier_set::TierSet>>,
    /// What an adapter opened through `cache/storage`.
    pub(crate) storage: Option<Storage>,
    /// What an adapter opened through `cache/peers`, or another instance of it.
    pub(crate) peers: Option<Arc<OpenPeers>>,
}

impl State {
    /// A store with its limits set. Never reused after a trap or a cancelled call.
    pub(crate) fn store(engine: &Engine, scope: Scope, tiers: Option<Arc<crate::tier_set::TierSet>>) -> Store<State> {
        let (limits, call) = (&scope.step.limits, scope.step.handover.call);
        let stdout = MemoryOutputPipe::new(limits.output);
        let stderr = MemoryOutputPipe::new(limits.output);
        let mut wasi = WasiCtx::builder();
        wasi.stdout(stdout.clone()).stderr(stderr.clone());
        if let Some(now_ms) = scope.step.tape.stands_at() {
            stand_still(&mut wasi, now_ms);
        }
        let wasi = wasi.build();
        let store_limits = StoreLimitsBuilder::new()
            .memory_size(limits.memory)
            .table_elements(TABLE_ELEMENTS)
            .instances(CORE_INSTANCES)
            .tables(TABLES as usize)
            .memories(MEMORIES as usize)
            .trap_on_grow_failure(true)
            .build();
        let cpu_ticks =
            u64::try_from(limits.cpu.as_millis() / crate::runtime::TICK.as_millis()).unwrap_or(u64::MAX).max(1);
        let state = State {
            wasi,
            table: ResourceTable::new(),
            limits: Measured { limits: store_limits, memory: 0 },
            stdout,
            stderr,
            scope,
            tiers,
            storage: None,
            peers: None,
        };
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_hostcall_fuel(call);
        store.set_epoch_deadline(1);
        // The callback runs only while the guest itself computes, so counting its
        // calls counts processor time. The tick after a host call is owed to the
        // waiting and is not counted; the number of host calls has a limit of its own.
        let mut calls = 0;
        store.epoch_deadline_callback(move |context| {
            let step = &context.data().scope.step;
            let waited = std::mem::replace(&mut calls, step.calls()) != calls;
            let ticks = if waited { 0 } else { step.tick() };
            if ticks > cpu_ticks {
                return Err(CpuBudgetExceeded.into());
            }
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        store
    }

    /// The most linear memory that it had, in bytes.
    pub(crate) fn peak_memory(&self) -> usize {
        self.limits.memory
    }

    pub(crate) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }
}

/// The limits of a store, and how much of them was used.
struct Measured {
    limits: StoreLimits,
    memory: usize,
}

impl ResourceLimiter for Measured {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = self.limits.memory_growing(current, desired, maximum)?;
        if allowed {
            // A component may have several; each tells only of itself.
            self.memory += desired.saturating_sub(current);
        }
        Ok(allowed)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.limits.memory_grow_failed(error)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.limits.table_grow_failed(error)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}

/// The guest used up its processor time.
#[derive(Debug, thiserror::Error)]
#[error("processor time used up")]
pub(crate) struct CpuBudgetExceeded;

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

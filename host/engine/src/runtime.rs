use crate::adapter::INSTANCES;
use crate::bindings::{adapter, check};
use crate::instances::Instances;
use crate::mapped_code::CodePages;
use crate::state::State;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::{cli, clocks, random};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};
use wasmtime_wasi_io::bindings::wasi::io;

/// How often the epoch moves on: the grain of the processor-time limit.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Linear memory and tables that a component may ever have, whatever the policy.
const WASM_STACK: usize = 512 << 10;

/// Why the runtime could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly runtime cannot start on this machine: {0:#}")]
pub struct RuntimeError(wasmtime::Error);

/// The compiled-code engine and the two linkers, built once for a process.
pub(crate) struct Runtime {
    pub(crate) engine: Engine,
    /// Checks that may run at once: the pool has room for no more.
    pub(crate) at_once: usize,
    pub(crate) checks: Linker<State>,
    adapters: OnceLock<Linker<State>>,
    /// The pool's places for adapter instances.
    pub(crate) instances: Instances,
}

impl Runtime {
    pub(crate) fn new(room: Room) -> Result<Self, RuntimeError> {
        let engine = engine(room).map_err(RuntimeError)?;
        let mut checks = Linker::new(&engine);
        link_wasi(&mut checks).map_err(RuntimeError)?;
        check::Check::add_to_linker::<State, HasSelf<State>>(&mut checks, |state| state).map_err(RuntimeError)?;
        let instances = Instances::new(room.tiers * INSTANCES);
        Ok(Self { engine, at_once: room.at_once(), checks, adapters: OnceLock::new(), instances })
    }

    /// What adapters are linked against. Many runs open no tier, so it is made for the first that does.
    pub(crate) fn adapters(&self) -> wasmtime::Result<&Linker<State>> {
        if let Some(linker) = self.adapters.get() {
            return Ok(linker);
        }
        let mut linker = Linker::new(&self.engine);
        link_wasi(&mut linker)?;
        adapter::Adapter::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
        Ok(self.adapters.get_or_init(|| linker))
    }

    /// Starts the epoch thread. It is a thread of its own, since a ticker on the
    /// async runtime stands still exactly when a guest keeps that runtime busy.
    pub(crate) fn ticker(&self) -> Ticker {
        let stop = Arc::new(AtomicBool::new(false));
        let (engine, flag) = (self.engine.weak(), stop.clone());
        std::thread::spawn(move || {
            while !flag.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => break,
                }
            }
        });
        Ticker(stop)
    }
}

/// Ends the epoch thread when dropped.
pub(crate) struct Ticker(Arc<AtomicBool>);

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Checks that run at once at most, whatever the policy allows.
const MAX_CHECKS: usize = 128;

/// How many instances there may be at once: the pool has room for them. Each stack of it
/// costs a system call and a mapping when the process starts, and again when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    checks: usize,
    tiers: usize,
}

impl Room {
    /// Room for whatever may come.
    pub const MOST: Self = Self { checks: MAX_CHECKS, tiers: 8 };

    /// Room for adapters alone, of many sessions.
    pub const SESSIONS: Self = Self { checks: 0, tiers: 24 };

    /// Room for a run of so many checks that use so many tiers.
    #[must_use]
    pub fn of(checks: usize, tiers: usize) -> Self {
        Self { checks: checks.clamp(1, MAX_CHECKS), tiers }
    }

    /// Checks at once.
    fn at_once(self) -> usize {
        self.checks
    }

    /// Instances at once: checks, tiers, and one that is asked to describe itself.
    fn instances(self) -> u32 {
        u32::try_from(self.checks + self.tiers * INSTANCES + 1).unwrap_or(u32::MAX)
    }
}
/// Bytes of a memory that its slot keeps, wiped, for its next user: the stack and the data of
/// a check built by the SDK. What is touched beyond them goes back to the kernel.
const KEPT: usize = 512 << 10;

/// The engine, with a pool of memories and stacks: mapping and unmapping them anew is most of
/// what a short check costs. The pool reserves address space only, but a lot of it; where
/// that is limited, each instance is mapped by itself.
fn engine(room: Room) -> wasmtime::Result<Engine> {
    let instances = room.instances();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        // Counted, and not reserved.
        .total_core_instances(instances * u32::try_from(crate::state::CORE_INSTANCES).unwrap_or(u32::MAX))
        // A component of JavaScript has three: that of the engine, and two empty ones of its bindings.
        .total_memories(instances * 3)
        .total_tables(instances * 4)
        .total_stacks(instances)
        .table_elements(crate::state::TABLE_ELEMENTS)
        // What a component may have is bounded by its store, not here.
        .max_tables_per_module(crate::state::TABLES)
        .max_memories_per_module(crate::state::MEMORIES)
        .max_core_instance_size(64 << 20)
        .max_component_instance_size(64 << 20)
        .linear_memory_keep_resident(KEPT)
        .table_keep_resident(KEPT)
        .pagemap_scan(Enabled::Auto);
    let mut config = config()?;
    config.allocation_strategy(pool);
    match Engine::new(&config) {
        Ok(engine) => Ok(engine),
        Err(error) => {
            tracing::debug!(%error, "no pool of instances");
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&config)
        }
    }
}

/// Everything that precompiled code depends on is set here and nowhere else.
fn config() -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    // Takes the component model's async code, where most recent advisories are, out of reach.
    config.concurrency_support(false);
    config.max_wasm_stack(WASM_STACK);
    config.async_stack_size(WASM_STACK + (512 << 10));
    // Explicit, so that the user's WASMTIME_BACKTRACE_DETAILS cannot invalidate precompiled code.
    config.wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
    // Function names are all that a report shows of a trap, and frame pointers find them;
    // without these two tables compiled code is smaller and quicker to load.
    config.generate_address_map(false);
    config.native_unwind_info(false);
    config.with_custom_code_memory(Some(Arc::new(CodePages)));
    #[cfg(target_arch = "x86_64")]
    {
        // Code compiled on one machine runs on the next: a fixed baseline (x86-64-v2)
        // instead of whatever the compiling processor has. Loading checks the flags.
        config.target(if cfg!(target_env = "musl") {
            "x86_64-unknown-linux-musl"
        } else {
            "x86_64-unknown-linux-gnu"
        })?;
        for flag in ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"] {
            // SAFETY: these flags only name instruction sets; wasmtime refuses to load
            // code whose instruction sets the running processor lacks.
            #[expect(unsafe_code, reason = "the only way to name a processor baseline")]
            unsafe {
                config.cranelift_flag_enable(flag);
            }
        }
    }
    Ok(config)
}

/// Links the interfaces that it lists, and keeps their names for [`crate::offered`].
macro_rules! wasi {
    ($($package:ident::$interface:ident: $data:ty, $get:expr;)*) => {
        /// Package and name of what is linked of WASI.
        pub(crate) const WASI: &[(&str, &str)] = &[$((stringify!($package), stringify!($interface))),*];

        fn link_wasi(linker: &mut Linker<State>) -> wasmtime::Result<()> {
            $($package::$interface::add_to_linker::<State, $data>(linker, $get)?;)*
            Ok(())
        }
    };
}

// The WASI interfaces that a guest's standard library needs, one by one. They are inert: an
// empty environment, no arguments, closed stdin, captured output. There is no file system,
// no socket and no name look-up to link against.
wasi! {
    io::error: HasTable, |s| s.table();
    io::poll: HasTable, |s| s.table();
    io::streams: HasTable, |s| s.table();
    clocks::wall_clock: WasiClocks, State::clocks;
    clocks::monotonic_clock: WasiClocks, State::clocks;
    random::random: WasiRandom, |s| s.random();
    random::insecure: WasiRandom, |s| s.random();
    random::insecure_seed: WasiRandom, |s| s.random();
    cli::exit: WasiCli, State::cli;
    cli::environment: WasiCli, State::cli;
    cli::stdin: WasiCli, State::cli;
    cli::stdout: WasiCli, State::cli;
    cli::stderr: WasiCli, State::cli;
    cli::terminal_input: WasiCli, State::cli;
    cli::terminal_output: WasiCli, State::cli;
    cli::terminal_stdin: WasiCli, State::cli;
    cli::terminal_stdout: WasiCli, State::cli;
    cli::terminal_stderr: WasiCli, State::cli;
}

/// Gives `wasi:io` the table in which a guest's streams live.
struct HasTable;

impl wasmtime::component::HasData for HasTable {
    type Data<'a> = &'a mut wasmtime::component::ResourceTable;
}

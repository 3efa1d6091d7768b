//! What a replayed guest gets of WASI: a clock that stands still and numbers that are the
//! same each time, so that it does the same each time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// Gives the guest the time `now_ms` (milliseconds since the epoch) and no randomness.
pub(crate) fn stand_still(wasi: &mut WasiCtxBuilder, now_ms: u64) {
    wasi.wall_clock(Still(now_ms));
    wasi.monotonic_clock(Ticks::default());
    wasi.secure_random(Deterministic::new(SEED.to_vec()));
    wasi.insecure_random(Deterministic::new(SEED.to_vec()));
    wasi.insecure_random_seed(u128::from_be_bytes(SEED));
}

const SEED: [u8; 16] = *b"seaworthy replay";

struct Still(u64);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// Goes on by a microsecond each time it is asked, so that who waits for it comes to an end.
#[derive(Default)]
struct Ticks(AtomicU64);

impl HostMonotonicClock for Ticks {
    fn resolution(&self) -> u64 {
        1000
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(1000, Ordering::Relaxed)
    }
}

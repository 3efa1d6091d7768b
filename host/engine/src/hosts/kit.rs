use crate::bindings::wit_kit::{clock, log, progress, random};
use crate::scope::LimitExceeded;
use crate::state::State;
use crate::tape::through;
use data_encoding::HEXLOWER;
use seaworthy_model::Event;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

impl log::Host for State {
    async fn emit(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => "trace",
            log::Level::Debug => "debug",
            log::Level::Info => "info",
            log::Level::Warn => "warn",
            log::Level::Error => "error",
        };
        let step = self.scope.step.clone();
        let _doing = step.enter("log.emit", "", 1)?;
        let line = fields.iter().fold(message, |line, (key, value)| format!("{line} {key}={value}"));
        self.scope.step.log(format!("{level}: {line}"));
        self.scope.run.sink.event(Event::Log { check: self.scope.step.check.clone(), level, message: line });
        Ok(())
    }
}

impl progress::Host for State {
    async fn step(&mut self, message: String) -> wasmtime::Result<()> {
        let step = self.scope.step.clone();
        let _doing = step.enter("progress.step", "", 1)?;
        self.scope.run.sink.event(Event::Progress { check: self.scope.step.check.clone(), message });
        Ok(())
    }

    async fn remaining_ms(&mut self) -> wasmtime::Result<u32> {
        through!(self, "kit/progress.remaining-ms", [], {
            Ok(u32::try_from(self.scope.step.remaining().as_millis()).unwrap_or(u32::MAX))
        })
    }
}

impl clock::Host for State {
    async fn unix_ms(&mut self) -> wasmtime::Result<u64> {
        through!(self, "kit/clock.unix-ms", [], {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Ok(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
        })
    }

    async fn monotonic_us(&mut self) -> wasmtime::Result<u64> {
        through!(self, "kit/clock.monotonic-us", [], { Ok(super::micros(self.scope.run.started.elapsed())) })
    }

    async fn sleep_ms(&mut self, duration: u32) -> wasmtime::Result<()> {
        through!(self, "kit/clock.sleep-ms", [duration], {
            let step = self.scope.step.clone();
            let _doing = step.enter("clock.sleep-ms", &duration.to_string(), 1)?;
            tokio::time::sleep(Duration::from_millis(u64::from(duration)).min(step.remaining())).await;
            Ok(())
        })
    }
}

impl random::Host for State {
    async fn hex(&mut self, bytes: u32) -> wasmtime::Result<String> {
        through!(self, "kit/random.hex", [bytes], {
            const MAX: u32 = 64;
            if bytes > MAX {
                return Err(LimitExceeded(format!("{bytes} random bytes in one call, {MAX} are given")).into());
            }
            let random: Vec<u8> = (0..bytes).map(|_| rand::random()).collect();
            Ok(HEXLOWER.encode(&random))
        })
    }
}

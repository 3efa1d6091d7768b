use super::BreakerRules;
use crate::CacheError;
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

/// What a circuit lets through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CircuitState {
    /// Everything.
    #[default]
    Closed,
    /// One trial, which decides.
    HalfOpen,
    /// Nothing, until its time is up.
    Open,
}

impl CircuitState {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }
}

/// What an answer says about the backend.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// It is there: a value, a miss, or an error that concerns one value only.
    Answered,
    /// It may be gone: some of these in a row open the circuit.
    Failed(CacheError),
    /// It asks to be left alone.
    Busy(CacheError, Duration),
    /// It cannot serve anybody until something is changed.
    Broken(CacheError),
}

/// Leave to ask the backend once, given back with the answer.
#[derive(Debug)]
pub(super) struct Pass {
    turn: u64,
    trial: bool,
}

/// The states of a breaker, without a clock or a backend of its own.
///
/// *Behaviour*: every opening ends by itself: closed, open for a time, half-open for
/// one trial, and then closed or open again, for twice as long. Answers to what was
/// asked before the last change of state no longer count.
#[derive(Debug)]
pub(super) struct Circuit {
    rules: BreakerRules,
    state: State,
    /// Raised with each change of state.
    turn: u64,
    /// Failures in a row while closed.
    failures: u32,
    /// Openings since it was last closed.
    again: u32,
    openings: u64,
    trials: u64,
}

#[derive(Debug)]
enum State {
    Closed,
    Open { until: Instant, error: CacheError },
    HalfOpen { error: CacheError },
}

impl Circuit {
    pub(super) fn new(rules: BreakerRules) -> Self {
        Self { rules, state: State::Closed, turn: 0, failures: 0, again: 0, openings: 0, trials: 0 }
    }

    /// Leave to ask, or the error that opened the circuit and how long it stays open.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Pass, (CacheError, Duration)> {
        match &self.state {
            State::Closed => Ok(Pass { turn: self.turn, trial: false }),
            State::Open { until, error } if *until <= now => {
                let error = error.clone();
                self.change(State::HalfOpen { error });
                self.trials += 1;
                Ok(Pass { turn: self.turn, trial: true })
            }
            State::Open { until, error } => Err((error.clone(), *until - now)),
            // Whoever is on trial has not come back.
            State::HalfOpen { error } => Err((error.clone(), Duration::ZERO)),
        }
    }

    /// Counts the answer to what `pass` let through.
    pub(super) fn settle(&mut self, pass: &Pass, verdict: &Verdict, now: Instant) {
        if pass.turn == self.turn {
            self.judge(verdict, now);
        }
    }

    /// Counts what is known without having been asked through this circuit.
    pub(super) fn judge(&mut self, verdict: &Verdict, now: Instant) {
        match (verdict, &self.state) {
            (Verdict::Answered, State::Closed) => self.failures = 0,
            (Verdict::Answered, _) => self.close(),
            (Verdict::Failed(error), State::Closed) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= self.rules.failures {
                    self.open(error, Duration::ZERO, now);
                }
            }
            // Already known, unless its time is up: then this was the trial.
            (Verdict::Failed(_), State::Open { until, .. }) if *until > now => {}
            (Verdict::Failed(error), _) => self.open(error, Duration::ZERO, now),
            (Verdict::Busy(error, wait), _) => self.open(error, *wait, now),
            // Nothing mends this within moments, so it waits as long as any.
            (Verdict::Broken(error), _) => self.open(error, self.rules.max_open, now),
        }
    }

    /// The caller gave up: a trial is the next one's.
    pub(super) fn release(&mut self, pass: &Pass, now: Instant) {
        if pass.trial
            && pass.turn == self.turn
            && let State::HalfOpen { error } = &self.state
        {
            let error = error.clone();
            self.change(State::Open { until: now, error });
        }
    }

    /// Closes it, as if nothing had ever failed.
    pub(super) fn close(&mut self) {
        self.failures = 0;
        self.again = 0;
        self.change(State::Closed);
    }

    pub(super) fn state(&self) -> CircuitState {
        match self.state {
            State::Closed => CircuitState::Closed,
            State::Open { .. } => CircuitState::Open,
            State::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// How often it opened.
    pub(super) fn openings(&self) -> u64 {
        self.openings
    }

    /// How often it let a trial through.
    pub(super) fn trials(&self) -> u64 {
        self.trials
    }

    /// Opens it, for at least `wait` as far as the rules allow.
    fn open(&mut self, error: &CacheError, wait: Duration, now: Instant) {
        if let State::Open { until, .. } = &mut self.state
            && *until > now
        {
            *until = (*until).max(now + wait.min(self.rules.max_open));
            return;
        }
        let doublings = self.again.min(16);
        let usual = self.rules.open.saturating_mul(1 << doublings);
        let time = usual.max(wait).min(self.rules.max_open);
        self.openings += 1;
        self.again = self.again.saturating_add(1);
        self.failures = 0;
        self.change(State::Open { until: now + time, error: error.clone() });
    }

    fn change(&mut self, state: State) {
        self.turn += 1;
        self.state = state;
    }
}

#[cfg(test)]
mod tests;

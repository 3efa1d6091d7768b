//! What systemd wants to know of a service with `Type=notify`. Without systemd,
//! all of it does nothing.

use sd_notify::NotifyState;
use seaworthy_p2p::Monitor;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// The peer listens.
pub(super) fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The peer was asked to end.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Keeps the watchdog quiet for as long as the peer's own task moves; returns at
/// once where no watchdog is set.
pub(super) async fn watchdog(monitor: Monitor) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    // Twice within the limit, so that one late tick is not the end.
    let mut tick = interval((limit / 2).max(Duration::from_millis(1)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let health = monitor.health();
        if health.alive {
            notify(&[NotifyState::Watchdog]);
        } else {
            tracing::error!(reasons = ?health.reasons, "the watchdog is not told that all is well");
        }
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}

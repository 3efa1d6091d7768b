//! One conformance suite over every adapter: the component itself, under the engine,
//! its policy read from a checks.toml, in this process, against the real service.
//!
//! What is asked of a backend stands in `seaworthy_cache::conformance`, so that plugin
//! authors have it too. What runs here are three kinds of trials for each store:
//!
//! * `STORE::opens`;
//! * `STORE::CASE` for every case that its effective capability asks for. What it does
//!   not declare is no trial, is named at the end, and is refused as `unsupported`;
//! * `STORE::FAULT` for every [`Fault`](seaworthy_cache::conformance::Fault). The
//!   service is broken in that way, mostly by a relay in front of it, first behind a
//!   session that is open and again before one is; a fault that passes must leave a
//!   session that works again. A fault that a store cannot have is named at the end
//!   with the reason; one that nobody said anything about fails.
//!
//! A service that is not on this machine makes all trials of its store ignored, with
//! the reason. Only the stores whose trials are asked for are started:
//! `cargo test -p seaworthy-tests --test conformance -- disk::`.
//!
//! # Add a store
//!
//! 1. Write `conformance/stores/NAME.rs` with a function `store()` that answers a
//!    [`Store`](store::Store): its name and how it is started.
//! 2. Starting answers a [`Running`](store::Running), or `NoStage::Unavailable` with what
//!    this machine lacks. Its [`Place`](place::Place) is the label of the tier, the text
//!    of a checks.toml and the variables of the runner, with whatever must live as long
//!    (processes, folders) given to `keeping`.
//! 3. Say what can break. `Running::through_http` takes the server's address and a
//!    closure that makes the same place with the server at another address; that is
//!    enough for down, slow, cut, flipped, truncated, skewed and rate-limited.
//!    `through_tcp` does the same for other protocols, with down, slow and cut. A
//!    missing grant is tried by itself. Everything else is said with
//!    [`Running::with`](store::Running::with): another place (wrong credentials),
//!    something done to the store, or why it cannot be.
//! 4. A store that cannot put names a value that is there by `Running::knowing`, of at
//!    least 1 KiB, so that a relay takes it for a value.
//! 5. List it in [`stores::all`].

#[path = "conformance/place.rs"]
mod place;
#[path = "conformance/store.rs"]
mod store;
#[path = "conformance/stores/mod.rs"]
mod stores;
#[path = "conformance/trials.rs"]
mod trials;

use libtest_mimic::Arguments;
use std::process::ExitCode;

fn main() -> ExitCode {
    trials::run(&Arguments::from_args(), stores::all())
}

//! Write a seaworthy check in Rust.
//!
//! A check is a function from a [`Context`] to an [`Outcome`], and a table of the
//! codes and facts it may report (`check.toml`). It looks at the world only
//! through the host's probes ([`net`], [`path`], [`env`], [`p2p`], [`sharing`], [`cache`],
//! [`credentials`]); every answer
//! carries the id of an observation that the host recorded, and every finding and
//! fact cites such ids. An [`Outcome`] cannot be made without evidence, so a check
//! that did not look cannot pass.
//!
//! ```
//! use seaworthy_check_sdk::net::tcp;
//! use seaworthy_check_sdk::{Check, Code, Context, ContextExt, Evidence, Findings, Outcome};
//!
//! // In a project `seaworthy_check_sdk::descriptor!()` brings in both, made from check.toml.
//! const DESCRIPTOR: &str = r#"{ "schema_version": 1, "kind": "check" }"#;
//! mod codes {
//!     pub const X_UNREACHABLE: super::Code = super::Code { code: "x.unreachable", level: "fail" };
//! }
//!
//! struct Reach;
//!
//! impl Check for Reach {
//!     const DESCRIPTOR: &'static str = DESCRIPTOR;
//!
//!     fn run(_id: &str, context: Context) -> Result<Outcome, String> {
//!         let attempt = |target| tcp::Attempt { target, timeout: context.budget, payload: Vec::new(), read_max: 0 };
//!         let attempts: Vec<_> = context.addresses().into_iter().map(attempt).collect();
//!         let seen = tcp::connect(&attempts);
//!
//!         let mut findings = Findings::new();
//!         for answer in &seen {
//!             if let Err(failure) = &answer.outcome {
//!                 let finding = codes::X_UNREACHABLE.at(&answer.target).message(&failure.message);
//!                 findings.add(finding.detail("kind", &failure.kind).cite(answer.id));
//!             }
//!         }
//!         // The error of a check that looked at nothing: it is broken, and not passed.
//!         let evidence = Evidence::of(seen.iter().map(|answer| answer.id))?;
//!         Ok(findings.conclude("asked every target", evidence))
//!     }
//! }
//!
//! seaworthy_check_sdk::export_check!(Reach);
//! # fn main() {}
//! ```
//!
//! `seaworthy plugin new check NAME --lang rust` makes a project around it.

#![deny(missing_docs)]

mod context;
pub mod endpoint;
mod finding;
mod hop;
pub mod ip;
mod millis;
mod query;

/// Generated from `wit/`.
#[expect(missing_docs, reason = "generated code")]
pub mod bindings {
    wit_bindgen::generate!({
        path: [
            "../../wit/types-0.1.0",
            "../../wit/kit-0.1.0",
            "../../wit/env-0.1.0",
            "../../wit/net-0.1.0",
            "../../wit/p2p-0.1.0",
            "../../wit/cache-0.1.0",
            "../../wit/check-0.1.0",
            "../../wit/sharing-0.1.0",
            "../../wit/credentials-0.1.0",
            "../../wit/path-0.1.0",
        ],
        world: "seaworthy:path/check",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "seaworthy_check_sdk::bindings",
    });
}

pub use bindings::exports::seaworthy::check::checks::{Context, Inherited, Outcome, Target};
pub use bindings::seaworthy::types::types::{Failure, ObservationId};
pub use context::ContextExt;
pub use finding::{CitedFinding, Code, Evidence, FindingBuilder, Findings};
pub use hop::{Hop, Transport};
pub use millis::millis;
pub use query::{argument, inspect, query, row_value};

/// Probes of the network.
pub mod net {
    pub use crate::bindings::seaworthy::net::{dns, http, tcp, tls};
}
/// The environment and the machine.
pub mod env {
    pub use crate::bindings::seaworthy::env::{files, system, vars};
}
/// libp2p and the shared secret.
pub mod p2p {
    pub use crate::bindings::seaworthy::p2p::{secrets, swarm};
}
/// Secrets, used without their text.
pub mod credentials {
    pub use crate::bindings::seaworthy::credentials::authorized_http;
    pub use crate::bindings::seaworthy::credentials::credentials::*;
}
/// What lies on the way: name servers, sizes and pauses, UDP, proxies.
pub mod path {
    pub use crate::bindings::seaworthy::path::{datagrams, flows, names, proxies};
}
/// From a peer that answers to a cache that is shared.
pub mod sharing {
    pub use crate::bindings::seaworthy::sharing::ladder;
}
/// The configured cache tiers.
pub mod cache {
    pub use crate::bindings::seaworthy::cache::{caches, types};
}
/// Log, progress, clock, randomness.
pub mod kit {
    pub use crate::bindings::seaworthy::kit::{clock, log, progress, random};
}

/// What a component implements.
pub trait Check {
    /// The JSON made from `check.toml`; use the constant of [`descriptor!`].
    const DESCRIPTOR: &'static str;

    /// Runs the check called `id`. The error is for a check that broke, not for a
    /// target that is wrong.
    fn run(id: &str, context: Context) -> Result<Outcome, String>;
}

/// Brings in `DESCRIPTOR`, `codes` and `facts` made by `seaworthy_check_build::generate`.
#[macro_export]
macro_rules! descriptor {
    () => {
        /// The descriptor as JSON.
        pub const DESCRIPTOR: &str = include_str!(concat!(env!("OUT_DIR"), "/descriptor.json"));
        include!(concat!(env!("OUT_DIR"), "/descriptor.rs"));
    };
}

/// Exports a type that implements [`Check`] as the component's `checks`.
#[macro_export]
macro_rules! export_check {
    ($check:ty) => {
        struct SeaworthyComponent;
        impl $crate::bindings::exports::seaworthy::check::checks::Guest for SeaworthyComponent {
            fn describe() -> String {
                <$check as $crate::Check>::DESCRIPTOR.to_string()
            }
            fn run(id: String, context: $crate::Context) -> Result<$crate::Outcome, String> {
                <$check as $crate::Check>::run(&id, context)
            }
        }
        // The exported symbols have names that only a WebAssembly linker takes; elsewhere
        // the crate is an ordinary library, so that its logic has ordinary tests.
        #[cfg(target_family = "wasm")]
        $crate::bindings::export!(SeaworthyComponent with_types_in $crate::bindings);
        #[cfg(not(target_family = "wasm"))]
        const _: (fn() -> String, fn(String, $crate::Context) -> Result<$crate::Outcome, String>) = {
            use $crate::bindings::exports::seaworthy::check::checks::Guest;
            (<SeaworthyComponent as Guest>::describe, <SeaworthyComponent as Guest>::run)
        };
    };
}

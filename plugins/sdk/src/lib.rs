//! Write a seaworthy cache adapter in Rust.
//!
//! An adapter is a type that implements [`Adapter`] and a manifest
//! (`adapter.toml`) with its settings and what it asks to be allowed. The host
//! opens it with its configuration and keeps the instance for the run, so what
//! [`Adapter::open`] returns is the adapter's state. It reaches the world only
//! through the host: [`storage`] (a private key-value area on the disk), [`peers`]
//! (the seaworthy cache protocol), [`http`], and [`authorized_http`] with the configured
//! [`credentials`].
//!
//! Absence is data, failure is an error: `get` answers `Ok(None)` when the key is
//! not there, and a [`CacheError`] when it could not find out. Nothing else.
//!
//! ```
//! use seaworthy_adapter_sdk::{Adapter, Blob, CacheError, Capability, Config, storage};
//!
//! // In a project `seaworthy_adapter_sdk::descriptor!()` brings it in, made from adapter.toml.
//! const DESCRIPTOR: &str = r#"{ "schema_version": 1, "kind": "adapter" }"#;
//!
//! struct Plain;
//!
//! impl Adapter for Plain {
//!     const DESCRIPTOR: &'static str = DESCRIPTOR;
//!
//!     fn open(config: &Config) -> Result<(Self, Capability), CacheError> {
//!         storage::open(config.required("directory")?)?;
//!         Ok((Plain, Capability::of(&["get"]).with_property("private")))
//!     }
//!
//!     fn get(&mut self, key: &str) -> Result<Option<Blob>, CacheError> {
//!         Ok(storage::get(key)?.map(Blob::new))
//!     }
//! }
//!
//! seaworthy_adapter_sdk::export_adapter!(Plain);
//! # fn main() {}
//! ```
//!
//! `seaworthy plugin new adapter NAME --lang rust` makes a project around it.

#![deny(missing_docs)]

mod adapter;
mod config;
mod json;
mod life;
pub mod record;
mod values;

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
        ],
        world: "seaworthy:credentials/adapter",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "seaworthy_adapter_sdk::bindings",
        additional_derives: [PartialEq],
    });
}

pub use adapter::{Adapter, Slot};
pub use bindings::seaworthy::cache::types::{Blob, CacheError, Capability, Entry};
pub use bindings::seaworthy::cache::{peers, storage};
pub use bindings::seaworthy::credentials::{authorized_http, credentials};
pub use bindings::seaworthy::kit::{clock, log, random};
pub use bindings::seaworthy::net::http;
pub use config::Config;
pub use life::{Life, MAX_SKEW_MS};
pub use record::Record;

/// Milliseconds since 1970-01-01T00:00:00Z, by the host's clock.
#[must_use]
pub fn now_ms() -> u64 {
    clock::unix_ms()
}

/// Brings in `DESCRIPTOR`, made by `seaworthy_check_build::generate("adapter.toml")`.
#[macro_export]
macro_rules! descriptor {
    () => {
        /// The descriptor as JSON.
        pub const DESCRIPTOR: &str = include_str!(concat!(env!("OUT_DIR"), "/descriptor.json"));
    };
}

/// Exports a type that implements [`Adapter`] as the component's `adapter`.
#[macro_export]
macro_rules! export_adapter {
    ($adapter:ty) => {
        struct SeaworthyComponent;

        ::std::thread_local! {
            static SLOT: $crate::Slot<$adapter> = const { $crate::Slot::new() };
        }

        impl $crate::bindings::exports::seaworthy::cache::adapter::Guest for SeaworthyComponent {
            fn describe() -> String {
                <$adapter as $crate::Adapter>::DESCRIPTOR.to_string()
            }
            fn open(config: String) -> Result<$crate::Capability, $crate::CacheError> {
                SLOT.with(|slot| slot.open(&config))
            }
            fn get(key: String) -> Result<Option<$crate::Blob>, $crate::CacheError> {
                SLOT.with(|slot| slot.get(&key))
            }
            fn put(key: String, value: $crate::Blob) -> Result<(), $crate::CacheError> {
                SLOT.with(|slot| slot.put(&key, value))
            }
            fn stat(key: String) -> Result<Option<$crate::Entry>, $crate::CacheError> {
                SLOT.with(|slot| slot.stat(&key))
            }
            fn invalidate(key: String) -> Result<(), $crate::CacheError> {
                SLOT.with(|slot| slot.invalidate(&key))
            }
            fn list(prefix: String, limit: u32) -> Result<Vec<$crate::Entry>, $crate::CacheError> {
                SLOT.with(|slot| slot.list(&prefix, limit))
            }
        }

        // The names of component exports are none that a native linker takes; unit
        // tests need none of them.
        #[cfg(target_family = "wasm")]
        $crate::bindings::export!(SeaworthyComponent with_types_in $crate::bindings);
        #[cfg(not(target_family = "wasm"))]
        const _: SeaworthyComponent = SeaworthyComponent;
    };
}

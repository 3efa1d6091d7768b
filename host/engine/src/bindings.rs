//! Generated from `wit/`. Both worlds share the types and the host traits of the
//! interfaces that they have in common. Serialised for recordings only.

/// `seaworthy:path/check`: `seaworthy:check/check` and what came after it.
pub(crate) mod check {
    wasmtime::component::bindgen!({
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
        imports: { default: async | trappable },
        exports: { default: async },
        require_store_data_send: true,
        additional_derives: [serde::Serialize, serde::Deserialize],
    });
}

/// `seaworthy:credentials/adapter`: `seaworthy:check/adapter` and what came after it.
pub(crate) mod adapter {
    wasmtime::component::bindgen!({
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
        imports: { default: async | trappable },
        exports: { default: async },
        require_store_data_send: true,
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "seaworthy:types/types@0.1.0": super::check::seaworthy::types::types,
            "seaworthy:kit/log@0.1.0": super::check::seaworthy::kit::log,
            "seaworthy:kit/clock@0.1.0": super::check::seaworthy::kit::clock,
            "seaworthy:kit/random@0.1.0": super::check::seaworthy::kit::random,
            "seaworthy:net/http@0.1.0": super::check::seaworthy::net::http,
            "seaworthy:credentials/credentials@0.1.0": super::check::seaworthy::credentials::credentials,
            "seaworthy:credentials/authorized-http@0.1.0": super::check::seaworthy::credentials::authorized_http,
            "seaworthy:cache/types@0.1.0": super::check::seaworthy::cache::types,
        },
    });
}

pub(crate) use check::seaworthy::{
    cache as wit_cache, credentials as wit_credentials, env as wit_env, kit as wit_kit, net as wit_net, p2p as wit_p2p,
    path as wit_path, sharing as wit_sharing, types as wit_types,
};

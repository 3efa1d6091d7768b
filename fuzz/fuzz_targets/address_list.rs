//! Comma-separated lists of multiaddrs, as they stand in `CACHE_BOOTSTRAP_PEERS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| seaworthy_p2p::fuzzing::address_list(text));

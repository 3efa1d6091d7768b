//! Frames of `/seaworthy/cache/1.0.0`: length, version, CBOR of a question or an answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seaworthy_p2p::fuzzing::cache_frame(bytes));

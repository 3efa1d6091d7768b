//! Messages of libp2p's identify protocol.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seaworthy_p2p::fuzzing::identify(bytes));

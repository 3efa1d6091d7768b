//! Streams of the Python cache, which have no framing: tokens, and what is none.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seaworthy_p2p::fuzzing::push_stream(bytes));

//! Messages of the Python cache, their envelope opened: JSON of an entry or of peers.
#![no_main]

libfuzzer_sys::fuzz_target!(|plaintext: &[u8]| seaworthy_p2p::fuzzing::push_message(plaintext));

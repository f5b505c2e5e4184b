//! Any bytes as records, handshake fragments and their messages.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::records(data));

//! A secure server and client, and somebody between them who mutates what they say.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::secure_pair(data));

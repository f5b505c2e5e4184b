//! Any values for the settings, and a driver made of those that are accepted.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::settings(data));

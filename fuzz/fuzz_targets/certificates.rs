//! Any text as PEM, and any bytes as the certificate and the key in it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::certificates(data));

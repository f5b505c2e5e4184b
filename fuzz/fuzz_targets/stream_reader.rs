//! Any bytes, through any sequence of reads.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::stream_reader(data));

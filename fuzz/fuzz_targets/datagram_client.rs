//! Datagrams to a client, and what its application does.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::datagram_client(data));

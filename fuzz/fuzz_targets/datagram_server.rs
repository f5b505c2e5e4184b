//! Datagrams to a server, and what its application does.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::datagram_server(data));

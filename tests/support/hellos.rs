//! Hellos by hand: what a client says first, and what it says once it has been asked.

use drumfire::interface::InProcessNetwork;
use drumfire::{NetworkDriver, NetworkEndpoint, NetworkSettings};

/// The first hello of a client with these settings, as it is on the wire.
pub(crate) fn first_hello(settings: NetworkSettings) -> Vec<u8> {
    let net = InProcessNetwork::new();
    let tap = net.tap();
    let mut driver = NetworkDriver::with_interface(settings, net.interface()).unwrap();
    driver
        .connect(NetworkEndpoint::loopback_ipv4(7777))
        .unwrap();
    (0..3).for_each(|_| driver.update());
    let first = tap.take().into_iter().next().unwrap();
    assert_eq!(first.bytes[0], 22);
    first.bytes
}

/// The same hello with the cookie of a HelloVerifyRequest, and as the second message.
pub(crate) fn with_cookie(hello: &[u8], question: &[u8]) -> Vec<u8> {
    let cookie = &question[28..];
    assert_eq!(cookie.len(), usize::from(question[27]));
    // Record header 13, message header 12, version 2, random 32, session id, then the cookie.
    let at = 13 + 12 + 34 + 1 + usize::from(hello[13 + 12 + 34]);
    assert_eq!(hello[at], 0);
    let mut bytes = hello[..at].to_vec();
    bytes.push(question[27]);
    bytes.extend_from_slice(cookie);
    bytes.extend_from_slice(&hello[at + 1..]);
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes();
    let body = len(&bytes[25..]);
    bytes[14..17].copy_from_slice(&body[1..]);
    bytes[22..25].copy_from_slice(&body[1..]);
    bytes[18] = 1;
    bytes[10] = 1;
    let record = len(&bytes[13..]);
    bytes[11..13].copy_from_slice(&record[2..]);
    bytes
}

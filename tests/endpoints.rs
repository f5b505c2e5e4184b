//! Endpoints as Unity Transport's `NetworkEndpoint` has them (rows G1 to G7 of the conformance list).

use drumfire::address::{NetworkEndpoint, NetworkFamily};
use proptest::prelude::*;

const CUSTOM: NetworkEndpoint = NetworkEndpoint::custom([7; 60]);

/// What the system's `inet_pton` says to these texts, recorded on Linux with glibc.
const IPV4: [(&str, Option<[u8; 4]>); 26] = [
    ("127.0.0.1", Some([127, 0, 0, 1])),
    ("0.0.0.0", Some([0, 0, 0, 0])),
    ("255.255.255.255", Some([255, 255, 255, 255])),
    ("1.2.3.4", Some([1, 2, 3, 4])),
    ("192.168.1.10", Some([192, 168, 1, 10])),
    ("10.0.0.1", Some([10, 0, 0, 1])),
    ("8.8.8.8", Some([8, 8, 8, 8])),
    ("1.2.3", None),
    ("1.2.3.4.5", None),
    ("256.1.1.1", None),
    ("1.2.3.-4", None),
    ("01.2.3.4", None),
    ("1.2.3.4:80", None),
    ("http://1.2.3.4", None),
    ("https://1.2.3.4:443/", None),
    ("localhost", None),
    ("1O.0.0.1", None),
    ("1.2..3", None),
    ("127.1", None),
    ("0x7f.0.0.1", None),
    ("1.2.3.4/24", None),
    ("1.2.3.4.", None),
    ("1.2.3.4\n", None),
    ("2130706433", None),
    (" 1.2.3.4", None),
    ("1.2.3.4 ", None),
];

/// The same for IPv6.
const IPV6: [(&str, Option<u128>); 14] = [
    ("::1", Some(1)),
    ("::", Some(0)),
    ("2001:db8::1", Some(0x20010db8_00000000_00000000_00000001)),
    ("fe80::1", Some(0xfe800000_00000000_00000000_00000001)),
    (
        "2001:db8:0:1:2:3:4:5",
        Some(0x20010db8_00000001_00020003_00040005),
    ),
    (
        "1:2:3:4:5:6:7::",
        Some(0x00010002_00030004_00050006_00070000),
    ),
    ("2001:DB8::A", Some(0x20010db8_00000000_00000000_0000000a)),
    ("2001:db8:::1", None),
    ("1:2:3:4:5:6:7", None),
    ("[::1]", None),
    ("[::1]:80", None),
    ("fe80::1%lo", None),
    ("2001:db8::g", None),
    ("12345::", None),
];

#[test]
fn g1_a_port_reads_as_it_was_set_and_swapped_in_network_order() {
    for any in [NetworkEndpoint::any_ipv4(0), NetworkEndpoint::any_ipv6(0)] {
        let endpoint = any.with_port(1);
        assert_eq!(endpoint.port(), 1);
        assert_eq!(endpoint.raw_port().to_ne_bytes(), [0, 1]);
        #[cfg(target_endian = "little")]
        assert_eq!(endpoint.raw_port(), 256);
        assert_eq!(any.with_raw_port(endpoint.raw_port()), endpoint);
    }
    assert_eq!(CUSTOM.with_port(1), CUSTOM);
    assert_eq!(CUSTOM.port(), 0);
}

#[test]
fn g2_texts_get_the_verdict_and_the_bytes_of_the_system() {
    for (text, bytes) in IPV4 {
        let parsed = NetworkEndpoint::try_parse(text, 80);
        let raw = parsed.map(|endpoint| endpoint.raw_address_bytes());
        assert_eq!(raw, bytes.map(Vec::from), "{text:?}");
        let family = NetworkEndpoint::try_parse_as(text, 80, NetworkFamily::Ipv4);
        assert_eq!(family, parsed, "{text:?}");
    }
    for (text, bits) in IPV6 {
        let parsed = NetworkEndpoint::try_parse(text, 80);
        let raw = parsed.map(|endpoint| endpoint.raw_address_bytes());
        assert_eq!(
            raw,
            bits.map(|bits| bits.to_be_bytes().to_vec()),
            "{text:?}"
        );
        let family = NetworkEndpoint::try_parse_as(text, 80, NetworkFamily::Ipv6);
        assert_eq!(family, parsed, "{text:?}");
    }
}

/// A known difference: the system leaves a mapped address IPv6.
#[test]
fn g2_a_mapped_address_is_ipv4() {
    let endpoint = NetworkEndpoint::parse("::ffff:1.2.3.4", 80);
    assert_eq!(endpoint.family(), NetworkFamily::Ipv4);
    assert_eq!(endpoint.raw_address_bytes(), [1, 2, 3, 4]);
}

#[test]
fn g3_text_to_endpoint_to_text_is_stable() {
    for text in [
        "127.0.0.1:0",
        "192.0.2.7:7777",
        "255.255.255.255:65535",
        "[::]:0",
        "[::1]:7777",
        "[2001:db8::7]:65535",
        "[fe80::1%4]:9",
    ] {
        let endpoint: NetworkEndpoint = text.parse().unwrap();
        assert_eq!(endpoint.to_string(), text);
    }
    assert_eq!(
        NetworkEndpoint::parse("2001:db8::7", 80).to_string(),
        "[2001:db8::7]:80"
    );
    assert_eq!(NetworkEndpoint::Invalid.to_string(), "invalid");
    for text in [
        "invalid",
        "127.0.0.1",
        "::1",
        "::1:80",
        "127.0.0.1:65536",
        "localhost:80",
        "",
    ] {
        assert!(text.parse::<NetworkEndpoint>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn g3_every_address_survives_its_text(octets: [u8; 16], short: [u8; 4], port: u16) {
        for bytes in [&octets[..], &short[..]] {
            let endpoint = NetworkEndpoint::from_raw_address_bytes(bytes, port).unwrap();
            prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
            let ip = endpoint.ip().unwrap().to_string();
            prop_assert_eq!(NetworkEndpoint::parse(&ip, port), endpoint);
        }
    }

    #[test]
    fn g4_no_text_panics(text in ".*", port: u16) {
        let parsed = NetworkEndpoint::try_parse(&text, port);
        prop_assert_eq!(NetworkEndpoint::parse(&text, port), parsed.unwrap_or_default());
        let _ = text.parse::<NetworkEndpoint>();
    }
}

#[test]
fn g4_empty_and_blank_texts_give_an_invalid_endpoint() {
    for text in ["", " ", "\t", "\n", "\0", "\u{a0}"] {
        assert_eq!(NetworkEndpoint::parse(text, 80), NetworkEndpoint::Invalid);
        assert_eq!(NetworkEndpoint::try_parse(text, 80), None);
    }
}

#[test]
fn g5_a_failed_parse_leaves_no_family_behind() {
    let endpoint = NetworkEndpoint::parse("1O.0.0.1", 80);
    assert_eq!(endpoint.family(), NetworkFamily::Invalid);
    assert!(!endpoint.is_valid() && !endpoint.is_any() && !endpoint.is_loopback());
    assert_eq!((endpoint.port(), endpoint.address_len()), (0, 0));
}

#[test]
fn g6_custom_endpoints_are_neither_any_nor_loopback() {
    for custom in [CUSTOM, NetworkEndpoint::custom([0; 60])] {
        assert!(custom.is_valid() && !custom.is_any() && !custom.is_loopback());
        assert_eq!(custom.family(), NetworkFamily::Custom);
    }
    assert!(NetworkEndpoint::any_ipv4(5).is_any() && NetworkEndpoint::any_ipv6(5).is_any());
    for loopback in [
        NetworkEndpoint::loopback_ipv4(5),
        NetworkEndpoint::loopback_ipv6(5),
    ] {
        assert!(loopback.is_loopback() && !loopback.is_any());
    }
    assert!(!NetworkEndpoint::parse("127.0.0.2", 5).is_loopback());
}

#[test]
fn g7_exactly_4_16_or_60_raw_bytes_are_used() {
    for len in 0..100 {
        let bytes: Vec<u8> = (1..=len).collect();
        let endpoint = NetworkEndpoint::from_raw_address_bytes(&bytes, 80);
        match endpoint {
            Some(endpoint) => {
                assert!(matches!(len, 4 | 16 | 60), "{len}");
                assert_eq!(endpoint.address_len(), usize::from(len));
                assert_eq!(endpoint.raw_address_bytes(), bytes);
                assert_eq!(endpoint.port(), if len == 60 { 0 } else { 80 });
            }
            None => assert!(!matches!(len, 4 | 16 | 60), "{len}"),
        }
    }
    assert_eq!(NetworkEndpoint::Invalid.raw_address_bytes(), []);
}

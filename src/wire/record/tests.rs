use proptest::prelude::*;

use super::*;

fn header(content_type: ContentType, epoch: u16, sequence: u64, len: u16) -> RecordHeader {
    RecordHeader {
        content_type,
        version: ProtocolVersion::DTLS_1_2,
        number: RecordNumber::new(epoch, sequence).unwrap(),
        len,
    }
}

#[test]
fn a_header_is_the_thirteen_bytes_of_its_diagram() {
    let header = header(ContentType::Handshake, 0x0102, 0x0304_0506_0708, 3);
    let bytes = header.emit();
    assert_eq!(bytes, [22, 0xFE, 0xFD, 1, 2, 3, 4, 5, 6, 7, 8, 0, 3]);
    let datagram = [&bytes[..], b"abcdef"].concat();
    let (parsed, fragment, rest) = RecordHeader::parse(&datagram).unwrap();
    assert_eq!((parsed, fragment, rest), (header, &b"abc"[..], &b"def"[..]));
}

#[test]
fn a_record_says_why_it_is_none() {
    let mut bytes = header(ContentType::Alert, 0, 0, 2).emit().to_vec();
    assert_eq!(
        RecordHeader::parse(&bytes[..12]),
        Err(MalformedRecord::Short { len: 12 })
    );
    bytes.push(1);
    let truncated = MalformedRecord::Truncated {
        declared: 2,
        available: 1,
    };
    assert_eq!(RecordHeader::parse(&bytes), Err(truncated));
    bytes.push(1);
    bytes[1] = 3;
    let not_dtls = MalformedRecord::NotDtls { version: 0x03FD };
    assert_eq!(RecordHeader::parse(&bytes), Err(not_dtls));
    bytes[0] = 24;
    let unknown = MalformedRecord::UnknownType { content_type: 24 };
    assert_eq!(RecordHeader::parse(&bytes), Err(unknown));
}

#[test]
fn later_versions_are_smaller_numbers() {
    assert!(ProtocolVersion::DTLS_1_2.reaches_dtls_1_2());
    assert!(ProtocolVersion(0xFEFC).reaches_dtls_1_2());
    assert!(!ProtocolVersion::DTLS_1_0.reaches_dtls_1_2());
    assert!(!ProtocolVersion(0x0303).reaches_dtls_1_2());
}

#[test]
fn a_sequence_number_has_48_bits() {
    assert_eq!(RecordNumber::new(0, 1 << 48), None);
    let last = RecordNumber::new(0xFFFF, RecordNumber::MAX_SEQUENCE).unwrap();
    assert_eq!(last.as_u64(), u64::MAX);
    assert_eq!((last.epoch(), last.sequence()), (0xFFFF, (1 << 48) - 1));
}

#[test]
fn an_alert_is_exactly_two_bytes_and_unknown_levels_are_fatal() {
    let alert = Alert::fatal(AlertDescription::BAD_CERTIFICATE);
    assert_eq!(alert.emit(), [2, 42]);
    assert_eq!(Alert::parse(&[2, 42]), Some(alert));
    assert_eq!(Alert::parse(&[2]), None);
    assert_eq!(Alert::parse(&[2, 42, 0]), None);
    assert_eq!(Alert::parse(&[7, 42]), Some(alert));
    assert!(alert.ends());
    assert!(Alert::warning(AlertDescription::CLOSE_NOTIFY).ends());
    assert!(!Alert::warning(AlertDescription::NO_RENEGOTIATION).ends());
    assert_eq!(AlertDescription(42).to_string(), "bad_certificate");
    assert_eq!(AlertDescription(200).to_string(), "alert 200");
}

proptest! {
    #[test]
    fn any_bytes_are_survived_and_what_is_read_is_written_back(bytes: Vec<u8>) {
        if let Ok((header, fragment, rest)) = RecordHeader::parse(&bytes) {
            let written = [&header.emit()[..], fragment, rest].concat();
            prop_assert_eq!(written, bytes);
        }
    }

    #[test]
    fn epoch_and_sequence_come_back(epoch: u16, sequence in 0_u64..1 << 48) {
        let number = RecordNumber::new(epoch, sequence).unwrap();
        prop_assert_eq!((number.epoch(), number.sequence()), (epoch, sequence));
    }
}

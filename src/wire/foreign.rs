//! Strangers: packets of other protocols that people send to a game port by mistake.
//!
//! For the log and the counters only, after a packet was found to be of no use: nothing foreign is
//! ever answered. A packet of ours can look like one of these, so never ask before looking its
//! token up.

/// Another protocol, recognised by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Foreign {
    /// A connection request of Unity Transport 1.x, which does not interoperate with 2.x.
    UnityTransport1Request,
    /// A DTLS handshake record: a secure client on a plain port.
    Dtls,
    /// The text of an HTTP request.
    Http,
}

/// Bytes of a connection request of Unity Transport 1.x.
const UNITY_TRANSPORT_1_REQUEST_LEN: usize = 10;

/// Bytes of a DTLS record header (RFC 6347 §4.1).
const DTLS_HEADER_LEN: usize = 13;

/// Which foreign protocol a datagram belongs to, if one can tell.
///
/// ```text
///  0         1          2
/// | request | no flags | token |    Unity Transport 1.x, 10 bytes
///   0         0          8
///
///  0           1           3
/// | handshake | version   | epoch, sequence, length, … |    DTLS record, 13 bytes and more
///   22          FE FF (1.0, and every first hello) or FE FD (1.2)
/// ```
///
/// Source: Unity Transport 1.2.0 `UnityTransportProtocol.cs`; RFC 6347 §4.1.
pub fn recognise(datagram: &[u8]) -> Option<Foreign> {
    match datagram {
        [0, 0, ..] if datagram.len() == UNITY_TRANSPORT_1_REQUEST_LEN => {
            Some(Foreign::UnityTransport1Request)
        }
        [22, 0xFE, 0xFF | 0xFD, ..] if datagram.len() >= DTLS_HEADER_LEN => Some(Foreign::Dtls),
        [b'G', b'E', b'T', b' ', b'/', ..] => Some(Foreign::Http),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_the_1_x_line_is_ten_bytes_beginning_with_two_zeros() {
        let request = [0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(recognise(&request), Some(Foreign::UnityTransport1Request));
        assert_eq!(recognise(&request[..9]), None);
        assert_eq!(recognise(&[0; 11]), None);
    }

    #[test]
    fn a_dtls_hello_is_recognised_by_its_record_header() {
        let mut hello = [0; 60];
        hello[..3].copy_from_slice(&[0x16, 0xFE, 0xFF]);
        assert_eq!(recognise(&hello), Some(Foreign::Dtls));
        hello[2] = 0xFD;
        assert_eq!(recognise(&hello), Some(Foreign::Dtls));
        assert_eq!(recognise(&hello[..12]), None);
        hello[2] = 0x03;
        assert_eq!(recognise(&hello), None);
    }

    #[test]
    fn an_http_request_is_recognised_by_its_method() {
        assert_eq!(recognise(b"GET / HTTP/1.1\r\n"), Some(Foreign::Http));
        assert_eq!(recognise(b"GETTING"), None);
    }

    #[test]
    fn a_request_of_the_2_x_line_is_not_foreign() {
        assert_eq!(recognise(b"UTP\x01\x01ABCDEFGH"), None);
        assert_eq!(recognise(&[]), None);
    }
}

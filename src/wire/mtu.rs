//! The arithmetic of path MTU discovery: which sizes to try, and what an answer says.
//!
//! `padding` is always what the layers below add to a packet: 0 on UDP, 29 under DTLS, 14 in a
//! WebSocket frame. Both peers must add the same for the numbers to mean anything. When to probe,
//! and whether to believe an ack, is decided above: an ack counts only for a check that was sent.
//!
//! Source: Unity Transport `SimpleConnectionLayer.cs` (2.6.0 and later).

use super::connection::MIN_PATH_MTU;

/// Bytes of an MTU check in front of its zeros: 9 of message header, 2 of length field.
pub const CHECK_HEADER_LEN: u16 = 11;

/// The sizes one round of discovery tries, ascending; none if there is nothing to discover.
///
/// The smallest path MTU, then `max` less 100 and less 20 bytes where that is more, then `max`.
pub fn probe_targets(max: usize) -> impl Iterator<Item = usize> + Clone {
    let below = |step| {
        max.checked_sub(step)
            .filter(|&target| target > MIN_PATH_MTU)
    };
    let targets = match below(0) {
        Some(_) => [Some(MIN_PATH_MTU), below(100), below(20), Some(max)],
        None => [None; 4],
    };
    targets.into_iter().flatten()
}

/// Length field of the check that probes for `target` bytes; none if it cannot be that small or
/// that large.
pub fn check_len(target: usize, padding: u16) -> Option<u16> {
    u16::try_from(target)
        .ok()?
        .checked_sub(padding)?
        .checked_sub(CHECK_HEADER_LEN)
}

/// Size that answers a check with this length field, modulo 65,536.
///
/// The real length of the check is of no interest, so a check without a body proves an address:
/// its answer is a function of a nonce that only a receiver can know.
pub fn ack_for_check(len_field: u16, padding: u16) -> u16 {
    len_field
        .wrapping_add(CHECK_HEADER_LEN)
        .wrapping_add(padding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_tries_four_sizes_up_to_the_maximum() {
        let targets: Vec<usize> = probe_targets(1400).collect();
        assert_eq!(targets, [1024, 1300, 1380, 1400]);
        let lens: Vec<u16> = targets
            .iter()
            .map(|&target| check_len(target, 0).unwrap())
            .collect();
        assert_eq!(lens, [1013, 1289, 1369, 1389]);
    }

    #[test]
    fn sizes_at_or_below_the_smallest_are_left_out() {
        let targets = |max| probe_targets(max).collect::<Vec<usize>>();
        assert_eq!(targets(1125), [1024, 1025, 1105, 1125]);
        assert_eq!(targets(1124), [1024, 1104, 1124]);
        assert_eq!(targets(1044), [1024, 1044]);
        assert_eq!(targets(1025), [1024, 1025]);
        assert!(targets(1024).is_empty());
        assert!(targets(0).is_empty());
    }

    #[test]
    fn a_target_without_room_for_its_headers_has_no_check() {
        assert_eq!(check_len(11, 0), Some(0));
        assert_eq!(check_len(10, 0), None);
        assert_eq!(check_len(39, 29), None);
        assert_eq!(check_len(65_536, 0), None);
    }

    #[test]
    fn an_answer_wraps_at_65536() {
        // Seen at peers of Unity Transport 2.7.2, on UDP, DTLS and WebSocket.
        for (len, padding, size) in [
            (0, 0, 0x000B),
            (1, 0, 0x000C),
            (0xFFF4, 0, 0xFFFF),
            (0xFFF5, 0, 0x0000),
            (0xFFFF, 0, 0x000A),
            (0xFFD7, 29, 0xFFFF),
            (0xFFD8, 29, 0x0000),
            (0xFFFF, 29, 0x0027),
            (0, 14, 25),
        ] {
            assert_eq!(ack_for_check(len, padding), size, "{len:#06x} + {padding}");
        }
    }

    #[test]
    fn a_check_is_answered_with_its_target() {
        for padding in [0, 14, 29, 82] {
            for target in probe_targets(1472) {
                let len = check_len(target, padding).unwrap();
                assert_eq!(usize::from(ack_for_check(len, padding)), target);
            }
        }
    }
}

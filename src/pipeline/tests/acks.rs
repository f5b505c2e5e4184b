//! When `Timing::Prompt` acknowledges and resends, and what the window says about it.

use super::network::Pair;
use super::reliable::{filled, header};
use super::*;
use crate::wire::reliable::ReliableKind;
use StageId::ReliableSequenced as R;

#[test]
fn prompt_acks_leave_in_the_update_that_received_the_data() {
    let mut sender = Peer::new(&[R], &prompt());
    let mut receiver = Peer::new(&[R], &prompt());
    sender.send(b"x").unwrap();
    let acks = receiver.update(&sender.take_sent());
    assert_eq!(acks.len(), 1);
    assert_eq!(acks[0].len(), 13, "a header and one byte");
    assert_eq!(acks[0][12], 0);
    assert_eq!(header(&acks[0]).kind, ReliableKind::Ack);
    // A message of the same update carries the ack instead.
    sender.send(b"y").unwrap();
    receiver.receive(&sender.take_sent()[0]).unwrap();
    receiver.send(b"answer").unwrap();
    assert_eq!(receiver.update(&[]).len(), 1);
}

#[test]
fn a_delayed_ack_is_bounded_by_time_packets_and_gaps() {
    let parameters = Parameters {
        ack_delay: std::time::Duration::from_millis(20),
        ..prompt()
    };
    let mut sender = Peer::new(&[R], &parameters);
    let mut receiver = Peer::new(&[R], &parameters);
    for index in 0..6 {
        sender.send(&[index]).unwrap();
    }
    let packets = sender.take_sent();
    assert!(receiver.update(&packets[..1]).is_empty());
    assert_eq!(
        receiver.state.deadline(&parameters, &receiver.throttle),
        at_ms(20)
    );
    receiver.now = at_ms(20);
    assert_eq!(receiver.update(&[]).len(), 1, "time");
    assert!(receiver.update(&packets[1..2]).is_empty());
    assert_eq!(receiver.update(&packets[2..3]).len(), 1, "two packets");
    assert_eq!(receiver.update(&packets[4..5]).len(), 1, "a gap opens");
    assert_eq!(receiver.update(&packets[3..4]).len(), 1, "a gap closes");
}

#[test]
fn a_loss_the_mask_shows_is_resent_at_once() {
    let (mut sender, mut receiver, packets) = filled(4, 0);
    sender.now = at_ms(5);
    let acks = receiver.update(&packets[1..]);
    let resent = sender.update(&acks);
    assert_eq!(resent.len(), 1);
    assert_eq!(header(&resent[0]).sequence, 0);
    assert_eq!(sender.statistics().fast_resent, 1);
    assert!(sender.update(&acks).is_empty(), "once");
}

#[test]
fn a_full_window_is_measured_from_the_oldest_unacknowledged() {
    let (mut sender, mut receiver, packets) = filled(32, 0);
    // All but the first are acknowledged: number 32 would be a window behind it.
    sender.update(&receiver.update(&packets[1..]));
    assert_eq!(sender.state.window_credits(&sender.parameters), 0);
    sender.update(&receiver.update(&packets[..1]));
    assert_eq!(sender.state.window_credits(&sender.parameters), 32);
}

#[test]
fn a_window_of_64_spares_old_stock_peers_the_jump_they_misreport() {
    let mut sender = Peer::new(&[R], &with_window(64));
    let sent = (0..70).filter(|_| sender.send(b"x").is_ok()).count();
    // Numbers 0 to 62: with nothing received, 63 would be a jump by 64.
    assert_eq!(sent, 63);
}

#[test]
fn r23_a_peer_that_acknowledges_nothing_can_be_told_and_counted() {
    let (mut sender, mut receiver) = (Peer::new(&[R], &prompt()), Peer::new(&[R], &prompt()));
    assert_eq!(sender.state.waiting_since(), Timestamp::NEVER);
    for index in 0..10_u8 {
        sender.now = at_ms(5 + u64::from(index));
        sender.send(&[index]).unwrap();
    }
    let packets = sender.take_sent();
    assert_eq!(sender.state.waiting_since(), at_ms(5));
    sender.now = at_ms(900);
    sender.update(&receiver.update(&packets[2..5]));
    assert_eq!(sender.state.waiting_since(), at_ms(900), "progress");
    assert_eq!(sender.state.unacknowledged(), 7);
    sender.update(&receiver.update(&packets));
    assert_eq!(sender.state.waiting_since(), Timestamp::NEVER);
    assert_eq!(sender.state.unacknowledged(), 0);
}

#[test]
fn an_empty_message_is_delivered() {
    let mut pair = Pair::perfect(&[R], &prompt());
    pair.peers[0].send(b"").unwrap();
    pair.idle(2, 10);
    assert_eq!(pair.peers[1].take_messages(), [b""]);
}

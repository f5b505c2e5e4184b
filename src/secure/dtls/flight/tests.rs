use super::*;
use crate::secure::dtls::reassembly::{Origin, Reassembly};
use crate::wire::record::RecordHeader;

fn flight() -> Flight {
    let mut flight = Flight::new(Timing::default());
    flight.restart(Some(4));
    flight.push(MessageKind::ServerHello, 1, |out| out.extend([1; 80]));
    flight.push(MessageKind::Certificate, 2, |out| {
        out.extend((0..1_000_u16).map(|number| number.to_le_bytes()[0]));
    });
    flight.push(MessageKind::ServerHelloDone, 3, |_| {});
    flight
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(millis * 1_000)
}

fn numbers(plain: &mut u64) -> Numbers<'_> {
    Numbers {
        plain,
        sealer: None,
    }
}

/// Puts the datagrams together again: the bodies' lengths, and the record numbers.
fn read(out: &Outgoing) -> (Vec<usize>, Vec<u64>) {
    let mut reassembly = Reassembly::new(1, 20_000);
    let mut sequences = vec![];
    for datagram in out.datagrams() {
        let mut rest = datagram;
        while let Ok((record, content, next)) = RecordHeader::parse(rest) {
            let (header, fragment, none) = FragmentHeader::parse(content).unwrap();
            assert!(none.is_empty());
            reassembly.insert(&header, fragment, Origin::Plain);
            sequences.push(record.number.sequence());
            rest = next;
        }
        assert!(rest.is_empty());
    }
    let bodies = std::iter::from_fn(|| reassembly.pop().map(|message| message.body.len()));
    (bodies.collect(), sequences)
}

#[test]
fn a_flight_is_cut_to_any_path_and_comes_back_whole() {
    for mtu in (128..1_500).step_by(7) {
        let (mut flight, mut plain, mut out) = (flight(), 9, Outgoing::default());
        flight.send(at(0), mtu, &mut numbers(&mut plain), &mut out);
        assert!(
            out.datagrams().all(|datagram| datagram.len() <= mtu),
            "{mtu}"
        );
        let (bodies, sequences) = read(&out);
        assert_eq!(bodies, [80, 1_000, 0]);
        assert!(sequences.iter().copied().eq(9..plain));
        // No datagram more than a few bytes' waste asks for.
        let whole = 80 + 1_000 + 3 * 25;
        let fewest = whole / (mtu - 25 - 64) + 2;
        assert!(out.datagrams().count() <= fewest, "{mtu}");
    }
}

#[test]
fn a_flight_that_fits_is_one_datagram() {
    let (mut flight, mut plain, mut out) = (flight(), 0, Outgoing::default());
    flight.send(at(0), 1_400, &mut numbers(&mut plain), &mut out);
    assert_eq!(out.datagrams().count(), 1);
}

#[test]
fn pauses_double_up_to_the_longest_and_datagrams_become_cautious() {
    let (mut flight, mut plain) = (flight(), 0);
    let mut out = Outgoing::default();
    assert_eq!(flight.deadline(), Timestamp::NEVER);
    flight.send(at(0), 1_400, &mut numbers(&mut plain), &mut out);
    let mut largest = vec![];
    for due in [1_000, 3_000, 5_000] {
        assert_eq!(flight.deadline(), at(due));
        out.clear();
        flight.repeat_in_time(at(due - 1), 1_400, &mut numbers(&mut plain), &mut out);
        assert!(out.is_empty());
        flight.repeat_in_time(at(due), 1_400, &mut numbers(&mut plain), &mut out);
        assert_eq!(read(&out).0, [80, 1_000, 0]);
        largest.push(out.datagrams().map(<[u8]>::len).max().unwrap());
    }
    assert!(largest[0] > 508 && largest[1] <= 508 && largest[2] <= 508);
}

#[test]
fn a_flight_is_repeated_on_demand_but_not_right_behind_the_last_time() {
    let (mut flight, mut plain, mut out) = (flight(), 0, Outgoing::default());
    assert!(flight.is_triggered_by(4) && !flight.is_triggered_by(3));
    flight.repeat_on_demand(at(0), 1_400, &mut numbers(&mut plain), &mut out);
    assert!(out.is_empty());
    flight.send(at(0), 1_400, &mut numbers(&mut plain), &mut out);
    out.clear();
    flight.repeat_on_demand(at(499), 1_400, &mut numbers(&mut plain), &mut out);
    assert!(out.is_empty());
    flight.repeat_on_demand(at(500), 1_400, &mut numbers(&mut plain), &mut out);
    assert_eq!(read(&out).0, [80, 1_000, 0]);
    assert_eq!(flight.deadline(), at(1_500));
}

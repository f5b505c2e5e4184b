use proptest::prelude::*;

use super::*;

const ROOM: usize = 16 * 1_024;

fn header(kind: MessageKind, sequence: u16, len: u32, offset: u32, part: &[u8]) -> FragmentHeader {
    FragmentHeader {
        kind,
        len,
        sequence,
        offset,
        fragment_len: u32::try_from(part.len()).unwrap(),
    }
}

fn insert(
    reassembly: &mut Reassembly,
    sequence: u16,
    len: u32,
    offset: u32,
    part: &[u8],
) -> Intake {
    let header = header(MessageKind::Certificate, sequence, len, offset, part);
    reassembly.insert(&header, part, Origin::Plain)
}

#[test]
fn fragments_in_any_order_become_messages_in_theirs() {
    let mut reassembly = Reassembly::new(1, ROOM);
    assert_eq!(insert(&mut reassembly, 2, 2, 0, b"xy"), Intake::Taken);
    assert_eq!(insert(&mut reassembly, 1, 6, 4, b"ef"), Intake::Taken);
    assert_eq!(insert(&mut reassembly, 1, 6, 0, b"abc"), Intake::Taken);
    assert_eq!(reassembly.pop(), None);
    assert_eq!(insert(&mut reassembly, 1, 6, 1, b"bcde"), Intake::Taken);
    assert_eq!(reassembly.pop().unwrap().body, b"abcdef");
    let second = reassembly.pop().unwrap();
    assert_eq!((second.sequence, &second.body[..]), (2, &b"xy"[..]));
    assert_eq!(reassembly.pop(), None);
    assert_eq!(insert(&mut reassembly, 2, 2, 0, b"xy"), Intake::Past);
    assert_eq!((reassembly.held(), reassembly.room), (0, ROOM));
}

#[test]
fn an_empty_message_is_one_empty_fragment() {
    let mut reassembly = Reassembly::new(0, ROOM);
    assert_eq!(insert(&mut reassembly, 0, 0, 0, b""), Intake::Known);
    assert_eq!(reassembly.pop().unwrap().body, b"");
    // Empty fragments of others bring nothing, and cost nothing.
    for _ in 0..1_000 {
        assert_eq!(insert(&mut reassembly, 1, 9, 3, b""), Intake::Known);
    }
    assert_eq!((reassembly.held(), reassembly.pop()), (0, None));
}

#[test]
fn what_is_too_long_or_too_far_ahead_is_not_kept() {
    let mut reassembly = Reassembly::new(0, ROOM);
    assert_eq!(
        insert(&mut reassembly, 0, 1 << 23, 0, b"a"),
        Intake::TooLong
    );
    assert_eq!(insert(&mut reassembly, 5, 9, 0, b"a"), Intake::TooFarAhead);
    assert_eq!(insert(&mut reassembly, 4, 9, 0, b"a"), Intake::Taken);
    assert_eq!(insert(&mut reassembly, 0, 16_384, 0, b"a"), Intake::Taken);
    // A byte is held where a byte has arrived, whatever was declared.
    assert!(reassembly.held() < 100);
}

#[test]
fn memory_is_bounded_in_all() {
    let mut reassembly = Reassembly::new(0, 1_000);
    assert_eq!(
        insert(&mut reassembly, 0, 16_000, 900, &[1; 100]),
        Intake::Taken
    );
    assert_eq!(insert(&mut reassembly, 1, 10, 0, b"a"), Intake::Full);
    assert_eq!(
        insert(&mut reassembly, 0, 16_000, 0, &[1; 900]),
        Intake::Taken
    );
    assert_eq!(reassembly.held(), 1_000);
}

#[test]
fn stretches_are_bounded_too() {
    let mut reassembly = Reassembly::new(0, ROOM);
    for stretch in 0..64 {
        assert_eq!(
            insert(&mut reassembly, 0, 16_000, stretch * 2, b"a"),
            Intake::Taken
        );
    }
    assert_eq!(insert(&mut reassembly, 0, 16_000, 200, b"a"), Intake::Full);
    // What closes a gap is welcome.
    assert_eq!(insert(&mut reassembly, 0, 16_000, 1, b"b"), Intake::Taken);
    assert_eq!(insert(&mut reassembly, 0, 16_000, 200, b"a"), Intake::Taken);
}

/// The two published shapes: fragments of two messages merged because their kinds are equal, and a
/// message frozen by a fragment of another length under its number.
#[test]
fn r12_poison() {
    let mut reassembly = Reassembly::new(0, ROOM);
    assert_eq!(insert(&mut reassembly, 0, 4, 0, b"ab"), Intake::Taken);
    assert_eq!(insert(&mut reassembly, 1, 4, 2, b"XY"), Intake::Taken);
    assert_eq!(reassembly.pop(), None);
    assert_eq!(insert(&mut reassembly, 0, 4, 2, b"cd"), Intake::Taken);
    assert_eq!(reassembly.pop().unwrap().body, b"abcd");

    let mut reassembly = Reassembly::new(0, ROOM);
    assert_eq!(insert(&mut reassembly, 0, 4, 0, b"ab"), Intake::Taken);
    assert_eq!(insert(&mut reassembly, 0, 5, 2, b"zzz"), Intake::Conflict);
    let other = header(MessageKind::ServerHello, 0, 4, 2, b"cd");
    assert_eq!(
        reassembly.insert(&other, b"cd", Origin::Plain),
        Intake::Conflict
    );
    assert_eq!(insert(&mut reassembly, 0, 4, 1, b"xc"), Intake::Conflict);
    assert_eq!(insert(&mut reassembly, 0, 4, 2, b"cd"), Intake::Taken);
    assert_eq!(reassembly.pop().unwrap().body, b"abcd");
}

#[test]
fn r12_a_forged_first_fragment_does_not_hold_the_place_for_good() {
    let mut reassembly = Reassembly::new(0, ROOM);
    assert_eq!(
        insert(&mut reassembly, 0, 9_000, 8_000, b"x"),
        Intake::Taken
    );
    assert_eq!(insert(&mut reassembly, 0, 4, 0, b"abcd"), Intake::Conflict);
    assert_eq!(insert(&mut reassembly, 0, 4, 0, b"abcd"), Intake::Taken);
    assert_eq!(reassembly.pop().unwrap().body, b"abcd");
    assert_eq!(reassembly.room, ROOM);
}

#[test]
fn what_is_protected_takes_its_place_at_once_and_keeps_it() {
    let mut reassembly = Reassembly::new(0, ROOM);
    assert_eq!(insert(&mut reassembly, 0, 9, 0, b"forged"), Intake::Taken);
    let finished = header(MessageKind::Finished, 0, 4, 0, b"fi");
    assert_eq!(
        reassembly.insert(&finished, b"fi", Origin::Protected),
        Intake::Taken
    );
    for _ in 0..3 {
        assert_eq!(
            insert(&mut reassembly, 0, 9, 0, b"forged"),
            Intake::Conflict
        );
    }
    let finished = header(MessageKind::Finished, 0, 4, 2, b"ni");
    assert_eq!(
        reassembly.insert(&finished, b"ni", Origin::Protected),
        Intake::Taken
    );
    assert_eq!(reassembly.pop().unwrap().body, b"fini");
}

#[test]
fn a_message_that_was_not_right_is_awaited_once_more() {
    let mut reassembly = Reassembly::new(3, ROOM);
    insert(&mut reassembly, 4, 1, 0, b"n");
    insert(&mut reassembly, 3, 3, 0, b"bad");
    let bad = reassembly.pop().unwrap();
    reassembly.push_back(&bad);
    assert_eq!(reassembly.next(), 3);
    assert_eq!(insert(&mut reassembly, 3, 4, 0, b"good"), Intake::Taken);
    assert_eq!(reassembly.pop().unwrap().body, b"good");
    assert_eq!(reassembly.pop().unwrap().body, b"n");
}

/// One message as a table of bytes that are there or not.
#[derive(Clone)]
struct Naive {
    kind: MessageKind,
    len: u32,
    bytes: Vec<Option<u8>>,
    rival: Option<(MessageKind, u32)>,
}

impl Naive {
    fn new(kind: MessageKind, len: u32) -> Self {
        Self {
            kind,
            len,
            bytes: vec![None; len as usize],
            rival: None,
        }
    }

    fn insert(slot: &mut Option<Self>, header: &FragmentHeader, part: &[u8]) -> bool {
        let shape = (header.kind, header.len);
        if let Some(held) = slot
            && (held.kind, held.len) != shape
        {
            let complete = held.bytes.iter().all(Option::is_some);
            let contested = !complete && held.rival == Some(shape);
            held.rival = Some(shape);
            if !contested {
                return false;
            }
            *slot = None;
        }
        let held = slot.get_or_insert_with(|| Self::new(header.kind, header.len));
        let offset = header.offset as usize;
        let place = &mut held.bytes[offset..offset + part.len()];
        if place
            .iter()
            .zip(part)
            .any(|(known, byte)| known.is_some_and(|known| known != *byte))
        {
            return false;
        }
        let news = place.iter().any(Option::is_none);
        for (known, byte) in place.iter_mut().zip(part) {
            *known = Some(*byte);
        }
        if news {
            held.rival = None;
        }
        news
    }
}

#[derive(Clone, Debug)]
struct Piece {
    kind: u8,
    sequence: u16,
    len: u32,
    offset: u32,
    fragment_len: u32,
    forged: bool,
}

fn any_piece() -> impl Strategy<Value = Piece> {
    let len = prop_oneof![8 => 6_u32..8, 2 => 0_u32..12, 1 => Just(40), 1 => Just((1 << 24) - 1)];
    (0..20_u8, 0_u16..7, len, 0_u32..12, 0_u32..12, 0..12_u8).prop_map(
        |(kind, sequence, len, offset, fragment_len, forged)| {
            let offset = offset.min(len);
            Piece {
                kind: if kind == 0 { 2 } else { 11 },
                sequence,
                len,
                offset,
                fragment_len: fragment_len.min(len - offset),
                forged: forged == 0,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn r12_prop_reassembly(pieces in prop::collection::vec(any_piece(), 1..120)) {
        let mut reassembly = Reassembly::new(0, ROOM);
        let mut naive: Vec<Option<Naive>> = vec![None; 8];
        let mut next = 0;
        for piece in pieces {
            let part: Vec<u8> = (piece.offset..piece.offset + piece.fragment_len)
                .map(|at| if piece.forged { 0xFF } else { u8::try_from(at).unwrap_or(0) })
                .collect();
            let header = FragmentHeader {
                kind: MessageKind::from_byte(piece.kind).unwrap(),
                len: piece.len,
                sequence: piece.sequence,
                offset: piece.offset,
                fragment_len: piece.fragment_len,
            };
            let intake = reassembly.insert(&header, &part, Origin::Plain);
            if piece.sequence < next {
                prop_assert_eq!(intake, Intake::Past);
            } else if piece.len > MAX_MESSAGE_LEN {
                prop_assert_eq!(intake, Intake::TooLong);
            } else if piece.sequence > next + MAX_AHEAD {
                prop_assert_eq!(intake, Intake::TooFarAhead);
            } else {
                let slot = &mut naive[usize::from(piece.sequence)];
                let news = Naive::insert(slot, &header, &part);
                prop_assert_eq!(intake == Intake::Taken, news, "{:?}", intake);
            }
            prop_assert!(reassembly.held() <= 5 * 40);
            loop {
                let expected: Option<Vec<u8>> = naive[usize::from(next)]
                    .as_ref()
                    .and_then(|held| held.bytes.iter().copied().collect());
                let popped = reassembly.pop();
                prop_assert_eq!(popped.as_ref().map(|message| &message.body), expected.as_ref());
                if popped.is_none() || next == 6 {
                    break;
                }
                next += 1;
            }
            if next == 6 {
                break;
            }
        }
    }

    #[test]
    fn r12_any_permutation_of_any_cut_completes(
        body in prop::collection::vec(any::<u8>(), 1..300),
        cuts in prop::collection::vec(0.0..1.0_f64, 0..20),
        order in prop::collection::vec(any::<u32>(), 22),
    ) {
        let len = u32::try_from(body.len()).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of len")]
        let mut ends: Vec<u32> = cuts.iter().map(|cut| (cut * f64::from(len)) as u32).collect();
        ends.push(len);
        ends.sort_unstable();
        let mut pieces: Vec<(u32, u32)> = vec![];
        let mut start = 0;
        for end in ends {
            pieces.push((start, end));
            start = end;
        }
        let mut shuffled: Vec<_> = pieces.iter().zip(&order).collect();
        shuffled.sort_by_key(|(_, key)| **key);
        let mut reassembly = Reassembly::new(0, ROOM);
        for ((start, end), _) in shuffled {
            let part = &body[*start as usize..*end as usize];
            insert(&mut reassembly, 0, len, *start, part);
        }
        prop_assert_eq!(reassembly.pop().unwrap().body, body);
    }
}

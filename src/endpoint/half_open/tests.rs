//! Half-open records, one behaviour at a time.

use super::*;
use proptest::prelude::*;
use std::net::Ipv4Addr;

const LIFETIME: Duration = Duration::from_secs(10);

fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(millis * 1_000)
}

fn table(max: usize) -> HalfOpen {
    HalfOpen::new(max, LIFETIME, Keyed::new(Some(1)))
}

fn token(number: u64) -> Token {
    Token(number.to_le_bytes())
}

fn host(number: u32) -> Path {
    let ip = Ipv4Addr::from_bits(0x0A00_0000 | number);
    NetworkEndpoint::from_socket_addr((ip, 5_000).into()).into()
}

fn add(table: &mut HalfOpen, number: u64, path: &Path, now: Timestamp) -> Option<u32> {
    let proof = AddressProof::unproven(13);
    table.insert(
        token(number),
        path,
        b"",
        proof,
        now,
        &mut Random::Seeded(number),
    )
}

#[test]
fn r21_a_record_takes_at_most_128_bytes() {
    // With its links, its index in the table, and its place in it.
    assert!(size_of::<Record>() <= 112, "{}", size_of::<Record>());
    assert!(
        size_of::<Option<super::super::rings::Entry<Record>>>() <= 128,
        "{}",
        size_of::<Option<super::super::rings::Entry<Record>>>()
    );
}

#[test]
fn r21_records_are_bounded_and_each_new_one_takes_the_place_of_another() {
    let mut table = table(100);
    for number in 0..1_000 {
        add(
            &mut table,
            number,
            &host(u32::try_from(number).unwrap()),
            at(number),
        )
        .unwrap();
        assert!(table.len() <= 100);
        assert!(table.find(token(number)).is_some());
    }
    assert_eq!((table.counts.high_water, table.counts.evicted), (100, 900));
    assert!(table.is_crowded());
}

#[test]
fn r21_a_flood_from_one_prefix_evicts_itself() {
    let mut table = table(100);
    for number in 0..10 {
        add(
            &mut table,
            number,
            &host(u32::try_from(number).unwrap()),
            at(0),
        )
        .unwrap();
    }
    let flooder = host(99);
    for number in 1_000..50_000 {
        add(&mut table, number, &flooder, at(number)).unwrap();
    }
    assert!((0..10).all(|number| table.find(token(number)).is_some()));
}

#[test]
fn r21_the_victim_is_random() {
    // How long a record of a crowded prefix lives must not depend on when it came. With 100 records
    // and 100 evictions about a third of them is left, wherever it stands in the ring.
    let mut survivors = [0_u32; 100];
    for round in 0..200 {
        let mut table = table(100);
        table.dice = 0;
        for number in 0..200 {
            let mut random = Random::Seeded(round * 1_000 + number);
            let proof = AddressProof::unproven(13);
            table
                .insert(token(number), &host(1), b"", proof, at(0), &mut random)
                .unwrap();
        }
        for number in 0..100 {
            survivors[usize::try_from(number).unwrap()] +=
                u32::from(table.find(token(number)).is_some());
        }
    }
    let left: u32 = survivors.iter().sum();
    assert!((4_000..11_000).contains(&left), "{left} of 20000");
    assert!(
        survivors.iter().all(|&count| (10..=190).contains(&count)),
        "{survivors:?}"
    );
}

#[test]
fn records_expire_in_order_ten_seconds_after_their_request() {
    let mut table = table(100);
    for number in 0..3 {
        add(&mut table, number, &host(1), at(number * 1_000)).unwrap();
    }
    let first = table.find(token(0)).unwrap();
    // Whatever the client does, its time does not grow.
    table.advance(first, Progress::Spoken);
    table.relocate(first, &host(2), AddressProof::unproven(9));
    assert_eq!(table.deadline(), at(10_000));
    assert!(table.expire(at(9_999)).is_none());
    assert_eq!(table.expire(at(11_000)).unwrap().token, token(0));
    assert_eq!(table.expire(at(11_000)).unwrap().token, token(1));
    assert!(table.expire(at(11_000)).is_none());
    table.remove(table.find(token(2)).unwrap()).unwrap();
    assert_eq!(table.deadline(), Timestamp::NEVER);
    assert_eq!(table.counts.expired, 2);
}

#[test]
fn a_path_comes_out_as_it_went_in() {
    let mut table = table(10);
    let paths = ["10.0.0.1:1", "[2001:db8::1]:2", "[fe80::1%3]:4"].map(|text| Path {
        remote: NetworkEndpoint::from_socket_addr(text.parse().unwrap()),
        local: None,
    });
    for (number, mut path) in (0..).zip(paths) {
        for local in [None, Some("10.0.0.9"), Some("2001:db8::9")] {
            path.local = local.map(|ip| ip.parse().unwrap());
            let index = add(&mut table, number, &path, at(0)).unwrap();
            let record = table.remove(index).unwrap();
            assert!(record.is_from(&path));
            assert!(!record.is_from(&host(7)));
            assert_eq!(record.into_parts(), (path, vec![]));
        }
    }
}

#[test]
fn addresses_of_user_written_interfaces_have_no_record() {
    let mut table = table(10);
    let custom = NetworkEndpoint::Custom([1; 60]).into();
    assert_eq!(add(&mut table, 1, &custom, at(0)), None);
    assert_eq!(table.len(), 0);
}

#[test]
fn payloads_are_bounded_in_bytes_too() {
    let mut table = HalfOpen::new(1 << 20, LIFETIME, Keyed::new(Some(1)));
    let payload = [7; 1_375];
    let mut number = 0;
    while !table.is_crowded() {
        let proof = AddressProof::unproven(1_390);
        let random = &mut Random::Seeded(1);
        table
            .insert(token(number), &host(1), &payload, proof, at(0), random)
            .unwrap();
        number += 1;
    }
    assert_eq!(usize::try_from(number).unwrap(), PAYLOAD_BYTES / 1_375 + 1);
    while table.expire(at(10_000)).is_some() {}
    assert_eq!((table.payload_bytes, table.is_crowded()), (0, false));
}

#[test]
fn r21_memory_is_given_back_when_a_flood_is_over() {
    let mut table = table(65_536);
    for number in 0..65_536 {
        add(
            &mut table,
            number,
            &host(u32::try_from(number).unwrap()),
            at(0),
        )
        .unwrap();
    }
    while table.expire(at(10_000)).is_some() {}
    assert_eq!(table.records.capacity(), 0);
    assert!(table.tokens.capacity() <= 4 * KEPT_RECORDS);
    assert!(table.crowds.capacity() <= 4 * KEPT_RECORDS);
    assert!(table.fullest.is_empty());
}

#[test]
fn r20_three_accepts_a_second() {
    let mut accepts = Accepts::default();
    let granted = |accepts: &mut Accepts, from: u64| {
        (0..100)
            .filter(|step| accepts.take(at(from + step * 10)))
            .count()
    };
    assert_eq!(granted(&mut accepts, 5_000), 3);
    assert_eq!(granted(&mut accepts, 6_000), 3);
}

/// What the table must agree with: a list.
#[derive(Default)]
struct Model {
    records: Vec<(u64, u32, Timestamp)>,
}

impl Model {
    fn most(&self) -> usize {
        let count = |host| {
            self.records
                .iter()
                .filter(|(_, other, _)| *other == host)
                .count()
        };
        self.records
            .iter()
            .map(|&(_, host, _)| count(host))
            .max()
            .unwrap_or(0)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert { number: u64, host: u32 },
    Remove { number: u64 },
    Relocate { number: u64, host: u32 },
    Prove { number: u64 },
    Wait { millis: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = 0..40_u64;
    let step = prop_oneof![
        4 => (number.clone(), 0..6_u32).prop_map(|(number, host)| Step::Insert { number, host }),
        1 => number.clone().prop_map(|number| Step::Remove { number }),
        1 => (number.clone(), 0..6_u32).prop_map(|(number, host)| Step::Relocate { number, host }),
        1 => number.prop_map(|number| Step::Prove { number }),
        1 => (0..3_000_u64).prop_map(|millis| Step::Wait { millis }),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_table_agrees_with_a_list(steps in steps()) {
        const MAX: usize = 12;
        let mut table = table(MAX);
        let mut model = Model::default();
        let mut now = at(0);
        for step in steps {
            match step {
                Step::Insert { number, host: from } => {
                    let known = model.records.iter().any(|record| record.0 == number);
                    let most = model.most();
                    let inserted = add(&mut table, number, &host(from), now).is_some();
                    prop_assert_eq!(inserted, !known);
                    if inserted && model.records.len() == MAX {
                        let gone = model.records.iter().position(|record| {
                            table.find(token(record.0)).is_none()
                        }).unwrap();
                        let (_, crowd, _) = model.records.remove(gone);
                        let size = 1 + model.records.iter().filter(|record| record.1 == crowd).count();
                        prop_assert_eq!(size, most, "the fullest prefix loses one");
                    }
                    if inserted {
                        model.records.push((number, from, now + LIFETIME));
                    }
                }
                Step::Remove { number } => {
                    let known = model.records.iter().position(|record| record.0 == number);
                    if let Some(index) = table.find(token(number)) {
                        table.remove(index).unwrap();
                    }
                    if let Some(known) = known {
                        model.records.remove(known);
                    }
                }
                Step::Relocate { number, host: to } => {
                    if let Some(index) = table.find(token(number)) {
                        table.relocate(index, &host(to), AddressProof::unproven(9));
                    }
                    for record in &mut model.records {
                        if record.0 == number {
                            record.1 = to;
                        }
                    }
                }
                Step::Prove { number } => {
                    if let Some(index) = table.find(token(number)) {
                        table.advance(index, Progress::Proven);
                    }
                }
                Step::Wait { millis } => {
                    now = now + Duration::from_millis(millis);
                    while let Some(record) = table.expire(now) {
                        let (number, _, expires) = model.records.remove(0);
                        prop_assert_eq!(record.token, token(number));
                        prop_assert!(expires <= now);
                    }
                }
            }
            prop_assert_eq!(table.len(), model.records.len());
            let deadline = model.records.first().map_or(Timestamp::NEVER, |record| record.2);
            prop_assert_eq!(table.deadline(), deadline);
            let proven = model.records.iter().filter(|record| {
                let index = table.find(token(record.0)).unwrap();
                table.get(index).unwrap().progress() == Progress::Proven
            }).count();
            prop_assert_eq!(table.proven(), proven);
            for &(number, from, _) in &model.records {
                let index = table.find(token(number)).unwrap();
                prop_assert_eq!(table.get(index).unwrap().path(), host(from));
            }
        }
    }
}

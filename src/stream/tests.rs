//! Streams against a small oracle, deferred writes, and the checked reader.

use proptest::prelude::*;

use super::*;

/// A stream as one bit after the other: slow, and hard to get wrong.
#[derive(Default)]
struct Oracle {
    bits: Vec<bool>,
    capacity_bits: usize,
}

impl Oracle {
    fn new(capacity: usize) -> Self {
        Self {
            bits: Vec::new(),
            capacity_bits: capacity * 8,
        }
    }

    fn write_bits(&mut self, value: u64, count: usize) -> bool {
        let fits = self.bits.len() + count <= self.capacity_bits;
        if fits {
            self.bits
                .extend((0..count).map(|bit| value >> bit & 1 == 1));
        }
        fits
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> bool {
        let start = self.bits.len().next_multiple_of(8);
        let fits = start + bytes.len() * 8 <= self.capacity_bits;
        if fits {
            self.bits.resize(start, false);
            for byte in bytes {
                self.write_bits(u64::from(*byte), 8);
            }
        }
        fits
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            bits.iter()
                .rev()
                .fold(0, |byte, bit| byte << 1 | u8::from(*bit))
        };
        self.bits.chunks(8).map(byte).collect()
    }
}

#[derive(Clone, Debug)]
enum Op {
    Raw(u32, u32),
    Packed(u32),
    Int(i32),
    Bytes(Vec<u8>),
    Flush,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (any::<u32>(), 0..=32_u32).prop_map(|(value, bits)| Op::Raw(value, bits)),
        (any::<u32>(), 0..32_u32).prop_map(|(value, shift)| Op::Packed(value >> shift)),
        any::<i32>().prop_map(Op::Int),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(Op::Bytes),
        Just(Op::Flush),
    ]
}

impl Op {
    fn write(&self, writer: &mut DataStreamWriter<'_>) -> bool {
        match self {
            Self::Raw(value, bits) => writer.write_raw_bits(*value, *bits),
            Self::Packed(value) => writer.write_packed_uint(*value),
            Self::Int(value) => writer.write_int(*value),
            Self::Bytes(bytes) => writer.write_bytes(bytes),
            Self::Flush => {
                writer.flush();
                true
            }
        }
    }

    fn write_slowly(&self, oracle: &mut Oracle) -> bool {
        match self {
            Self::Raw(value, bits) => oracle.write_bits(u64::from(*value), *bits as usize),
            Self::Packed(value) => {
                let (code, bits) = packed::encode(*value);
                oracle.write_bits(code, bits)
            }
            Self::Int(value) => oracle.write_bytes(&value.to_le_bytes()),
            Self::Bytes(bytes) => oracle.write_bytes(bytes),
            Self::Flush => oracle.write_bytes(&[]),
        }
    }

    fn read_back(&self, reader: &mut DataStreamReader<'_>) {
        match self {
            Self::Raw(value, bits) => {
                let kept = u64::from(*value) & packed::mask(*bits as usize);
                assert_eq!(u64::from(reader.read_raw_bits(*bits)), kept);
            }
            Self::Packed(value) => assert_eq!(reader.read_packed_uint(), *value),
            Self::Int(value) => assert_eq!(reader.read_int(), *value),
            Self::Bytes(bytes) => {
                let mut back = vec![0; bytes.len()];
                assert!(reader.read_bytes(&mut back));
                assert_eq!(back, *bytes);
            }
            Self::Flush => reader.flush(),
        }
    }
}

proptest! {
    #[test]
    fn any_writes_give_the_oracles_bytes_and_read_back(
        ops in prop::collection::vec(op(), 0..60),
        capacity in 0_usize..80,
    ) {
        let mut oracle = Oracle::new(capacity);
        let mut buffer = vec![0xCC; capacity];
        let mut writer = DataStreamWriter::new(&mut buffer);
        let mut taken = Vec::new();
        for op in ops {
            let fits = op.write(&mut writer);
            prop_assert_eq!(fits, op.write_slowly(&mut oracle));
            prop_assert_eq!(writer.length_in_bits(), oracle.bits.len());
            prop_assert_eq!(writer.as_bytes(), oracle.bytes());
            if fits {
                taken.push(op);
            }
        }
        let length = writer.length();
        prop_assert!(buffer[length..].iter().all(|byte| *byte == 0xCC));
        let mut reader = DataStreamReader::new(&buffer[..length]);
        for op in taken {
            op.read_back(&mut reader);
        }
        prop_assert_eq!(reader.check(), Ok(()));
        prop_assert_eq!(reader.bits_read(), oracle.bits.len());
    }

    #[test]
    fn a_patch_changes_the_bits_it_writes_and_no_others(
        before in prop::collection::vec(op(), 0..10),
        after in prop::collection::vec(op(), 0..10),
        patches in prop::collection::vec(op(), 0..10),
        last in op(),
    ) {
        let mut buffer = [0xCC; 512];
        let mut writer = DataStreamWriter::new(&mut buffer);
        let mut oracle = Oracle::new(512);
        for op in &before {
            op.write(&mut writer);
            op.write_slowly(&mut oracle);
        }
        let mark = writer.mark();
        let start = oracle.bits.len();
        for op in &after {
            op.write(&mut writer);
            op.write_slowly(&mut oracle);
        }
        // The patch as a stream of its own, that ends where the stream does.
        let end = oracle.bits.len();
        let mut position = start;
        let mut bits = oracle.bits.clone();
        writer.patch(mark, |patch| {
            for op in &patches {
                let mut alone = Oracle { bits: vec![false; position], capacity_bits: end };
                let padded = position.next_multiple_of(8);
                let fits = op.write(patch);
                if let Op::Flush = op {
                    position = padded;
                } else {
                    assert_eq!(fits, op.write_slowly(&mut alone), "{op:?}");
                    if fits {
                        let written = match op {
                            Op::Raw(..) | Op::Packed(..) => position,
                            _ => padded,
                        };
                        bits[written..alone.bits.len()].copy_from_slice(&alone.bits[written..]);
                        position = alone.bits.len();
                    }
                }
                assert_eq!(patch.length_in_bits(), position, "{op:?}");
            }
        });
        oracle.bits = bits;
        prop_assert_eq!(writer.as_bytes(), oracle.bytes());
        last.write(&mut writer);
        last.write_slowly(&mut oracle);
        prop_assert_eq!(writer.as_bytes(), oracle.bytes());
        prop_assert_eq!(writer.length_in_bits(), oracle.bits.len());
    }
}

#[test]
fn a_patch_past_the_end_fails_and_marks_the_stream() {
    let mut buffer = [0; 16];
    let mut writer = DataStreamWriter::new(&mut buffer);
    writer.write_short(0);
    let mark = writer.mark();
    writer.write_byte(1);
    writer.write_raw_bits(1, 1);
    assert!(!writer.patch(mark, |patch| patch.write_short(-1)));
    assert!(writer.has_failed_writes());
    assert_eq!(writer.as_bytes(), [0, 0, 1, 1]);
}

#[test]
fn a_mark_behind_the_end_leaves_no_room() {
    let mut buffer = [0; 16];
    let mut writer = DataStreamWriter::new(&mut buffer);
    writer.write_long(-1);
    writer.write_raw_bits(1, 3);
    let mark = writer.mark();
    writer.clear();
    writer.write_byte(7);
    assert!(!writer.patch(mark, |patch| patch.write_raw_bits(1, 1)));
    assert!(!writer.patch(mark, |patch| patch.write_byte(1)));
    assert_eq!(writer.as_bytes(), [7]);
}

#[test]
fn clearing_forgets_failed_writes() {
    let mut buffer = [0; 1];
    let mut writer = DataStreamWriter::new(&mut buffer);
    assert!(!writer.write_int(1));
    writer.write_raw_bits(1, 1);
    writer.clear();
    assert!(!writer.has_failed_writes());
    assert_eq!(writer.length_in_bits(), 0);
    assert!(writer.write_byte(9));
    assert_eq!(writer.as_bytes(), [9]);
}

#[test]
fn more_than_32_raw_bits_fail_both_ways() {
    let mut buffer = [0; 16];
    let mut writer = DataStreamWriter::new(&mut buffer);
    assert!(!writer.write_raw_bits(0, 33));
    assert!(writer.has_failed_writes());
    assert_eq!(writer.length(), 0);
    let mut reader = DataStreamReader::new(&[0xFF; 16]);
    assert_eq!(reader.read_raw_bits(33), 0);
    assert!(reader.has_failed_reads());
    assert_eq!(reader.check(), Err(ReadError::TooManyBits { bits: 33 }));
    assert_eq!(reader.bits_read(), 0);
}

#[test]
fn a_checked_read_takes_all_or_nothing_and_says_what_was_missing() {
    let mut reader = DataStreamReader::new(&[1, 2, 3]);
    assert_eq!(reader.checked(DataStreamReader::read_byte), Ok(1));
    let error = ReadError::EndOfStream {
        position_bits: 16,
        needed_bits: 32,
        length_bits: 24,
    };
    let both = reader.checked(|r| (r.read_byte(), r.read_uint()));
    assert_eq!(both, Err(error));
    assert_eq!(reader.bytes_read(), 1);
    assert!(reader.has_failed_reads());
    assert_eq!(reader.check(), Err(error));
    assert_eq!(reader.checked(DataStreamReader::read_ushort), Ok(0x0302));
    assert_eq!(reader.check(), Err(error), "the first error stays");
}

#[test]
fn an_oversize_string_is_an_error_where_unity_has_none() {
    let stream = [30, 0, b'a', b'b'];
    let error = ReadError::StringTooLong {
        length: 30,
        capacity: FixedString32::CAPACITY,
    };
    let mut reader = DataStreamReader::new(&stream);
    assert_eq!(reader.read_fixed_string_32(), FixedString32::default());
    assert_eq!(reader.bytes_read(), 2);
    assert!(!reader.has_failed_reads());
    assert_eq!(reader.check(), Err(error));

    let mut reader = DataStreamReader::new(&stream);
    let checked = reader.checked(DataStreamReader::read_fixed_string_32);
    assert_eq!(checked, Err(error));
    assert_eq!(reader.bytes_read(), 0);
    assert!(reader.has_failed_reads());
}

#[test]
fn an_oversize_string_delta_takes_its_length_only() {
    let mut buffer = [0; 64];
    let mut writer = DataStreamWriter::new(&mut buffer);
    writer.write_packed_fixed_string_64_delta("x".repeat(30), "");
    let mut reader = DataStreamReader::new(&buffer);
    let text = reader.read_packed_fixed_string_32_delta("");
    assert_eq!(text.as_bytes(), b"");
    assert_eq!(reader.bits_read(), 10);
    assert!(!reader.has_failed_reads());
    assert!(reader.check().is_err());

    // A negative length is a huge one.
    let mut reader = DataStreamReader::new(&[0x06]);
    let text = reader.read_packed_fixed_string_4096_delta("");
    assert_eq!(text.as_bytes(), b"");
    assert!(reader.check().is_err());
}

#[test]
fn a_failed_delta_read_gives_the_baseline() {
    let mut reader = DataStreamReader::new(&[]);
    assert_eq!(reader.read_packed_uint_delta(7), 7);
    assert_eq!(reader.read_packed_float_delta(1.5), 1.5);
    assert!(reader.has_failed_reads());
}

#[test]
fn a_clone_is_a_cursor_of_its_own() {
    let mut reader = DataStreamReader::new(&[1, 2]);
    assert_eq!(reader.read_byte(), 1);
    let mut clone = reader.clone();
    assert_eq!(clone.read_ushort(), 0);
    assert!(clone.has_failed_reads());
    assert!(!reader.has_failed_reads());
    assert_eq!(reader.read_byte(), 2);
    assert_eq!(clone.bytes_read(), 1);
}

#[test]
fn seeking_drops_pending_bits_and_stays_inside() {
    let mut reader = DataStreamReader::new(&[0xFF, 2, 3]);
    assert_eq!(reader.read_raw_bits(3), 7);
    reader.seek_set(1);
    assert_eq!(reader.bits_read(), 8);
    assert_eq!(reader.read_byte(), 2);
    reader.seek_set(4);
    assert_eq!(reader.bytes_read(), 2);
    assert!(reader.has_failed_reads());
    reader.seek_set(3);
    assert_eq!(reader.bytes_read(), 3);
}

#[test]
fn a_string_shows_its_bytes_escaped() {
    let mut reader = DataStreamReader::new(&[3, 0, b'a', 0xFF, b'"']);
    let text = reader.read_fixed_string_32();
    assert_eq!(format!("{text:?}"), r#""a\xff\"""#);
    assert!(text.to_str().is_err());
}

#[test]
fn a_slice_is_borrowed_whole_or_not_at_all() {
    let bytes = [1, 2, 3];
    let mut reader = DataStreamReader::new(&bytes);
    assert_eq!(reader.read_byte(), 1);
    assert_eq!(reader.read_slice(3), [0_u8; 0]);
    assert!(reader.has_failed_reads());
    let mut reader = DataStreamReader::new(&bytes);
    let (first, rest) = (reader.read_slice(1), reader.read_slice(2));
    assert_eq!((first, rest), (&bytes[..1], &bytes[1..]));
    assert!(!reader.has_failed_reads() && reader.bytes_read() == 3);
}

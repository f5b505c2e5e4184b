//! Data streams as Unity's tests and its source describe them, row by row, and the examples of the
//! format.

use drumfire::stream::{DataStreamReader, DataStreamWriter};
use proptest::prelude::*;

/// Writes with one closure and gives the bytes.
fn written(capacity: usize, write: impl FnOnce(&mut DataStreamWriter<'_>)) -> Vec<u8> {
    let mut buffer = vec![0xCC; capacity];
    let mut writer = DataStreamWriter::new(&mut buffer);
    write(&mut writer);
    assert!(!writer.has_failed_writes());
    writer.as_bytes().to_vec()
}

#[test]
fn f1_reading_past_the_end_gives_zero_and_a_mark() {
    let source = [b'a', b'b', b'c', b'd', b'e', b'f', b'g', b'h', b'i'];
    let stream = written(4, |w| {
        assert!(w.write_bytes(&source[..4]));
    });
    let mut reader = DataStreamReader::new(&stream);
    let mut back = [0; 4];
    assert!(reader.read_bytes(&mut back));
    assert_eq!(back, source[..4]);
    assert!(!reader.has_failed_reads());
    assert_eq!(reader.read_byte(), 0);
    assert!(reader.has_failed_reads());
    assert_eq!(reader.read_long(), 0);
    assert_eq!(reader.read_packed_uint(), 0);
    assert_eq!(reader.bytes_read(), 4);
}

#[test]
fn f2_a_byte_array_comes_back() {
    let source: Vec<u8> = (0..100).collect();
    let stream = written(100, |w| {
        assert!(w.write_bytes(&source));
    });
    let mut back = [0; 100];
    assert!(DataStreamReader::new(&stream).read_bytes(&mut back));
    assert_eq!(&back[..], source);
}

#[test]
fn f3_reading_into_a_part_of_an_array_leaves_the_rest() {
    let source: Vec<u8> = (1..=100).collect();
    let stream = written(100, |w| {
        assert!(w.write_bytes(&source));
    });
    let mut back = [0xEE; 300];
    assert!(DataStreamReader::new(&stream).read_bytes(&mut back[100..200]));
    assert_eq!(&back[100..200], source);
    assert!(back[..100].iter().chain(&back[200..]).all(|b| *b == 0xEE));
}

#[test]
fn f4_a_reader_of_a_slice_begins_at_the_slice() {
    let stream = written(100, |w| {
        for value in 0..100 {
            assert!(w.write_byte(value));
        }
    });
    let mut reader = DataStreamReader::new(&stream[10..30]);
    assert_eq!(reader.length(), 20);
    for value in 10..30 {
        assert_eq!(reader.read_byte(), value);
    }
    assert!(!reader.has_failed_reads());
    assert_eq!(reader.read_byte(), 0);
    assert!(reader.has_failed_reads());
}

#[test]
fn f5_packed_unsigned_numbers_then_an_int_come_back() {
    let values = 2000_u32 - 138..=2000 + 138;
    assert_eq!(values.clone().count(), 277);
    let stream = written(1200, |w| {
        for value in values.clone() {
            assert!(w.write_packed_uint(value));
        }
        assert!(w.write_int(1979));
    });
    let mut reader = DataStreamReader::new(&stream);
    for value in values {
        assert_eq!(reader.read_packed_uint(), value);
    }
    assert_eq!(reader.read_int(), 1979);
    assert!(!reader.has_failed_reads());
}

#[test]
fn f6_packed_signed_numbers_come_back() {
    let stream = written(80, |w| {
        for value in -10..10 {
            assert!(w.write_packed_int(value));
        }
    });
    let mut reader = DataStreamReader::new(&stream);
    for value in -10..10 {
        assert_eq!(reader.read_packed_int(), value);
    }
    assert!(!reader.has_failed_reads());
}

#[test]
fn f7_deferred_writes_land_where_they_were_left_room() {
    let stream = written(1300, |w| {
        let start = w.mark();
        w.write_int(0);
        for value in 2000..2277 {
            w.write_packed_uint(value);
        }
        // The next int pads first, so the mark may be taken inside a byte.
        assert_ne!(w.length_in_bits() % 8, 0);
        let end = w.mark();
        w.write_int(0);
        assert!(w.patch(start, |patch| patch.write_int(1979)));
        assert!(w.patch(end, |patch| patch.write_int(-1979)));
    });
    let mut reader = DataStreamReader::new(&stream);
    assert_eq!(reader.read_int(), 1979);
    for value in 2000..2277 {
        assert_eq!(reader.read_packed_uint(), value);
    }
    assert_eq!(reader.read_int(), -1979);
    assert_eq!(reader.bytes_read(), stream.len());
    assert!(!reader.has_failed_reads());
}

#[test]
fn f8_a_full_writer_refuses_what_does_not_fit_and_takes_what_does() {
    let mut buffer = [0; 9];
    let mut writer = DataStreamWriter::new(&mut buffer);
    assert!(writer.write_int(1));
    assert!(writer.write_int(2));
    assert!(!writer.has_failed_writes());
    assert!(!writer.write_int(3));
    assert_eq!(writer.length(), 8);
    assert!(writer.has_failed_writes());
    assert!(!writer.write_short(4));
    assert_eq!(writer.length(), 8);
    assert!(writer.write_byte(5));
    assert_eq!(writer.length(), 9);
    assert!(!writer.write_byte(6));
    assert!(writer.has_failed_writes());
    assert_eq!(writer.as_bytes(), [1, 0, 0, 0, 2, 0, 0, 0, 5]);
}

macro_rules! plain_string_comes_back {
    ($capacity:literal, $write:ident, $read:ident) => {{
        let longest = "x".repeat($capacity);
        for text in ["", "This is a string", "ö, 世界, 😀", &longest] {
            let stream = written(5000, |w| {
                assert!(w.$write(text));
            });
            let mut reader = DataStreamReader::new(&stream);
            assert_eq!(reader.$read().to_str(), Ok(text));
            assert_eq!(reader.check(), Ok(()));
            assert_eq!(reader.bytes_read(), 2 + text.len());
        }
        let mut buffer = [0; 8192];
        let mut writer = DataStreamWriter::new(&mut buffer);
        assert!(!writer.$write(longest + "x"));
        assert_eq!(writer.length_in_bits(), 0);
        assert!(writer.has_failed_writes());
    }};
}

#[test]
fn f9_fixed_strings_of_every_size_come_back() {
    plain_string_comes_back!(29, write_fixed_string_32, read_fixed_string_32);
    plain_string_comes_back!(61, write_fixed_string_64, read_fixed_string_64);
    plain_string_comes_back!(125, write_fixed_string_128, read_fixed_string_128);
    plain_string_comes_back!(509, write_fixed_string_512, read_fixed_string_512);
    plain_string_comes_back!(4093, write_fixed_string_4096, read_fixed_string_4096);
}

macro_rules! string_delta_comes_back {
    ($capacity:literal, $write:ident, $read:ident) => {{
        let longest = "x".repeat($capacity);
        for text in ["", "This is a string", "ö, 世界, 😀", &longest] {
            for baseline in ["", "This is another thing", "x", &longest] {
                let stream = written(25_000, |w| {
                    assert!(w.$write(text, baseline));
                });
                let mut reader = DataStreamReader::new(&stream);
                assert_eq!(reader.$read(baseline).to_str(), Ok(text));
                assert_eq!(reader.check(), Ok(()));
                assert_eq!(reader.bytes_read(), stream.len());
            }
        }
        let mut buffer = [0; 8192];
        let mut writer = DataStreamWriter::new(&mut buffer);
        let too_long = longest + "x";
        assert!(!writer.$write(&too_long, ""));
        assert!(!writer.$write("", &too_long));
        assert_eq!(writer.length_in_bits(), 0);
        assert!(writer.has_failed_writes());
    }};
}

#[test]
fn f10_fixed_string_deltas_of_every_size_come_back() {
    string_delta_comes_back!(
        29,
        write_packed_fixed_string_32_delta,
        read_packed_fixed_string_32_delta
    );
    string_delta_comes_back!(
        61,
        write_packed_fixed_string_64_delta,
        read_packed_fixed_string_64_delta
    );
    string_delta_comes_back!(
        125,
        write_packed_fixed_string_128_delta,
        read_packed_fixed_string_128_delta
    );
    string_delta_comes_back!(
        509,
        write_packed_fixed_string_512_delta,
        read_packed_fixed_string_512_delta
    );
    string_delta_comes_back!(
        4093,
        write_packed_fixed_string_4096_delta,
        read_packed_fixed_string_4096_delta
    );
}

#[test]
fn f11_raw_bits_of_every_width_mix_with_whole_bytes() {
    let value = |width: u32| 0xDEAD_BEEF_u32 >> (32 - width);
    let stream = written(1000, |w| {
        for width in 1..=32 {
            assert!(w.write_raw_bits(value(width), width));
        }
        for width in 1..=32 {
            assert!(w.write_raw_bits(value(width), width));
            assert!(w.write_ushort(0xAAAA));
            assert_eq!(w.length_in_bits() % 8, 0);
        }
    });
    let mut reader = DataStreamReader::new(&stream);
    for width in 1..=32 {
        assert_eq!(reader.read_raw_bits(width), value(width), "{width} bits");
    }
    for width in 1..=32 {
        assert_eq!(reader.read_raw_bits(width), value(width), "{width} bits");
        assert_eq!(reader.read_ushort(), 0xAAAA);
    }
    assert!(!reader.has_failed_reads());
}

#[test]
fn f12_floats_and_doubles_keep_every_bit() {
    #[rustfmt::skip]
    let floats = [
        0, 0x8000_0000, 1, 0x8000_0001, 0x007F_FFFF, 0x0080_0000, 0x3F80_0000, 0x7F7F_FFFF,
        0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0xFFC0_0000, 0x7F80_0001, 0x7FC0_1234,
    ]
    .map(f32::from_bits);
    #[rustfmt::skip]
    let doubles = [
        0, 1 << 63, 1, 1 << 63 | 1, 0x000F_FFFF_FFFF_FFFF, 0x3FF0_0000_0000_0000,
        0x7FEF_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0000, 0xFFF0_0000_0000_0000,
        0x7FF8_0000_0000_0000, 0xFFF8_0000_0000_0000, 0x7FF0_0000_0000_0001,
    ]
    .map(f64::from_bits);
    let stream = written(1000, |w| {
        floats.iter().for_each(|f| assert!(w.write_float(*f)));
        doubles.iter().for_each(|d| assert!(w.write_double(*d)));
        floats
            .iter()
            .for_each(|f| assert!(w.write_packed_float(*f)));
        doubles
            .iter()
            .for_each(|d| assert!(w.write_packed_double(*d)));
    });
    let mut reader = DataStreamReader::new(&stream);
    for float in floats {
        assert_eq!(reader.read_float().to_bits(), float.to_bits());
    }
    for double in doubles {
        assert_eq!(reader.read_double().to_bits(), double.to_bits());
    }
    // Packed, −0 equals the baseline 0 and becomes it.
    for float in floats {
        let expected = if float == 0.0 { 0 } else { float.to_bits() };
        assert_eq!(reader.read_packed_float().to_bits(), expected);
    }
    for double in doubles {
        let expected = if double == 0.0 { 0 } else { double.to_bits() };
        assert_eq!(reader.read_packed_double().to_bits(), expected);
    }
    assert!(!reader.has_failed_reads());
}

/// Makes one read, chosen and parametrised by a peer.
fn any_read(r: &mut DataStreamReader<'_>, choice: u8, argument: u64) {
    let [a, b, c, d, ..] = argument.to_le_bytes();
    let word = u32::from_le_bytes([a, b, c, d]);
    let text = argument.to_le_bytes();
    match choice % 41 {
        0 => _ = r.read_byte(),
        1 => _ = r.read_bytes(&mut vec![0; a.into()]),
        2 => _ = r.read_short(),
        3 => _ = r.read_ushort(),
        4 => _ = r.read_int(),
        5 => _ = r.read_uint(),
        6 => _ = r.read_long(),
        7 => _ = r.read_ulong(),
        8 => _ = r.read_float(),
        9 => _ = r.read_double(),
        10 => _ = r.read_short_network_byte_order(),
        11 => _ = r.read_ushort_network_byte_order(),
        12 => _ = r.read_int_network_byte_order(),
        13 => _ = r.read_uint_network_byte_order(),
        14 => _ = r.read_raw_bits(word),
        15 => _ = r.read_raw_bits(word % 34),
        16 => _ = r.read_packed_uint(),
        17 => _ = r.read_packed_int(),
        18 => _ = r.read_packed_ulong(),
        19 => _ = r.read_packed_long(),
        20 => _ = r.read_packed_float(),
        21 => _ = r.read_packed_double(),
        22 => _ = r.read_packed_uint_delta(word),
        23 => _ = r.read_packed_int_delta(word.cast_signed()),
        24 => _ = r.read_packed_ulong_delta(argument),
        25 => _ = r.read_packed_long_delta(argument.cast_signed()),
        26 => _ = r.read_packed_float_delta(f32::from_bits(word)),
        27 => _ = r.read_packed_double_delta(f64::from_bits(argument)),
        28 => _ = r.read_fixed_string_32().to_str().is_ok(),
        29 => _ = r.read_fixed_string_64(),
        30 => _ = r.read_fixed_string_128(),
        31 => _ = r.read_fixed_string_512(),
        32 => _ = r.read_fixed_string_4096(),
        33 => _ = r.read_packed_fixed_string_32_delta(text).to_str().is_ok(),
        34 => _ = r.read_packed_fixed_string_64_delta(text),
        35 => _ = r.read_packed_fixed_string_128_delta(text),
        36 => _ = r.read_packed_fixed_string_512_delta(text),
        37 => _ = r.read_packed_fixed_string_4096_delta(text),
        38 => r.flush(),
        39 => r.seek_set(a.into()),
        _ => r.seek_set(usize::try_from(argument).unwrap_or(usize::MAX)),
    }
}

proptest! {
    #[test]
    fn f13_no_bytes_make_a_read_panic_or_go_past_the_end(
        stream in prop::collection::vec(any::<u8>(), 0..200),
        reads in prop::collection::vec((any::<u8>(), any::<u64>(), any::<bool>()), 1..60),
    ) {
        let mut reader = DataStreamReader::new(&stream);
        for (choice, argument, checked) in reads {
            let failed = reader.has_failed_reads();
            if checked {
                let before = reader.bits_read();
                if reader.checked(|r| any_read(r, choice, argument)).is_err() {
                    prop_assert_eq!(reader.bits_read(), before);
                    prop_assert!(reader.has_failed_reads());
                }
            } else {
                any_read(&mut reader, choice, argument);
            }
            prop_assert!(reader.bits_read() <= stream.len() * 8);
            prop_assert!(reader.has_failed_reads() >= failed, "the mark stays");
            prop_assert!(!reader.has_failed_reads() || reader.check().is_err());
        }
    }
}

/// What is written, in how many bits, as which bytes.
type Example = (
    &'static str,
    fn(&mut DataStreamWriter<'_>) -> bool,
    usize,
    &'static [u8],
);

#[rustfmt::skip]
const EXAMPLES: &[Example] = &[
    ("packed uint 0", |w| w.write_packed_uint(0), 2, &[0x00]),
    ("packed uint 1", |w| w.write_packed_uint(1), 3, &[0x02]),
    ("packed uint 2", |w| w.write_packed_uint(2), 4, &[0x06]),
    ("packed uint 3", |w| w.write_packed_uint(3), 4, &[0x0E]),
    ("packed uint 5", |w| w.write_packed_uint(5), 5, &[0x09]),
    ("packed uint 16", |w| w.write_packed_uint(16), 8, &[0x0D]),
    ("packed uint 100", |w| w.write_packed_uint(100), 13, &[0x8B, 0x00]),
    ("packed uint 1000", |w| w.write_packed_uint(1000), 15, &[0x1B, 0x51]),
    ("packed uint 65535", |w| w.write_packed_uint(65535), 24, &[0xF7, 0xA7, 0x1A]),
    ("packed uint 123456789", |w| w.write_packed_uint(123_456_789), 33, &[0x5F, 0xED, 0xCD, 0x8D, 0x01]),
    ("packed uint max", |w| w.write_packed_uint(u32::MAX), 38, &[0xFF, 0xA7, 0xDA, 0xB6, 0x3D]),
    ("packed int -1", |w| w.write_packed_int(-1), 3, &[0x02]),
    ("packed int 1", |w| w.write_packed_int(1), 4, &[0x06]),
    ("packed int 100", |w| w.write_packed_int(100), 13, &[0x0B, 0x0D]),
    ("packed int -100", |w| w.write_packed_int(-100), 13, &[0xEB, 0x0C]),
    ("packed int min", |w| w.write_packed_int(i32::MIN), 38, &[0xFF, 0xA7, 0xDA, 0xB6, 0x3D]),
    ("packed ulong 1", |w| w.write_packed_ulong(1), 5, &[0x02]),
    ("packed ulong 2^32", |w| w.write_packed_ulong(1 << 32), 5, &[0x08]),
    ("packed ulong max", |w| w.write_packed_ulong(u64::MAX), 76,
        &[0xFF, 0xA7, 0xDA, 0xB6, 0xFD, 0xFF, 0xA9, 0xB6, 0x6D, 0x0F]),
    ("packed long -1", |w| w.write_packed_long(-1), 5, &[0x02]),
    ("packed uints 1, 2, 3", |w| (1..=3).all(|v| w.write_packed_uint(v)), 11, &[0x32, 0x07]),
    ("packed uint delta 10 to 7", |w| w.write_packed_uint_delta(10, 7), 5, &[0x09]),
    ("packed uint delta 7 to 10", |w| w.write_packed_uint_delta(7, 10), 5, &[0x11]),
    ("packed float 1", |w| w.write_packed_float(1.0), 33, &[0x01, 0x00, 0x00, 0x7F, 0x00]),
    ("packed float 0", |w| w.write_packed_float(0.0), 1, &[0x00]),
    ("packed double 1", |w| w.write_packed_double(1.0), 65,
        &[0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0xE0, 0x7F, 0x00]),
    ("5 in 3 bits, then a byte", |w| w.write_raw_bits(5, 3) && w.write_byte(0xAA), 16, &[0x05, 0xAA]),
    ("string delta abc to abd", |w| w.write_packed_fixed_string_32_delta("abc", "abd"), 10, &[0x80, 0x01]),
    ("string delta Hi to nothing", |w| w.write_packed_fixed_string_32_delta("Hi", ""), 27,
        &[0x3E, 0xE8, 0x4A, 0x00]),
    ("string Hi", |w| w.write_fixed_string_32("Hi"), 32, &[0x02, 0x00, 0x48, 0x69]),
    ("int 1 in network order", |w| w.write_int_network_byte_order(1), 32, &[0, 0, 0, 1]),
];

#[test]
fn the_examples_of_the_format_are_written_bit_by_bit() {
    for (name, write, bits, bytes) in EXAMPLES {
        let mut buffer = [0xCC; 16];
        let mut writer = DataStreamWriter::new(&mut buffer);
        assert!(write(&mut writer), "{name}");
        assert_eq!(writer.length_in_bits(), *bits, "{name}");
        assert_eq!(writer.as_bytes(), *bytes, "{name}");

        // One byte less is too little, and nothing is written.
        let mut buffer = vec![0xCC; bytes.len() - 1];
        let mut writer = DataStreamWriter::new(&mut buffer);
        assert!(!write(&mut writer), "{name}");
        assert!(writer.has_failed_writes(), "{name}");
    }
}

//! Fields at the front of a slice, and at the end of a vector.
//!
//! A field that is not there is `None`, so no parser built on these can panic. Formats live in the
//! modules beside this one.

/// Splits the first `N` bytes off.
pub(crate) fn split_array<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    Some((*head, rest))
}

/// Splits a little-endian `u16` off.
pub(crate) fn split_u16(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (field, rest) = split_array(bytes)?;
    Some((u16::from_le_bytes(field), rest))
}

/// Appends a little-endian `u16`.
pub(crate) fn push_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_little_endian_and_leave_the_rest() {
        assert_eq!(split_u16(&[0x6D, 0x05, 9]), Some((1389, &[9][..])));
        let mut out = vec![7];
        push_u16(&mut out, 1389);
        assert_eq!(out, [7, 0x6D, 0x05]);
    }

    #[test]
    fn a_missing_field_is_none() {
        assert_eq!(split_u16(&[1]), None);
        assert_eq!(split_array::<1>(&[]), None);
    }
}

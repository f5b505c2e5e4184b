//! The mark of reliable stages that Unity Transport does not have.
//!
//! It stands in front of a reliable header, and no stock reliable stage takes it for one: its second
//! byte is where a stock stage reads the length of the mask, and is never a length that stage allows.
//! So a peer that created the wrong stage drops every packet, and counts it.

use super::reliable::MaskClass;

/// What a reliable stage promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Every message once, in order: Unity's stage, without a mark.
    Ordered,
    /// Every message once, as soon as it arrives.
    Unordered,
    /// The newest message, and none that is older than one delivered.
    Latest,
}

impl Delivery {
    /// How far a number may be ahead where only the latest counts: a quarter of what its 16 bits tell
    /// apart.
    pub const REACH: i64 = 1 << 14;

    /// Bytes of the mark.
    pub fn mark_len(self) -> usize {
        match self {
            Self::Ordered => 0,
            Self::Unordered | Self::Latest => 2,
        }
    }

    /// The mark of a stage whose window is of that class; none where there is none.
    ///
    /// ```text
    ///  0          1       2
    /// | delivery | guard | reliable header …
    ///   u8         u8
    /// ```
    ///
    /// Delivery is 2 for unordered, 3 for latest. The guard is 255 for windows up to 64, whose stock
    /// stage expects 0 there, and 0 for larger ones, whose stock stage expects 1 to 255.
    pub fn mark(self, class: MaskClass) -> Option<[u8; 2]> {
        let delivery = match self {
            Self::Ordered => return None,
            Self::Unordered => 2,
            Self::Latest => 3,
        };
        let guard = match class {
            MaskClass::Four | MaskClass::Eight => 255,
            MaskClass::Explicit => 0,
        };
        Some([delivery, guard])
    }

    /// What stands behind the mark; none if it is not this one.
    pub fn open(self, class: MaskClass, bytes: &[u8]) -> Option<&[u8]> {
        match self.mark(class) {
            Some(mark) => bytes.strip_prefix(&mark),
            None => Some(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::reliable::ReliableRepr;

    #[test]
    fn no_stage_takes_anothers_packets() {
        let all = [Delivery::Ordered, Delivery::Unordered, Delivery::Latest];
        for window in [32, 64, 256, 2_040] {
            let class = MaskClass::of(window);
            for (sender, receiver) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
                let guard = u8::from(class == MaskClass::Explicit);
                let mut packet = sender.mark(class).unwrap_or_default().to_vec();
                packet.truncate(sender.mark_len());
                packet.extend_from_slice(&[0, guard]);
                packet.extend_from_slice(&[0; 300]);
                let header = receiver
                    .open(class, &packet)
                    .filter(|rest| ReliableRepr::parse(rest, class).is_ok());
                assert_eq!(
                    header.is_some(),
                    sender == receiver,
                    "{sender:?} {receiver:?}"
                );
            }
        }
    }
}

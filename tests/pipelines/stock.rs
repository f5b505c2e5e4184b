//! A model of the stock reliable receiver, with what stalls it, and our sender in bad weather before
//! it: everything arrives in order, whatever is lost on the way.
//!
//! The model is written from the description of Unity Transport's stage alone and shares no code with
//! ours. Of the versions 2.2.0 to 2.5.3 it has the shift by 64 that leaves the mask as it was.

use std::collections::HashMap;
use std::time::Duration;

use drumfire::id::StageId::ReliableSequenced;
use drumfire::interface::Conditions;

use crate::raw::{Raw, Reliable};
use crate::send;
use crate::support::{Net, World, ms, settings};

/// Which releases a receiver is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    /// 2.2.0 to 2.5.3.
    Old,
    /// 2.6.0 and later.
    Recent,
}

/// A stock receiver with a window of at most 64.
#[derive(Debug)]
struct StockReceiver {
    release: Release,
    window: i64,
    /// How often the top two bits of a number have advanced.
    cycle: i64,
    newest: i64,
    delivered: i64,
    /// Bit i: `newest − i` has arrived.
    mask: u64,
    /// By number modulo the window: a number that comes a window later takes the place.
    slots: HashMap<i64, (i64, Vec<u8>)>,
    duplicates: u32,
    has_news: bool,
    messages: Vec<Vec<u8>>,
}

impl StockReceiver {
    fn new(release: Release, window: i64) -> Self {
        Self {
            release,
            window,
            cycle: 0,
            newest: -1,
            delivered: -1,
            mask: match release {
                Release::Old => 0,
                Release::Recent => u64::MAX,
            },
            slots: HashMap::new(),
            duplicates: 0,
            has_news: false,
            messages: Vec::new(),
        }
    }

    fn widen(&mut self, id: u16) -> Option<i64> {
        let (quarter, low) = (i64::from(id >> 14), i64::from(id & 0x3FFF));
        if quarter == (self.cycle + 1) % 4 {
            self.cycle += 1;
        } else if quarter == (self.cycle + 3) % 4 {
            return Some((self.cycle - 1) << 14 | low);
        } else if quarter != self.cycle % 4 {
            return None;
        }
        Some(self.cycle << 14 | low)
    }

    fn receive(&mut self, packet: &Reliable<'_>) {
        if packet.kind == 1 {
            return;
        }
        let Some(number) = self.widen(packet.sequence) else {
            return;
        };
        let ahead = number - self.newest;
        if ahead <= -self.window || ahead > self.window {
            return;
        }
        if ahead > 0 {
            let by = u32::try_from(ahead).unwrap();
            self.mask = match self.release {
                // .NET shifts by the low six bits of the distance.
                Release::Old => self.mask.wrapping_shl(by),
                Release::Recent => self.mask.checked_shl(by).unwrap_or(0),
            } | 1;
            self.newest = number;
        } else if self.mask >> -ahead & 1 == 1 {
            self.duplicates += 1;
            return;
        } else {
            self.mask |= 1 << -ahead;
        }
        self.has_news = true;
        let place = number % self.window;
        self.slots.insert(place, (number, packet.payload.to_vec()));
        while let Some((_, message)) = self
            .slots
            .get(&((self.delivered + 1) % self.window))
            .filter(|(number, _)| *number == self.delivered + 1)
        {
            self.messages.push(message.clone());
            self.delivered += 1;
        }
    }

    /// What it sends with its next update.
    fn ack(&mut self, mask_len: usize) -> Option<Vec<u8>> {
        if !self.has_news && self.duplicates < 3 {
            return None;
        }
        (self.has_news, self.duplicates) = (false, 0);
        let mask = self.mask.to_le_bytes();
        let ack = Reliable {
            processing_time: 32,
            mask: &mask[..mask_len],
            ..Reliable::ack(u16::try_from(self.newest & 0xFFFF).unwrap())
        };
        Some(ack.body())
    }
}

/// Sends `count` messages through bad weather to a stock receiver.
fn talk(seed: u64, release: Release, window: u16, count: u32) {
    let mask_len = if window > 32 { 8 } else { 4 };
    let server = settings()
        .disconnect_timeout(Duration::ZERO)
        .reliable_stall_timeout(Duration::ZERO)
        .reliable_window_size(window);
    let mut world = World::on(
        Net::rough(seed, Conditions::default()),
        0,
        server,
        settings(),
    );
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let raw = Raw::connect(&mut world);
    world.net.weather().set_conditions(Conditions {
        loss: 0.25,
        duplication: 0.10,
        reordering: 0.10,
        reorder_by: ms(60),
        jitter: ms(40),
        ..Conditions::default()
    });
    let mut receiver = StockReceiver::new(release, i64::from(window));
    let mut sent = 0_u32;
    for tick in 0_u32.. {
        assert!(
            tick < 400 * count,
            "seed {seed}: stalled behind {} of {count}, {release:?} at {window}",
            receiver.delivered
        );
        while sent < count
            && send(
                &mut world.server,
                pipeline,
                raw.connection,
                &sent.to_le_bytes(),
            )
            .is_ok()
        {
            sent += 1;
        }
        world.tick();
        // Its frames are of 32 ms, and an ack leaves one of them after what it acknowledges.
        if tick % 2 == 0 {
            if let Some(ack) = receiver.ack(mask_len) {
                raw.send(pipeline, &ack);
            }
            for body in raw.bodies() {
                receiver.receive(&Reliable::read(&body, mask_len));
            }
        }
        if receiver.messages.len() == count as usize {
            break;
        }
    }
    let numbers = receiver
        .messages
        .iter()
        .map(|message| u32::from_le_bytes(message.first_chunk().copied().unwrap()));
    assert!(numbers.eq(0..count), "seed {seed}");
}

#[test]
fn stock_receivers_of_every_release_get_everything_in_order() {
    for seed in 1..=20 {
        for (release, window) in [
            (Release::Recent, 32),
            (Release::Recent, 64),
            (Release::Old, 32),
            (Release::Old, 64),
        ] {
            talk(seed, release, window, 300);
        }
    }
}

#[test]
fn a_stock_receiver_gets_everything_across_the_wrap() {
    talk(1, Release::Recent, 64, 66_000);
}

//! One shard's job: stages 3 to 5, back to back, while its data is in the cache.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::shard::Shard;
use super::site::{Mode, Site};
use super::timing::Stopwatch;
use super::{decrypt, process, seal, send, serve};
use crate::buffer::desk::Desk;
use crate::counters::DropReason;

/// One shard's work in one slice. It comes back as it went, without the site.
#[derive(Debug)]
pub(crate) struct Work {
    pub(super) shard: Box<Shard>,
    pub(super) desk: Desk,
    pub(super) site: Option<Arc<Site>>,
    pub(super) mode: Mode,
}

/// Does the work, timed in the shard.
pub(crate) fn run(mut work: Work) -> Work {
    let Some(site) = work.site.take() else {
        return work;
    };
    let Work {
        shard, desk, mode, ..
    } = &mut work;
    let mut watch = Stopwatch::start();
    process(shard, desk, &site, *mode, &mut watch);
    watch.lap(&mut shard.times.process);
    if *mode != Mode::Slice {
        if catch_unwind(AssertUnwindSafe(|| send::send(shard, desk, &site))).is_err() {
            // The interface panicked: what it was to send is lost, the connections are not.
            shard.inward.drops.count(DropReason::InternalError);
            send::abandon(shard, desk);
        }
        watch.lap(&mut shard.times.send);
    }
    work
}

/// Stages 3 and 4. A panic in them ends the connection that was being worked on, and no other.
pub(super) fn process(
    shard: &mut Shard,
    desk: &mut Desk,
    site: &Site,
    mode: Mode,
    watch: &mut Stopwatch,
) {
    while catch_unwind(AssertUnwindSafe(|| {
        run_stages(shard, desk, site, mode, watch);
    }))
    .is_err()
    {
        shard.inward.drops.count(DropReason::InternalError);
        if shard.current.is_none() {
            break;
        }
        process::end_interrupted_lane(shard, desk);
    }
}

fn run_stages(shard: &mut Shard, desk: &mut Desk, site: &Site, mode: Mode, watch: &mut Stopwatch) {
    if mode != Mode::Slice {
        let impatient = !shard.patient;
        serve::write(shard, desk, site, impatient);
    }
    if !shard.runs.is_empty() && mode != Mode::Early {
        if !shard.guards.is_empty() {
            watch.lap(&mut shard.times.process);
            decrypt::decrypt(shard, site);
            watch.lap(&mut shard.times.decrypt);
        }
        process::handle_packets(shard, desk, site);
    }
    if matches!(mode, Mode::Last | Mode::Flush) {
        serve::write(shard, desk, site, !0);
        serve::settle(shard, desk, site, mode);
    }
    if mode != Mode::Slice {
        seal::seal(shard, desk);
    }
}

//! One shard's job: stages 3 to 5, back to back, while its data is in the cache.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::shard::Shard;
use super::site::{Mode, Site};
use super::timing::Stopwatch;
use super::{decrypt, process, send};
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

/// Does the work. A panic in it ends the connection that was being worked on, and no other.
pub(crate) fn run(mut work: Work) -> Work {
    let Some(site) = work.site.take() else {
        return work;
    };
    let Work {
        shard, desk, mode, ..
    } = &mut work;
    while catch_unwind(AssertUnwindSafe(|| run_stages(shard, desk, &site, *mode))).is_err() {
        shard.inward.drops.count(DropReason::InternalError);
        if shard.current.is_none() {
            // The interface panicked: what it was to send is lost, the connections are not.
            send::abandon(shard, desk);
            break;
        }
        process::end_interrupted_lane(shard, desk);
    }
    work
}

fn run_stages(shard: &mut Shard, desk: &mut Desk, site: &Site, mode: Mode) {
    let mut watch = Stopwatch::start();
    if !shard.runs.is_empty() {
        decrypt::decrypt(shard, site);
        watch.lap(&mut shard.times.decrypt);
        process::handle_packets(shard, desk, site);
    }
    if mode == Mode::Slice {
        watch.lap(&mut shard.times.process);
        return;
    }
    process::serve(shard, desk, site, mode);
    watch.lap(&mut shard.times.process);
    send::send(shard, desk, site);
}

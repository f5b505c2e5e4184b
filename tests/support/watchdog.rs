//! The watchdog: a deadlock fails the tests instead of hanging them.
//!
//! The test program names a test that runs for more than a minute by itself; this ends it.

use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// No update of any driver takes longer, nor does any test between two of them.
const PATIENCE: Duration = Duration::from_secs(90);

/// Says that something still moves. The first call sets the dog on watch.
#[expect(
    clippy::print_stderr,
    reason = "the process ends here: nobody else can tell why"
)]
pub(crate) fn pat() {
    static DOG: OnceLock<SyncSender<()>> = OnceLock::new();
    let dog = DOG.get_or_init(|| {
        let (pat, watch) = sync_channel(1);
        std::thread::spawn(move || {
            while watch.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {}
            eprintln!("no driver was updated for {PATIENCE:?}: a deadlock");
            std::process::abort();
        });
        pat
    });
    // A pat that is waiting to be noticed is as good as another.
    let _ = dog.try_send(());
}

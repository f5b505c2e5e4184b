//! The watchdog: a deadlock fails the tests instead of hanging them.
//!
//! The test program names a test that runs for more than a minute by itself; this ends it.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// No update of any driver takes longer, nor does any test between two of them.
const PATIENCE: Duration = Duration::from_secs(90);

/// Says that something still moves. The first call sets the dog on watch.
///
/// It is called after every update, so it only counts, and wakes nobody.
pub(crate) fn pat() {
    static DOG: Once = Once::new();
    // Publishes nothing: that the number changes is all the dog looks at.
    static PATS: AtomicU64 = AtomicU64::new(0);
    PATS.fetch_add(1, Relaxed);
    DOG.call_once(|| {
        std::thread::spawn(|| watch(&PATS));
    });
}

#[expect(
    clippy::print_stderr,
    reason = "the process ends here: nobody else can tell why"
)]
fn watch(pats: &AtomicU64) {
    let mut seen = 0;
    loop {
        std::thread::park_timeout(PATIENCE);
        let last = std::mem::replace(&mut seen, pats.load(Relaxed));
        if last == seen {
            eprintln!("no driver was updated for {PATIENCE:?}: a deadlock");
            std::process::abort();
        }
    }
}

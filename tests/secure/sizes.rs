//! Messages as large as they may be (N11).

use drumfire::NetworkDriver;
use drumfire::counters::DropReason;
use drumfire::id::NetworkPipeline;
use drumfire::settings::SuitePreference;

use crate::identities::{builder, client, secure_server};
use crate::support::{Event, SERVER, World, pattern};

/// Every size up to the largest arrives whole, in both directions, and no datagram is too long.
fn fill(preference: SuitePreference) -> &'static str {
    let server = builder().secure_server(secure_server().suites(preference));
    let mut world = World::with(1, server, client());
    let (ours, theirs) = world.connect(0);
    // The size of the path is found out meanwhile, where that is asked for.
    world.run(100);
    let suite = world.server.driver.cipher_suite(theirs).unwrap();
    assert_eq!(world.clients[0].driver.cipher_suite(ours), Some(suite));
    // 1400, less the record, a header of nine bytes and the pipeline's id. The record takes 29 bytes
    // with ChaCha20-Poly1305, and 8 more with AES-GCM.
    let most = if suite.contains("GCM") { 1_353 } else { 1_361 };
    let plain = NetworkPipeline::NULL;
    assert_eq!(
        world.clients[0].driver.max_payload(plain, ours).unwrap(),
        most
    );
    assert_eq!(
        world.server.driver.max_payload(plain, theirs).unwrap(),
        most
    );

    let dropped = |world: &World| {
        let total = |driver: &NetworkDriver| driver.statistics().sent.drops.total();
        (total(&world.clients[0].driver), total(&world.server.driver))
    };
    let before = dropped(&world);
    let tap = world.net.tap();
    for len in [1, most - 8, most - 1, most] {
        let message = pattern(len);
        world.clients[0].send(ours, &message).unwrap();
        world.server.send(theirs, &message).unwrap();
        world.run(2);
        assert_eq!(world.server.events_of(theirs), [Event::data(&message)]);
        assert_eq!(world.clients[0].events_of(ours), [Event::data(&message)]);
    }
    let all = tap.take();
    for of_server in [false, true] {
        let sizes = all.iter().filter(|one| (one.from == SERVER) == of_server);
        assert_eq!(sizes.map(|one| one.bytes.len()).max(), Some(1_400));
    }
    for driver in [&world.clients[0].driver, &world.server.driver] {
        let statistics = driver.statistics();
        assert_eq!(statistics.sent.drops.get(DropReason::TooLong), 0);
        assert_eq!(statistics.inward.drops.get(DropReason::Oversize), 0);
    }
    assert_eq!(dropped(&world), before);
    // One byte more finds no room.
    let guard = world.clients[0].driver.begin_send(plain, ours).unwrap();
    assert_eq!(guard.capacity(), most);
    guard.abort_send();
    suite
}

#[test]
fn n11_the_largest_packets_fit_over_chacha20() {
    let suite = fill(SuitePreference::ChaCha20First);
    assert!(suite.contains("CHACHA20"), "{suite}");
}

#[test]
fn n11_the_largest_packets_fit_over_what_the_client_prefers() {
    // AES-256-GCM on processors that have instructions for it.
    let suite = fill(SuitePreference::AsOffered);
    #[cfg(target_arch = "x86_64")]
    assert_eq!(
        suite.contains("GCM"),
        std::is_x86_feature_detected!("aes"),
        "{suite}"
    );
    #[cfg(not(target_arch = "x86_64"))]
    assert!(
        suite.contains("GCM") || suite.contains("CHACHA20"),
        "{suite}"
    );
}

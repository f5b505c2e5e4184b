//! Handshakes in bad weather: nearly all complete soon, and none is given up.
//!
//! `DRUMFIRE_FULL=1 cargo test --release --test secure weather` makes 2,000 at each rate of
//! loss: at 30 % with 20 % duplication, 1,998 were done within 30 seconds of virtual time.

use drumfire::driver::HandshakeStatistics;
use drumfire::interface::Conditions;
use drumfire::{NetworkConnection, NetworkEndpoint};

use crate::identities::{client, server};
use crate::scaled;
use crate::support::{Event, Net, SERVER, World, ms};

/// Handshakes that were begun, and those that are done within 30 seconds.
fn completed(handshakes: usize, loss: f64, size: usize) -> usize {
    let conditions = Conditions {
        loss,
        duplication: 0.20,
        reordering: 0.10,
        reorder_by: ms(60),
        delay: ms(10),
        jitter: ms(30),
        ..Conditions::default()
    };
    let at_a_time = 250;
    let mut completed = 0;
    for (round, first) in (0..handshakes).step_by(at_a_time).enumerate() {
        let clients = at_a_time.min(handshakes - first);
        let seed = u64::try_from(round * 2_000 + size).unwrap();
        let mut world = World::on(
            Net::rough(seed, conditions),
            clients,
            server().max_message_size(size),
            client().max_message_size(size),
        );
        let mut connecting: Vec<(usize, NetworkConnection)> = (0..clients)
            .map(|index| (index, world.start(index)))
            .collect();
        for _ in 0..30_000 / 16 {
            world.tick();
            world.server.accept_all();
            connecting.retain(|(index, connection)| {
                let events = world.clients[*index].events_of(*connection);
                assert!(
                    events.iter().all(|event| *event == Event::Connect(vec![])),
                    "{events:?}"
                );
                events.is_empty()
            });
            if connecting.is_empty() {
                break;
            }
        }
        completed += clients - connecting.len();
        assert!(world.net.tally().conserves());
    }
    completed
}

/// Largest datagrams of both sides.
const SIZES: [usize; 4] = [200, 300, 576, 1_400];

#[test]
fn handshakes_complete_in_bad_weather() {
    let each = scaled(500, 50);
    for size in SIZES {
        let done = completed(each, 0.30, size);
        assert!(
            done + 1 + each / 250 >= each,
            "{done} of {each} at {size} bytes"
        );
        let done = completed(each, 0.10, size);
        assert_eq!(done, each, "of {each} at {size} bytes and 10 % loss");
    }
}

/// A client whose handshake has ended well for the server, and who does not know: the last flight is
/// lost. Its address, and its connection.
fn missed_the_last_flight() -> (World, NetworkEndpoint, NetworkConnection) {
    let net = Net::rough(1, Conditions::default());
    let mut world = World::on(net, 1, server(), client());
    let tap = world.net.tap();
    let ours = world.start(0);
    world.drive_until(100, |world| handshakes(world).signatures == 1);
    let place = tap.take()[0].from;
    world.net.weather().cut(&SERVER, &place);
    world.drive_until(100, |world| handshakes(world).completed == 1);
    assert_eq!(world.server.driver.statistics().connections, 1);
    (world, place, ours)
}

fn handshakes(world: &World) -> HandshakeStatistics {
    world.server.driver.statistics().handshakes
}

/// Its requests for the end of the handshake come after pauses that double, and some are lost as well.
#[test]
fn a_client_that_asks_for_the_last_flight_is_waited_for() {
    let (mut world, place, ours) = missed_the_last_flight();
    // The answer to its first request is lost, then nothing comes through for twenty seconds.
    world.run(100);
    world.net.weather().isolate(&place);
    world.run(20_000 / 16);
    world.net.weather().heal();
    let ticks = world.drive_until(200, |world| !world.clients[0].events_of(ours).is_empty());
    assert!(ticks <= 2_500 / 16, "{ticks} ticks");
    assert_eq!(handshakes(&world).completed, 1);
}

#[test]
fn a_client_that_asks_for_nothing_is_given_up_after_ten_seconds() {
    let (mut world, place, _) = missed_the_last_flight();
    world.net.weather().isolate(&place);
    world.run(9_900 / 16);
    assert_eq!(world.server.driver.statistics().connections, 1);
    world.run(200 / 16);
    assert_eq!(world.server.driver.statistics().connections, 0);
}
